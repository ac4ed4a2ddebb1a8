"""Formula: the base of optimizers whose step is a few array expressions, the same on every backend."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from ..autograd.base import TensorBase, wrap
from .optimizer import Optimizer

if TYPE_CHECKING:
    from .._tensor import Tensor

Array: TypeAlias = Any
"""An array of the parameter's library."""


class Formula(Optimizer):
    """Base class: subclasses define buffers(), the arrays kept per parameter, and update_rule(), one step.

    Half precision is computed in float32; results are rounded when they are stored.
    """

    def buffers(self, group: dict[str, Any]) -> tuple[str, ...]:
        """Name the arrays that are kept for each parameter, which start as zeros.

        Parameters
        ----------
        group : dict
            The settings of the parameter's group.

        Returns
        -------
        tuple of str
            The names.
        """
        raise NotImplementedError

    def update_rule(self, xp: Any, p: Array, g: Array, s: dict[str, Any], group: dict[str, Any]) -> Array:
        """Compute the parameter after one step.

        Parameters
        ----------
        xp : namespace
            The array library.
        p : array
            The parameter.
        g : array
            Its gradient.
        s : dict
            The number of the step, counted from 1, and the buffers; replaced here by their new values.
        group : dict
            The settings.

        Returns
        -------
        array
            The new values of the parameter.
        """
        raise NotImplementedError

    def _initial_state(self, xp: Any, p: Array, group: dict[str, Any]) -> dict[str, Any]:
        """The state before the first step."""
        return {"step": 0, **{name: self._zeros(xp, p) for name in self.buffers(group)}}

    def _update(self, xp: Any, p: Array, g: Array, group: dict[str, Any], state: dict[str, Any]) -> None:
        if not state:
            state |= self._initial_state(xp, p, group)
        for name in self.buffers(group):
            if name not in state:  # a setting that needs it was switched on during the training
                state[name] = self._zeros(xp, p)
        half = p.dtype.itemsize == 2 if hasattr(p.dtype, "itemsize") else False

        def wide(a: Array) -> Array:
            return xp.astype(a, xp.float32) if half else a

        state["step"] += 1
        s = {k: wide(v.array) if isinstance(v, TensorBase) else v for k, v in state.items()}
        new = self.update_rule(xp, wide(p), wide(g), s, group)
        p[...] = xp.astype(new, p.dtype, copy=False)
        for name, value in s.items():
            held = state[name]
            if isinstance(held, TensorBase):
                held.array[...] = xp.astype(value, p.dtype, copy=False)
            else:
                state[name] = value


def add_weight_decay(p: Array, g: Array, group: dict[str, Any]) -> Array:
    """The gradient with weight decay added."""
    return g + group["weight_decay"] * p if group["weight_decay"] else g


def shrink(p: Array, group: dict[str, Any]) -> Array:
    """The parameter after decoupled weight decay."""
    return p * (1.0 - group["lr"] * group["weight_decay"]) if group["weight_decay"] else p


def filled(xp: Any, p: Array, value: float) -> Tensor:
    """A tensor with the shape and dtype of the array p, filled with a value."""
    tensor: Tensor = wrap(xp.full(p.shape, value, dtype=p.dtype))
    return tensor
