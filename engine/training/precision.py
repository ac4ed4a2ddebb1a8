"""Mixed precision: forward and backward in half precision, weights and steps in float32, and a scaled loss."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import backend
from ..autograd.base import is_grad_enabled, written
from ..autograd.fp_errors import ignore_fp_errors, restore_fp_errors
from ..errors import ConfigError
from ..nn import Module
from ..optim import Optimizer
from ..optim.clip import grad_norm, scale_all
from ..states import count, positive, read_state

if TYPE_CHECKING:
    from .._tensor import Tensor


class GradScaler:
    """Multiply the loss, so that small gradients do not vanish in half precision, and divide the gradients again.

    A step is left out if a gradient is not finite, and the factor is multiplied by ``backoff_factor``; after
    ``growth_interval`` steps in a row with finite gradients it is multiplied by ``growth_factor``.

    Parameters
    ----------
    init_scale : float
        The first factor.
    growth_factor : float
        By what the factor grows, above 1.
    backoff_factor : float
        By what it is reduced, between 0 and 1.
    growth_interval : int
        After how many steps it grows.
    enabled : bool
        Whether the loss is scaled at all.

    Attributes
    ----------
    factor : float
        The current factor of the loss.
    skipped : int
        The number of steps that were left out.

    References
    ----------
    Micikevicius et al., 2018, arXiv:1710.03740.

    Examples
    --------
    >>> w = dl.asarray([1.0]).requires_grad_()
    >>> optimizer = dl.optim.SGD([w], lr=0.5)
    >>> scaler = dl.training.GradScaler(init_scale=8.0)
    >>> scaler.scale(dl.sum(w * w)).backward()
    >>> w.grad.tolist()
    [16.0]
    >>> scaler.step(optimizer)
    True
    >>> scaler.update()
    >>> w.tolist()
    [0.0]
    """

    def __init__(
        self,
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        if not growth_factor > 1 or not 0 < backoff_factor < 1:
            raise ConfigError(f"GradScaler: growth_factor > 1 > backoff_factor > 0, got {growth_factor} and {backoff_factor}")
        self.growth_factor, self.backoff_factor, self.growth_interval = growth_factor, backoff_factor, growth_interval
        self.enabled, self.factor = enabled, init_scale
        self.good = 0
        self.skipped = 0
        self._bad = False
        self._unscaled: set[int] = set()

    def scale(self, loss: Tensor) -> Tensor:
        """Multiply a loss by the factor.

        Parameters
        ----------
        loss : Tensor
            The loss.

        Returns
        -------
        Tensor
            The loss to call ``backward`` on.
        """
        return loss * self.factor if self.enabled else loss

    def unscale_(self, optimizer: Optimizer) -> None:
        """Divide the gradients of an optimizer's parameters by the factor, once before each step.

        It is called before gradients are clipped; otherwise ``step`` does it.

        Parameters
        ----------
        optimizer : Optimizer
            The optimizer.
        """
        if not self.enabled or id(optimizer) in self._unscaled:
            return
        self._unscaled.add(id(optimizer))
        grads = [p.grad for g in optimizer.param_groups for p in g["params"] if p.grad is not None]
        arrays = [g.array for g in grads]
        token = ignore_fp_errors()
        try:
            scale_all(arrays, 1.0 / self.factor)
            for g in grads:
                written(g)
            # One look at the device's memory. Finite gradients whose squares overflow are rare, and get a second one.
            self._bad = self._bad or not (isfinite(grad_norm(arrays)) or isfinite(grad_norm(arrays, float("inf"))))
        finally:
            restore_fp_errors(token)

    def step(self, optimizer: Optimizer) -> bool:
        """Let an optimizer step unless a gradient is not finite.

        Parameters
        ----------
        optimizer : Optimizer
            The optimizer.

        Returns
        -------
        bool
            Whether it stepped.
        """
        self.unscale_(optimizer)
        if self.enabled and self._bad:
            return False
        optimizer.step()
        return True

    def update(self) -> None:
        """Adapt the factor, after the steps of a batch."""
        self._unscaled.clear()
        if self._bad:
            self.factor, self.good, self._bad = self.factor * self.backoff_factor, 0, False
            self.skipped += 1
        elif self.enabled:
            self.good += 1
            if self.good == self.growth_interval:
                self.factor, self.good = self.factor * self.growth_factor, 0

    def state_dict(self) -> dict[str, Any]:
        """Return the factor and the counts that decide when it changes.

        Returns
        -------
        dict
            What ``load_state_dict`` takes.
        """
        return {"factor": self.factor, "good": self.good, "skipped": self.skipped}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Continue from a ``state_dict()``.

        Parameters
        ----------
        state_dict : dict
            The state.

        Raises
        ------
        CheckpointError
            If the state does not fit.
        """
        readers = {"factor": positive, "good": count, "skipped": count}
        self.factor, self.good, self.skipped = read_state("GradScaler", "a scaler", state_dict, readers)


class MixedPrecision:
    """Run a model in half precision, while its parameters stay float32, and scale the loss.

    Called like the model. The outputs are float32, so that the loss is computed in float32. Buffers keep their dtype.

    Parameters
    ----------
    model : Module
        The model.
    dtype : str
        "float16", or "bfloat16", which has float32's range, so that no loss need be scaled.
    enabled : bool or None
        Whether it is on; None is on a GPU only, since a CPU computes float16 in float32 and gains nothing.
    scaler : GradScaler or None
        What scales the loss; None makes one for float16, and for bfloat16 one that is off.

    Examples
    --------
    >>> model = dl.nn.Linear(2, 1)
    >>> mixed = dl.training.MixedPrecision(model, enabled=True)
    >>> mixed(dl.ones((4, 2))).dtype
    dtype('float32')
    >>> with mixed.halved():
    ...     print(model.weight.dtype)
    float16
    """

    def __init__(
        self, model: Module, dtype: str = "float16", enabled: bool | None = None, scaler: GradScaler | None = None
    ) -> None:
        if dtype not in ("float16", "bfloat16"):
            raise ConfigError(f"MixedPrecision: dtype must be float16 or bfloat16, got {dtype!r}")
        self.model, self.dtype = model, np.dtype(backend.known(dtype))
        first = next(model.parameters(), None)
        self.device = backend.default_device() if first is None else first.device
        self.enabled = self.device != "cpu" if enabled is None else enabled
        self.scaler = GradScaler(enabled=self.enabled and dtype == "float16") if scaler is None else scaler
        self._kept: dict[int, tuple[Tensor, int, Tensor]] = {}  # of evaluations: parameter, its version, and what it is in half

    def describe(self) -> str:
        """Describe the setting in one line.

        Returns
        -------
        str
            Whether mixed precision is on, on which device, and the factor of the loss.
        """
        if self.enabled:
            scaled = f"loss scaled by {self.scaler.factor:g}" if self.scaler.enabled else "loss as it is"
            return f"mixed precision: {self.dtype} on {self.device}, weights in float32, {scaled}"
        return f"mixed precision: off, everything in the model's own dtype; {self.device} computes half precision no faster"

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        """Run the model on its inputs."""
        if not self.enabled:
            return self.model(*inputs, **options)
        with self.halved():
            return _cast(self.model(*_cast(inputs, self.dtype)), np.dtype("float32"))

    def _half(self, p: Tensor) -> Tensor:
        """A parameter in half precision. Where no gradient is recorded it is kept until the parameter is written to."""
        if is_grad_enabled():
            self._kept.clear()
            return p.astype(self.dtype)
        found = self._kept.get(id(p))
        if found is None or found[0] is not p or found[1] != p.version[0]:
            found = self._kept[id(p)] = (p, p.version[0], p.astype(self.dtype))
        return found[2]

    @contextmanager
    def halved(self) -> Iterator[None]:
        """Replace the float32 parameters of the model by half-precision tensors computed from them, within a block.

        Yields
        ------
        None
            The parameters are float32 again after the block.
        """
        made: dict[int, Tensor] = {}
        held: list[tuple[Module, str, Tensor]] = []
        try:
            for module in self.model.modules():
                for name, p in tuple(module.named_parameters(recurse=False)):
                    if p.dtype == np.float32:
                        if id(p) not in made:
                            made[id(p)] = self._half(p)
                        held.append((module, name, p))
                        module.__dict__[name] = made[id(p)]  # without __setattr__, which refuses to replace a parameter
            yield
        finally:
            for module, name, parameter in held:
                module.__dict__[name] = parameter


def _cast(value: Any, dtype: np.dtype[Any]) -> Any:
    """Cast the floating tensors in a nest of tuples, lists and dicts."""
    if isinstance(value, (tuple, list)):
        return type(value)(_cast(v, dtype) for v in value)
    if isinstance(value, dict):
        return {k: _cast(v, dtype) for k, v in value.items()}
    if hasattr(value, "astype") and value.dtype.kind in "fV" and value.dtype.itemsize < 8:
        return value.astype(dtype)
    return value
