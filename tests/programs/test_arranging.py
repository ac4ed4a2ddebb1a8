"""Weights arranged once per program: the results stay those of eager calls, before and after a weight was written to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import dlengine as dl
from dlengine import nn, optim, training
from dlengine.programs.arranging import folded_norm

pytestmark = [pytest.mark.skipif(bool(dl.backend.BACKENDS["numba"].unavailable()), reason="needs Numba")]


@pytest.fixture(autouse=True)
def numba() -> Any:
    with dl.use_backend("numba"):
        dl.manual_seed(7)
        yield


def array(*shape: int) -> Any:
    return dl.asarray(np.random.default_rng(shape).standard_normal(shape).astype("float32"))


def inference(model: Any) -> Any:
    model.eval()

    def predict(x: Any) -> Any:
        with dl.no_grad():
            return model(x)

    return training.capture(predict, warmup=1)


def _names(step: Any) -> list[str]:
    return [call.name for kind in step._runs.kinds.values() for program in kind.programs for call in program.calls]


def agrees(step: Any, model: Any, *x: Any) -> None:
    with dl.no_grad():
        want = model(*x)
    for got in (step(*x) for _ in range(4)):
        for a, b in zip(_tensors(got), _tensors(want), strict=True):
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=2e-5, atol=2e-5)


def _tensors(nest: Any) -> list[Any]:
    return [t for part in nest for t in _tensors(part)] if isinstance(nest, tuple) else [nest]


def normed(bias: bool = True, affine: bool = True) -> Any:
    model = nn.Sequential(nn.Conv2d(3, 20, 3, bias=bias), nn.BatchNorm2d(20, affine=affine), nn.ReLU(), nn.Conv2d(20, 7, 1))
    norm = model[1]
    for t in (norm.running_mean, norm.running_var):
        t.copy_(dl.asarray(np.random.default_rng(1).uniform(0.5, 2, 20).astype("float32")))
    return model


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("affine", [True, False])
def test_a_frozen_norm_is_folded_into_its_convolution(bias: bool, affine: bool) -> None:
    model, x = normed(bias, affine), array(2, 3, 9, 8)
    step = inference(model)
    agrees(step, model, x)
    assert "conv2d+batch_norm_inference" in _names(step)
    assert "batch_norm_inference" not in _names(step)


@pytest.mark.parametrize("which", ["weight", "bias", "running_mean", "running_var", "norm weight", "norm bias"])
def test_a_written_weight_or_statistic_is_folded_anew(which: str) -> None:
    model, x = normed(), array(2, 3, 9, 8)
    step = inference(model)
    agrees(step, model, x)
    owner = model[0] if which in ("weight", "bias") else model[1]
    with dl.no_grad():
        getattr(owner, which.split()[-1]).mul_(1.5)
    agrees(step, model, x)


def test_a_convolution_that_others_read_is_left() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = normed()

        def forward(self, x: Any) -> Any:
            y = self.inner[0](x)
            return self.inner[1](y), y

    model = Twice()
    step = inference(model)
    agrees(step, model, array(2, 3, 9, 8))
    assert "conv2d+batch_norm_inference" not in _names(step)


def test_a_norm_in_training_is_left() -> None:
    model, x = normed(), array(2, 3, 9, 8)

    def step(x: Any) -> Any:
        return model(x).sum().detach()

    train = training.capture(step, warmup=1)
    for _ in range(4):
        train(x)
    assert "batch_norm" in _names(train)
    assert "conv2d+batch_norm_inference" not in _names(train)


def test_folding_is_exact_in_float64() -> None:
    rng = np.random.default_rng(0)
    w, x = rng.standard_normal((5, 3, 2)), rng.standard_normal(6)
    b, mean, scale, shift = rng.standard_normal((4, 5))
    var = rng.random(5)
    for given in ((b, scale, shift), (None, None, None), (b, None, shift)):
        b_, scale_, shift_ = given
        w2, b2 = folded_norm(w, b_, mean, var, scale_, shift_, 1e-3)
        y = w.reshape(5, 6) @ x + (0 if b_ is None else b_)
        want = (y - mean) / np.sqrt(var + 1e-3) * (1 if scale_ is None else scale_) + (0 if shift_ is None else shift_)
        np.testing.assert_allclose(w2.reshape(5, 6) @ x + b2, want, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("outputs", [64, 90, 200])
@pytest.mark.parametrize("lead", [(40,), (2, 25)])
def test_matrices_are_packed_once(bias: bool, outputs: int, lead: tuple[int, ...]) -> None:
    model, x = nn.Linear(130, outputs, bias=bias), array(*lead, 130)
    step = inference(model)
    agrees(step, model, x)
    assert _names(step) == ["linear, packed"]
    with dl.no_grad():
        model.weight.mul_(0.5)
    agrees(step, model, x)


@pytest.mark.parametrize("rows", [1, 7, 2000])
def test_products_with_vectors_and_tall_ones_are_left(rows: int) -> None:
    model = nn.Linear(300, 260)
    step = inference(model)
    agrees(step, model, array(rows, 300))
    assert _names(step) == ["linear"]


@pytest.mark.parametrize("layer", [lambda: nn.LSTM(6, 20), lambda: nn.GRU(6, 20, bidirectional=True)], ids=["lstm", "gru"])
def test_recurrent_weights(layer: Callable[[], Any]) -> None:
    model, x = layer(), array(5, 2, 6)
    step = inference(model)
    agrees(step, model, x)
    with dl.no_grad():
        for p in model.parameters():
            p.mul_(0.7)
    agrees(step, model, x)


class Loop(nn.Module):
    """A cell over the steps of (T,N,I)."""

    def __init__(self, cell: Any) -> None:
        super().__init__()
        self.cell, self.head = cell, nn.Linear(20, 3)

    def forward(self, x: Any) -> Any:
        state = self.cell(x[0])
        for t in range(1, x.shape[0]):
            state = self.cell(x[t], state)
        return self.head(state[0] if isinstance(state, tuple) else state)


def trained(cell: Callable[[], Any], captured: bool, wants_gx: bool) -> tuple[list[Any], Any]:
    dl.manual_seed(5)
    model = Loop(cell())
    opt = optim.Adam(model.parameters(), lr=0.02)

    def step(x: Any) -> Any:
        opt.zero_grad()
        x = x.clone().requires_grad_(wants_gx)
        loss = (model(x) ** 2).mean()
        loss.backward()
        opt.step()
        return (loss.detach(), x.grad) if wants_gx else loss

    run = training.capture(step, warmup=1) if captured else step
    found = []
    for i in range(7):
        result = run(array(4, 3, 6) * (1 + i / 7))
        found += [t.detach().numpy().copy() for t in _tensors(result)]
    return found + [p.detach().numpy().copy() for p in model.parameters()], run


@pytest.mark.parametrize("wants_gx", [False, True])
@pytest.mark.parametrize("cell", [lambda: nn.LSTMCell(6, 20), lambda: nn.GRUCell(6, 20)], ids=["lstm", "gru"])
def test_loops_over_a_cell_train_as_eagerly(cell: Callable[[], Any], wants_gx: bool) -> None:
    """The weights change with every step, and all calls of one step share their arrangement."""
    want, _ = trained(cell, captured=False, wants_gx=wants_gx)
    got, train = trained(cell, captured=True, wants_gx=wants_gx)
    for a, b in zip(got, want, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    assert train.replays == 4
    if isinstance(cell(), nn.LSTMCell):
        assert _names(train).count("lstm_grad, no gx") == (0 if wants_gx else 4)
        assert "constant weight" in _names(train)
