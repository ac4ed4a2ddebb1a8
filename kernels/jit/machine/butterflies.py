"""Fourier transforms of as many signals as a vector has lanes, one in each lane, in passes of a small radix.

A block of n positions holds, for each of them, a vector of real parts and one of imaginary parts, one after the other in a flat
array. Blocks are loaded from rows of complex or real numbers, which a transposition turns into vectors, or from columns. The
passes are Stockham's: the output of each is in order, and the next reads it with other strides (Van Loan, "Computational
frameworks for the fast Fourier transform", 1992). A signal of a lane that is not needed repeats another one, so each block
is whole vectors, and results do not depend on which block a signal is in.
"""

from __future__ import annotations

from collections.abc import Callable
from math import cos, pi, sin, sqrt

import numpy as np
from llvmlite import ir

from ...types import Array
from .vector import VECTOR_BYTES, Emitter, Value, emits, int64, lanes_of
from .views import Rows, row_of, window

RADICES = (8, 4, 2, 3, 5, 7)
"""Those that passes have, the first ones preferred."""

Complex = tuple[Value, Value]


class _Numbers:
    """Arithmetic on pairs of vectors."""

    def __init__(self, e: Emitter) -> None:
        self.e, self.b = e, e.b

    def constant(self, number: float) -> Value:
        return ir.Constant(self.e.type, [number] * self.e.lanes)

    def add(self, x: Complex, y: Complex) -> Complex:
        return self.b.fadd(x[0], y[0]), self.b.fadd(x[1], y[1])

    def sub(self, x: Complex, y: Complex) -> Complex:
        return self.b.fsub(x[0], y[0]), self.b.fsub(x[1], y[1])

    def turned(self, x: Complex, y: Complex) -> tuple[Complex, Complex]:
        """x - i y and x + i y."""
        b = self.b
        return (b.fadd(x[0], y[1]), b.fsub(x[1], y[0])), (b.fsub(x[0], y[1]), b.fadd(x[1], y[0]))

    def times(self, x: Complex, w: Complex) -> Complex:
        b, e = self.b, self.e
        return e.fma(x[0], w[0], b.fneg(b.fmul(x[1], w[1]))), e.fma(x[0], w[1], b.fmul(x[1], w[0]))

    def transform(self, a: list[Complex]) -> list[Complex]:
        """The transform of so many numbers."""
        radix = len(a)
        if radix == 2:
            return [self.add(*a), self.sub(*a)]
        return self._odd(a) if radix % 2 else self._four(a) if radix == 4 else self._eight(a)

    def _four(self, a: list[Complex]) -> list[Complex]:
        even, odd = self.transform(a[::2]), self.transform(a[1::2])
        second, fourth = self.turned(even[1], odd[1])
        return [self.add(even[0], odd[0]), second, self.sub(even[0], odd[0]), fourth]

    def _eight(self, a: list[Complex]) -> list[Complex]:
        b, root = self.b, self.constant(sqrt(0.5))
        even, odd = self._four(a[::2]), self._four(a[1::2])

        def eighth(x: Complex) -> Complex:
            """x turned by an eighth."""
            return b.fmul(root, b.fadd(x[0], x[1])), b.fmul(root, b.fsub(x[1], x[0]))

        second, sixth = self.add(even[1], eighth(odd[1])), self.sub(even[1], eighth(odd[1]))
        third, seventh = self.turned(even[2], odd[2])
        fourth, last = self.turned(even[3], eighth(odd[3]))
        return [self.add(even[0], odd[0]), second, third, fourth, self.sub(even[0], odd[0]), sixth, seventh, last]

    def _odd(self, a: list[Complex]) -> list[Complex]:
        radix, e = len(a), self.e
        half = range(1, radix // 2 + 1)
        sums, differences = ([op(a[j], a[radix - j]) for j in half] for op in (self.add, self.sub))
        found = [a[0]] * radix
        for x in sums:
            found[0] = self.add(found[0], x)
        for k in half:
            even, odd = a[0], (e.zero, e.zero)
            for j, x, y in zip(half, sums, differences, strict=True):
                c, s = (self.constant(f(2 * pi * (j * k % radix) / radix)) for f in (cos, sin))
                even = e.fma(x[0], c, even[0]), e.fma(x[1], c, even[1])
                odd = e.fma(y[0], s, odd[0]), e.fma(y[1], s, odd[1])
            found[k], found[radix - k] = self.turned(even, odd)
        return found


def _emit_butterflies(
    e: Emitter, x: Value, y: Value, radix: Value, m: Value, s: Value, weights: Value, first: Value
) -> None:
    b, numbers = e.b, _Numbers(e)

    def of(r: int, weighted: bool) -> None:
        def outer(p: Value, _: list[Value]) -> list[Value]:
            w: list[Complex] = []
            if weighted:
                at = e.at(weights, b.add(first, b.mul(p, int64(2 * (r - 1)))))
                w = [(e.broadcast(e.at(at, 2 * j)), e.broadcast(e.at(at, 2 * j + 1))) for j in range(r - 1)]
            source, target = e.vectors(x, b.mul(int64(2), b.mul(s, p))), e.vectors(y, b.mul(int64(2 * r), b.mul(s, p)))
            ahead = b.mul(int64(2), b.mul(s, m))

            def inner(q: Value, _: list[Value]) -> list[Value]:
                here = [e.vectors(source, b.add(b.mul(int64(2), q), b.mul(ahead, int64(k)))) for k in range(r)]
                found = numbers.transform([(e.load(a), e.load(e.vectors(a, int64(1)))) for a in here])
                for j, z in enumerate(found):
                    z = numbers.times(z, w[j - 1]) if weighted and j else z
                    place = e.vectors(target, b.mul(int64(2), b.add(q, b.mul(s, int64(j)))))
                    e.store(z[0], place)
                    e.store(z[1], e.vectors(place, int64(1)))
                return []

            e.loop(s, [], inner)
            return []

        e.loop(m, [], outer)

    for r in RADICES:
        with b.if_then(b.icmp_signed("==", radix, int64(r))), b.if_else(b.icmp_signed(">", m, int64(1))) as (several, one):
            with several:
                of(r, True)
            with one:
                of(r, False)


@emits(_emit_butterflies)
def butterflies(x: Array, y: Array, radix: int, m: int, s: int, weights: Array, first: int) -> None:
    """One pass from a block x to another, y: s transforms each of radix m numbers, of which it does the factor `radix`.

    weights: from `first` on, for each p < m, the powers 1 ... radix - 1 of exp(-2 pi i p / (radix m)).
    """
    lanes = lanes_of(x)
    a = window(x, 0, 2 * radix * m * s * lanes).reshape(radix, m, s, 2, lanes).astype(np.float64)
    turns = np.exp(-2j * np.pi * np.outer(np.arange(radix), np.arange(radix)) / radix)
    z = np.tensordot(turns, a[:, :, :, 0] + 1j * a[:, :, :, 1], 1)
    w = window(weights, first, 2 * (radix - 1) * m).reshape(m, radix - 1, 2)
    z[1:] *= (w[..., 0] + 1j * w[..., 1]).T[:, :, None, None]
    out = window(y, 0, 2 * radix * m * s * lanes).reshape(m, radix, s, 2, lanes)
    out[:, :, :, 0], out[:, :, :, 1] = np.real(z).swapaxes(0, 1), np.imag(z).swapaxes(0, 1)


def _chunks(e: Emitter, n: Value, size: int, rows: Value, body: Callable[[Value], None]) -> None:
    """body(start) for chunks of `size` of n positions, at least as many.

    The first one and the last one are whole, whatever they share with those beside them; the others begin where a vector of the
    memory from the address `rows` on does. Rows whose distance is a power of two displace one another from the cache: a line
    that two chunks share would come twice.
    """
    b, width = e.b, int64(VECTOR_BYTES // size)
    after = b.udiv(b.and_(b.neg(rows), int64(VECTOR_BYTES - 1)), width)
    begin = b.select(b.icmp_signed(">", after, int64(0)), b.sub(after, int64(size)), int64(0))
    last = b.sub(n, int64(size))

    def chunk(c: Value, _: list[Value]) -> list[Value]:
        start = b.add(begin, b.mul(c, int64(size)))
        start = b.select(b.icmp_signed(">", start, int64(0)), start, int64(0))
        body(b.select(b.icmp_signed("<", start, last), start, last))
        return []

    e.loop(b.sdiv(b.add(b.sub(n, begin), int64(size - 1)), int64(size)), [], chunk)


def _emit_load_rows(e: Emitter, x: Value, places: Value, n: Value, z: Value, first: Value, swap: Value) -> None:
    b = e.b

    def body(start: Value) -> None:
        rows = [e.load(e.at(x, b.add(e.integer(places, i), b.mul(int64(2), start)))) for i in range(e.lanes)]
        for i, v in enumerate(e.transpose(rows)):
            at = b.mul(int64(2), b.add(b.add(first, start), int64(i // 2)))
            e.store(v, e.vectors(z, b.add(at, b.xor(swap, int64(i % 2)))))

    _chunks(e, n, e.lanes // 2, e.at(x, e.integer(places, 0)), body)


@emits(_emit_load_rows)
def load_rows(x: Array, places: Array, n: int, z: Array, first: int, swap: int) -> None:
    """The rows of n complex numbers that begin at places[lane], into positions first ... of a block z.

    n is at least half of a vector. swap: 1 puts real parts where imaginary ones are expected, and the other way round.
    """
    lanes = lanes_of(x)
    block = window(z, 2 * first * lanes, 2 * n * lanes).reshape(n, 2, lanes)
    for i in range(lanes):
        row = window(x, places[i], 2 * n).reshape(n, 2)
        block[:, swap, i], block[:, 1 - swap, i] = row[:, 0], row[:, 1]


def _emit_store_rows(
    e: Emitter, z: Value, first: Value, n: Value, y: Value, places: Value, swap: Value, scale: Value
) -> None:
    b, factor = e.b, e.broadcast(scale)

    def body(start: Value) -> None:
        vectors = []
        for i in range(e.lanes):
            at = b.mul(int64(2), b.add(b.add(first, start), int64(i // 2)))
            vectors.append(b.fmul(factor, e.load(e.vectors(z, b.add(at, b.xor(swap, int64(i % 2)))))))
        for i, v in enumerate(e.transpose(vectors)):
            e.store(v, e.at(y, b.add(e.integer(places, i), b.mul(int64(2), start))))

    _chunks(e, n, e.lanes // 2, e.at(y, e.integer(places, 0)), body)


@emits(_emit_store_rows)
def store_rows(z: Array, first: int, n: int, y: Array, places: Array, swap: int, scale: Array) -> None:
    """The inverse of load_rows, each number times scale[0]."""
    lanes = lanes_of(z)
    block = window(z, 2 * first * lanes, 2 * n * lanes).reshape(n, 2, lanes) * scale[0]
    for i in range(lanes):
        row = window(y, places[i], 2 * n).reshape(n, 2)
        row[:, 0], row[:, 1] = block[:, swap, i], block[:, 1 - swap, i]


def _emit_load_real(e: Emitter, x: Value, places: Value, n: Value, z: Value, part: Value) -> None:
    b = e.b

    def body(start: Value) -> None:
        rows = [e.load(e.at(x, b.add(e.integer(places, i), start))) for i in range(e.lanes)]
        for i, v in enumerate(e.transpose(rows)):
            e.store(v, e.vectors(z, b.add(part, b.mul(int64(2), b.add(start, int64(i))))))

    _chunks(e, n, e.lanes, e.at(x, e.integer(places, 0)), body)


@emits(_emit_load_real)
def load_real(x: Array, places: Array, n: int, z: Array, part: int) -> None:
    """The rows of n real numbers that begin at places[lane], as real (part 0) or imaginary (1) parts of a block z.

    n is at least a vector.
    """
    lanes = lanes_of(x)
    for i in range(lanes):
        window(z, 0, 2 * n * lanes).reshape(n, 2, lanes)[:, part, i] = window(x, places[i], n)


def _emit_store_real(e: Emitter, z: Value, n: Value, y: Value, places: Value, part: Value, scale: Value) -> None:
    b, factor = e.b, e.broadcast(scale)

    def body(start: Value) -> None:
        vectors = []
        for i in range(e.lanes):
            vectors.append(b.fmul(factor, e.load(e.vectors(z, b.add(part, b.mul(int64(2), b.add(start, int64(i))))))))
        for i, v in enumerate(e.transpose(vectors)):
            e.store(v, e.at(y, b.add(e.integer(places, i), start)))

    _chunks(e, n, e.lanes, e.at(y, e.integer(places, 0)), body)


@emits(_emit_store_real)
def store_real(z: Array, n: int, y: Array, places: Array, part: int, scale: Array) -> None:
    """The inverse of load_real, each number times scale[0]."""
    lanes = lanes_of(z)
    for i in range(lanes):
        window(y, places[i], n)[:] = window(z, 0, 2 * n * lanes).reshape(n, 2, lanes)[:, part, i] * scale[0]


def _apart(e: Emitter, place: Value) -> Complex:
    """The real and imaginary parts of a vector's length of complex numbers."""
    pair = e.load(place), e.load(e.vectors(place, int64(1)))
    return e.shuffle(*pair, list(range(0, 2 * e.lanes, 2))), e.shuffle(*pair, list(range(1, 2 * e.lanes, 2)))


def _emit_load_columns(e: Emitter, source: Rows, n: Value, z: Value, swap: Value) -> None:
    b, start = e.b, e.start(source)

    def position(k: Value, _: list[Value]) -> list[Value]:
        for i, v in enumerate(_apart(e, e.at(start, b.mul(k, source.pitch)))):
            e.store(v, e.vectors(z, b.add(b.mul(int64(2), k), b.xor(swap, int64(i)))))
        return []

    e.loop(n, [], position)


@emits(_emit_load_columns)
def load_columns(source: Rows, n: int, z: Array, swap: int) -> None:
    """Columns of n complex numbers, side by side in rows, which are the positions."""
    lanes = lanes_of(z)
    block = window(z, 0, 2 * n * lanes).reshape(n, 2, lanes)
    for k in range(n):
        here = row_of(source, k, 2 * lanes).reshape(lanes, 2)
        block[k, swap], block[k, 1 - swap] = here[:, 0], here[:, 1]


def _emit_store_columns(
    e: Emitter, z: Value, n: Value, target: Rows, swap: Value, scale: Value, turns: Value, turned: Value
) -> None:
    b, numbers, factor = e.b, _Numbers(e), e.broadcast(scale)
    low, high = ([i // 2 + half + e.lanes * (i % 2) for i in range(e.lanes)] for half in (0, e.lanes // 2))

    def along(weighted: bool) -> None:
        def position(k: Value, _: list[Value]) -> list[Value]:
            places = [e.vectors(z, b.add(b.mul(int64(2), k), b.xor(swap, int64(i)))) for i in range(2)]
            offset = b.add(target.at, b.mul(k, target.pitch))
            v = b.fmul(factor, e.load(places[0])), b.fmul(factor, e.load(places[1]))
            if weighted:
                v = numbers.times(v, _apart(e, e.at(turns, offset)))
            here = e.at(target.data, offset)
            e.store(e.shuffle(*v, low), here)
            e.store(e.shuffle(*v, high), e.vectors(here, int64(1)))
            return []

        e.loop(n, [], position)

    with b.if_else(b.icmp_signed("==", turned, int64(1))) as (turning, plain):
        with turning:
            along(True)
        with plain:
            along(False)


@emits(_emit_store_columns)
def store_columns(z: Array, n: int, target: Rows, swap: int, scale: Array, turns: Array, turned: int) -> None:
    """The inverse of load_columns, each number times scale[0], and where turned is 1 times that of `turns` at its place."""
    lanes = lanes_of(z)
    block = window(z, 0, 2 * n * lanes).reshape(n, 2, lanes) * scale[0]
    for k in range(n):
        v = block[k, swap] + 1j * block[k, 1 - swap]
        if turned:
            v = v * (window(turns, target.at + k * target.pitch, 2 * lanes).reshape(lanes, 2) @ np.array([1, 1j]))
        here = row_of(target, k, 2 * lanes).reshape(lanes, 2)
        here[:, 0], here[:, 1] = v.real, v.imag


def _emit_parted(e: Emitter, z: Value, n: Value, y: Value, half: Value) -> None:
    b, numbers = e.b, _Numbers(e)
    one_half = numbers.constant(0.5)

    def value(k: Value) -> Complex:
        at = e.vectors(z, b.mul(int64(2), k))
        return e.load(at), e.load(e.vectors(at, int64(1)))

    def put(v: Complex, k: Value) -> None:
        at = e.vectors(y, b.mul(int64(2), k))
        e.store(b.fmul(one_half, v[0]), at)
        e.store(b.fmul(one_half, v[1]), e.vectors(at, int64(1)))

    def position(k: Value, _: list[Value]) -> list[Value]:
        p, q = value(k), value(b.srem(b.sub(n, k), n))
        put((b.fadd(p[0], q[0]), b.fsub(p[1], q[1])), k)
        put((b.fadd(p[1], q[1]), b.fsub(q[0], p[0])), b.add(half, k))
        return []

    e.loop(half, [], position)


@emits(_emit_parted)
def parted(z: Array, n: int, y: Array, half: int) -> None:
    """The transforms of two real signals, half = n // 2 + 1 positions each, from that of one plus i times the other."""
    lanes = lanes_of(z)
    block = window(z, 0, 2 * n * lanes).reshape(n, 2, lanes)
    v = block[:, 0] + 1j * block[:, 1]
    p, q = v[:half], np.conj(v[-np.arange(half) % n])
    out = window(y, 0, 4 * half * lanes).reshape(2, half, 2, lanes)
    for i, found in enumerate(((p + q) / 2, (p - q) / 2j)):
        out[i, :, 0], out[i, :, 1] = found.real, found.imag


def _emit_joined(e: Emitter, z: Value, half: Value, y: Value, n: Value) -> None:
    b = e.b

    def value(k: Value) -> Complex:
        at = e.vectors(z, b.mul(int64(2), k))
        return e.load(at), e.load(e.vectors(at, int64(1)))

    def put(re: Value, im: Value, k: Value) -> None:
        at = e.vectors(y, b.mul(int64(2), k))
        e.store(im, at)
        e.store(re, e.vectors(at, int64(1)))

    def position(k: Value, _: list[Value]) -> list[Value]:
        p, q, opposite = value(k), value(b.add(half, k)), b.srem(b.sub(n, k), n)
        alone = b.icmp_signed("==", opposite, k)
        p, q = ((v[0], b.select(alone, e.zero, v[1])) for v in (p, q))
        put(b.fadd(p[0], q[1]), b.fsub(q[0], p[1]), opposite)
        put(b.fsub(p[0], q[1]), b.fadd(p[1], q[0]), k)
        return []

    e.loop(half, [], position)


@emits(_emit_joined)
def joined(z: Array, half: int, y: Array, n: int) -> None:
    """The inverse of parted, real and imaginary parts exchanged; imaginary parts that real signals lack are left out."""
    lanes = lanes_of(z)
    block = window(z, 0, 4 * half * lanes).reshape(2, half, 2, lanes)
    v = block[:, :, 0] + 1j * block[:, :, 1]
    k = np.arange(half)
    alone = -k % n == k
    v[:, alone] = v[:, alone].real
    out = window(y, 0, 2 * n * lanes).reshape(n, 2, lanes)
    for places, total in ((-k % n, np.conj(v[0]) + 1j * np.conj(v[1])), (k, v[0] + 1j * v[1])):
        out[places, 0], out[places, 1] = total.imag, total.real
