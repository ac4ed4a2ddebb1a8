"""Softmax of short rows of float32 in vector registers, a row's tail as a masked vector, and logarithms of what they sum to."""

from __future__ import annotations

import numpy as np
from llvmlite import ir

from ...types import Array
from .vecmath import emit_exp, emit_log
from .vector import I32, Emitter, Value, emits
from .views import window


def _emit_short_rows(
    e: Emitter, x: Value, y: Value, rows: Value, n: Value, tops: Value, totals: Value
) -> None:
    _emit_rows(e, x, y, rows, n, (tops, totals))


def _emit_short_logs(e: Emitter, x: Value, y: Value, rows: Value, n: Value) -> None:
    _emit_rows(e, x, y, rows, n, ())


def _emit_rows(e: Emitter, x: Value, y: Value, rows: Value, n: Value, kept: tuple[Value, ...]) -> None:
    """Softmax of rows, whose largest numbers and sums are kept, or with nothing to keep its logarithm.

    Of float32 alone: nothing is emitted for float64, whose exponential is a call of the C library.
    """
    if e.size != 4:
        return
    b = e.b
    lowest = ir.Constant(e.type, [float("-inf")] * e.lanes)

    def chosen(mask: Value | None, x: Value, other: Value) -> Value:
        return x if mask is None else b.select(mask, x, other)

    def row(r: Value, _: list[Value]) -> list[Value]:
        source, target = (e.at(a, b.mul(r, n)) for a in (x, y))

        def larger(v: Value, mask: Value | None, carried: list[Value]) -> list[Value]:
            here = chosen(mask, e.masked_load(e.vectors(source, v), mask), lowest)
            return [b.select(b.fcmp_ordered(">", here, carried[0]), here, carried[0])]

        def exponential(v: Value, mask: Value | None, carried: list[Value]) -> list[Value]:
            here = emit_exp(e, b.fsub(e.masked_load(e.vectors(source, v), mask), top))
            if kept:
                e.masked_store(here, e.vectors(target, v), mask)
            return [b.fadd(carried[0], chosen(mask, here, e.zero))]

        def scaled(v: Value, mask: Value | None, _: list[Value]) -> list[Value]:
            at = e.vectors(target, v)
            e.masked_store(b.fmul(e.masked_load(at, mask), share), at, mask)
            return []

        def less(v: Value, mask: Value | None, _: list[Value]) -> list[Value]:
            # In this order: next to a large top the logarithm would lose digits.
            here = b.fsub(b.fsub(e.masked_load(e.vectors(source, v), mask), top), log_total)
            e.masked_store(here, e.vectors(target, v), mask)
            return []

        top = e.across(e.each_vector(n, [lowest], larger)[0], lambda p, q: b.select(b.fcmp_ordered(">", p, q), p, q))
        total = e.across(e.each_vector(n, [e.zero], exponential)[0], b.fadd)
        if not kept:
            log_total = emit_log(e, total)
            e.each_vector(n, [], less)
            return []
        share = b.fdiv(ir.Constant(e.type, [1.0] * e.lanes), total)
        e.each_vector(n, [], scaled)
        for vector, out in zip((top, total), kept, strict=True):
            e.store_one(b.extract_element(vector, ir.Constant(I32, 0)), e.at(out, r))
        return []

    with e.when_positive(rows):
        e.loop(rows, [], row)


@emits(_emit_short_rows)
def short_rows(x: Array, y: Array, rows: int, n: int, tops: Array, totals: Array) -> None:
    """What softmax_rows does, for `rows` rows of n float32 numbers.

    Each row's tail is a masked vector: rows of 10 to 100 numbers leave a plain loop half of its time in what remains
    after whole vectors. A NaN need not be the largest: it makes the sum NaN, and by that the row.
    """
    for r in range(rows):
        here, target = window(x, r * n, n), window(y, r * n, n)
        tops[r] = np.fmax.reduce(here)
        target[:] = np.exp(here - tops[r])
        totals[r] = target.sum()
        target[:] = target * (np.float32(1) / totals[r])


@emits(_emit_short_logs)
def short_log_rows(x: Array, y: Array, rows: int, n: int) -> None:
    """The logarithms of softmax of so many rows of n float32 numbers."""
    for r in range(rows):
        here, target = window(x, r * n, n), window(y, r * n, n)
        below = here - np.fmax.reduce(here)
        target[:] = below - np.log(np.exp(below).sum())


def _emit_logs(e: Emitter, x: Value, y: Value, n: Value) -> None:
    def vector(v: Value, mask: Value | None, _: list[Value]) -> list[Value]:
        e.masked_store(emit_log(e, e.masked_load(e.vectors(x, v), mask)), e.vectors(y, v), mask)
        return []

    with e.when_positive(n):
        e.each_vector(n, [], vector)


@emits(_emit_logs)
def logs_of(x: Array, y: Array, n: int) -> None:
    """y = log x of the first n float32 numbers, which are positive and normal."""
    window(y, 0, n)[:] = np.log(window(x, 0, n))
