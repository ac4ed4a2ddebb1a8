"""The register tile of the recurrent kernels, and the small moves of data around it.

A panel holds four blocks of one vector side by side: for one vector of hidden units the four numbers that a cell is made
of (the gates i, f, g, o of an LSTM, say). One tile of a few batch rows by one panel ends with all that the cells of these
units need, and the gate arithmetic can follow while the numbers are in the first-level cache. With few registers a panel is
cut into strips, each as wide as a tile.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...types import Array
from ..machine.compile import inner
from ..machine.prefetch import LINE, fetch_line
from ..machine.vector import MANY_REGISTERS, VECTOR_BYTES, Emitter, Value, copy_rows, emits, int64
from ..machine.views import Panel, Pieces, Rows, row_of, rows_from, window

LANES = VECTOR_BYTES // 4
"""Hidden units in a block."""

BLOCK = 4 * LANES
"""Width of a panel."""

WIDE, HIGH = (4, (6, 6, 6, 6)) if MANY_REGISTERS else (3, (6, 6, 4))
"""Vectors of the widest tile, and the rows of tiles of 1, 2 ... vectors: sums, weights and one broadcast fill the registers."""

ROWS = 6
"""Rows of the highest tile."""

VECTORS = 4 if MANY_REGISTERS else 2
"""Vectors of the widest tile of that height."""

WIDTH = VECTORS * LANES
"""Its width."""

DEPTH = 1 << 30 if MANY_REGISTERS else 256
"""Depth of a panel that is used for all rows before the next: so much of a tile's width stays in the first-level cache."""

AHEAD = not MANY_REGISTERS
"""Whether a tile fetches the weights that come next: the first rows of so short a depth would wait for the third-level cache."""

UNROLL = 1 if MANY_REGISTERS else 4
"""Steps of the depth in one turn of a loop over a piece, whose end would else be mispredicted as often as a piece is short."""

MANY_ROWS = 1 << 30 if MANY_REGISTERS else 128
"""Rows of which that depth is used for all columns before the next: they stay in the second-level cache."""


def _addresses(e: Emitter, rows: Rows | Pieces, count: int) -> list[Value]:
    """Where each of the first rows begins."""
    found = [e.start(rows)]
    while len(found) < count:
        found.append(e.at(found[-1], rows.pitch))
    return found


def _store_totals(e: Emitter, target: Value, begin: Value, sums: list[Value]) -> None:
    """A row of sums, with what they begin with."""
    for j, value in enumerate(sums):
        e.store(e.b.fadd(e.load(e.at(begin, LANES * j)), value), e.at(target, LANES * j))


def make_tile(shapes: tuple[tuple[int, int], ...], line: int, step: int, turns: int = 1, unroll: int = 1) -> Callable[..., None]:
    """The tile of these heights and widths. line: from one row of the panel to the next; step: along a row on the left.

    turns: of how many parts a sum is made, so that a product need not wait for the one before. It must not depend on the rows
    that a thread has: the same sum would be rounded in another way. unroll: rows of the panel that one turn of the loop takes,
    of which the depth is a multiple.
    """

    def emit(
        e: Emitter, rows: Value, vectors: Value, left: Pieces, weights: Panel, start: Rows, out: Rows, following: Rows
    ) -> None:
        left, weights = left._replace(data=e.start(left), at=0), weights._replace(data=e.start(weights), at=0)
        start, out = start._replace(data=e.start(start), at=0), out._replace(data=e.start(out), at=0)  # once for all heights
        for height, width in reversed(shapes):  # the largest is asked for most often
            same = [e.b.icmp_signed("==", v, int64(n)) for v, n in ((rows, height), (vectors, width))]
            with e.b.if_then(e.b.and_(*same)):
                fixed(e, (height, width), left, weights, start, out, following)

    def fixed(
        e: Emitter, shape: tuple[int, int], left: Pieces, weights: Panel, start: Rows, out: Rows, following: Rows
    ) -> None:
        """All sums of height x width vectors stay in registers while the depth passes by; what they begin with is added last."""
        height, width = shape
        count = height * width
        rows, targets, panel = _addresses(e, left, height), _addresses(e, out, height), e.start(weights)
        for target in targets:
            for place in range(0, width * VECTOR_BYTES, LINE):
                fetch_line(e, e.b.add(target, int64(place)), write=True, near=3)

        def piece(i: Value, sums: list[Value]) -> list[Value]:
            shift = e.b.mul(i, left.ahead)
            here = [e.at(row, shift) for row in rows]
            before = e.b.mul(i, weights.depth)
            lines = e.at(panel, e.b.mul(before, int64(line)))
            soon = e.at(e.start(following), e.b.mul(before, following.pitch))

            def multiply(k: Value, sums: list[Value]) -> list[Value]:
                for u in range(unroll):
                    turn = e.b.add(e.b.mul(k, int64(unroll)), int64(u))
                    there, along = e.at(lines, e.b.mul(turn, int64(line))), e.b.mul(turn, int64(step))
                    if AHEAD:
                        fetch_line(e, e.at(soon, e.b.mul(turn, following.pitch)))
                    values = [e.load(e.at(there, LANES * j)) for j in range(width)]
                    new = sums[count:]
                    for m in range(height):
                        factor = e.broadcast(e.at(here[m], along))
                        new += [e.fma(factor, values[j], sums[m * width + j]) for j in range(width)]
                    sums = new
                return sums

            return e.loop(e.b.sdiv(weights.depth, int64(unroll)), sums, multiply)

        sums = e.loop(left.pieces, [e.zero] * (count * turns), piece)
        for i in range(count, len(sums)):
            sums[i % count] = e.b.fadd(sums[i % count], sums[i])
        for m, (begin, target) in enumerate(zip(_addresses(e, start, height), targets, strict=True)):
            _store_totals(e, target, begin, sums[m * width : (m + 1) * width])

    @emits(emit)
    def tile(
        rows: int, vectors: int, left: Pieces, weights: Panel, start: Rows, out: Rows, following: Rows
    ) -> None:
        """Row m of out = row m of start + the sum over k of left[m, k] weights[k], for one of the heights and widths.

        k runs over the pieces of the left rows, each as long as the panel is deep (both at least 1); the panels of all pieces
        follow each other, `line` elements for each k. following: what is read next, of which row k is brought near.
        """
        wide = vectors * LANES
        depths = range(left.pieces * weights.depth)
        factors = np.stack([window(weights.data, weights.at + k * line, wide) for k in depths])
        sums = np.stack([row_of(start, m, wide) for m in range(rows)])
        reach = (weights.depth - 1) * step + 1
        for m in range(rows):
            first = left.at + m * left.pitch
            pieces = [window(left.data, first + i * left.ahead, reach)[::step] for i in range(left.pieces)]
            sums[m] += np.concatenate(pieces) @ factors
            row_of(out, m, wide)[:] = sums[m]

    return tile


@inner()
def heights(rows: int, most: int) -> tuple[int, int, int]:
    """How many tiles take so many rows, the height of the lower ones, and how many of them, the first, have a row more."""
    tiles = (rows + most - 1) // most
    height = rows // max(1, tiles)
    return tiles, height, rows - tiles * height


def strip_of(vectors: int) -> int:
    """Vectors of the strips into which a panel of so many is cut, each for one tile: its rows follow each other."""
    return vectors if vectors <= WIDE else VECTORS


def make_gates(gates: int) -> Callable[..., None]:
    """The product of any number of rows with a panel of so many vectors."""
    strip = strip_of(gates)
    high, line = HIGH[strip - 1], strip * LANES
    tile = make_tile(tuple((height, strip) for height in range(1, high + 1)), line, 1)
    only_row = make_tile(((1, strip),), line, 1, 8 // strip)

    @inner()
    def multiply(rows: int, left: Pieces, weights: Panel, start: Rows, out: Rows, alone: bool) -> None:
        """Row m of out = row m of start + row m of left, in one piece, times the panel, for all its strips and depths.

        alone: whether there is one sequence: then rows are steps, as many for any number of threads.
        """
        depth = weights.depth
        tiles, height, higher = heights(rows, high)
        pace = (line + tiles - 1) // max(1, tiles)
        for j in range(0, gates, strip):
            for k in range(0, depth, DEPTH):
                part = Panel(weights.data, weights.at + (j * depth + k * strip) * LANES, min(DEPTH, depth - k))
                size = part.depth * line
                share, r = size // max(1, tiles), 0
                first = out if k else start
                for i in range(tiles):
                    count = height + 1 if i < higher else height
                    here = Pieces(left.data, left.at + r * left.pitch + k, left.pitch, 0, 1)
                    to = Rows(out.data, out.at + r * out.pitch + j * LANES, out.pitch)
                    begin = Rows(first.data, first.at + r * first.pitch + j * LANES, first.pitch)
                    following = Rows(weights.data, part.at + size + i * share, pace)
                    if alone and rows == 1:
                        only_row(1, strip, here, part, begin, to, following)
                    else:
                        tile(count, strip, here, part, begin, to, following)
                    r += count

    return multiply


multiply_three, multiply_four = make_gates(3), make_gates(4)
row_tile = make_tile(
    tuple((height, width) for width in range(1, VECTORS + 1) for height in range(1, ROWS + 1)), WIDTH, 1, unroll=UNROLL
)


@inner()
def multiply_rows(rows: int, columns: int, left: Pieces, weights: Panel, zero: Array, out: Rows, ragged: Rows) -> None:
    """Rows of out = rows of left, in any number of pieces, times strips of weights that cover so many columns.

    weights: of a depth as long as a piece. The strips follow each other, each with its rows for all pieces. zero: a panel row of
    zeros. ragged: room for a panel row of each row, for columns that fill no vector.
    """
    strips, depth, span = (columns + WIDTH - 1) // WIDTH, left.pieces * weights.depth, max(1, DEPTH // weights.depth)
    rest = columns - (strips - 1) * WIDTH
    for first in range(0, rows, MANY_ROWS):
        count = min(MANY_ROWS, rows - first)
        tiles, height, higher = heights(count, ROWS)
        pace = (WIDTH + tiles - 1) // tiles
        for k in range(0, left.pieces, span):
            some = min(span, left.pieces - k)
            size = some * weights.depth * WIDTH
            for c in range(strips):
                last = c == strips - 1
                vectors = (rest + LANES - 1) // LANES if last else VECTORS
                part = Panel(weights.data, weights.at + (c * depth + k * weights.depth) * WIDTH, weights.depth)
                soon = weights.at + (k + some) * weights.depth * WIDTH if last else part.at + depth * WIDTH
                share, r = size // tiles, first
                for i in range(tiles):
                    here = Pieces(left.data, left.at + r * left.pitch + k * left.ahead, left.pitch, left.ahead, some)
                    to = Rows(out.data, out.at + r * out.pitch + c * WIDTH, out.pitch)
                    if last and rest % LANES:
                        to = rows_from(ragged, r)
                    begin = to if k else Rows(zero, 0, 0)
                    following, some_rows = Rows(weights.data, soon + i * share, pace), height + 1 if i < higher else height
                    row_tile(some_rows, vectors, here, part, begin, to, following)
                    r += some_rows
    if rest % LANES:
        copy_rows(Rows(out.data, out.at + (strips - 1) * WIDTH, out.pitch), ragged, rest, rows)


gradient_tile = make_tile(tuple((height, width) for width in range(1, VECTORS + 1) for height in (ROWS - 1, ROWS)), WIDTH, BLOCK)
"""Of weight gradients: the factors are consecutive columns of panel rows; whole panels are cut into no other heights."""


def _emit_transpose(e: Emitter, target: Rows, source: Rows, down: Value, across: Value) -> None:
    here, there = e.start(source), e.start(target)
    nothing, wanted = e.first_lanes(int64(0)), e.first_lanes(across)
    rows = []
    for r in range(LANES):
        mask = e.b.select(e.b.icmp_signed("<", int64(r), down), wanted, nothing)
        rows.append(e.masked_load(here, mask))
        here = e.at(here, source.pitch)
    wanted = e.first_lanes(down)
    for r, row in enumerate(e.transpose(rows)):
        with e.b.if_then(e.b.icmp_signed("<", int64(r), across)):
            e.masked_store(row, there, wanted)
        there = e.at(there, target.pitch)


@emits(_emit_transpose)
def transpose(target: Rows, source: Rows, down: int, across: int) -> None:
    """target[j, r] = source[r, j] for r < down, j < across, both at most LANES. Touches nothing else."""
    for r in range(down):
        for j, value in enumerate(row_of(source, r, across)):
            row_of(target, j, down)[r] = value


@inner()
def split_columns(blocks: Rows, source: Rows, columns: int, rows: int) -> None:
    """Cut rows to the width of tiles: column block b of row r goes to row r of row b of `blocks`."""
    for b in range((columns + WIDTH - 1) // WIDTH):
        target = Rows(blocks.data, blocks.at + b * blocks.pitch, WIDTH)
        copy_rows(target, Rows(source.data, source.at + b * WIDTH, source.pitch), min(WIDTH, columns - b * WIDTH), rows)


@inner()
def add_into(total: Array, x: Array) -> None:
    for i in range(total.size):
        total[i] += x[i]
