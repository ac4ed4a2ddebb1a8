"""Borders of axes that are much longer than these: joined with the inside, as NumPy has them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import dlengine as dl

MODES = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("pairs", [((0, 0), (2, 1)), ((0, 0), (0, 3)), ((0, 0), (3, 0)), ((1, 1), (2, 2)), ((0, 0), (0, 0))])
def test_values_and_gradients(backend: str, mode: str, pairs: Any) -> None:
    x = np.random.default_rng(0).standard_normal((40, 90)).astype("float32")
    for a in (x, x[::-1, ::-1], np.asfortranarray(x)):
        t = dl.asarray(a).requires_grad_()
        y = dl.pad(t, pairs, mode=mode)
        wanted = np.pad(a, pairs, mode=MODES[mode])
        np.testing.assert_array_equal(y.detach().numpy(), wanted)
        assert not np.shares_memory(y.detach().numpy(), t.detach().numpy())
        weights = np.random.default_rng(1).standard_normal(wanted.shape).astype("float32")
        dl.sum(y * dl.asarray(weights)).backward()
        places = np.pad(np.arange(a.size).reshape(a.shape), pairs, mode=MODES[mode])
        sums = np.bincount(places.reshape(-1), weights.reshape(-1).astype("float64"), a.size).reshape(a.shape)
        np.testing.assert_allclose(t.grad.numpy(), sums, rtol=1e-5, atol=1e-6)
