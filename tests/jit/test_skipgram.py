"""Word vectors pair by pair: the jitted kernel against the reference, and the function above them."""

from __future__ import annotations

from typing import Any

import array_api_compat.numpy as xp
import numpy as np
import pytest
from reference_namespaces import NAMESPACES

import dlengine as dl
from dlengine import optim
from dlengine.kernels.jit import skipgram as jit
from dlengine.kernels.jit.machine.compile import interpreted
from dlengine.kernels.reference import skipgram as reference


def drawn(V: int = 7, D: int = 19, P: int = 40, n: int = 3) -> tuple[Any, ...]:
    rng = np.random.default_rng(0)
    words, contexts = rng.standard_normal((2, V, D)).astype("f4")
    return words, contexts, rng.integers(0, V, P), rng.integers(0, V, (P, 1 + n))


def by_hand(words: Any, contexts: Any, centres: Any, seen: Any, lr: float) -> tuple[Any, Any, float]:
    words, contexts, losses = words.astype("f8"), contexts.astype("f8"), []
    for c, row in zip(centres, seen, strict=True):
        h, move = words[c].copy(), 0.0
        for sign, k in zip([1, *[-1] * (len(row) - 1)], row, strict=True):
            score = sign * (h @ contexts[k])
            losses.append(np.log1p(np.exp(-score)))
            g = lr * sign / (1 + np.exp(score))
            move = move + g * contexts[k]
            contexts[k] = contexts[k] + g * h
        words[c] = h + move
    return words, contexts, sum(losses) / max(1, len(centres))


@pytest.mark.parametrize("name", sorted(NAMESPACES))
def test_reference(name: str) -> None:
    words, contexts, centres, seen = drawn()
    space = NAMESPACES[name]
    w, c = space.asarray(words.astype("f8")), space.asarray(contexts.astype("f8"))
    loss = space.skipgram_negative(w, c, space.asarray(centres), space.asarray(seen), 0.1)
    expected = by_hand(words, contexts, centres, seen, 0.1)
    for found, exact in zip((w, c, loss), expected, strict=True):
        np.testing.assert_allclose(np.asarray(found), exact, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("D", [1, 16, 33, 100])
@pytest.mark.parametrize("P", [0, 1, 40])
def test_jit(D: int, P: int) -> None:
    words, contexts, centres, seen = drawn(D=D, P=P)
    exact = by_hand(words, contexts, centres, seen, 0.025)
    again = words.copy(), contexts.copy()
    loss = jit.skipgram_negative(words, contexts, centres, seen.astype("i4"), 0.025)
    for found, wanted in zip((words, contexts, loss), exact, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=2e-5)
    assert jit.skipgram_negative(*again, centres, seen, 0.025) == loss
    np.testing.assert_array_equal(again[0], words)
    np.testing.assert_array_equal(again[1], contexts)


def test_jit_in_views_and_interpreted() -> None:
    words, contexts, centres, seen = drawn(D=8)
    exact = by_hand(words, contexts, centres, seen, 0.1)
    wide = np.zeros((7, 16), "f4")
    wide[:, ::2] = words
    with interpreted():
        jit.skipgram_negative(wide[:, ::2], contexts, centres, seen, 0.1)
    np.testing.assert_allclose(wide[:, ::2], exact[0], rtol=1e-4, atol=1e-5)
    assert not wide[:, 1::2].any()


def test_extreme_scores_and_nan() -> None:
    words, contexts = np.full((2, 4), 1e3, "f4"), np.array([[1e3] * 4, [-1e3] * 4, [np.nan] * 4], "f4")
    for kernel, first in ((jit, ()), (reference, (xp,))):
        loss = kernel.skipgram_negative(*first, words[:1].copy(), contexts.copy(), np.array([0]), np.array([[0, 1]]), 0.0)
        assert loss == 0
        loss = kernel.skipgram_negative(*first, words[:1].copy(), contexts.copy(), np.array([0]), np.array([[1, 0]]), 0.0)
        np.testing.assert_allclose(loss, 8e6)
        assert np.isnan(kernel.skipgram_negative(*first, words[:1].copy(), contexts.copy(), np.array([0]), np.array([[2]]), 0.1))


def test_ids_outside_are_refused() -> None:
    words, contexts, centres, seen = drawn()
    for bad in (7, -1):
        with pytest.raises(IndexError, match="rows 0 ... 6"):
            jit.skipgram_negative(words, contexts, np.full_like(centres, bad), seen, 0.1)


@pytest.mark.parametrize("name", ["numpy", "numba"])
def test_step(name: str) -> None:
    words, contexts, centres, seen = drawn()
    exact = by_hand(words, contexts, centres, seen, 0.1)
    with dl.use_backend(name):
        w, c = dl.nn.Parameter(dl.asarray(words)), dl.nn.Parameter(dl.asarray(contexts))
        kept = (w * w).sum()
        loss = optim.skipgram_step_(w, c, dl.asarray(centres), dl.asarray(seen), 0.1)
        np.testing.assert_allclose(float(loss), exact[2], rtol=1e-5)
        np.testing.assert_allclose(w.detach().numpy(), exact[0], rtol=1e-4, atol=1e-5)
        with pytest.raises(dl.errors.GradientError):
            kept.backward()


def test_step_says_what_is_wrong() -> None:
    w, c, at, ids = dl.zeros((5, 3)), dl.zeros((5, 3)), dl.asarray([0, 1]), dl.asarray([[0, 1], [2, 3]])
    for error, message, args in (
        (dl.errors.ShapeError, "one D", (w, dl.zeros((5, 4)), at, ids)),
        (dl.errors.ShapeError, "seen", (w, c, at, at)),
        (dl.errors.DTypeError, "floating", (w, c.astype(dl.float64), at, ids)),
        (dl.errors.DTypeError, "integers", (w, c, at.astype(dl.float32), ids)),
        (dl.errors.DTypeError, "tensors", (w, c, [0, 1], ids)),
    ):
        with pytest.raises(error, match=message):
            optim.skipgram_step_(*args, 0.1)
