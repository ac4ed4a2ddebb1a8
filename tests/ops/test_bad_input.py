"""Mistakes at the library's border: an error of ours that names the op, the argument, what was expected and what came."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import dlengine as dl
from dlengine import data, nn, optim, training
from dlengine.errors import DLEngineError, DTypeError, ShapeError
from dlengine.nn import functional as F

z = dl.zeros


def ints(*values: int) -> Any:
    return dl.asarray(list(values), dtype=dl.int64)


def write(t: Any, key: Any, value: Any) -> None:
    t[key] = value


def linear() -> nn.Linear:
    return nn.Linear(3, 2)


MISTAKES: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "conv2d channels": (lambda: dl.conv2d(z((8, 1, 9, 9)), z((4, 3, 3, 3))), ValueError, r"conv2d: weight .*C=3, but .*C=1"),
    "conv2d stride": (lambda: dl.conv2d(z((1, 1, 5, 5)), z((1, 1, 3, 3)), stride=1.5), ValueError, "conv2d: stride must .* 1.5"),
    "conv2d array": (lambda: dl.conv2d(np.zeros((1, 1, 5, 5)), z((1, 1, 3, 3))), TypeError, r"conv2d: .* dl\.asarray"),
    "matmul shapes": (lambda: z((2, 3)) @ z((4, 5)), ValueError, r"matmul: x1 .*K=3 but x2 .*K=4"),
    "matmul number": (lambda: z((2, 3)) @ 2, TypeError, r"matmul: .* must be tensors, got the number 2; multiply with \*"),
    "matmul array": (lambda: z((2, 3)) @ np.zeros((3, 2)), TypeError, r"matmul: .* dl\.asarray"),
    "add shapes": (lambda: z((2, 3)) + z(4), ValueError, r"add: .*x1 \(2, 3\) float32; x2 \(4,\) float32"),
    "concat shapes": (lambda: dl.concat([z((2, 3)), z((2, 4))]), ValueError, "concat: shapes must agree outside axis 0"),
    "concat axis": (lambda: dl.concat([z((2, 3))], axis=5), ValueError, "concat: axis 5 does not exist"),
    "concat nothing": (lambda: dl.concat([]), ValueError, r"concat: the list of tensors \(arrays\) is empty"),
    "stack shapes": (lambda: dl.stack([z(2), z(3)]), ValueError, "stack: shapes must be equal"),
    "reshape": (lambda: dl.reshape(z((2, 3)), (4, 2)), ValueError, r"reshape: x has 6 elements .*shape \(4, 2\)"),
    "sum axis": (lambda: dl.sum(z((2, 3)), axis=2), ValueError, r"sum: axis 2 .*x \(2, 3\)"),
    "index": (lambda: z((2, 3))[5], IndexError, r"getitem: index 5 is out of bounds .*x \(2, 3\)"),
    "index axes": (lambda: z((2, 3))[0, 0, 0], IndexError, "getitem: too many indices"),
    "index kind": (lambda: z(2)["a"], IndexError, "an index holds integers, slices.* got str"),
    "index written": (lambda: write(z(2), 5, 1.0), IndexError, r"t\[k\] = v: index 5 .*t has shape \(2,\)"),
    "write shape": (lambda: write(z((2, 3)), 0, z(4)), ValueError, r"t\[k\] = v: .*t has shape \(2, 3\), v \(4,\)"),
    "take range": (lambda: dl.take(z(3), ints(7)), IndexError, "take: indices\\[0\\] is 7, expected -3"),
    "label range": (lambda: F.cross_entropy(z((2, 3)), ints(0, 7)), ValueError, r"cross_entropy: label 7 at \[1\] .*V=3"),
    "label count": (lambda: F.cross_entropy(z((2, 3)), ints(0, 1, 2)), ValueError, r"cross_entropy: labels must be \(N"),
    "label dtype": (lambda: F.cross_entropy(z((2, 3)), z(2)), TypeError, "cross_entropy: labels must be integers"),
    "label nan": (
        lambda: F.cross_entropy(z((2, 3)), dl.asarray([float("nan"), 1.0])), ValueError, r"cross_entropy: target\[0\] is nan",
    ),
    "mse shapes": (lambda: F.mse_loss(z((2, 3)), z((2, 4))), ValueError, "mse_loss: target has shape"),
    "lstm input": (lambda: nn.LSTM(4, 5)(z((7, 2, 3))), ValueError, r"LSTM: input must be \(T,N,I\).*I=4"),
    "lstm state": (lambda: nn.LSTM(4, 5)(z((7, 2, 4)), (z((1, 2, 9)), z((1, 2, 5)))), ValueError, "LSTM: hx must be"),
    "lstm lengths": (lambda: nn.LSTM(4, 5)(z((7, 2, 4)), lengths=ints(9, 1)), ValueError, "lengths must be .* T=7, got .* 9"),
    "embedding range": (lambda: nn.Embedding(5, 2)(ints(5)), IndexError, "embedding: .*5"),
    "embedding dtype": (lambda: nn.Embedding(5, 2)(z(2)), TypeError, "embedding: ids must be integers"),
    "linear": (lambda: linear()(z((4, 5))), ValueError, r"Linear: input must be .*I=3"),
    "batch norm": (lambda: nn.BatchNorm2d(3)(z((2, 4, 5, 5))), ValueError, "BatchNorm2d: input must be .*C=3"),
    "dropout": (lambda: nn.Dropout(1.5), ValueError, "Dropout: p must be between 0 and 1, got 1.5"),
    "state missing": (lambda: linear().load_state_dict({"weight": z((2, 3))}), ValueError, "missing: bias"),
    "state shape": (lambda: linear().load_state_dict({"weight": z((3, 3)), "bias": z(2)}), ValueError, r"weight is \(3, 3\)"),
    "state kind": (lambda: linear().load_state_dict({"weight": "a", "bias": z(2)}), ValueError, "weight is str, expected"),
    "state none": (lambda: linear().load_state_dict(None), ValueError, "load_state_dict: expected a mapping .* got NoneType"),
    "optimizer nothing": (lambda: optim.SGD([], lr=0.1), ValueError, "SGD: no parameters"),
    "optimizer lr": (lambda: optim.SGD(linear().parameters(), lr=-1), ValueError, "SGD: lr must not be negative, got -1"),
    "optimizer array": (lambda: optim.Adam([np.zeros(2)]), TypeError, "Adam: a parameter must be a leaf tensor, got ndarray"),
    "loader batch": (lambda: data.DataLoader(data.digits(), batch_size=0), ValueError, "DataLoader: batch_size must be"),
    "split": (lambda: data.digits().split(1.5), ValueError, "split: fraction must be between 0 and 1, got 1.5"),
    "trainer model": (
        lambda: training.Trainer(5, nn.MSELoss(), optim.SGD(linear().parameters(), lr=0.1)), TypeError,
        "Trainer: model must be a Module, got int",
    ),
    "backend": (lambda: dl.set_backend("nmupy"), ValueError, "unknown backend 'nmupy'; expected one of .*numba, numpy"),
    "device": (lambda: z(2).to("gpu"), ValueError, "unknown device 'gpu'"),
    "zeros shape": (lambda: z((-1,)), ValueError, "zeros: negative dimensions"),
    "zeros dtype": (lambda: z(2, dtype="foo"), TypeError, "zeros: .*foo"),
    "asarray ragged": (lambda: dl.asarray([[1, 2], [3]]), ValueError, "asarray: .*inhomogeneous"),
    "asarray text": (lambda: dl.asarray(["a"]), TypeError, "asarray: expected numbers"),
    "arange": (lambda: dl.arange(0, 1, 0), ValueError, "arange: step must not be 0"),
    "linspace": (lambda: dl.linspace(0, 1, -2), ValueError, "linspace: .*-2"),
    "einsum": (lambda: dl.einsum("ij,jk->ik", z((2, 3)), z((4, 5))), ValueError, "einsum: letter 'j' .* is 3 .* 4"),
    "backward shape": (lambda: (z(2).requires_grad_() * 2).backward(), ValueError, r"backward: y has shape \(2,\); give"),
    "gradients count": (
        lambda: dl.gradients([z(()).requires_grad_()], z(2).requires_grad_(), [z(()), z(())]), ValueError,
        "gradients: gradient must have one entry for each of 1 ys, got 2",
    ),
    "gradients kind": (lambda: dl.gradients(3.0, z(2).requires_grad_()), TypeError, r"gradients: ys\[0\] .* got float"),
    "jvp count": (lambda: dl.jvp(lambda x: x, (z(2),), (z(2), z(2))), ValueError, "jvp: .* one length, got 1 and 2"),
    "jvp kind": (lambda: dl.jvp(lambda x: x, z(2), z(2)), ValueError, "jvp: .* sequences .* got Tensor and Tensor"),
    "hessian array": (lambda: dl.hessian(dl.sum)(np.zeros(2)), TypeError, "hessian: the argument must be a floating tensor"),
    "grad argnums": (lambda: dl.grad(dl.sum, 3)(z(2)), RuntimeError, "grad: argnums names argument 3"),
    "seed": (lambda: dl.manual_seed(-1), ValueError, "seed: expected an integer .* got -1"),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
@pytest.mark.parametrize("kernels", ["numpy", "auto"])
def test_mistake(name: str, kernels: str) -> None:
    mistake, builtin, message = MISTAKES[name]
    with dl.use_backend(kernels), pytest.raises(builtin, match=message) as caught:
        mistake()
    assert isinstance(caught.value, DLEngineError)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: nn.CrossEntropyLoss()(dl.ones((2, 2)), ["cat", "dog"]), r"target must be a tensor.*np.unique"),
        (lambda: nn.NLLLoss()(dl.ones((2, 2)), ["cat", "dog"]), r"nll_loss: target must be.*np.unique"),
        (lambda: nn.ReLU()([1.0, 2.0]), "dl.asarray"),
        (lambda: nn.Conv2d(1, 1, 3)([[1.0]]), r"Conv2d: argument 0 must be a tensor, got a list; .*dl.asarray"),
        (lambda: nn.Sequential(nn.GRU(2, 3), nn.BatchNorm1d(3))(dl.ones((2, 2, 2))), "hand on the first of it"),
    ],
)
def test_what_is_no_tensor_is_named(call: Any, said: str) -> None:
    with pytest.raises(DTypeError, match=said):
        call()


class Foreign:
    """An array of another library: it has a shape, a dtype and a device, as a tensor has, and is none."""

    def __init__(self, *shape: int) -> None:
        self.shape, self.ndim, self.dtype, self.device = shape, len(shape), object(), "cpu"


@pytest.mark.parametrize("made", [Foreign, lambda *shape: np.ones(shape, "float32"), lambda *shape: np.ones(shape).tolist()])
@pytest.mark.parametrize(
    "call",
    [
        lambda a: nn.Linear(4, 2)(a(3, 4)),
        lambda a: nn.Conv1d(4, 2, 1)(a(1, 4, 5)),
        lambda a: nn.LayerNorm(4)(a(3, 4)),
        lambda a: nn.BatchNorm1d(4)(a(3, 4)),
        lambda a: nn.GRU(4, 2)(a(3, 1, 4)),
        lambda a: nn.Embedding(4, 2)(a(3)),
        lambda a: F.embedding(dl.ones((4, 2)), a(3)),
        lambda a: F.cross_entropy(dl.ones((3, 4)), a(3)),
        lambda a: F.nll_loss(a(3, 4), dl.zeros(3, dtype="int64")),
        lambda a: F.mse_loss(dl.ones((3, 4)), a(3, 4)),
        lambda a: F.binary_cross_entropy(dl.ones(3) / 2, a(3)),
        lambda a: nn.KLDivLoss()(a(3, 4), dl.ones((3, 4))),
    ],
)
def test_arrays_of_other_libraries_are_told_the_way_out(made: Any, call: Any) -> None:
    with pytest.raises(DTypeError, match="dl.asarray"):
        call(made)


@pytest.mark.parametrize(
    ("loss", "said"),
    [(lambda y, t: 1.0, "got a float"), (lambda y, t: y, r"got shape \(2, 1\); take its mean\(\)")],
)
def test_a_loss_that_is_not_one_number_is_told(loss: Any, said: str) -> None:
    model = nn.Linear(3, 1)
    trainer = training.Trainer(model, loss, optim.SGD(model.parameters(), lr=0.1), progress=False)
    with pytest.raises(DTypeError, match=said):
        trainer.fit([(dl.ones((2, 3)), dl.ones((2, 1)))])


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (np.eye(3, dtype=np.int64), r"one-hot: labels\.argmax\(1\)"),
        (np.zeros((3, 1), np.int64), r"labels\[:, 0\]"),
        (np.zeros(4, np.int64), "must be"),
    ],
)
def test_labels_of_another_shape_are_told_the_way_out(labels: Any, said: str) -> None:
    scores, given = dl.ones((3, 3)), dl.asarray(labels)
    for call in (lambda: F.cross_entropy(scores, given), lambda: training.Accuracy().update(scores, given)):
        with pytest.raises(ShapeError, match=said):
            call()
