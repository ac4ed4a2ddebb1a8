"""Comparison of an op in float64 with an independent implementation, the row's reference."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import backend
from . import calls, places
from .table import Case

TOLERANCE = 1e-12
"""The largest relative difference of an op in float64 from its reference."""


def check_reference(row: Case, number: int) -> list[str]:
    """Run one sample on numpy in float64 and compare it with the row's reference or properties; returns what is wrong.

    Floating results must agree to TOLERANCE, relative to each value if the row's bound is in units in the last place, else
    to the largest value of the array. All other results must be equal. Messages name the index, both values and the inputs.
    """
    sample = row.samples[number]
    arrays = calls.draw(row, number, "float64")
    kept = calls.draw(row, number, "float64")  # a second copy, since a reference may write to its arguments
    constants = dict(sample.consts)
    with backend.use_backend("numpy"), calls.default_dtype("float64"):
        outputs = calls.run(row, sample, arrays, "float64").outputs
    with np.errstate(all="ignore"):
        if row.properties is not None:
            pairs = list(row.properties(outputs, *kept, **constants))
        elif row.reference is not None:
            wanted = calls.flat(row.reference(*kept, **constants))
            if len(wanted) != len(outputs):
                return [f"{len(outputs)} outputs where the reference has {len(wanted)}"]
            pairs = list(zip(outputs, wanted, strict=True))
        else:
            return ["the row has no reference"]
        each = row.bound.kind == "ulp" and row.properties is None
        found = [(i, got, difference(got, want, each=each)) for i, (got, want) in enumerate(pairs)]
    shown = [(i, text, place, getattr(got, "shape", None)) for i, got, (text, place) in found if text]
    return [f"output {i}: {text}{places.inputs(arrays, place, shape)}" for i, text, place, shape in shown]


def difference(got: Any, want: Any, *, each: bool) -> tuple[str, tuple[int, ...] | None]:
    """Describe the first difference of got and want, and its index; an empty text if they agree.

    each: compare relative to each value instead of the largest.
    """
    if not isinstance(got, np.ndarray):
        same = got == want or (got != got and want != want)
        return "" if same else f"got {got!r}, wanted {want!r}", None
    want = np.asarray(want)
    if got.shape != want.shape:
        return f"got shape {got.shape}, wanted {want.shape}", None
    if got.dtype.kind not in "fcV" or want.dtype.kind not in "fc":
        wrong = got != want
    else:
        wide = np.complex128 if "c" in (got.dtype.kind, want.dtype.kind) else np.float64
        left, right = got.astype(wide), want.astype(got.dtype).astype(wide) if got.dtype.itemsize < 8 else want.astype(wide)
        finite = np.isfinite(right)
        size = np.abs(np.where(finite, right, 0))
        if not each:
            size = np.max(size, initial=0.0)
        eps = TOLERANCE if got.dtype.itemsize >= 8 else 4 * float(np.finfo(got.dtype).eps)
        near = np.abs(np.where(finite, left - right, 0)) <= eps * size + float(np.finfo(np.float64).smallest_subnormal)
        equal = (left == right) | (np.isnan(left) & np.isnan(right))
        wrong = ~np.where(finite & np.isfinite(left), near, equal)
    if not np.any(wrong):
        return "", None
    place = tuple(int(i) for i in np.argwhere(wrong)[0])
    return f"{places.at(place, got, want)} ({int(np.sum(wrong))} of {wrong.size} differ)", place
