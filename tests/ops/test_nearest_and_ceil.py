"""Places by whole numbers: nearest resizing for every pair of sizes and scale, and the last, partial windows of pooling."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import dlengine as dl
from dlengine.errors import ShapeError
from dlengine.nn import functional as F
from dlengine.ops.resize import axis_taps


def line(n: int) -> Any:
    return dl.asarray(np.arange(n, dtype="float32").reshape(1, 1, n))


def test_nearest_is_exact_for_all_sizes() -> None:
    for size in range(1, 40):
        for out in range(1, 130):
            o = np.arange(out)
            assert axis_taps("nearest", size, out, False, None)[0][0] == tuple(o * size // out), (size, out)
            exact = np.minimum((2 * o + 1) * size // (2 * out), size - 1)
            assert axis_taps("nearest-exact", size, out, False, None)[0][0] == tuple(exact), (size, out)


@pytest.mark.parametrize(("scale", "top", "bottom"), [(0.1, 10, 1), (2 / 3, 3, 2), (1.1, 10, 11), (7.0, 1, 7), (3 / 7, 7, 3)])
def test_a_scale_is_the_fraction_that_was_meant(scale: float, top: int, bottom: int) -> None:
    for n in (10, 30, 63, 110):
        out = int(n * scale)
        want = np.minimum(np.arange(out) * top // bottom, n - 1)
        got = F.interpolate(line(n), scale_factor=scale).numpy_copy().ravel()
        assert got.shape == want.shape
        assert (got == want).all(), (n, scale)


@pytest.mark.backends("numpy", "numba")
def test_pictures_and_volumes(backend: str) -> None:
    x = np.arange(2 * 3 * 5, dtype="float32").reshape(1, 1, 2, 3, 5)
    y = F.interpolate(dl.asarray(x), size=(49, 6, 98)).numpy_copy()
    i, j, k = np.arange(49) * 2 // 49, np.arange(6) * 3 // 6, np.arange(98) * 5 // 98
    assert (y == x[:, :, i][:, :, :, j][..., k]).all()


def windows(n: int, kernel: int, stride: int, pad: int) -> list[tuple[int, int]]:
    """Where each window begins and ends: all that start inside the input or the padding before it."""
    starts = []
    start = -pad
    while True:
        starts.append(start)
        if start + kernel >= n + pad or start + stride >= n:
            break
        start += stride
    return [(s, s + kernel) for s in starts]


@pytest.mark.backends("numpy", "numba", "cuda")
def test_ceil_mode_of_inputs_smaller_than_the_window(backend: str) -> None:
    small = [(3, 4, 3, 0), (1, 4, 4, 2), (2, 5, 4, 0), (1, 3, 3, 0), (3, 7, 6, 1), (8, 3, 3, 1), (4, 2, 3, 0)]
    for n, kernel, stride, pad in small:
        x = np.random.default_rng(n).standard_normal(n).astype("float32")
        places = windows(n, kernel, stride, pad)
        largest = [x[max(a, 0) : min(b, n)].max() for a, b in places]
        means = [x[max(a, 0) : min(b, n)].sum() / (min(b, n + pad) - a) for a, b in places]
        inside = [x[max(a, 0) : min(b, n)].mean() for a, b in places]
        for rank in (1, 2, 3):
            t = dl.asarray(x.reshape((1, 1) + (1,) * (rank - 1) + (n,)))
            size, step, border = (1,) * (rank - 1) + (kernel,), (1,) * (rank - 1) + (stride,), (0,) * (rank - 1) + (pad,)
            pools = (getattr(F, f"max_pool{rank}d"), getattr(F, f"avg_pool{rank}d"))
            got = pools[0](t, size, step, border, ceil_mode=True).numpy_copy().ravel()
            assert got.tolist() == largest, (n, kernel, stride, pad, rank)
            got = pools[1](t, size, step, border, ceil_mode=True).numpy_copy().ravel()
            assert np.allclose(got, means, atol=1e-6), (n, kernel, stride, pad, rank)
            got = pools[1](t, size, step, border, ceil_mode=True, count_include_pad=False).numpy_copy().ravel()
            assert np.allclose(got, inside, atol=1e-6), (n, kernel, stride, pad, rank)


@pytest.mark.backends("numpy", "numba", "cuda")
def test_the_gradient_of_a_partial_window(backend: str) -> None:
    x = dl.asarray(np.array([[[1.0, 5.0, 2.0]]], "f4")).requires_grad_()
    F.max_pool1d(x, 4, 3, ceil_mode=True).sum().backward()
    assert x.grad.numpy_copy().ravel().tolist() == [0, 1, 0]
    x = dl.asarray(np.array([[[1.0, 5.0, 2.0]]], "f4")).requires_grad_()
    F.avg_pool1d(x, 4, 3, ceil_mode=True).sum().backward()
    assert np.allclose(x.grad.numpy_copy(), 1 / 3)


@pytest.mark.backends("numpy", "numba", "cuda")
def test_a_window_that_sees_padding_only_is_refused(backend: str) -> None:
    """Compiled code would read, and in backward write, memory that is not the input's."""
    for x, kernel, stride, pad, dilation in [(line(1), 2, 1, 1, 2), (line(1), 3, 3, 1, 2), (dl.zeros((2, 3, 0)), 2, 2, 1, 1)]:
        with pytest.raises(ShapeError, match="sees nothing"):
            F.max_pool1d(x, kernel, stride, pad, dilation, ceil_mode=True)
    assert F.max_pool1d(line(5), 2, 1, 1, 3).numpy_copy().ravel().tolist() == [2, 3, 4, 2]
    with pytest.raises(ShapeError, match="sees nothing"):
        F.max_pool2d(dl.zeros((1, 1, 4, 1)), (1, 2), 1, (0, 1), (1, 2))


def test_without_ceil_mode_no_window_fits() -> None:
    with pytest.raises(ShapeError, match="no window fits"):
        F.max_pool1d(line(3), 4, 3)
    with pytest.raises(ShapeError, match="no window fits"):  # so small that ceil_mode has no window either, as in PyTorch
        F.avg_pool1d(line(1), 8, 2, ceil_mode=True)
