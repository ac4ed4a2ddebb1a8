"""A formula as a function of arrays: picks the code for their shapes, and the threads for its cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from ...generated.evaluate import VECTOR_LIBRARY, evaluate, function_of
from ...generated.expansions import NoExpansion
from ...generated.expression import EXACT, Expression, argument, in_order, in_places, inputs_of
from ...types import Array
from ..machine.compile import LARGE, in_parallel, is_interpreted, laid_out, thread_count
from ..machine.vector import VECTOR_BYTES
from .library import library
from .machine import Request
from .row_tables import modes_of, tabled

_COST = {
    "exp": 0.25, "expm1": 0.25, "log": 0.38, "log2": 0.5, "log10": 0.55, "log1p": 0.5, "tanh": 0.38, "erf": 0.65, "erfc": 0.45,
    "sin": 0.6, "cos": 0.6, "tan": 0.9, "asin": 0.6, "acos": 0.7, "atan": 1.0, "atan2": 1.3, "sinh": 0.9, "cosh": 0.8,
    "asinh": 1.9, "acosh": 1.7, "atanh": 1.7, "pow": 0.8, "logaddexp": 0.75, "hypot": 0.15, "mod": 0.6, "fmod": 0.5,
    "floordiv": 0.75, "div": 0.08, "sqrt": 0.08, "input": 0.03,
}  # fmt: skip
"""Nanoseconds of one thread for a float32 element with AVX-512, measured on 131,072 of them; what is not here takes OTHER."""

OTHER = 0.015

WRITTEN = 0.03
"""Nanoseconds for an element of the output."""

LIBRARY = 0.45
"""Nanoseconds for a float32 element of NumPy's vector library; a float64 takes 2.8 times that."""

SHARE = 4000.0
"""Nanoseconds of work that a thread must have to do: one that is awake begins within 1,000 (see machine/pool.py)."""

ROWS = 16_384
"""Elements from which on machine code pays where NumPy is as fast but for arrays of one number for each row."""

COPIED = 4096
"""Elements up to which a slice is copied sooner than it is seen how its rows lie."""

KNOWN = 64
"""Combinations of shapes for which a kernel remembers how they broadcast."""

HELD = 512
"""Rows up to which it holds their tables too; larger ones are kept in one place for all kernels, which bounds their number."""

empty = np.empty


class Kernel:
    """A formula to be called with its inputs.

    Parameters
    ----------
    name : str
        Under which its calls are counted.
    root : Expression
        The formula. Its inputs have any numbers; the call takes one array for each, in the order of the numbers.
    launches : Counter
        Calls answered by machine code are added up here.
    by_numpy : bool
        Whether NumPy computes it where one thread would: one function, for which NumPy has code as fast. That of its vector
        library computes it for several threads too, whose results would else depend on their number.
    """

    __slots__ = (
        "by_numpy", "dtype", "dtypes", "entries", "entry", "exact", "function", "grain", "known", "launches", "library", "name",
        "root", "takes",
    )  # fmt: skip

    def __init__(self, name: str, root: Expression, launches: Counter[str], by_numpy: bool = False) -> None:
        self.root, self.takes = in_places(root)
        self.name, self.launches, self.by_numpy = name, launches, by_numpy
        self.dtype = root.dtype
        self.dtypes = tuple(e.dtype for e in inputs_of(root))
        self.entries: dict[str, Any] = {}
        self.entry: Any = None
        self.known: dict[Any, Any] = {}
        known = by_numpy and root.kind in VECTOR_LIBRARY.get(root.itemsize, ())
        self.library = library(self.root) if known else None
        self.grain = grain_of(root) if self.library is None else int(SHARE / (LIBRARY * (root.itemsize / 4) ** 1.5))
        self.function = function_of(self.root) if by_numpy else None
        self.exact = all(e.kind in EXACT or e.kind in ("input", "const", "where", "sign") for e in in_order([root]))

    def request(self, modes: str = "") -> Request:
        """The code for these modes (see loops.py); by default for arrays of one shape."""
        inputs = tuple(argument(i, d) for i, d in enumerate(self.dtypes))
        modes = modes or "f" * len(inputs)
        return Request(inputs, self.root, modes, self.name, library=self.library if {*modes} <= {*"fs"} else None)

    def compile(self, modes: str = "") -> Any:
        """The entry point for these modes. Raises NoExpansion."""
        modes = modes or "f" * len(self.dtypes)
        found = self.entries.get(modes)
        if found is None:
            found = self.entries[modes] = self.request(modes).function()
            if modes == "f" * len(self.dtypes) and (self.library is not None or not self.by_numpy):
                self.entry = found
        return found

    def __call__(self, *arrays: Array) -> Array:
        """The formula's value. Raises ValueError for shapes that do not broadcast."""
        entry = self.entry
        if entry is not None and not is_interpreted():
            out = empty(arrays[-1].shape, self.dtype)
            n = out.size
            if n < self.grain:
                done = entry(*arrays, out, 1)
            else:
                done = in_parallel(entry, *arrays, out, thread_count(n // self.grain))
            if done:
                self.launches[self.name] += 1
                return out
        return self.general(arrays)

    def prepared(self, shapes: Sequence[tuple[int, ...]], shape: tuple[int, ...]) -> tuple[Any, str, tuple[int, ...]] | None:
        """The code for dense arrays of these shapes and an output of another: entry point, modes, and its last arguments, which
        are the number of threads and, by rows, the rows and their length. None where arrays must be copied, or there is no code.
        """
        modes, rows = [], None
        for own in shapes:
            letter, wanted = _mode(own, shape)
            if wanted is not None and rows is not None and rows != wanted:
                return None
            rows = wanted if wanted is not None else rows
            if not letter:
                return None
            modes.append(letter)
        try:
            entry = self.compile("".join(modes))
        except (NoExpansion, RuntimeError):
            return None
        size = prod(shape)
        threads = max(1, thread_count(min(size // self.grain, size if rows is None else rows))) if size else 1
        return entry, "".join(modes), (threads,) if rows is None else (threads, rows, size // rows)

    def _of_spread(self, arrays: Sequence[Array]) -> Array | None:
        """Of arrays of which some are not dense: from small copies, row by row, or by NumPy; None if they must become dense."""
        if self.by_numpy:
            y = self._in_rows(arrays) if max([a.size for a in arrays]) >= ROWS else None
            return self._by_numpy(arrays) if y is None else y
        if arrays[0].size <= COPIED and arrays[-1].size <= COPIED:
            return self(*[a if a.flags.c_contiguous else a.copy() for a in arrays])
        return self._in_rows(arrays)

    def general(self, arrays: Sequence[Array]) -> Array:
        """Any arrays: another layout, broadcasting, code that is not there yet; NumPy where there can be none."""
        for a in arrays:
            if type(a) is not np.ndarray and hasattr(a, "__generated__"):  # of a step that is recorded, which notes the call
                return a.__generated__(self, arrays)
        spread = not all([a.flags.c_contiguous for a in arrays])
        if self.by_numpy and not self.exact and (spread or self.library is None):
            return self._by_numpy(arrays)
        if spread:
            y = self._of_spread(arrays)
            if y is not None:
                return y
            arrays = [dense(a, a.dtype) for a in arrays]
        shapes = tuple([a.shape for a in arrays])
        known = self.known.get(shapes)
        if known is None and self.by_numpy and not self._pays(shapes):
            return self._by_numpy(arrays)
        if known is not None and not is_interpreted():
            y = self._known(known, arrays)
            if y is not None:
                return y
        shape = np.broadcast_shapes(*shapes)
        if is_interpreted() or any(d != a.dtype for a, d in zip(arrays, self.dtypes, strict=True)):
            return evaluate(self.root, arrays)
        given = [dense(a, d) for a, d in zip(arrays, self.dtypes, strict=True)]
        as_they_are = all(a is b for a, b in zip(arrays, given, strict=True))
        modes, rows, written, tables = self._plan(shapes, shape)
        for i, over in written:
            given[i] = _written(given[i], over)
        try:
            entry = self.compile(modes)
        except (NoExpansion, RuntimeError):  # LLVM that does not know this CPU, a foreign Python: NumPy knows it all
            return evaluate(self.root, arrays)
        out = empty(shape, self.dtype)
        counts: Any = () if rows is None else (rows, prod(shape) // rows, *tables)
        threads = thread_count(min(out.size // self.grain, out.size if rows is None else rows)) if out.size else 1
        if not in_parallel(entry, *given, out, max(threads, 1), *counts):
            return evaluate(self.root, arrays)
        if as_they_are and out.size and len(self.known) < KNOWN:
            large = bool(tables) and rows is not None and rows > HELD
            counts = counts[:2] if large else counts
            self.known[shapes] = (entry, shape, out.size if rows is None else rows, counts, written, large)
        self.launches[self.name] += 1
        return out

    def _plan(self, shapes: tuple[tuple[int, ...], ...], shape: tuple[int, ...]) -> Any:
        """What _modes gives, and the tables of row_tables.py, by which rows are read rather than written out."""
        modes, rows, written = _modes(shapes, shape)
        found = self._tabled(shapes, shape) if written else None
        return (modes, rows, written, ()) if found is None else (*found[:2], [], found[2])

    def _tabled(self, shapes: tuple[tuple[int, ...], ...], shape: tuple[int, ...]) -> Any:
        return tabled(shapes, shape, tuple([d.itemsize for d in self.dtypes]))

    def _by_numpy(self, arrays: Sequence[Array]) -> Array:
        function = self.function
        if function is None or any([a.dtype is not d for a, d in zip(arrays, self.dtypes, strict=True)]):
            return evaluate(self.root, arrays)
        with np.errstate(all="ignore"):
            y: Array = function(*arrays)
        return y if type(y) is np.ndarray and y.dtype is self.dtype else np.asarray(y, self.dtype)

    def _known(self, known: Any, arrays: Sequence[Array]) -> Array | None:
        """The value for shapes that came before."""
        entry, shape, rows, counts, written, large = known
        if large:
            counts = (*counts, *self._tabled(tuple([a.shape for a in arrays]), shape)[2])
        if written:
            arrays = list(arrays)
            for i, over in written:
                arrays[i] = _written(arrays[i], over)
        out = empty(shape, self.dtype)
        if out.size < self.grain:
            done = entry(*arrays, out, 1, *counts)
        else:
            threads = thread_count(min(out.size // self.grain, rows))
            done = in_parallel(entry, *arrays, out, max(threads, 1), *counts)
        if not done:
            return None
        self.launches[self.name] += 1
        return out

    def _in_rows(self, arrays: Sequence[Array]) -> Array | None:
        """The value for arrays of which some are slices whose rows are dense, read as they lie; None where copies are needed."""
        if is_interpreted() or any(d != a.dtype for a, d in zip(arrays, self.dtypes, strict=True)):
            return None
        key = tuple([(a.shape, a.strides) for a in arrays])
        known = self.known.get(key)
        if known is None:
            if len(self.known) >= KNOWN:
                return None
            known = self.known[key] = self._rows_known(arrays)
        if not known:
            return None
        entry, modes, shape, rows, n = known
        given = [a.reshape(rows, n) if letter == "p" else a for a, letter in zip(arrays, modes, strict=True)]
        out = empty(shape, self.dtype)
        threads = max(1, min(thread_count(out.size // self.grain), rows))
        if not in_parallel(entry, *given, out, threads, rows, n):
            return None
        self.launches[self.name] += 1
        return out

    def _rows_known(self, arrays: Sequence[Array]) -> Any:
        """Entry point, modes, shape, rows and their length; () where the arrays do not lie so."""
        shape = np.broadcast_shapes(*[a.shape for a in arrays])
        runs = [_run(a) for a in arrays if a.shape == shape and not a.flags.c_contiguous]
        n = min(runs, default=0)
        if n < SHORT or 0 in shape:
            return ()
        rows, modes = prod(shape) // n, ""
        for a in arrays:
            letter, wanted = _mode(a.shape, shape)
            if letter == "f" and not a.flags.c_contiguous and rows > 1:
                letter = "p" if shares(a, a.reshape(rows, n)) else ""
            if not letter or wanted not in (None, rows):
                return ()
            if letter != "p" and not a.flags.c_contiguous:
                return ()
            modes += letter
        try:
            return self.compile(modes), modes, shape, rows, n
        except (NoExpansion, RuntimeError):
            return ()

    def _pays(self, shapes: Sequence[tuple[int, ...]]) -> bool:
        """Whether NumPy is slower: where threads could share arrays that are read as they lie, where its loop is called here, and
        where arrays have one number for each row or one row for all, for which NumPy begins its loop anew in every row."""
        size, modes, as_they_lie = _reading(shapes)
        if self.library is not None:
            return {*modes} <= {*"fs"}
        return as_they_lie and size >= (2 * self.grain if {*modes} <= {*"fs"} else ROWS)


def grain_of(root: Expression, more: float = WRITTEN) -> int:
    """Elements that one thread should have at least; more: nanoseconds of an element beside the formula, to store or add it."""
    nodes = [e for e in in_order([root]) if e.kind != "const"]
    cost = more * root.itemsize / 4 + sum(_COST.get(e.kind, OTHER) * (2.5 if e.itemsize == 8 else 1) for e in nodes)
    return max(64, int(SHARE / (cost * 64 / VECTOR_BYTES)))


def dense(x: Array, dtype: Any) -> Array:
    """x as the entry point takes it: dense, aligned, with the process's own dtype object."""
    flags = x.flags
    if type(x) is np.ndarray and x.dtype is dtype and flags.c_contiguous and flags.aligned:
        return x
    return laid_out(x) if type(x) is np.ndarray and x.dtype is dtype else np.array(x, dtype, order="C")


def _run(x: Array) -> int:
    """How many elements of an array lie one after the other at least."""
    n, step = 1, x.itemsize
    for size, stride in zip(reversed(x.shape), reversed(x.strides), strict=True):
        if stride != step and size > 1:
            break
        n, step = n * size, step * size
    return n


def shares(x: Array, y: Array) -> bool:
    """Whether y, made of x in another shape, is no copy."""
    return bool(np.may_share_memory(x, y))


Written = tuple[int, tuple[int, ...]]
"""The number of an array, and the shape in which it is written out before it is read."""

LITTLE = 8
"""How many times as large an output must be as an array that is written out for it."""

SHORT = 8
"""Elements that a row must have for an array to be written out as one number for each row."""


@lru_cache(maxsize=1024)
def _reading(shapes: tuple[tuple[int, ...], ...]) -> tuple[int, str, bool]:
    """How arrays of these shapes are read: elements of the output, each array's mode, and whether those that must be written out
    are small beside it. Raises ValueError for shapes that do not broadcast."""
    shape = np.broadcast_shapes(*shapes)
    size = prod(shape)
    modes, _, written = _modes(shapes, shape)
    found = modes_of(shapes, shape) if written else None
    if found is not None:
        return size, found[0], True
    return size, modes, all(LITTLE * prod(over) <= size for _, over in written)


def _modes(shapes: Sequence[tuple[int, ...]], shape: tuple[int, ...]) -> tuple[str, int | None, list[Written]]:
    """How each array is read for an output of this shape, the output's rows or None, and which arrays are written out first.

    An array of one number for each channel is written out for every sample and channel, which is little; where two arrays ask
    for different rows, or for more than rows, they are written out in full.
    """
    letters: list[str] = []
    rows: int | None = None
    written: list[Written] = []
    for i, own in enumerate(shapes):
        letter, wanted = _mode(own, shape)
        if not letter and 0 not in shape:
            padded = (1,) * (len(shape) - len(own)) + own
            lead = max(j for j, n in enumerate(padded) if n != 1) + 1
            if prod(shape[lead:]) >= SHORT and rows in (None, prod(shape[:lead])):
                letter, wanted = "c", prod(shape[:lead])
                written.append((i, shape[:lead] + (1,) * (len(shape) - lead)))
        if wanted is not None and (rows is None or rows == wanted):
            rows = wanted
        elif letter not in ("f", "s"):
            letter = "f"
            written.append((i, shape))
        letters.append(letter)
    return "".join(letters), rows, written


def _written(x: Array, over: tuple[int, ...]) -> Array:
    """The array repeated to a shape to which it broadcasts."""
    y = empty(over, x.dtype)
    if y.nbytes >= LARGE:
        return laid_out(np.broadcast_to(x, over))
    y[...] = x
    return y


def _mode(own: tuple[int, ...], shape: tuple[int, ...]) -> tuple[str, int | None]:
    """The letter of an array in an output, and into how many rows it cuts that; "" where rows do not describe it."""
    if own == shape:
        return "f", None
    if prod(own) == 1:
        return "s", None
    if 0 in shape:
        return "", None
    padded = (1,) * (len(shape) - len(own)) + own
    spread = [i for i, (a, b) in enumerate(zip(padded, shape, strict=True)) if a != b]
    if not spread:  # only leading axes of 1 are missing
        return "r", 1
    first, last = spread[0], spread[-1]
    if all(n == 1 for n in padded[: last + 1]):
        return "r", prod(shape[: last + 1])
    if all(n == 1 for n in padded[first:]):
        return "c", prod(shape[:first])
    return "", None
