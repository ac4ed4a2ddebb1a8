"""Memory layouts of the same values, as slices and transposes produce them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def contiguous(x: Any) -> Any:
    """C order: row after row."""
    return np.array(x, order="C")


def transposed(x: Any) -> Any:
    """Fortran order: the first axis is contiguous."""
    return np.array(x, order="F")


def strided(x: Any) -> Any:
    """Every second element of a longer buffer along the last axis; the elements between are NaN, or 1 for integers."""
    if not x.ndim:
        return np.array(x)
    around = np.full((*x.shape[:-1], 2 * x.shape[-1] + 1), np.nan if x.dtype.kind in "fc" else 1, x.dtype)
    around[..., 1::2] = x
    return around[..., 1::2]


def reversed_(x: Any) -> Any:
    """Stored backwards along every axis, read with negative strides."""
    back = (slice(None, None, -1),) * x.ndim
    return np.array(x[back], order="C")[back]


def offset(x: Any) -> Any:
    """A view that starts inside its buffer, one element past an aligned address."""
    around = np.zeros(x.size + 1, x.dtype)
    around[1:] = x.reshape(-1)
    return around[1:].reshape(x.shape)


def spread(x: Any) -> Any:
    """The first slice along the first axis, repeated with stride 0; this changes the values."""
    if not x.ndim or not x.shape[0]:
        return np.array(x)
    return np.broadcast_to(np.array(x[:1]), x.shape)


LAYOUTS: dict[str, Callable[[Any], Any]] = {
    "transposed": transposed,
    "strided": strided,
    "reversed": reversed_,
    "offset": offset,
}
"""The layouts that keep the values."""


def frozen(x: Any) -> Any:
    """A read-only view."""
    view = x[...]
    view.flags.writeable = False
    return view
