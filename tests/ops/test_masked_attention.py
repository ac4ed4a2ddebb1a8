"""A query that may see no key: its weights and output are 0, its gradients 0, and nothing else is touched by it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import dlengine as dl
from dlengine import nn
from dlengine.nn import functional as F

pytestmark = pytest.mark.backends("numpy", "numba", "cuda", "strict")


def drawn(*shape: int, seed: int = 0, dtype: str = "float32") -> Any:
    return dl.asarray(np.random.default_rng(seed).standard_normal(shape).astype(dtype)).requires_grad_()


def by_hand(q: Any, k: Any, v: Any, seen: Any) -> Any:
    """Attention row by row over the keys that are seen, in float64."""
    q, k, v = (np.asarray(t.detach().numpy_copy(), "f8") for t in (q, k, v))
    out = np.zeros((*q.shape[:-1], v.shape[-1]))
    for at in np.ndindex(*q.shape[:-1]):
        keys = np.flatnonzero(np.broadcast_to(seen, (*q.shape[:-1], k.shape[-2]))[at])
        if keys.size:
            scores = k[at[:-1]][keys] @ q[at] / np.sqrt(q.shape[-1])
            e = np.exp(scores - scores.max())
            out[at] = e @ v[at[:-1]][keys] / e.sum()
    return out


SEEN = np.array([[1, 0, 1, 1, 0], [0, 0, 0, 0, 0], [1, 1, 1, 1, 1]], bool)


@pytest.mark.parametrize("kind", ["boolean", "added"])
def test_scaled_dot_product(backend: str, kind: str) -> None:
    q, k, v = drawn(2, 3, 4), drawn(2, 5, 4, seed=1), drawn(2, 5, 6, seed=2)
    mask = dl.asarray(SEEN if kind == "boolean" else np.where(SEEN, 0, -np.inf).astype("f4"))
    y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    assert np.abs(y.detach().numpy_copy() - by_hand(q, k, v, SEEN)).max() < 1e-5
    assert (y.detach().numpy_copy()[:, 1] == 0).all()
    dl.sum(y * y).backward()
    assert (q.grad.numpy_copy()[:, 1] == 0).all()
    others = [np.array(t.grad.numpy_copy()) for t in (q, k, v)]
    assert all(np.isfinite(g).all() for g in others)
    # without the blind query the others get the same gradients
    a, b, c = drawn(2, 3, 4), drawn(2, 5, 4, seed=1), drawn(2, 5, 6, seed=2)
    rest = F.scaled_dot_product_attention(a[:, ::2], b, c, attn_mask=mask[::2])
    dl.sum(rest * rest).backward()
    for got, t in zip(others, (a, b, c), strict=True):
        assert np.abs(got - t.grad.numpy_copy()).max() < 1e-5


@pytest.mark.backends("numpy", "numba")
@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_other_dtypes_and_the_second_derivative(backend: str, dtype: str) -> None:
    q, k = drawn(3, 4, dtype=dtype), drawn(5, 4, seed=1, dtype=dtype)
    y = F.scaled_dot_product_attention(q, k, k, attn_mask=dl.asarray(SEEN))
    assert str(y.dtype) == dtype
    (g,) = dl.gradients([dl.sum(y * y)], [q], create_graph=True)
    (h,) = dl.gradients([dl.sum(g * g)], [q])
    assert np.isfinite(h.numpy_copy()).all()
    assert (h.numpy_copy()[1] == 0).all()


def test_scores_that_are_not_numbers_are_not_hidden(backend: str) -> None:
    q = dl.asarray(np.array([[np.nan, 1.0], [1.0, 2.0]], "f4"))
    y = F.scaled_dot_product_attention(q, q, q, attn_mask=dl.asarray(np.array([[1, 0], [0, 0]], bool))).numpy_copy()
    assert np.isnan(y[0]).all()


def test_additive(backend: str) -> None:
    query, key, v = drawn(2, 3), drawn(2, 4, 3, seed=1), drawn(3, seed=2)
    mask = dl.asarray(np.array([[0, 0, 0, 0], [1, 1, 0, 1]], bool))
    context, weights = F.additive_attention(query, key, key, v, mask)
    assert (context.detach().numpy_copy()[0] == 0).all()
    assert (weights.detach().numpy_copy()[0] == 0).all()
    assert float(dl.sum(weights[1])) == pytest.approx(1, rel=1e-6)
    dl.sum(context).backward()
    assert all(np.isfinite(t.grad.numpy_copy()).all() for t in (query, key, v))


@pytest.mark.backends("numpy", "numba", "cuda")
def test_a_padded_sentence_leaves_the_layers_gradients_finite(backend: str) -> None:
    dl.manual_seed(0)
    attention = nn.MultiheadAttention(8, 2, batch_first=True)
    x = drawn(3, 4, 8)
    padding = dl.asarray(np.array([[0, 0, 1, 1], [1, 1, 1, 1], [0, 0, 0, 0]], bool))
    y, weights = attention(x, x, x, key_padding_mask=padding)
    bias = attention.out_proj.bias.detach().numpy_copy()
    assert np.abs(y.detach().numpy_copy()[1] - bias).max() < 1e-6
    assert (weights.detach().numpy_copy()[1] == 0).all()
    dl.sum(y * y).backward()
    for name, p in attention.named_parameters():
        assert np.isfinite(p.grad.numpy_copy()).all(), name


@pytest.mark.backends("numpy", "numba")
def test_a_whole_encoder_with_an_empty_sentence(backend: str) -> None:
    dl.manual_seed(0)
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True), 2)
    x = drawn(2, 3, 8)
    padding = dl.asarray(np.array([[1, 1, 1], [0, 0, 1]], bool))
    y = encoder(x, src_key_padding_mask=padding)
    dl.sum(y * y).backward()
    assert np.isfinite(y.detach().numpy_copy()).all()
    for name, p in encoder.named_parameters():
        assert np.isfinite(p.grad.numpy_copy()).all(), name
    # the other sentence does not see that it shares a batch with an empty one
    alone = encoder(x[1:], src_key_padding_mask=padding[1:])
    assert np.abs(alone.detach().numpy_copy() - y.detach().numpy_copy()[1:]).max() < 1e-5
