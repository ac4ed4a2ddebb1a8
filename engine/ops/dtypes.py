"""Conversions between dtypes and devices, and copies. Gradients are converted back."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import backend
from ..autograd.op import op
from ..autograd.promotion import bfloat16, is_complex
from ..errors import DTypeError

__all__ = ["astype", "clone"]


def _home(x: Any) -> str:
    """The device of an array, or of a tensor."""
    return backend.device_of(getattr(x, "_array", x))


@op(needs="", view=True, complex=True, arrays=1)
def astype(xp, x, dtype, /, *, copy=True, device=None):
    """x with another dtype, and on another device if one is given."""
    if isinstance(dtype, (str, type)):
        dtype = bfloat16() if dtype == "bfloat16" else np.dtype(dtype)
    if is_complex(x) and not xp.isdtype(dtype, ("complex floating", "bool")):
        raise DTypeError(f"astype: {x.dtype} does not convert to {dtype}; use dl.real(x), dl.imag(x) or dl.abs(x)")
    y = xp.astype(x, dtype, copy=copy)
    if device is None:
        return y, lambda gy: gy
    backend.namespace_for(device)
    home, device = _home(x), backend.located(device)
    return xp.to_device(y, device), lambda gy: xp.to_device(gy, home)


@op(needs="", view=True, complex=True)
def to_device(xp, x, /, device):
    """x on another device ("cpu", "cuda", "cuda:1"); the gradient comes back to the first."""
    backend.namespace_for(device)  # raises if there is no such device
    home, device = _home(x), backend.located(device)
    return xp.to_device(x, device), lambda gy: xp.to_device(gy, home)


@op(needs="", complex=True)
def clone(xp, x, /):
    """A copy of x that shares nothing with it; gradients flow through."""
    return xp.asarray(x, copy=True), lambda gy: gy
