"""The normalisation kernels against their equations in extended precision, torch, and each other."""

from __future__ import annotations

import numpy as np
import pytest
from reference_namespaces import NAMESPACES, NUMPY, close, run

EPS = 1e-5
SHAPES = [(5, 4), (3, 4, 7), (2, 4, 3, 5), (2, 4, 2, 3, 2), (1, 4, 1, 1), (0, 4, 3, 3)]


@pytest.fixture(params=sorted(NAMESPACES))
def xp(request):
    return NAMESPACES[request.param]


def arrays(shape, size, dtype=np.float64):
    rng = np.random.default_rng(2)
    x, gy = (rng.standard_normal(shape).astype(dtype) for _ in range(2))
    weight, bias = (rng.standard_normal(size).astype(dtype) for _ in range(2))
    return x + dtype(3), gy, weight, bias


def kernels_and_torch(kind, shape, affine, groups=2):
    """Arguments after x of a kernel and its gradient, and torch's function of the same values."""
    torch = pytest.importorskip("torch")
    size = shape[-1] if kind == "layer" else shape[1]
    x, gy, weight, bias = arrays(shape, size)
    if not affine:
        weight = bias = None
    functional = torch.nn.functional
    tensors = [None if a is None else torch.tensor(a, requires_grad=True) for a in (x, weight, bias)]
    if kind == "batch":
        axes = (0, *range(2, x.ndim))
        centred = tensors[0] - tensors[0].mean(axes, keepdim=True)
        y = centred / (centred.square().mean(axes, keepdim=True) + EPS).sqrt()
        if affine:
            y = y * tensors[1].reshape(-1, *[1] * (x.ndim - 2)) + tensors[2].reshape(-1, *[1] * (x.ndim - 2))
    elif kind == "layer":
        y = functional.layer_norm(tensors[0], (size,), *tensors[1:], eps=EPS)
    else:
        y = functional.group_norm(tensors[0], groups, *tensors[1:], eps=EPS)
    y.backward(torch.tensor(gy))
    extra = (groups,) if kind == "group" else ()
    return (
        (x, weight, bias, *extra, EPS),
        (gy, x, weight),
        extra,
        y.detach(),
        [None if t is None else t.grad for t in tensors],
    )


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize(
    ("kind", "shape"),
    [(kind, shape) for kind in ("batch", "group") for shape in SHAPES if shape[0]]
    + [("layer", (6, 5)), ("layer", (1, 1))],
)
def test_agrees_with_torch(xp, kind, shape, affine):
    forward, backward, extra, y, gradients = kernels_and_torch(kind, shape, affine)
    ours, mean, rstd = run(xp, f"{kind}_norm", *forward)
    close(ours, y)
    gx, gweight, gbias = run(xp, f"{kind}_norm_grad", *backward, mean, rstd, *extra)
    close(gx, gradients[0], 1e-9)
    assert gweight.shape == gbias.shape == (shape[1],)
    if affine:
        close(gweight, gradients[1])
        close(gbias, gradients[2])


def test_statistics(xp):
    x, _, weight, bias = arrays((3, 4, 5), 4)
    _, mean, rstd = run(xp, "batch_norm", x, weight, bias, EPS)
    close(mean, x.mean(axis=(0, 2)))
    close(rstd, 1 / np.sqrt(x.var(axis=(0, 2)) + EPS))
    _, mean, rstd = run(xp, "group_norm", x, weight, bias, 2, EPS)
    close(mean, x.reshape(3, 2, -1).mean(axis=2))
    close(rstd, 1 / np.sqrt(x.reshape(3, 2, -1).var(axis=2) + EPS))
    _, mean, rstd = run(xp, "layer_norm", x[:, :, 0], weight, bias, EPS)
    close(mean, x[:, :, 0].mean(axis=1))
    close(rstd, 1 / np.sqrt(x[:, :, 0].var(axis=1) + EPS))


def test_one_group_per_channel_is_instance_norm():
    x, _, weight, bias = arrays((3, 4, 5), 4)
    y, _, _ = NUMPY.group_norm(x, weight, bias, 4, EPS)
    for n in range(3):
        alone, _, _ = NUMPY.batch_norm(x[n : n + 1], weight, bias, EPS)
        close(y[n : n + 1], alone)


@pytest.mark.parametrize("kind", ["batch", "layer", "group"])
def test_gradient_matches_central_differences(kind):
    x, gy, weight, bias = arrays((4, 6), 6)
    extra = (3,) if kind == "group" else ()

    def total(x, weight, bias):
        return np.sum(gy * getattr(NUMPY, f"{kind}_norm")(x, weight, bias, *extra, EPS)[0])

    _, mean, rstd = getattr(NUMPY, f"{kind}_norm")(x, weight, bias, *extra, EPS)
    gradients = getattr(NUMPY, f"{kind}_norm_grad")(gy, x, weight, mean, rstd, *extra)
    for place, gradient in enumerate(gradients):
        direction = np.random.default_rng(6).standard_normal(gradient.shape)
        up, down = (
            total(*(a + step * direction if k == place else a for k, a in enumerate((x, weight, bias))))
            for step in (1e-6, -1e-6)
        )
        close((up - down) / 2e-6, np.sum(gradient * direction), 1e-7)


def test_variance_does_not_cancel():
    x = (np.random.default_rng(2).standard_normal((64, 3, 8)) + 1000).astype(np.float32)
    y, _, rstd = NUMPY.batch_norm(x, None, None, 0.0)
    exact, _, exact_rstd = NUMPY.batch_norm(x.astype(np.float64), None, None, 0.0)
    close(rstd, exact_rstd, 1e-6)
    close(y, exact, 2e-4)


@pytest.mark.parametrize("kind", ["batch", "group"])
def test_an_empty_batch(xp, kind):
    extra = (2,) if kind == "group" else ()
    x, gy, weight, bias = arrays((0, 4, 3, 3), 4)
    y, mean, rstd = run(xp, f"{kind}_norm", x, weight, bias, *extra, EPS)
    assert y.shape == x.shape
    assert np.isfinite(mean).all()
    gx, gweight, gbias = run(xp, f"{kind}_norm_grad", gy, x, weight, mean, rstd, *extra)
    assert gx.shape == x.shape
    assert not gweight.any()
    assert not gbias.any()


def test_empty_rows(xp):
    x, gy, weight, bias = arrays((0, 4), 4)
    y, mean, rstd = run(xp, "layer_norm", x, weight, bias, EPS)
    assert y.shape == (0, 4)
    assert run(xp, "layer_norm_grad", gy, x, weight, mean, rstd)[0].shape == (0, 4)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("kind", ["batch", "layer", "group"])
def test_keeps_dtype_and_layout(kind, dtype):
    shape = (5, 4) if kind == "layer" else (5, 4, 3)
    x, gy, weight, bias = (np.asfortranarray(a) for a in arrays(shape, 4, dtype))
    extra = (2,) if kind == "group" else ()
    results = getattr(NUMPY, f"{kind}_norm")(x, weight, bias, *extra, EPS)
    gradients = getattr(NUMPY, f"{kind}_norm_grad")(gy, x, weight, *results[1:], *extra)
    x, gy, weight, bias = (a.astype(np.float64) for a in (x, gy, weight, bias))
    exact = getattr(NUMPY, f"{kind}_norm")(x, weight, bias, *extra, EPS)
    exact_gradients = getattr(NUMPY, f"{kind}_norm_grad")(gy, x, weight, *exact[1:], *extra)
    for result, value in zip(results + gradients, exact + exact_gradients, strict=True):
        assert result.dtype == dtype
        assert result.flags.c_contiguous
        close(result, value, 2e-2 if dtype == np.float16 else 1e-5)
