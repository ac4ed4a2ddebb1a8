"""Promotion where the array API leaves it open: PyTorch's rule for integers that meet floats, and the default dtype."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..backend import known
from ..default_dtype import default_complex_dtype, get_default_dtype

_F4, _F8 = np.dtype("float32"), np.dtype("float64")
REAL_FLOATS = frozenset(np.dtype(d) for d in ("float16", "float32", "float64"))
FLOATS = REAL_FLOATS | frozenset(np.dtype(d) for d in ("complex64", "complex128"))


def is_inexact(array: Any) -> bool:
    """Whether a gradient can flow through an array: real or complex floating, bfloat16 included."""
    dtype = array.dtype
    if dtype in FLOATS:
        return True
    if isinstance(dtype, np.dtype):
        return dtype.kind == "V"  # bfloat16 and its kin from ml_dtypes
    return "float" in str(dtype) or "complex" in str(dtype)


def is_complex_dtype(dtype: Any) -> bool:
    """Whether a dtype is complex."""
    return dtype.kind == "c" if isinstance(dtype, np.dtype) else "complex" in str(dtype)


def is_complex(array: Any) -> bool:
    """Whether an array is complex."""
    return is_complex_dtype(array.dtype)


def bfloat16() -> Any:
    """The dtype bfloat16 (float32's range, 8 significant bits), which the package ml_dtypes brings to NumPy and CuPy."""
    return known("bfloat16")


def _of_dtype(xp: Any, a: Any, dtype: Any) -> Any:
    """A number that meets bfloat16 as bfloat16: the dtype is not NumPy's own, which would make float32 of both."""
    number = isinstance(a, int | float) and isinstance(dtype, np.dtype)
    return xp.asarray(a, dtype=dtype) if number else a


def kept(arrays: Sequence[Any], consts: dict[str, Any], y: Any) -> Any:
    """What an op made of bfloat16 alone, as bfloat16; NumPy, to which that dtype is foreign, makes float32 of many things.

    y: an array or a tuple of them. An op that was given a dtype has its own.
    """
    if consts.get("dtype") is not None:
        return y
    brief = None
    for a in arrays:
        for b in a if isinstance(a, list) else (a,):
            kind = b.dtype.kind if isinstance(getattr(b, "dtype", None), np.dtype) else ""
            if kind and kind in "fc":
                return y
            if kind == "V":
                brief = b.dtype
    if brief is None:
        return y
    return tuple(_of(part, brief) for part in y) if type(y) is tuple else _of(y, brief)


def _of(y: Any, brief: Any) -> Any:
    return y.astype(brief) if isinstance(getattr(y, "dtype", None), np.dtype) and y.dtype.kind == "f" else y


def promote(xp: Any, arrays: list[Any], mode: str) -> list[Any]:
    """Bring the arguments of an elementwise op to dtypes that the library's own promotion then treats as wanted.

    Integers or booleans meeting floating arrays take the floats' dtype; meeting a floating scalar, the default dtype.
    mode "float" (exp, divide ...) sends them there in any case; mode "join" otherwise leaves them.
    """
    dtype = None
    for a in arrays:
        if hasattr(a, "dtype"):
            if dtype is None:
                dtype = a.dtype
            elif a.dtype is not dtype:
                break
    else:
        if dtype is _F4 or dtype is _F8:  # the commonest case, which what follows would leave as it is too
            return arrays
    present = [a for a in arrays if hasattr(a, "dtype")]
    floating = [a.dtype for a in present if is_inexact(a)]
    scalars = {type(a) for a in arrays}
    if floating:
        if len(floating) == len(present):
            if len(present) == len(arrays) or floating[0] in FLOATS:
                return arrays
            return [_of_dtype(xp, a, floating[0]) for a in arrays]
        wanted = xp.result_type(*floating) if len(floating) > 1 else floating[0]
    elif complex in scalars:
        wanted = xp.dtype(default_complex_dtype())
    elif float in scalars or mode == "float":
        wanted = xp.dtype(get_default_dtype())
    else:
        return arrays
    return [xp.astype(a, wanted) if hasattr(a, "dtype") and not is_inexact(a) else a for a in arrays]
