"""The CUDA softmax and cross-entropy kernels, through their launchers on the emulator, against the reference in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ml_dtypes import finfo
from reference_namespaces import NUMPY, run

from dlengine.kernels.cuda import FLOATS, emulator, softmax
from dlengine.kernels.cuda.machine import launch

pytestmark = pytest.mark.skipif(emulator.available() is not None, reason=str(emulator.available()))

DTYPES = pytest.mark.parametrize("dtype", FLOATS)
SHAPES = [((3, 7), 1), ((3, 7), 0), ((2, 33, 5), 1), ((5,), 0), ((2, 3, 4, 9), -2), ((4, 1), 1), ((2, 1500), 1), ((1100, 3), 0)]
SHAPES += [((0, 5), 1), ((4, 0), 0), ((4, 0), 1)]
ROWS = [(5, 10), (1, 1), (3, 1500), (9, 33), (0, 4), (4, 0)]
TEAMS = pytest.mark.parametrize("team", ["warp or block", "alone"])


def normal(shape: Any, dtype: str, seed: int = 0, scale: float = 3.0) -> Any:
    x = (np.random.default_rng(seed).standard_normal(shape) * scale).astype(dtype)
    x.flags.writeable = False
    return x


def near(found: Any, exact: Any, dtype: str, size: Any = 1.0, ulps: float = 8.0) -> None:
    """Within some rounding errors of the magnitude `size`."""
    assert found.dtype == dtype
    assert found.shape == exact.shape
    assert found.flags.c_contiguous
    limits = finfo(dtype)
    assert (abs(found - exact) <= ulps * limits.eps * size + limits.smallest_subnormal).all()


def wide(kernel: str, *arguments: Any) -> Any:
    return run(NUMPY, kernel, *(a.astype("f8") if getattr(a, "dtype", np.dtype("i8")).kind == "f" else a for a in arguments))


def agree(shape: Any, axis: int, dtype: str) -> None:
    x, gy = normal(shape, dtype), normal(shape, dtype, 1, 1.0)
    spread = 1.0 + (float(np.ptp(x)) if x.size else 0.0)  # exp turns rounding of its argument into relative error
    for name in ("softmax", "log_softmax"):
        y = getattr(softmax, name)(x, axis)
        exact = wide(name, x, axis)
        near(y, exact, dtype, exact * spread if name == "softmax" else abs(x) + abs(exact))
        found, exact = getattr(softmax, f"{name}_grad")(gy, y, axis), wide(f"{name}_grad", gy, y, axis)
        sums = abs(gy.astype("f8") * (y if name == "softmax" else 1)).sum(axis=axis, keepdims=True)
        near(found, exact, dtype, abs(gy) + sums)


@TEAMS
@DTYPES
@pytest.mark.parametrize(("shape", "axis"), SHAPES)
def test_along_an_axis(shape: Any, axis: int, dtype: str, team: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if team == "alone":
        monkeypatch.setattr(softmax, "MANY_ROWS", 1)
    agree(shape, axis, dtype)


def labels_of(rows: int, classes: int) -> Any:
    labels = np.random.default_rng(2).integers(0, max(classes, 1), rows)
    labels[1::4] = -100
    return labels


def agree_cross_entropy(rows: int, classes: int, dtype: str) -> None:
    x, labels, gloss = normal((rows, classes), dtype), labels_of(rows, classes), normal((rows,), dtype, 1)
    loss, p = softmax.cross_entropy(x, labels, -100)
    exact_loss, exact_p = wide("cross_entropy", x, labels, -100)
    near(loss, exact_loss, dtype, abs(x.astype("f8")).max(axis=1) + 1)
    near(p, exact_p, dtype)
    found = softmax.cross_entropy_grad(gloss, p, labels, -100)
    near(found, wide("cross_entropy_grad", gloss, p, labels, -100), dtype, abs(gloss[:, None]))
    assert not found[labels == -100].any()


@DTYPES
@pytest.mark.parametrize(("rows", "classes"), ROWS[:-1])
def test_cross_entropy(rows: int, classes: int, dtype: str) -> None:
    agree_cross_entropy(rows, classes, dtype)


def test_cross_entropy_of_no_classes_does_not_touch_memory() -> None:
    x, labels = np.zeros((4, 0), "f4"), np.zeros(4, "i8")
    with emulator.checked():
        loss, p = softmax.cross_entropy(x, labels, -100)
        assert softmax.cross_entropy_grad(loss, p, labels, -100).shape == (4, 0)
    assert np.isnan(loss).all()


def test_label_outside_gives_nan_and_reads_nothing() -> None:
    with emulator.checked():
        loss, _ = softmax.cross_entropy(np.zeros((3, 4), "f4"), np.array([4, -1, 3]), -100)
    np.testing.assert_array_equal(np.isnan(loss), [True, True, False])


def test_labels_of_any_integer_dtype() -> None:
    x, labels = normal((5, 10), "f4"), labels_of(5, 10)
    for dtype in ("i1", "i4", ">i8"):
        np.testing.assert_array_equal(
            softmax.cross_entropy(x, labels.astype(dtype), -100)[0], softmax.cross_entropy(x, labels, -100)[0]
        )


@DTYPES
def test_large_logits_do_not_overflow(dtype: str) -> None:
    top = {"float16": 3e4, "bfloat16": 1e38, "float32": 1e38, "float64": 1e300}[dtype]
    x = np.array([[top, -top, 0], [-top, -top, -top], [top, top, top]], dtype)
    with np.errstate(over="ignore"):
        exact = wide("softmax", x, 1)
    near(softmax.softmax(x, 1), exact, dtype)
    loss, p = softmax.cross_entropy(x, np.array([0, 1, 2]), -100)
    near(loss, np.array([0, np.log(3), np.log(3)]), dtype, 2.0)
    near(softmax.cross_entropy_grad(np.ones(3, dtype), p, np.array([0, 1, 2]), -100), exact - np.eye(3), dtype)


@TEAMS
def test_nan_and_inf_as_in_the_reference(team: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if team == "alone":
        monkeypatch.setattr(softmax, "MANY_ROWS", 1)
    x = np.array(normal((6, 5), "f4"))
    x[0, 2], x[1, 3], x[2, 1], x[3] = np.nan, np.inf, -np.inf, -np.inf
    x[4] = np.nan
    gy = np.ones((6, 5), "f4")
    gy[5, 0] = np.nan
    with np.errstate(all="ignore"):
        for axis, turn in ((1, lambda a: a), (0, lambda a: a.T.copy())):
            for name in ("softmax", "log_softmax"):
                found, exact = getattr(softmax, name)(turn(x), axis), run(NUMPY, name, turn(x), axis)
                np.testing.assert_allclose(found, exact, rtol=1e-5, atol=1e-6)
                grad = getattr(softmax, f"{name}_grad")(turn(gy), exact, axis)
                expected = run(NUMPY, f"{name}_grad", turn(gy), exact, axis)
                np.testing.assert_allclose(grad, expected, rtol=1e-5, atol=2e-6)
        labels = np.array([0, 1, 2, 3, -100, 1])
        loss, p = softmax.cross_entropy(x, labels, -100)
        for found, exact in zip((loss, p), run(NUMPY, "cross_entropy", x, labels, -100), strict=True):
            np.testing.assert_allclose(found, exact, rtol=1e-5, atol=1e-6)
        grad = softmax.cross_entropy_grad(gy[:, 0].copy(), p, labels, -100)
        expected = run(NUMPY, "cross_entropy_grad", gy[:, 0].copy(), p, labels, -100)
        np.testing.assert_allclose(grad, expected, rtol=1e-5, atol=1e-6)
        assert not grad[4].any()


def test_strided_views() -> None:
    x, gy = normal((4, 6, 10), "f4"), np.broadcast_to(np.float32(1), (4, 6, 5))
    view = x[..., ::-2]
    y = softmax.softmax(view, 1)
    np.testing.assert_array_equal(y, softmax.softmax(view.copy(), 1))
    np.testing.assert_array_equal(softmax.softmax_grad(gy, y[::1], 1), softmax.softmax_grad(gy.copy(), y, 1))


@pytest.mark.parametrize("many", [1, 4096])
def test_few_blocks_stride_over_the_grid(many: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "MAX_BLOCKS", 1)
    monkeypatch.setattr(softmax, "MANY_ROWS", many)
    agree((29, 3, 11), 1, "float32")
    agree_cross_entropy(21, 5, "float32")
    agree_cross_entropy(3, 1100, "float32")


def test_one_checked_launch_of_each_kernel() -> None:
    with emulator.checked():
        agree((3, 5), 1, "float32")
        agree((2, 1030), 1, "float32")
        agree_cross_entropy(3, 5, "float32")


@pytest.mark.slow
@pytest.mark.parametrize("many", [1, 4096])
@pytest.mark.parametrize("order", ["reverse", "random"])
@DTYPES
def test_checked(dtype: str, order: str, many: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(softmax, "MANY_ROWS", many)
    with emulator.checked(order):
        for shape, axis in SHAPES:
            agree(shape, axis, dtype)
        for rows, classes in ROWS[:-1]:
            agree_cross_entropy(rows, classes, dtype)
