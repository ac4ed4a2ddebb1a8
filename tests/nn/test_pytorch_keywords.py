"""Keywords by which PyTorch's programs choose an implementation are taken, and change no result."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

import dlengine as dl
from dlengine import data, nn, optim

OVERWRITING = {
    "ReLU": (), "ReLU6": (), "SELU": (), "SiLU": (), "Mish": (), "Hardsigmoid": (), "Hardswish": (), "LeakyReLU": (0.2,),
    "ELU": (0.7,), "CELU": (0.7,), "Hardtanh": (-0.5, 0.5), "Threshold": (0.1, 2.0), "Dropout": (0.0,), "AlphaDropout": (0.0,),
}  # fmt: skip


@pytest.mark.parametrize("name", OVERWRITING)
def test_inplace_layers_leave_their_input(name: str) -> None:
    x = dl.asarray(np.linspace(-1, 1, 7))
    before = x.numpy_copy()
    make, args = getattr(nn, name), OVERWRITING[name]
    np.testing.assert_array_equal(make(*args, inplace=True)(x).numpy_copy(), make(*args)(x).numpy_copy())
    np.testing.assert_array_equal(make(*args, True)(x).numpy_copy(), make(*args)(x).numpy_copy())  # PyTorch's place
    np.testing.assert_array_equal(x.numpy_copy(), before)


def test_every_layer_that_pytorch_lets_overwrite_takes_it() -> None:
    torch = pytest.importorskip("torch")
    for name in nn.__all__:
        peer = getattr(torch.nn, name, None)
        if inspect.isclass(peer) and "inplace" in inspect.signature(peer.__init__).parameters:
            assert "inplace" in inspect.signature(getattr(nn, name)).parameters, name


OPTIMIZERS = ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "Adadelta", "Adamax", "NAdam", "RAdam", "ASGD", "Rprop"]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers_compute_the_same(name: str) -> None:
    def stepped(**settings: Any) -> Any:
        w = dl.asarray([1.0, -2.0]).requires_grad_()
        optimizer = getattr(optim, name)([w], lr=0.1, **settings)
        for _ in range(3):
            optimizer.zero_grad()
            dl.sum(w * w).backward()
            optimizer.step()
        assert not {"foreach", "fused"} & set(optimizer.defaults)
        return w.numpy_copy()

    np.testing.assert_array_equal(stepped(foreach=True, fused=False, capturable=False, differentiable=False), stepped())
    with pytest.raises(TypeError, match="foreache"):
        stepped(foreache=True)


def test_moves_batches_and_clipping() -> None:
    assert dl.ones(2).to("float64", non_blocking=True).dtype == "float64"
    layer = nn.Linear(2, 3).to(device="cpu", dtype="float64", non_blocking=True)
    assert layer.weight.dtype == "float64"
    batches = list(data.DataLoader([(np.ones(2), 1)] * 4, batch_size=2, pin_memory=True))
    assert len(batches) == 2
    w = dl.ones(4).requires_grad_()
    dl.sum(w).backward()
    assert float(optim.clip_grad_norm_([w], 1.0, foreach=True)) == 2.0
    optim.clip_grad_value_([w], 0.1, foreach=True)
    np.testing.assert_allclose(w.grad.numpy(), 0.1, rtol=1e-6)
