"""Draws by probability, and embeddings whose rows stay short."""

from __future__ import annotations

import numpy as np
import pytest

import dlengine as dl
from dlengine import nn
from dlengine.errors import ConfigError, DataError

pytestmark = pytest.mark.backends("numpy", "numba", "cuda")


def test_shares_with_replacement(backend: str) -> None:
    dl.manual_seed(0)
    p = np.array([[0.0, 1.0, 3.0, 0.0, 4.0], [1.0, 0.0, 0.0, 1.0, 0.0]], "f4")
    drawn = dl.multinomial(dl.asarray(p), 20_000, True).numpy_copy()
    assert drawn.shape == (2, 20_000)
    assert drawn.dtype == np.int64
    for row, weights in zip(drawn, p, strict=True):
        shares = np.bincount(row, minlength=5) / len(row)
        assert np.abs(shares - weights / weights.sum()).max() < 0.015
        assert (shares[weights == 0] == 0).all()


def test_without_replacement_each_comes_once_and_the_first_by_its_share(backend: str) -> None:
    dl.manual_seed(1)
    p = np.tile(np.array([1.0, 0.0, 2.0, 5.0], "f8"), (20_000, 1))
    drawn = dl.multinomial(dl.asarray(p), 3).numpy_copy()
    assert (np.sort(drawn, axis=1) == [0, 2, 3]).all()
    first = np.bincount(drawn[:, 0], minlength=4) / len(drawn)
    assert np.abs(first - np.array([1, 0, 2, 5]) / 8).max() < 0.015
    second = np.bincount(drawn[drawn[:, 0] == 3, 1], minlength=4) / (drawn[:, 0] == 3).sum()
    assert np.abs(second - np.array([1, 0, 2, 0]) / 3).max() < 0.02


def test_the_same_seed_draws_the_same_on_every_backend(backend: str) -> None:
    p = dl.asarray(np.random.default_rng(0).random((5, 7)))
    for replacement in (False, True):
        here = dl.multinomial(p, 4, replacement, generator=dl.Generator(3)).numpy_copy()
        with dl.use_backend("numpy"):
            assert (here == dl.multinomial(p, 4, replacement, generator=dl.Generator(3)).numpy_copy()).all()
    assert dl.multinomial(dl.asarray([0.0, 2.0, 0.0]), 1).numpy_copy().tolist() == [1]


@pytest.mark.parametrize("weights", [[0.0, 0.0], [1.0, -1.0], [np.nan, 1.0], [1.0, np.nan], [np.inf, 1.0]])
def test_what_is_no_distribution_is_refused(backend: str, weights: list[float]) -> None:
    with pytest.raises(DataError, match="multinomial: .*row 1"):
        dl.multinomial(dl.asarray(np.array([[0.5, 0.5], weights])), 1)
    with pytest.raises(DataError, match="fewer than the 2"):
        dl.multinomial(dl.asarray(np.array([0.0, 1.0, 0.0])), 2)
    with pytest.raises(ConfigError):
        dl.multinomial(dl.asarray(np.array([0.5, 0.5])), 3)


@pytest.mark.parametrize("p", [2.0, 1.0, float("inf")])
def test_embedding_rows_are_scaled_down_when_looked_up(backend: str, p: float) -> None:
    layer = nn.Embedding(5, 3, padding_idx=4, max_norm=1.5, norm_type=p)
    table = np.array([[3.0, 4.0, 0.0], [0.1, 0.2, 0.3], [5.0, 5.0, 5.0], [9.0, 9.0, 9.0], [0, 0, 0]], "f4")
    with dl.no_grad():
        layer.weight[...] = dl.asarray(table)
    ids = np.array([[0, 1], [0, 4]])
    y = layer(dl.asarray(ids))
    want = table.copy()
    want[0] *= 1.5 / np.linalg.norm(table[0], p)
    assert np.allclose(y.detach().numpy_copy(), want[ids], rtol=1e-5)
    assert np.allclose(layer.weight.detach().numpy_copy(), want, rtol=1e-5)  # rows 2 and 3 were not looked up
    dl.sum(y).backward()
    assert layer.weight.grad.numpy_copy()[:, 0].tolist() == [2, 1, 0, 0, 0]


def test_bad_settings(backend: str) -> None:
    for settings in ({"max_norm": 0.0}, {"max_norm": -1.0}, {"max_norm": 1.0, "norm_type": 0.0}):
        with pytest.raises(ConfigError, match="max_norm and norm_type must be positive"):
            nn.Embedding(3, 2, **settings)
