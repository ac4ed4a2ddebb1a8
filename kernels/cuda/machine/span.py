"""Arrays that a kernel reads where they lie: the memory around them, and steps in elements."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...types import Array
from .launch import library_of


def address_of(x: Array) -> int:
    """Where an array's first element lies."""
    return int(x.__array_interface__["data"][0] if isinstance(x, np.ndarray) else x.data.ptr)


def is_plain(x: Array) -> bool:
    """Whether an array's elements lie at multiples of their size."""
    size = x.dtype.itemsize
    return address_of(x) % size == 0 and not any(step % size for step in x.strides)


def span_of(x: Array) -> tuple[Array, int]:
    """The memory from an array's lowest element to its highest, as a contiguous array, and how far in it the first one lies."""
    if x.flags.c_contiguous:
        return x, 0
    size = x.dtype.itemsize
    steps = [step // size if n > 1 else 0 for n, step in zip(x.shape, x.strides, strict=True)]
    before = sum((n - 1) * -step for n, step in zip(x.shape, steps, strict=True) if step < 0)
    length = 1 + sum((n - 1) * abs(step) for n, step in zip(x.shape, steps, strict=True))
    lowest: Any = x[tuple([slice(None, None, -1) if step < 0 else slice(None) for step in steps])]
    if library_of(x) is np:
        return np.lib.stride_tricks.as_strided(lowest, (length,), (size,), writeable=False), before
    from cupy.lib.stride_tricks import as_strided

    return as_strided(lowest, (length,), (size,)), before
