"""Questions about a few numbers that take machine code less time than a reduction of NumPy's takes to begin."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..types import Array
from .machine.compile import dense, flat, jit


@jit(parallel=False, exact=True, flat=True)
def _within(x: Array, low: float, high: float) -> int:
    outside = 0
    for i in range(x.size):
        outside += not (low <= x[i] <= high)
    return outside


def within(x: Array, low: float, high: float) -> bool:
    """Whether all numbers of an array of floats lie in low ... high; NaN lies nowhere."""
    return bool(_within(dense(x), low, high) == 0)


@jit(exact=True, parallel=False)
def _among(x: Array, few: Array, out: Array) -> None:
    for i in range(x.size):
        found = False
        for k in range(few.size):
            found |= x[i] == few[k]
        out[i] = found


@jit(exact=True, parallel=False)
def _among_sorted(x: Array, line: Array, out: Array) -> None:
    """line: sorted, NaN at its end."""
    for i in range(x.size):
        first, last = 0, line.size
        while first < last:
            middle = (first + last) // 2
            if line[middle] < x[i]:
                first = middle + 1
            else:
                last = middle
        out[i] = first < line.size and line[first] == x[i]


def among(x: Array, values: Array) -> Array:
    """Whether each number of x is one of the values, of the same dtype; booleans of the shape of x. NaN is none."""
    out = np.empty(x.shape, np.bool_)
    few: Any = values.size <= FEW
    (_among if few else _among_sorted)(flat(x), flat(values) if few else np.sort(values, axis=None), out.reshape(-1))
    return out


FEW = 16
"""Values that are compared one by one."""
