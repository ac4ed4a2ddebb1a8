"""Sums and means over leading axes by machine code: exact for many rows, and the same for any layout and number of threads."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dlengine import backend
from dlengine.kernels import jit
from dlengine.kernels.jit import leading_sums
from dlengine.kernels.jit.generated import plain

SHAPES = [(8, 256), (9, 301), (64, 33), (65, 512), (71, 3, 11), (300, 7), (2049, 1), (1000, 600), (4, 5, 6, 40)]


@pytest.fixture
def xp() -> Any:
    return backend.namespace_of(backend.NUMPY, jit.SET)


def numbers(shape: tuple[int, ...], dtype: Any) -> Any:
    return np.random.default_rng(4).standard_normal(shape).astype(dtype)


def ways(x: Any) -> list[Any]:
    """The same numbers read-only, in Fortran's order, strided, backwards, and where no element is aligned."""
    fixed = x.copy()
    fixed.flags.writeable = False
    room = np.empty(x.nbytes + 1, np.int8)
    odd = room[1:].view(x.dtype).reshape(x.shape)
    odd[...] = x
    return [fixed, np.asfortranarray(x), np.repeat(x, 2, 0)[::2], x[::-1].copy()[::-1], odd]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES)
def test_against_exact_sums(xp: Any, monkeypatch: pytest.MonkeyPatch, shape: tuple[int, ...], dtype: str) -> None:
    """Within a few units in the last place of the sum of absolute values; alike for every layout and number of threads."""
    x = numbers(shape, dtype)
    for ahead in range(1, x.ndim):
        axes, wide = tuple(range(ahead)), x.astype(np.longdouble)
        rows = int(np.prod(shape[:ahead]))
        before = jit.SET.launches["library:sum"]
        wanted = wide.sum(axes)
        got = xp.sum(x, axis=axes)
        assert (got.dtype, got.shape) == (x.dtype, wanted.shape)
        assert np.all(np.abs(got - wanted) <= 2 * np.finfo(dtype).eps * np.abs(wide).sum(axes))
        assert np.all(np.abs(xp.mean(x, axis=axes) - wanted / rows) <= 2 * np.finfo(dtype).eps * np.abs(wide).mean(axes))
        assert (jit.SET.launches["library:sum"] - before) == (rows >= plain.ROWS)
        if rows < plain.ROWS:
            continue
        assert xp.sum(x, axis=axes, keepdims=True).shape == (1,) * ahead + shape[ahead:]
        for layout in ways(x):
            assert xp.sum(layout, axis=axes[::-1]).tobytes() == got.tobytes(), layout.strides
        for threads in (1, 2, 3, 7):
            with monkeypatch.context() as patch:
                patch.setattr(leading_sums, "threads_for", lambda units, ns, threads=threads: min(threads, units))
                assert xp.sum(x, axis=axes).tobytes() == got.tobytes(), threads


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_special_numbers(xp: Any, dtype: str) -> None:
    """An infinite sum stays infinite, opposite ones and NaN give NaN, in their columns alone; and large ones do not overflow."""
    x = np.ones((400, 70), dtype)
    x[3, 0], x[399, 1], x[7, 2], x[200, 3] = np.inf, -np.inf, np.nan, np.inf
    x[70, 3] = -np.inf
    x[:, 4] = -0.0
    y = xp.sum(x, axis=0)
    assert [y[0], y[1]] == [np.inf, -np.inf]
    assert np.isnan(y[2:4]).all()
    assert y[4] == 0
    assert np.all(y[5:] == 400)
    huge = np.full((1000, 40), np.finfo(dtype).max / 100, dtype)
    assert np.isinf(xp.sum(huge, axis=0)).all()
    if dtype == "float32":
        np.testing.assert_allclose(xp.mean(huge, axis=0), huge[0], rtol=1e-6)


def test_what_is_left_to_numpy(xp: Any) -> None:
    """Few rows, few numbers, other dtypes, and wrong axes: as the library has it, errors among them."""
    x = numbers((64, 6, 40), "float32")
    before = jit.SET.launches["library:sum"]
    left = ((x, 1), (x[:, :, :5], (0, 2)), (x[:7], 0), (x[:, 0, :2], 0), (x.astype(">f4"), 0), (x.astype("int32"), 0))
    for given, axis in left:
        np.testing.assert_allclose(xp.sum(given, axis=axis), given.sum(axis), rtol=1e-4, atol=1e-4)
    for wrong in (3, (0, 0), (0, 3), -4):
        with pytest.raises(ValueError, match="axis"):
            xp.sum(x, axis=wrong)
    assert jit.SET.launches["library:sum"] == before


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("shape", "axes"),
    [((6, 71, 33), (1,)), ((3, 9, 4, 40), (1, 2)), ((5, 70, 30), (0, 2)), ((2, 9, 5, 60), (0, 2, 3)), ((9, 5, 8, 8), (0, 2, 3)),
     ((9, 3, 70, 17), (0, 2)), ((2, 300, 16), (1,)), ((3, 300, 2, 16), (0, 1, 3)), ((11, 12, 5, 13), (-3, -1))],
)
def test_sums_over_any_axes(
    xp: Any, monkeypatch: pytest.MonkeyPatch, shape: tuple[int, ...], axes: tuple[int, ...], dtype: str
) -> None:
    """In the middle, and several runs of axes; as exact, and alike for every layout and number of threads."""
    x, eps = numbers(shape, dtype), float(np.finfo(dtype).eps)
    wide, before = x.astype(np.longdouble), jit.SET.launches["library:sum"]
    got, wanted, most = xp.sum(x, axis=axes), wide.sum(axes), np.abs(wide).sum(axes)
    assert jit.SET.launches["library:sum"] == before + 1
    assert (got.dtype, got.shape) == (x.dtype, wanted.shape)
    assert np.all(np.abs(got - wanted) <= 3 * eps * most)
    mean = xp.mean(x, axis=axes, keepdims=True)
    assert mean.shape == x.mean(axis=axes, keepdims=True).shape
    assert np.all(np.abs(mean.reshape(got.shape) - wide.mean(axes)) <= 3 * eps * most / (x.size // got.size))
    for layout in ways(x):
        assert xp.sum(layout, axis=axes[::-1]).tobytes() == got.tobytes(), layout.strides
    for threads in (2, 3, 7):
        with monkeypatch.context() as patch:
            patch.setattr(leading_sums, "threads_for", lambda units, ns, threads=threads: min(threads, units))
            assert xp.sum(x, axis=axes).tobytes() == got.tobytes(), threads


def test_what_is_not_finite_stays_in_its_matrix(xp: Any) -> None:
    x = np.ones((4, 70, 40), np.float32)
    x[1, 3, 2], x[2, 69, 5] = np.inf, np.nan
    y = xp.sum(x, axis=1)
    assert y[1, 2] == np.inf
    assert np.isnan(y[2, 5])
    assert np.isfinite(y).sum() == y.size - 2
    assert np.all(y[[0, 3]] == 70)


@pytest.mark.parametrize("axes", [(0, 0), (0, 3), (1.0,), (-4,)])
def test_wrong_axes_are_refused(xp: Any, axes: Any) -> None:
    with pytest.raises((ValueError, TypeError, IndexError)):
        xp.sum(np.ones((9, 30, 30), np.float32), axis=axes)
