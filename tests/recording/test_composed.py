"""Functions of tensors that generated code answers as one op: losses of one shape, with their reductions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba")

import dlengine as dl
from dlengine import training
from dlengine.autograd.composed import composed
from dlengine.errors import GradientError
from dlengine.kernels import jit
from dlengine.nn import functional as F
from dlengine.recording import generating

RNG = np.random.default_rng(0)
SCORES = RNG.standard_normal((2, 40, 31))
SHARES = RNG.uniform(0.05, 0.95, (2, 40, 31))
SIGNS = RNG.choice([-1.0, 1.0], (40, 31))
LOSSES: dict[str, tuple[tuple[np.ndarray, ...], dict[str, Any]]] = {
    "mse_loss": ((SCORES[0], SCORES[1]), {}),
    "l1_loss": ((SCORES[0], SCORES[1]), {}),
    "huber_loss": ((SCORES[0], SCORES[1]), {"delta": 0.7}),
    "kl_div": ((np.log(SHARES[0]), SHARES[1]), {}),
    "gaussian_nll_loss": ((SCORES[0], SCORES[1], SHARES[0]), {"full": True}),
    "poisson_nll_loss": ((SCORES[0], np.round(SHARES[0] * 5)), {"full": True}),
    "binary_cross_entropy": ((SHARES[0], SHARES[1]), {}),
    "binary_cross_entropy_with_logits": ((SCORES[0], SHARES[1]), {}),
    "hinge_loss": ((SCORES[0], SIGNS), {}),
    "soft_margin_loss": ((SCORES[0], SIGNS), {}),
    "hinge_embedding_loss": ((SCORES[0], SIGNS), {}),
    "margin_ranking_loss": ((SCORES[0], SCORES[1], SIGNS), {"margin": 0.1}),
}


@pytest.fixture(autouse=True)
def always() -> Iterator[None]:
    with dl.use_backend("numba"), generating("always"):
        yield


def launches(name: str) -> int:
    return sum(n for label, n in jit.SET.launches.items() if label.startswith(f"generated:{name}"))


def results(name: str, dtype: str, reduction: str) -> list[np.ndarray]:
    """The value, the gradients of it, and a second derivative."""
    arrays, options = LOSSES[name]
    tensors = [dl.asarray(a.astype(dtype)) for a in arrays]
    tensors[0].requires_grad_()
    y = getattr(F, name)(*tensors, reduction=reduction, **options)
    weights = dl.asarray(np.linspace(0.5, 1.5, y.size).reshape(y.shape).astype(dtype))
    y.backward(weights, create_graph=True)
    g = tensors[0].grad
    tensors[0].grad = None
    found = [y.numpy_copy(), g.numpy_copy()]
    if g.requires_grad:
        dl.sum(g * g).backward()
        found.append(tensors[0].grad.numpy_copy())
    return found


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", LOSSES)
def test_losses_are_one_kernel_each_way(name: str, dtype: str, reduction: str) -> None:
    before = launches(name)
    found = results(name, dtype, reduction)
    assert launches(name) >= before + 1
    with generating("off"):
        wanted = results(name, dtype, reduction)
    tolerance = 2e-5 if dtype == "float32" else 1e-12
    assert len(found) == len(wanted)
    for a, b in zip(found, wanted, strict=True):
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        assert np.allclose(a, b, rtol=tolerance, atol=tolerance)


def test_one_launch_for_the_value_and_one_for_each_gradient() -> None:
    a, b = (dl.asarray(s.astype("f4")).requires_grad_() for s in SCORES)
    before = launches("mse_loss")
    y = F.mse_loss(a, b)
    assert launches("mse_loss") == before + 1
    y.backward()
    assert launches("mse_loss") == before + 3
    assert np.allclose(a.grad.numpy(), -b.grad.numpy())
    x = dl.asarray(SCORES[0]).requires_grad_()
    F.mse_loss(x, x).backward()  # one tensor in both places
    assert np.array_equal(x.grad.numpy(), np.zeros_like(SCORES[0]))


def test_layouts_shapes_and_dtypes_that_a_kernel_does_not_take() -> None:
    wide = np.repeat(SCORES, 2, axis=2)
    for a, b in ((SCORES[0].T, SCORES[1].T), (wide[0, :, ::2], SCORES[1]), (SCORES[0][:1, :1], SCORES[1][:1, :1])):
        for dtype in ("f4", "f8"):
            given = dl.asarray(a.astype(dtype)), dl.asarray(b.astype(dtype))
            got = F.huber_loss(*given)
            with generating("off"):
                assert got == pytest.approx(float(F.huber_loss(*given)), rel=1e-6)
    assert np.isnan(F.mse_loss(dl.zeros((0, 3)), dl.zeros((0, 3))).numpy())
    assert F.mse_loss(dl.zeros((0,)), dl.zeros((0,)), reduction="sum") == 0.0
    half = F.mse_loss(dl.asarray(SCORES[0], dtype="float16"), dl.asarray(SCORES[1], dtype="float16"))
    assert half.dtype == "float16"
    mixed = F.l1_loss(dl.asarray(SCORES[0]), dl.asarray(SCORES[1].astype("f4")))
    assert mixed.dtype == "float64"
    assert F.mse_loss(dl.asarray([1, 2]), dl.asarray([3, 4])) == 4.0


def test_gradients_guard_what_they_read_and_no_more() -> None:
    a, b = dl.asarray(SCORES[0]).requires_grad_(), dl.asarray(SCORES[1])
    y = F.mse_loss(a, b)
    with dl.no_grad():
        y += 1.0  # the value itself may change
    y.backward()
    y = F.mse_loss(a, b)
    b[0] = 1.0
    with pytest.raises(GradientError, match="mse_loss.*overwritten"):
        y.backward()
    with dl.no_grad():
        assert not F.mse_loss(a, b).requires_grad


def test_a_function_that_is_no_formula_runs_as_it_is() -> None:
    @composed
    def sorted_error(x: Any, y: Any, /) -> Any:
        return dl.sum(dl.sort(x - y))

    @composed
    def two_sums(x: Any, y: Any, /) -> Any:
        return dl.sum(x * y) / dl.sum(y)

    @composed
    def rows(x: Any, y: Any, /) -> Any:
        return dl.sum(x * y, axis=-1)

    a, b = dl.asarray(SHARES[0]), dl.asarray(SHARES[1])
    for f, want in (
        (sorted_error, np.sum(SHARES[0] - SHARES[1])), (two_sums, np.sum(SHARES[0] * SHARES[1]) / np.sum(SHARES[1])),
        (rows, np.sum(SHARES[0] * SHARES[1], axis=-1)),
    ):  # fmt: skip
        assert np.allclose(f(a, b).numpy(), want)
        assert launches(f.__name__) == 0


def test_numbers_are_part_of_the_formula() -> None:
    a, b = dl.asarray(SCORES[0]), dl.asarray(SCORES[1])
    for delta in (0.1, 0.5, 2.0, 0.1):
        with generating("off"):
            want = float(F.huber_loss(a, b, delta=delta))
        assert F.huber_loss(a, b, delta=delta) == pytest.approx(want, rel=1e-12)


@pytest.mark.parametrize("fuse", [False, True])
def test_a_captured_step_gives_the_same_bits(fuse: bool) -> None:
    def make() -> tuple[Any, Any]:
        w = dl.asarray(np.linspace(-1, 1, 31)).requires_grad_()

        def step(x: Any, t: Any) -> Any:
            w.grad = None
            y = F.binary_cross_entropy_with_logits(x * w, t) + F.huber_loss(x * w, t)
            y.backward()
            return y, w.grad

        return step, w

    eager, _ = make()
    captured = training.capture(make()[0], fuse=fuse)
    for i in range(5):
        x, t = dl.asarray(SCORES[0] + i), dl.asarray(SHARES[1])
        for a, b in zip(eager(x, t), captured(x, t), strict=True):
            assert np.allclose(a.numpy_copy(), b.numpy_copy(), rtol=1e-13 if fuse else 0, atol=0)
    assert captured.replays > 0
