"""A layer computes in the dtype of its parameters: what comes in is cast, its gradient is cast back, and no other kernel runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import dlengine as dl
from dlengine import backend as backends
from dlengine import nn, optim, training
from dlengine.kernels import jit
from dlengine.kernels.registry import KernelSet

Shapes = tuple[Any, ...]
LAYERS: dict[str, tuple[Callable[[], nn.Module], Shapes]] = {
    "Linear": (lambda: nn.Linear(4, 3), ((2, 4),)),
    "Bilinear": (lambda: nn.Bilinear(4, 3, 2), ((2, 4), (2, 3))),
    "Conv1d": (lambda: nn.Conv1d(2, 3, 3, padding=1, padding_mode="circular"), ((2, 2, 7),)),
    "Conv2d": (lambda: nn.Conv2d(2, 3, 3), ((2, 2, 5, 6),)),
    "Conv3d": (lambda: nn.Conv3d(2, 3, 3), ((1, 2, 4, 4, 4),)),
    "ConvTranspose2d": (lambda: nn.ConvTranspose2d(2, 3, 3, stride=2), ((2, 2, 4, 3),)),
    "BatchNorm1d": (lambda: nn.BatchNorm1d(4), ((5, 4),)),
    "BatchNorm2d without weights": (lambda: nn.BatchNorm2d(2, affine=False), ((3, 2, 4, 4),)),
    "InstanceNorm2d": (lambda: nn.InstanceNorm2d(2, affine=True, track_running_stats=True), ((3, 2, 4, 4),)),
    "LayerNorm": (lambda: nn.LayerNorm(6), ((5, 6),)),
    "RMSNorm": (lambda: nn.RMSNorm(6), ((5, 6),)),
    "GroupNorm": (lambda: nn.GroupNorm(2, 4), ((3, 4, 5),)),
    "RNN": (lambda: nn.RNN(4, 3, bidirectional=True), ((5, 2, 4), (2, 2, 3))),
    "GRU": (lambda: nn.GRU(4, 3), ((5, 2, 4), (1, 2, 3))),
    "LSTM": (lambda: nn.LSTM(4, 3), ((5, 2, 4), ((1, 2, 3), (1, 2, 3)))),
    "LSTM with a projection": (lambda: nn.LSTM(4, 3, proj_size=2), ((5, 2, 4), ((1, 2, 2), (1, 2, 3)))),
    "RNNCell": (lambda: nn.RNNCell(4, 3), ((2, 4), (2, 3))),
    "GRUCell": (lambda: nn.GRUCell(4, 3), ((2, 4), (2, 3))),
    "LSTMCell": (lambda: nn.LSTMCell(4, 3), ((2, 4), ((2, 3), (2, 3)))),
    "MultiheadAttention": (lambda: nn.MultiheadAttention(4, 2), ((3, 2, 4), (5, 2, 4), (5, 2, 4))),
    "AdditiveAttention": (lambda: nn.AdditiveAttention(4, 3, 5), ((2, 4), (2, 6, 3))),
    "TransformerEncoderLayer": (lambda: nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0), ((3, 2, 4),)),
    "PReLU": (lambda: nn.PReLU(), ((3, 4),)),
    "Maxout": (lambda: nn.Maxout(4, 2, 2), ((3, 4),)),
    "Residual": (lambda: nn.Residual(nn.Linear(4, 4)), ((3, 4),)),
}


def flat(value: Any) -> list[Any]:
    if isinstance(value, (tuple, list)):
        return [w for v in value for w in flat(v)]
    return [] if value is None else [value]


def nest(shapes: Any, make: Callable[[tuple[int, ...]], Any]) -> Any:
    """Tensors in the nest of their shapes."""
    if shapes and isinstance(shapes[0], int):
        return make(shapes)
    return tuple(nest(s, make) for s in shapes)


@dataclass(frozen=True)
class Watched(KernelSet):
    """A kernel set that notes the dtypes of all floating arrays that its kernels get."""

    base: KernelSet | None = None

    def load(self, kernel: str) -> Callable[..., Any]:
        assert self.base is not None
        right = self.base.load(kernel)

        def run(*args: Any) -> Any:
            for a in flat([a for a in args if isinstance(a, (np.ndarray, list))]):
                if isinstance(a, np.ndarray) and a.dtype.kind == "f":
                    self.launches[f"dtype {a.dtype}"] += 1
            return right(*args)

        return run


@pytest.fixture
def watched() -> Iterator[Counter[str]]:
    """The compiled kernels in force, and the dtypes they have met."""
    kernels = Watched("watched jit", jit.SET.package, jit.SET.dtypes, Counter(), jit.SET)
    backends.BACKENDS["watched"] = backends.Backend("watched", backends.NUMPY, lambda: kernels, lambda: None)
    backends.NAMESPACES.pop((backends.NUMPY, kernels.name), None)
    backends.fallbacks.clear()
    with dl.use_backend("watched"):
        yield kernels.launches
    del backends.BACKENDS["watched"]
    backends.NAMESPACES.pop((backends.NUMPY, kernels.name), None)


def computed(module: nn.Module, shapes: Shapes, dtype: str) -> tuple[list[Any], list[Any], dict[str, Any]]:
    """Outputs, gradients of the inputs and of the parameters, for inputs that are the same numbers in any dtype."""
    draw = np.random.default_rng(0)
    inputs = nest(shapes, lambda s: dl.asarray(draw.normal(size=s).astype("float32").astype(dtype)))
    for x in flat(inputs):
        x.requires_grad = True
    out = flat(module(*inputs))
    sum((dl.sum(y * y) for y in out[1:]), dl.sum(out[0] * out[0])).backward()
    return out, [x.grad for x in flat(inputs)], {n: p.grad for n, p in module.named_parameters()}


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.backends("numpy", "numba", "cuda")
def test_float64_input_gives_what_float32_input_gives(name: str, backend: str) -> None:
    make, shapes = LAYERS[name]
    dl.manual_seed(0)
    module = make()
    out, grads, given = computed(module, shapes, "float32")
    module.zero_grad()
    wide_out, wide_grads, wide_given = computed(module, shapes, "float64")
    if not name.startswith(("BatchNorm", "InstanceNorm")):  # whose statistics have moved, but only for eval()
        assert [y.dtype for y in wide_out] == [y.dtype for y in out]
    for y, expected in zip(wide_out, out, strict=True):
        assert y.dtype == "float32"
        np.testing.assert_array_equal(y.numpy_copy(), expected.numpy_copy())
    for g, expected in zip(wide_grads, grads, strict=True):
        assert g.dtype == "float64"
        np.testing.assert_allclose(g.numpy_copy(), expected.numpy_copy(), rtol=1e-6)
    for key, g in wide_given.items():
        assert g.dtype == "float32", key
        np.testing.assert_array_equal(g.numpy_copy(), given[key].numpy_copy())


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.backends("numpy", "strict")
def test_a_float64_layer_computes_in_float64(name: str, backend: str) -> None:
    make, shapes = LAYERS[name]
    out, grads, given = computed(make().double(), shapes, "float32")
    assert {str(y.dtype) for y in out} == {"float64"}
    assert {str(g.dtype) for g in grads} == {"float32"}
    assert {str(g.dtype) for g in given.values() if g is not None} <= {"float64"}


def test_integers_are_cast_too_and_functions_promote() -> None:
    x = dl.asarray(np.arange(8).reshape(2, 4))
    m = nn.Linear(4, 3).double()
    assert m(x).dtype == "float64"
    assert m(x > 3).dtype == "float64"
    assert nn.functional.linear(dl.asarray(np.ones((2, 4))), nn.Linear(4, 3).weight).dtype == "float64"


def test_a_training_step_on_float64_data_runs_no_kernel_in_float64(watched: Counter[str]) -> None:
    draw = np.random.default_rng(0)
    model = nn.Sequential(
        nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.LayerNorm(27), nn.Linear(27, 5)
    )
    optimizer = optim.Adam(model.parameters(), lr=0.1)
    nn.CrossEntropyLoss()(model(dl.asarray(draw.normal(size=(4, 1, 8, 8)))), dl.asarray([0, 1, 4, 2])).backward()
    optim.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    assert all(watched[name] for name in ("conv2d", "layer_norm_grad", "adam", "dtype float32"))
    assert not watched["dtype float64"]
    assert not [label for label in backends.fallbacks if "float64" in label]


def test_a_recurrent_step_on_float64_data_runs_no_kernel_in_float64(watched: Counter[str]) -> None:
    draw = np.random.default_rng(0)
    model = nn.GRU(3, 4)
    y, h = model(dl.asarray(draw.normal(size=(5, 2, 3))), dl.asarray(draw.normal(size=(1, 2, 4))))
    dl.sum(y * y).backward()
    assert all(watched[name] for name in ("gru", "gru_grad", "dtype float32"))
    assert not watched["dtype float64"]
    assert not [label for label in backends.fallbacks if "float64" in label]
    assert y.dtype == h.dtype == "float32"


@pytest.mark.backends("numpy", "cuda")
def test_mixed_precision_casts_float64_data_to_half(backend: str) -> None:
    model = nn.Sequential(nn.Linear(4, 8), nn.LayerNorm(8), nn.Linear(8, 2))
    seen = []
    model[2].register_forward_pre_hook(lambda m, args: seen.append(str(args[0].dtype)))
    mixed = training.MixedPrecision(model, enabled=True)
    x = dl.asarray(np.random.default_rng(0).normal(size=(3, 4)))
    loss = dl.sum(dl.square(mixed(x)))
    loss.backward()
    assert seen == ["float16"]
    assert {str(p.grad.dtype) for p in model.parameters()} == {"float32"}


@pytest.mark.backends("numpy", "cuda")
def test_bfloat16_layers_take_any_float(backend: str) -> None:
    pytest.importorskip("ml_dtypes")
    model = nn.Linear(4, 3).to(dl.bfloat16)
    for dtype in ("float64", "float32", "float16", "int64"):
        x = dl.asarray(np.arange(8).reshape(2, 4).astype(dtype))
        x.requires_grad = dtype != "int64"
        y = model(x)
        dl.sum(y).backward()
        assert y.dtype.name == "bfloat16"
        assert x.grad is None or x.grad.dtype == dtype
