"""How a strided kernel walks through arrays of any shapes and strides to fill one contiguous output."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from math import prod
from typing import Any, TypeAlias

import numpy as np

from .code import AXES

Lie: TypeAlias = tuple[tuple[int, ...], tuple[int, ...]]
"""The shape of an array and its steps in elements."""


@dataclass(frozen=True)
class Layout:
    """A walk.

    flat: all arrays lie alike, or have one element. single: a bit for each array that stays where it is along the last axis.
    struct: what a strided kernel takes, or None where there are more axes than it has. units: of its work.
    """

    flat: bool
    single: int
    struct: Any
    units: int


@lru_cache(maxsize=4096)
def layout_of(shape: tuple[int, ...], arrays: tuple[Lie, ...], firsts: tuple[int, ...], several: int) -> Layout:
    """The walk through arrays that broadcast to a shape without zeros.

    firsts: where each array's first element lies behind the address that is passed. several: elements that can be read at once,
    or 1 where some address does not allow it.
    """
    sizes, steps = _joined(shape, [_broadcast(lie, shape) for lie in arrays])
    inner = [s[-1] for s in steps]
    single = sum(1 << i for i, step in enumerate(inner) if step == 0)
    flat = len(sizes) == 1 and set(inner) <= {0, 1} and not any(firsts)
    if len(sizes) > AXES:
        return Layout(flat, single, None, 0)
    if not set(inner) <= {0, 1} or sizes[-1] % several:
        several = 1
    if any(step % several for s in steps for step in s[:-1] if s[-1]) or any(
        f % several for f, step in zip(firsts, inner, strict=True) if step
    ):
        several = 1
    if several > 1:  # a unit of the last axis is so many elements
        sizes = (*sizes[:-1], sizes[-1] // several)
        steps = [(*s[:-1], s[-1] * several) for s in steps]
    units = prod(sizes)
    rest = (0,) * (AXES - len(sizes))
    values = (units, (*sizes, *rest), firsts, [(*s, *rest) for s in steps], len(sizes), single, int(several > 1), 0)
    return Layout(flat, single, np.array(values, _dtype(len(arrays))), units)


@cache
def _dtype(arrays: int) -> Any:
    """The struct of code.py for so many arrays."""
    longs = [("units", "i8"), ("shape", "i8", (AXES,)), ("first", "i8", (arrays,)), ("step", "i8", (arrays, AXES))]
    return np.dtype([*longs, *[(name, "i4") for name in ("axes", "single", "several", "unused")]])


def _broadcast(lie: Lie, shape: tuple[int, ...]) -> tuple[int, ...]:
    """An array's steps along the axes of a shape that it broadcasts to."""
    own, steps = lie
    steps = tuple(0 if n == 1 else step for n, step in zip(own, steps, strict=True))
    return (0,) * (len(shape) - len(own)) + steps


def _joined(shape: tuple[int, ...], steps: list[tuple[int, ...]]) -> tuple[tuple[int, ...], list[tuple[int, ...]]]:
    """The same walk with as few axes as there can be, one at least."""
    axes: list[tuple[int, tuple[int, ...]]] = []
    for d, n in enumerate(shape):
        step = tuple(s[d] for s in steps)
        if n == 1:
            continue
        if axes and all(before == n * s for before, s in zip(axes[-1][1], step, strict=True)):
            axes[-1] = (axes[-1][0] * n, step)
        else:
            axes.append((n, step))
    if not axes:
        axes = [(1, (0,) * len(steps))]
    return tuple(n for n, _ in axes), [tuple(step[i] for _, step in axes) for i in range(len(steps))]
