"""The CUDA windows-as-columns kernels on the emulator, against the reference in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ml_dtypes import finfo
from reference_namespaces import NUMPY, run

from dlengine.kernels.cuda import FLOATS, emulator
from dlengine.kernels.cuda.convolution import unfold
from dlengine.kernels.cuda.machine import launch
from dlengine.kernels.geometry import ConvGeometry

pytestmark = pytest.mark.skipif(emulator.available() is not None, reason=str(emulator.available()))


def geometry(
    planes: tuple[int, int], size: Any, K: int, kernel: Any, groups: int = 1, stride: Any = None, dilation: Any = None,  # noqa: N803
    low: Any = None, high: Any = None,
) -> ConvGeometry:  # fmt: skip
    ones, zeros = (1,) * len(size), (0,) * len(size)
    stride, dilation, low, high = stride or ones, dilation or ones, low or zeros, high or zeros
    each = zip(size, low, high, dilation, kernel, stride, strict=True)
    out = tuple((i + a + b - d * (k - 1) - 1) // s + 1 for i, a, b, d, k, s in each)
    return ConvGeometry(*planes, K, groups, size, kernel, stride, dilation, low, high, out)


PLANES = {
    "plain": geometry((2, 3), (7, 5), 0, (3, 2), low=(1, 0), high=(0, 1)),
    "stride and dilation": geometry((1, 2), (11, 9), 0, (2, 3), stride=(3, 2), dilation=(2, 1), low=(2, 2), high=(1, 3)),
    "gaps": geometry((1, 1), (8, 8), 0, (2, 2), stride=(3, 4)),
    "line": geometry((2, 2), (1, 9), 0, (1, 3)),
    "no images": geometry((0, 2), (4, 4), 0, (2, 2)),
}


def normal(*shape: int, dtype: str, seed: int = 0) -> Any:
    x = np.random.default_rng(seed).standard_normal(shape).astype(dtype)
    x.flags.writeable = False
    return x


def agree(found: Any, kernel: str, *arguments: Any) -> None:
    """Within some rounding errors of the sum of magnitudes."""
    dtype = arguments[0].dtype
    exact, magnitude = (
        run(NUMPY, kernel, *(f(a.astype("f8")) if isinstance(a, np.ndarray) else a for a in arguments)) for f in (np.asarray, abs)
    )
    assert found.dtype == dtype
    assert found.shape == exact.shape
    assert found.flags.c_contiguous
    assert (abs(found - exact) <= 8 * finfo(dtype).eps * magnitude).all()


def agree_planes(g: ConvGeometry, dtype: str) -> None:
    x = normal(*g.x_shape, dtype=dtype)
    columns = unfold.unfold2d(x, g)
    np.testing.assert_array_equal(columns, run(NUMPY, "unfold2d", x, g))
    assert columns.flags.c_contiguous
    other = normal(*columns.shape, dtype=dtype, seed=1)
    agree(unfold.fold2d(other, g), "fold2d", other, g)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", PLANES)
def test_planes(name: str, dtype: str) -> None:
    agree_planes(PLANES[name], dtype)


def test_strided_views() -> None:
    g = PLANES["plain"]
    x = normal(*g.x_shape, dtype="float32")
    columns = unfold.unfold2d(x, g)
    np.testing.assert_array_equal(unfold.unfold2d(np.asfortranarray(x), g), columns)
    np.testing.assert_array_equal(unfold.fold2d(np.asfortranarray(columns), g), unfold.fold2d(columns, g))


def test_nan_stays_in_its_windows() -> None:
    g = PLANES["plain"]
    x = np.array(normal(*g.x_shape, dtype="float32"))
    x[1, 2, 3, 2] = np.nan
    columns = unfold.unfold2d(x, g)
    np.testing.assert_array_equal(columns, run(NUMPY, "unfold2d", x, g))
    np.testing.assert_array_equal(np.isnan(unfold.fold2d(columns, g)), np.isnan(x))


def test_few_blocks_stride_over_the_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "MAX_BLOCKS", 1)
    agree_planes(geometry((2, 3), (17, 13), 0, (3, 3), low=(1, 1), high=(1, 1)), "float32")


def test_one_checked_launch_of_each_kernel() -> None:
    with emulator.checked():
        agree_planes(PLANES["plain"], "float32")


@pytest.mark.slow
@pytest.mark.parametrize("order", ["reverse", "random"])
def test_checked(order: str) -> None:
    with emulator.checked(order):
        for dtype in FLOATS:
            for g in PLANES.values():
                agree_planes(g, dtype)
