"""Half precision: what is made of many steps is computed in float32 and rounded once, as the kernels do.

In float16 the square of 300 overflows, the guard 1e-12 is 0, and 2048 + 1 is 2048; bfloat16 has 8 significant bits.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from ..autograd.base import TensorBase
from ..autograd.promotion import is_inexact
from ..default_dtype import get_default_dtype

F = TypeVar("F", bound=Callable[..., Any])


def is_half(x: Any) -> bool:
    """Whether a tensor or an array is of float16 or bfloat16."""
    dtype = getattr(x, "dtype", None)
    return getattr(dtype, "itemsize", None) == 2 and "float16" in str(dtype)  # the strict test library has no halves


def wide_text(text: F) -> F:
    """Let an op text of one array compute in float32 where it is given half precision; the walk rounds its gradient."""

    @wraps(text)
    def read(xp: Any, *given: Any, **consts: Any) -> Any:
        *save, x = given
        if not is_half(x) or consts.get("dtype") is not None:
            return text(xp, *given, **consts)
        y, pull = text(xp, *save, xp.astype(x, xp.float32), **consts)
        return xp.astype(y, x.dtype), lambda gy: pull(xp.astype(gy, xp.float32))

    return cast(F, read)


def wide(function: F) -> F:
    """Let a function of tensors compute in float32 where all its floating tensors are of half precision.

    Its result is rounded to that precision; beside float32 or wider, halves promote to it anyway.
    """

    @wraps(function)
    def call(*args: Any, **options: Any) -> Any:
        values = (*args, *options.values())
        for v in values:
            if isinstance(v, TensorBase) and is_half(v.array):
                break
        else:
            return function(*args, **options)
        dtypes = [v.array.dtype for v in values if isinstance(v, TensorBase) and is_inexact(v.array)]
        halves = {dtype for dtype in dtypes if dtype.itemsize == 2}
        y = function(*map(_raised, args), **{name: _raised(v) for name, v in options.items()})
        return y if len(set(dtypes)) > 1 else y.astype(halves.pop())

    return cast(F, call)


def real(function: F) -> F:
    """Let a function of tensors compute in the default floating dtype where all its tensors are integers or booleans.

    Differences of unsigned integers would wrap around: 3 - 5 is 254 among bytes.
    """

    @wraps(function)
    def call(*args: Any, **options: Any) -> Any:
        for v in (*args, *options.values()):
            if isinstance(v, TensorBase) and is_inexact(v.array):
                return function(*args, **options)
        return function(*map(_floating, args), **{name: _floating(v) for name, v in options.items()})

    return cast(F, call)


def _floating(value: Any) -> Any:
    return value.astype(get_default_dtype()) if isinstance(value, TensorBase) else value  # type: ignore[attr-defined]


def _raised(value: Any) -> Any:
    if not (isinstance(value, TensorBase) and is_half(value.array)):
        return value
    return value.astype("float32")  # type: ignore[attr-defined]
