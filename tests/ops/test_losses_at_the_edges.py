"""Losses where a probability is 0 or 1, an error infinite, a variance too small: values, gradients, and clear refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import dlengine as dl
from dlengine.errors import DataError
from dlengine.nn import functional as F

pytestmark = pytest.mark.backends("numpy", "numba", "cuda", "strict")
INF = np.inf


def t(*values: float, grad: bool = False) -> Any:
    x = dl.asarray(np.array(values, "f4"))
    return x.requires_grad_() if grad else x


def gradient(x: Any) -> list[float]:
    return [float(v) for v in x.grad.numpy_copy().ravel()]


def test_probabilities_of_exactly_0_and_1(backend: str) -> None:
    p = t(0, 1, 0, 1, grad=True)
    loss = F.binary_cross_entropy(p, t(0, 1, 1, 0), reduction="none")
    assert loss.detach().numpy_copy().tolist() == [0, 0, 100, 100]
    loss.sum().backward()
    assert gradient(p)[:2] == [0, 0]
    assert np.isfinite(gradient(p)).all()


@pytest.mark.parametrize("values", [(0.5, 1.5), (-0.2, 0.5), (0.5, INF), (1.0000001, 0.0)])
def test_what_is_no_probability_is_refused(backend: str, values: tuple[float, ...]) -> None:
    with pytest.raises(DataError, match=r"binary_cross_entropy: input\[.*with_logits"):
        F.binary_cross_entropy(t(*values), t(0, 1))


def test_a_nan_goes_on(backend: str) -> None:
    assert np.isnan(float(F.binary_cross_entropy(t(np.nan, 0.5), t(0, 1))))
    assert np.isnan(float(F.huber_loss(t(np.nan), t(0))))
    assert np.isnan(float(F.cross_entropy(dl.reshape(t(np.nan, 0.5), (1, 2)), dl.asarray([0]))))


def test_divergence_from_what_never_happens(backend: str) -> None:
    q = np.log(np.array([0.25, 0.75], "f4"))
    for target, log_target in ((t(0, 1), False), (t(-INF, 0), True)):
        x = t(*q, grad=True)
        loss = F.kl_div(x, target, reduction="sum", log_target=log_target)
        assert float(loss) == pytest.approx(-q[1], rel=1e-6)
        loss.backward()
        assert gradient(x) == [0, -1]
    # even where the other distribution gives it no probability either
    assert float(F.kl_div(t(-INF, 0), t(0, 1), reduction="sum")) == 0
    assert float(F.kl_div(t(-INF, 0), t(-INF, 0), reduction="sum", log_target=True)) == 0
    target = t(-INF, 0, grad=True)
    F.kl_div(t(*q), target, reduction="sum", log_target=True).backward()
    assert gradient(target) == pytest.approx([0, 1 - q[1]], rel=1e-6)


def test_cross_entropy_of_classes_that_are_ruled_out(backend: str) -> None:
    logits = np.array([[1.0, -INF, 2.0], [-INF, 0.0, -INF]])
    want = [-np.log(np.exp(-1) / (1 + np.exp(-1))), 0]
    for soft in (False, True):
        x = dl.asarray(logits.astype("f4")).requires_grad_()
        target = dl.asarray(np.eye(3, dtype="f4")[[0, 1]] if soft else np.array([0, 1]))
        loss = F.cross_entropy(x, target, reduction="none")
        assert np.allclose(loss.detach().numpy_copy(), want, rtol=1e-6, atol=1e-7)
        loss.sum().backward()
        assert np.isfinite(x.grad.numpy_copy()).all()
        assert x.grad.numpy_copy()[0, 1] == 0
    x = dl.asarray(logits.astype("f4")).requires_grad_()
    F.cross_entropy(x, dl.asarray(np.array([0, 1])), weight=t(1, 2, 3)).backward()
    assert np.isfinite(x.grad.numpy_copy()).all()


@pytest.mark.parametrize("scale", [1.0, 0.3, 5.0])
def test_errors_without_bound_pull_with_a_bounded_gradient(backend: str, scale: float) -> None:
    x = t(INF, -INF, 3e38, 0.1, 0, grad=True)
    F.huber_loss(x, t(0, 0, 0, 0, 0), reduction="sum", delta=scale).backward()
    assert gradient(x) == pytest.approx([scale, -scale, scale, 0.1, 0])
    x = t(INF, -INF, 3e38, 0.1, 0, grad=True)
    F.smooth_l1_loss(x, t(0, 0, 0, 0, 0), reduction="sum", beta=scale).backward()
    assert gradient(x) == pytest.approx([1, -1, 1, 0.1 / scale, 0])
    assert float(F.huber_loss(t(INF), t(0), delta=scale)) == INF
    for d in (0.5 * scale, scale, 2 * scale):
        want = d * d / 2 if d < scale else scale * (d - scale / 2)
        assert float(F.huber_loss(t(d), t(0), delta=scale)) == pytest.approx(want, rel=1e-6)


def test_a_variance_below_the_floor_can_grow_again(backend: str) -> None:
    eps = 1e-2
    v = t(0, 1e-3, 0.5, grad=True)
    loss = F.gaussian_nll_loss(t(1, 1, 1), t(1.5, 1.5, 1.5), v, eps=eps, reduction="none")
    floor = np.maximum([0, 1e-3, 0.5], eps)
    assert np.allclose(loss.detach().numpy_copy(), 0.5 * (np.log(floor) + 0.25 / floor), rtol=1e-5)
    loss.sum().backward()
    assert gradient(v) == pytest.approx(0.5 * (1 / floor - 0.25 / floor**2), rel=1e-5)


def test_logsumexp_of_infinities(backend: str) -> None:
    for values, y, shares in [
        ((INF, INF, 0), INF, [0.5, 0.5, 0]), ((INF, -INF), INF, [1, 0]), ((-INF, -INF), -INF, [0, 0]),
        ((-INF, 3), 3, [0, 1]), ((1e30, 1e30), 1e30, [0.5, 0.5]),
    ]:  # fmt: skip
        x = t(*values, grad=True)
        got = dl.logsumexp(x)
        got.backward()
        assert float(got) == pytest.approx(y)
        assert gradient(x) == shares
    x = dl.asarray(np.array([[INF, 1, INF], [-INF, 2, -INF]], "f4")).requires_grad_()
    dl.sum(dl.logsumexp(x, axis=1)).backward()
    assert x.grad.numpy_copy().tolist() == [[0.5, 0, 0.5], [0, 1, 0]]
    assert np.isnan(float(dl.logsumexp(t(np.nan, INF))))
    assert float(dl.logsumexp(dl.zeros(0))) == -INF


def test_padding_of_bare_numbers_is_refused_with_what_it_would_be_here(backend: str) -> None:
    x = dl.zeros((1, 2, 4))
    for padding, mend in [((1, 2), r"\[\(1, 2\)\]"), ((1, 2, 3, 4), r"\[\(3, 4\), \(1, 2\)\]"), ([0, 1], "pair"), (3, "pair")]:
        with pytest.raises(ValueError, match="pair") as caught:
            F.pad(x, padding)
        assert caught.match(mend)
    for padding in (((1,),), ((1, 2), 3), ((1.5, 2),), ("ab",)):
        with pytest.raises(ValueError, match="pad: padding must be"):
            F.pad(x, padding)
    assert F.pad(x, ((3, 4), (1, 2))).shape == (1, 9, 7)
    assert F.pad(x, [[1, 2]]).shape == (1, 2, 7)
