"""Where the rows of broadcast arrays begin, for arrays of which an axis between others is repeated."""

from __future__ import annotations

from functools import lru_cache
from itertools import accumulate
from math import prod
from operator import mul
from typing import Any

import numpy as np

from ...types import Array

Shape = tuple[int, ...]

LEAST, MOST = 8, 1 << 14
"""Elements that a row must have, and rows of which places are kept."""


@lru_cache(maxsize=1024)
def modes_of(shapes: tuple[Shape, ...], shape: Shape) -> tuple[str, int] | None:
    """How dense arrays that broadcast to a shape are read row by row: their modes (see loops.py), and how many leading axes count
    the rows. None where rows are too short or too many."""
    if 0 in shape:
        return None
    padded = [_padded(own, shape) for own in shapes]
    lead = len(shape)
    while lead and all(own[lead - 1 :] == shape[lead - 1 :] or prod(own[lead - 1 :]) == 1 for own in padded):
        lead -= 1
    if prod(shape[lead:]) < LEAST or prod(shape[:lead]) > MOST:
        return None
    modes = ""
    for own in padded:
        if own == shape or prod(own) == 1:
            modes += "f" if own == shape else "s"
        else:
            modes += "t" if own[lead:] == shape[lead:] else "u"
    return modes, lead


@lru_cache(maxsize=64)
def tabled(shapes: tuple[Shape, ...], shape: Shape, sizes: tuple[int, ...]) -> tuple[str, int, tuple[Array, ...]] | None:
    """The modes of the arrays as modes_of has them, the rows, and for each array of mode t or u where its rows begin, in bytes.

    sizes: the bytes of an element of each array.
    """
    found = modes_of(shapes, shape)
    if found is None:
        return None
    modes, lead = found
    each = zip(shapes, sizes, modes, strict=True)
    tables = tuple([_places(_padded(own, shape), shape[:lead], size) for own, size, mode in each if mode in "tu"])
    return modes, prod(shape[:lead]), tables


def _padded(own: Shape, shape: Shape) -> Shape:
    return (1,) * (len(shape) - len(own)) + own


def _places(own: Shape, rows: Shape, size: int) -> Array:
    steps: Any = [*accumulate(own[:0:-1], mul, initial=size)][::-1]
    places = np.zeros(rows, np.int64)
    for axis, n in enumerate(rows):
        if own[axis] > 1:
            places += (np.arange(n) * steps[axis]).reshape(-1, *[1] * (len(rows) - axis - 1))
    table = places.reshape(-1)
    table.flags.writeable = False
    return table
