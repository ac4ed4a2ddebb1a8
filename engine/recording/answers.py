"""Where a call of an op asks for generated code: its value and pullbacks by machine code made from the op's definition.

An op's definition is read with symbols when the op is first called with some dtypes, numbers and constants. If it is not
pointwise, that is remembered. If it is, generated kernels answer its calls of SMALL elements and more; the first compiles.

On the backends that have a generator (generators.py). $DLENGINE_GENERATED chooses for the process: 0 for never, 1 for every size
(tests), else as above; generating() chooses for a block.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from operator import attrgetter
from typing import Any

import numpy as np

from dlengine.kernels.generated.evaluate import VECTOR_LIBRARY
from dlengine.kernels.generated.expression import EXACT, Expression, in_order
from dlengine.kernels.generated.mode import Mode
from dlengine.kernels.generated.mode import mode as mode_in_force

from .generators import FEWEST, GENERATORS, SMALL, WIDE
from .pointwise import Waiting, spread
from .reading import Reading, halves, read, steps
from .symbols import NotPointwise, NotThisCall

FORMULAS = 32
"""Readings kept per op: numbers and constants are part of a formula, and a number that changes at every call is no constant."""

FAILURES = 4
"""After so many calls of different kinds, none of which gave a formula, an op is not read any more."""

LIBRARY = frozenset(("tanh",))
"""Functions of NumPy's vector library that it computes as fast as one thread of generated code: 131,072 float32 values of tanh,
whose pullback is a kernel written by hand, take 53 and 54 us; threads share NumPy's own loop for it. Without that library NumPy
takes 550 us."""

SLOW = frozenset("erf erfc hypot logaddexp mod fmod floordiv nextafter pow sign where".split())
"""Functions that NumPy computes number by number, in eight times the time of a simple one: they pay for smaller arrays. So it
computes those of its vector library, and exponentials, where it cannot use that and has no vector code of its own (VECTORS)."""

VECTORS = {4: frozenset(("exp", "log", "sin", "cos")), 8: frozenset(("sin", "cos"))}
"""By itemsize."""

mode = mode_in_force.get
"""Whether generated code answers, as generating() has it."""

changed: list[Callable[[], None]] = []
"""What is called when a block begins for which generating() has chosen."""

_NUMBERS = (float, int)

PLAIN_CONSTANTS = frozenset((str, float, int, bool, type(None)))
"""The types of constants that are part of a formula."""

_UNKNOWN: Any = object()


@contextmanager
def generating(mode: Mode) -> Iterator[None]:
    """Choose inside a block whether ops may be answered by generated code.

    Parameters
    ----------
    mode : {"off", "auto", "always"}
        ``"off"``: definitions compute with NumPy. ``"auto"``: generated code for what is not small. ``"always"``: for all
        sizes.

    Returns
    -------
    context manager
        For a ``with`` statement.
    """
    token = mode_in_force.set(mode)
    for tell in changed:
        tell()
    try:
        yield
    finally:
        mode_in_force.reset(token)


def answer(op: Any, arrays: Sequence[Any], consts: Mapping[str, Any], number: int) -> tuple[Any, Any] | None:
    """An op's value and pullbacks by generated code, as its definition would return them; None where it must compute.

    Parameters
    ----------
    op : Op
        The op.
    arrays : sequence
        Its promoted arguments: arrays, numbers, None.
    consts : mapping of str to object
        Its constants.
    number : int
        Which of GENERATORS.

    Returns
    -------
    tuple or None
        The value and the pullback, or a tuple of pullbacks where the op has several arguments.
    """
    chosen = mode()
    readings = op.readings[number]  # which another thread may take away
    if chosen == "off" or readings is None:
        return None
    key: Any
    x = arrays[0]
    if len(arrays) == 1 and not consts:
        key = x.dtype.char
    elif len(arrays) == 2 and not consts and type(x) is type(arrays[1]) is np.ndarray and number == 0:
        other = arrays[1]
        key = (np.ndarray, x.dtype.char, np.ndarray, other.dtype.char)  # as _key has it, in a third of its time
        x = x if x.size >= other.size else other
    elif len(arrays) == 2 and not consts and hasattr(x, "dtype") and type(arrays[1]) in _NUMBERS and arrays[1]:
        key = (type(x), x.dtype.char, type(arrays[1]), arrays[1])
    else:
        key = _key(op, arrays, consts, number)
        if key is None:
            return None
        x = _largest(arrays)
    found = readings.get(key, _UNKNOWN)
    if found is _UNKNOWN:
        found = _first(op, key, arrays, consts, number)
    if found is None or (x.size < found[0] and chosen == "auto" and not (x.size > FEWEST and spread(arrays, found[0]))):
        return None
    return found[1](arrays)  # type: ignore[no-any-return]


def known(op: Any, arrays: Sequence[Any], consts: Mapping[str, Any], number: int) -> Any:
    """What stands among an op's readings for a call, which is read first if none was like it; None if it is no formula."""
    readings = op.readings[number]
    if readings is None:
        return None
    key = arrays[0].dtype.char if len(arrays) == 1 and not consts else _key(op, arrays, consts, number)
    if key is None:
        return None
    found = readings.get(key, _UNKNOWN)
    return _first(op, key, arrays, consts, number) if found is _UNKNOWN else found


def _largest(arrays: Sequence[Any]) -> Any:
    return max([a for a in arrays if hasattr(a, "dtype")], key=_size)


_size = attrgetter("size")


def _key(op: Any, arrays: Sequence[Any], consts: Mapping[str, Any], number: int) -> Any:
    """What a formula depends on: dtypes, numbers, constants; None where one of them is something else.

    Numbers stand with their types, since 2 equals 2.0, and zeros by their text, since 0.0 equals -0.0. An op whose constants are
    shapes, axes or indices is no elementwise one, and is not asked again.
    """
    parts: list[Any] = []
    kinds = GENERATORS[number].array_types()
    for a in arrays:
        if type(a) in kinds:
            parts += (type(a), a.dtype.char)
        elif a is None or type(a) in (float, int, bool):
            parts += (type(a), a or repr(a))
        else:
            return None
    for name, value in consts.items():
        if type(value) not in PLAIN_CONSTANTS:
            if isinstance(value, (tuple, list, dict, slice, type(...))):
                _never(op)
            return None
        parts += (name, type(value), value or repr(value))
    return tuple(parts)


def _never(op: Any) -> None:
    """Not to be asked again, on any backend."""
    op.readings[:] = [None] * len(op.readings)


def _first(op: Any, key: Any, arrays: Sequence[Any], consts: Mapping[str, Any], number: int) -> Any:
    """Read an op's definition for a key that is new, and remember what came of it."""
    readings, generator = op.readings[number], GENERATORS[number]
    if readings is None or len(readings) >= FORMULAS:
        return None
    dtypes: list[Any] = [getattr(a, "dtype", a) for a in arrays]
    known = [d for d in dtypes if isinstance(d, np.dtype)]
    found = None
    if all(d.name in generator.dtypes for d in known):
        try:
            reading = read(op, dtypes, consts, generator.kernels)
        except NotPointwise as error:
            # The words among an op's constants (reduction, approximate) may decide whether it is pointwise, and integers may be
            # treated in another way; else it never is.
            words = isinstance(error, NotThisCall) or any(isinstance(v, str) for v in consts.values())
            words = words or all(d.kind in "biu" for d in known)
            if not words or (len(readings) >= FAILURES and not any(readings.values())):
                _never(op)
                return None
        else:
            plain = number == 0 and not reading.by_hand and known[0].itemsize > 1 and is_plain(reading.value.kind)
            if not _left(reading, number):
                least = generator.least(weight(reading.value))
                found = Waiting(op, key, least, reading, number, number == 0 and _by_numpy(reading)).known()
            elif plain and _pulls_slowly(reading):
                found = Waiting(op, key, SMALL, reading, number, True).known()
            elif plain:
                found = Waiting(op, key, WIDE, reading, number, True, True).known()
            elif all([d.kind == "f" for d in known]) and _left_in_the_other_dtype(op, dtypes, consts, number):
                op.readings[number] = None  # of integers and bools it says nothing about floats
                return None
    readings[key] = found
    return found


def weight(root: Expression) -> int:
    """How many simple functions NumPy would compute in the time of a formula."""
    return sum(8 if _slow(e) else 1 for e in in_order([root]) if e.kind not in ("input", "const"))


def _slow(e: Expression) -> bool:
    """Whether NumPy computes a function number by number."""
    library = e.kind in VECTOR_LIBRARY[4] or e.kind in ("exp", "expm1")
    return e.kind in SLOW or (library and e.kind not in VECTORS.get(e.itemsize, ()) and not _numpy_has_vectors())


def is_plain(kind: str) -> bool:
    """Whether NumPy computes a function as fast as one thread of generated code."""
    return kind in EXACT or (kind in LIBRARY and _numpy_has_vectors())


def _left(reading: Reading, number: int) -> bool:
    """Whether a value is better computed as it is: by one function of NumPy or CuPy, or by a kernel written by hand."""
    root = reading.value
    plain = is_plain(root.kind) or (number > 0 and root.kind in LIBRARY)  # CuPy has no slow ones
    return reading.by_hand or (steps(root) <= 1 and plain and not halves(root))


def _pulls_slowly(reading: Reading) -> bool:
    """Whether NumPy would compute some pullback number by number, though the value is one fast function."""
    return any(root is not None and weight(root) > 8 for root in reading.pullbacks)


def _by_numpy(reading: Reading) -> bool:
    """Whether the value alone is better computed by one function of NumPy, and the pullbacks are not."""
    root = reading.value
    return steps(root) == 1 and root.kind in VECTOR_LIBRARY.get(root.itemsize, ()) and _numpy_has_vectors()


@cache
def _numpy_has_vectors() -> bool:
    """Whether NumPy was built with its vector library for the instructions that this CPU has."""
    try:
        features = import_module("numpy._core._multiarray_umath").__cpu_features__
    except (ImportError, AttributeError):
        return False
    return sys.platform == "linux" and bool(features.get("AVX512_SKX"))


def _left_in_the_other_dtype(op: Any, dtypes: list[Any], consts: Mapping[str, Any], number: int) -> bool:
    other = {"f": np.dtype("f8"), "d": np.dtype("f4")}
    try:
        given = [other.get(d.char, d) if isinstance(d, np.dtype) else d for d in dtypes]
        return _left(read(op, given, consts, GENERATORS[number].kernels), number)
    except NotPointwise:
        return True
