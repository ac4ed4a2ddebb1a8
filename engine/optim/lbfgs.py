"""L-BFGS: a quasi-Newton method for problems whose gradient is exact (full batches)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

from .. import backend
from ..autograd.base import enable_grad, no_grad, wrap, written
from ..autograd.quiet import quiet, unquiet
from ..errors import CheckpointError, ConfigError, DeviceError
from ..ops.creation import asarray
from .line_search import strong_wolfe
from .optimizer import Optimizer, state_array, state_number

Array = Any


class LBFGS(Optimizer):
    """Steps along -H g, H an estimate of the inverse Hessian from the last history_size steps.

    step(closure) makes up to max_iter iterations, of at most max_eval evaluations in all (by default 5/4 max_iter); closure
    clears the gradients, computes the loss, calls backward and returns the loss. It ends when the largest gradient is below
    tolerance_grad, or step or loss change less than tolerance_change. line_search_fn: None takes steps of length lr,
    "strong_wolfe" searches for one that meets the strong Wolfe conditions. One group of parameters, on one device.
    Source: Liu & Nocedal 1989; Nocedal & Wright 2006, algorithms 7.4, 3.5, 3.6.
    """

    def __init__(
        self,
        params: Iterable[Any],
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

    keeps: ClassVar = {
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
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Up to max_iter iterations; returns the loss before them."""
        if closure is None:
            raise ConfigError("LBFGS: step needs a closure that computes the loss and its gradients")
        params = self._params()
        if len({type(p._array) for p in params}) > 1:
            raise DeviceError("LBFGS: all parameters must be on one device")
        token = quiet()
        try:
            with no_grad():
                return self._minimize(backend.space_of(params[0]._array), closure)
        finally:
            unquiet(token)

    def _minimize(self, xp: Any, closure: Callable[[], Any]) -> Any:
        group, state = self.param_groups[0], self.state.setdefault(self._params()[0], {"func_evals": 0, "n_iter": 0})
        self._follow_vector(state)
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
                start = [xp.asarray(p._array, copy=True) for p in self._params()]

                def along(t: float, d: Array = d, start: list[Array] = start) -> tuple[float, Array, float]:
                    """Loss, gradient and slope at start + t d."""
                    self._place(start)
                    self._move(xp, d, t)
                    _, value, gradient = self._evaluate(xp, closure)
                    return value, gradient, _dot(xp, gradient, d)

                t, loss, g, used = strong_wolfe(
                    along, t, loss, g, slope, _largest(xp, d), tolerance, group["max_eval"] - evaluations
                )
                self._place(start)
                self._move(xp, d, t)
            else:
                self._move(xp, d, t)
                if i < group["max_iter"]:  # what follows the last iteration is the next step's first evaluation
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
        """-H g by the two-loop recursion, after the last step has entered the history."""
        if state["n_iter"] == 1:
            state |= {"old_dirs": [], "old_stps": [], "ro": [], "H_diag": 1.0}
            return -g
        ys, ss, ro = state["old_dirs"], state["old_stps"], state["ro"]
        y, s = g - state["prev_flat_grad"]._array, state["d"]._array * state["t"]
        curvature = _dot(xp, y, s)
        if curvature > 1e-10:
            if len(ys) == self.param_groups[0]["history_size"]:
                for history in (ys, ss, ro):
                    history.pop(0)
            ys.append(wrap(y))
            ss.append(wrap(s))
            ro.append(1.0 / curvature)
            state["H_diag"] = curvature / _dot(xp, y, y)
        q, weights = -g, []
        for y, s, r in zip(reversed(ys), reversed(ss), reversed(ro), strict=True):
            weights.append(_dot(xp, s._array, q) * r)
            q = q - weights[-1] * y._array
        q = q * state["H_diag"]
        for y, s, r in zip(ys, ss, ro, strict=True):
            q = q + s._array * (weights.pop() - _dot(xp, y._array, q) * r)
        return q

    # ------------------------------------------------------------------ all parameters as one vector
    def _evaluate(self, xp: Any, closure: Callable[[], Any]) -> tuple[Any, float, Array]:
        """What the closure returned, its value, and the gradient as one vector."""
        with enable_grad():
            loss = closure()
        parts = []
        for p in self._params():
            if p._grad is None:
                parts.append(xp.zeros((p.size,), dtype=p._array.dtype))
            else:
                self._changeable(p)
                parts.append(xp.reshape(p._grad._array, (-1,)))
        return loss, float(loss.detach()) if hasattr(loss, "detach") else float(loss), xp.concat(parts)

    def _move(self, xp: Any, d: Array, t: float) -> None:
        place = 0
        for p in self._params():
            p._array[...] = p._array + t * xp.reshape(d[place : place + p.size], p.shape)
            written(p)
            place += p.size

    def _place(self, values: list[Array]) -> None:
        for p, value in zip(self._params(), values, strict=True):
            p._array[...] = value
            written(p)

    # ------------------------------------------------------------------ state
    def _lacking(self, state: Mapping[str, Any]) -> list[str]:
        n = state_number("LBFGS: n_iter", "count", state.get("n_iter", 0))
        begun = [k for k in self.keeps if k != "al"] if n else ["func_evals", "n_iter"]
        return [k for k in begun if k not in state]

    def _restored(self, name: str, i: int, key: str, value: Any, p: Any) -> Any:
        kind, what = self.keeps[key], f"{name}: {key}"
        if kind in ("vectors", "numbers"):
            if not isinstance(value, list | tuple):
                raise CheckpointError(f"{what} is a {type(value).__name__}, expected a list")
            return [self._entry(what, kind.removesuffix("s"), v) for v in value]
        return self._entry(what, kind, value)

    def _entry(self, what: str, kind: str, value: Any) -> Any:
        """One vector or number of a state, checked."""
        if kind != "vector":
            return value if kind == "any" else state_number(what, kind, value)
        if not hasattr(value, "shape"):
            raise CheckpointError(f"{what} is a {type(value).__name__}, expected a vector")
        return state_array(what, value, (sum(q.size for q in self._params()),), self._vector())

    def _state_of(self, name: str, i: int, state: Any, p: Any) -> dict[str, Any]:
        found = super()._state_of(name, i, state, p)
        lengths = {len(found[k]) for k in ("old_dirs", "old_stps", "ro") if k in found}
        if len(lengths) > 1:
            raise CheckpointError(f"{name}: old_dirs, old_stps and ro of the state have different lengths")
        return found

    def _vector(self) -> Any:
        """A tensor with the dtype and device of the vector of all parameters."""
        params = self._params()
        xp = backend.space_of(params[0]._array)
        return wrap(xp.concat([xp.zeros((0,), dtype=p._array.dtype) for p in params]))

    def _follow_vector(self, state: dict[str, Any]) -> None:
        """Give the state the dtype and device of the parameters, if they have become others."""
        like, held = self._vector(), state.get("d")
        if held is None or (held.dtype == like.dtype and held.device == like.device):
            return

        def moved(value: Any) -> Any:
            if isinstance(value, list):
                return [moved(v) for v in value]
            return asarray(value, dtype=like.dtype, device=like.device, copy=True) if hasattr(value, "_array") else value

        state.update({key: moved(value) for key, value in state.items()})


def _dot(xp: Any, a: Array, b: Array) -> float:
    return float(xp.sum(a * b))


def _largest(xp: Any, a: Array) -> float:
    return float(xp.max(xp.abs(a))) if a.shape[0] else 0.0
