"""How far a result is from the oracle, in the units of its row's bound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from . import places
from .calls import widened
from .table import Bound

TINY32 = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True)
class Distance:
    """error and limit in the bound's unit; ulps: the error in eps of the magnitude, for the baseline rule.

    message: what is wrong besides. place: the index of the worst value. where: that index and both values, in words.
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
    """From a result to the oracle's value.

    factor: the bound's, for this sample. magnitude: of the sums behind each value (default: the largest absolute value
    of want). dtype: what got must have (default: not checked). flush: float32 subnormals count as zero.
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
    """The largest of errors in ulps; the bound's unit is part ulps."""
    if not ulps.size:
        return Distance(0.0, limit)
    place = tuple(int(i) for i in np.unravel_index(int(np.argmax(ulps)), ulps.shape))
    largest = float(ulps[place])
    where = places.at(place, got, want) if largest / part > limit else ""
    return Distance(largest / part, limit, largest, place=place, where=where)


def _exact(wrong: Any, got: Any, want: Any) -> Distance:
    count = int(np.sum(wrong))
    if not count:
        return Distance()
    place, where = _where(wrong, got, want)
    return Distance(float(count), message=f"{count} of {wrong.size} values differ; {where}", place=place)


def _size(x: Any) -> Any:
    """Absolute values; of complex numbers the larger part, since each part is rounded by itself."""
    return np.maximum(np.abs(x.real), np.abs(x.imag)) if x.dtype.kind == "c" else np.abs(x)


def _real(dtype: Any) -> Any:
    return {"complex64": np.dtype("float32"), "complex128": np.dtype("float64")}.get(dtype.name, dtype)


def _flushed(x: Any) -> Any:
    return np.where(np.abs(x) < TINY32, np.zeros((), x.dtype), x)


def _where(wrong: Any, got: Any, want: Any) -> tuple[tuple[int, ...], str]:
    place = tuple(int(i) for i in np.argwhere(wrong)[0])
    return place, places.at(place, got, want)
