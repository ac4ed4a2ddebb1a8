"""The register tile of the recurrent kernels, and the small moves of data around it.

A panel holds four blocks of one vector side by side: for one vector of hidden units the four numbers that a cell is made
of (the gates i, f, g, o of an LSTM, say). One tile of a few batch rows by one panel ends with all that the cells of these
units need, and the gate arithmetic can follow while the numbers are in the first-level cache.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...types import Array
from ..machine.compile import inner
from ..machine.vector import MANY_REGISTERS, VECTOR_BYTES, Emitter, Value, copy_rows, emits, int64
from ..machine.views import Panel, Pieces, Rows, row_of, rows_from, window

LANES = VECTOR_BYTES // 4
"""Hidden units in a block."""

BLOCK = 4 * LANES
"""Width of a panel."""

ROWS = 6 if MANY_REGISTERS else 3
"""Batch rows of the largest tile: with four vectors of weights and one broadcast, it fills the registers."""


def make_tile(widths: tuple[int, ...], packed: bool) -> Callable[..., None]:
    """The tile, so many vectors wide, for a left operand in rows, or packed: lane m of consecutive vectors is row m."""
    step = LANES if packed else 1

    def emit(e: Emitter, rows: Value, vectors: Value, left: Pieces, weights: Panel, start: Rows, out: Rows) -> None:
        left, weights = left._replace(data=e.start(left), at=0), weights._replace(data=e.start(weights), at=0)
        start, out = start._replace(data=e.start(start), at=0), out._replace(data=e.start(out), at=0)  # once for all heights
        for width in widths:
            for height in range(1, ROWS + 1):
                same = [e.b.icmp_signed("==", v, int64(n)) for v, n in ((rows, height), (vectors, width))]
                with e.b.if_then(e.b.and_(*same)):
                    fixed(e, (height, width), left, weights, start, out)

    def fixed(e: Emitter, shape: tuple[int, int], left: Pieces, weights: Panel, start: Rows, out: Rows) -> None:
        """All sums of height x width vectors stay in registers while the depth passes by."""
        height, width = shape
        rows, sums = [e.start(left)], []
        while len(rows) < height:
            rows.append(e.at(rows[-1], left.pitch))
        init, target, panel = e.start(start), e.start(out), e.start(weights)
        for _ in range(height):
            sums += [e.load(e.at(init, LANES * j)) for j in range(width)]
            init = e.at(init, start.pitch)

        def piece(i: Value, sums: list[Value]) -> list[Value]:
            shift = e.b.mul(i, left.ahead)
            here = [e.at(row, shift) for row in rows]
            lines = e.at(panel, e.b.mul(e.b.mul(i, weights.depth), int64(BLOCK)))

            def multiply(k: Value, sums: list[Value]) -> list[Value]:
                line, along = e.at(lines, e.b.mul(k, int64(BLOCK))), e.b.mul(k, int64(step))
                values = [e.load(e.at(line, LANES * j)) for j in range(width)]
                new = []
                for m in range(height):
                    factor = e.broadcast(e.at(here[m], along))
                    new += [e.fma(factor, values[j], sums[m * width + j]) for j in range(width)]
                return new

            return e.loop(weights.depth, sums, multiply)

        sums = e.loop(left.pieces, sums, piece)
        for m in range(height):
            for j in range(width):
                e.store(sums[m * width + j], e.at(target, LANES * j))
            target = e.at(target, out.pitch)

    @emits(emit)
    def tile(rows: int, vectors: int, left: Pieces, weights: Panel, start: Rows, out: Rows) -> None:
        """Row m of out = row m of start + the sum over k of left[m, k] weights[k]: 1 ... ROWS rows.

        k runs over the pieces of the left rows, each as long as the panel is deep (both at least 1); the panels of all pieces
        follow each other, BLOCK elements for each k.
        """
        wide = vectors * LANES
        depths = range(left.pieces * weights.depth)
        factors = np.stack([window(weights.data, weights.at + k * BLOCK, wide) for k in depths])
        sums = np.stack([row_of(start, m, wide) for m in range(rows)])
        reach = (weights.depth - 1) * step + 1
        for m in range(rows):
            first = left.at + m * left.pitch
            pieces = [window(left.data, first + i * left.ahead, reach)[::step] for i in range(left.pieces)]
            sums[m] += np.concatenate(pieces) @ factors
            row_of(out, m, wide)[:] = sums[m]

    return tile


def make_rows(widths: tuple[int, ...]) -> Callable[..., None]:
    """The product of any number of rows, in tiles of these widths."""
    tile = make_tile(widths, packed=False)

    @inner()
    def multiply(rows: int, vectors: int, left: Pieces, weights: Panel, start: Rows, out: Rows) -> None:
        """The tile for any number of rows, cut into tiles of nearly equal height."""
        tiles = (rows + ROWS - 1) // ROWS
        for i in range(tiles):
            r = i * rows // tiles
            here = Pieces(left.data, left.at + r * left.pitch, left.pitch, left.ahead, left.pieces)
            tile((i + 1) * rows // tiles - r, vectors, here, weights, rows_from(start, r), rows_from(out, r))

    return multiply


multiply_rows, multiply_three, multiply_four = make_rows((4, 3, 2, 1)), make_rows((3,)), make_rows((4,))
column_three, column_four = make_tile((3,), packed=True), make_tile((4,), packed=True)


@inner()
def tile_width(columns: int) -> int:
    """Vectors of the narrowest tile that covers so many columns, or the first of them."""
    return min(4, (columns + LANES - 1) // LANES)


def _emit_transpose(e: Emitter, target: Rows, source: Rows, down: Value, across: Value, add: Value | None = None) -> None:
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
            if add is not None:
                before = e.masked_load(there, e.b.select(e.b.icmp_signed("!=", add, int64(0)), wanted, nothing))
                row = e.b.select(e.b.icmp_signed("!=", add, int64(0)), e.b.fadd(before, row), row)
            e.masked_store(row, there, wanted)
        there = e.at(there, target.pitch)


@emits(_emit_transpose)
def transpose(target: Rows, source: Rows, down: int, across: int) -> None:
    """target[j, r] = source[r, j] for r < down, j < across, both at most LANES. Touches nothing else."""
    for r in range(down):
        for j, value in enumerate(row_of(source, r, across)):
            row_of(target, j, down)[r] = value


@emits(_emit_transpose)
def transpose_sum(target: Rows, source: Rows, down: int, across: int, add: int) -> None:
    """The same; add: whether it is added to what is there."""
    for r in range(down):
        for j, value in enumerate(row_of(source, r, across)):
            row = row_of(target, j, down)
            row[r] = row[r] + value if add else value


@inner()
def split_columns(blocks: Rows, source: Rows, columns: int, rows: int) -> None:
    """Cut rows into vectors: column block b of row r goes to vector r of row b of `blocks`."""
    for b in range((columns + LANES - 1) // LANES):
        target = Rows(blocks.data, blocks.at + b * blocks.pitch, LANES)
        copy_rows(target, Rows(source.data, source.at + b * LANES, source.pitch), min(LANES, columns - b * LANES), rows)


@inner()
def add_into(total: Array, x: Array) -> None:
    for i in range(total.size):
        total[i] += x[i]
