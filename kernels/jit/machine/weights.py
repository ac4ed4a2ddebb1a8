"""The weights of attention from its scores, and the gradients of the scores: softmax down the lanes of vectors.

Scores stand as in attend.py, queries along the vectors and keys below each other. Rows are treated in pairs: one
exponential is a chain of a dozen operations that wait for each other, and more chains keep the processor busy.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir

from .vecmath import LOG2E, emit_exp64
from .vector import Emitter, Value, emits, int64, lanes_of
from .views import Rows, row_of

LOWEST = -126 * math.log(2)
"""Where e ** x is the least normal float32."""

BIASED = 1.5 * 2.0**23 + 127
"""Added to a float32 of the size of an exponent, it leaves that as the field of a float32 in the low bits of the sum."""


C0, C1, C2, C3, C4 = 0.49999994, 0.16666521, 0.04166839, 0.008368745, 0.001381454
"""e ** r is 1 + r + r ** 2 (C0 + C1 r + ... + C4 r ** 4) to a part in 3e8 for abs(r) <= log(2) / 2."""


def _of(e: Emitter, number: Any) -> Value:
    return ir.Constant(e.type, [float(number)] * e.lanes)


def emit_weights(e: Emitter, xs: list[Value]) -> list[Value]:
    """e ** x of several vectors of x <= 0, step by step for all of them; float32 to 1.5 ulp, and 0 for what would be subnormal.

    NaN gives NaN. Numbers a little above 0 are allowed.
    """
    if e.size == 8:
        return [emit_exp64(e, x) for x in xs]
    b, whole = e.b, ir.VectorType(ir.IntType(32), e.lanes)

    def fmas(x: list[Value], y: list[Value], number: float) -> list[Value]:
        return [e.fma(one, other, _of(e, number)) for one, other in zip(x, y, strict=True)]

    biased = [e.fma(x, _of(e, LOG2E), _of(e, BIASED)) for x in xs]
    n = [b.fsub(z, _of(e, BIASED)) for z in biased]
    r = [e.fma(k, _of(e, -math.log(2)), x) for k, x in zip(n, xs, strict=True)]
    squares = [b.fmul(x, x) for x in r]
    low, high = fmas(r, [_of(e, C1)] * len(r), C0), fmas(r, [_of(e, C3)] * len(r), C2)
    high = [e.fma(square, _of(e, C4), value) for square, value in zip(squares, high, strict=True)]
    high = [e.fma(square, *pair) for square, *pair in zip(squares, high, low, strict=True)]
    p = [e.fma(square, value, b.fadd(x, _of(e, 1.0))) for square, value, x in zip(squares, high, r, strict=True)]
    bits = ir.Constant(whole, [23] * e.lanes)
    powers = [b.bitcast(b.shl(b.bitcast(z, whole), bits), e.type) for z in biased]
    y = [b.fmul(value, power) for value, power in zip(p, powers, strict=True)]
    return [b.select(b.fcmp_ordered("<", x, _of(e, LOWEST)), e.zero, value) for x, value in zip(xs, y, strict=True)]


def each_column(emit: Callable[..., None]) -> Callable[..., None]:
    """Emit code for each vector of columns in turn: emit(e, address of one operand after the other, ..., numbers)."""

    def emit_all(e: Emitter, vectors: Value, x: Rows, *rest: Any) -> None:
        def column(v: Value, _: list[Value]) -> list[Value]:
            emit(e, *[r._replace(at=e.b.add(r.at, e.b.mul(v, int64(e.lanes)))) if isinstance(r, Rows) else r for r in (x, *rest)])
            return []

        e.loop(vectors, [], column)

    return emit_all


def down(
    e: Emitter, rows: list[Rows], count: Value, carried: Value, step: Callable[..., list[Value]],
    together: Callable[[Value, Value], Value],
) -> Value:  # fmt: skip
    """Go down `count` >= 1 rows of each operand, in pairs, then the last one.

    step(addresses of the first operand's rows, of the second's, ..., what each chain carries) gives what each carries then;
    together combines two chains, of which all begin with `carried`.
    """
    b = e.b
    starts, steps = [e.start(x) for x in rows], [b.mul(x.pitch, int64(e.size)) for x in rows]

    def places(first: Value, number: int) -> list[list[Value]]:
        found = []
        for start, ahead in zip(starts, steps, strict=True):
            own = [b.add(start, b.mul(first, ahead))]
            for _ in range(number - 1):
                own.append(b.add(own[-1], ahead))
            found.append(own)
        return found

    pairs, rest = b.ashr(count, int64(1)), b.and_(count, int64(1))

    def both(chains: list[Value]) -> list[Value]:
        new = e.loop(pairs, chains * 2, lambda i, c: step(*places(b.shl(i, int64(1)), 2), c))
        return [together(*new)]

    found = e.when(pairs, [carried], both)
    return e.when(rest, found, lambda c: step(*places(b.sub(count, int64(1)), 1), c))[0]


def _emit_weigh(e: Emitter, scores: Rows, state: Rows, keys: Value) -> None:
    b = e.b
    tops = e.start(state)
    totals, factors = e.at(tops, state.pitch), e.at(tops, b.mul(state.pitch, int64(2)))
    top = e.load(tops)

    def larger(x: Value, y: Value) -> Value:
        return b.select(b.fcmp_ordered(">", x, y), x, y)

    def largest(at: list[Value], chains: list[Value]) -> list[Value]:
        return [larger(e.load(place), chain) for place, chain in zip(at, chains, strict=True)]

    new = down(e, [scores], keys, top, largest, larger)
    base = b.select(b.fcmp_ordered("==", new, _of(e, -math.inf)), e.zero, new)

    def exponential(at: list[Value], chains: list[Value]) -> list[Value]:
        found = emit_weights(e, [b.fsub(e.load(place), base) for place in at])
        for weight, place in zip(found, at, strict=True):
            e.store(weight, place)
        return [b.fadd(chain, weight) for chain, weight in zip(chains, found, strict=True)]

    total = down(e, [scores], keys, e.zero, exponential, b.fadd)
    factor = emit_weights(e, [b.fsub(top, base)])[0]
    e.store(new, tops)
    e.store(e.fma(e.load(totals), factor, total), totals)
    e.store(factor, factors)


@emits(each_column(_emit_weigh))
def weigh(vectors: int, scores: Rows, state: Rows, keys: int) -> None:
    """scores = exp(score - largest score so far), for `keys` >= 1 rows. A NaN makes its column's sum NaN.

    The rows of state: the largest score so far, the sum of these weights so far, and by what the weights before must be
    multiplied because the largest score has grown.
    """
    width = vectors * lanes_of(scores.data)
    tops, totals, factors = (row_of(state, r, width) for r in range(3))
    rows = np.array([row_of(scores, i, width) for i in range(keys)])
    new = np.fmax(tops, np.fmax.reduce(rows))
    base = np.where(new == -np.inf, 0, new)
    rows = np.exp(rows - base)
    for i in range(keys):
        row_of(scores, i, width)[:] = rows[i]
    factors[:] = np.exp(tops - base)
    totals[:] = totals * factors + rows.sum(0)
    tops[:] = new


def _emit_weigh_grads(e: Emitter, scores: Rows, grads: Rows, state: Rows, keys: Value) -> None:
    b = e.b
    at = e.start(state)
    top, share, level = (e.load(e.at(at, b.mul(state.pitch, int64(r)))) for r in range(3))

    def step(here: list[Value], there: list[Value], chains: list[Value]) -> list[Value]:
        found = emit_weights(e, [b.fsub(e.load(place), top) for place in here])
        weights = [b.fmul(value, share) for value in found]
        for weight, place, other in zip(weights, here, there, strict=True):
            e.store(weight, place)
            e.store(b.fmul(weight, b.fsub(e.load(other), level)), other)
        return chains

    down(e, [scores, grads], keys, e.zero, step, b.fadd)


@emits(each_column(_emit_weigh_grads))
def weigh_grads(vectors: int, scores: Rows, grads: Rows, state: Rows, keys: int) -> None:
    """scores = weights, grads = the gradients of the scores from those of the weights, for `keys` >= 1 rows.

    The rows of state: the largest score, 1 / the sum of weights, and the sum of weight times gradient.
    """
    width = vectors * lanes_of(scores.data)
    top, share, level = (row_of(state, r, width) for r in range(3))
    for i in range(keys):
        row, grad = row_of(scores, i, width), row_of(grads, i, width)
        row[:] = np.exp(row - top) * share
        grad[:] = row * (grad - level)


def _emit_hide_corner(e: Emitter, vectors: Value, scores: Rows, first: Value, rows: Value) -> None:
    b, hidden = e.b, _of(e, -math.inf)
    start, ahead = e.start(scores), b.mul(scores.pitch, int64(e.size))

    def row(i: Value, _: list[Value]) -> list[Value]:
        at, count = b.add(start, b.mul(i, ahead)), b.add(first, i)

        def vector(v: Value, _: list[Value]) -> list[Value]:
            place = e.vectors(at, v)
            mask = e.first_lanes(b.sub(count, b.mul(v, int64(e.lanes))))
            e.store(b.select(mask, hidden, e.load(place)), place)
            return []

        e.loop(vectors, [], vector)
        return []

    with e.when_positive(rows):
        e.loop(rows, [], row)


@emits(_emit_hide_corner)
def hide_corner(vectors: int, scores: Rows, first: int, rows: int) -> None:
    """-Inf for the first `first` + i scores of each row i, all where a row has fewer."""
    width = vectors * lanes_of(scores.data)
    for i in range(rows):
        row_of(scores, i, width)[: max(0, first + i)] = -np.inf
