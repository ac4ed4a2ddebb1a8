"""Formula: the base of optimizers whose step is a few array expressions, the same on every backend."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from dlengine.kernels import graph_capture

from ..autograd.base import TensorBase, wrap
from ..backend.namespace import NO_GENERATOR
from .captured import settings_per_replay
from .optimizer import Member, Optimizer

if TYPE_CHECKING:
    from .._tensor import Tensor

Array: TypeAlias = Any
"""An array of the parameter's library."""

Numbers: TypeAlias = tuple[Any, ...]
"""What a step computes with: floats, or in a captured step arrays without axes, which each replay writes anew."""


class Formula(Optimizer):
    """Base class: subclasses define buffers(), the arrays kept per parameter, numbers(), what a step makes of the settings and
    of its number, and update_rule(), one step.

    Half precision is computed in float32; results are rounded when they are stored.
    """

    replays = True
    frozen: ClassVar = (*Optimizer.frozen, "weight_decay", "centered", "decoupled_weight_decay")

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

    def numbers(self, group: dict[str, Any], s: dict[str, Any]) -> tuple[float, ...]:
        """Compute what update_rule needs beside arrays, on the host: all that may be another number at the next step.

        Parameters
        ----------
        group : dict
            The settings.
        s : dict
            The number of the step, counted from 1, and what else of the state is no array; replaced here by new values.

        Returns
        -------
        tuple of float
            The numbers.
        """
        raise NotImplementedError

    def update_rule(self, xp: Any, p: Array, g: Array, s: dict[str, Any], n: Numbers, group: dict[str, Any]) -> Array:
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
            The buffers; replaced here by their new values.
        n : tuple
            The numbers.
        group : dict
            The settings, for what is decided by them: one that is a number is in n.

        Returns
        -------
        array
            The new values of the parameter.
        """
        raise NotImplementedError

    def _initial_state(self, xp: Any, p: Array, group: dict[str, Any]) -> dict[str, Any]:
        """The state before the first step."""
        return {"step": 0, **{name: self._zeros(xp, p) for name in self.buffers(group)}}

    def _keeps_state(self, group: dict[str, Any]) -> bool:
        return True

    def _update_all(self, xp: Any, members: list[Member], group: dict[str, Any]) -> None:
        alike: dict[Any, list[Member]] = {}
        for member in members:
            p, _, state = member
            if not state:
                state |= self._initial_state(xp, p, group)
            for name in self.buffers(group):
                if name not in state:  # a setting that needs it was switched on during the training
                    state[name] = self._zeros(xp, p)
            alike.setdefault(tuple(_counted(state).items()), []).append(member)
        dtype = members[0][0].dtype
        half = dtype.itemsize == 2 if hasattr(dtype, "itemsize") else False
        for together in alike.values():
            states = [state for _, _, state in together]
            found = settings_per_replay(self, group, partial(self._count, group, states), partial(_mark, states), states)
            held = graph_capture.current_capture.get()
            update = self._update_for(xp, together[0], len(found), group)
            if update is not None:
                ps, gs, _ = zip(*together, strict=True)
                buffers = [[state[name].array for state in states] for name in self.buffers(group)]
                update([list(ps), list(gs), *buffers], found)
                continue
            n = found if held is None else held.numbers(xp, found, xp.float32 if half else dtype)
            for p, g, state in together:
                self._update_one(xp, (p, g, state), n, group, half)

    def _update_for(self, xp: Any, member: Member, count: int, group: dict[str, Any]) -> Any:
        """A kernel that makes the step of all parameters at once, or None."""
        p = member[0]
        generator = xp.generator
        if generator in (NO_GENERATOR, 0) or hasattr(p, "__generated__"):  # the numbers of a recorded step are its own
            return None
        from .generated import update_of

        return update_of(self, generator, p.dtype, count, group)

    def _count(self, group: dict[str, Any], states: list[dict[str, Any]]) -> tuple[float, ...]:
        """The numbers of the next step of parameters that have come equally far, which are counted on."""
        s = {**_counted(states[0]), "step": states[0]["step"] + 1}
        found = tuple([float(n) for n in self.numbers(group, s)])
        for state in states:
            state |= s
        return found

    def _update_one(self, xp: Any, member: Member, n: Numbers, group: dict[str, Any], half: bool) -> None:
        p, g, state = member

        def wide(a: Array) -> Array:
            return xp.astype(a, xp.float32) if half else a

        held = {name: state[name].array for name, value in state.items() if isinstance(value, TensorBase)}
        s = {name: wide(a) for name, a in held.items()}
        p[...] = xp.astype(self.update_rule(xp, wide(p), wide(g), s, n, group), p.dtype, copy=False)
        for name, a in held.items():
            a[...] = xp.astype(s[name], p.dtype, copy=False)


def _counted(state: dict[str, Any]) -> dict[str, Any]:
    """What of a state is no array."""
    return {key: value for key, value in state.items() if not isinstance(value, TensorBase)}


def _mark(states: list[dict[str, Any]]) -> Callable[[], None]:
    """A function that takes the counts of states back to what they are now."""
    before = [_counted(state) for state in states]

    def take_back() -> None:
        for state, counted in zip(states, before, strict=True):
            state |= counted

    return take_back


def add_weight_decay(p: Array, g: Array, decay: Any, group: dict[str, Any]) -> Array:
    """The gradient with weight decay added; decay: the group's, among the numbers."""
    return g + decay * p if group["weight_decay"] else g


def shrink(p: Array, kept: Any, group: dict[str, Any]) -> Array:
    """The parameter after decoupled weight decay; kept: the part of it that is left, see kept_part."""
    return p * kept if group["weight_decay"] else p


def kept_part(group: dict[str, Any]) -> float:
    """The part of a parameter that decoupled weight decay leaves."""
    return float(1.0 - group["lr"] * group["weight_decay"])


def filled(xp: Any, p: Array, value: float) -> Tensor:
    """A tensor with the shape and dtype of the array p, filled with a value."""
    tensor: Tensor = wrap(xp.full(p.shape, value, dtype=p.dtype))
    return tensor
