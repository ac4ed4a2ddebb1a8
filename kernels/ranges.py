"""Whether integers lie in a range: asked before memory is read or written at them."""

from __future__ import annotations

import numpy as np

from .types import Array

FEW = 64
"""So many numbers are looked at one by one in less time than NumPy's reduction takes to begin."""


def in_range(ids: Array, size: int) -> bool:
    """Whether all of an integer array of NumPy lies in 0 ... size - 1."""
    count = ids.size
    if count <= FEW:
        if not count:
            return True
        numbers = (ids if ids.ndim == 1 else ids.reshape(-1)).tolist()
        return bool(0 <= min(numbers) and max(numbers) < size)
    # Read as unsigned, a negative number is a huge one: a single pass finds both.
    return int(np.maximum.reduce(ids.view(f"u{ids.dtype.itemsize}"), axis=None)) < size
