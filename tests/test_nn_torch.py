"""Outputs, gradients and state of layers and losses agree with PyTorch in float64, from the same weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import dlengine as dl
from dlengine import nn

torch = pytest.importorskip("torch")
RNG = np.random.default_rng(0)


def arrays(*shapes: tuple[int, ...]) -> list[Any]:
    return [RNG.standard_normal(s) for s in shapes]


def close(ours: Any, theirs: Any) -> None:
    np.testing.assert_allclose(ours.numpy_copy(), theirs.detach().numpy(), rtol=1e-10, atol=1e-10)


def twins(kind: str, *args: Any, **settings: Any) -> tuple[Any, Any]:
    """One of our layers and PyTorch's of the same name with our weights."""
    ours = getattr(nn, kind)(*args, **settings).double()
    theirs = getattr(torch.nn, kind)(*args, **settings).double()
    assert [(k, tuple(v.shape)) for k, v in theirs.state_dict().items()] == [(k, v.shape) for k, v in ours.state_dict().items()]
    theirs.load_state_dict({k: torch.from_numpy(v.numpy_copy()) for k, v in ours.state_dict().items()})
    return ours, theirs


def compare(ours: Any, theirs: Any, *inputs: Any, **named: Any) -> None:
    """Every output, every gradient of parameters and floating inputs, and the state afterwards."""
    mine = [dl.asarray(a).requires_grad_(a.dtype.kind == "f") for a in inputs]
    other = [torch.from_numpy(a).requires_grad_(a.dtype.kind == "f") for a in inputs]
    y, z = ours(*mine, **named), theirs(*other, **named)
    flat_y, flat_z = flattened(y), flattened(z)
    assert len(flat_y) == len(flat_z)
    total_y, total_z = 0.0, 0.0
    for i, (a, b) in enumerate(zip(flat_y, flat_z, strict=True)):
        close(a, b)
        weight = np.random.default_rng(i).standard_normal(a.shape)
        total_y = total_y + dl.sum(a * dl.asarray(weight))
        total_z = total_z + (b * torch.from_numpy(weight)).sum()
    total_y.backward()
    total_z.backward()
    for a, b in zip(mine, other, strict=True):
        if a.requires_grad:
            close(a.grad, b.grad)
    for (n, p), (m, q) in zip(ours.named_parameters(), theirs.named_parameters(), strict=True):
        assert n == m
        close(p.grad, q.grad)
    for k, v in theirs.state_dict().items():
        close(ours.state_dict()[k], v)


def flattened(y: Any) -> list[Any]:
    return [v for part in y for v in flattened(part)] if isinstance(y, tuple) else [y]


LAYERS: list[tuple[str, tuple[Any, ...], dict[str, Any], tuple[int, ...]]] = [
    ("Linear", (5, 3), {}, (2, 4, 5)),
    ("Linear", (5, 3), {"bias": False}, (5,)),
    ("Conv1d", (4, 6, 3), {"stride": 2, "padding": 1, "groups": 2}, (2, 4, 9)),
    ("Conv2d", (4, 6, 3), {"padding": "same", "dilation": 2}, (2, 4, 7, 6)),
    ("Conv2d", (4, 4, (3, 2)), {"stride": (2, 1), "padding": (1, 0), "groups": 4, "bias": False}, (2, 4, 7, 6)),
    ("Conv3d", (2, 3, 2), {"padding": 1}, (1, 2, 4, 3, 5)),
    ("ConvTranspose1d", (4, 6, 3), {"stride": 2, "padding": 1, "output_padding": 1, "groups": 2}, (2, 4, 5)),
    ("ConvTranspose2d", (4, 3, 3), {"stride": 2, "dilation": 2}, (2, 4, 3, 4)),
    ("ConvTranspose3d", (2, 3, 2), {"stride": 2}, (1, 2, 3, 2, 3)),
    ("MaxPool1d", (3,), {"stride": 2, "padding": 1}, (2, 3, 9)),
    ("MaxPool2d", (2,), {"ceil_mode": True}, (2, 3, 7, 5)),
    ("MaxPool3d", (2,), {}, (1, 2, 4, 4, 4)),
    ("AvgPool1d", (3,), {"padding": 1}, (2, 3, 9)),
    ("AvgPool2d", ((3, 2),), {"stride": 2, "padding": 1, "count_include_pad": False}, (2, 3, 7, 5)),
    ("AvgPool3d", (2,), {}, (1, 2, 4, 4, 4)),
    ("AdaptiveAvgPool1d", (3,), {}, (2, 3, 8)),
    ("AdaptiveAvgPool2d", ((2, 3),), {}, (2, 3, 7, 6)),
    ("AdaptiveAvgPool3d", (2,), {}, (1, 2, 3, 4, 5)),
    ("AdaptiveMaxPool1d", (3,), {}, (2, 3, 8)),
    ("AdaptiveMaxPool2d", ((2, 3),), {}, (2, 3, 7, 6)),
    ("AdaptiveMaxPool3d", (2,), {}, (1, 2, 3, 4, 5)),
    ("BatchNorm1d", (4,), {}, (6, 4)),
    ("BatchNorm1d", (4,), {"momentum": 0.3}, (3, 4, 5)),
    ("BatchNorm2d", (3,), {"affine": False}, (3, 3, 4, 5)),
    ("BatchNorm3d", (2,), {"track_running_stats": False}, (3, 2, 2, 2, 3)),
    ("LayerNorm", ((4, 5),), {}, (2, 3, 4, 5)),
    ("LayerNorm", (5,), {"bias": False}, (2, 3, 5)),
    ("GroupNorm", (2, 4), {}, (3, 4, 5)),
    ("InstanceNorm1d", (3,), {"affine": True}, (2, 3, 6)),
    ("InstanceNorm2d", (3,), {"affine": True, "track_running_stats": True}, (2, 3, 4, 5)),
    ("InstanceNorm3d", (2,), {}, (2, 2, 3, 2, 2)),
    ("ReLU", (), {}, (3, 4)),
    ("Sigmoid", (), {}, (3, 4)),
    ("Tanh", (), {}, (3, 4)),
    ("SiLU", (), {}, (3, 4)),
    ("LeakyReLU", (0.2,), {}, (3, 4)),
    ("ELU", (0.7,), {}, (3, 4)),
    ("GELU", (), {}, (3, 4)),
    ("GELU", (), {"approximate": "tanh"}, (3, 4)),
    ("Softplus", (2.0,), {}, (3, 4)),
    ("Softmax", (1,), {}, (3, 4)),
    ("LogSoftmax", (0,), {}, (3, 4)),
    ("Flatten", (2,), {}, (2, 3, 4, 5)),
]


@pytest.mark.parametrize(("kind", "args", "settings", "shape"), LAYERS, ids=[f"{k}-{i}" for i, (k, *_) in enumerate(LAYERS)])
def test_layer(kind: str, args: tuple[Any, ...], settings: dict[str, Any], shape: tuple[int, ...]) -> None:
    ours, theirs = twins(kind, *args, **settings)
    compare(ours, theirs, *arrays(shape))
    x = arrays(shape)[0]
    close(ours.eval()(dl.asarray(x)), theirs.eval()(torch.from_numpy(x)))


def test_embedding_with_padding() -> None:
    ours, theirs = twins("Embedding", 7, 3, padding_idx=2)
    compare(ours, theirs, np.array([[0, 2, 6], [2, 2, 1]]))


RECURRENT: list[tuple[str, dict[str, Any]]] = [
    ("RNN", {}),
    ("RNN", {"nonlinearity": "relu", "num_layers": 2, "bidirectional": True}),
    ("LSTM", {"bias": False}),
    ("LSTM", {"num_layers": 2, "bidirectional": True, "batch_first": True}),
    ("GRU", {"num_layers": 2}),
    ("GRU", {"bidirectional": True, "batch_first": True}),
]


@pytest.mark.parametrize(("kind", "settings"), RECURRENT)
def test_recurrent_layer(kind: str, settings: dict[str, Any]) -> None:
    ours, theirs = twins(kind, 3, 4, **settings)
    x = arrays((5, 2, 3))[0]
    compare(ours, theirs, x)
    batch = 5 if settings.get("batch_first") else 2
    rows = settings.get("num_layers", 1) * (2 if settings.get("bidirectional") else 1)
    states = arrays(*[(rows, batch, 4)] * (2 if kind == "LSTM" else 1))
    hx = tuple(map(dl.asarray, states)), tuple(map(torch.from_numpy, states))
    mine, other = hx if kind == "LSTM" else (hx[0][0], hx[1][0])
    y, z = ours(dl.asarray(x), mine), theirs(torch.from_numpy(x), other)
    for a, b in zip(flattened(y), flattened(z), strict=True):
        close(a, b)


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_sequences_of_different_lengths(kind: str) -> None:
    ours, theirs = twins(kind, 3, 4, num_layers=2, bidirectional=True)
    x, lengths = arrays((6, 3, 3))[0], [4, 6, 1]
    packed = torch.nn.utils.rnn.pack_padded_sequence(torch.from_numpy(x), lengths, enforce_sorted=False)
    z, last = theirs(packed)
    y, mine = ours(dl.asarray(x), lengths=lengths)
    close(y, torch.nn.utils.rnn.pad_packed_sequence(z, total_length=6)[0])
    for a, b in zip(flattened(mine), flattened(last), strict=True):
        close(a, b)


LABELS = np.array([1, 0, -100, 3, 2])
LOSSES: list[tuple[str, dict[str, Any], tuple[int, ...], Any]] = [
    ("CrossEntropyLoss", {}, (5, 4), np.array([1, 0, 3, 3, 2])),
    ("CrossEntropyLoss", {"label_smoothing": 0.1}, (5, 4), LABELS),
    ("CrossEntropyLoss", {"weight": [0.5, 1.0, 2.0, 0.1], "label_smoothing": 0.2}, (5, 4), LABELS),
    ("CrossEntropyLoss", {"weight": [0.5, 1.0, 2.0, 0.1], "ignore_index": 2}, (5, 4), np.array([1, 0, 2, 3, 2])),
    ("CrossEntropyLoss", {}, (2, 4, 3, 2), RNG.integers(0, 4, (2, 3, 2))),
    ("CrossEntropyLoss", {}, (4,), np.array(2)),
    ("CrossEntropyLoss", {"label_smoothing": 0.1, "weight": [0.5, 1.0, 2.0, 0.1]}, (3, 4), RNG.dirichlet(np.ones(4), 3)),
    ("NLLLoss", {"weight": [0.5, 1.0, 2.0, 0.1]}, (5, 4), LABELS),
    ("NLLLoss", {}, (2, 4, 3), RNG.integers(0, 4, (2, 3))),
    ("MSELoss", {}, (3, 4), RNG.standard_normal((3, 4))),
    ("L1Loss", {}, (3, 4), RNG.standard_normal((3, 4))),
    ("HuberLoss", {"delta": 0.5}, (3, 4), RNG.standard_normal((3, 4))),
    ("SmoothL1Loss", {"beta": 0.5}, (3, 4), RNG.standard_normal((3, 4))),
    ("SmoothL1Loss", {"beta": 0.0}, (3, 4), RNG.standard_normal((3, 4))),
    ("BCEWithLogitsLoss", {}, (3, 4), RNG.uniform(0, 1, (3, 4))),
    ("BCEWithLogitsLoss", {"pos_weight": [1.0, 2.0, 3.0], "weight": [1.0, 0.0, 2.0]}, (4, 3), RNG.uniform(0, 1, (4, 3))),
]


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize(("kind", "settings", "shape", "target"), LOSSES, ids=[f"{k}-{i}" for i, (k, *_) in enumerate(LOSSES)])
def test_loss(kind: str, settings: dict[str, Any], shape: tuple[int, ...], target: Any, reduction: str) -> None:
    tensors = {k: np.array(v) for k, v in settings.items() if isinstance(v, list)}
    ours = getattr(nn, kind)(**settings | {k: dl.asarray(v) for k, v in tensors.items()}, reduction=reduction)
    theirs = getattr(torch.nn, kind)(**settings | {k: torch.from_numpy(v) for k, v in tensors.items()}, reduction=reduction)
    x = arrays(shape)[0]
    a, b = dl.asarray(x).requires_grad_(), torch.from_numpy(x).requires_grad_()
    y, z = ours(a, dl.asarray(target)), theirs(b, torch.from_numpy(np.asarray(target)))
    close(y, z)
    dl.sum(y).backward()
    z.sum().backward()
    close(a.grad, b.grad)


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_binary_cross_entropy_at_certain_and_impossible(reduction: str) -> None:
    p = np.array([0.0, 1.0, 0.0, 1.0, 0.3])
    t = np.array([0.0, 0.0, 1.0, 1.0, 0.6])
    a, b = dl.asarray(p).requires_grad_(), torch.from_numpy(p).requires_grad_()
    y = nn.BCELoss(reduction=reduction)(a, dl.asarray(t))
    z = torch.nn.BCELoss(reduction=reduction)(b, torch.from_numpy(t))
    close(y, z)
    dl.sum(y).backward()
    z.sum().backward()
    np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), rtol=1e-8)  # PyTorch keeps its 1e-12 in float32


def test_default_initial_values_have_pytorchs_bounds() -> None:
    torch.manual_seed(0)
    for kind, args in (("Linear", (50, 40)), ("Conv2d", (8, 16, 3)), ("ConvTranspose2d", (8, 16, 3)), ("LSTM", (10, 16))):
        ours, theirs = getattr(nn, kind)(*args), getattr(torch.nn, kind)(*args)
        for (n, p), q in zip(ours.named_parameters(), theirs.parameters(), strict=True):
            bound = float(dl.max(dl.abs(p)))
            assert bound == pytest.approx(float(q.detach().abs().max()), rel=0.3), n
