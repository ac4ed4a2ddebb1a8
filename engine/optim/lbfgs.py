"""L-BFGS: a quasi-Newton method for problems whose gradient is exact (full batches)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from dlengine.kernels import graph_capture

from .. import backend
from ..autograd.base import TensorBase, enable_grad, no_grad, wrap, written
from ..autograd.fp_errors import ignore_fp_errors, restore_fp_errors
from ..errors import CheckpointError, ConfigError, DeviceError
from ..ops.conversion import asarray
from .captured import require_capturable
from .line_search import Array, strong_wolfe
from .optimizer import Optimizer
from .parameters import Params
from .saved_state import read_array, read_number

if TYPE_CHECKING:
    from .._tensor import Tensor

T = TypeVar("T")


class LBFGS(Optimizer):
    """L-BFGS: steps along ``-H g``, where ``H`` estimates the inverse Hessian from the last steps.

    ``step(closure)`` makes up to ``max_iter`` iterations, each with one or more evaluations of the closure.

    Parameters
    ----------
    params : iterable of Tensor or of dict
        The parameters, in one group and on one device.
    lr : float
        Length of a step, or with a line search the first length that is tried.
    max_iter : int
        The largest number of iterations per step.
    max_eval : int or None
        The largest number of evaluations per step; None is 5/4 ``max_iter``.
    tolerance_grad : float
        End when the largest absolute entry of the gradient is not above this.
    tolerance_change : float
        End when the parameters or the loss change less than this.
    history_size : int
        The number of previous steps that ``H`` is estimated from.
    line_search_fn : str or None
        None takes steps of length ``lr``; "strong_wolfe" searches for a length that meets the strong Wolfe conditions.

    References
    ----------
    Liu and Nocedal, 1989, "On the limited memory BFGS method for large scale optimization"; Nocedal and Wright, 2006,
    "Numerical optimization", algorithms 7.4, 3.5 and 3.6.

    Examples
    --------
    >>> w = dl.asarray([3.0, -4.0]).requires_grad_()
    >>> optimizer = dl.optim.LBFGS([w], line_search_fn="strong_wolfe")
    >>> def closure():
    ...     optimizer.zero_grad()
    ...     loss = dl.sum((w - 1.0) ** 2)
    ...     loss.backward()
    ...     return loss
    >>> optimizer.step(closure).item()
    29.0
    >>> [round(v, 3) for v in w.tolist()]
    [1.0, 1.0]
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1.0,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        defaults = {
            "lr": lr, "max_iter": max_iter, "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad, "tolerance_change": tolerance_change, "history_size": history_size,
            "line_search_fn": line_search_fn,
        }  # fmt: skip
        super().__init__(params, defaults)

    keeps: ClassVar[Mapping[str, str]] = {
        "func_evals": "count", "n_iter": "count", "prev_flat_grad": "vector", "prev_loss": "number", "d": "vector", "t": "number",
        "old_dirs": "vectors", "old_stps": "vectors", "ro": "numbers", "H_diag": "number", "al": "any",
    }  # fmt: skip

    def add_param_group(self, group: Mapping[str, Any]) -> None:
        if self.param_groups:
            raise ConfigError("LBFGS: takes one group of parameters")
        super().add_param_group(group)

    def _check(self, group: dict[str, Any]) -> None:
        super()._check(group)
        for key in ("max_iter", "max_eval", "history_size"):
            if isinstance(group[key], bool) or not isinstance(group[key], int):
                raise ConfigError(f"LBFGS: {key} must be a whole number, got {group[key]!r}")
        if group["line_search_fn"] not in (None, "strong_wolfe"):
            raise ConfigError(f"LBFGS: line_search_fn must be None or 'strong_wolfe', got {group['line_search_fn']!r}")
        if group["history_size"] < 1:
            raise ConfigError(f"LBFGS: history_size must be at least 1, got {group['history_size']}")

    # ------------------------------------------------------------------ the step
    def step(self, closure: Callable[[], T] | None = None) -> T:
        """Make up to ``max_iter`` iterations.

        Parameters
        ----------
        closure : callable
            A function without arguments that clears the gradients, computes the loss, calls backward and returns the loss.

        Returns
        -------
        object
            The first return value of ``closure``: the loss before the step.

        Raises
        ------
        ConfigError
            Without a closure.
        """
        if closure is None:
            raise ConfigError("LBFGS: step needs a closure that computes the loss and its gradients")
        if graph_capture.current_capture.get() is not None:
            require_capturable(self)
        params = self._params()
        if len({type(p.array) for p in params}) > 1:
            raise DeviceError("LBFGS: all parameters must be on one device")
        token = ignore_fp_errors()
        try:
            with no_grad():
                return self._minimize(backend.space_of(params[0].array), closure)
        finally:
            restore_fp_errors(token)

    def _minimize(self, xp: Any, closure: Callable[[], T]) -> T:
        """Iterate until one of the limits or tolerances is reached, and return the first loss."""
        group, state = self.param_groups[0], self.state.setdefault(self._params()[0], {"func_evals": 0, "n_iter": 0})
        self._convert_state(self._params()[0], state)
        lr, tolerance = float(group["lr"]), group["tolerance_change"]
        first, loss, g = self._evaluate(xp, closure)
        state["func_evals"] += 1
        evaluations = 1
        if _largest(xp, g) <= group["tolerance_grad"]:
            return first
        for i in range(1, group["max_iter"] + 1):
            state["n_iter"] += 1
            d = self._direction(xp, g, state)
            state["prev_flat_grad"], state["prev_loss"] = wrap(xp.asarray(g, copy=True)), loss
            t = lr if state["n_iter"] > 1 else min(1.0, 1.0 / float(xp.sum(xp.abs(g)))) * lr
            slope, before = _dot(xp, g, d), loss
            state["d"], state["t"] = wrap(d), t
            if slope > -tolerance:
                break
            used = 0
            if group["line_search_fn"] is not None:
                start = [xp.asarray(p.array, copy=True) for p in self._params()]

                def along(t: float, d: Array = d, start: list[Array] = start) -> tuple[float, Array, float]:
                    """Loss, gradient and slope at start + t d."""
                    self._set_values(start)
                    self._move(xp, d, t)
                    _, value, gradient = self._evaluate(xp, closure)
                    return value, gradient, _dot(xp, gradient, d)

                t, loss, g, used = strong_wolfe(
                    along, t, loss, g, slope, _largest(xp, d), tolerance, group["max_eval"] - evaluations
                )
                self._set_values(start)
                self._move(xp, d, t)
            else:
                self._move(xp, d, t)
                if i < group["max_iter"]:  # after the last iteration the next step() evaluates
                    _, loss, g = self._evaluate(xp, closure)
                    used = 1
            state["t"] = t
            evaluations += used
            state["func_evals"] += used
            if evaluations >= group["max_eval"] or _largest(xp, g) <= group["tolerance_grad"]:
                break
            if _largest(xp, d) * abs(t) <= tolerance or abs(loss - before) < tolerance:
                break
        return first

    def _direction(self, xp: Any, g: Array, state: dict[str, Any]) -> Array:
        """Add the last step to the history, and compute -H g by the two-loop recursion."""
        if state["n_iter"] == 1:
            state |= {"old_dirs": [], "old_stps": [], "ro": [], "H_diag": 1.0}
            return -g
        ys: list[Any] = state["old_dirs"]
        ss: list[Any] = state["old_stps"]
        ro: list[float] = state["ro"]
        y, s = g - state["prev_flat_grad"].array, state["d"].array * state["t"]
        curvature = _dot(xp, y, s)
        if curvature > 1e-10:
            if len(ys) == self.param_groups[0]["history_size"]:
                for history in (ys, ss, ro):
                    history.pop(0)
            ys.append(wrap(y))
            ss.append(wrap(s))
            ro.append(1.0 / curvature)
            state["H_diag"] = curvature / _dot(xp, y, y)
        weights: list[float] = []
        q: Array = -g
        for y, s, r in zip(reversed(ys), reversed(ss), reversed(ro), strict=True):
            weights.append(_dot(xp, s.array, q) * r)
            q = q - weights[-1] * y.array
        q = q * state["H_diag"]
        for y, s, r in zip(ys, ss, ro, strict=True):
            q = q + s.array * (weights.pop() - _dot(xp, y.array, q) * r)
        return q

    # ------------------------------------------------------------------ all parameters as one vector
    def _evaluate(self, xp: Any, closure: Callable[[], T]) -> tuple[T, float, Array]:
        """Call the closure: its return value, that as a number, and the gradient as one vector."""
        with enable_grad():
            loss = closure()
        parts = []
        for p in self._params():
            if p.grad is None:
                parts.append(xp.zeros((p.size,), dtype=p.array.dtype))
            else:
                self._array_to_update(p)
                parts.append(xp.reshape(p.grad.array, (-1,)))
        value: Any = loss
        return loss, float(value.detach() if isinstance(loss, TensorBase) else value), xp.concat(parts)

    def _move(self, xp: Any, d: Array, t: float) -> None:
        """Add t d to the parameters."""
        place = 0
        for p in self._params():
            p.array[...] = p.array + t * xp.reshape(d[place : place + p.size], p.shape)
            written(p)
            place += p.size

    def _set_values(self, values: list[Array]) -> None:
        """Set the parameters to these values."""
        for p, value in zip(self._params(), values, strict=True):
            p.array[...] = value
            written(p)

    # ------------------------------------------------------------------ state
    def _missing(self, state: Mapping[str, Any]) -> list[str]:
        n = read_number("LBFGS: n_iter", "count", state.get("n_iter", 0))
        needed = [k for k in self.keeps if k != "al"] if n else ["func_evals", "n_iter"]
        return [k for k in needed if k not in state]

    def _read_entry(self, name: str, i: int, key: str, value: Any, p: Tensor) -> Any:
        kind, what = self.keeps[key], f"{name}: {key}"
        if kind in ("vectors", "numbers"):
            if not isinstance(value, list | tuple):
                raise CheckpointError(f"{what} is a {type(value).__name__}, expected a list")
            return [self._read_value(what, kind.removesuffix("s"), v) for v in value]
        return self._read_value(what, kind, value)

    def _read_value(self, what: str, kind: str, value: Any) -> Any:
        """Check and return one vector or number of a state."""
        if kind != "vector":
            return value if kind == "any" else read_number(what, kind, value)
        if not hasattr(value, "shape"):
            raise CheckpointError(f"{what} is a {type(value).__name__}, expected a vector")
        return read_array(what, value, (sum(q.size for q in self._params()),), self._vector())

    def _read_state(self, name: str, i: int, state: Any, p: Tensor) -> dict[str, Any]:
        found = super()._read_state(name, i, state, p)
        lengths = {len(found[k]) for k in ("old_dirs", "old_stps", "ro") if k in found}
        if len(lengths) > 1:
            raise CheckpointError(f"{name}: old_dirs, old_stps and ro of the state have different lengths")
        return found

    def _vector(self) -> Tensor:
        """An empty tensor with the dtype and device of the vector of all parameters."""
        params = self._params()
        xp = backend.space_of(params[0].array)
        empty: Tensor = wrap(xp.concat([xp.zeros((0,), dtype=p.array.dtype) for p in params]))
        return empty

    def _convert_state(self, p: Tensor, state: dict[str, Any]) -> None:
        """Convert the state to the dtype and device of the vector of all parameters."""
        like, held = self._vector(), state.get("d")
        if held is None or (held.dtype == like.dtype and held.device == like.device):
            return

        def converted(value: Any) -> Any:
            if isinstance(value, list):
                return [converted(v) for v in value]
            is_tensor = isinstance(value, TensorBase)
            return asarray(value, dtype=like.dtype, device=like.device, copy=True) if is_tensor else value

        state.update({key: converted(value) for key, value in state.items()})


def _dot(xp: Any, a: Array, b: Array) -> float:
    """The dot product as a Python number."""
    return float(xp.sum(a * b))


def _largest(xp: Any, a: Array) -> float:
    """The largest absolute entry."""
    return float(xp.max(xp.abs(a))) if a.shape[0] else 0.0
