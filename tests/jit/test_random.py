"""The jitted generator gives the bits of the reference generator."""

from __future__ import annotations

from collections import Counter

import array_api_compat.numpy as xp
import numpy as np
import pytest

from dlengine.kernels.jit import random as jit
from dlengine.kernels.jit.machine import store
from dlengine.kernels.jit.machine.compile import interpreted
from dlengine.kernels.reference import random as reference
from dlengine.recording import generating

SEEDS = [(0, 0), (2**64 - 1, 2**128 - 1), (0x1234567890ABCDEF, 2**64 + 2**64 - 3), (7, 2**127 + 12345)]
SIZES = [0, 1, 2, 3, 5, 2047, 2048, 2049, 40003]
DTYPES = [np.float16, np.float32, np.float64]


def test_published_vectors():
    """The known answers that come with Random123."""
    assert [hex(w) for w in jit.random_bits(0, 0, 4)] == ["0x6627e8d5", "0xe169c58d", "0xbc57ac4c", "0x9b00dbd8"]
    ones = jit.random_bits(2**64 - 1, 2**128 - 1, 4)
    assert [hex(w) for w in ones] == ["0x408f276d", "0x41c83b0e", "0xa20bc7c6", "0x6d5451fd"]


@pytest.fixture(params=[-1, 1 << 60], ids=["often", "rarely"])
def calls(request, monkeypatch):
    """Whether small numbers are drawn so often that a kernel is compiled for it."""
    monkeypatch.setattr(jit, "FEW", request.param)
    with generating("auto"):
        yield


def test_often_is_soon(monkeypatch):
    """After the first numbers or calls, for many at once, and where kernels are compared, a kernel draws."""
    drawn = []
    monkeypatch.setattr(jit, "FEW", 10)
    monkeypatch.setattr(jit, "LEAST", 2)
    monkeypatch.setattr(jit, "EARLY", 1 << 60)
    monkeypatch.setattr(jit, "_drawn", Counter())
    monkeypatch.setattr(jit, "_uniform32", lambda *arguments: drawn.append(arguments))
    with generating("always"):
        jit.random_uniform(1, 0, 4, np.float32)
    assert len(drawn) == 1
    with generating("auto"):
        monkeypatch.setattr(jit, "_drawn", Counter())
        for count in (1, 1, 2, 3):
            jit.random_uniform(1, 0, 4, np.float32)
            assert len(drawn) == count
        jit.random_uniform(1, 0, 1, np.float32)
        assert len(drawn) == 4, "a kernel that was compiled stays in use"
        monkeypatch.setattr(jit, "_drawn", Counter())
        jit.random_uniform(1, 0, 11, np.float32)
        assert len(drawn) == 5
        monkeypatch.setattr(jit, "_drawn", Counter())
        for _ in range(5):
            jit.random_uniform(1, 0, 1, np.float32)
        assert len(drawn) == 5
        jit.random_uniform(1, 0, 1, np.float32)
    assert len(drawn) == 6, "calls of one number each"


@pytest.mark.parametrize("stored", [True, False])
def test_what_lies_on_disk_is_used_early(monkeypatch, stored):
    drawn, asked = [], []
    monkeypatch.setattr(jit, "_drawn", Counter())
    monkeypatch.setattr(jit, "_looked", set())
    monkeypatch.setattr(type(jit._uniform32.dispatcher._cache), "has_any", lambda self: asked.append(self) or stored)
    uniform = jit._uniform32
    monkeypatch.setattr(jit, "_uniform32", Draws(uniform, drawn))
    with generating("auto"):
        for _ in range(20):
            jit.random_uniform(1, 0, 4, np.float32)
    assert asked == [uniform.dispatcher._cache], "once"
    assert len(drawn) == (12 if stored else 0)


class Draws:
    """A kernel that notes its calls."""

    def __init__(self, kernel, calls):
        self.dispatcher, self.kernel, self.calls = kernel.dispatcher, kernel, calls

    def __call__(self, *arguments):
        self.calls.append(arguments)
        return self.kernel(*arguments)


@pytest.mark.skipif(store._folder() is None, reason="compiled kernels cannot be kept here")
def test_every_draw_names_its_kernels():
    for name in ("random_bits", "random_permutation", "random_uniform", "random_normal"):
        for dtype in DTYPES:
            extra = () if name in ("random_bits", "random_permutation") else (dtype,)
            with generating("always"):
                getattr(jit, name)(1, 0, 9, *extra)
            assert all(kernel.dispatcher._cache.has_any() for kernel in jit._kernels(name, *extra))
    assert jit._kernels("random_normal", np.float64) != jit._kernels("random_normal", np.float32)


@pytest.mark.usefixtures("calls")
@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize(("key", "counter"), SEEDS)
def test_bits_and_permutation(key, counter, n):
    for name in ("random_bits", "random_permutation"):
        got, want = getattr(jit, name)(key, counter, n), getattr(reference, name)(xp, key, counter, n)
        assert got.dtype == want.dtype
        np.testing.assert_array_equal(got, want)


@pytest.mark.usefixtures("calls")
@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["random_uniform", "random_normal"])
def test_numbers(name, dtype, n):
    for key, counter in SEEDS:
        got = getattr(jit, name)(key, counter, n, dtype)
        want = getattr(reference, name)(xp, key, counter, n, np.dtype(dtype))
        assert got.dtype == dtype
        assert got.tobytes() == want.tobytes()


@pytest.mark.parametrize("p", [0.0, 1e-9, 0.3, 0.5, 1 - 1e-9, 1.0])
def test_bernoulli(p):
    for n in SIZES:
        got = jit.random_bernoulli(11, 5, n, p)
        assert got.dtype == np.bool_
        np.testing.assert_array_equal(got, reference.random_bernoulli(xp, 11, 5, n, p))


def test_many_normals_reach_every_branch():
    """A million numbers include both ends of the tails, where |z| > 4."""
    got = jit.random_normal(3, 0, 1_000_000, np.float64)
    assert np.abs(got).max() > 4
    np.testing.assert_array_equal(got, reference.random_normal(xp, 3, 0, 1_000_000, np.dtype(np.float64)))


@pytest.mark.usefixtures("calls")
@pytest.mark.parametrize("n", [0, 1, 7, 2100])
def test_interpreted(n):
    calls = [
        lambda: jit.random_bits(5, 9, n),
        lambda: jit.random_bernoulli(5, 9, n, 0.4),
        lambda: jit.random_permutation(5, 9, n),
        *(lambda d=d: jit.random_uniform(5, 9, n, d) for d in DTYPES),
        *(lambda d=d: jit.random_normal(5, 9, n, d) for d in DTYPES),
    ]
    for call in calls:
        with interpreted():
            plain = call()
        np.testing.assert_array_equal(plain, call())


def test_a_stream_can_be_entered_anywhere():
    whole = jit.random_bits(1, 100, 4096)
    np.testing.assert_array_equal(jit.random_bits(1, 100 + 300, 50), whole[1200:1250])
