"""Random numbers from Philox4x32-10, bit for bit those of the other kernel sets.

Word i of a stream is lane i % 4 of block counter + i // 4, so any thread can begin anywhere. Each thread fills a slab
of words that stays in its cache and turns it into numbers. Nothing here may be reordered or contracted.

Source: J. Salmon et al., Parallel random numbers: as easy as 1, 2, 3 (SC 2011).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

import numpy as np
from numba import prange

from .. import philox
from ..generated.mode import mode
from ..reference import random as reference
from ..types import Array
from .machine.compile import inner, is_interpreted, jit, thread_count
from .machine.quantile import invert

F = TypeVar("F", bound=Callable[..., Array])

SLAB = 2048
"""Words a thread makes at a time: a whole number of blocks, and small enough for the innermost cache."""

_SINGLE, _DOUBLE = np.dtype(np.float32), np.dtype(np.float64)
_UNIT = 2.0**-24
_SIGN = 1 << 63

M0, M1 = np.uint64(philox.MULTIPLIER_0), np.uint64(philox.MULTIPLIER_1)
W0, W1 = np.uint64(philox.WEYL_0), np.uint64(philox.WEYL_1)
LOW, HALF = np.uint64(philox.MASK32), np.uint64(32)
ROUNDS = philox.ROUNDS


FEW = 1 << 17
"""Numbers of a kind that the reference draws before the kernel is compiled: the initial weights of a small training and the
orders of its epochs take it less time than that. Where kernels are compared, they draw always (generated/mode.py)."""

LEAST = 1 << 12
"""Numbers as which a smaller draw counts: the reference takes 100 us for a few, which a kernel draws in one."""

EARLY = 8 * LEAST
"""After so many numbers a kernel is looked for on disk, from where it comes at once."""

_drawn: Counter[str] = Counter()
_looked: set[str] = set()
_NAMES: set[str] = set()


class _NumPy:
    """NumPy as the namespace of the reference; NumPy 2.0 has no astype."""

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    def astype(self, x: Array, dtype: Any) -> Array:
        return x.astype(dtype)


def _often(draw: F) -> F:
    """Let the reference draw, which gives the same bits, until compiling a kernel pays."""
    name, same = draw.__name__, getattr(reference, draw.__name__)
    _NAMES.add(name)

    @wraps(draw)
    def drawn(key: int, counter: int, n: int, *dtype: Any) -> Array:
        if _drawn[name] + n > FEW or mode.get() == "always" or is_interpreted():
            _drawn[name] = FEW
            return draw(key, counter, n, *dtype)
        _drawn[name] += max(n, LEAST)
        if _drawn[name] >= EARLY and name not in _looked:
            _looked.add(name)
            if all([kernel.dispatcher._cache.has_any() for kernel in _kernels(name, *dtype)]):
                _drawn[name] = FEW
        found: Array = same(_NumPy(), key, counter, n, *map(np.dtype, dtype))
        return found

    return cast(F, drawn)


def settled(name: str) -> bool:
    """Whether a kernel, and no more the reference, draws."""
    return name not in _NAMES or _drawn[name] >= FEW


def _kernels(name: str, dtype: Any = np.float32) -> tuple[Any, ...]:
    """Those of a draw."""
    wide = np.dtype(dtype).itemsize == 8
    return {
        "random_bits": (_bits,), "random_permutation": (_bits, _ranked),
        "random_uniform": (_uniform64 if wide else _uniform32,), "random_normal": (_normal64 if wide else _normal,),
    }[name]  # fmt: skip


@inner(exact=True)
def block(c0: Any, c1: Any, c2: Any, c3: Any, k0: Any, k1: Any) -> Any:
    """Four random words of one block; all operands are 32-bit numbers in 64-bit variables."""
    for _ in range(ROUNDS):
        p0, p1 = M0 * c0, M1 * c2
        c0, c1, c2, c3 = (p1 >> HALF) ^ c1 ^ k0, p1 & LOW, (p0 >> HALF) ^ c3 ^ k1, p0 & LOW
        k0, k1 = (k0 + W0) & LOW, (k1 + W1) & LOW
    return c0, c1, c2, c3


@inner(exact=True)
def fill(words: Array, seed: Any, first: int, count: int) -> None:
    """words[:count] = words first, first + 1, ... of the stream; first is a multiple of 4."""
    key, low, high = seed
    k0, k1, c2, c3 = key & LOW, key >> HALF, high & LOW, high >> HALF
    for b in range((count + 3) // 4):
        c = low + np.uint64(first // 4 + b)
        w0, w1, w2, w3 = block(c & LOW, c >> HALF, c2, c3, k0, k1)
        words[4 * b] = w0
        words[4 * b + 1] = w1
        words[4 * b + 2] = w2
        words[4 * b + 3] = w3


@inner(exact=True)
def seed_of(key: int, lower: int, upper: int) -> Any:
    """A seed as `fill` takes it, of the three words that Python hands over."""
    return np.uint64(np.int64(key)), np.uint64(np.int64(lower)), np.uint64(np.int64(upper))


@inner(exact=True)
def slabs(n: int, t: int, threads: int) -> Any:
    """First and last slab of thread t of a stream of n words."""
    total = (n + SLAB - 1) // SLAB
    return t * total // threads, (t + 1) * total // threads


@jit(exact=True)
def _bits(out: Array, key: int, lower: int, upper: int, threads: int) -> None:
    seed = seed_of(key, lower, upper)
    for t in prange(threads):
        first, last = slabs(out.size, t, threads)
        words = np.empty(SLAB, np.uint32)
        for s in range(first, last):
            part = out[s * SLAB : (s + 1) * SLAB]
            fill(words, seed, s * SLAB, part.size)
            for i in range(part.size):
                part[i] = words[i]


@jit(exact=True)
def _numbered(out: Array, key: int, lower: int, upper: int, threads: int) -> None:
    """Random words above their positions, in one number each."""
    seed = seed_of(key, lower, upper)
    for t in prange(threads):
        first, last = slabs(out.size, t, threads)
        words = np.empty(SLAB, np.uint32)
        for s in range(first, last):
            part = out[s * SLAB : (s + 1) * SLAB]
            fill(words, seed, s * SLAB, part.size)
            for i in range(part.size):
                part[i] = (np.uint64(words[i]) << HALF) | np.uint64(s * SLAB + i)


@jit(exact=True)
def _uniform32(out: Array, key: int, lower: int, upper: int, drop: int, scale: float, threads: int) -> None:
    seed, unit = seed_of(key, lower, upper), np.float32(scale)
    for t in prange(threads):
        first, last = slabs(out.size, t, threads)
        words = np.empty(SLAB, np.uint32)
        for s in range(first, last):
            part = out[s * SLAB : (s + 1) * SLAB]
            fill(words, seed, s * SLAB, part.size)
            for i in range(part.size):
                part[i] = np.float32(words[i] >> np.uint32(drop)) * unit


@inner(exact=True)
def bits53(words: Array, out: Array) -> None:
    """Of each pair of words the integer of the upper 27 bits of the first and the upper 26 of the second, as float64."""
    pairs = words.view(np.uint64)  # on a processor whose smaller half of a number comes first
    for i in range(out.size):
        pair = pairs[i]
        out[i] = np.float64(np.int64((pair & LOW) >> np.uint64(5) << np.uint64(26) | pair >> np.uint64(38)))


@jit(exact=True)
def _uniform64(out: Array, key: int, lower: int, upper: int, threads: int) -> None:
    seed = seed_of(key, lower, upper)
    for t in prange(threads):
        first, last = slabs(2 * out.size, t, threads)
        words = np.empty(SLAB, np.uint32)
        for s in range(first, last):
            part = out[s * SLAB // 2 : (s + 1) * SLAB // 2]
            fill(words, seed, s * SLAB, 2 * part.size)
            bits53(words, part)
            for i in range(part.size):
                part[i] *= 2.0**-53


@jit(exact=True)
def _integers(out: Array, key: int, lower: int, upper: int, low: int, count: float, threads: int) -> None:
    seed = seed_of(key, lower, upper)
    for t in prange(threads):
        first, last = slabs(2 * out.size, t, threads)
        words, u = np.empty(SLAB, np.uint32), np.empty(SLAB // 2, np.float64)
        for s in range(first, last):
            part = out[s * SLAB // 2 : (s + 1) * SLAB // 2]
            fill(words, seed, s * SLAB, 2 * part.size)
            bits53(words, u)
            for i in range(part.size):
                part[i] = low + np.int64(u[i] * 2.0**-53 * count)


@jit(exact=True)
def _bernoulli(out: Array, key: int, lower: int, upper: int, bound: int, threads: int) -> None:
    seed, limit = seed_of(key, lower, upper), np.uint64(bound)
    for t in prange(threads):
        first, last = slabs(out.size, t, threads)
        words = np.empty(SLAB, np.uint32)
        for s in range(first, last):
            part = out[s * SLAB : (s + 1) * SLAB]
            fill(words, seed, s * SLAB, part.size)
            for i in range(part.size):
                part[i] = np.uint64(words[i]) < limit


@jit(exact=True)
def _normal(out: Array, key: int, lower: int, upper: int, threads: int) -> None:
    seed = seed_of(key, lower, upper)
    for t in prange(threads):
        first, last = slabs(out.size, t, threads)
        words, q = np.empty(SLAB, np.uint32), np.empty(SLAB, np.float64)
        for s in range(first, last):
            part = out[s * SLAB : (s + 1) * SLAB]
            fill(words, seed, s * SLAB, part.size)
            for i in range(part.size):
                q[i] = (np.float64(words[i]) - (2.0**31 - 0.5)) * 2.0**-32
            invert(q, part)


@jit(exact=True)
def _normal64(out: Array, key: int, lower: int, upper: int, threads: int) -> None:
    seed = seed_of(key, lower, upper)
    for t in prange(threads):
        first, last = slabs(2 * out.size, t, threads)
        words, q = np.empty(SLAB, np.uint32), np.empty(SLAB // 2, np.float64)
        for s in range(first, last):
            part = out[s * SLAB // 2 : (s + 1) * SLAB // 2]
            fill(words, seed, s * SLAB, 2 * part.size)
            bits53(words, q)
            for i in range(part.size):
                q[i] = (q[i] - (2.0**52 - 0.5)) * 2.0**-53
            invert(q, part)


MOST_RANKED = 1 << 24
"""Words up to which lists of a few lie in each of 2 ** 20 parts of their range."""


@jit(parallel=False, exact=True)
def _ranked(words: Array, bits: int, out: Array) -> None:
    """Order words, ties by position: first by their leading bits, which says nearly all, then neighbour by neighbour."""
    n, shift = words.size, np.uint32(32 - bits)
    starts = np.zeros((1 << bits) + 1, np.uint32)
    for i in range(n):
        starts[np.int64(words[i] >> shift) + 1] += np.uint32(1)
    for part in range(1 << bits):
        starts[part + 1] += starts[part]
    keys = np.empty(n, np.uint64)
    for i in range(n):
        place = np.int64(words[i] >> shift)
        keys[np.int64(starts[place])] = (np.uint64(words[i]) << HALF) | np.uint64(i)
        starts[place] += np.uint32(1)
    for i in range(1, n):
        key, j = keys[i], i - 1
        while j >= 0 and keys[j] > key:
            keys[j + 1] = keys[j]
            j -= 1
        keys[j + 1] = key
    for i in range(n):
        out[i] = np.int64(keys[i] & LOW)


def _seed(key: int, counter: int) -> tuple[int, int, int]:
    """Key, low and high half of the counter as signed integers, which cost kernels less than NumPy's unsigned ones."""
    if key < _SIGN and counter < _SIGN:
        return key, counter, 0
    return _signed(key), _signed(counter), _signed(counter >> 64)


def _signed(word: int) -> int:
    word &= (1 << 64) - 1
    return word - (1 << 64) if word >> 63 else word


def _threads(words: int) -> int:
    return 1 if words < _ALONE else thread_count(words // (8 * SLAB))


_ALONE = 16 * SLAB
"""Words of which one thread makes fewer."""


@_often
def random_bits(key: int, counter: int, n: int) -> Array:
    """n random words, uint32."""
    out = np.empty(n, np.uint32)
    _bits(out, *_seed(key, counter), _threads(n))
    return out


def single_uniform(key: int, counter: int, n: int) -> Array:
    """n uniform numbers in [0, 1) of 24 bits each, float32."""
    out = np.empty(n, _SINGLE)
    if n < _ALONE and key < _SIGN and counter < _SIGN:
        _uniform32(out, key, counter, 0, 8, _UNIT, 1)
        return out
    _uniform32(out, *_seed(key, counter), 8, _UNIT, _threads(n))
    return out


def double_uniform(key: int, counter: int, n: int) -> Array:
    """n uniform numbers in [0, 1) of 53 bits each, float64."""
    out = np.empty(n, np.float64)
    _uniform64(out, *_seed(key, counter), _threads(2 * n))
    return out


@_often
def random_uniform(key: int, counter: int, n: int, dtype: Any) -> Array:
    """n uniform numbers in [0, 1): 24 bits each in float32, 53 in float64, 11 in float16."""
    dtype = np.dtype(dtype)
    if dtype == _SINGLE:
        return single_uniform(key, counter, n)
    if dtype == _DOUBLE:
        return double_uniform(key, counter, n)
    kept = 8 if "bfloat16" in str(dtype) else 11
    out = np.empty(n, np.float32)
    _uniform32(out, *_seed(key, counter), 32 - kept, 2.0**-kept, _threads(n))
    return out.astype(dtype)


def single_normal(key: int, counter: int, n: int) -> Array:
    """n standard normal numbers, float32."""
    out = np.empty(n, _SINGLE)
    if n < _ALONE and key < _SIGN and counter < _SIGN:
        _normal(out, key, counter, 0, 1)
        return out
    _normal(out, *_seed(key, counter), _threads(n))
    return out


@_often
def random_normal(key: int, counter: int, n: int, dtype: Any) -> Array:
    """n standard normal numbers by inversion, worked out in float64 and rounded once."""
    dtype = np.dtype(dtype)
    if dtype == _SINGLE:
        return single_normal(key, counter, n)
    if dtype == _DOUBLE:
        out = np.empty(n, np.float64)
        _normal64(out, *_seed(key, counter), _threads(2 * n))
        return out
    out = np.empty(n, _DOUBLE)
    _normal(out, *_seed(key, counter), _threads(n))
    return out.astype(dtype)


def random_integers(key: int, counter: int, n: int, low: int, count: int) -> Array:
    """Integers from low to low + count - 1, count at most 2**32. Returns int64 (n,)."""
    out = np.empty(n, np.int64)
    _integers(out, *_seed(key, counter), low, float(count), _threads(2 * n))
    return out


def random_bernoulli(key: int, counter: int, n: int, p: float) -> Array:
    """n booleans, each True with probability p, a multiple of 2 ** -32."""
    out = np.empty(n, np.bool_)
    _bernoulli(out, *_seed(key, counter), round(p * 2.0**32), _threads(n))
    return out


@_often
def random_permutation(key: int, counter: int, n: int) -> Array:
    """A random order of 0 ... n - 1, int64: the order of n random words, ties by position."""
    if n <= MOST_RANKED:
        bits, out = np.empty(n, np.uint32), np.empty(n, np.int64)
        _bits(bits, *_seed(key, counter), _threads(n))
        _ranked(bits, min(20, max(1, n.bit_length())), out)
        return out
    words = np.empty(n, np.uint64)
    _numbered(words, *_seed(key, counter), _threads(n))
    words.sort()
    words &= LOW
    return words.view(np.int64)
