"""Sums over rows, column by column, in vector registers: what the gradients of a row normalisation's weight and bias are.

A plain loop over a row would load and store every running sum for every row. Here a strip of columns keeps its sums in
registers while it goes down the rows.
"""

from __future__ import annotations

from typing import NamedTuple

from ...types import Array
from .vector import Emitter, Value, emits, int64
from .views import Rows, row_of, window

STRIP = 4
"""Vectors side by side in a strip: enough independent sums to keep the adders busy."""


class Statistics(NamedTuple):
    """Of each group that is normalised: its mean, and 1 / sqrt(variance + eps)."""

    mean: Array
    rstd: Array


class Sums(NamedTuple):
    """Gradients of weight and bias: (pieces, D) float64, sums over one run of rows each."""

    weight: Array
    bias: Array


def _emit_column_sums(
    e: Emitter, gy: Rows, x: Rows, stats: Statistics, rows: Value, gw: Value, gb: Value
) -> None:
    b, n, (mean, rstd) = e.b, x.pitch, stats
    inputs = tuple(e.start(view) for view in (gy, x))

    def strip(column: Value, vectors: int, mask: Value | None) -> None:
        def row(i: Value, sums: list[Value]) -> list[Value]:
            m, s = e.broadcast(e.at(mean, i)), e.broadcast(e.at(rstd, i))
            start = b.add(b.mul(i, n), column)
            new = []
            for v in range(vectors):
                at = b.add(start, int64(v * e.lanes))
                g, xs = (e.load(e.at(a, at)) if mask is None else e.masked_load(e.at(a, at), mask) for a in inputs)
                hat = b.fmul(b.fsub(xs, m), s)
                new += [e.fma(g, hat, sums[2 * v]), b.fadd(sums[2 * v + 1], g)]
            return new

        sums = e.loop(rows, [e.zero] * (2 * vectors), row)
        for v in range(vectors):
            at = b.add(column, int64(v * e.lanes))
            for total, out in zip(sums[2 * v : 2 * v + 2], (gw, gb), strict=True):
                if mask is None:
                    e.store(total, e.at(out, at))
                else:
                    e.masked_store(total, e.at(out, at), mask)

    wide = b.sdiv(n, int64(STRIP * e.lanes))
    done = b.mul(wide, int64(STRIP * e.lanes))
    left = b.sdiv(b.add(b.sub(n, done), int64(e.lanes - 1)), int64(e.lanes))

    def wide_strip(k: Value, _: list[Value]) -> list[Value]:
        strip(b.mul(k, int64(STRIP * e.lanes)), STRIP, None)
        return []

    def narrow_strip(k: Value, _: list[Value]) -> list[Value]:
        column = b.add(done, b.mul(k, int64(e.lanes)))
        strip(column, 1, e.first_lanes(b.sub(n, column)))
        return []

    with e.when_positive(rows):
        with e.when_positive(wide):
            e.loop(wide, [], wide_strip)
        with e.when_positive(left):
            e.loop(left, [], narrow_strip)


@emits(_emit_column_sums)
def column_sums(gy: Rows, x: Rows, stats: Statistics, rows: int, gw: Array, gb: Array) -> None:
    """gw and gb = sums over so many dense rows of gy (x - mean) rstd and of gy, in the dtype of x."""
    n = x.pitch
    window(gw, 0, n)[:], window(gb, 0, n)[:] = 0, 0
    for r in range(rows):
        g = row_of(gy, r, n)
        gw[:n] += g * ((row_of(x, r, n) - stats.mean[r]) * stats.rstd[r])
        gb[:n] += g
