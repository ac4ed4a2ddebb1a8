"""A formula whose elements are reduced over trailing axes, as a function of arrays."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from ...generated.evaluate import evaluate
from ...generated.expansions import NoExpansion
from ...generated.expression import Expression, argument, inputs_of, substitute
from ...types import Array
from ..machine.compile import in_parallel, is_interpreted, thread_count
from .kernel import dense, grain_of
from .machine import Request
from .reductions import PART, finished

REDUCED = 0.1
"""Nanoseconds that a float32 element takes to be reduced beside its formula."""


class Reduction:
    """A formula, reduced, to be called with its inputs.

    Parameters
    ----------
    name : str
        Under which its calls are counted.
    root : Expression
        The formula of the elements. Its inputs have any numbers; the call takes one array for each, in the order of numbers,
        those that only `finish` uses among them.
    reduction : {"sum", "prod", "max", "min", "any", "all"}
        How they are put together.
    finish : Expression or None
        The output in terms of ``reductions.finished(reduction, root.dtype)``; None for that itself.
    launches : Counter
        Calls answered by machine code are added up here.
    """

    __slots__ = ("dtype", "dtypes", "entries", "finish", "grain", "launches", "name", "reduction", "root", "takes")

    def __init__(
        self, name: str, root: Expression, reduction: str, finish: Expression | None, launches: Counter[str]
    ) -> None:
        finish = finished(reduction, root.dtype) if finish is None else finish
        inputs = sorted({*inputs_of(root), *inputs_of(finish)}, key=lambda e: e.value)
        self.takes = tuple(e.value for e in inputs)
        for place, e in enumerate(inputs):  # places never exceed numbers, so nothing is renamed twice
            root, finish = (substitute(f, e, argument(place, e.dtype)) for f in (root, finish))
        self.name, self.launches, self.root, self.reduction, self.finish = name, launches, root, reduction, finish
        self.dtype = finish.dtype
        self.dtypes = tuple(e.dtype for e in inputs)
        self.entries: dict[str, Any] = {}
        self.grain = grain_of(root, REDUCED)

    def compile(self, modes: str) -> Any:
        """The entry point for these modes (see loops.py). Raises NoExpansion."""
        found = self.entries.get(modes)
        if found is None:
            found = self.entries[modes] = self._request(modes).function()
        return found

    def _request(self, modes: str) -> Request:
        inputs = tuple(argument(i, d) for i, d in enumerate(self.dtypes))
        return Request(inputs, self.root, modes, self.name, (self.reduction, self.finish))

    def range(self, modes: str) -> int:
        """The place of its code, as `Request.range` gives it."""
        return self._request(modes).range()

    def __call__(self, arrays: Sequence[Array], shape: tuple[int, ...], kept: int) -> Array:
        """The reduced formula.

        Parameters
        ----------
        arrays : sequence of numpy.ndarray
            The inputs, whose shapes broadcast to `shape`.
        shape : tuple of int
            Of the elements.
        kept : int
            How many leading axes are not reduced.

        Returns
        -------
        numpy.ndarray
            Of shape ``shape[:kept]``.
        """
        lead, rows, n = shape[:kept], prod(shape[:kept]), prod(shape[kept:])
        if not (rows and n) or is_interpreted() or any(a.dtype != d for a, d in zip(arrays, self.dtypes, strict=True)):
            return self._by_numpy(arrays, shape, kept)
        letters, given = [], []
        for a, d in zip(arrays, self.dtypes, strict=True):
            letter = _mode(a.shape, shape, kept)
            if not letter:
                a, letter = np.broadcast_to(a, shape), "f"
            letters.append(letter)
            given.append(dense(a, d))
        try:
            entry = self.compile("".join(letters))
        except (NoExpansion, RuntimeError):  # LLVM that does not know this CPU, a foreign Python: NumPy knows it all
            return self._by_numpy(arrays, shape, kept)
        out = np.empty(lead, self.dtype)
        parts = rows * -(-n // PART)
        threads = max(1, min(thread_count(rows * n // self.grain), parts))
        done = in_parallel(entry, *given, out, threads, rows, n) if threads > 1 else entry(*given, out, 1, rows, n)
        if not done:
            return self._by_numpy(arrays, shape, kept)
        self.launches[self.name] += 1
        return out

    def of_one(self, x: Array, kept: int, *numbers: Array) -> Array:
        """The same of a formula of one array and of arrays of one number: the commonest call, written out."""
        y = self.by_code(x, kept, *numbers)
        return self([x, *numbers], x.shape, kept) if y is None else y

    def by_code(self, x: Array, kept: int, *numbers: Array) -> Array | None:
        """The same where the code is there and takes the array as it lies; else None."""
        entry, size = self.entries.get(_ONE[len(numbers)]), x.size
        if entry is None or not size:
            return None
        out = np.empty(x.shape[:kept], self.dtype)
        rows = out.size
        threads = 1 if size < self.grain else thread_count(size // self.grain)
        if threads > 1:
            threads = min(threads, rows * -(-size // (rows * PART)))
        if threads > 1:
            done = in_parallel(entry, x, *numbers, out, threads, rows, size // rows)
        else:
            done = entry(x, *numbers, out, 1, rows, size // rows)
        if not done:
            return None
        self.launches[self.name] += 1
        return out

    def _by_numpy(self, arrays: Sequence[Array], shape: tuple[int, ...], kept: int) -> Array:
        x = np.broadcast_to(evaluate(self.root, arrays), shape)
        functions: dict[str, Any] = {"sum": np.sum, "prod": np.prod, "max": np.max, "min": np.min, "any": np.any, "all": np.all}
        function = functions[self.reduction]
        number = finished(self.reduction, self.root.dtype)
        options = {"axis": tuple(range(kept, len(shape))), "keepdims": True}
        y = function(x, dtype=number.dtype, **options) if self.reduction in ("sum", "prod") else function(x, **options)
        place = argument(len(arrays), number.dtype)
        with_number = evaluate(substitute(self.finish, number, place), [*arrays, y])
        return np.broadcast_to(with_number, y.shape).reshape(shape[:kept]).copy()


_ONE = ("f", "fs", "fss")
"""The modes of one array and so many numbers."""


def _mode(own: tuple[int, ...], shape: tuple[int, ...], kept: int) -> str:
    """The letter of an array in an output of rows; "" where rows do not describe it."""
    if own == shape:
        return "f"
    if prod(own) == 1:
        return "s"
    padded = (1,) * (len(shape) - len(own)) + own
    lead, trail = padded[:kept], padded[kept:]
    if trail == shape[kept:] and prod(lead) == 1:
        return "r"
    if lead == shape[:kept] and prod(trail) == 1:
        return "c"
    return "f" if padded == shape else ""
