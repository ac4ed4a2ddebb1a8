"""Random numbers word by word: Philox4x32-10 in Python's integers, and how each function uses the words.

Source: Salmon, Moraes, Dror & Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3"; its known answers are in
tests/reference/test_random.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from scipy import special

from ..calls import SEED


def philox(counter: int, key: int) -> list[int]:
    """The four words of one block."""
    c = [(counter >> 32 * i) & 0xFFFFFFFF for i in range(4)]
    k = [key & 0xFFFFFFFF, key >> 32]
    for _ in range(10):
        left, right = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(right >> 32) ^ c[1] ^ k[0], right & 0xFFFFFFFF, (left >> 32) ^ c[3] ^ k[1], left & 0xFFFFFFFF]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return c


def words(n: int) -> list[int]:
    """The first n words of the default generator, as parity seeds it."""
    return [w for block in range(-(-n // 4)) for w in philox(block, SEED)][:n]


def _size(shape: Sequence[Any]) -> tuple[int, ...]:
    return tuple(shape[0]) if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else tuple(shape)


def _bits53(n: int) -> list[int]:
    drawn = words(2 * n)
    return [((drawn[2 * i] >> 5) << 26) | (drawn[2 * i + 1] >> 6) for i in range(n)]


def rand(*shape: Any) -> Any:
    """53 bits of two words, as a fraction of 2^53."""
    size = _size(shape)
    return np.array([bits / 2**53 for bits in _bits53(math.prod(size))]).reshape(size)


def randn(*shape: Any) -> Any:
    """The normal distribution's quantile at the middle of each of 2^53 intervals, from the nearer end."""
    size = _size(shape)
    out = []
    for bits in _bits53(math.prod(size)):
        middle = Fraction(2 * bits + 1, 2**54)
        near = min(middle, 1 - middle)
        z = special.ndtri(float(near))
        out.append(z if near == middle else -z)
    return np.array(out).reshape(size)


def keeps(n: int, p: float) -> list[bool]:
    """True where a word is below p 2^32."""
    return [word < round(p * 2**32) for word in words(n)]


def bernoulli(p: float, *shape: Any) -> Any:
    """True with probability p."""
    size = _size(shape)
    return np.array(keeps(math.prod(size), p), bool).reshape(size)


def randint(low: int, high: int, *shape: Any, dtype: Any = "int64") -> Any:
    """low plus the whole part of the count times k / 2^53; of more than 2^32 values, times two words as v / 2^64."""
    size, count = _size(shape), high - low
    n = math.prod(size)
    if count <= 2**32:
        drawn = [low + count * k // 2**53 for k in _bits53(n)]
    else:
        w = words(2 * n)
        drawn = [low + count * (w[2 * i] * 2**32 + w[2 * i + 1]) // 2**64 for i in range(n)]
    return np.array(drawn, dtype).reshape(size)


def randperm(n: int) -> Any:
    """The numbers below n in the order of their words, equal words by number."""
    drawn = words(n)
    return np.array(sorted(range(n), key=lambda i: (drawn[i], i)), np.int64)


def _mask(x: Any, p: float, mask_shape: Any) -> Any:
    shape = x.shape if mask_shape is None else tuple(mask_shape)
    return np.broadcast_to(np.array(keeps(math.prod(shape), 1 - p), bool).reshape(shape), x.shape)


def dropout(x: Any, p: float = 0.5, training: bool = True, mask_shape: Any = None) -> Any:
    """Values divided by the probability of being kept, or zero."""
    if not training or p == 0:
        return x
    return np.where(_mask(x, p, mask_shape), x / (1 - p), x * 0.0) if p < 1 else x * 0.0


def alpha_dropout(x: Any, p: float = 0.5, training: bool = True, mask_shape: Any = None) -> Any:
    """SELU's lower limit where dropped; then the affine map that gives mean 0 and variance 1 to standard normal values."""
    if not training or p == 0:
        return x
    if p == 1:
        return x * 0.0
    limit = -1.6732632423543772 * 1.0507009873554805
    dropped = np.where(_mask(x, p, mask_shape), x, limit)
    mean = p * limit
    variance = (1 - p) + p * limit * limit - mean * mean
    return (dropped - mean) / math.sqrt(variance)


def multinomial(probabilities: Any, num_samples: int, replacement: bool = False, **_: Any) -> Any:
    """With replacement the first class whose cumulative probability exceeds a uniform number; else the shortest waiting times."""
    p = np.atleast_2d(np.asarray(probabilities, "f8"))
    per_row = num_samples if replacement else p.shape[1]
    uniform = [Fraction(bits, 2**53) for bits in _bits53(p.shape[0] * per_row)]
    rows = []
    for n, row in enumerate(p.tolist()):
        own = uniform[n * per_row : (n + 1) * per_row]
        if replacement:
            shares = [sum(map(Fraction, row[: k + 1])) for k in range(len(row))]
            rows.append([next(k for k, s in enumerate(shares) if s > u * shares[-1]) for u in own])
        else:
            waits = [-math.log1p(-float(u)) / w if w > 0 else math.inf for u, w in zip(own, row, strict=True)]
            rows.append(sorted(range(len(row)), key=waits.__getitem__)[:num_samples])
    return np.array(rows[0] if np.ndim(probabilities) == 1 else rows)
