"""Sums over rows, column by column, in vector registers: what the gradients of a row normalisation's weight and bias are.

A plain loop over a row would load and store every running sum for every row. Here a strip of columns keeps its sums in
registers while it goes down the rows.
"""

from __future__ import annotations

from ..types import Array
from .vector import Emitter, Value, emits, int64, window

STRIP = 4
"""Vectors side by side in a strip: enough independent sums to keep the adders busy."""


def _emit_column_sums(
    e: Emitter, gy: Value, x: Value, mean: Value, rstd: Value, first: Value, rows: Value, n: Value, gw: Value, gb: Value
) -> None:
    b = e.b

    def strip(column: Value, vectors: int, mask: Value | None) -> None:
        def row(i: Value, sums: list[Value]) -> list[Value]:
            r = b.add(first, i)
            m, s = e.broadcast(e.at(mean, r)), e.broadcast(e.at(rstd, r))
            start = b.add(b.mul(r, n), column)
            new = []
            for v in range(vectors):
                at = b.add(start, int64(v * e.lanes))
                g, xs = (e.load(e.at(a, at)) if mask is None else e.masked_load(e.at(a, at), mask) for a in (gy, x))
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
def column_sums(gy: Array, x: Array, mean: Array, rstd: Array, first: int, rows: int, n: int, gw: Array, gb: Array) -> None:
    """gw[:n] and gb[:n] = sums of gy (x - mean) rstd and of gy over rows first ... of (M, n), in the dtype of x."""
    flat_g, flat_x = gy.reshape(-1), x.reshape(-1)
    window(gw, 0, n)[:], window(gb, 0, n)[:] = 0, 0
    for r in range(first, first + rows):
        g = window(flat_g, r * n, n)
        gw[:n] += g * ((window(flat_x, r * n, n) - mean[r]) * rstd[r])
        gb[:n] += g
