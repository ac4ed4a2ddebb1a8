"""The generator against published vectors, and its distributions against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
from reference_namespaces import NAMESPACES, NUMPY, STRICT
from scipy.special import ndtri

from dlengine.kernels.reference.random import _inverse_normal
from dlengine.testing.references.random import philox

N = 10_001


def words_to_int(*words: int) -> int:
    return sum(word << (32 * place) for place, word in enumerate(words))


@pytest.fixture(params=sorted(NAMESPACES))
def xp(request):
    return NAMESPACES[request.param]


@pytest.mark.parametrize(
    ("key", "counter", "expected"),
    [
        ((0, 0), (0, 0, 0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((2**32 - 1,) * 2, (2**32 - 1,) * 4, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (
            (0xA4093822, 0x299F31D0),
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
def test_bits_match_the_published_vectors(xp, key, counter, expected):
    bits = xp.random_bits(words_to_int(*key), words_to_int(*counter), 4)
    assert bits.dtype == xp.uint32
    assert tuple(int(word) for word in np.asarray(bits)) == expected


@pytest.mark.parametrize("n", [0, 1, 3, 4, 5, 17])
def test_a_shorter_draw_is_the_start_of_a_longer_one(xp, n):
    assert np.array_equal(np.asarray(xp.random_bits(9, 5, n)), np.asarray(xp.random_bits(9, 5, 40))[:n])


def test_a_block_is_addressed_by_its_counter(xp):
    stream = np.asarray(xp.random_bits(9, 5, 40))
    assert np.array_equal(np.asarray(xp.random_bits(9, 7, 8)), stream[8:16])


def test_the_low_half_of_the_counter_wraps_without_a_carry(xp):
    high = 3 << 64
    wrapped = np.asarray(xp.random_bits(1, high + 2**64 - 1, 8))
    assert np.array_equal(wrapped[4:], np.asarray(xp.random_bits(1, high, 4)))


def test_uniform_is_the_documented_function_of_the_bits(xp):
    bits = np.asarray(xp.random_bits(3, 8, 2 * N)).astype(object)
    single = np.asarray(xp.random_uniform(3, 8, N, xp.float32))
    assert single.dtype == np.float32
    assert np.array_equal(single.astype(object), (bits[:N] >> 8) / 2**24)
    double = np.asarray(xp.random_uniform(3, 8, N, xp.float64))
    assert double.dtype == np.float64
    assert np.array_equal(double.astype(object), ((bits[0::2] >> 5) * 2**26 + (bits[1::2] >> 6)) / 2**53)
    assert single.min() >= 0
    assert single.max() < 1


def test_half_precision_uniform_stays_below_one():
    u = NUMPY.random_uniform(3, 8, N, np.float16)
    assert u.dtype == np.float16
    assert np.array_equal(u.astype(np.float64) * 2**11, NUMPY.random_bits(3, 8, N) >> 21)
    assert u.max() < 1


@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 1.0])
def test_bernoulli_compares_integers(xp, p):
    drawn = np.asarray(xp.random_bernoulli(3, 8, N, p))
    assert drawn.dtype == np.bool_
    assert np.array_equal(drawn, np.asarray(xp.random_bits(3, 8, N)).astype(np.uint64) < np.uint64(round(p * 2**32)))
    assert abs(drawn.mean() - p) < 0.02


def test_permutation_is_one(xp):
    drawn = np.asarray(xp.random_permutation(3, 8, N))
    assert drawn.dtype == np.int64
    assert np.array_equal(np.sort(drawn), np.arange(N))
    words = np.asarray(xp.random_bits(3, 8, N))
    assert np.array_equal(drawn, np.argsort(words, kind="stable"))
    assert np.asarray(xp.random_permutation(3, 8, 0)).shape == (0,)


def test_inverse_normal_is_accurate():
    u = np.concatenate([2.0 ** -np.arange(2, 54), np.linspace(1e-6, 0.5, 5000), [0.075, 0.07499999, 1.4e-11, 1.3e-11]])
    z = _inverse_normal(NUMPY, np.concatenate([u - 0.5, 0.5 - u]))
    # u - 0.5 rounds, so compare where the rounded argument is: the tail that the kernel sees is 0.5 - |q|.
    tail = 0.5 - np.abs(u - 0.5)
    np.testing.assert_allclose(z[: u.size], ndtri(tail), rtol=3e-15, atol=1e-16)
    np.testing.assert_array_equal(z[: u.size], -z[u.size :])


def test_normal_at_the_ends_of_its_range():
    ends = np.asarray([-(2.0**52 - 0.5), -0.5, 0.5, 2.0**52 - 0.5]) * 2.0**-53
    z = _inverse_normal(NUMPY, ends)
    np.testing.assert_allclose(z, [ndtri(2.0**-54), ndtri(0.5) + z[1], z[2], -ndtri(2.0**-54)], rtol=1e-14)
    assert z[2] == -z[1] > 0


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_normal_is_the_inverse_of_the_uniform(xp, dtype):
    z = np.asarray(xp.random_normal(3, 8, N, getattr(xp, dtype)))
    assert z.dtype == dtype
    bits = np.asarray(xp.random_bits(3, 8, 2 * N)).astype(np.float64)
    u = np.asarray(xp.random_uniform(3, 8, N, xp.float64)) if dtype == "float64" else (bits[:N] + 0.5) * 2.0**-32
    np.testing.assert_allclose(z, ndtri(u), rtol=1e-12 if dtype == "float64" else 6e-8, atol=3e-16)


def test_normal_has_the_moments_of_its_distribution():
    z = NUMPY.random_normal(11, 0, 1_000_000, np.float64)
    for power, moment, sigma in [(1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)]:
        assert abs(np.mean(z**power) - moment) < 5 * np.sqrt(sigma / z.size)


def test_both_namespaces_give_the_same_bits():
    for dtype in ("float32", "float64"):
        for name in ("random_uniform", "random_normal"):
            host = getattr(NUMPY, name)(5, 2**100 + 7, N, getattr(NUMPY, dtype))
            checked = getattr(STRICT, name)(5, 2**100 + 7, N, getattr(STRICT, dtype))
            assert np.array_equal(host, np.asarray(checked))


def test_the_tables_own_philox_gives_the_published_words() -> None:
    assert philox(0, 0) == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]
    assert philox(2**128 - 1, 2**64 - 1) == [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]
    digits_of_pi = 0x03707344_13198A2E_85A308D3_243F6A88, 0x299F31D0_A4093822
    assert philox(*digits_of_pi) == [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1]
