"""New tensors. The default dtype is float32 (set_default_dtype), the default device that of the backend in force."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import backend
from ..autograd.base import TensorBase, wrap
from ..autograd.promotion import default_complex_dtype, get_default_dtype
from ..errors import DTypeError


def _default(dtype: Any) -> Any:
    return get_default_dtype() if dtype is None else dtype


def asarray(obj: Any, /, *, dtype: Any = None, device: str | None = None, copy: bool | None = None) -> Any:
    """A tensor from a number, nested sequence, NumPy or CuPy array, or tensor.

    Python floats give the default dtype; arrays keep theirs. copy=None copies an array of another library or from the
    caller (so that later writes to it are not seen); copy=False shares its memory or raises ValueError.
    """
    if isinstance(obj, TensorBase):
        return _from_tensor(obj, dtype, device, copy)
    xp = backend.namespace_for(device)
    if isinstance(obj, np.ndarray) or hasattr(obj, "__cuda_array_interface__"):
        return wrap(xp.asarray(obj, dtype=xp.dtype(dtype), copy=copy is not False))
    if copy is False:
        raise ValueError("asarray: copy=False, but a Python object cannot be shared")
    host = np.asarray(_plain(obj))
    if host.dtype == object or host.dtype.kind in "USOmM":
        raise DTypeError(f"asarray: expected numbers in equal-length sequences, got {type(obj).__name__} of dtype {host.dtype}")
    if dtype is None:
        typed = _has_typed(obj)
        if host.dtype == np.float64 and not typed:
            dtype = get_default_dtype()
        elif host.dtype == np.complex128 and not typed:
            dtype = default_complex_dtype()
    if dtype is not None:
        host = host.astype(dtype)
    return wrap(host if xp.library.name == "numpy" else xp.asarray(host, dtype=xp.dtype(host.dtype)))


def _plain(obj: Any) -> Any:
    """A nested sequence with its tensors as arrays."""
    if isinstance(obj, TensorBase):
        return obj.numpy()  # type: ignore[attr-defined]
    return [_plain(o) for o in obj] if isinstance(obj, (list, tuple)) else obj


def _has_typed(obj: Any) -> bool:
    """Whether a nested sequence holds NumPy scalars, arrays or tensors, whose dtype then counts."""
    while isinstance(obj, (list, tuple)):
        if not obj:
            return False
        obj = obj[0]
    return isinstance(obj, (np.generic, np.ndarray, TensorBase))


def _from_tensor(t: TensorBase, dtype: Any, device: str | None, copy: bool | None) -> Any:
    from .dtypes import astype, clone

    moved = t if device is None else t.to(device)  # type: ignore[attr-defined]
    if dtype is not None and np.dtype(dtype) != moved.dtype:  # type: ignore[attr-defined]
        if copy is False:
            raise ValueError("asarray: copy=False, but another dtype needs a copy")
        return astype(moved, dtype)
    return clone(moved) if copy else moved


def zeros(shape: Any, *, dtype: Any = None, device: str | None = None) -> Any:
    """A tensor of zeros."""
    xp = backend.namespace_for(device)
    return wrap(xp.zeros(shape, dtype=xp.dtype(_default(dtype))))


def ones(shape: Any, *, dtype: Any = None, device: str | None = None) -> Any:
    """A tensor of ones."""
    xp = backend.namespace_for(device)
    return wrap(xp.ones(shape, dtype=xp.dtype(_default(dtype))))


def arange(start: Any, /, stop: Any = None, step: Any = 1, *, dtype: Any = None, device: str | None = None) -> Any:
    """start, start + step ... below stop; arange(n) counts from 0. Floats give the default dtype."""
    xp = backend.namespace_for(device)
    if dtype is None:
        dtype = get_default_dtype() if any(isinstance(v, float) for v in (start, stop, step)) else np.dtype("int64")
    if stop is None:
        start, stop = 0, start
    return wrap(xp.arange(start, stop, step, dtype=xp.dtype(dtype)))


PLACED: dict[str, Callable[..., Any]] = {"asarray": asarray, "zeros": zeros, "ones": ones, "arange": arange}
"""The functions that take a device: the tensor namespace binds it."""
