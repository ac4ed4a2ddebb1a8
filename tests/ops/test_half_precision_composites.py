"""float16 and bfloat16: what is made of many steps is computed in float32 and rounded once, and the result keeps the dtype.

The oracle is the same function in float64 of the same rounded inputs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import dlengine as dl
from dlengine import nn, optim
from dlengine.errors import DLEngineError
from dlengine.nn import functional as F
from dlengine.testing import calls, rows

pytestmark = pytest.mark.backends("numpy", "numba", "cuda")
EPS = {"float16": 2.0**-11, "bfloat16": 2.0**-8}


@pytest.fixture(params=["float16", "bfloat16"])
def dtype(request: pytest.FixtureRequest) -> str:
    if request.param == "bfloat16":
        pytest.importorskip("ml_dtypes")
    return str(request.param)


def drawn(*shape: int, scale: float = 1.0, seed: int = 0) -> Any:
    return np.random.default_rng(seed).standard_normal(shape) * scale


def half(a: Any, dtype: str, grad: bool = False) -> Any:
    t = dl.asarray(np.asarray(a, "f4")).astype(dtype)
    return t.requires_grad_() if grad else t


def wide(t: Any) -> Any:
    return dl.asarray(np.asarray(t.detach().numpy_copy(), "f8"))


TARGETS = np.arange(5) % 3
FUNCTIONS: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "vector_norm of large": (dl.linalg.vector_norm, (drawn(50, scale=300),)),
    "vector_norm of small": (dl.linalg.vector_norm, (drawn(50, scale=3e-5),)),
    "vector_norm, ord 3": (lambda x: dl.linalg.vector_norm(x, ord=3, axis=1), (drawn(5, 40, scale=90),)),
    "normalize of large": (F.normalize, (drawn(5, 7, scale=500),)),
    "normalize of small": (F.normalize, (drawn(5, 7, scale=1e-4),)),
    "cosine_similarity": (F.cosine_similarity, (drawn(5, 7, scale=400), drawn(5, 7, scale=400, seed=1))),
    "cosine_embedding_loss": (
        lambda a, b: F.cosine_embedding_loss(a, b, dl.ones(5, dtype=a.dtype)), (drawn(5, 7, scale=300), drawn(5, 7, seed=1))
    ),
    "pairwise_distance": (F.pairwise_distance, (drawn(5, 70, scale=100), drawn(5, 70, scale=100, seed=1))),
    "squared_distances": (F.squared_distances, (drawn(5, 70), drawn(4, 70, seed=1))),
    "triplet_margin_loss": (F.triplet_margin_loss, (drawn(5, 9), drawn(5, 9, seed=1), drawn(5, 9, seed=2))),
    "info_nce_loss": (F.info_nce_loss, (drawn(5, 9, scale=300), drawn(5, 9, seed=1, scale=300))),
    "mse_loss": (F.mse_loss, (drawn(40, 50, scale=9), drawn(40, 50, seed=1, scale=9))),
    "huber_loss": (F.huber_loss, (drawn(40, 50, scale=9), drawn(40, 50, seed=1, scale=9))),
    "kl_div": (F.kl_div, (-np.abs(drawn(6, 5)), np.abs(np.tanh(drawn(6, 5, seed=1))))),
    "poisson_nll_loss": (lambda a, b: F.poisson_nll_loss(a, b, log_input=False), (np.array([1.0, 2.0]), np.array([1.0, 3.0]))),
    "cross_entropy with weights": (
        lambda x: F.cross_entropy(x, dl.asarray(TARGETS), weight=dl.asarray(np.array([1.0, 2.0, 3.0])).astype(x.dtype)),
        (drawn(5, 3, scale=4),),
    ),
    "cross_entropy smoothed": (lambda x: F.cross_entropy(x, dl.asarray(TARGETS), label_smoothing=0.1), (drawn(5, 3),)),
    "cross_entropy of probabilities": (F.cross_entropy, (drawn(5, 3), np.full((5, 3), 1 / 3))),
    "nll_loss": (lambda x: F.nll_loss(x, dl.asarray(TARGETS)), (drawn(5, 3),)),
    "multi_margin_loss": (lambda x: F.multi_margin_loss(x, dl.asarray(TARGETS)), (drawn(5, 3),)),
    "logsumexp of many": (dl.logsumexp, (np.zeros(100_000),)),
    "gelu": (F.gelu, (np.linspace(-6, 6, 41),)),
    "mish": (F.mish, (np.linspace(-9, 9, 41),)),
    "std": (lambda x: dl.std(x, axis=0), (drawn(3000, 2, scale=100),)),
    "mean": (dl.mean, (drawn(300, 200) + 400,)),
    "prod": (dl.prod, (1 + drawn(300, scale=0.01),)),
    "cumulative_prod": (dl.cumulative_prod, (1 + drawn(300, scale=0.01),)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_and_gradients_are_those_of_float64_rounded_once(backend: str, dtype: str, name: str) -> None:
    f, given = FUNCTIONS[name]
    args = [half(a, dtype, grad=True) for a in given]
    exact = [wide(a).requires_grad_() for a in args]
    try:
        y, want = f(*args), f(*exact)
    except dl.errors.DataError:  # a probability that rounding has moved past 1
        pytest.skip("rounded out of the range")
    assert str(y.dtype) == dtype
    got, right = np.asarray(y.detach().numpy_copy(), "f8"), want.detach().numpy_copy()
    assert np.isfinite(got).all()
    assert np.abs(got - right).max() <= 1.01 * EPS[dtype] * np.abs(right).max() + 1e-7
    g = drawn(*y.shape, seed=9)
    dl.sum(y * half(g, dtype)).backward()
    dl.sum(want * wide(half(g, dtype))).backward()
    for a, e in zip(args, exact, strict=True):
        got, right = np.asarray(a.grad.numpy_copy(), "f8"), e.grad.numpy_copy()
        assert str(a.grad.dtype) == dtype
        assert np.isfinite(got).all()
        assert np.abs(got - right).max() <= 4 * EPS[dtype] * np.abs(right).max() + 1e-7, name


def test_labels_are_counted_beyond_what_half_precision_can_count(backend: str, dtype: str) -> None:
    rows = 8_000 if backend == "cuda-emulate" else 70_000  # float16 counts to 2,048 and ends at 65,504
    labels = np.zeros(rows, "int64")
    labels[::2] = -100
    for weight in (None, dl.ones(2).astype(dtype)):
        x = half(np.zeros((rows, 2)), dtype, grad=True)
        loss = F.cross_entropy(x, dl.asarray(labels), weight=weight)
        loss.backward()
        assert float(loss) == pytest.approx(np.log(2), rel=4 * EPS[dtype])
        g = np.asarray(x.grad.numpy_copy(), "f8")
        assert g[1] == pytest.approx([-0.5 / (rows / 2), 0.5 / (rows / 2)], rel=0.01)
        assert (g[0] == 0).all()


def test_guards_are_not_zero(backend: str, dtype: str) -> None:
    """1e-12, 1e-8 and eps^2 do not exist in float16."""
    zero = half(np.zeros((2, 3)), dtype, grad=True)
    assert (np.asarray(F.normalize(zero).detach().numpy_copy(), "f4") == 0).all()
    assert float(F.cosine_similarity(zero, zero).detach()[0]) == 0
    p = half([0.0, 1.0, 0.0, 1.0], dtype, grad=True)
    F.binary_cross_entropy(p, half([0.0, 1.0, 1.0, 0.0], dtype), reduction="sum").backward()
    assert np.asarray(p.grad.numpy_copy(), "f4")[:2].tolist() == [0, 0]
    assert float(F.poisson_nll_loss(half([0.0], dtype), half([0.0], dtype), log_input=False)) == 0


def test_places_named_often_add_up(backend: str, dtype: str) -> None:
    ids = dl.asarray(np.zeros(5000, "int64"))
    x = half(np.zeros((2, 1)), dtype, grad=True)
    dl.sum(x[ids]).backward()
    assert float(x.grad[0, 0]) == pytest.approx(5000, rel=EPS[dtype])
    y = dl.scatter_add(half(np.zeros((2, 1)), dtype), ids, half(np.ones((5000, 1)), dtype))
    assert float(y[0, 0]) == pytest.approx(5000, rel=EPS[dtype])
    assert str(y.dtype) == dtype


def test_half_beside_float32_promotes(backend: str, dtype: str) -> None:
    a, b = half(drawn(4, 3), dtype), dl.asarray(drawn(4, 3, seed=1).astype("f4"))
    assert str(F.mse_loss(a, b).dtype) == "float32"
    assert str(F.pairwise_distance(b, a).dtype) == "float32"


@pytest.mark.backends("numpy", "numba")
def test_clipping_by_a_norm_that_half_precision_cannot_square(backend: str, dtype: str) -> None:
    p = nn.Parameter(half(np.zeros(4), dtype))
    p.grad = half([300.0, 400.0, 0.0, 0.0], dtype)
    assert float(optim.clip_grad_norm_([p], 5.0)) == pytest.approx(500, rel=EPS[dtype])
    assert np.asarray(p.grad.numpy_copy(), "f4") == pytest.approx([3, 4, 0, 0], rel=2 * EPS[dtype])


@pytest.mark.backends("numpy", "numba")
def test_every_op_keeps_bfloat16(backend: str) -> None:
    """NumPy itself makes float32 of a bfloat16 array that meets a Python number, or a product of matrices."""
    ml_dtypes = pytest.importorskip("ml_dtypes")
    brief = np.dtype(ml_dtypes.bfloat16)
    changed, refused = [], []
    for row in rows():
        if "layer" in row.tags or row.op.__module__.endswith(".updates"):  # steps of optimizers: sums of theirs are float32
            continue
        for number, sample in enumerate(row.samples):
            arrays = sample.arrays(f"{row.name}/{number}", np.dtype("float32"))
            if not any(getattr(a, "dtype", None) == np.float32 for a in arrays):
                continue
            few = [a.astype(brief) if getattr(a, "dtype", None) == np.float32 else a for a in arrays]
            consts = calls.consts(sample)
            wide_args, narrow = (calls.tensors(sample, given, grad=False)[0] for given in (arrays, few))
            try:
                want = row.op(*wide_args, **consts)
                got = row.op(*narrow, **consts)
            except DLEngineError as error:
                refused.append(f"{row.name}: {error}")
                continue
            for y, w in zip(*(v if isinstance(v, (tuple, list)) else [v] for v in (got, want)), strict=True):
                if getattr(w, "dtype", None) == np.float32 and "dtype" not in consts and y.dtype != brief:
                    changed.append(f"{row.name}[{number}]: {y.dtype}")
    assert not [c for c in changed if not c.startswith("eig[")], changed  # complex numbers have no such type
    assert not refused, refused


@pytest.mark.backends("numpy", "numba")
def test_the_second_derivative_keeps_bfloat16(backend: str) -> None:
    pytest.importorskip("ml_dtypes")
    x = half(drawn(4, 3), "bfloat16", grad=True)
    (g,) = dl.gradients([dl.sum(dl.gelu(x @ x.T) * 0.5)], [x], create_graph=True)
    (h,) = dl.gradients([dl.sum(g * g)], [x])
    assert str(g.dtype) == str(h.dtype) == "bfloat16"
    assert np.isfinite(np.asarray(h.numpy_copy(), "f4")).all()
