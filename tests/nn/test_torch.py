"""Layers and losses agree with PyTorch in float64 to 1e-10, from the same weights: outputs, gradients, state.

Against stored vectors everywhere; live, with weights exchanged as safetensors in both directions, where torch is installed.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch_peers
from safetensors.numpy import load
from torch_peers import PEERS
from vectors import generate

import dlengine as dl
from dlengine import nn
from dlengine.testing.layers import LayerRow

STORED = Path(__file__).parents[1] / "vectors" / "layers.npz"


@cache
def vectors() -> dict[str, Any]:
    with np.load(STORED) as file:
        return dict(file)


@pytest.mark.parametrize("peer", PEERS, ids=[row.id for row in PEERS])
def test_agrees_with_stored_vectors(peer: LayerRow) -> None:
    found, _ = torch_peers.ours(peer)
    stored = generate.unpacked(peer, vectors(), found)
    torch_peers.check(found, stored, peer.id)


@pytest.mark.parametrize("peer", PEERS, ids=[row.id for row in PEERS])
def test_agrees_live(peer: LayerRow) -> None:
    pytest.importorskip("torch")
    found, content = torch_peers.ours(peer)
    wanted, back = torch_peers.theirs(peer, content)
    torch_peers.check(found, wanted, peer.id)
    module = peer.build(tensor=lambda v: dl.asarray(np.array(v))).double()
    module.load_state_dict(load(back))  # strict: the same names and shapes in both directions
    for name, value in load(content).items():
        np.testing.assert_array_equal(module.state_dict()[name].numpy(), value)


def test_vectors_are_small() -> None:
    assert STORED.stat().st_size < 2_000_000


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_binary_cross_entropy_at_certain_and_impossible(reduction: str) -> None:
    torch = pytest.importorskip("torch")
    p = np.array([0.0, 1.0, 0.0, 1.0, 0.3])
    t = np.array([0.0, 0.0, 1.0, 1.0, 0.6])
    a, b = dl.asarray(p).requires_grad_(), torch.from_numpy(p).requires_grad_()
    y = nn.BCELoss(reduction=reduction)(a, dl.asarray(t))
    z = torch.nn.BCELoss(reduction=reduction)(b, torch.from_numpy(t))
    np.testing.assert_allclose(y.numpy_copy(), z.detach().numpy(), rtol=1e-10, atol=1e-10)
    dl.sum(y).backward()
    z.sum().backward()
    np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), rtol=1e-8)  # PyTorch keeps its 1e-12 in float32


@pytest.mark.parametrize("kind", ["weight_norm", "spectral_norm"])
def test_computed_weights(kind: str) -> None:
    torch = pytest.importorskip("torch")
    for make, shape, settings in (
        (("Linear", 5, 3), (4, 5), {}),
        (("Conv2d", 2, 3, 3), (2, 2, 5, 5), {}),
        (("ConvTranspose2d", 2, 3, 3), (2, 2, 5, 5), {"dim": 1}),
    ):
        name, *args = make
        mine = getattr(nn, kind)(getattr(nn, name)(*args).double(), **settings)
        other = getattr(torch.nn.utils.parametrizations, kind)(getattr(torch.nn, name)(*args).double(), **settings)
        shapes = [[(k, tuple(v.shape)) for k, v in m.state_dict().items()] for m in (mine, other)]
        assert shapes[0] == shapes[1]
        mine.load_state_dict({k: v.numpy() for k, v in other.state_dict().items()})
        x = np.random.default_rng(0).standard_normal(shape)
        a, b = dl.asarray(x).requires_grad_(), torch.from_numpy(x).requires_grad_()
        for _ in range(2):  # the second forward starts from what the first left behind
            y, z = mine(a), other(b)
            np.testing.assert_allclose(y.numpy_copy(), z.detach().numpy(), rtol=1e-10, atol=1e-10)
        dl.sum(y * y).backward()
        (z * z).sum().backward()
        for t, u in [(a, b), *zip(mine.parameters(), other.parameters(), strict=True)]:
            np.testing.assert_allclose(t.grad.numpy(), u.grad.numpy(), rtol=1e-9, atol=1e-9)
        mine.eval(), other.eval()
        np.testing.assert_allclose(mine(a).numpy_copy(), other(b).detach().numpy(), rtol=1e-10, atol=1e-10)


def test_default_initial_values_have_pytorchs_bounds() -> None:
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    for kind, args in (
        ("Linear", (50, 40)), ("Conv2d", (8, 16, 3)), ("ConvTranspose2d", (8, 16, 3)), ("LSTM", (10, 16)),
        ("Bilinear", (20, 9, 9)), ("MultiheadAttention", (32, 4)), ("GRUCell", (10, 16)),
    ):  # fmt: skip
        ours, theirs = getattr(nn, kind)(*args), getattr(torch.nn, kind)(*args)
        for (n, p), q in zip(ours.named_parameters(), theirs.parameters(), strict=True):
            bound = float(dl.max(dl.abs(p)))
            assert bound == pytest.approx(float(q.detach().abs().max()), rel=0.3), n
