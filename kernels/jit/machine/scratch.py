"""Memory that one call after another works in.

Memory that a call gives back goes to the system when there is much of it, and every page of new memory costs a fault: together
they took a quarter of a product of 512 x 512 matrices. What a call has written into its memory means nothing to the next.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...types import Array

LEAST, MOST = 1 << 17, 1 << 23
"""Bytes of memory that is kept: less comes from the heap without a fault, more would be missed elsewhere."""

_free: list[Array] = []
"""Of threads that call at once each takes one; one is kept."""


def borrowed(size: int, dtype: Any) -> Array:
    """An array of so many elements that hold anything; give it back where it is used no more."""
    count = size * np.dtype(dtype).itemsize
    if not LEAST <= count <= MOST:
        return np.empty(size, dtype)
    try:
        memory = _free.pop()
    except IndexError:
        memory = np.empty(count, np.uint8)
    if memory.size < count:
        memory = np.empty(count, np.uint8)
    return memory[:count].view(dtype)


def give_back(array: Array) -> None:
    """Let the next call have the memory of an array of `borrowed`, which nothing may use any more."""
    memory = array.base
    if memory is not None and not _free:
        _free.append(memory)
