"""Mixed precision: forward and backward in half precision, weights and steps in float32, and the loss scaled in between."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from .. import backend
from ..autograd.base import written
from ..autograd.quiet import quiet, unquiet
from ..errors import ConfigError
from ..nn import Module
from ..optim import Optimizer
from ..optim.clip import grad_norm
from ..states import count, positive, read_state


class GradScaler:
    """Multiplies the loss, so that small gradients do not vanish in half precision, and divides the gradients again.

    A step whose gradients are not finite is left out and the scale goes down by backoff_factor; after growth_interval steps
    in a row without one it goes up by growth_factor. Use: scale(loss).backward(); step(optimizer); update().
    Source: Micikevicius et al. 2018, arXiv:1710.03740.
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

    def scale(self, loss: Any) -> Any:
        """The loss to call backward on."""
        return loss * self.factor if self.enabled else loss

    def unscale_(self, optimizer: Optimizer) -> None:
        """Divide the gradients of an optimizer's parameters, once before each step: for clipping; step() does it otherwise."""
        if not self.enabled or id(optimizer) in self._unscaled:
            return
        self._unscaled.add(id(optimizer))
        grads = [p._grad for g in optimizer.param_groups for p in g["params"] if p._grad is not None]
        arrays = [g._array for g in grads]
        token = quiet()
        try:
            for a in arrays:
                a[...] = a * (1.0 / self.factor)
            for g in grads:
                written(g)
            self._bad = self._bad or not np.isfinite(float(grad_norm(arrays, float("inf"))))
        finally:
            unquiet(token)

    def step(self, optimizer: Optimizer) -> bool:
        """Let the optimizer step unless a gradient is not finite; returns whether it did."""
        self.unscale_(optimizer)
        if self.enabled and self._bad:
            return False
        optimizer.step()
        return True

    def update(self) -> None:
        """After the steps of a batch: adapt the scale."""
        self._unscaled.clear()
        if self._bad:
            self.factor, self.good, self._bad = self.factor * self.backoff_factor, 0, False
            self.skipped += 1
        elif self.enabled:
            self.good += 1
            if self.good == self.growth_interval:
                self.factor, self.good = self.factor * self.growth_factor, 0

    def state_dict(self) -> dict[str, Any]:
        """The scale and what decides about the next."""
        return {"factor": self.factor, "good": self.good, "skipped": self.skipped}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Continue from a state_dict(). Raises CheckpointError."""
        readers = {"factor": positive, "good": count, "skipped": count}
        self.factor, self.good, self.skipped = read_state("GradScaler", "a scaler", state_dict, readers)


class MixedPrecision:
    """Runs a model in half precision while its parameters stay float32, and scales the loss.

    dtype: float16. enabled: by default on a GPU only, since a CPU computes float16 in float32 and gains nothing; describe()
    says which. outputs come back as float32, so that the loss is computed in it. Buffers keep their dtype.
    """

    def __init__(
        self, model: Module, dtype: str = "float16", enabled: bool | None = None, scaler: GradScaler | None = None
    ) -> None:
        if dtype != "float16":
            raise ConfigError(f"MixedPrecision: dtype must be float16, got {dtype!r}")
        self.model, self.dtype = model, np.dtype(dtype)
        first = next(model.parameters(), None)
        self.device = backend.default_device() if first is None else first.device
        self.enabled = self.device != "cpu" if enabled is None else enabled
        self.scaler = GradScaler(enabled=self.enabled) if scaler is None else scaler

    def describe(self) -> str:
        """What it does here, in one line."""
        if self.enabled:
            return f"mixed precision: {self.dtype} on {self.device}, weights in float32, loss scaled by {self.scaler.factor:g}"
        return f"mixed precision: off, everything in the model's own dtype; {self.device} computes half precision no faster"

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        """The model's outputs."""
        if not self.enabled:
            return self.model(*inputs, **options)
        with self.halved():
            return _cast(self.model(*_cast(inputs, self.dtype)), np.dtype("float32"))

    @contextmanager
    def halved(self) -> Iterator[None]:
        """Inside the block the model's float32 parameters are half-precision tensors computed from them."""
        made: dict[int, Any] = {}
        held: list[tuple[Module, str, Any]] = []
        try:
            for module in self.model.modules():
                for name, p in tuple(module.named_parameters(recurse=False)):
                    if p.dtype == np.float32:
                        half = made[id(p)] = made.get(id(p)) if id(p) in made else p.astype(self.dtype)
                        held.append((module, name, p))
                        module.__dict__[name] = half  # past __setattr__, which guards parameters against such writing
            yield
        finally:
            for module, name, p in held:
                module.__dict__[name] = p


def _cast(value: Any, dtype: Any) -> Any:
    """Floating tensors in a nest of tuples, lists and dicts with another dtype."""
    if isinstance(value, (tuple, list)):
        return type(value)(_cast(v, dtype) for v in value)
    if isinstance(value, dict):
        return {k: _cast(v, dtype) for k, v in value.items()}
    if hasattr(value, "astype") and value.dtype.kind == "f" and value.dtype.itemsize < 8:
        return value.astype(dtype)
    return value
