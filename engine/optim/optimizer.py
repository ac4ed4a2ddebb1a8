"""Optimizer: parameter groups, state, and a step that changes what one kernel call can change together, whatever the backend."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .. import backend
from ..autograd.base import TensorBase, enable_grad, no_grad, wrap, written
from ..autograd.quiet import quiet, unquiet
from ..errors import CheckpointError, ConfigError, DeviceError, DTypeError, ShapeError
from ..ops.creation import asarray

Member = tuple[Any, Any, dict[str, Any]]
"""A parameter's array, its gradient and its state."""


class Optimizer:
    """Base: subclasses name their settings in defaults and write _update(xp, p, g, group, state), or _update_all.

    params: tensors, or dicts {"params": tensors, setting: value ...}, one per group. state_dict() has PyTorch's layout.
    """

    replays = False
    """Whether a captured step may hold it: its numbers are taken anew at each replay, through kernels.live.again."""

    def __init__(self, params: Iterable[Any], defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        self.param_groups: list[dict[str, Any]] = []
        self.state: dict[TensorBase, dict[str, Any]] = {}
        if isinstance(params, TensorBase):
            raise DTypeError(f"{type(self).__name__}: params must be an iterable of tensors or groups, got one tensor; use [p]")
        found = list(params)
        if not found:
            raise ConfigError(f"{type(self).__name__}: no parameters to optimize")
        for group in found if isinstance(found[0], Mapping) else [{"params": found}]:
            self.add_param_group(group)

    def add_param_group(self, group: Mapping[str, Any]) -> None:
        """Optimize more parameters, with settings of their own where the group names any."""
        name = type(self).__name__
        given = group["params"]
        params = [given] if isinstance(given, TensorBase) else list(given)
        held = {id(p) for g in self.param_groups for p in g["params"]}
        for p in params:
            if not isinstance(p, TensorBase) or p._node is not None:
                what = type(p).__name__ if not isinstance(p, TensorBase) else "the result of an op"
                raise DTypeError(f"{name}: a parameter must be a leaf tensor, got {what}")
            if id(p) in held:
                raise ConfigError(f"{name}: a parameter occurs twice")
            held.add(id(p))
        unknown = sorted(set(group) - set(self.defaults) - {"params"})
        if unknown:
            raise ConfigError(f"{name}: a group has unknown settings {', '.join(unknown)}; known: {', '.join(self.defaults)}")
        full = {"params": params, **self.defaults, **{k: v for k, v in group.items() if k != "params"}}
        self._check(full)
        self.param_groups.append(full)

    def _check(self, group: dict[str, Any]) -> None:
        """Raise ConfigError for settings that make no sense; called for every group."""
        for key in ("lr", "weight_decay", "eps", "momentum", "lr_decay", "momentum_decay", "initial_accumulator_value"):
            if key in group and not group[key] >= 0:
                raise ConfigError(f"{type(self).__name__}: {key} must not be negative, got {group[key]}")
        for beta in group.get("betas", ()):
            if not 0 <= beta < 1:
                raise ConfigError(f"{type(self).__name__}: betas must be in [0, 1), got {group['betas']}")

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget every gradient; or, not set_to_none, fill it with zeros."""
        for group in self.param_groups:
            for p in group["params"]:
                if set_to_none:
                    p.grad = None
                elif p.grad is not None:
                    with no_grad():
                        p.grad[...] = 0.0

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Change every parameter that has a gradient. closure: computes loss and gradients first; its loss is returned."""
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        if backend.recording.get() is not None:
            self._check_capturable()
        token = quiet()
        try:
            for group in self.param_groups:
                changed = [p for p in group["params"] if p._grad is not None]
                alike: dict[Any, list[Member]] = {}
                for p in changed:
                    array = self._changeable(p)
                    backend.space_of(array)  # maximize computes on its GPU
                    gradient = -p._grad._array if group.get("maximize") else p._grad._array
                    key = type(array), array.dtype, backend.device_of(array)
                    alike.setdefault(key, []).append((array, gradient, self.state.setdefault(p, {})))
                for members in alike.values():
                    self._update_all(backend.space_of(members[0][0]), members, group)
                for p in changed:
                    written(p)
        finally:
            unquiet(token)
        return loss

    def _check_capturable(self) -> None:
        """Raise NotCapturable for what a replay would not repeat."""
        name = type(self).__name__
        if not self.replays:
            raise backend.NotCapturable(f"{name} computes with numbers of its own on the host; SGD, Adam and AdamW do not")
        for group in self.param_groups:
            changed = [p for p in group["params"] if p._grad is not None]
            if ("betas" in group or group.get("momentum")) and not all(self.state.get(p) for p in changed):
                raise backend.NotCapturable(f"{name} has no state yet: let the step run more often before it is captured")

    def _changeable(self, p: Any) -> Any:
        """The parameter's array, if its gradient fits it."""
        array, gradient = p._array, p._grad._array
        if type(gradient) is not type(array):
            raise DeviceError(f"{type(self).__name__}: a parameter is on {p.device}, its gradient on {p.grad.device}")
        if gradient.dtype != array.dtype or gradient.shape != array.shape:
            raise ShapeError(
                f"{type(self).__name__}: a parameter has shape {p.shape} and dtype {p.dtype}, "
                f"its gradient {p.grad.shape} and {p.grad.dtype}"
            )
        return array

    def _update_all(self, xp: Any, members: list[Member], group: dict[str, Any]) -> None:
        """Change the parameters of a group that share a dtype and a device."""
        for p, g, state in members:
            self._update(xp, p, g, group, state)

    def _update(self, xp: Any, p: Any, g: Any, group: dict[str, Any], state: dict[str, Any]) -> None:
        """Change one parameter's array in place. Tensors in state are saved, and made with self._zeros."""
        raise NotImplementedError

    @staticmethod
    def _zeros(xp: Any, p: Any) -> Any:
        return wrap(xp.zeros(p.shape, dtype=p.dtype))

    # ------------------------------------------------------------------ state
    def state_dict(self) -> dict[str, Any]:
        """{"state": {number of a parameter: its state}, "param_groups": settings with numbers for parameters}."""
        numbers = {p: i for i, p in enumerate(self._params())}
        groups = [{**g, "params": [numbers[p] for p in g["params"]]} for g in self.param_groups]
        return {"state": {numbers[p]: dict(s) for p, s in self.state.items()}, "param_groups": groups}

    def _params(self) -> list[Any]:
        return [p for g in self.param_groups for p in g["params"]]

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Continue from a state_dict() of an optimizer with groups of the same sizes; nothing changes if it does not fit.

        Raises CheckpointError.
        """
        name = type(self).__name__
        try:
            groups, states = list(state_dict["param_groups"]), {int(k): v for k, v in state_dict["state"].items()}
            sizes = [len(g["params"]) for g in groups]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise CheckpointError(f"{name}: not the state of an optimizer: {error!r}") from None
        own = [len(g["params"]) for g in self.param_groups]
        if sizes != own:
            raise CheckpointError(f"{name}: the state has groups of {sizes} parameters, this optimizer of {own}")
        params = self._params()
        loaded: dict[TensorBase, dict[str, Any]] = {}
        for i, state in states.items():
            if not 0 <= i < len(params):
                raise CheckpointError(f"{name}: the state names parameter {i}, there are {len(params)}")
            p = params[i]
            loaded[p] = {k: self._restored(name, i, k, v, p) for k, v in state.items() if v is not None}
        for group in groups:
            missing = [k for k in self.defaults if k not in group]
            if missing:
                raise CheckpointError(f"{name}: the state lacks the settings {', '.join(missing)}")
        for mine, group in zip(self.param_groups, groups, strict=True):
            known = {"initial_lr", *self.defaults}
            mine.update({k: _same_kind(mine.get(k), v) for k, v in group.items() if k in known})
        self.state = loaded

    def _restored(self, name: str, i: int, key: str, value: Any, p: Any) -> Any:
        if key in _COUNTS:
            return _COUNTS[key](value)
        if not hasattr(value, "shape"):
            return value
        if tuple(value.shape) != p.shape:
            raise CheckpointError(f"{name}: {key} of parameter {i} is {tuple(value.shape)}, expected {p.shape}")
        return asarray(value, dtype=p.dtype, device=p.device, copy=True)

    def __repr__(self) -> str:
        settings = ", ".join(f"{k}={v}" for k, v in self.defaults.items())
        return f"{type(self).__name__}({len(self._params())} parameters, {settings})"


_COUNTS: dict[str, Callable[[Any], Any]] = {"step": int, "mu_product": float}
"""Numbers in a state, which PyTorch keeps as tensors."""


def _same_kind(mine: Any, value: Any) -> Any:
    """A setting that went through JSON: lists become tuples again."""
    return tuple(value) if isinstance(mine, tuple) else value
