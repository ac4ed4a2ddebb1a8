"""What pooling of volumes has of its own: gradients added at the places that were chosen."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange

from ...types import Array
from .compile import inner, jit
from .pool_windows import sections
from .vector import clear


@inner()
def count(numbers: Array) -> int:
    """The sum of a few numbers."""
    total = 0
    for i in range(numbers.size):
        total += numbers[i]
    return total


@inner()
def sees(table: Array, at: int, outputs: int, step: int, position: int) -> bool:
    """Whether a window, whose first position is table[at], looks at a position of its axis."""
    ahead = position - table[at]
    return 0 <= ahead < table[at + outputs] * step and (step == 1 or ahead % step == 0)


@inner()
def line_of(place: int, width: int) -> Any:
    """place // width, for numbers from 0 to 2**32 - 1 in half the time."""
    return np.int64(np.uint32(place) // np.uint32(width))


@jit()
def scatter_volumes(gy: Array, places: Array, gx: Array, table: Array, threads: int) -> int:
    """gx, zero but for each gy added at its place if its window sees that. Returns how many places lie outside the volume."""
    volumes, D, H, W, OD, OH, OW = table[0], table[1], table[2], table[3], table[4], table[5], table[6]
    deep, tall, wide = sections(table)
    size, narrow = D * H * W, D * H * W < 1 << 32
    wrong = np.zeros(threads, np.int64)
    for t in prange(threads):
        beyond = 0
        first, last = t * volumes // threads, (t + 1) * volumes // threads
        clear(gx[first * size : last * size])
        o, begin, od, oh = first * OD * OH * OW, first * size, 0, 0
        for _ in range((last - first) * OD * OH):
            for ow in range(OW):
                place = places[o + ow]
                if place < 0 or place >= size:
                    beyond += 1
                    continue
                line = line_of(place, W) if narrow else place // W
                layer = line_of(line, H) if narrow else line // H
                inside = sees(table, wide + ow, OW, table[9], place - line * W)
                inside &= sees(table, tall + oh, OH, table[8], line - layer * H)
                if inside and sees(table, deep + od, OD, table[7], layer):
                    gx[begin + place] += gy[o + ow]
            o += OW
            oh += 1
            if oh == OH:
                oh, od = 0, od + 1
            if od == OD:
                od, begin = 0, begin + size
        wrong[t] = beyond
    return count(wrong)
