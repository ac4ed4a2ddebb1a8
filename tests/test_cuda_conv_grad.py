"""The CUDA gradients of convolution, through their launchers on the emulator, against the reference in float64."""

from __future__ import annotations

from typing import Any

import array_api_compat.numpy as xp
import numpy as np
import pytest

from dlengine.kernels.cuda import FLOATS, conv, emulator, launch
from dlengine.kernels.geometry import ConvGeometry
from dlengine.kernels.reference import conv as reference

pytestmark = pytest.mark.skipif(emulator.available() is not None, reason=str(emulator.available()))

Pair = tuple[int, int]

# x shape, (K, kh, kw), groups, stride, dilation, pad_lo, pad_hi
SHAPES: dict[str, tuple[tuple[int, ...], tuple[int, int, int], int, Pair, Pair, Pair, Pair]] = {
    "plain": ((2, 9, 6, 7), (10, 3, 3), 1, (1, 1), (1, 1), (1, 1), (1, 1)),
    "few": ((2, 3, 9, 8), (5, 3, 3), 1, (1, 1), (1, 1), (1, 1), (1, 1)),
    "stride and dilation": ((1, 8, 13, 10), (9, 3, 2), 1, (2, 3), (2, 1), (2, 0), (2, 0)),
    "stride of few": ((1, 4, 13, 10), (3, 3, 2), 1, (2, 3), (2, 1), (2, 0), (2, 0)),
    "stride over the filter": ((1, 8, 9, 9), (8, 2, 2), 1, (4, 3), (1, 1), (0, 0), (0, 0)),
    "asymmetric padding": ((2, 8, 6, 7), (8, 4, 2), 1, (1, 2), (1, 1), (1, 0), (2, 3)),
    "several tiles": ((1, 70, 5, 14), (66, 2, 1), 1, (1, 1), (1, 1), (1, 1), (1, 1)),
    "groups in tiles": ((1, 24, 7, 5), (27, 3, 3), 3, (1, 1), (1, 1), (1, 1), (1, 1)),
    "groups of few": ((2, 6, 7, 5), (4, 3, 3), 2, (2, 1), (1, 2), (1, 2), (1, 2)),
    "depthwise": ((2, 7, 6, 5), (7, 3, 3), 7, (1, 1), (1, 1), (1, 1), (1, 1)),
    "depthwise with multiplier": ((1, 3, 6, 5), (24, 3, 3), 3, (1, 1), (1, 1), (1, 1), (1, 1)),
    "1x1": ((1, 8, 6, 6), (9, 1, 1), 1, (1, 1), (1, 1), (0, 0), (0, 0)),
    "one pixel": ((1, 1, 1, 1), (1, 1, 1), 1, (1, 1), (1, 1), (0, 0), (0, 0)),
    "window all padding": ((1, 8, 2, 2), (8, 2, 2), 1, (1, 1), (1, 1), (3, 3), (0, 0)),
    "no batch": ((0, 8, 7, 7), (8, 3, 3), 1, (1, 1), (1, 1), (0, 0), (0, 0)),
    "no batch of few": ((0, 3, 7, 7), (2, 3, 3), 1, (1, 1), (1, 1), (0, 0), (0, 0)),
    "no filters": ((2, 8, 7, 7), (0, 3, 3), 1, (1, 1), (1, 1), (0, 0), (0, 0)),
    "no channels": ((1, 0, 3, 3), (8, 2, 2), 1, (1, 1), (1, 1), (0, 0), (0, 0)),
}
NAMES = pytest.mark.parametrize("name", SHAPES)
DTYPES = pytest.mark.parametrize("dtype", FLOATS)
TOLERANCE = {"float16": 2e-3, "float32": 1e-6, "float64": 1e-14}


def geometry(name: str) -> ConvGeometry:
    (N, C, *size), (K, *kernel), groups, stride, dilation, low, high = SHAPES[name]
    out = [
        (n + lo + hi - d * (k - 1) - 1) // s + 1
        for n, k, s, d, lo, hi in zip(size, kernel, stride, dilation, low, high, strict=True)
    ]
    return ConvGeometry(N, C, K, groups, tuple(size), tuple(kernel), stride, dilation, low, high, tuple(out))


def arrays(g: ConvGeometry, dtype: str) -> tuple[Any, Any, Any]:
    """x, w, gy; not to be written."""
    rng = np.random.default_rng(0)
    made = [rng.standard_normal(shape).astype(dtype) for shape in (g.x_shape, g.w_shape, g.y_shape)]
    for array in made:
        array.flags.writeable = False
    return made[0], made[1], made[2]


def assert_near(found: Any, kernel: Any, a: Any, b: Any, g: ConvGeometry) -> None:
    """Within the tolerance of the sum of magnitudes."""
    a, b = a.astype("f8"), b.astype("f8")
    exact, magnitude = kernel(xp, a, b, g), kernel(xp, abs(a), abs(b), g)
    assert found.shape == exact.shape
    assert found.flags.c_contiguous
    assert (abs(found - exact) <= TOLERANCE[str(found.dtype)] * magnitude).all()


def assert_right(name: str, dtype: str) -> None:
    g = geometry(name)
    x, w, gy = arrays(g, dtype)
    gx, gw = conv.conv2d_input_grad(gy, w, g), conv.conv2d_weight_grad(x, gy, g)
    assert gx.dtype == gw.dtype == dtype
    assert_near(gx, reference.conv2d_input_grad, gy, w, g)
    assert_near(gw, reference.conv2d_weight_grad, x, gy, g)


@DTYPES
@NAMES
def test_values(name: str, dtype: str) -> None:
    assert_right(name, dtype)


@DTYPES
@pytest.mark.parametrize("name", ["plain", "few", "stride and dilation", "depthwise", "no batch"])
def test_split_sums(name: str, dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conv, "SPLIT_SIZE", 16)
    assert_right(name, dtype)


def test_splits_cover_all_pixels() -> None:
    for pixels in (0, 1, 15, 16, 17, 1024, 1025, 10_000, 123_457):
        for tiles in (1, 7, 300, 5000):
            splits, size = conv._split(pixels, tiles)
            assert splits == 1 or (splits - 1) * size < pixels
            assert splits * size >= pixels


@pytest.mark.slow
@pytest.mark.parametrize("order", ["reverse", "random"])
@DTYPES
@NAMES
def test_checked(name: str, dtype: str, order: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conv, "SPLIT_SIZE", 16)
    with emulator.checked(order):
        assert_right(name, dtype)


def test_one_checked_launch_of_each_kernel() -> None:
    with emulator.checked():
        assert_right("1x1", "float32")
        assert_right("groups of few", "float16")


@pytest.mark.parametrize("name", ["several tiles", "few", "groups in tiles"])
def test_few_blocks_stride_over_the_grid(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "MAX_BLOCKS", 2)
    assert_right(name, "float32")


def test_strided_views() -> None:
    g = geometry("plain")
    x, w, gy = arrays(g, "float32")
    views = [a.transpose(3, 2, 1, 0).copy().transpose(3, 2, 1, 0) for a in (x, w, gy)]
    np.testing.assert_array_equal(conv.conv2d_input_grad(views[2], views[1], g), conv.conv2d_input_grad(gy, w, g))
    np.testing.assert_array_equal(conv.conv2d_weight_grad(views[0], views[2], g), conv.conv2d_weight_grad(x, gy, g))
    one = np.broadcast_to(np.float32(1), g.y_shape)  # the gradient of a sum
    np.testing.assert_array_equal(conv.conv2d_input_grad(one, w, g), conv.conv2d_input_grad(one.copy(), w, g))


@pytest.mark.parametrize("name", ["plain", "few", "stride and dilation"])
def test_nan_goes_where_the_reference_sends_it(name: str) -> None:
    g = geometry(name)
    x, w, gy = (a.copy() for a in arrays(g, "float32"))
    gy[-1, 1, 2, 1] = np.nan
    x[0, 2, 3, 3] = np.inf
    with np.errstate(invalid="ignore"):
        pairs = [
            (conv.conv2d_input_grad(gy, w, g), reference.conv2d_input_grad(xp, gy, w, g)),
            (conv.conv2d_weight_grad(x, gy, g), reference.conv2d_weight_grad(xp, x, gy, g)),
        ]
    for found, expected in pairs:
        np.testing.assert_array_equal(np.isfinite(found), np.isfinite(expected))
        assert not np.isfinite(found).all()


def test_two_runs_agree_bit_for_bit() -> None:
    g = geometry("plain")
    x, _, gy = arrays(g, "float32")
    assert conv.conv2d_weight_grad(x, gy, g).tobytes() == conv.conv2d_weight_grad(x, gy, g).tobytes()
