"""Optimizer: parameter groups, state, and a step that changes what one kernel call can change together, whatever the backend."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from math import isfinite, nan
from numbers import Real
from typing import Any, ClassVar

from .. import backend
from ..autograd.base import TensorBase, enable_grad, no_grad, tensor_class, wrap, written
from ..autograd.quiet import quiet, unquiet
from ..errors import CheckpointError, ConfigError, DeviceError, DLEngineError, DTypeError, ShapeError
from ..ops.creation import asarray
from ..states import real_for

_NUMBERS = (
    "lr", "weight_decay", "eps", "momentum", "dampening", "lr_decay", "momentum_decay", "initial_accumulator_value", "rho",
    "alpha",
)  # fmt: skip

Member = tuple[Any, Any, dict[str, Any]]
"""A parameter's array, its gradient and its state."""


def refuse_unordered(name: str, params: Any) -> None:
    """Raise DTypeError for what is no sequence of parameters, or has no order of its own."""
    if isinstance(params, TensorBase):
        raise DTypeError(f"{name}: params must be an iterable of tensors or groups, got one tensor; use [p]")
    if isinstance(params, set | frozenset):
        raise DTypeError(f"{name}: params must be in an order, since the state is saved by position; got a set, use a list")
    if hasattr(params, "parameters"):
        raise DTypeError(f"{name}: params must be tensors, got the module {type(params).__name__}; use .parameters()")
    if isinstance(params, str) or not isinstance(params, Iterable):
        raise DTypeError(
            f"{name}: params must be an iterable of tensors or groups, got {type(params).__name__}; use model.parameters()"
        )


class Optimizer:
    """Base: subclasses name their settings in defaults and write _update(xp, p, g, group, state), or _update_all.

    params: tensors, or dicts {"params": tensors, setting: value ...}, one per group. state_dict() has PyTorch's layout.
    State follows its parameter: one that has become another dtype or went to another device takes its state along at the
    next step. There are no float32 copies of half-precision parameters; training.MixedPrecision keeps parameters in float32.
    """

    replays = False
    """Whether a captured step may hold it: its numbers are taken anew at each replay, through kernels.live.again."""

    optional: tuple[str, ...] = ()
    """What a state holds only with some settings."""

    keeps: ClassVar[Mapping[str, str] | None] = None
    """What the state of a parameter holds, by name: "array" of the parameter's shape, "count" or "number". None: not known."""

    def __init__(self, params: Iterable[Any], defaults: dict[str, Any]) -> None:
        name = type(self).__name__
        self.defaults = defaults
        self.param_groups: list[dict[str, Any]] = []
        self.state: dict[TensorBase, dict[str, Any]] = {}
        self.schedules: list[Any] = []
        """Weak references to the schedules that set its rates."""
        refuse_unordered(name, params)
        if isinstance(params, Mapping):
            raise DTypeError(f"{name}: params must be an iterable of tensors or groups, got one group; use [group]")
        found = list(params)
        if not found:
            raise ConfigError(f"{name}: no parameters to optimize")
        for group in found if isinstance(found[0], Mapping) else [{"params": found}]:
            self.add_param_group(group)

    def add_param_group(self, group: Mapping[str, Any]) -> None:
        """Optimize more parameters, with settings of their own where the group names any."""
        name = type(self).__name__
        if not isinstance(group, Mapping) or "params" not in group:
            got = ", ".join(map(str, group)) if isinstance(group, Mapping) else type(group).__name__
            raise ConfigError(f"{name}: a group must be a dict with 'params', got {got}")
        given = group["params"]
        if not isinstance(given, TensorBase):
            refuse_unordered(name, given)
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
        name = type(self).__name__
        for key in _NUMBERS:
            if key not in group:
                continue
            if isinstance(group[key], bool) or not isinstance(group[key], Real):
                raise ConfigError(f"{name}: {key} must be a number, got {group[key]!r}")
            if key != "dampening" and not group[key] >= 0:
                raise ConfigError(f"{name}: {key} must not be negative, got {group[key]}")
        betas = group.get("betas", (0.0, 0.0))
        if not isinstance(betas, tuple | list) or len(betas) != 2 or not all(isinstance(b, Real) for b in betas):
            raise ConfigError(f"{name}: betas must be two numbers, got {betas!r}")
        if not all(0 <= b < 1 for b in betas):
            raise ConfigError(f"{name}: betas must be in [0, 1), got {betas}")

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
        token, tensor = quiet(), tensor_class[0]
        try:
            for group in self.param_groups:
                changed = [p for p in group["params"] if p._grad is not None]
                alike: dict[Any, list[Member]] = {}
                for p in changed:
                    array = self._changeable(p)
                    backend.space_of(array)  # maximize computes on its GPU
                    gradient = -p._grad._array if group.get("maximize") else p._grad._array
                    library, dtype = type(array), array.dtype
                    state = self.state.setdefault(p, {})
                    for held in state.values():
                        if type(held) is tensor and (held._array.dtype is not dtype or type(held._array) is not library):
                            self._follow(p, state)
                            break
                    alike.setdefault((library, dtype, backend.device_of(array)), []).append((array, gradient, state))
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

    def _follow(self, p: Any, state: dict[str, Any]) -> None:
        """Give the state of a parameter that has become another dtype, or went to another device, the parameter's."""
        for key, value in state.items():
            if hasattr(value, "_array") and (value.dtype != p.dtype or value.device != p.device):
                state[key] = asarray(value, dtype=p.dtype, device=p.device, copy=True)

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
    def __getstate__(self) -> dict[str, Any]:
        """For copies and pickles: schedules enter themselves into the copy if they are copied too."""
        return {**self.__dict__, "schedules": []}

    def state_dict(self) -> dict[str, Any]:
        """{"state": {number of a parameter: its state}, "param_groups": settings with numbers for parameters}."""
        numbers = {p: i for i, p in enumerate(self._params())}
        groups = [{**g, "params": [numbers[p] for p in g["params"]]} for g in self.param_groups]
        return {"state": {numbers[p]: dict(s) for p, s in self.state.items()}, "param_groups": groups}

    def _params(self) -> list[Any]:
        return [p for g in self.param_groups for p in g["params"]]

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Continue from a state_dict() of an optimizer with groups of the same sizes; nothing changes if it does not fit.

        Arrays take the dtype and device of their parameter. Raises CheckpointError.
        """
        name = type(self).__name__
        if not isinstance(state_dict, Mapping) or not {"state", "param_groups"} <= set(state_dict):
            got = f"the keys {', '.join(map(str, state_dict))}" if isinstance(state_dict, Mapping) else type(state_dict).__name__
            raise CheckpointError(f"{name}: not the state of an optimizer: expected state and param_groups, got {got}")
        groups, states = state_dict["param_groups"], state_dict["state"]
        if not isinstance(states, Mapping):
            raise CheckpointError(f"{name}: state must be a mapping by parameter number, got {type(states).__name__}")
        if not isinstance(groups, list | tuple) or not all(isinstance(g, Mapping) for g in groups):
            raise CheckpointError(f"{name}: param_groups must be a list of mappings, got {groups!r:.100}")
        numbers = [g.get("params") for g in groups]
        if not all(isinstance(n, list | tuple) for n in numbers):
            raise CheckpointError(f"{name}: params of a group must be a list of parameter numbers, got {numbers!r:.100}")
        sizes, own = [len(n) for n in numbers], [len(g["params"]) for g in self.param_groups]
        if sizes != own:
            raise CheckpointError(f"{name}: the state has groups of {sizes} parameters, this optimizer of {own}")
        settings = [self._settings_of(name, mine, group) for mine, group in zip(self.param_groups, groups, strict=True)]
        params = dict(zip([str(i) for n in numbers for i in n], enumerate(self._params()), strict=False))
        loaded: dict[TensorBase, dict[str, Any]] = {}
        for i, state in states.items():
            if str(i) not in params:
                raise CheckpointError(f"{name}: the state names parameter {i}, the groups hold {', '.join(params)}")
            place, p = params[str(i)]
            loaded[p] = self._state_of(name, place, state, p)
        for mine, found in zip(self.param_groups, settings, strict=True):
            mine.update(found)
        self.state = loaded

    def _settings_of(self, name: str, mine: dict[str, Any], group: Mapping[str, Any]) -> dict[str, Any]:
        """The settings that a saved group has for one of this optimizer's, checked."""
        missing = [k for k in self.defaults if k not in group]
        if missing:
            raise CheckpointError(f"{name}: the state lacks the settings {', '.join(missing)}")
        found = {k: _same_kind(name, k, mine.get(k), group[k]) for k in self.defaults}
        if "initial_lr" in group:
            found["initial_lr"] = _same_kind(name, "initial_lr", 0.0, group["initial_lr"])
        try:
            self._check({**mine, **found})
        except ConfigError as error:
            raise CheckpointError(f"{name}: the settings of the state make no sense: {error}") from None
        return found

    def _state_of(self, name: str, i: int, state: Any, p: Any) -> dict[str, Any]:
        """The saved state of parameter number i, checked."""
        if not isinstance(state, Mapping):
            raise CheckpointError(f"{name}: the state of parameter {i} must be a mapping, got {type(state).__name__}")
        given = {k: v for k, v in state.items() if v is not None}
        unknown = [str(k) for k in given if self.keeps is not None and k not in self.keeps]
        if unknown:
            known = ", ".join(self.keeps or ())
            raise CheckpointError(f"{name}: the state of parameter {i} holds {', '.join(unknown)}; expected {known}")
        missing = self._lacking(given) if given else []
        if missing:
            raise CheckpointError(f"{name}: the state of parameter {i} lacks {', '.join(missing)}")
        return {k: self._restored(name, i, k, v, p) for k, v in given.items()}

    def _lacking(self, state: Mapping[str, Any]) -> list[str]:
        """What a state that is not empty must hold and does not."""
        return [k for k in self.keeps or () if k not in state and k not in self.optional]

    def _restored(self, name: str, i: int, key: str, value: Any, p: Any) -> Any:
        """One entry of a state, checked, an array in the parameter's dtype and on its device."""
        kind = _COUNTS.get(key, "any") if self.keeps is None else self.keeps[key]
        what = f"{name}: {key} of parameter {i}"
        if kind in ("count", "number"):
            return state_number(what, kind, value)
        if not hasattr(value, "shape"):
            if kind == "array":
                raise CheckpointError(f"{what} is a {type(value).__name__}, expected an array of shape {p.shape}")
            return value
        return state_array(what, value, p.shape, p)

    def __repr__(self) -> str:
        settings = ", ".join(f"{k}={v}" for k, v in self.defaults.items())
        return f"{type(self).__name__}({len(self._params())} parameters, {settings})"


_COUNTS = {"step": "count"}
"""Numbers in the state of an optimizer that does not say what it keeps."""


def state_number(what: str, kind: str, value: Any) -> Any:
    """A number of a state, which PyTorch keeps as a 0-d tensor."""
    expected = "a whole number of at least 0" if kind == "count" else "a finite number"
    try:
        found = float(value)
    except (TypeError, ValueError, DLEngineError):
        found = nan
    if isinstance(value, bool | str) or not isfinite(found) or (kind == "count" and (found < 0 or found != int(found))):
        raise CheckpointError(f"{what} is {value!r:.60}, expected {expected}")
    return int(found) if kind == "count" else found


def state_array(what: str, value: Any, shape: tuple[int, ...], like: Any) -> Any:
    """An array of a state in the dtype and on the device of a parameter."""
    if tuple(value.shape) != shape:
        raise CheckpointError(f"{what} is {tuple(value.shape)}, expected {shape}")
    try:
        return asarray(real_for(like, value), dtype=like.dtype, device=like.device, copy=True)
    except (DLEngineError, TypeError, ValueError) as error:
        raise CheckpointError(f"{what} cannot be read as {like.dtype}: {error}") from None


def _same_kind(name: str, key: str, mine: Any, value: Any) -> Any:
    """A setting of a state, of the kind that this optimizer has; lists, which JSON makes of tuples, become tuples again."""

    def fits(own: Any, given: Any) -> bool:
        if isinstance(own, bool) or isinstance(given, bool):
            return isinstance(own, bool) and isinstance(given, bool)
        if isinstance(own, tuple | list):
            return isinstance(given, tuple | list) and len(own) == len(given) and all(map(fits, own, given))
        return isinstance(given, Real) if isinstance(own, Real) else given is None or isinstance(given, str | Real)

    if not fits(mine, value):
        raise CheckpointError(f"{name}: {key} of the state is {value!r:.60}, expected a value like {mine!r}")
    return tuple(value) if isinstance(value, list) else value
