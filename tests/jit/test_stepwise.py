"""Recurrent networks in float64, and plain ones: every way to do them against the reference."""

from __future__ import annotations

import array_api_compat.numpy as xp
import numpy as np
import pytest

from dlengine.kernels.jit import recurrent as jit
from dlengine.kernels.jit.machine.compile import interpreted
from dlengine.kernels.jit.recurrence import few, stepwise
from dlengine.kernels.reference import recurrent as reference
from dlengine.recording import generating

GATES = {"lstm": 4, "gru": 3, "rnn": 1}
SIZES = [(1, 1, 1, 1), (1, 3, 2, 7), (6, 1, 5, 4), (4, 3, 6, 9)]
EMPTY = [(0, 3, 4, 5), (3, 0, 4, 5), (3, 2, 0, 5), (3, 2, 4, 0)]


@pytest.fixture(params=["steps", "few"])
def way(request, monkeypatch):
    monkeypatch.setattr(few, "is_few", lambda x, w_ih, w_hh: request.param == "few" and bool(x.size and w_hh.size))


def sample(kind, sizes, dtype, bias=True):
    """Arguments up to the biases, and gradients of the results."""
    steps, batch, inputs, hidden = sizes
    rng = np.random.default_rng(sum(sizes))

    def array(*shape):
        return rng.standard_normal(shape).astype(dtype)

    rows = GATES[kind] * hidden
    states = [array(batch, hidden) for _ in range(2 if kind == "lstm" else 1)]
    biases = [array(rows) if bias else None for _ in range(2 if kind == "gru" else 1)]
    gradients = [array(steps, batch, hidden), *(array(batch, hidden) for _ in states)]
    return [array(steps, batch, inputs), *states, array(rows, inputs), array(rows, hidden), *biases], gradients


def run(kernels, kind, arguments, gradients, settings, first=()):
    """Results without and with saving, then all gradients, those after the results were written to."""
    forward, backward = getattr(kernels, kind), getattr(kernels, f"{kind}_grad")
    *plain, nothing = forward(*first, *arguments, *settings, False)
    assert nothing is None
    *results, residuals = forward(*first, *arguments, *settings, True)
    kept = [r.copy() for r in results]
    for r in results:
        r[...] = np.nan
    return [*plain, *kept, *backward(*first, *gradients, *arguments, *settings, residuals)]


def strided(a):
    """The same numbers in the order of Fortran, and read-only."""
    b = None if a is None else np.array(a, order="F")
    if b is not None:
        b.flags.writeable = False
    return b


def compare(kind, sizes, dtype=np.float64, lengths=None, reverse=False, bias=True, word="tanh"):
    arguments, gradients = ([strided(a) for a in some] for some in sample(kind, sizes, dtype, bias))
    before = [None if a is None else a.copy() for a in (*arguments, *gradients)]
    settings = (lengths, reverse, word) if kind == "rnn" else (lengths, reverse)
    with generating("auto"):
        got = run(jit, kind, arguments, gradients, settings)
    wide = [[None if a is None else a.astype(np.float64) for a in some] for some in (arguments, gradients)]
    want = run(reference, kind, *wide, settings, (xp,))
    for a, b in zip(got, want, strict=True):
        if b is None:
            assert a is None
            continue
        assert a.dtype == dtype
        assert a.shape == b.shape
        assert a.flags.c_contiguous
        bound = 100 * np.finfo(dtype).eps * np.abs(b).max(initial=1)
        np.testing.assert_allclose(a, b, rtol=0, atol=bound)
        assert all(not np.shares_memory(a, c) for c in (*arguments, *gradients) if c is not None)
    for a, b in zip((*arguments, *gradients), before, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("sizes", SIZES + EMPTY)
@pytest.mark.parametrize("kind", GATES)
def test_float64(kind, sizes, reverse):
    compare(kind, sizes, reverse=reverse)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("kind", GATES)
def test_without_bias_and_with_lengths(kind):
    compare(kind, (4, 3, 6, 9), bias=False)
    compare(kind, (4, 3, 6, 9), lengths=np.array([2, 0, 4]), reverse=True)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("word", ["tanh", "relu"])
def test_plain_networks(word, reverse, dtype):
    for sizes in SIZES + EMPTY:
        compare("rnn", sizes, dtype, reverse=reverse, word=word)


def test_relu_keeps_what_is_not_a_number():
    arguments, gradients = sample("rnn", (3, 2, 4, 5), np.float64)
    arguments[0][1, 0] = np.nan
    got = run(jit, "rnn", arguments, gradients, (None, False, "relu"))
    want = run(reference, "rnn", arguments, gradients, (None, False, "relu"), (xp,))
    for a, b in zip(got, want, strict=True):
        np.testing.assert_array_equal(np.isnan(a), np.isnan(b))


@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_interpreted(kind):
    with interpreted():
        compare(kind, (2, 2, 3, 4))


@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_small_float32_sequences_are_done_in_one_loop(kind, monkeypatch):
    """Where kernels are compared, and for many numbers, panels of weights are used."""
    done = []
    own = getattr(few, kind)
    monkeypatch.setattr(few, kind, lambda *given: done.append(kind) or own(*given))
    small, _ = sample(kind, (1, 2, 3, 4), np.float32)
    large, _ = sample(kind, (20, 30, 30, 40), np.float32)
    with generating("auto"):
        getattr(jit, kind)(*small, None, False, False)
        assert done == [kind]
        getattr(jit, kind)(*large, None, False, False)
        getattr(jit, kind)(*small, np.array([1, 0]), False, False)
    with generating("always"):
        getattr(jit, kind)(*small, None, False, False)
    assert done == [kind]


@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_the_way_back_is_that_of_the_way_forth(kind):
    """Also where kernels began to be compared in between."""
    arguments, gradients = sample(kind, (1, 2, 3, 4), np.float32)
    found = []
    for there, back in (("auto", "always"), ("always", "auto")):
        with generating(there):
            *_, residuals = getattr(jit, kind)(*arguments, None, False, True)
        with generating(back):
            found.append(getattr(jit, f"{kind}_grad")(*gradients, *arguments, None, False, residuals))
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


def test_one_row_goes_by_products_with_vectors(monkeypatch):
    done = []
    own = stepwise.lstm
    monkeypatch.setattr(stepwise, "lstm", lambda *given: done.append(given) or own(*given))
    arguments, _ = sample("lstm", (1, 1, 150, 150), np.float32)
    with generating("auto"):
        jit.lstm(*arguments, None, False, False)
        assert len(done) == 1
        arguments[0], arguments[1], arguments[2] = (np.repeat(a, 9, -2) for a in arguments[:3])
        jit.lstm(*arguments, None, False, False)
    assert len(done) == 1
