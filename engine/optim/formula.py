"""Formula: the base of optimizers whose step is a few array expressions, the same text on every backend."""

from __future__ import annotations

from typing import Any

from ..autograd.base import wrap
from .optimizer import Optimizer

Array = Any


class Formula(Optimizer):
    """Base: subclasses write buffers(), the arrays that they keep per parameter, and formula(), one step.

    Half precision is computed in float32 and rounded when it is written.
    """

    def buffers(self, group: dict[str, Any]) -> tuple[str, ...]:
        """Names of the arrays kept for each parameter; they begin as zeros."""
        raise NotImplementedError

    def formula(self, xp: Any, p: Array, g: Array, s: dict[str, Any], group: dict[str, Any]) -> Array:
        """The parameter after a step with gradient g. s: step, counted from 1, and the buffers, replaced by their new values."""
        raise NotImplementedError

    def _start(self, xp: Any, p: Array, group: dict[str, Any]) -> dict[str, Any]:
        """The state before the first step."""
        return {"step": 0, **{name: self._zeros(xp, p) for name in self.buffers(group)}}

    def _update(self, xp: Any, p: Array, g: Array, group: dict[str, Any], state: dict[str, Any]) -> None:
        if not state:
            state |= self._start(xp, p, group)
        for name in self.buffers(group):
            if name not in state:  # the setting that needs it was changed during the training
                state[name] = self._zeros(xp, p)
        half = p.dtype.itemsize == 2 if hasattr(p.dtype, "itemsize") else False

        def wide(a: Array) -> Array:
            return xp.astype(a, xp.float32) if half else a

        state["step"] += 1
        s = {k: wide(v._array) if hasattr(v, "_array") else v for k, v in state.items()}
        new = self.formula(xp, wide(p), wide(g), s, group)
        p[...] = xp.astype(new, p.dtype, copy=False)
        for name, value in s.items():
            held = state[name]
            if hasattr(held, "_array"):
                held._array[...] = xp.astype(value, p.dtype, copy=False)
            else:
                state[name] = value


def decayed(p: Array, g: Array, group: dict[str, Any]) -> Array:
    """The gradient with weight decay added."""
    return g + group["weight_decay"] * p if group["weight_decay"] else g


def shrunk(p: Array, group: dict[str, Any]) -> Array:
    """The parameter after decoupled weight decay."""
    return p * (1.0 - group["lr"] * group["weight_decay"]) if group["weight_decay"] else p


def filled(xp: Any, p: Array, value: float) -> Any:
    """A tensor like a parameter, filled with a value."""
    return wrap(xp.full(p.shape, value, dtype=p.dtype))
