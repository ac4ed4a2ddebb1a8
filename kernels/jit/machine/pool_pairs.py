"""The commonest pooling, windows of 2 x 2 side by side, in vector registers: a row of windows with its tail masked.

Rows of 7 to 28 windows are what networks have, less than two vectors: a plain loop spent most of its time on what was
left over, and ran at a fifth of this speed.
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir

from .vector import I32, I64, Emitter, Value, emits, int64
from .views import Rows, Tail, window


def _emit_largest_of_four(e: Emitter, plane: Rows, rows: Value, n: Value, y: Tail, place: Tail) -> None:
    b, lanes, width = e.b, e.lanes, plane.pitch
    pixels_at, largest, places = e.start(plane), e.start(y), b.add(place.data, b.shl(place.at, int64(3)))
    evens, odds = ([2 * lane + odd for lane in range(lanes)] for odd in (0, 1))
    wide = ir.VectorType(I64, lanes)
    numbers = ir.Constant(wide, [2 * lane for lane in range(lanes)])

    def windows(row: Value, o: Value, mask: tuple[Value, Value, Value] | None) -> None:
        """One vector of windows, from window o of this row of windows."""
        start = b.add(b.mul(row, b.mul(width, int64(2))), b.mul(o, int64(2)))  # the first pixel, in its plane
        best = spot = None
        for down in (0, 1):
            corner = b.add(start, width) if down else start
            pixel = e.at(pixels_at, corner)
            halves = [e.vectors(pixel, int64(half)) for half in (0, 1)]
            left, right = (
                e.load(half) if mask is None else e.masked_load(half, mask[1 + k]) for k, half in enumerate(halves)
            )
            for across, lane_numbers in ((0, evens), (1, odds)):
                value = e.shuffle(left, right, lane_numbers)
                where = b.add(numbers, e.splat(b.add(corner, int64(across))))
                if best is None:
                    best, spot = value, where
                else:  # larger, or the first NaN
                    better = b.and_(b.fcmp_unordered(">", value, best), b.fcmp_ordered("ord", best, best))
                    best, spot = b.select(better, value, best), b.select(better, where, spot)
        target = b.add(b.mul(row, n), o)
        where_to = b.inttoptr(b.add(places, b.mul(target, int64(8))), ir.PointerType(wide))
        if mask is None:
            e.store(best, e.at(largest, target))
            b.store(spot, where_to, align=8)
        else:
            e.masked_store(best, e.at(largest, target), mask[0])
            takes = [wide, ir.PointerType(wide), I32, mask[0].type]
            store = e.function(f"llvm.masked.store.v{lanes}i64.p0", ir.VoidType(), takes)
            b.call(store, [spot, where_to, ir.Constant(I32, 8), mask[0]])

    full = b.sdiv(n, int64(lanes))
    left_over = b.srem(n, int64(lanes))
    pixels = b.mul(left_over, int64(2))
    tail = e.first_lanes(left_over), e.first_lanes(pixels), e.first_lanes(b.sub(pixels, int64(lanes)))

    def row(r: Value, _: list[Value]) -> list[Value]:
        def vector(v: Value, _: list[Value]) -> list[Value]:
            windows(r, b.mul(v, int64(lanes)), None)
            return []

        with e.when_positive(full):
            e.loop(full, [], vector)
        with e.when_positive(left_over):
            windows(r, b.mul(full, int64(lanes)), tail)
        return []

    with e.when_positive(rows):
        e.loop(rows, [], row)


@emits(_emit_largest_of_four)
def largest_of_four(plane: Rows, rows: int, n: int, y: Tail, place: Tail) -> None:
    """rows x n windows of 2 x 2 of a plane of pixels: y gets the largest of each, place its flat index in the plane.

    The first of equals; a NaN before all, the first of them.
    """
    for r in range(rows):
        for o in range(n):
            spots = [2 * r * plane.pitch + 2 * o + step for step in (0, 1, plane.pitch, plane.pitch + 1)]
            values = [window(plane.data, plane.at + spot, 1)[0] for spot in spots]
            best = int(np.argmax(values))  # the first NaN, if there is one
            at = r * n + o
            window(y.data, y.at + at, 1)[0], window(place.data, place.at + at, 1)[0] = values[best], spots[best]
