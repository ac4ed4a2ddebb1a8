"""Dropout on the GPU: each thread makes the random words of the values that it reads, so no mask is stored."""

from __future__ import annotations

from ..types import Array
from . import FLOATS
from .machine.launch import Kernel, blocks_for, contiguous, empty, library_of
from .random import PHILOX_WORDS, integers_of_philox, start

_dropout = Kernel("dropout.cu", "dropout", FLOATS, constants=integers_of_philox)


def dropout(x: Array, key: int, counter: int, p: float, inner: int) -> Array:
    """Each value to zero with probability p, the others divided by 1 - p; inner neighbours share their fate."""
    y = empty(library_of(x), x.shape, x.dtype)
    blocks = blocks_for(x.size, PHILOX_WORDS * _dropout.threads)
    _dropout[blocks](contiguous(x), y, x.size, inner, 1.0 / (1.0 - p), round((1.0 - p) * 2**32), *start(key, counter))
    return y
