"""The CUDA convolution, through its launcher on the emulator, against sums written out in float64."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

from dlengine.kernels.cuda import conv, emulator, launch
from dlengine.kernels.geometry import ConvGeometry

pytestmark = pytest.mark.skipif(emulator.available() is not None, reason=str(emulator.available()))

Pair = tuple[int, int]

# x shape, (K, kh, kw), groups, stride, dilation, pad_lo, pad_hi
SHAPES: dict[str, tuple[tuple[int, ...], tuple[int, int, int], int, Pair, Pair, Pair, Pair]] = {
    "plain": ((2, 3, 9, 11), (10, 3, 3), 1, (1, 1), (1, 1), (1, 1), (1, 1)),
    "few filters": ((2, 3, 9, 11), (5, 3, 3), 1, (1, 1), (1, 1), (1, 1), (1, 1)),
    "stride and dilation": ((1, 4, 13, 10), (9, 3, 2), 1, (2, 3), (2, 1), (2, 0), (2, 0)),
    "asymmetric padding": ((2, 2, 6, 7), (8, 4, 2), 1, (1, 2), (1, 1), (1, 0), (2, 3)),
    "several tiles": ((3, 5, 8, 9), (70, 3, 3), 1, (1, 1), (1, 1), (1, 1), (1, 1)),
    "deep": ((1, 19, 5, 5), (8, 3, 3), 1, (1, 1), (1, 1), (0, 0), (0, 0)),
    "groups in tiles": ((2, 6, 7, 5), (24, 3, 3), 3, (1, 1), (1, 1), (1, 1), (1, 1)),
    "groups of few": ((2, 6, 7, 5), (4, 3, 3), 2, (2, 1), (1, 2), (1, 2), (1, 2)),
    "depthwise": ((2, 7, 6, 5), (7, 3, 3), 7, (1, 1), (1, 1), (1, 1), (1, 1)),
    "depthwise with multiplier": ((1, 3, 6, 5), (24, 3, 3), 3, (1, 1), (1, 1), (1, 1), (1, 1)),
    "1x1": ((1, 2, 6, 6), (9, 1, 1), 1, (1, 1), (1, 1), (0, 0), (0, 0)),
    "one pixel": ((1, 1, 1, 1), (1, 1, 1), 1, (1, 1), (1, 1), (0, 0), (0, 0)),
    "window all padding": ((1, 1, 2, 2), (8, 2, 2), 1, (1, 1), (1, 1), (3, 3), (0, 0)),
    "no batch": ((0, 3, 7, 7), (8, 3, 3), 1, (1, 1), (1, 1), (0, 0), (0, 0)),
    "no filters": ((2, 3, 7, 7), (0, 3, 3), 1, (1, 1), (1, 1), (0, 0), (0, 0)),
    "no channels": ((1, 0, 3, 3), (8, 2, 2), 1, (1, 1), (1, 1), (0, 0), (0, 0)),
}
TOLERANCE = {"float16": 2e-3, "float32": 1e-6, "float64": 1e-14}


def geometry(name: str) -> ConvGeometry:
    (N, C, *size), (K, *kernel), groups, stride, dilation, low, high = SHAPES[name]
    out = [
        (n + lo + hi - d * (k - 1) - 1) // s + 1
        for n, k, s, d, lo, hi in zip(size, kernel, stride, dilation, low, high, strict=True)
    ]
    return ConvGeometry(N, C, K, groups, tuple(size), tuple(kernel), stride, dilation, low, high, tuple(out))


def arrays(g: ConvGeometry, dtype: str) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    return rng.standard_normal(g.x_shape).astype(dtype), rng.standard_normal(g.w_shape).astype(dtype)


def expected(x: Any, w: Any, g: ConvGeometry) -> tuple[Any, Any]:
    """The convolution in float64, and the sum of magnitudes that bounds its error."""
    x, w = x.astype(np.float64), w.astype(np.float64)
    padded = np.pad(x, ((0, 0), (0, 0), *zip(g.pad_lo, g.pad_hi, strict=True)))
    y, magnitude = np.zeros(g.y_shape), np.zeros(g.y_shape)
    for k, p, q in product(range(g.K), *map(range, g.out_shape)):
        first = k // g.K_per_group * g.C_per_group
        rows = slice(p * g.stride[0], p * g.stride[0] + g.dilation[0] * (g.kernel[0] - 1) + 1, g.dilation[0])
        columns = slice(q * g.stride[1], q * g.stride[1] + g.dilation[1] * (g.kernel[1] - 1) + 1, g.dilation[1])
        terms = padded[:, first : first + g.C_per_group, rows, columns] * w[k]
        y[:, k, p, q] = terms.sum((1, 2, 3))
        magnitude[:, k, p, q] = abs(terms).sum((1, 2, 3))
    return y, magnitude


def assert_right(name: str, dtype: str) -> None:
    g = geometry(name)
    x, w = arrays(g, dtype)
    for array in (x, w):
        array.flags.writeable = False
    y = conv.conv2d(x, w, g)
    assert y.shape == g.y_shape
    assert y.dtype == dtype
    assert y.flags.c_contiguous
    exact, magnitude = expected(x, w, g)
    assert (abs(y - exact) <= TOLERANCE[dtype] * magnitude).all()


@pytest.mark.parametrize("dtype", conv.FLOATS)
@pytest.mark.parametrize("name", SHAPES)
def test_values(name: str, dtype: str) -> None:
    assert_right(name, dtype)


@pytest.mark.slow
@pytest.mark.parametrize("order", ["reverse", "random"])
@pytest.mark.parametrize("dtype", conv.FLOATS)
@pytest.mark.parametrize("name", SHAPES)
def test_checked(name: str, dtype: str, order: str) -> None:
    with emulator.checked(order):
        assert_right(name, dtype)


def test_one_checked_launch_of_each_kernel() -> None:
    with emulator.checked():
        assert_right("plain", "float32")
        assert_right("depthwise", "float32")


@pytest.mark.parametrize("name", ["several tiles", "few filters", "groups in tiles"])
def test_few_blocks_stride_over_the_grid(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "MAX_BLOCKS", 2)
    assert_right(name, "float32")


def test_both_kernels_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    g = geometry("several tiles")
    x, w = arrays(g, "float64")
    tiles = conv.conv2d(x, w, g)
    monkeypatch.setattr(conv, "FEW_FILTERS", 1000)
    np.testing.assert_allclose(conv.conv2d(x, w, g), tiles, rtol=1e-12, atol=1e-12)


def test_strided_views() -> None:
    g = geometry("plain")
    x, w = arrays(g, "float32")
    views = x.transpose(3, 2, 1, 0).copy().transpose(3, 2, 1, 0), w[::-1].copy()[::-1]
    np.testing.assert_array_equal(conv.conv2d(*views, g), conv.conv2d(x, w, g))


def test_nan_reaches_its_windows_only() -> None:
    g = geometry("plain")
    x, w = arrays(g, "float32")
    x[1, 2, 4, 4] = np.nan
    bad = np.isnan(conv.conv2d(x, w, g))
    assert bad[1, :, 3:6, 3:6].all()
    assert bad.sum() == 10 * 9


def test_launches_are_counted_per_kernel_and_dtype() -> None:
    before = conv._gemm.launches["float64"], conv._direct.launches["float64"]
    assert_right("plain", "float64")
    assert_right("no batch", "float64")
    assert (conv._gemm.launches["float64"], conv._direct.launches["float64"]) == (before[0] + 1, before[1])
