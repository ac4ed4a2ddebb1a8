"""The kernels of one reading of an op: made when that pays, and called as the definition would be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from math import prod
from typing import Any, TypeAlias

import numpy as np

from dlengine.kernels.generated.evaluate import evaluate
from dlengine.kernels.generated.expansions import NoExpansion
from dlengine.kernels.generated.expression import EXACT, Expression, inputs_of

from .captured import unchanged
from .generators import GENERATORS, WIDE
from .reading import Reading

Answer: TypeAlias = Callable[[Sequence[Any]], "tuple[Any, Any] | None"]
"""From an op's arguments to its value and pullbacks; None where the definition must compute."""

Maker: TypeAlias = Callable[[Sequence[Any], Any], Callable[[Any], Any] | None]
"""From an op's arguments and value to a pullback, or to None where the op has no derivative."""


ENDLESS = 1 << 30

ROWS = 16_384
"""Elements of what arrays of several shapes broadcast to from which on generated code may answer where NumPy computes as fast,
which begins its loop anew in every row: 128 x 128 products of two vectors take it 4.6 us, generated code 1.9."""


class Waiting:
    """A reading whose kernels are not made yet; puts the answer in its place among an op's readings when they are.

    least: from how many elements on it is asked. number: which of GENERATORS makes them. by_numpy: NumPy's function computes the
    value of small arrays, or of all, as fast as one thread. plain: the pullbacks too, and no call is answered that is recorded.
    """

    __slots__ = ("by_numpy", "key", "least", "number", "op", "plain", "reading")

    def __init__(
        self, op: Any, key: Any, least: int, reading: Reading, number: int, by_numpy: bool = False, plain: bool = False
    ) -> None:
        self.op, self.key, self.least, self.reading = op, key, least, reading
        self.number, self.by_numpy, self.plain = number, by_numpy, plain

    def __call__(self, arrays: Sequence[Any]) -> tuple[Any, Any] | None:
        if self.plain and not _pays(arrays, self.least):
            return None
        found = self._compiled()
        self.settle(found)
        return None if found is None else found(arrays)

    def _compiled(self) -> Answer | None:
        """The answer, the value's code compiled; pullbacks are compiled when they are first called."""
        generator, name = GENERATORS[self.number], f"generated:{self.op.name}"
        try:
            value = generator.kernel(name, self.reading.value, self.by_numpy)
            if not self.by_numpy or value.library is not None:
                value.compile()
            elif self.plain:  # all calls are of large arrays, so that dense ones need not be looked at again
                value.entry = value.compile()
            makers: list[Any] = [
                _maker(root, self.reading.arguments, lambda root: generator.kernel(f"{name}_grad", root, self.plain))
                for root in self.reading.pullbacks
            ]
        except (NoExpansion, RuntimeError):
            return None  # left to the definition for good
        if not self.reading.pulled:
            makers = [_none]
        special = {1: _of_one, 2: _of_two}.get(len(value.takes)) if value.entry is not None else None
        found = (special or _of_several)(value, makers)
        if self.plain:
            found = _of_arrays(found, self.least)
        elif self.by_numpy and value.library is None and value.function is not None:
            found = _of_function(found, value, makers)
        if self.reading.captured:
            return _checked(found, self)
        found.kernel = value  # type: ignore[attr-defined]  # for who has another way to it, see autograd/small.py
        return found

    def settle(self, found: Answer | None) -> None:
        """What answers the op's calls of this kind from now on; None for its definition."""
        readings = self.op.readings[self.number]
        if readings is not None:
            readings[self.key] = None if found is None else self.known(found)

    def known(self, found: Answer | None = None) -> tuple[int, Answer, int]:
        """What stands among an op's readings: from how many elements on it is asked, what answers, and from how many on the
        value may be another than that of NumPy's function, or sooner there."""
        numpys = self.by_numpy and not self.plain
        shared = WIDE if self.reading.value.kind in EXACT else ENDLESS
        return self.least, found or self, shared if numpys else self.least


def _of_one(value: Any, makers: list[Maker]) -> Answer:
    """The answer of a formula of one array, with the commonest call written out: tiny arrays spend their time here."""
    from dlengine.kernels.jit.machine.compile import is_interpreted

    entry, dtype, grain, launches, name = value.entry, value.dtype, value.grain, value.launches, value.name
    (place,) = value.takes
    make = makers[0]
    single = len(makers) == 1
    empty = np.empty

    def found(arrays: Sequence[Any]) -> tuple[Any, Any]:
        x = arrays[place]
        if x.size < grain and not is_interpreted() and entry(x, y := empty(x.shape, dtype), 1):
            launches[name] += 1
        else:
            y = value(x)
        return y, make(arrays, y) if single else tuple([m(arrays, y) for m in makers])

    return found


def _of_two(value: Any, makers: list[Maker]) -> Answer:
    """The same of two arrays, which mostly have one shape."""
    from dlengine.kernels.jit.machine.compile import is_interpreted

    entry, dtype, grain, launches, name = value.entry, value.dtype, value.grain, value.launches, value.name
    first, second = value.takes
    make = makers[0] if len(makers) == 1 else None
    pair = makers if len(makers) == 2 else None
    empty = np.empty

    def found(arrays: Sequence[Any]) -> tuple[Any, Any] | None:
        x1, x2 = arrays[first], arrays[second]
        shape = x2.shape
        if x1.shape == shape:
            if x2.size < grain and not is_interpreted() and entry(x1, x2, y := empty(shape, dtype), 1):
                launches[name] += 1
            else:
                y = value(x1, x2)
        else:
            try:
                y = value.general((x1, x2))
            except ValueError:  # shapes that do not broadcast, which the definition says better
                return None
        if pair is not None:
            return y, (pair[0](arrays, y), pair[1](arrays, y))
        return y, make(arrays, y) if make is not None else tuple([m(arrays, y) for m in makers])

    return found


def _of_function(found: Answer, value: Any, makers: list[Maker]) -> Answer:
    """The answer whose value NumPy's function computes, but for large arrays, which threads share; warnings are off."""
    function, takes, dtypes = value.function, value.takes, value.dtypes
    shared = 2 * value.grain if value.exact else ENDLESS
    make = makers[0] if len(makers) == 1 else None

    def answer(arrays: Sequence[Any]) -> tuple[Any, Any] | None:
        given = [arrays[i] for i in takes]
        shape = getattr(given[0], "shape", None)
        for a, d in zip(given, dtypes, strict=True):
            if type(a) is not np.ndarray or a.dtype is not d or a.shape != shape:
                return found(arrays)
        if given[0].size >= shared:
            return found(arrays)
        y = np.asarray(function(*given))
        return y, make(arrays, y) if make is not None else tuple([m(arrays, y) for m in makers])

    return answer


def _of_several(value: Any, makers: list[Maker]) -> Answer:
    takes = value.takes
    make = makers[0] if len(makers) == 1 else None

    def found(arrays: Sequence[Any]) -> tuple[Any, Any] | None:
        try:
            y = value(*[arrays[i] for i in takes])
        except ValueError:  # shapes that do not broadcast, which the definition says better
            return None
        return y, make(arrays, y) if make is not None else tuple([m(arrays, y) for m in makers])

    return found


def _of_arrays(found: Answer, least: int) -> Answer:
    """The answer where it is faster than NumPy's function."""
    return lambda arrays: found(arrays) if _pays(arrays, least) else None


def _pays(arrays: Sequence[Any], least: int) -> bool:
    """Whether generated code is faster than a function of NumPy: where all arrays are NumPy's own and one is large."""
    large = False
    for a in arrays:
        if type(a) is np.ndarray:
            large = large or a.size >= least
        elif hasattr(a, "dtype"):
            return False
    return large or spread(arrays, least)


def spread(arrays: Sequence[Any], least: int) -> bool:
    """Whether arrays of several shapes broadcast to enough elements, though none of them has so many.

    Parameters
    ----------
    arrays : sequence
        Arrays, numbers, None.
    least : int
        How many elements are enough in an array.
    """
    shapes = [a.shape for a in arrays if hasattr(a, "shape")]
    return shapes.count(shapes[0]) < len(shapes) and _elements(tuple(shapes)) >= min(least, ROWS)


@lru_cache(maxsize=1024)
def _elements(shapes: tuple[tuple[int, ...], ...]) -> int:
    """Of what shapes broadcast to; 0 where they do not."""
    try:
        return prod(np.broadcast_shapes(*shapes))
    except ValueError:
        return 0


def _checked(found: Answer, waiting: Waiting) -> Answer:
    """The answer for as long as the definition would read the same numbers beside its arguments."""
    numbers = waiting.reading.captured

    def checked(arrays: Sequence[Any]) -> tuple[Any, Any] | None:
        if unchanged(numbers):
            return found(arrays)
        waiting.settle(None)
        return None

    return checked


def _maker(root: Expression | None, count: int, kernel_of: Callable[[Expression], Any]) -> Maker:
    """What makes the pullback of a formula, in which input `count` is the cotangent and the next one the op's value."""
    if root is None:
        return lambda arrays, y: _nothing
    if not inputs_of(root):
        constant = evaluate(root, ())
        return lambda arrays, y: lambda gy: _filled(gy, constant)
    if root.kind == "input" and root.value == count:
        return lambda arrays, y: _same
    kernel = kernel_of(root)
    held = tuple(i for i in kernel.takes if i < count)
    behind = kernel.takes[len(held) :]
    if behind == (count,) and len(held) == 1:
        return _of_argument(kernel, held[0])
    if behind == (count, count + 1) and not held:
        return lambda arrays, y: lambda gy: kernel(gy, y)

    def make(arrays: Sequence[Any], y: Any) -> Callable[[Any], Any]:
        kept = [arrays[i] for i in held]
        value = [y] if count + 1 in behind else []
        return lambda gy: kernel(*kept, *([gy] if count in behind else []), *value)

    return make


def _of_argument(kernel: Any, i: int) -> Maker:
    def make(arrays: Sequence[Any], y: Any) -> Callable[[Any], Any]:
        x = arrays[i]
        return lambda gy: kernel(x, gy)

    return make


def _filled(gy: Any, constant: Any) -> Any:
    """A constant gradient in the shape of the cotangent, in its library."""
    if type(gy).__module__.partition(".")[0] != "cupy":
        return np.full(gy.shape, constant, constant.dtype)
    import cupy

    return cupy.full(gy.shape, constant.item(), constant.dtype)


def _none(arrays: Sequence[Any], y: Any) -> None:
    return None


def _nothing(gy: Any) -> None:
    return None


def _same(gy: Any) -> Any:
    return gy
