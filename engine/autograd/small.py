"""Small calls of elementwise ops, answered from tensors to tensor by one C function.

Where an op's definition is one call of one of NumPy's elementwise functions, and no gradient is asked for, what the op does is
known beforehand: NumPy's own loop, and a leaf around its result (dlengine.kernels.jit.generated.small_calls). An op asks for such
a function after some calls. The results are the same, bit for bit, so it does not matter when that is.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..recording import answer
from ..recording.answers import changed, mode
from . import nvtx
from .base import tensor_class
from .declaration import Op

MORE_PATIENCE = 16
"""How many times as many calls as before go by until an op asks again: its backend may have changed since."""

BEYOND = 17
"""Elements for which generated code may answer, but is not yet compiled."""

ENOUGH = 1 << 30

NUMBERS = frozenset(
    "add subtract multiply divide maximum minimum equal not_equal less less_equal greater greater_equal".split()
)
"""Ops whose definitions are the same for every number; pow, for one, squares by multiplying."""

_bound: list[Op] = []


class _Seen(np.ndarray):
    """An array that notes which of NumPy's functions are called with it."""

    notes: list[Any]

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        plain = [np.asarray(a) if isinstance(a, _Seen) else a for a in inputs]
        y = getattr(ufunc, method)(*plain, **options)
        self.notes.append((ufunc, method, inputs, options, y))
        return y

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        self.notes.append((function, "", args, options, None))
        raise TypeError("an array that is only looked at")


def ufunc_of(op: Op, xp: Any, arguments: list[Any]) -> Any:
    """The one elementwise function of NumPy that an op's definition calls with just these arguments; None if it is not one."""
    notes: list[Any] = []
    given: list[Any] = []
    for a in arguments:
        if isinstance(a, np.ndarray):
            seen = a.view(_Seen)
            seen.notes = notes
            seen.flags.writeable = False
            given.append(seen)
        else:
            given.append(a)
    try:
        with np.errstate(all="ignore"):
            y, _ = op.text(xp, *given)
    except Exception:  # it does more than call one function
        return None
    if len(notes) != 1:
        return None
    ufunc, method, inputs, options, result = notes[0]
    same = len(inputs) == len(given) and all(a is b for a, b in zip(inputs, given, strict=True))
    return ufunc if method == "__call__" and same and not options and result is y else None


def bind(op: Op, policy: Any, xp: Any) -> None:
    """Look for a function that answers an op's small calls under a policy, as long as that is in force."""
    op.patience *= MORE_PATIENCE
    op.waits = op.patience
    if xp.generator != 0 or mode() != "auto" or nvtx.ENABLED or op.policy is policy:
        return
    found = _function(op, xp)
    if found is not None:
        op.bound, op.policy = found, policy
        _bound.append(op)


def _function(op: Op, xp: Any) -> Any:
    from dlengine.kernels.jit.generated.small_calls import bound

    count, most, ufuncs = len(op.arrays), [], set()
    for dtype in (np.float32, np.float64):
        arrays = [np.full(BEYOND, 0.75, dtype) for _ in op.arrays]
        ufuncs.add(ufunc_of(op, xp, arrays))
        most.append(_most(op, xp, arrays))
    if len(ufuncs) != 1 or None in ufuncs:
        return None
    (ufunc,) = ufuncs
    numbers = count == 2 and op.name in NUMBERS
    if numbers:
        x = np.full(BEYOND, 0.75, np.float32)
        numbers = all(ufunc_of(op, xp, given) is ufunc for given in ([x, 0.5], [0.5, x], [x, 3], [3, x]))
    return bound(ufunc, tensor_class[0], (most[0], most[1]), numbers)


def _most(op: Op, xp: Any, arrays: list[Any]) -> int:
    """The number of elements up to which the op's definition computes."""
    if answer(op, arrays, {}, xp.generator) is not None:
        return 0
    readings = op.readings[xp.generator]
    if readings is None:
        return ENOUGH
    found = [value for key, value in readings.items() if _arrays_alone(key, arrays)]
    return min([ENOUGH, *[value[0] - 1 for value in found if value is not None]])


def _arrays_alone(key: Any, arrays: list[Any]) -> bool:
    char = arrays[0].dtype.char
    return key == (char if len(arrays) == 1 else (np.ndarray, char) * len(arrays))  # type: ignore[no-any-return]


def _release() -> None:
    for op in _bound:
        op.unbind()
    _bound.clear()


changed.append(_release)
