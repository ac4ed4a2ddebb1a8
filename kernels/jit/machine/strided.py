"""Rows of elements that lie some steps apart."""

from __future__ import annotations

import numpy as np

from ...types import Array
from .compile import inner


@inner()
def pick(target: Array, source: Array, stride: int) -> None:
    """Every stride-th element. An unsigned place is taken as it is, where a signed one might count from the end."""
    step = np.uint64(stride)
    for i in range(target.size):
        target[i] = source[step * np.uint64(i)]


@inner()
def add_apart(target: Array, source: Array, stride: int) -> None:
    """Elements added at every stride-th place."""
    step = np.uint64(stride)
    for i in range(source.size):
        target[step * np.uint64(i)] += source[i]
