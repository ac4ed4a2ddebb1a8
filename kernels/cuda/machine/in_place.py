"""Arrays that a kernel writes in place: kernels take contiguous ones, callers give any."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ...types import Array


def require_writable(arrays: Iterable[Array]) -> None:
    """Raise ValueError, as NumPy does, for an array that is read-only."""
    if any(isinstance(a, np.ndarray) and not a.flags.writeable for a in arrays):
        raise ValueError("a tensor that is to be written in place is read-only")


def write_back(copies: Iterable[Array], arrays: Iterable[Array]) -> None:
    """Put what a kernel wrote into contiguous copies into the views that they were made from; the others are those arrays."""
    for copy, array in zip(copies, arrays, strict=True):
        if copy is not array:
            array[...] = copy
