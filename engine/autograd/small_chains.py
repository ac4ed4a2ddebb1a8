"""What an op's definition calls of NumPy's elementwise functions, one after the other.

A definition is called once with arrays that note which functions are called with them. If these are all that it does, one C
function calls their loops for small arrays of one shape (dlengine.kernels.jit.generated.small_chains), with the same bits.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from dlengine.kernels.late import imported

from ..recording.answers import known
from ..recording.captured import captured
from ..recording.generators import FEWEST
from ..recording.symbols import NotPointwise
from .base import tensor_class, wrap
from .declaration import Op

SHAPES = ((17,), (2, 3), (2, 1, 3))
"""Of the arrays with which a definition is looked at; it must do the same with all of them."""

_SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, -2.5, np.inf, -np.inf, np.nan, 1e-40, -3e38, 3e38, 2.0, 30.0, -30.0, 0.75, 1e-3]


class Note(NamedTuple):
    """One call of a function of NumPy's; method: "" for one that is no ufunc."""

    function: Any
    method: str
    inputs: Any
    options: Any
    result: Any


class Seen(np.ndarray):
    """An array that notes which functions are called with it and with what they return."""

    notes: list[Note] | None

    def __array_finalize__(self, _: Any) -> None:
        self.notes = None

    def _noted(self, function: Any, method: str, inputs: Any, options: Any) -> Any:
        plain = [np.asarray(a) if isinstance(a, Seen) else a for a in inputs]
        y = (getattr(function, method) if method else function)(*plain, **options)
        notes = next((a.notes for a in inputs if isinstance(a, Seen) and a.notes is not None), None)
        if isinstance(y, np.ndarray):
            y = seen(y, notes)
        if notes is not None:
            notes.append(Note(function, method, inputs, options, y))
        return y

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        return self._noted(ufunc, method, inputs, options)

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        if function is np.where and len(args) == 3:
            return self._noted(function, "", args, options)
        raise TypeError("an array that is only looked at")


def seen(x: Any, notes: list[Note] | None) -> Any:
    """An array that adds to these notes, and that nobody writes to."""
    y: Any = x.view(Seen)
    y.notes = notes
    y.flags.writeable = False
    return y


def _name(x: Any) -> Any:
    """What an array and a view of all of it have in common while they live; for anything else its identity."""
    if not isinstance(x, np.ndarray):
        return id(x)
    return x.__array_interface__["data"][0], x.shape, x.strides, x.dtype


def ufunc_of(op: Op, xp: Any, arguments: list[Any]) -> Any:
    """The one elementwise function of NumPy that an op's definition calls with just these arguments; None if it is not one."""
    notes: list[Note] = []
    given = [seen(a, notes) if isinstance(a, np.ndarray) else a for a in arguments]
    try:
        with np.errstate(all="ignore"):
            y, _ = op.text(xp, *given)
    except Exception:  # it does more than call one function
        return None
    if len(notes) != 1:
        return None
    (note,) = notes
    same = len(note.inputs) == len(given) and all(a is b for a, b in zip(note.inputs, given, strict=True))
    same = same and _name(note.result) == _name(y)
    return note.function if note.method == "__call__" and same and not note.options else None


def chain(op: Op, xp: Any, consts: Mapping[str, Any]) -> Any:
    """A function from tensors to a tensor for small calls of an op whose definition is such a chain; else None."""
    count = len(op.arrays)
    if count > 2 or not _depends_on_arguments_alone(op):
        return None
    found = {}
    for dtype in (np.float32, np.float64):
        most = _most(op, xp, [np.full(FEWEST + 1, 0.75, dtype)] * count, consts)
        steps = {_steps(op, xp, [np.full(shape, 0.75, dtype) for _ in op.arrays], consts) for shape in SHAPES}
        if most and len(steps) == 1 and None not in steps:
            found[np.dtype(dtype).itemsize] = steps.pop(), most
    chains = imported("dlengine.kernels.jit.generated.small_chains")
    made = chains.chain(found, tensor_class[0], count) if found else None
    return made if made is not None and agrees(op, xp, consts, made, tuple(found)) else None


def _depends_on_arguments_alone(op: Op) -> bool:
    """Whether a definition reads nothing beside its arguments that may change."""
    try:
        return captured(op.text) == ()
    except NotPointwise:
        return False


def _most(op: Op, xp: Any, arrays: list[Any], consts: Mapping[str, Any]) -> int:
    """The most elements of which the definition computes the value; 0 if it has not been found to be a formula, for then it may
    look at the numbers."""
    reading = known(op, arrays, consts, xp.generator)
    return 0 if reading is None else max(FEWEST, min(reading[0], reading[2]) - 1)


def _steps(op: Op, xp: Any, arrays: list[Any], consts: Mapping[str, Any]) -> Any:
    """What a definition calls, in order, without what its value does not need; None if it does anything else."""
    step, operand = (getattr(imported("dlengine.kernels.jit.generated.small_chains"), n) for n in ("Step", "Operand"))
    notes: list[Note] = []
    given = [seen(a, notes) for a in arrays]
    try:
        with np.errstate(all="ignore"):
            y, _ = op.text(xp, *given, **consts)
    except Exception:  # shapes that it does not take, a function that is not elementwise
        return None
    needed, last = {_name(y)}, []
    for note in reversed(notes):
        if _name(note.result) in needed:
            if note.method not in ("", "__call__") or note.options or getattr(note.result, "shape", None) != y.shape:
                return None
            needed |= {_name(a) for a in note.inputs}
            last.append(note)
    numbers = {_name(a): operand(i) for i, a in enumerate(given)}
    found = []
    for note in reversed(last):
        operands = [numbers.get(_name(a), a) for a in note.inputs]
        if not all(type(o) in (operand, int, float) for o in operands):
            return None
        found.append(step(note.function, tuple(operands), note.result.dtype))
        numbers[_name(note.result)] = operand(len(numbers))
    return tuple(found) if found and _name(last[0].result) == _name(y) and y.shape == arrays[0].shape else None


def agrees(op: Op, xp: Any, consts: Mapping[str, Any], made: Any, sizes: tuple[int, ...]) -> bool:
    """Whether a function gives what the definition gives."""
    for size in sizes:
        for n in (len(_SPECIAL), 3):
            with np.errstate(all="ignore"):
                arrays = [np.roll(np.array(_SPECIAL, f"f{size}"), 5 * i)[:n] for i in range(len(op.arrays))]
                y, _ = op.text(xp, *arrays, **consts)
            found = made(*[wrap(a) for a in arrays])
            if found is None or found.array.dtype != y.dtype or found.array.tobytes() != y.tobytes():
                return False
    return True
