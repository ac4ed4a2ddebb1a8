"""The CUDA pooling kernels, through their launchers on the emulator, against the reference."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ml_dtypes import finfo
from reference_namespaces import NUMPY, run

import dlengine as dl
from dlengine.kernels.cuda import FLOATS, emulator, pool
from dlengine.kernels.cuda.machine import launch
from dlengine.kernels.geometry import PoolGeometry

pytestmark = pytest.mark.skipif(emulator.available() is not None, reason=str(emulator.available()))


def geometry(
    planes: Any, size: Any, kernel: Any, stride: Any = None, dilation: Any = None, low: Any = None, high: Any = None,
    include: bool = True,
) -> PoolGeometry:  # fmt: skip
    ones, zeros = (1,) * len(size), (0,) * len(size)
    stride, dilation, low, high = stride or ones, dilation or ones, low or zeros, high or zeros
    out = tuple(
        (i + a + b - d * (k - 1) - 1) // s + 1 for i, a, b, d, k, s in zip(size, low, high, dilation, kernel, stride, strict=True)
    )
    return PoolGeometry(*planes, size, kernel, stride, dilation, low, high, low, out, include)


GEOMETRIES = {
    "2x2": geometry((2, 3), (8, 8), (2, 2), (2, 2)),
    "overlapping": geometry((1, 2), (7, 9), (3, 3), (2, 2), low=(1, 1), high=(1, 1)),
    "not counting padding": geometry((2, 1), (7, 9), (3, 2), (1, 3), low=(1, 0), high=(0, 1), include=False),
    "dilated": geometry((1, 1), (11, 5), (2, 3), (3, 1), dilation=(2, 2)),
    "whole image": geometry((1, 3), (5, 7), (5, 7)),
    "ceil": geometry((2, 2), (6, 5), (2, 2), (2, 2), high=(0, 1)),
    "one pixel": geometry((1, 1), (1, 1), (1, 1)),
    "gaps": geometry((1, 2), (5, 6), (3, 3), (4, 4), dilation=(2, 2), low=(2, 2), high=(2, 2)),
    "line": geometry((2, 2), (13,), (3,), (2,), low=(1,), high=(1,)),
    "volume": geometry((1, 2), (5, 4, 7), (2, 3, 2), (2, 1, 3), low=(1, 1, 0), high=(0, 1, 1)),
    "dilated volume": geometry((1, 2), (5, 6, 7), (2, 2, 3), (1, 2, 1), dilation=(3, 2, 1)),
    "no images": geometry((0, 3), (4, 4), (2, 2)),
    "no channels": geometry((2, 0), (4, 4), (2, 2)),
}
NAMES = pytest.mark.parametrize("name", GEOMETRIES)
DTYPES = pytest.mark.parametrize("dtype", FLOATS)


def wide(kernel: str, *arguments: Any) -> Any:
    """The reference in float64."""
    return run(NUMPY, kernel, *(a.astype("f8") if getattr(a, "dtype", np.dtype("i8")).kind == "f" else a for a in arguments))


def agree(x: Any, g: PoolGeometry, tolerance: float = 4.0) -> None:
    gy = np.random.default_rng(1).standard_normal(g.y_shape).astype(x.dtype)
    for array in (x, gy):
        array.flags.writeable = False
    y, index = pool.max_pool2d(x, g)
    expected, places = run(NUMPY, "max_pool2d", x, g)
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(index, places)
    assert (y.dtype, index.dtype) == (x.dtype, pool.place_dtype(int(np.prod(g.in_shape))))
    np.testing.assert_array_equal(pool.max_pool2d_gather(x, index, g), y)
    sums = [
        (pool.max_pool2d_scatter(gy, index, g), "max_pool2d_scatter", gy, index),
        (pool.avg_pool2d(x, g), "avg_pool2d", x),
        (pool.avg_pool2d_input_grad(gy, g), "avg_pool2d_input_grad", gy),
    ]
    for found, kernel, first, *rest in sums:
        exact, magnitude = wide(kernel, first, *rest, g), wide(kernel, abs(first), *rest, g)
        assert found.dtype == x.dtype
        assert found.shape == exact.shape
        assert found.flags.c_contiguous
        assert (abs(found - exact) <= tolerance * finfo(x.dtype).eps * magnitude).all()


@DTYPES
@NAMES
def test_agrees_with_the_reference(name: str, dtype: str) -> None:
    g = GEOMETRIES[name]
    agree(np.random.default_rng(0).standard_normal(g.x_shape).astype(dtype), g)


@DTYPES
def test_first_of_equals_and_first_nan_win(dtype: str) -> None:
    g = geometry((1, 1), (4, 6), (2, 3), (1, 2), low=(1, 1))
    x = np.random.default_rng(0).integers(0, 2, g.x_shape).astype(dtype)
    agree(x.copy(), g)
    x[0, 0, 1, 2:5] = np.nan
    x[0, 0, 2] = np.inf
    x[0, 0, 0, 3] = -np.inf
    y, index = pool.max_pool2d(x, g)
    expected, places = run(NUMPY, "max_pool2d", x, g)
    np.testing.assert_array_equal(y.astype("f8"), expected.astype("f8"))
    np.testing.assert_array_equal(index, places)


@NAMES
def test_nan_goes_where_the_reference_sends_it(name: str) -> None:
    g = GEOMETRIES[name]
    x, gy = np.ones(g.x_shape, "f4"), np.ones(g.y_shape, "f4")
    x.reshape(-1)[-1:] = gy.reshape(-1)[-1:] = np.nan
    index = pool.max_pool2d(np.ones_like(x), g)[1]
    for found, expected in [
        (pool.avg_pool2d(x, g), run(NUMPY, "avg_pool2d", x, g)),
        (pool.max_pool2d_gather(x, index, g), run(NUMPY, "max_pool2d_gather", x, index, g)),
        (pool.avg_pool2d_input_grad(gy, g), run(NUMPY, "avg_pool2d_input_grad", gy, g)),
        (pool.max_pool2d_scatter(gy, index, g), run(NUMPY, "max_pool2d_scatter", gy, index, g)),
    ]:
        np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))


def test_index_outside_reads_nothing() -> None:
    g = GEOMETRIES["2x2"]
    for place in (-1, 64, 1 << 40):
        assert not pool.max_pool2d_gather(np.ones(g.x_shape, "f4"), np.full(g.y_shape, place), g).any()


def test_strided_views() -> None:
    g = GEOMETRIES["overlapping"]
    x = np.random.default_rng(0).standard_normal(g.x_shape[::-1]).astype("f4").T
    plain = np.ascontiguousarray(x)
    y, index = pool.max_pool2d(x, g)
    np.testing.assert_array_equal(index, pool.max_pool2d(plain, g)[1])
    gy, turned = np.broadcast_to(np.float32(1), g.y_shape), np.asfortranarray(index)
    np.testing.assert_array_equal(pool.max_pool2d_scatter(gy, turned, g), pool.max_pool2d_scatter(np.ones_like(y), index, g))
    np.testing.assert_array_equal(pool.max_pool2d_gather(x, turned, g), y)


def test_few_blocks_stride_over_the_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "MAX_BLOCKS", 1)
    g = geometry((2, 3), (17, 11), (2, 2), low=(1, 0))
    agree(np.random.default_rng(0).standard_normal(g.x_shape).astype("f4"), g)


def test_one_checked_launch_of_each_kernel() -> None:
    with emulator.checked():
        agree(np.random.default_rng(0).standard_normal((1, 2, 7, 9)).astype("f4"), GEOMETRIES["overlapping"])


@pytest.mark.slow
@pytest.mark.parametrize("order", ["reverse", "random"])
@DTYPES
@NAMES
def test_checked(name: str, dtype: str, order: str) -> None:
    g = GEOMETRIES[name]
    with emulator.checked(order):
        agree(np.random.default_rng(0).standard_normal(g.x_shape).astype(dtype), g)


@pytest.mark.parametrize(
    ("places", "dtype"), [(1, "int16"), (1 << 15, "int16"), ((1 << 15) + 1, "int32"), (1 << 31, "int32"), (1 << 40, "int64")]
)
def test_places_are_no_wider_than_needed(places: int, dtype: str) -> None:
    assert pool.place_dtype(places) == dtype
    assert places - 1 <= np.iinfo(dtype).max


@pytest.mark.parametrize("dtype", ["int16", "int32", "int64"])
def test_places_of_each_width(dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "place_dtype", lambda places: dtype)
    x = np.random.default_rng(0).standard_normal(GEOMETRIES["overlapping"].x_shape).astype("f4")
    with emulator.checked():
        _, index = pool.max_pool2d(x, GEOMETRIES["overlapping"])
        assert index.dtype == dtype
        agree(x, GEOMETRIES["overlapping"])


def test_users_get_int64(machine: Any) -> None:
    x = dl.asarray(np.random.default_rng(0).standard_normal((1, 1, 6, 6)).astype("f4")).requires_grad_()
    machine.work.clear()
    y = dl.max_pool2d(x, 2)
    y.sum().backward()
    assert "astype" not in machine.work
    _, index = dl.max_pool2d(x, 2, return_indices=True)
    assert str(index.dtype) == "int64"
    assert dl.max_unpool2d(y.detach(), index, 6).shape == (1, 1, 6, 6)
