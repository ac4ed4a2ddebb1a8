"""What kernels are called with: one declaration for all sets, one rule for what does not fit, and no detour for what does."""

from __future__ import annotations

import inspect
import tracemalloc
from collections.abc import Callable
from importlib import import_module
from typing import Any

import kernel_abuse
import numpy as np
import pytest

import dlengine as dl
from dlengine import backend as backends
from dlengine import nn, optim
from dlengine.backend import dispatch
from dlengine.errors import ConfigError, DLEngineError, DTypeError, ShapeError
from dlengine.kernels import cuda, jit, reference
from dlengine.kernels.geometry import PoolGeometry
from dlengine.kernels.registry import KERNELS, declaration, declarations
from dlengine.kernels.settings import AdamSettings, SGDSettings
from dlengine.nn import functional as F  # noqa: N812 - as PyTorch users know it

HOSTS = ("numpy", "numba", "cuda")


def tensor(seed: int, *shape: int, dtype: str = "float32") -> Any:
    return dl.asarray(np.random.default_rng(seed).normal(size=shape).astype("float32").astype(dtype))


def host_space() -> Any:
    return backends.spaces()[np.ndarray]


# ------------------------------------------------------------------ the declaration
SETS = {s.name: s for s in (reference.SET, jit.SET, cuda.SET)}


def test_every_kernel_is_declared() -> None:
    assert {name for s in SETS.values() for name in s.declared} == set(KERNELS)
    assert set(KERNELS) - set(reference.SET.declared) == {"matmul"}  # a function of the standard


@pytest.mark.parametrize("name", SETS)
def test_functions_have_the_declared_signature(name: str) -> None:
    """The declared arguments in the declared order, and no default: a call says everything."""
    for kernel in SETS[name].declared:
        parameters = list(inspect.signature(SETS[name].load(kernel)).parameters.values())[name == "reference" :]
        assert tuple(p.name for p in parameters) == declaration(kernel).names, kernel
        assert all(p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD for p in parameters), kernel


@pytest.mark.parametrize("name", SETS)
def test_sets_have_every_kernel_that_their_modules_hold(name: str) -> None:
    """A kernel that is written is used: none is missing in what the set says of itself."""
    for family in {KERNELS[kernel] for kernel in SETS[name].declared}:
        module = import_module(f"{SETS[name].package}.{family}")
        held = {kernel for kernel in vars(module) if KERNELS.get(kernel) == family}
        assert held <= set(SETS[name].declared), family


@pytest.mark.parametrize("kernel", KERNELS)
def test_gradients_are_declared_in_the_names_of_what_they_are_of(kernel: str) -> None:
    if not kernel.endswith("_grad") or kernel.removesuffix("_grad") not in KERNELS:
        return
    own, forward = declaration(kernel), declaration(kernel.removesuffix("_grad"))
    assert set(own.outputs) <= {f"g{name}" for name in forward.arrays}
    known = {f"g{name}" for name in forward.outputs} | {*forward.names, *forward.outputs, *forward.saved}
    assert {a.name for a in own.arguments if not a.size} <= known


@pytest.mark.parametrize("kernel", [name for name, declared in declarations().items() if declared.arrays])
@pytest.mark.backends(*HOSTS)
def test_kernels_return_what_is_declared(kernel: str, backend: str) -> None:
    xp = host_space()
    values = kernel_abuse.right_call(xp, kernel, "float32")
    if "residuals" in declaration(kernel).names:
        values[-1] = kernel_abuse._saved(xp, kernel, declaration(kernel).arguments, values)
    result = getattr(xp, kernel)(*values)
    results = result if isinstance(result, tuple) else () if result is None else (result,)
    assert len(results) == len(declaration(kernel).outputs + declaration(kernel).saved)


def test_the_common_call_is_never_looked_at_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any) -> Any:
        raise AssertionError(f"{args[1]} went the long way")

    monkeypatch.setattr(dispatch, "prepared", refuse)
    for name in ("numpy", "numba"):
        with dl.use_backend(name):
            model = nn.Sequential(
                nn.Conv2d(1, 4, 3), nn.GroupNorm(2, 4), nn.SiLU(), nn.MaxPool2d(2), nn.BatchNorm2d(4), nn.Dropout(0.3),
                nn.AvgPool2d(3), nn.Flatten(), nn.Linear(4, 6), nn.LayerNorm(6), nn.Tanh(), nn.Linear(6, 3),
            )  # fmt: skip
            optimizer = optim.AdamW(model.parameters())
            nn.CrossEntropyLoss()(model(tensor(0, 5, 1, 8, 8)), dl.asarray([0, 1, 2, 0, 1])).backward()
            optim.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            y = nn.RNN(3, 4)(nn.Embedding(5, 3)(dl.asarray([[1, 2], [3, 4]])), lengths=dl.asarray([2, 1]))[0]
            dl.sum(dl.matmul(dl.softmax(y), y.T if y.ndim == 2 else dl.matrix_transpose(y))).backward()


# ------------------------------------------------------------------ dtypes
MIXED: dict[str, tuple[Callable[..., Any], tuple[tuple[int, ...], ...]]] = {
    "conv1d": (F.conv1d, ((2, 3, 9), (4, 3, 2), (4,))),
    "conv2d": (F.conv2d, ((2, 3, 6, 5), (4, 3, 2, 3), (4,))),
    "conv3d": (F.conv3d, ((1, 2, 4, 4, 4), (3, 2, 2, 2, 2), (3,))),
    "conv_transpose2d": (F.conv_transpose2d, ((2, 3, 4, 4), (3, 2, 2, 2), (2,))),
    "linear": (F.linear, ((4, 5), (3, 5), (3,))),
    "matmul": (dl.matmul, ((2, 4, 5), (5, 3))),
    "layer_norm": (lambda x, w, b: F.layer_norm(x, 7, w, b), ((5, 7), (7,), (7,))),
    "rms_norm": (lambda x, w: F.rms_norm(x, 7, w), ((5, 7), (7,))),
    "group_norm": (lambda x, w, b: F.group_norm(x, 2, w, b), ((3, 4, 5), (4,), (4,))),
    "batch_norm": (lambda x, w, b: dl.batch_norm(x, w, b)[0], ((6, 4), (4,), (4,))),
    "rnn": (lambda *a: dl.rnn(*a)[0], ((3, 2, 4), (2, 5), (5, 4), (5, 5), (5,))),
}


@pytest.mark.parametrize("name", MIXED)
@pytest.mark.backends(*HOSTS)
def test_one_wider_argument_widens_the_result_and_gradients_come_back(name: str, backend: str) -> None:
    function, shapes = MIXED[name]
    given = [tensor(i, *s) for i, s in enumerate(shapes)]
    exact = function(*(t.astype("float64") for t in given)).numpy_copy()
    for wide in range(len(shapes)):
        args = [t.astype("float64" if i == wide else "float32").detach() for i, t in enumerate(given)]
        for t in args:
            t.requires_grad = True
        y = function(*args)
        assert y.dtype == "float64"
        added_last = name == "conv_transpose2d" and wide == 2
        np.testing.assert_allclose(y.detach().numpy_copy(), exact, rtol=1e-9, atol=1e-5 if added_last else 1e-9)
        dl.sum(y * y).backward()
        assert [t.grad.dtype for t in args] == [t.dtype for t in args]


@pytest.mark.parametrize("name", MIXED)
@pytest.mark.parametrize("kind", ["uint8", "int32", "bool"])
@pytest.mark.backends(*HOSTS)
def test_integers_take_the_floats_dtype(name: str, kind: str, backend: str) -> None:
    function, shapes = MIXED[name]
    first = dl.asarray(np.random.default_rng(0).integers(0, 2, shapes[0]).astype(kind))
    rest = [tensor(i, *s) for i, s in enumerate(shapes[1:], 1)]
    for t in rest:
        t.requires_grad = True
    y = function(first, *rest)
    assert y.dtype == "float32"
    dl.sum(y * y).backward()
    got = [t.grad.numpy_copy() for t in rest]
    for t in rest:
        t.grad = None
    expected = function(first.astype("float32"), *rest)
    dl.sum(expected * expected).backward()
    np.testing.assert_array_equal(y.detach().numpy_copy(), expected.detach().numpy_copy())
    for g, t in zip(got, rest, strict=True):
        np.testing.assert_array_equal(g, t.grad.numpy_copy())


@pytest.mark.backends(*HOSTS)
def test_half_precision_and_float32_meet_in_float32(backend: str) -> None:
    y = F.conv2d(tensor(0, 1, 2, 5, 5), tensor(1, 3, 2, 3, 3, dtype="float16"))
    assert y.dtype == "float32"
    pytest.importorskip("ml_dtypes")
    y = F.layer_norm(tensor(0, 3, 8).astype(dl.bfloat16), 8, tensor(1, 8, dtype="float16"))
    assert y.dtype == "float32"


@pytest.mark.backends(*HOSTS)
def test_what_is_written_in_place_is_never_converted(backend: str) -> None:
    xp = host_space()
    p, g, m, v = (np.ones(5, d) for d in ("float64", "float32", "float32", "float64"))
    with pytest.raises(DTypeError, match="adam: ms is written in place and must be float64"):
        xp.adam([p], [g], [m], [v], None, AdamSettings(0.1, 0.9, 0.99, 1e-8, 0.0, False, 1))
    xp.sgd([p], [g], None, SGDSettings(0.1, 0.0, 0.0, 0.0, False, True))  # a gradient may be of any floating dtype
    np.testing.assert_allclose(p, 0.9)
    p.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        xp.sgd([p], [np.ones(5)], None, SGDSettings(0.1, 0.0, 0.0, 0.0, False, True))
    np.testing.assert_allclose(p, 0.9)


# ------------------------------------------------------------------ shapes, indices, residuals
@pytest.mark.backends(*HOSTS)
def test_ids_out_of_range_are_index_errors_everywhere(backend: str) -> None:
    table = tensor(0, 4, 3)
    for wrong in (np.array([0, -1]), np.array([4], "uint8"), np.array([2**64 - 1], "uint64"), np.array([-4], "int8")):
        with pytest.raises(IndexError, match="embedding"):
            dl.embedding(table, dl.asarray(wrong))
    for kind in ("uint8", "int16", "uint64"):
        ids = dl.asarray(np.array([[3, 0], [1, 3]], kind))
        np.testing.assert_array_equal(dl.embedding(table, ids).numpy_copy(), table.numpy_copy()[[[3, 0], [1, 3]]])


@pytest.mark.backends(*HOSTS)
def test_places_of_a_pooling_are_checked(backend: str) -> None:
    xp = host_space()
    g = PoolGeometry(1, 2, (5, 4), (2, 2), (1, 1), (1, 1), (0, 0), (0, 0), (0, 0), (4, 3))
    x = np.random.default_rng(0).normal(size=(1, 2, 5, 4)).astype("float32")
    y, index = xp.max_pool2d(x, g)
    for wrong in (-1, 20, 10**9):
        bad = index.astype("int64")
        bad[0, 1, 2, 2] = wrong
        for name, a in (("max_pool2d_scatter", y), ("max_pool2d_gather", x)):
            with pytest.raises(IndexError, match=name):
                getattr(xp, name)(a, bad, g)
    with pytest.raises(ShapeError, match="max_pool2d_scatter: gy must be of shape"):
        xp.max_pool2d_scatter(y[:, :, 1:], index, g)


@pytest.mark.backends(*HOSTS)
def test_a_gradient_takes_the_residuals_of_its_own_call_alone(backend: str) -> None:
    xp = host_space()
    draw = np.random.default_rng(0)
    x, h0, w, u, b = (draw.normal(size=s).astype("float32") for s in ((3, 2, 4), (2, 5), (5, 4), (5, 5), (5,)))
    y, h, saved = xp.rnn(x, h0, w, u, b, None, False, "tanh", True)
    right = xp.rnn_grad(y, h, x, h0, w, u, b, None, False, "tanh", saved)
    wide = xp.rnn_grad(y.astype("float64"), h, x, h0.astype("float64"), w, u, b, None, False, "tanh", saved)
    for a, c in zip(right, wide, strict=True):
        assert c.dtype == "float32"
        np.testing.assert_array_equal(a, c)
    with pytest.raises(ShapeError, match="rnn_grad: x and h0 had shapes"):
        xp.rnn_grad(y[:2], h, x[:2], h0, w, u, b, None, False, "tanh", saved)
    with pytest.raises(ConfigError, match="lengths and reverse"):
        xp.rnn_grad(y, h, x, h0, w, u, b, None, True, "tanh", saved)
    with pytest.raises(DTypeError, match="residuals must be what rnn returned last"):
        xp.rnn_grad(y, h, x, h0, w, u, b, None, False, "tanh", saved.values)
    other = backends.namespace_of(backends.NUMPY, None if backend != "numpy" else cuda.EMULATED)
    with pytest.raises(DTypeError, match="residuals are of"):
        other.rnn_grad(y, h, x, h0, w, u, b, None, False, "tanh", saved)


@pytest.mark.backends(*HOSTS)
def test_matrices_that_do_not_fit_are_refused(backend: str) -> None:
    for a, b in (((51,), (17, 3)), ((2, 3), (4, 2)), ((3, 2, 5), (3, 4, 2))):
        with pytest.raises(DLEngineError, match="matmul"):
            dl.matmul(tensor(0, *a), tensor(1, *b))


# ------------------------------------------------------------------ infinite inputs, wide windows, vectors
@pytest.mark.parametrize("hidden", [5, 16, 21])
@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
def test_an_infinite_input_gives_numpys_gradients(kind: type[nn.Module], hidden: int) -> None:
    dl.manual_seed(0)
    model = kind(3, hidden, bidirectional=True)
    data = np.random.default_rng(0).normal(size=(4, 2, 3)).astype("float32")
    data[1, 0, 2], data[2, 1, 0] = np.inf, -np.inf
    made = []
    for name in ("numpy", "numba"):
        with dl.use_backend(name):
            model.zero_grad()
            x = dl.asarray(data)
            x.requires_grad = True
            y = model(x, lengths=dl.asarray([4, 3]))[0]
            dl.sum(y * y).backward()
            made.append([y.detach(), x.grad, *(p.grad for p in model.parameters())])
    assert np.isfinite(made[0][1].numpy_copy()).all()
    for a, b in zip(*made, strict=True):
        np.testing.assert_allclose(b.numpy_copy(), a.numpy_copy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("width", "window", "step", "gap"), [(90, 90, 1, 1), (97, 40, 30, 2), (130, 64, 33, 1)])
def test_maxima_of_wide_windows(width: int, window: int, step: int, gap: int) -> None:
    x = np.random.default_rng(0).integers(0, 9, (2, 2, 7, width)).astype("float32")  # full of ties
    x[0, 0, 3, 70], x[1, 1, :, 5:40] = np.nan, np.inf
    made = []
    for name in ("numpy", "numba"):
        with dl.use_backend(name):
            t = dl.asarray(x)
            t.requires_grad = True
            y, index = F.max_pool2d(t, (3, window), (2, step), (1, 0), (1, gap), return_indices=True)
            dl.sum(y * tensor(1, *y.shape)).backward()
            made.append([y.detach().numpy_copy(), index.numpy_copy(), t.grad.numpy_copy()])
    for a, b in zip(*made, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("turned", [False, True])
def test_a_product_with_a_vector_copies_no_matrix(turned: bool) -> None:
    draw = np.random.default_rng(0)
    m = draw.normal(size=(700, 1100)).astype("float32")
    m = np.asfortranarray(m) if turned else m
    column, row = draw.normal(size=(1100, 1)).astype("float32"), draw.normal(size=(1, 700)).astype("float32")
    with dl.use_backend("numba"):
        xp = host_space()
        xp.matmul(m, column), xp.matmul(row, m)  # compiled
        tracemalloc.start()
        got = xp.matmul(m, column), xp.matmul(row, m), xp.linear(m, column.T, np.ones(1, "float32"))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < m.nbytes / 2
    exact = m.astype("float64") @ column, row @ m.astype("float64"), m.astype("float64") @ column + 1
    for a, b in zip(got, exact, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=2e-4)
