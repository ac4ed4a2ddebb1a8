"""Layers: running statistics, dropout, padding rows, and clear words for what does not fit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import dlengine as dl
from dlengine import nn
from dlengine.errors import ConfigError, DTypeError, ShapeError


def test_linear_is_a_product_and_starts_within_its_bound() -> None:
    m = nn.Linear(4, 3)
    x = dl.randn(2, 5, 4)
    expected = x.numpy() @ m.weight.numpy_copy().T + m.bias.numpy_copy()
    np.testing.assert_allclose(m(x).numpy_copy(), expected, rtol=1e-5, atol=1e-6)
    assert float(dl.max(dl.abs(m.weight))) <= 0.5


def test_the_same_seed_gives_the_same_weights_whatever_the_backend() -> None:
    drawn = []
    for name in ("numpy", "numba"):
        with dl.use_backend(name):
            dl.manual_seed(3)
            m = nn.Sequential(nn.Conv2d(2, 3, 3), nn.LSTM(3, 4), nn.Embedding(5, 2))
            drawn.append(m.state_dict())
    for k, v in drawn[0].items():
        np.testing.assert_array_equal(v.numpy(), drawn[1][k].numpy())


def test_batch_norm_keeps_running_statistics_outside_the_op() -> None:
    m = nn.BatchNorm2d(3, dtype="float64")
    x = dl.asarray(np.random.default_rng(0).normal(2, 3, (4, 3, 5, 5)))
    y = m(x).detach().numpy()
    np.testing.assert_allclose(y.mean(axis=(0, 2, 3)), 0, atol=1e-12)
    np.testing.assert_allclose(y.var(axis=(0, 2, 3)), 1, rtol=1e-4)
    np.testing.assert_allclose(m.running_mean.numpy(), 0.1 * x.numpy().mean(axis=(0, 2, 3)))
    np.testing.assert_allclose(m.running_var.numpy(), 0.9 + 0.1 * x.numpy().var(axis=(0, 2, 3), ddof=1))
    assert int(m.num_batches_tracked) == 1
    held = m.running_mean.numpy_copy()
    m.eval()
    m(x)
    np.testing.assert_array_equal(m.running_mean.numpy(), held)
    m.reset_parameters()
    assert float(dl.sum(m.running_mean)) == 0


def test_batch_norm_counts_a_checkpointed_batch_once() -> None:
    m = nn.BatchNorm1d(2)
    x = dl.randn(6, 2)
    x.requires_grad_()
    dl.sum(dl.checkpoint(m, x) ** 2).backward()
    assert int(m.num_batches_tracked) == 1


def test_batch_norm_without_momentum_averages_all_batches() -> None:
    m = nn.BatchNorm1d(2, momentum=None)
    batches = [dl.randn(6, 2) for _ in range(3)]
    for b in batches:
        m(b)
    np.testing.assert_allclose(m.running_mean.numpy(), np.mean([b.numpy().mean(0) for b in batches], axis=0), atol=1e-6)


def test_dropout_scales_masks_and_rests_in_eval() -> None:
    x = dl.ones((100, 100))
    dl.manual_seed(0)
    y = nn.Dropout(0.25)(x).numpy()
    assert set(np.unique(y)) == {np.float32(0), np.float32(1 / 0.75)}
    assert 0.23 < (y == 0).mean() < 0.27
    m = nn.Dropout(0.25).eval()
    assert m(x) is x
    channels = nn.Dropout2d(0.5, generator=dl.Generator(1))(dl.ones((8, 8, 3, 3))).numpy()
    assert set(np.unique(channels.std(axis=(2, 3)))) == {np.float32(0)}
    assert 0 < (channels[:, :, 0, 0] == 0).mean() < 1


def test_embedding_leaves_its_padding_row_alone() -> None:
    m = nn.Embedding(4, 3, padding_idx=1)
    dl.sum(m(dl.asarray([[0, 1, 3], [1, 1, 0]]))).backward()
    np.testing.assert_array_equal(m.weight.grad.numpy()[:, 0], [2, 0, 0, 1])
    assert float(dl.sum(m.weight[1].detach())) == 0


def test_flatten_and_identity() -> None:
    x = dl.zeros((2, 3, 4, 5))
    assert nn.Flatten()(x).shape == (2, 60)
    assert nn.Flatten(0, 1)(x).shape == (6, 4, 5)
    assert nn.Identity(1, key=2)(x) is x


def test_recurrent_layers_take_sequences_of_any_length() -> None:
    m = nn.LSTM(3, 4, num_layers=2, bidirectional=True, batch_first=True)
    x = dl.randn(3, 6, 3)
    y, (h, _) = m(x, lengths=[4, 0, 6])
    assert y.shape == (3, 6, 8)
    assert h.shape == (4, 3, 4)
    assert float(dl.sum(dl.abs(y[0, 4:].detach()))) == 0
    alone, (ha, _) = m(x[:1, :4])
    np.testing.assert_allclose(y[0, :4].numpy_copy(), alone[0].numpy_copy(), atol=1e-6)
    np.testing.assert_allclose(h[:, 0].numpy_copy(), ha[:, 0].numpy_copy(), atol=1e-6)
    single, h1 = nn.GRU(3, 4)(dl.randn(5, 3))
    assert (single.shape, h1.shape) == ((5, 4), (1, 4))


WRONG: list[tuple[type[Exception], str, Callable[[], Any]]] = [
    (ConfigError, "Linear: in_features must be an integer of at least 1, got 0", lambda: nn.Linear(0, 3)),
    (ShapeError, r"Linear: input must be \(..., I\) with I=4, got shape \(2, 3\)", lambda: nn.Linear(4, 3)(dl.zeros((2, 3)))),
    (ShapeError, "has C=2", lambda: nn.Conv2d(1, 4, 3)(dl.zeros((1, 2, 8, 8)))),
    (ShapeError, "Conv|conv", lambda: nn.Conv1d(1, 4, 3)(dl.zeros((1, 2)))),
    (ConfigError, "groups=2 must divide", lambda: nn.Conv2d(3, 4, 3, groups=2)),
    (ConfigError, "kernel_size must be", lambda: nn.Conv2d(3, 4, (3, 3, 3))),
    (ShapeError, r"BatchNorm2d: input must be \(N,C,H,W\) with C=3", lambda: nn.BatchNorm2d(3)(dl.zeros((2, 4, 5, 5)))),
    (ShapeError, "more than one value a channel", lambda: nn.BatchNorm1d(3)(dl.zeros((1, 3)))),
    (ShapeError, r"InstanceNorm1d: input must be \(N,C,W\)", lambda: nn.InstanceNorm1d(3)(dl.zeros((1, 3)))),
    (ShapeError, "GroupNorm: input", lambda: nn.GroupNorm(2, 4)(dl.zeros((1, 3)))),
    (ConfigError, "num_groups=3 must divide num_channels=4", lambda: nn.GroupNorm(3, 4)),
    (ConfigError, "p must be between 0 and 1, got 1.5", lambda: nn.Dropout(1.5)),
    (ShapeError, "Dropout2d: input must have 4 dimensions", lambda: nn.Dropout2d()(dl.zeros((2, 3)))),
    (ConfigError, "padding_idx=9 is not a row", lambda: nn.Embedding(4, 2, padding_idx=9)),
    (DTypeError, "ids must be integers", lambda: nn.Embedding(4, 2)(dl.zeros(3))),
    (ShapeError, r"has no axes 1 to -1", lambda: nn.Flatten()(dl.zeros(3))),
    (ConfigError, "nonlinearity must be", lambda: nn.RNN(2, 3, nonlinearity="sin")),
    (ConfigError, "dropout must be between", lambda: nn.LSTM(2, 3, dropout=2.0)),
    (ShapeError, r"LSTM: input must be \(T,N,I\) or \(T,I\) with I=2", lambda: nn.LSTM(2, 3)(dl.zeros((4, 1, 3)))),
    (ShapeError, r"hx must be 2 tensor\(s\)", lambda: nn.LSTM(2, 3)(dl.zeros((4, 1, 2)), (dl.zeros((1, 1, 3)),))),
    (ShapeError, "lengths must be from 0 to T=4", lambda: nn.GRU(2, 3)(dl.zeros((4, 1, 2)), lengths=[5])),
]


@pytest.mark.parametrize(("kind", "words", "call"), WRONG, ids=[w for _, w, _ in WRONG])
def test_what_does_not_fit_is_named(kind: type[Exception], words: str, call: Callable[[], Any]) -> None:
    with pytest.raises(kind, match=words):
        call()
