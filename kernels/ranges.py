"""Whether integers lie in a range, asked before memory is read or written at them; where an index of arrays points."""

from __future__ import annotations

from typing import Any

import numpy as np

from .types import Array

FEW = 64
"""So many numbers are looked at one by one in less time than two of NumPy's reductions take to begin."""

VERY_FEW = 12
"""So many in less time than NumPy needs to find the largest."""

_UNSIGNED = {size: np.dtype(f"u{size}") for size in (1, 2, 4, 8)}


def in_range(ids: Array, size: int) -> bool:
    """Whether all of an integer array of NumPy lies in 0 ... size - 1."""
    count = ids.size
    if count <= VERY_FEW:
        if not count:
            return True
        numbers = (ids if ids.ndim == 1 else ids.reshape(-1)).tolist()
        return bool(0 <= min(numbers) and max(numbers) < size)
    if not ids.dtype.isnative or (ids.dtype.kind == "i" and size > 1 << (8 * ids.itemsize - 1)):
        return bool(0 <= ids.min() and ids.max() < size)
    # Read as unsigned, a negative number is larger than any other: a single pass finds both. To find where the largest is takes
    # NumPy half the time of finding the largest.
    unsigned = ids.view(_UNSIGNED[ids.itemsize])
    return bool(unsigned.item(unsigned.argmax()) < size)


def places_of(key: Any, shape: tuple[int, ...]) -> Array | None:
    """The flat places of an index of one integer array per axis; None for another, and for one that is out of range."""
    if not isinstance(key, tuple) or len(key) != len(shape):
        return None
    places: Any = 0
    for k, n in zip(key, shape, strict=True):
        if type(k) is not np.ndarray or k.dtype != np.int64 or not k.size:
            return None
        if not in_range(k, n):
            k = np.where(k < 0, k + n, k)
            if not in_range(k, n):
                return None
        places = places * n + k
    return np.asarray(places)
