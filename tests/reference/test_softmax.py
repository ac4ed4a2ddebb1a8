"""Softmax and cross-entropy against torch and by differences, at ordinary and at enormous logits."""

from __future__ import annotations

import numpy as np
import pytest
from reference_namespaces import NAMESPACES, NUMPY, close, run

IGNORE = -100


@pytest.fixture(params=sorted(NAMESPACES))
def xp(request):
    return NAMESPACES[request.param]


def normal(*shape, seed=1):
    return np.random.default_rng(seed).standard_normal(shape)


@pytest.mark.parametrize("kernel", ["softmax", "log_softmax"])
@pytest.mark.parametrize("scale", [1.0, 1e4])
@pytest.mark.parametrize(
    ("shape", "axis"), [((5,), 0), ((3, 4), 1), ((3, 4), 0), ((2, 3, 4), -2), ((0, 3), 1), ((3, 1), 1)]
)
def test_agrees_with_torch(xp, kernel, shape, axis, scale):
    torch = pytest.importorskip("torch")
    x, gy = normal(*shape) * scale, normal(*shape, seed=2)
    tensor = torch.tensor(x, requires_grad=True)
    expected = getattr(torch, kernel)(tensor, axis)
    expected.backward(torch.tensor(gy))
    y = run(xp, kernel, x, axis)
    close(y, expected.detach())
    close(run(xp, f"{kernel}_grad", gy, y, axis), tensor.grad)


@pytest.mark.parametrize("kernel", ["softmax", "log_softmax"])
def test_an_axis_of_no_elements(xp, kernel):
    assert run(xp, kernel, np.zeros((3, 0)), 1).shape == (3, 0)


def test_minus_infinity_has_no_probability(xp):
    y = run(xp, "softmax", np.asarray([[0.0, -np.inf, 0.0]]), 1)
    assert np.array_equal(y, [[0.5, 0.0, 0.5]])


def test_nan_propagates(xp):
    y = run(xp, "softmax", np.asarray([[0.0, np.nan], [1.0, 1.0]]), 1)
    assert np.array_equal(np.isnan(y), [[True, True], [False, False]])


@pytest.mark.parametrize("scale", [1.0, 1e4])
@pytest.mark.parametrize("ignore_index", [IGNORE, 2])
@pytest.mark.parametrize("n", [0, 6])
def test_cross_entropy_agrees_with_torch(xp, scale, ignore_index, n):
    torch = pytest.importorskip("torch")
    logits, gloss = normal(n, 4) * scale, normal(n, seed=2)
    labels = np.asarray([0, 3, 2, ignore_index, 1, 2])[:n]
    tensor = torch.tensor(logits, requires_grad=True)
    functional = torch.nn.functional
    expected = functional.cross_entropy(tensor, torch.tensor(labels), ignore_index=ignore_index, reduction="none")
    expected.backward(torch.tensor(gloss))
    loss, p = run(xp, "cross_entropy", logits, labels, ignore_index)
    close(loss, expected.detach())
    close(p, torch.softmax(tensor, 1).detach())
    close(run(xp, "cross_entropy_grad", gloss, p, labels, ignore_index), tensor.grad)


def test_cross_entropy_keeps_its_digits_at_large_logits():
    logits = (normal(50, 10) + 1e4).astype(np.float32)
    labels = np.arange(50) % 10
    loss, p = NUMPY.cross_entropy(logits, labels, IGNORE)
    exact, exact_p = NUMPY.cross_entropy(logits.astype(np.float64), labels, IGNORE)
    close(loss, exact, 1e-6)
    ones = np.ones(50, np.float32)
    gradient = NUMPY.cross_entropy_grad(ones, p, labels, IGNORE)
    close(
        gradient,
        NUMPY.cross_entropy_grad(ones.astype(np.float64), exact_p, labels, IGNORE),
        1e-6,
    )


@pytest.mark.parametrize("label_dtype", [np.int32, np.int64, np.uint8])
def test_labels_of_any_integer_dtype(xp, label_dtype):
    logits, labels = normal(3, 4), np.asarray([1, 0, 3])
    for ignore_index in (IGNORE, 0):
        if label_dtype == np.uint8 and ignore_index < 0:
            continue
        loss, p = run(xp, "cross_entropy", logits, labels.astype(label_dtype), ignore_index)
        close(loss, run(xp, "cross_entropy", logits, labels, ignore_index)[0])
        run(xp, "cross_entropy_grad", loss, p, labels.astype(label_dtype), ignore_index)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_keeps_dtype_and_layout(dtype):
    x, gy = np.asfortranarray(normal(5, 4).astype(dtype)), np.asfortranarray(normal(5, 4, seed=2).astype(dtype))
    labels = np.asarray([0, 1, 2, 3, IGNORE])
    y, z = NUMPY.softmax(x, 1), NUMPY.log_softmax(x, 1)
    loss, p = NUMPY.cross_entropy(x, labels, IGNORE)
    gradients = NUMPY.softmax_grad(gy, y, 1), NUMPY.log_softmax_grad(gy, z, 1)
    for result in (y, z, loss, p, *gradients, NUMPY.cross_entropy_grad(loss, p, labels, IGNORE)):
        assert result.dtype == dtype
        assert result.flags.c_contiguous
    close(y, NUMPY.softmax(x.astype(np.float64), 1), 1e-3 if dtype == np.float16 else 1e-6)
