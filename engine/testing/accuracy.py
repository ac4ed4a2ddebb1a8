"""The error of a result against the oracle, in the units of its row's bound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from . import places
from .bounds import Bound
from .calls import widened

TINY32 = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True)
class Distance:
    """The error and its limit in the bound's unit, and the error in eps of the magnitude (ulps) for the baseline rule.

    message: what else is wrong. place: the index of the largest error. where: a text with that index and both values.
    """

    error: float = 0.0
    limit: float = 0.0
    ulps: float = 0.0
    message: str = ""
    place: tuple[int, ...] | None = None
    where: str = ""

    @property
    def ok(self) -> bool:
        """Whether the result is within its bound."""
        return not self.message and self.error <= self.limit


def distance(
    got: Any, want: Any, bound: Bound, factor: float, *, magnitude: Any = None, dtype: Any = None, flush: bool = False
) -> Distance:
    """Compare a result with the oracle's.

    factor: the bound's factor for this sample. magnitude: that of the sums behind each value (None: the largest absolute
    value of want). dtype: the dtype that got must have (None: any). flush: treat float32 subnormals as zero.
    """
    if not isinstance(want, np.ndarray):
        same = type(got) is type(want) and (got == want or got != got and want != want)
        return Distance() if same else Distance(message=f"{got!r} where {want!r} was expected")
    if not isinstance(got, np.ndarray):
        return Distance(message=f"{type(got).__name__} where an array was expected")
    if got.shape != want.shape:
        return Distance(message=f"shape {got.shape} where {want.shape} was expected")
    if dtype is not None and got.dtype != dtype:
        return Distance(message=f"dtype {got.dtype} where {dtype} was expected")
    with np.errstate(all="ignore"):
        return _numbers(got, want, bound, factor, magnitude, flush)


def _numbers(got: Any, want: Any, bound: Bound, factor: float, magnitude: Any, flush: bool) -> Distance:
    """Compare two arrays of one shape."""
    if got.dtype.kind not in "fc":
        return _exact(got != want, got, want)
    rounded = want.astype(got.dtype)
    if flush and got.dtype in (np.float32, np.complex64):
        got, rounded = _flushed(got), _flushed(rounded)
        want = np.where(np.abs(want) < TINY32, 0, want)
    same = (got == rounded) | (np.isnan(got) & np.isnan(rounded))
    if bound.kind == "exact":
        return _exact(~same, got, rounded)
    special = ~same & ~(np.isfinite(got) & np.isfinite(rounded))
    if np.any(special):
        place, where = _where(special, got, rounded)
        return Distance(message=f"not finite in different places; {where}", place=place)
    finite = np.isfinite(rounded)
    off = np.where(finite, _size(np.where(finite, widened(got), 0) - np.where(finite, want, 0)), 0.0)
    eps = float(np.finfo(got.dtype).eps)
    if bound.kind == "ulp":
        unit = np.spacing(np.abs(np.where(finite, rounded, 1)).astype(_real(got.dtype))).astype("float64")
        return _worst(off / unit, got, rounded, 1.0, factor)
    if magnitude is None:
        magnitude = np.max(np.abs(np.where(finite, want, 0)), initial=0.0)
    unit = np.maximum(eps * np.abs(magnitude), float(np.finfo(got.dtype).smallest_subnormal))
    return _worst(np.where(off == 0, 0.0, off / unit), got, rounded, max(factor, 1.0), 1.0)


def _worst(ulps: Any, got: Any, want: Any, part: float, limit: float) -> Distance:
    """The largest of several errors in ulps, in units of part ulps."""
    if not ulps.size:
        return Distance(0.0, limit)
    place = tuple(int(i) for i in np.unravel_index(int(np.argmax(ulps)), ulps.shape))
    largest = float(ulps[place])
    where = places.at(place, got, want) if largest / part > limit else ""
    return Distance(largest / part, limit, largest, place=place, where=where)


def _exact(wrong: Any, got: Any, want: Any) -> Distance:
    """The number of values that differ."""
    count = int(np.sum(wrong))
    if not count:
        return Distance()
    place, where = _where(wrong, got, want)
    return Distance(float(count), message=f"{count} of {wrong.size} values differ; {where}", place=place)


def _size(x: Any) -> Any:
    """Absolute values; for complex numbers that of the larger part, since each part is rounded separately."""
    return np.maximum(np.abs(x.real), np.abs(x.imag)) if x.dtype.kind == "c" else np.abs(x)


def _real(dtype: Any) -> Any:
    """The real dtype of a complex one."""
    return {"complex64": np.dtype("float32"), "complex128": np.dtype("float64")}.get(dtype.name, dtype)


def _flushed(x: Any) -> Any:
    """The values with subnormals replaced by zero."""
    return np.where(np.abs(x) < TINY32, np.zeros((), x.dtype), x)


def _where(wrong: Any, got: Any, want: Any) -> tuple[tuple[int, ...], str]:
    """The first index that is wrong, and a text with both values."""
    place = tuple(int(i) for i in np.argwhere(wrong)[0])
    return place, places.at(place, got, want)
