"""A whole matrix product from one register tile: c = a @ b for each matrix of a batch.

b is copied into panels of four vectors of columns, depth outermost, so that the tile reads it from one stream; where b
lies transposed, squares of `lanes` x `lanes` elements are turned in registers on the way. a is read where it is, one
element at a time, broadcast to a vector: any strides will do, and no copy of it is needed.

Threads share out first the panels to copy, then the (rows, panel) blocks of c.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numba import prange

from ..types import Array
from .compile import inner, jit
from .vector import MANY_REGISTERS, VECTOR_BYTES, Emitter, Value, clear, copy_rows, emits, int64, lanes_of, window

ROWS = 6 if MANY_REGISTERS else 3  # rows of the tile, which is a panel wide: 24 sums of 32 registers, or 12 of 16
PANEL = 4  # vectors
DEPTH = 256  # rows of a panel used in one go: 64 KiB at 64 bytes a vector, well within the second-level cache


def make_tile(rows: int) -> Callable[..., None]:
    """The tile of `rows` rows by one panel."""

    def emit(
        e: Emitter,
        a: Value,
        ao: Value,
        row_step: Value,
        depth_step: Value,
        b: Value,
        bo: Value,
        depth: Value,
        c: Value,
        co: Value,
        pitch: Value,
        add: Value,
    ) -> None:
        ir = e.b
        starts, targets = [e.at(a, ao)], [e.at(c, co)]
        for _ in range(rows - 1):
            starts.append(e.at(starts[-1], row_step))
            targets.append(e.at(targets[-1], pitch))
        ahead, panel = ir.mul(depth_step, int64(e.size)), e.at(b, bo)
        spots = [e.at(target, e.lanes * j) for target in targets for j in range(PANEL)]

        def step(k: Value, sums: list[Value]) -> list[Value]:
            offset = ir.mul(k, ahead)
            columns = e.vectors(panel, ir.mul(k, int64(PANEL)))
            here = [e.load(e.at(columns, e.lanes * j)) for j in range(PANEL)]
            new = []
            for m in range(rows):
                value = e.broadcast(ir.add(starts[m], offset))
                new += [e.fma(value, here[j], sums[m * PANEL + j]) for j in range(PANEL)]
            return new

        sums = e.loop(depth, [e.zero] * (rows * PANEL), step)
        with ir.if_else(ir.icmp_signed("!=", add, int64(0))) as (adding, storing):
            with adding:
                for value, spot in zip(sums, spots, strict=True):
                    e.store(ir.fadd(e.load(spot), value), spot)
            with storing:
                for value, spot in zip(sums, spots, strict=True):
                    e.store(value, spot)

    @emits(emit)
    def tile(
        a: Array,
        ao: int,
        row_step: int,
        depth_step: int,
        b: Array,
        bo: int,
        depth: int,
        c: Array,
        co: int,
        pitch: int,
        add: int,
    ) -> None:
        """c[co + m pitch ...] (+)= sum over k < depth of a[ao + m row_step + k depth_step] * b[k]; depth >= 1."""
        width = PANEL * lanes_of(b)
        columns = window(b, bo, depth * width).reshape(depth, width)
        for m in range(rows):
            first = ao + m * row_step
            values = window(a, first, (depth - 1) * depth_step + 1)[:: depth_step or 1]
            target = window(c, co + m * pitch, width)
            target[:] = (target if add else 0) + np.broadcast_to(values, (depth,)) @ columns

    return tile


TILES = [make_tile(rows + 1) for rows in range(ROWS)]
tile1, tile2, tile3 = TILES[:3]
tile4, tile5, tile6 = TILES[3:] if MANY_REGISTERS else TILES[:3]


@inner()
def tile_of(
    rows: int,
    a: Array,
    ao: int,
    row_step: int,
    depth_step: int,
    b: Array,
    bo: int,
    depth: int,
    c: Array,
    co: int,
    pitch: int,
    add: int,
) -> None:
    """The tile with this many rows."""
    if rows == 1:
        tile1(a, ao, row_step, depth_step, b, bo, depth, c, co, pitch, add)
    elif rows == 2:
        tile2(a, ao, row_step, depth_step, b, bo, depth, c, co, pitch, add)
    elif rows == 3:
        tile3(a, ao, row_step, depth_step, b, bo, depth, c, co, pitch, add)
    elif rows == 4:
        tile4(a, ao, row_step, depth_step, b, bo, depth, c, co, pitch, add)
    elif rows == 5:
        tile5(a, ao, row_step, depth_step, b, bo, depth, c, co, pitch, add)
    else:
        tile6(a, ao, row_step, depth_step, b, bo, depth, c, co, pitch, add)


def _emit_turn(e: Emitter, target: Value, to: Value, pitch: Value, source: Value, so: Value, spitch: Value) -> None:
    rows, at = [], e.at(source, so)
    for _ in range(e.lanes):
        rows.append(e.load(at))
        at = e.at(at, spitch)
    at = e.at(target, to)
    for row in e.transpose(rows):
        e.store(row, at)
        at = e.at(at, pitch)


@emits(_emit_turn)
def turn(target: Array, to: int, pitch: int, source: Array, so: int, spitch: int) -> None:
    """Transpose one square of `lanes` x `lanes` elements."""
    lanes = lanes_of(source)
    square = np.array([window(source, so + r * spitch, lanes) for r in range(lanes)])
    for r in range(lanes):
        window(target, to + r * pitch, lanes)[:] = square[:, r]


@inner()
def pack_panel(
    packed: Array, at: int, b: Array, bo: int, depth_step: int, column_step: int, depth: int, columns: int
) -> None:
    """One panel (depth, PANEL vectors) from `columns` columns of b, one of whose steps is 1. Missing columns are
    zero.
    """
    lanes = lanes_of(b)
    width = PANEL * lanes
    if columns < width:
        clear(packed[at : at + depth * width])
    if column_step == 1:
        copy_rows(packed, at, width, b, bo, depth_step, columns, depth)
        return
    square_columns, square_depth = columns // lanes * lanes, depth // lanes * lanes
    for first in range(0, square_columns, lanes):
        for k in range(0, square_depth, lanes):
            turn(packed, at + k * width + first, width, b, bo + first * column_step + k, column_step)
    for j in range(columns):
        for k in range(square_depth if j < square_columns else 0, depth):
            packed[at + k * width + j] = b[bo + j * column_step + k]


@inner()
def multiply_block(
    a: Array,
    ao: int,
    row_step: int,
    depth_step: int,
    packed: Array,
    at: int,
    depth: int,
    c: Array,
    co: int,
    pitch: int,
    rows: int,
    columns: int,
    spare: Array,
) -> None:
    """`rows` rows of c by one panel of b, by slices of the depth. A ragged last panel is summed in `spare` and
    copied.
    """
    width = PANEL * lanes_of(packed)
    tiles = (rows + ROWS - 1) // ROWS
    for k in range(0, depth, DEPTH):
        count = min(DEPTH, depth - k)
        for i in range(tiles):  # rows in equal parts: five take as long as six
            first, end = i * rows // tiles, (i + 1) * rows // tiles
            start = ao + first * row_step + k * depth_step
            if columns == width:
                tile_of(
                    end - first,
                    a,
                    start,
                    row_step,
                    depth_step,
                    packed,
                    at + k * width,
                    count,
                    c,
                    co + first * pitch,
                    pitch,
                    1 if k else 0,
                )
            else:
                tile_of(
                    end - first,
                    a,
                    start,
                    row_step,
                    depth_step,
                    packed,
                    at + k * width,
                    count,
                    spare,
                    first * width,
                    width,
                    1 if k else 0,
                )
    if columns < width:
        copy_rows(c, co, pitch, spare, 0, width, columns, rows)


@jit()
def multiply(
    a: Array,
    row_step: int,
    depth_step: int,
    b: Array,
    bdepth_step: int,
    column_step: int,
    c: Array,
    batch: int,
    rows: int,
    depth: int,
    columns: int,
    block_rows: int,
    threads: int,
) -> None:
    """c[i] = a[i] @ b[i] for a batch of matrices given flat, with their steps; every size at least 1."""
    lanes = VECTOR_BYTES // a.itemsize
    width = PANEL * lanes
    panels = (columns + width - 1) // width
    packed = np.empty(batch * panels * depth * width, a.dtype)
    pack_units = batch * panels
    for t in prange(threads):
        for u in range(t * pack_units // threads, (t + 1) * pack_units // threads):
            matrix, first = u // panels, u % panels * width
            pack_panel(
                packed,
                u * depth * width,
                b,
                matrix * depth * columns + first * column_step,
                bdepth_step,
                column_step,
                depth,
                min(width, columns - first),
            )
    blocks = (rows + block_rows - 1) // block_rows
    units = batch * blocks * panels
    for t in prange(threads):
        spare = np.empty(block_rows * width, a.dtype)
        for u in range(t * units // threads, (t + 1) * units // threads):
            panel, block, matrix = u % panels, u // panels % blocks, u // panels // blocks
            first = block * block_rows
            multiply_block(
                a,
                matrix * rows * depth + first * row_step,
                row_step,
                depth_step,
                packed,
                (matrix * panels + panel) * depth * width,
                depth,
                c,
                (matrix * rows + first) * columns + panel * width,
                columns,
                min(block_rows, rows - first),
                min(width, columns - panel * width),
                spare,
            )
