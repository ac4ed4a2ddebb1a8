"""Distances from the oracle: the four units, what counts as equal, what is said."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dlengine.testing import exact, forward_error, ulp
from dlengine.testing.accuracy import distance

F32 = np.float32


def of(got: Any, want: Any, bound: Any = exact, **more: Any) -> Any:
    return distance(got, want, bound, bound.factor(), **more)


def test_ulp_is_the_spacing_at_the_oracle_in_the_results_dtype() -> None:
    want = np.array([1.0, 1000.0])
    got = (want + [2**-23, 0.0]).astype(F32)
    assert of(got, want, ulp(1)).error == 1.0
    assert of(got, want, ulp(1)).ok
    assert not of(got, want, ulp(0.5)).ok
    assert of(np.nextafter(F32(1000), F32(2000)).reshape(1), want[1:], ulp(1)).error == 1.0


def test_rounding_of_the_oracle_is_no_error_of_the_result() -> None:
    third = np.array([1 / 3])
    assert of(third.astype(F32), third, exact).ok
    assert 0 < of(third.astype(F32), third, ulp(0.5)).error <= 0.5


def test_forward_error_counts_in_magnitudes() -> None:
    want, got = np.array([1e-3, 1.0]), np.array([1e-3 + 1e-6, 1.0], F32)
    assert of(got, want, forward_error(1, c=10.0)).ok  # against the largest value
    assert not of(got, want, forward_error(1, c=10.0), magnitude=np.abs(want)).ok  # against each
    assert of(got, want, forward_error(100, c=1.0)).error == pytest.approx(1e-6 / (10 * 2**-23), rel=1e-2)


def test_inf_and_nan_must_be_in_the_same_places() -> None:
    want = np.array([np.inf, -np.inf, np.nan, 1.0])
    for bound in (exact, ulp(1), forward_error()):
        assert of(want.astype(F32), want, bound).ok
        for i, wrong in enumerate((np.nan, np.inf, 0.0, np.inf)):
            got = want.astype(F32)
            got[i] = wrong
            assert f"at [{i}]" in of(got, want, bound).message
    assert of(np.array([np.inf], F32), np.array([1e39]), ulp(1)).ok  # too large for float32


def test_integers_and_booleans_are_exact_under_any_bound() -> None:
    assert "1 of 2 values differ; at [1] got 3, wanted 2" in of(np.array([1, 3]), np.array([1, 2]), ulp(4)).message
    assert not of(np.array([True]), np.array([False]), forward_error()).ok


def test_shape_dtype_and_kind() -> None:
    one = np.ones(1)
    assert "shape (1,) where (2,)" in of(one, np.ones(2)).message
    assert "dtype float64 where float32" in of(one, one, dtype=np.dtype("float32")).message
    assert "float where an array" in of(1.0, one).message
    assert of("a", "a").ok
    assert of(float("nan"), float("nan")).ok
    assert "2 where 1 was expected" in of(2, 1).message
    assert not of(1, True).ok


def test_complex_parts_are_rounded_each_by_itself() -> None:
    want = np.array([1 + 1e-9j])
    assert of(want.astype(np.complex64), want, ulp(0.5)).ok
    assert not of((want + 2**-22 * 1j).astype(np.complex64), want, ulp(0.5)).ok


def test_float32_subnormals_count_as_zero_where_they_are_flushed() -> None:
    want = np.array([1e-40, 1.0])
    flushed = np.array([0.0, 1.0], F32)
    assert not of(flushed, want, ulp(1)).ok
    assert of(flushed, want, ulp(1), flush=True).ok
    assert of(flushed.astype(np.float64), np.array([1e-310, 1.0]), ulp(1), flush=True).error > 1  # float64 keeps them
