"""Copies and fills of large arrays, shared between threads: y[...] = x for two arrays of one dtype.

NumPy copies on one thread, and the C library's copy of 512 KB may take 14 us or 44 by how the two addresses lie to each other on
some CPUs. The loops here are LLVM's code for any layout of both arrays: how they go through memory is planned in Python once for
each pair of layouts, so that a call has little to look at.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import cache, lru_cache
from itertools import accumulate, product
from math import prod
from operator import mul
from typing import Any, NamedTuple

import numpy as np

from ...types import Array
from ..machine.compile import LARGE, in_parallel, is_interpreted, start_threads, thread_count, threads_for, writers
from . import copies_code, machine
from .copies_code import AXES
from .copies_planes import PLANES, SIDES
from .entry import BYTES_AT, DATA_AT, ENTRIES, TYPE_AT

SHARED = 400_000
"""Bytes from which on threads share the copy of memory as it lies."""

_PACE = {"rows": 0.025, "fill": 0.012, "back": 0.023, "strided": 0.35, "turned": 0.12}
"""Nanoseconds of one thread: for a byte, for a byte, for a byte, for an element, for an element."""

_EAGER = 1.7
"""A thread pays for less work here than elsewhere: 3,000 ns, since all that it does is wait for memory."""

_ROW = 1.0
"""Nanoseconds for a row beside its bytes."""

_LINE = 64
"""Bytes of a line of memory: neighbours in one are written by one thread."""

_FINE = 32
"""Parts of an axis that are enough for threads to have about as much each."""

_SOME = 8
"""Parts of an outer axis that are better than any number of an inner one, of each stretch of which every thread has a piece."""

_SHORT = 16
"""Elements of a row that is too short to be the innermost loop."""

_NARROW = 512
"""Bytes of a row that is so short that NumPy spends its time between rows."""

_TILE, _WHOLE = 64, 1 << 40
"""How much of the inner axis is gone through for 16 of the outer one, where that is nearer in x; and where it is not."""

_PLAIN, _HALF = 16, np.dtype("float16").num
"""NumPy's numbers of dtypes: those below this one, and float16, are nothing but bytes."""


class Plan(NamedTuple):
    """How to copy from one layout to another.

    words: what machine code reads. parts: into how many it can be cut. nanoseconds: what one thread takes. alone: whether one is
    faster than NumPy.
    """

    words: bytes
    parts: int
    nanoseconds: float
    alone: bool


class Pieces(NamedTuple):
    """How to make an array of that shape by some copies at once, none of which writes where another one does."""

    shape: tuple[int, ...]
    words: tuple[bytes, ...]
    parts: int
    nanoseconds: float


def assign(y: Array, x: Array) -> bool:
    """y[...] = x, for arrays that share no memory; False, and nothing is written, where NumPy is to do it.

    Parameters
    ----------
    y, x : ndarray
        Of one dtype; x broadcasts to y. y: written; no element of it lies where another one does.
    """
    dtype = y.dtype
    if (x.dtype is not dtype and x.dtype != dtype) or y.nbytes < LARGE or is_interpreted() or not _taken(dtype):
        return False
    plan = _plan(y.shape, y.strides, x.shape, x.strides, dtype.itemsize)
    if plan is None:
        return False
    threads = threads_for(plan.parts, _EAGER * plan.nanoseconds)
    run = _run() if threads > 1 or plan.alone else None
    return run is not None and bool(in_parallel(run, threads, plan.words, y, x))


def in_order(x: Array) -> Array | None:
    """A copy of x in the order of its axes; None where NumPy is to make it."""
    size = x.itemsize
    if x.nbytes < LARGE or is_interpreted() or not _taken(x.dtype):
        return None
    plan = _plan(x.shape, _dense(x.shape, size), x.shape, x.strides, size)
    if plan is None:
        return None
    threads = threads_for(plan.parts, _EAGER * plan.nanoseconds)
    run = _run() if threads > 1 or plan.alone else None
    if run is None:
        return None
    y = np.empty(x.shape, x.dtype)
    return y if in_parallel(run, threads, plan.words, y, x) else None


def write(y: Array, x: Array) -> None:
    """y[...] = x, likewise, by whom it may be."""
    if not assign(y, x):
        y[...] = x


writers.append(write)


def assemble(pieces: Pieces, dtype: Any, arrays: Sequence[Array], alone: bool = False) -> Array | None:
    """A new array made of copies of others.

    Parameters
    ----------
    pieces : Pieces
        How.
    dtype : numpy.dtype
        Of all arrays.
    arrays : sequence of ndarray
        One for each copy.
    alone : bool
        Whether one thread is faster than NumPy.

    Returns
    -------
    ndarray or None
        None where NumPy is to do it.
    """
    threads = threads_for(pieces.parts, _EAGER * pieces.nanoseconds)
    run = _run() if (threads > 1 or alone) and _taken(dtype) and not is_interpreted() else None
    if run is None:
        return None
    y = np.empty(pieces.shape, dtype)
    given: list[Any] = [threads]
    for words, x in zip(pieces.words, arrays, strict=True):
        given += words, y, x
    return y if in_parallel(run, *given) else None


def shared(size: int) -> bool:
    """Whether threads would share the copy of so many bytes."""
    return size >= SHARED and thread_count(2) > 1


def copied(x: Array) -> Array | None:
    """x.copy("K"); None where NumPy is to do it."""
    flags = x.flags
    if (flags.c_contiguous or flags.f_contiguous) and not shared(x.nbytes):
        return None
    y = np.empty_like(x)
    return y if assign(y, x) else None


def _taken(dtype: Any) -> bool:
    """Whether the elements of a dtype are nothing but bytes."""
    number = dtype.num
    return bool(number < _PLAIN or number == _HALF or dtype.name == "bfloat16")


_WORDS = ("ndarray", "as_long", "save", "restore", "parallel", "true", "false", "incref")
"""What machine code needs of the process."""


@cache
def _run() -> Any:
    """The function of machine code; None where there can be none."""
    try:
        start_threads()
        places = {word: ENTRIES.index(word) for word in _WORDS}
        name = "dlengine_copies"
        text = copies_code.text(name, places | {"BYTES": BYTES_AT, "DATA": DATA_AT, "TYPE": TYPE_AT})
        (address,) = machine.linked(name, text, (name,))
        return machine.as_function(address, machine.table(False))
    except RuntimeError:  # LLVM that does not know this CPU, a foreign Python
        return None


Axis = tuple[int, int, int]
"""The size of an axis, and the steps of y and x along it in bytes."""


@lru_cache(maxsize=1024)
def _plan(
    shape: tuple[int, ...], y_strides: tuple[int, ...], x_shape: tuple[int, ...], x_strides: tuple[int, ...], size: int,
    y_begin: int = 0, x_begin: int = 0,
) -> Plan | None:  # fmt: skip
    """How to copy, from so many bytes of y and x on; None where x does not broadcast, or there are too many axes."""
    ahead = len(shape) - len(x_shape)
    if ahead < 0 or any(m not in (1, n) for m, n in zip(x_shape, shape[ahead:], strict=True)):
        return None
    steps = [0] * ahead + [s if m > 1 else 0 for m, s in zip(x_shape, x_strides, strict=True)]
    axes: list[Axis] = []
    for n, dy, dx in zip(shape, y_strides, steps, strict=True):
        if dy < 0:  # from its last element on
            y_begin, x_begin, dy, dx = y_begin + (n - 1) * dy, x_begin + (n - 1) * dx, -dy, -dx
        if n > 1:
            axes.append((n, dy, dx))
    axes = _merged(sorted(axes, key=lambda axis: (-axis[1], -abs(axis[2]))))
    if len(axes) > AXES:
        return None
    axes, kind = _ordered([(1, 0, 0)] * (2 - len(axes)) + axes, size)
    shared, grain = _shared(axes, kind, size)
    (outer, _, near), (inner, _, far) = axes[-2:]
    tile = _TILE if abs(near) < abs(far) else _WHOLE
    plane = PLANES.index(kind if kind == "rows" else f"{kind}{size}")
    words = (y_begin, x_begin, len(axes), shared, grain, plane, tile, *[w for axis in axes for w in axis])
    count = prod([n for n, _, _ in axes])
    pace = _PACE[kind] * (size if kind in ("fill", "back") else 1)
    alone = kind in ("fill", "turned", "back") or (kind == "rows" and inner < _NARROW)
    alone = alone or (kind == "strided" and axes[-1][1] != size)
    nanoseconds = pace * count + _ROW * (count // inner)
    return Plan(struct.pack(f"={len(words)}q", *words), max(1, axes[shared][0] // grain), nanoseconds, alone)


Layout = tuple[tuple[int, ...], tuple[int, ...]]
"""The shape and the strides of an array."""


@lru_cache(maxsize=256)
def joined(layouts: tuple[Layout, ...], at: int, size: int, new: bool) -> Pieces | None:
    """How to put arrays one behind the other along an axis, or along a new one; None where they do not fit."""
    shapes = [(*shape[:at], 1, *shape[at:]) if new else shape for shape, _ in layouts]
    first = shapes[0]
    if not 0 <= at < len(first) or any((*s[:at], *s[at + 1 :]) != (*first[:at], *first[at + 1 :]) for s in shapes):
        return None
    whole = (*first[:at], sum([s[at] for s in shapes]), *first[at + 1 :])
    steps, plans, begin = _dense(whole, size), [], 0
    for shape, (_, strides) in zip(shapes, layouts, strict=True):
        if 0 not in shape:
            plans.append(_plan(shape, steps, shape, (*strides[:at], 0, *strides[at:]) if new else strides, size, begin))
        begin += shape[at] * steps[at]
    return _pieces(whole, plans) if len(plans) == len(shapes) else None


@lru_cache(maxsize=256)
def rolled(shape: tuple[int, ...], strides: tuple[int, ...], shifts: tuple[tuple[int, int], ...], size: int) -> Pieces | None:
    """How to move an array along axes, given with how far: it is cut in two along each."""
    steps, by = _dense(shape, size), dict(shifts)
    cuts = [by.get(a, 0) % n for a, n in enumerate(shape)]
    plans = []
    for corner in product(*[((0, n - k, k), (n - k, k, 0)) if k else ((0, n, 0),) for n, k in zip(shape, cuts, strict=True)]):
        part = tuple([n for _, n, _ in corner])
        begins = [sum([c[i] * step for c, step in zip(corner, over, strict=True)]) for i, over in ((2, steps), (0, strides))]
        plans.append(_plan(part, steps, part, strides, size, *begins))
    return _pieces(shape, plans)


@lru_cache(maxsize=256)
def framed(layout: Layout, begins: tuple[int, ...], whole: tuple[int, ...], size: int) -> Pieces | None:
    """How to put an array at a place in a larger one, and one number everywhere else: all copies but the last are of that."""
    shape, strides = layout
    ends = [b + n for b, n in zip(begins, shape, strict=True)]
    if 0 in shape or any(b < 0 or e > n for b, e, n in zip(begins, ends, whole, strict=True)):
        return None
    steps = _dense(whole, size)
    place = [(b, n) for b, n in zip(begins, shape, strict=True)]
    plans = []
    for a, n in enumerate(whole):  # the slabs before and behind it along each axis, within it along the axes before
        for slab in ((0, begins[a]), (ends[a], n - ends[a])):
            box = [*place[:a], slab, *[(0, m) for m in whole[a + 1 :]]]
            if all([m for _, m in box]):
                begin = sum([b * step for (b, _), step in zip(box, steps, strict=True)])
                plans.append(_plan(tuple([m for _, m in box]), steps, (), (), size, begin))
    plans.append(_plan(shape, steps, shape, strides, size, sum([b * step for b, step in zip(begins, steps, strict=True)])))
    return _pieces(whole, plans)


@lru_cache(maxsize=1024)
def _dense(shape: tuple[int, ...], size: int) -> tuple[int, ...]:
    """The strides of a new array."""
    return tuple(accumulate(shape[:0:-1], mul, initial=size))[::-1]


def _pieces(shape: tuple[int, ...], plans: list[Plan | None]) -> Pieces | None:
    known = [plan for plan in plans if plan is not None]
    if len(known) < len(plans) or not known:
        return None
    parts, nanoseconds = max([plan.parts for plan in known]), sum([plan.nanoseconds for plan in known])
    return Pieces(shape, tuple([plan.words for plan in known]), parts, nanoseconds)


def _merged(axes: list[Axis]) -> list[Axis]:
    """Axes of which one goes on where its neighbour ends, put together."""
    found: list[Axis] = []
    for n, dy, dx in axes:
        if found and found[-1][1:] == (n * dy, n * dx):
            n *= found.pop()[0]
        found.append((n, dy, dx))
    return found


def _ordered(axes: list[Axis], size: int) -> tuple[list[Axis], str]:
    """The axes, two at least, in the order in which they are gone through, and what does the last two."""
    n, dy, dx = axes[-1]
    if dy == dx == size:
        return [*axes[:-1], (n * size, 1, 1)], "rows"
    if dy == size and dx == 0:
        return axes, "fill"
    if dy == -dx == size and n * size >= _LINE:
        return axes, "back"
    # Where x lies close together comes next, so that lines of both are in the cache.
    near = min(range(len(axes) - 1), key=lambda i: abs(axes[i][2]) or _WHOLE)
    axes = [*axes[:near], *axes[near + 1 : -1], axes[near], axes[-1]]
    side, outer, inner = SIDES[size], axes[-2], axes[-1]
    if inner[1] == outer[2] == size and min(inner[0], outer[0]) >= side:
        return axes, "turned"
    if inner[0] < _SHORT and outer[0] > inner[0]:
        axes[-2:] = inner, outer
    return axes, "strided"


def _shared(axes: list[Axis], kind: str, size: int) -> tuple[int, int]:
    """Which axis threads share, and into multiples of what: the first of many elements, else the one of most; an inner one only
    if the outer ones are short."""
    sizes, last = [n for n, _, _ in axes], len(axes) - 1
    outer = sizes[: last - (kind == "turned")]
    shared = next((i for i, n in enumerate(sizes) if n >= _FINE), sizes.index(max(sizes)))
    if shared >= len(outer) and max(outer, default=0) >= _SOME:
        shared = outer.index(max(outer))
    if kind == "turned" and shared >= last - 1:
        return shared, SIDES[size]
    if shared == last and kind in ("rows", "fill", "back"):
        return shared, _LINE // (1 if kind == "rows" else size)
    return shared, 1
