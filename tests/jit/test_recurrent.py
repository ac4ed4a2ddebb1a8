"""Whole-sequence LSTM and GRU against the reference in float64: values, states and every gradient."""

from __future__ import annotations

import array_api_compat.numpy as xp
import numpy as np
import pytest

from dlengine.kernels.jit import recurrent as jit
from dlengine.kernels.jit.machine.compile import interpreted
from dlengine.kernels.jit.recurrence import few, stepwise
from dlengine.kernels.reference import recurrent as reference

# T, N, I, H: less than a vector, exactly one, a vector and a bit, more than a panel, one row, many rows, many steps, many units
SIZES = [
    (3, 2, 3, 5),
    (7, 9, 16, 16),
    (13, 7, 19, 33),
    (5, 9, 70, 100),
    (3, 2, 1, 1),
    (2, 300, 3, 20),
    (150, 13, 8, 24),
    (2, 140, 29, 270),
    (5, 1, 33, 40),
]
EMPTY = [(0, 3, 4, 5), (3, 0, 4, 5), (3, 2, 0, 5), (3, 2, 4, 0)]
KINDS = ["lstm", "gru"]


@pytest.fixture(autouse=True, params=["panels", "steps", "few"])
def way(request, monkeypatch):
    """How small sequences are done: in panels of weights, step by step, or in one loop."""
    monkeypatch.setattr(stepwise, "is_better", lambda x, w_ih, w_hh, lengths: request.param != "panels" and lengths is None)
    monkeypatch.setattr(few, "is_few", lambda x, w_ih, w_hh: request.param == "few" and bool(x.size and w_hh.size))


def sample(kind, sizes, bias=True, seed=0):
    """Arguments up to the biases, and gradients of the results."""
    steps, batch, inputs, hidden = sizes
    rng = np.random.default_rng(seed)
    rows = (4 if kind == "lstm" else 3) * hidden

    def array(*shape):
        return rng.standard_normal(shape).astype(np.float32)

    states = [array(batch, hidden) for _ in range(2 if kind == "lstm" else 1)]
    weights = [array(rows, n) * np.float32(0.7 / max(1, n) ** 0.5) for n in (inputs, hidden)]
    biases = [array(rows) if bias else None for _ in range(1 if kind == "lstm" else 2)]
    gradients = [array(steps, batch, hidden), *(array(batch, hidden) for _ in states)]
    return [array(steps, batch, inputs), *states, *weights, *biases], gradients


def run(kernels, kind, arguments, gradients, lengths, reverse, first=()):
    """Results without and with saving, then all gradients."""
    forward, backward = getattr(kernels, kind), getattr(kernels, kind + "_grad")
    *plain, nothing = forward(*first, *arguments, lengths, reverse, False)
    assert nothing is None
    *results, residuals = forward(*first, *arguments, lengths, reverse, True)
    return [*plain, *results, *backward(*first, *gradients, *arguments, lengths, reverse, residuals)]


def wide(arrays):
    return [None if a is None else a.astype(np.float64) for a in arrays]


def compare(kind, sizes, lengths=None, reverse=False, bias=True, change=None):
    arguments, gradients = sample(kind, sizes, bias)
    if change is not None:
        arguments, gradients = change(arguments), change(gradients)
    before = [None if a is None else a.copy() for a in (*arguments, *gradients)]
    got = run(jit, kind, arguments, gradients, lengths, reverse)
    want = run(reference, kind, wide(arguments), wide(gradients), lengths, reverse, (xp,))
    for a, b in zip(got, want, strict=True):
        if b is None:
            assert a is None
            continue
        assert a.dtype == np.float32
        assert a.flags.c_contiguous
        assert a.shape == b.shape
        scale = np.abs(b).max(initial=1)
        np.testing.assert_allclose(a, b, rtol=0, atol=60 * np.finfo(np.float32).eps * scale)
    for a, b in zip((*arguments, *gradients), before, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("sizes", SIZES + EMPTY)
@pytest.mark.parametrize("kind", KINDS)
def test_equal_lengths(kind, sizes, reverse):
    compare(kind, sizes, reverse=reverse)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("sizes", SIZES + EMPTY)
@pytest.mark.parametrize("kind", KINDS)
def test_own_lengths(kind, sizes, reverse):
    steps, batch = sizes[:2]
    lengths = np.random.default_rng(1).integers(0, steps + 1, batch)
    compare(kind, sizes, lengths, reverse)
    compare(kind, sizes, np.zeros_like(lengths), reverse)
    compare(kind, sizes, np.full_like(lengths, steps), reverse)


@pytest.mark.parametrize("kind", KINDS)
def test_without_bias(kind):
    compare(kind, (4, 3, 5, 6), bias=False)
    compare(kind, (4, 3, 5, 6), np.array([4, 0, 2], np.int32), bias=False)


@pytest.mark.parametrize("kind", KINDS)
def test_strided_and_read_only_arguments(kind):
    def column_major(arrays):
        return [None if a is None else np.asfortranarray(a) for a in arrays]

    def backwards(arrays):
        views = [None if a is None else np.flip(a.copy()) for a in arrays]
        for view in views:
            view.flags.writeable = False
        return views

    for change in (column_major, backwards):
        compare(kind, (5, 9, 7, 19), change=change)
        compare(kind, (5, 9, 7, 19), np.arange(9) % 6, True, change=change)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_interpreted(kind, reverse):
    """Plain Python with every access checked, on two threads' worth of rows and a ragged block of units."""
    sizes = (3, 9, 3, 18)
    lengths = np.array([3, 0, 2, 1, 3, 3, 1, 2, 0])
    with interpreted():
        compare(kind, sizes, reverse=reverse)
        compare(kind, sizes, lengths, reverse)


@pytest.mark.parametrize("kind", KINDS)
def test_what_follows_the_end_is_not_read(kind):
    arguments, gradients = sample(kind, (4, 5, 3, 6))
    lengths = np.array([4, 1, 0, 3, 2])
    clean = run(jit, kind, arguments, gradients, lengths, False)
    past = np.arange(4)[:, None] >= lengths
    arguments[0][past] = np.nan
    gradients[0][past] = np.inf
    for a, b in zip(clean, run(jit, kind, arguments, gradients, lengths, False), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("kind", KINDS)
def test_a_bad_number_stays_in_its_row(kind, bad):
    arguments, _ = sample(kind, (4, 9, 3, 18))
    want = run(reference, kind, *map(wide, sample(kind, (4, 9, 3, 18))), None, False, (xp,))[0]
    arguments[0][1, 2, 0] = bad
    with np.errstate(all="ignore"):
        spoilt = getattr(reference, kind)(xp, *wide(arguments), None, False, False)[0]
    y = getattr(jit, kind)(*arguments, None, False, False)[0]
    np.testing.assert_array_equal(np.isnan(y), np.isnan(spoilt))
    np.testing.assert_allclose(np.delete(y, 2, axis=1), np.delete(want, 2, axis=1), atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_large_preactivations_saturate(kind):
    arguments, _ = sample(kind, (3, 4, 5, 7))
    arguments[0] *= 1e4
    y = getattr(jit, kind)(*arguments, None, False, False)[0]
    np.testing.assert_allclose(y, getattr(reference, kind)(xp, *wide(arguments), None, False, False)[0], atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_backward_twice_and_after_other_calls(kind):
    """Residuals are not touched by backward, nor by the scratch memory of later calls."""
    arguments, gradients = sample(kind, (6, 5, 4, 20))
    *_, residuals = getattr(jit, kind)(*arguments, None, False, True)
    backward = getattr(jit, kind + "_grad")
    once = backward(*gradients, *arguments, None, False, residuals)
    kept = [a.copy() for a in once]
    run(jit, kind, *sample(kind, (9, 8, 5, 40), seed=5), None, True)
    for a, b, c in zip(kept, once, backward(*gradients, *arguments, None, False, residuals), strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(a, c)


@pytest.mark.parametrize("lengths", [None, np.array([6, 2, 0, 3, 6])])
@pytest.mark.parametrize("kind", KINDS)
def test_writing_to_the_results_does_not_reach_the_gradients(kind, lengths):
    arguments, gradients = sample(kind, (6, 5, 4, 20))
    backward = getattr(jit, kind + "_grad")
    *results, residuals = getattr(jit, kind)(*arguments, lengths, False, True)
    want = backward(*gradients, *arguments, lengths, False, residuals)
    for result in results:
        result.fill(np.nan)
    for a, b in zip(backward(*gradients, *arguments, lengths, False, residuals), want, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_results_of_ragged_sequences_do_not_depend_on_the_threads(kind, monkeypatch):
    T, N, I, H = 5, 8, 33, 40
    rng = np.random.default_rng(0)
    gates = 4 if kind == "lstm" else 3

    def draw(*shape):
        return rng.standard_normal(shape).astype(np.float32) / 4

    x, h0, w_ih, w_hh = draw(T, N, I), draw(N, H), draw(gates * H, I), draw(gates * H, H)
    lengths, found = np.array([5, 5, 4, 3, 2, 1, 5, 5]), []
    for threads in (1, 2):
        monkeypatch.setattr(jit, "threads_for", lambda *_, n=threads: n)
        if kind == "lstm":
            found.append(jit.lstm(x, h0, h0, w_ih, w_hh, None, lengths, False, True)[0])
        else:
            found.append(jit.gru(x, h0, w_ih, w_hh, None, None, lengths, False, True)[0])
    np.testing.assert_array_equal(*found)
