"""Random numbers from a counter: the same key and counter give the same bits on every backend.

Only integer operations and + - * / sqrt in float64 are used, each rounded once, in the order written here.
The other sets follow this order and are bit-equal.
"""

from __future__ import annotations

from typing import Any

from .. import philox as c
from ..types import Array, Namespace


def random_bits(xp: Namespace, key: int, counter: int, n: int) -> Array:
    """The first n 32-bit words of the Philox4x32-10 stream.

    Word i is lane i mod 4 of block counter + i // 4.

    key: 64 bits. counter: 128 bits, of which the low 64 advance and wrap. Returns uint32 (n,).
    """
    low = xp.arange((n + 3) // 4, dtype=xp.uint64) + (counter & c.MASK64)
    x0, x1 = low & c.MASK32, low >> 32
    x2 = xp.asarray([(counter >> 64) & c.MASK32], dtype=xp.uint64)
    x3 = xp.asarray([(counter >> 96) & c.MASK32], dtype=xp.uint64)
    k0, k1 = key & c.MASK32, (key >> 32) & c.MASK32
    for _ in range(c.ROUNDS):
        p0, p1 = x0 * c.MULTIPLIER_0, x2 * c.MULTIPLIER_1
        x0, x1, x2, x3 = (p1 >> 32) ^ x1 ^ k0, p1 & c.MASK32, (p0 >> 32) ^ x3 ^ k1, p0 & c.MASK32
        k0, k1 = (k0 + c.WEYL_0) & c.MASK32, (k1 + c.WEYL_1) & c.MASK32
    return xp.reshape(xp.astype(xp.stack([x0, x1, x2, x3], axis=1), xp.uint32), (-1,))[:n]


def random_uniform(xp: Namespace, key: int, counter: int, n: int, dtype: Any) -> Array:
    """Uniform numbers in [0, 1), every value equally likely: k / 2**b.

    b = 24 bits of one word for float32 (11 for float16, 8 for bfloat16), 53 bits of two words for float64.

    Returns (n,) of dtype.
    """
    if dtype == xp.float64:
        return xp.astype(_bits53(xp, key, counter, n), xp.float64) * 2.0**-53
    digits = 24 if dtype == xp.float32 else 8 if "bfloat16" in str(dtype) else 11
    u = xp.astype(random_bits(xp, key, counter, n) >> (32 - digits), xp.float32) * 2.0**-digits
    return xp.astype(u, dtype)


def random_bernoulli(xp: Namespace, key: int, counter: int, n: int, p: float) -> Array:
    """True with probability p, decided on integers: word < round(p 2**32). Returns bool (n,)."""
    return xp.astype(random_bits(xp, key, counter, n), xp.uint64) < round(p * 2**32)


def random_normal(xp: Namespace, key: int, counter: int, n: int, dtype: Any) -> Array:
    """Standard normal numbers by inversion.

    z = Phi^-1((k + 1/2) / 2**b), b = 32 bits of one word, or 53 bits of two words for float64; worked out in float64
    and rounded once. What is computed is the distance q of the uniform from 1/2, which float64 holds exactly; the
    uniform itself would round to 1 for the largest k.

    Returns (n,) of dtype.
    """
    if dtype == xp.float64:
        q = (xp.astype(_bits53(xp, key, counter, n), xp.float64) - (2.0**52 - 0.5)) * 2.0**-53
    else:
        q = (xp.astype(random_bits(xp, key, counter, n), xp.float64) - (2.0**31 - 0.5)) * 2.0**-32
    return xp.astype(_inverse_normal(xp, q), dtype)


def random_integers(xp: Namespace, key: int, counter: int, n: int, low: int, count: int) -> Array:
    """Integers from low to low + count - 1, of two words each; count is at most 2**32. Returns int64 (n,)."""
    u = random_uniform(xp, key, counter, n, xp.float64)
    return xp.astype(xp.floor(u * count), xp.int64) + low


def random_permutation(xp: Namespace, key: int, counter: int, n: int) -> Array:
    """A random order of 0 .. n-1: the indices sorted by (random word, index). Returns int64 (n,)."""
    words = xp.astype(random_bits(xp, key, counter, n), xp.uint64)
    ranked = xp.sort((words << 32) | xp.arange(n, dtype=xp.uint64))
    return xp.astype(ranked & c.MASK32, xp.int64)


def _bits53(xp: Namespace, key: int, counter: int, n: int) -> Array:
    words = xp.astype(random_bits(xp, key, counter, 2 * n), xp.uint64)
    pairs = xp.reshape(words, (-1, 2))
    return ((pairs[:, 0] >> 5) << 26) | (pairs[:, 1] >> 6)


def _inverse_normal(xp: Namespace, q: Array) -> Array:
    """Phi^-1(1/2 + q) for |q| < 1/2, by the three rational functions of AS 241."""
    centre = c.CENTRAL_SHIFT - q * q
    central = q * _horner(centre, c.CENTRAL_NUMERATOR) / _horner(centre, c.CENTRAL_DENOMINATOR)
    r = xp.sqrt(_minus_log(xp, 0.5 - xp.abs(q)))
    s = r - c.SIDE_SHIFT
    side = _horner(s, c.SIDE_NUMERATOR) / _horner(s, c.SIDE_DENOMINATOR)
    f = r - c.FAR_SHIFT
    f = xp.where(f > 0, f, xp.zeros_like(f))  # keeps the branch that is not taken away from its poles
    far = _horner(f, c.FAR_NUMERATOR) / _horner(f, c.FAR_DENOMINATOR)
    tail = xp.where(r <= c.SIDE_LIMIT, side, far)
    return xp.where(xp.abs(q) <= c.CENTRAL_LIMIT, central, xp.where(q < 0, -tail, tail))


def _minus_log(xp: Namespace, x: Array) -> Array:
    """-log(x) for 2**-63 <= x <= 1/2.

    x = m 2**-e with m in [sqrt(1/2), sqrt(2)), then a series in (m - 1) / (m + 1).
    """
    m, e = x, xp.zeros_like(x)
    for step in (32, 16, 8, 4, 2, 1):
        small = m < 2.0**-step
        m, e = xp.where(small, m * 2.0**step, m), xp.where(small, e + float(step), e)
    low = m < c.SQRT_HALF
    m, e = xp.where(low, m * 2.0, m), xp.where(low, e + 1.0, e)
    f = m - 1.0
    s = f / (f + 2.0)
    z = s * s
    half_square = 0.5 * f * f
    series = s * (half_square + z * _horner(z, c.LOG_SERIES))
    return ((half_square - (series - e * c.LN2_LOW)) - f) + e * c.LN2_HIGH


def _horner(x: Array, coefficients: tuple[float, ...]) -> Array:
    h = x * coefficients[-1] + coefficients[-2]
    for coefficient in coefficients[-3::-1]:
        h = h * x + coefficient
    return h
