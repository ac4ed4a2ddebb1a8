"""Optimizer: parameter groups, state, and a step that updates parameters of one dtype and device in one kernel call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from numbers import Real
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias, TypeVar
from weakref import ReferenceType

from dlengine.kernels import graph_capture

from .. import backend
from ..autograd.base import TensorBase, enable_grad, no_grad, tensor_class, wrap, written
from ..autograd.fp_errors import ignore_fp_errors, restore_fp_errors
from ..errors import CheckpointError, ConfigError, DeviceError, DTypeError, ShapeError
from ..ops.conversion import asarray
from .captured import require_capturable
from .docstrings import inherit_docstrings
from .parameters import Constructor, Params, require_ordered, require_shapes
from .saved_state import read_array, read_number, read_setting

if TYPE_CHECKING:
    from .._tensor import Tensor

_NUMBERS = (
    "lr", "weight_decay", "eps", "momentum", "dampening", "lr_decay", "momentum_decay", "initial_accumulator_value", "rho",
    "alpha",
)  # fmt: skip

Member: TypeAlias = tuple[Any, Any, dict[str, Any]]
"""A parameter's array, its gradient's array and its state."""

T = TypeVar("T")


class Optimizer(metaclass=Constructor):
    """Base class of optimizers: parameter groups with settings, a state per parameter, and the step.

    A subclass passes its settings as ``defaults`` and defines ``_update(xp, p, g, group, state)`` for one parameter, or
    ``_update_all`` for several at once. The state follows its parameter: if a parameter has another dtype or device than its
    state, the state is converted at the next step. PyTorch's settings ``foreach``, ``fused``, ``capturable`` and
    ``differentiable`` are taken and without effect. There are no float32 copies of half-precision parameters;
    ``training.MixedPrecision`` keeps parameters in float32.

    Parameters
    ----------
    params : iterable of Tensor or of dict
        Leaf tensors in an order, for instance ``model.parameters()``; or one dict per group, with the tensors under
        ``"params"`` and the group's own settings, for instance ``{"params": [w], "lr": 0.1}``.
    defaults : dict
        The settings by name, for groups that do not name them.

    Attributes
    ----------
    param_groups : list of dict
        The groups: the tensors under ``"params"``, and every setting.
    state : dict
        The state of each parameter, by parameter.

    Raises
    ------
    DTypeError
        For parameters that are not leaf tensors, or come without an order.
    ConfigError
        For no parameters, a parameter that occurs twice, or a setting that is unknown or out of range.

    Examples
    --------
    >>> class SignDescent(dl.optim.Optimizer):
    ...     def __init__(self, params, lr=0.5):
    ...         super().__init__(params, {"lr": lr})
    ...
    ...     def _update(self, xp, p, g, group, state):
    ...         p[...] = p - group["lr"] * xp.sign(g)
    >>> w = dl.asarray([3.0, -4.0]).requires_grad_()
    >>> optimizer = SignDescent([w])
    >>> dl.sum(w * w).backward()
    >>> optimizer.step()
    >>> w.tolist()
    [2.5, -3.5]
    """

    replays = False
    """Whether a captured step may contain it, which needs its settings to be read anew at each replay (per_replay)."""

    frozen: ClassVar[tuple[str, ...]] = ("maximize", "momentum", "nesterov", "amsgrad")
    """Settings that decide, by being 0 or not, what is computed: a replay computes what the captured step did."""

    optional: tuple[str, ...] = ()
    """The entries that a state has only with some settings."""

    keeps: ClassVar[Mapping[str, str] | None] = None
    """The entries of a parameter's state and their kinds: "array" (of the parameter's shape), "count" or "number".

    None: unknown, so that a loaded state is not checked for missing or unknown entries.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        inherit_docstrings(cls)

    def __init__(self, params: Params, defaults: dict[str, Any]) -> None:
        name = type(self).__name__
        self.defaults = defaults
        self.param_groups: list[dict[str, Any]] = []
        self.state: dict[Tensor, dict[str, Any]] = {}
        self.schedules: list[ReferenceType[Any]] = []
        """The schedules that set the learning rates."""
        require_ordered(name, params)
        if isinstance(params, Mapping):
            raise DTypeError(f"{name}: params must be an iterable of tensors or groups, got one group; use [group]")
        found = list(params)
        if not found:
            raise ConfigError(f"{name}: no parameters to optimize")
        groups: list[Any] = found if isinstance(found[0], Mapping) else [{"params": found}]
        for group in groups:
            self.add_param_group(group)

    def add_param_group(self, group: Mapping[str, Any]) -> None:
        """Add parameters to optimize, with settings of their own.

        Parameters
        ----------
        group : dict
            The tensors under ``"params"``; settings that it does not name are the optimizer's defaults.

        Raises
        ------
        DTypeError
            For parameters that are not leaf tensors.
        ConfigError
            For a parameter that is already optimized, or a setting that is unknown or out of range.
        """
        name = type(self).__name__
        if not isinstance(group, Mapping) or "params" not in group:
            got = ", ".join(map(str, group)) if isinstance(group, Mapping) else type(group).__name__
            raise ConfigError(f"{name}: a group must be a dict with 'params', got {got}")
        given = group["params"]
        if not isinstance(given, TensorBase):
            require_ordered(name, given)
        params = [given] if isinstance(given, TensorBase) else list(given)
        held = {id(p) for g in self.param_groups for p in g["params"]}
        for p in params:
            if not isinstance(p, TensorBase) or p.node is not None:
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
        """Raise ConfigError for settings out of range; called for every group."""
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
        """Clear the gradients of all parameters.

        Parameters
        ----------
        set_to_none : bool
            Set them to None; if False, fill those that exist with zeros.
        """
        for group in self.param_groups:
            for p in group["params"]:
                if set_to_none:
                    p._grad = None
                elif p.grad is not None:
                    with no_grad():
                        p.grad[...] = 0.0

    def step(self, closure: Callable[[], T] | None = None) -> T | None:
        """Update every parameter that has a gradient.

        Parameters
        ----------
        closure : callable or None
            A function without arguments that computes the loss and its gradients; it is called before the update.

        Returns
        -------
        object
            The return value of ``closure``, normally the loss; None without a closure.
        """
        loss: T | None = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        if graph_capture.current_capture.get() is not None:
            require_capturable(self)
        token, tensor = ignore_fp_errors(), tensor_class[0]
        try:
            for group in self.param_groups:
                changed = [p for p in group["params"] if p._grad is not None]
                if len(changed) < len(group["params"]):
                    require_shapes(group["params"])
                alike: dict[Any, list[Member]] = {}
                for p in changed:
                    array = self._array_to_update(p)
                    backend.space_of(array)  # maximize computes on its GPU
                    gradient = -p._grad.array if group.get("maximize") else p._grad.array
                    library, dtype = type(array), array.dtype
                    state = self.state.setdefault(p, {})
                    for held in state.values():
                        if type(held) is tensor and (held.array.dtype is not dtype or type(held.array) is not library):
                            self._convert_state(p, state)
                            break
                    alike.setdefault((library, dtype, backend.device_of(array)), []).append((array, gradient, state))
                for members in alike.values():
                    self._update_all(backend.space_of(members[0][0]), members, group)
                for p in changed:
                    written(p)
        finally:
            restore_fp_errors(token)
        return loss

    def _keeps_state(self, group: dict[str, Any]) -> bool:
        """Whether a group's parameters have a state once they were updated."""
        return "betas" in group or bool(group.get("momentum"))

    def _array_to_update(self, p: Tensor) -> Any:
        """Return the parameter's array, after a check that its gradient has the same library, dtype and shape."""
        grad: Any = p._grad
        array, gradient = p.array, grad.array
        if type(gradient) is not type(array):
            raise DeviceError(f"{type(self).__name__}: a parameter is on {p.device}, its gradient on {grad.device}")
        if gradient.dtype != array.dtype or gradient.shape != array.shape:
            raise ShapeError(
                f"{type(self).__name__}: a parameter has shape {p.shape} and dtype {p.dtype}, "
                f"its gradient {grad.shape} and {grad.dtype}"
            )
        return array

    def _convert_state(self, p: Tensor, state: dict[str, Any]) -> None:
        """Convert the state to the parameter's dtype and device."""
        for key, value in state.items():
            if hasattr(value, "array") and (value.dtype != p.dtype or value.device != p.device):
                state[key] = asarray(value, dtype=p.dtype, device=p.device, copy=True)

    def _update_all(self, xp: Any, members: list[Member], group: dict[str, Any]) -> None:
        """Update the parameters of a group that share a dtype and a device."""
        for p, g, state in members:
            self._update(xp, p, g, group, state)

    def _update(self, xp: Any, p: Any, g: Any, group: dict[str, Any], state: dict[str, Any]) -> None:
        """Update one parameter's array p in place; g is its gradient.

        Tensors that are put into state (made with self._zeros) are saved by state_dict().
        """
        raise NotImplementedError

    @staticmethod
    def _zeros(xp: Any, p: Any) -> Any:
        """A tensor of zeros with the shape and dtype of the array p."""
        return wrap(xp.zeros(p.shape, dtype=p.dtype))

    # ------------------------------------------------------------------ state
    def __getstate__(self) -> dict[str, Any]:
        """For copies and pickles: schedules that are copied too register themselves with the copy."""
        return {**self.__dict__, "schedules": []}

    def state_dict(self) -> dict[str, Any]:
        """Return the state and the settings in PyTorch's layout.

        Returns
        -------
        dict
            ``{"state": {i: state of parameter i}, "param_groups": [settings ...]}``, where ``"params"`` of a group lists the
            numbers of its parameters. ``dl.io.save`` writes it to a file.
        """
        numbers = {p: i for i, p in enumerate(self._params())}
        groups = [{**g, "params": [numbers[p] for p in g["params"]]} for g in self.param_groups]
        return {"state": {numbers[p]: dict(s) for p, s in self.state.items()}, "param_groups": groups}

    def _params(self) -> list[Tensor]:
        return [p for g in self.param_groups for p in g["params"]]

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Continue from a ``state_dict()`` of an optimizer with groups of the same sizes.

        Arrays take the dtype and device of their parameter.

        Parameters
        ----------
        state_dict : dict
            The state, from this library or from PyTorch.

        Raises
        ------
        CheckpointError
            If the state does not fit; then nothing has changed.
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
        sizes, expected = [len(n) for n in numbers], [len(g["params"]) for g in self.param_groups]
        if sizes != expected:
            raise CheckpointError(f"{name}: the state has groups of {sizes} parameters, this optimizer of {expected}")
        settings = [self._read_settings(name, own, group) for own, group in zip(self.param_groups, groups, strict=True)]
        params = dict(zip([str(i) for n in numbers for i in n], enumerate(self._params()), strict=False))
        loaded: dict[Tensor, dict[str, Any]] = {}
        for i, state in states.items():
            if str(i) not in params:
                raise CheckpointError(f"{name}: the state names parameter {i}, the groups hold {', '.join(params)}")
            place, p = params[str(i)]
            loaded[p] = self._read_state(name, place, state, p)
        for group, found in zip(self.param_groups, settings, strict=True):
            group.update(found)
        self.state = loaded

    def _read_settings(self, name: str, own: dict[str, Any], group: Mapping[str, Any]) -> dict[str, Any]:
        """Check and return the settings of a saved group for one of this optimizer's groups."""
        missing = [k for k in self.defaults if k not in group]
        if missing:
            raise CheckpointError(f"{name}: the state lacks the settings {', '.join(missing)}")
        found = {k: read_setting(name, k, own.get(k), group[k]) for k in self.defaults}
        if "initial_lr" in group:
            found["initial_lr"] = read_setting(name, "initial_lr", 0.0, group["initial_lr"])
        try:
            self._check({**own, **found})
        except ConfigError as error:
            raise CheckpointError(f"{name}: the settings of the state make no sense: {error}") from None
        return found

    def _read_state(self, name: str, i: int, state: Any, p: Tensor) -> dict[str, Any]:
        """Check and return the saved state of parameter number i."""
        if not isinstance(state, Mapping):
            raise CheckpointError(f"{name}: the state of parameter {i} must be a mapping, got {type(state).__name__}")
        given = {k: v for k, v in state.items() if v is not None}
        unknown = [str(k) for k in given if self.keeps is not None and k not in self.keeps]
        if unknown:
            known = ", ".join(self.keeps or ())
            raise CheckpointError(f"{name}: the state of parameter {i} holds {', '.join(unknown)}; expected {known}")
        missing = self._missing(given) if given else []
        if missing:
            raise CheckpointError(f"{name}: the state of parameter {i} lacks {', '.join(missing)}")
        return {k: self._read_entry(name, i, k, v, p) for k, v in given.items()}

    def _missing(self, state: Mapping[str, Any]) -> list[str]:
        """The names of entries that a state which is not empty lacks."""
        return [k for k in self.keeps or () if k not in state and k not in self.optional]

    def _read_entry(self, name: str, i: int, key: str, value: Any, p: Tensor) -> Any:
        """Check and return one entry of a state; an array gets the parameter's dtype and device."""
        kind = _COUNTS.get(key, "any") if self.keeps is None else self.keeps[key]
        what = f"{name}: {key} of parameter {i}"
        if kind in ("count", "number"):
            return read_number(what, kind, value)
        if not hasattr(value, "shape"):
            if kind == "array":
                raise CheckpointError(f"{what} is a {type(value).__name__}, expected an array of shape {p.shape}")
            return value
        return read_array(what, value, p.shape, p)

    def __repr__(self) -> str:
        settings = ", ".join(f"{k}={v}" for k, v in self.defaults.items())
        return f"{type(self).__name__}({len(self._params())} parameters, {settings})"


_COUNTS = {"step": "count"}
"""The kinds of entries in the state of an optimizer without keeps."""
