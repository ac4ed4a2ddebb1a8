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


@lru_cache(maxsize=256)
def tabled(shapes: tuple[Shape, ...], shape: Shape, sizes: tuple[int, ...]) -> tuple[str, int, tuple[Array, ...]] | None:
    """How dense arrays that broadcast to a shape are read row by row: their modes (see loops.py), the rows, and for each array of
    mode t or u where its rows begin, in bytes. None where rows are too short or too many.

    sizes: the bytes of an element of each array.
    """
    if 0 in shape:
        return None
    padded = [(1,) * (len(shape) - len(own)) + own for own in shapes]
    lead = len(shape)
    while lead and all(own[lead - 1 :] == shape[lead - 1 :] or prod(own[lead - 1 :]) == 1 for own in padded):
        lead -= 1
    rows, n = prod(shape[:lead]), prod(shape[lead:])
    if n < LEAST or rows > MOST:
        return None
    modes, tables = "", []
    for own, size in zip(padded, sizes, strict=True):
        if own == shape or prod(own) == 1:
            modes += "f" if own == shape else "s"
            continue
        modes += "t" if own[lead:] == shape[lead:] else "u"
        tables.append(_places(own, shape[:lead], size))
    return modes, rows, tuple(tables)


def _places(own: Shape, rows: Shape, size: int) -> Array:
    steps: Any = [*accumulate(own[:0:-1], mul, initial=size)][::-1]
    places = np.zeros(rows, np.int64)
    for axis, n in enumerate(rows):
        if own[axis] > 1:
            places += (np.arange(n) * steps[axis]).reshape(-1, *[1] * (len(rows) - axis - 1))
    table = places.reshape(-1)
    table.flags.writeable = False
    return table
