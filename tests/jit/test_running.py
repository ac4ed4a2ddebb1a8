"""The product of all other numbers of a line, of lines that are cut into blocks and lines that are not."""

from __future__ import annotations

from math import prod

import numpy as np
import pytest

pytest.importorskip("numba")

from dlengine.kernels.jit import running

BLOCK = running.BLOCK


def _wanted(x: np.ndarray) -> np.ndarray:
    """From the logarithms of all magnitudes; where a line has zeros, from one of them alone."""
    found = np.zeros(x.shape)
    for line, y in zip(x.astype(np.longdouble), found, strict=True):
        zeros = np.flatnonzero(line == 0)
        if len(zeros) == 1:
            y[zeros] = prod(np.delete(line, zeros))
        elif not len(zeros):
            logs = np.log2(abs(line))
            y[...] = prod(np.sign(line)) * np.sign(line) * np.exp2(logs.sum() - logs)
    return found


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("lines", "count"), [(3, 7), (2, BLOCK - 1), (2, BLOCK), (3, 2 * BLOCK + 5), (1, 5 * BLOCK + 4095)])
def test_the_product_of_all_others(monkeypatch: pytest.MonkeyPatch, lines: int, count: int, dtype: str) -> None:
    """For any number of threads the same bits, and right where a line has a zero or two."""
    x = np.random.default_rng(count).choice([-2.0, -1.0, -0.5, 0.5, 1.0, 2.0, 1.0625, 0.9375], (lines, count)).astype(dtype)
    for zeros in ([], [(0, 3)], [(0, count - 1), (lines - 1, count // 2)]):
        for place in zeros:
            x[place] = 0.0
        wanted, found = _wanted(x), set()
        for threads in (1, 2, 3):
            monkeypatch.setattr(running, "threads_for", lambda units, _, threads=threads: min(threads, units))
            y = running.others(x)
            assert y.dtype == x.dtype
            np.testing.assert_allclose(y, wanted, rtol=1e-6 if dtype == "float32" else 1e-11, atol=1e-300)
            found.add(y.tobytes())
        assert len(found) == 1


def test_a_column_that_loses_its_digits() -> None:
    """The products of columns are 1e384 and 1e-384; those taken number by number stay near 1."""
    x = np.where(np.arange(2 * BLOCK) % 2, 1e-6, 1e6)[None]
    np.testing.assert_allclose(running.others(x), 1.0 / x, rtol=1e-11)


def test_columns_whose_products_grow_out_of_range_together() -> None:
    """Each column's product is a usual number; some of those of several columns are none, though the line's is 1."""
    rng = np.random.default_rng(0)
    for scales in ([1e-3, 1e3], np.exp(2.5 * rng.standard_normal(64))):
        x = np.ones((64 * 3, 64))
        x[:, : len(scales)] = scales / np.exp(np.log(scales).mean())
        np.testing.assert_allclose(running.others(x.reshape(1, -1)), 1.0 / x.reshape(1, -1), rtol=1e-9)


def test_numbers_that_vanish() -> None:
    """Of 40,000 normal numbers all products are smaller than any number; one block of twos is not."""
    x = np.random.default_rng(0).standard_normal((1, 40_000)).astype("float32")
    assert not running.others(x).any()
    assert np.isinf(running.others(np.full((1, 2 * BLOCK), 2.0))).all()
    x = np.ones((2, 2 * BLOCK + 9))
    x[0, 5], x[1, -1] = np.nan, np.inf
    y = running.others(x)
    assert np.isnan(np.delete(y[0], 5)).all()
    assert np.isinf(y[1, :-1]).all()
    assert y[0, 5] == y[1, -1] == 1.0


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_products_that_leave_the_range_and_come_back(dtype: str) -> None:
    """Of products of thousands of small numbers and as many large ones, all in a row: their logarithms say what is right."""
    rng = np.random.default_rng(1)
    size = 3 * BLOCK + 77
    for small, large in ((1e-3, 1e3), (1e-30, 1e30)):
        x = np.where(np.arange(size - 1) < size // 2, small, large) * rng.choice([-1.0, 1.0], size - 1)
        x = np.append(x, 2.0).astype(dtype)[None]
        logs = np.log2(np.abs(x.astype(np.float64)))
        wanted = np.prod(np.sign(x)) * np.sign(x) * np.exp2(logs.sum() - logs)
        np.testing.assert_allclose(running.others(x), wanted, rtol=1e-4 if dtype == "float32" else 1e-9)


def test_numbers_that_float32_has_not() -> None:
    """A line with such goes from its first number to its last; the lines beside it do not."""
    x = np.random.default_rng(2).choice([-2.0, -0.5, 0.5, 2.0], (3, 2 * BLOCK))
    x[1, 5], x[1, 6] = 1e-200, 1e200
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(running.others(x), np.prod(x, axis=1, keepdims=True) / x, rtol=1e-9)


@pytest.mark.parametrize("value", [0.0, np.inf, np.nan])
def test_zeros_and_infinities_among_numbers_that_vanish(value: float) -> None:
    x = np.random.default_rng(3).standard_normal((1, 3 * BLOCK)).astype("float32")
    x[0, 5000] = value
    y = np.delete(running.others(x)[0], 5000)
    assert (y == 0).all() if value == 0 else not np.isfinite(y).any()
