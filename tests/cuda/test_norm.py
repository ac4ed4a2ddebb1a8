"""The CUDA normalisation kernels, through their launchers on the emulator, against the reference in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ml_dtypes import finfo
from reference_namespaces import NUMPY, run

from dlengine.kernels.cuda import FLOATS, emulator, norm
from dlengine.kernels.cuda.machine import channels, launch

pytestmark = pytest.mark.skipif(emulator.available() is not None, reason=str(emulator.available()))

DTYPES = pytest.mark.parametrize("dtype", FLOATS)
EPS = 1e-5
# kernel, shape of x, groups
CASES: dict[str, tuple[str, tuple[int, ...], int | None]] = {
    "batch of images": ("batch_norm", (3, 5, 4, 7), None),
    "batch of large images": ("batch_norm", (2, 3, 9, 33), None),
    "batch of packs": ("batch_norm", (3, 5, 8, 9), None),
    "batch of vectors": ("batch_norm", (37, 45), None),
    "batch of sequences": ("batch_norm", (4, 3, 11), None),
    "batch of one": ("batch_norm", (1, 3, 1), None),
    "no batch": ("batch_norm", (0, 3, 4), None),
    "no channels in a batch": ("batch_norm", (2, 0, 4), None),
    "layer": ("layer_norm", (5, 33), None),
    "long layer": ("layer_norm", (2, 1500), None),
    "layer of one": ("layer_norm", (3, 1), None),
    "no rows": ("layer_norm", (0, 7), None),
    "no features": ("layer_norm", (4, 0), None),
    "many rows": ("layer_norm", (300, 3), None),
    "group": ("group_norm", (3, 6, 4, 5), 2),
    "one group": ("group_norm", (2, 6, 7), 1),
    "one group of values": ("group_norm", (2, 6), 1),
    "instance": ("group_norm", (2, 3, 40, 41), 3),
    "group of values": ("group_norm", (4, 6), 3),
    "no images in groups": ("group_norm", (0, 6, 3), 2),
    "no space in groups": ("group_norm", (2, 6, 0), 2),
}
NAMES = pytest.mark.parametrize("name", CASES)


def parameters(kernel: str, shape: tuple[int, ...], dtype: str) -> tuple[Any, Any, Any, Any]:
    """x, gy, weight, bias; not to be written."""
    rng = np.random.default_rng(0)
    made = [rng.standard_normal(s).astype(dtype) for s in (shape, shape, shape[1:2], shape[1:2])]
    made[0] += np.asarray(2, dtype)
    for array in made:
        array.flags.writeable = False
    return made[0], made[1], made[2], made[3]


def wide(kernel: str, *arguments: Any) -> Any:
    return run(NUMPY, kernel, *(a.astype("f8") if isinstance(a, np.ndarray) else a for a in arguments))


def near(found: Any, exact: Any, dtype: str, size: Any, ulps: float = 12.0) -> None:
    assert found.dtype == dtype
    assert found.shape == exact.shape
    assert found.flags.c_contiguous
    np.testing.assert_array_less(abs(found - exact), ulps * finfo(dtype).eps * size + 1e-30)


def agree(name: str, dtype: str, affine: str = "both") -> None:
    kernel, shape, groups = CASES[name]
    x, gy, weight, bias = parameters(kernel, shape, dtype)
    weight, bias = weight if affine in ("both", "weight") else None, bias if affine in ("both", "bias") else None
    more = () if groups is None else (groups,)
    y, mean, rstd = getattr(norm, kernel)(x, weight, bias, *more, EPS)
    exact = wide(kernel, x, weight, bias, *more, EPS)
    size = 1 + float(abs(x).max(initial=0)) * float(exact[2].max(initial=1))
    for found, expected in zip((y, mean, rstd), exact, strict=True):
        near(found, expected, dtype, size * (1 + abs(expected)))
    grads = getattr(norm, f"{kernel}_grad")(gy, x, weight, mean, rstd, *more)
    exact = wide(f"{kernel}_grad", gy, x, weight, mean, rstd, *more)  # from the same rounded statistics
    count = x.size / max(1, shape[1])
    for found, expected, terms in zip(grads, exact, (size, count, count), strict=True):
        near(found, expected, dtype, size * (terms + abs(expected)))


@DTYPES
@NAMES
def test_agrees_with_the_reference(name: str, dtype: str) -> None:
    agree(name, dtype)


@pytest.mark.parametrize("affine", ["weight", "bias", "neither"])
@pytest.mark.parametrize("name", ["batch of images", "layer", "group"])
def test_without_weight_or_bias(name: str, affine: str) -> None:
    agree(name, "float32", affine)


@DTYPES
@pytest.mark.parametrize(
    "name", ["batch of images", "batch of large images", "batch of packs", "batch of vectors", "layer", "group", "many rows"]
)
def test_split_sums(name: str, dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channels, "SPLIT_SIZE", 16)
    agree(name, dtype)


def test_splits_cover_all_values() -> None:
    for outer, inner in [(0, 5), (1, 1), (128, 1), (7, 3136), (1000, 1), (3, 100_003)]:
        for count in (1, 31, 64, 5000):
            shape = channels.Channels(outer, count, inner)
            assert shape.splits == 1 or (shape.splits - 1) * shape.split_size < shape.values
            assert shape.splits * shape.split_size >= shape.values


@pytest.mark.parametrize("split_size", [16, 2048])
@pytest.mark.parametrize("kernel", ["batch_norm", "layer_norm"])
def test_variance_does_not_cancel(kernel: str, split_size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Values of 10^4 with a spread of 1: the mean of squares minus the square of the mean would have no digit left."""
    monkeypatch.setattr(channels, "SPLIT_SIZE", split_size)
    x = (np.random.default_rng(0).standard_normal((3, 400)) + 1e4).astype("f4")
    x = x.T.copy() if kernel == "batch_norm" else x
    _, mean, rstd = getattr(norm, kernel)(x, None, None, EPS)
    _, exact_mean, exact_rstd = wide(kernel, x, None, None, EPS)
    np.testing.assert_allclose(mean, exact_mean, rtol=3e-7)
    np.testing.assert_allclose(rstd, exact_rstd, rtol=1e-5)


@pytest.mark.parametrize("name", ["batch of images", "batch of packs", "batch of vectors", "layer", "group"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_and_inf_go_where_the_reference_sends_them(name: str, bad: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channels, "SPLIT_SIZE", 16)
    kernel, shape, groups = CASES[name]
    x, gy, weight, bias = (np.array(a) for a in parameters(kernel, shape, "float32"))
    more = () if groups is None else (groups,)
    _, mean, rstd = run(NUMPY, kernel, x, weight, bias, *more, EPS)
    x[(1,) * len(shape)], gy[(2,) + (1,) * (len(shape) - 1)] = bad, bad
    with np.errstate(invalid="ignore"):
        found = getattr(norm, kernel)(x, weight, bias, *more, EPS)
        expected = run(NUMPY, kernel, x, weight, bias, *more, EPS)
        found += getattr(norm, f"{kernel}_grad")(gy, x, weight, mean, rstd, *more)
        expected += run(NUMPY, f"{kernel}_grad", gy, x, weight, mean, rstd, *more)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(np.isnan(ours), np.isnan(theirs))
        np.testing.assert_array_equal(np.isinf(ours), np.isinf(theirs))


@pytest.mark.parametrize("name", ["batch of images", "batch of vectors", "layer", "group"])
def test_strided_views(name: str) -> None:
    kernel, shape, groups = CASES[name]
    x, _, weight, bias = parameters(kernel, shape, "float32")
    more = () if groups is None else (groups,)
    turned, backwards = np.asfortranarray(x), weight[::-1]
    y, mean, rstd = getattr(norm, kernel)(turned, backwards, bias, *more, EPS)
    expected = getattr(norm, kernel)(x, backwards.copy(), bias, *more, EPS)
    one = np.broadcast_to(np.float32(1), shape)
    grads = getattr(norm, f"{kernel}_grad")(one, turned, backwards, mean, rstd, *more)
    expected += getattr(norm, f"{kernel}_grad")(one.copy(), x, backwards.copy(), mean, rstd, *more)
    for a, b in zip((y, mean, rstd, *grads), expected, strict=True):
        np.testing.assert_array_equal(a, b)


def test_arrays_that_begin_anywhere() -> None:
    """Packs are read at once only where they are aligned."""
    x, gy, weight, bias = parameters("batch_norm", (3, 5, 8, 9), "float32")
    shifted = np.zeros(x.size + 1, "f4")[1:].reshape(x.shape)
    shifted[...] = x
    exact = wide("batch_norm", x, weight, bias, EPS)
    for found, expected in zip(norm.batch_norm(shifted, weight, bias, EPS), exact, strict=True):
        near(found, expected, "float32", 10)
    _, mean, rstd = exact
    grads = norm.batch_norm_grad(gy, shifted, weight, mean.astype("f4"), rstd.astype("f4"))
    for found, expected in zip(grads, wide("batch_norm_grad", gy, x, weight, mean, rstd), strict=True):
        near(found, expected, "float32", 300)


@DTYPES
@pytest.mark.parametrize("shape", [(5, 33), (300, 3), (2, 1500), (1, 1), (0, 7), (4, 0)])
def test_root_mean_square(shape: tuple[int, int], dtype: str) -> None:
    x, gy, weight, _ = parameters("rms_norm", shape, dtype)
    for factor in (weight, None):
        y, rstd = norm.rms_norm(x, factor, EPS)
        exact = wide("rms_norm", x, factor, EPS)
        size = 1 + float(abs(x).max(initial=0)) * float(exact[1].max(initial=1))
        for found, expected in zip((y, rstd), exact, strict=True):
            near(found, expected, dtype, size * (1 + abs(expected)))
        grads = norm.rms_norm_grad(gy, x, factor, rstd)
        for found, expected, terms in zip(grads, wide("rms_norm_grad", gy, x, factor, rstd), (size, shape[0]), strict=True):
            near(found, expected, dtype, size * (terms + abs(expected)))


def test_few_blocks_stride_over_the_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "MAX_BLOCKS", 2)
    monkeypatch.setattr(channels, "SPLIT_SIZE", 16)
    for name in ("batch of images", "batch of vectors", "many rows", "group"):
        agree(name, "float32")


def test_two_runs_agree_bit_for_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    x, _, weight, bias = parameters("batch_norm", (3, 5, 4, 7), "float32")
    first = norm.batch_norm(x, weight, bias, EPS)
    monkeypatch.setattr(launch, "MAX_BLOCKS", 1)
    for a, b in zip(first, norm.batch_norm(x, weight, bias, EPS), strict=True):
        assert a.tobytes() == b.tobytes()


def test_one_checked_launch_of_each_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channels, "SPLIT_SIZE", 16)
    with emulator.checked():
        for name in ("batch of sequences", "batch of packs", "layer", "group"):
            agree(name, "float32")


@pytest.mark.slow
@pytest.mark.parametrize("order", ["reverse", "random"])
@DTYPES
@NAMES
def test_checked(name: str, dtype: str, order: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channels, "SPLIT_SIZE", 64)
    with emulator.checked(order):
        agree(name, dtype)
