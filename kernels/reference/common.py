"""What every reference kernel needs: the rule of precision and layout, and strided windows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import wraps
from itertools import product
from types import EllipsisType
from typing import Any, TypeVar, cast

from ..geometry import ConvGeometry, PoolGeometry
from ..types import Array, Namespace

F = TypeVar("F", bound=Callable[..., Any])
Window = tuple[slice | EllipsisType, ...]


def is_half(xp: Namespace, a: Any) -> bool:
    """Whether an argument is an array of float16 or bfloat16; told by name, since the standard has neither."""
    dtype = getattr(a, "dtype", None)
    return dtype is not None and dtype != xp.float32 and dtype != xp.float64 and "float16" in str(dtype)


def kernel(function: F) -> F:
    """Make a function a kernel: half precision is computed in float32, and results are C-contiguous.

    Arrays inside a tuple of results (residuals) stay as they are.
    """

    @wraps(function)
    def run(xp: Namespace, *arguments: Any, **constants: Any) -> Any:
        half = next((a.dtype for a in arguments if is_half(xp, a)), None)
        if half is not None:
            arguments = tuple(xp.astype(a, xp.float32) if is_half(xp, a) else a for a in arguments)
        results = function(xp, *arguments, **constants)
        if isinstance(results, tuple):
            return tuple(_finish(xp, result, half) for result in results)
        return _finish(xp, results, half)

    return cast(F, run)


def _finish(xp: Namespace, result: Any, half: Any) -> Any:
    if result is None or isinstance(result, tuple):
        return result
    if half is not None and result.dtype == xp.float32:
        result = xp.astype(result, half)
    return xp.reshape(xp.reshape(result, (-1,)), result.shape)  # flattening copies unless the layout is right already


def pad(xp: Namespace, x: Array, low: tuple[int, ...], high: tuple[int, ...]) -> Array:
    """Zeros before and after the last len(low) axes of x."""
    for axis, sizes in enumerate(zip(low, high, strict=True), start=x.ndim - len(low)):
        if any(sizes):
            before, after = (
                xp.zeros((*x.shape[:axis], size, *x.shape[axis + 1 :]), dtype=x.dtype, device=x.device)
                for size in sizes
            )
            x = xp.concat([before, x, after], axis=axis)
    return x


def every(start: int, step: int, count: int) -> slice:
    """start, start + step, ...: count positions."""
    return slice(start, start + max((count - 1) * step + 1, 0), step)


def taps(g: ConvGeometry | PoolGeometry) -> Iterator[tuple[tuple[int, ...], Window]]:
    """Each position inside the window, in row-major order, with what it sees of a padded (A, B, *in): (A, B, *out)."""
    for tap in product(*map(range, g.kernel)):
        yield (
            tap,
            (
                slice(None),
                slice(None),
                *(every(t * d, s, o) for t, d, s, o in zip(tap, g.dilation, g.stride, g.out_shape, strict=True)),
            ),
        )
