"""A whole matrix product from one register tile: c = a @ b for each matrix of a batch.

b is copied into panels of four vectors of columns, depth outermost, so that the tile reads it from one stream; where b
lies transposed, squares of `lanes` x `lanes` elements are turned in registers on the way. a is read one element at a
time, broadcast to a vector: where it is, if its rows are dense, else from a copy of the rows in hand.

Threads share out first the panels to copy, then the (rows, panel) blocks of c. A product may also be asked for with the
roles of the operands exchanged, c' = b' a': its blocks are turned on their way into c.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numba import prange

from ..types import Array
from .compile import inner, jit
from .vector import MANY_REGISTERS, Emitter, Value, clear, copy_rows, emits, int64, lanes_of, window

ROWS = 6 if MANY_REGISTERS else 3  # rows of the tile, which is a panel wide: 24 sums of 32 registers, or 12 of 16
PANEL = 4  # vectors
DEPTH = 256  # rows of a panel used in one go: 64 KiB at 64 bytes a vector, well within the second-level cache


def _emit_tile(
    e: Emitter, rows: Value, a: Value, ao: Value, row_step: Value, depth_step: Value, b: Value, bo: Value, depth: Value,
    c: Value, co: Value, pitch: Value, add: Value,
) -> None:  # fmt: skip
    a, b, c = e.at(a, ao), e.at(b, bo), e.at(c, co)
    for height in range(1, ROWS + 1):
        with e.b.if_then(e.b.icmp_signed("==", rows, int64(height))):
            _emit_fixed_tile(e, height, a, row_step, depth_step, b, depth, c, pitch, add)


def _emit_fixed_tile(
    e: Emitter, height: int, a: Value, row_step: Value, depth_step: Value, b: Value, depth: Value, c: Value, pitch: Value,
    add: Value,
) -> None:  # fmt: skip
    starts, targets = [a], [c]
    for _ in range(height - 1):
        starts.append(e.at(starts[-1], row_step))
        targets.append(e.at(targets[-1], pitch))
    ahead = e.b.mul(depth_step, int64(e.size))
    emit_sums(e, starts, lambda k: e.b.mul(k, ahead), b, depth, targets, add)


def emit_sums(
    e: Emitter, starts: list[Value], offset_of: Callable[[Value], Value], b: Value, depth: Value, targets: list[Value],
    add: Value,
) -> None:  # fmt: skip
    """Rows by PANEL vectors of sums, which stay in registers while the depth passes by.

    starts, targets: where each row of a and of c lies; offset_of: bytes from a row's start to its element k.
    """
    ir = e.b
    cells = [e.at(target, e.lanes * j) for target in targets for j in range(PANEL)]

    def step(k: Value, sums: list[Value]) -> list[Value]:
        offset, columns = offset_of(k), e.vectors(b, ir.mul(k, int64(PANEL)))
        here = [e.load(e.at(columns, e.lanes * j)) for j in range(PANEL)]
        new = []
        for m, start in enumerate(starts):
            value = e.broadcast(ir.add(start, offset))
            new += [e.fma(value, here[j], sums[m * PANEL + j]) for j in range(PANEL)]
        return new

    sums = e.loop(depth, [e.zero] * len(cells), step)
    with ir.if_else(ir.icmp_signed("!=", add, int64(0))) as (adding, storing):
        with adding:
            for value, cell in zip(sums, cells, strict=True):
                e.store(ir.fadd(e.load(cell), value), cell)
        with storing:
            for value, cell in zip(sums, cells, strict=True):
                e.store(value, cell)


@emits(_emit_tile)
def tile(
    rows: int, a: Array, ao: int, row_step: int, depth_step: int, b: Array, bo: int, depth: int, c: Array, co: int,
    pitch: int, add: int,
) -> None:  # fmt: skip
    """c[co + m pitch ...] (+)= sum over k < depth of a[ao + m row_step + k depth_step] * b[k], for m < rows <= ROWS.

    b is a panel; depth >= 1; add: whether to add to what c holds.
    """
    width = PANEL * lanes_of(b)
    columns = window(b, bo, depth * width).reshape(depth, width)
    for m in range(rows):
        values = window(a, ao + m * row_step, (depth - 1) * depth_step + 1)[::depth_step]
        target = window(c, co + m * pitch, width)
        target[:] = (target if add else 0) + values @ columns


def _emit_turn(
    e: Emitter, target: Value, to: Value, pitch: Value, source: Value, so: Value, spitch: Value, *row: Value
) -> None:
    rows, at = [], e.at(source, so)
    addend = e.load(e.at(*row)) if row else None
    for _ in range(e.lanes):
        rows.append(e.b.fadd(e.load(at), addend) if row else e.load(at))
        at = e.at(at, spitch)
    at = e.at(target, to)
    for turned in e.transpose(rows):
        e.store(turned, at)
        at = e.at(at, pitch)


@emits(_emit_turn)
def turn(target: Array, to: int, pitch: int, source: Array, so: int, spitch: int) -> None:
    """Transpose one square of `lanes` x `lanes` elements."""
    lanes = lanes_of(source)
    square = np.array([window(source, so + r * spitch, lanes) for r in range(lanes)])
    for r in range(lanes):
        window(target, to + r * pitch, lanes)[:] = square[:, r]


@emits(_emit_turn)
def turn_sum(target: Array, to: int, pitch: int, source: Array, so: int, spitch: int, row: Array, ro: int) -> None:
    """The same, after adding `lanes` elements of `row` to each row of the square."""
    lanes = lanes_of(source)
    square = np.array([window(source, so + r * spitch, lanes) + window(row, ro, lanes) for r in range(lanes)])
    for r in range(lanes):
        window(target, to + r * pitch, lanes)[:] = square[:, r]


@inner()
def pack_panel(
    packed: Array, at: int, b: Array, bo: int, depth_step: int, column_step: int, depth: int, columns: int
) -> None:
    """One panel (depth, PANEL vectors) from `columns` columns of b, one of whose steps is 1. Missing columns are zero."""
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


class Product(NamedTuple):
    """Sizes of a batch of products, and the steps to the next row or column, in elements.

    block_rows: rows of c per unit of work. turned: whether c is wanted transposed, as (columns, rows).
    """

    batch: int
    rows: int
    depth: int
    columns: int
    a_row: int
    a_depth: int
    b_depth: int
    b_column: int
    block_rows: int
    turned: bool


@inner()
def tile_rows(i: int, tiles: int, rows: int) -> tuple[int, int]:
    """The first row of tile i, and how many: rows in equal parts, since five take as long as six."""
    first = i * rows // tiles
    return first, (i + 1) * rows // tiles - first


@inner()
def pack_rows(packed: Array, a: Array, ao: int, depth_step: int, depth: int, rows: int) -> None:
    """Rows of a that lie side by side, tile by tile, (depth, rows of the tile) each."""
    tiles = (rows + ROWS - 1) // ROWS
    for i in range(tiles):
        first, height = tile_rows(i, tiles, rows)
        copy_rows(packed, first * depth, height, a, ao + first, depth_step, height, depth)


@inner()
def fill_rows(target: Array, at: int, pitch: int, rows: int, columns: int, bias: Array, first: int, along: bool) -> None:
    """Rows of the bias, from `first` on: along each row, or one number for each."""
    for r in range(rows):
        row = target[at + r * pitch : at + r * pitch + columns]
        if along:
            for j in range(columns):
                row[j] = bias[first + j]
        else:
            for j in range(columns):
                row[j] = bias[first + r]


@inner()
def multiply_block(
    a: Array, ao: int, packed_a: Array, packed: Array, at: int, c: Array, co: int, bias: Array, first_bias: int, rows: int,
    columns: int, p: Product, spare: Array, strip: Array,
) -> None:  # fmt: skip
    """`rows` rows of c by one panel of b, the depth in slices. What is ragged or to be turned is summed in `spare`."""
    lanes = lanes_of(packed)
    width, pitch = PANEL * lanes, p.rows if p.turned else p.columns
    straight = columns == width and not p.turned
    target, base, step = (c, co, pitch) if straight else (spare, 0, width)
    if bias.size:
        fill_rows(target, base, step, rows, columns, bias, first_bias, not p.turned)
    tiles = (rows + ROWS - 1) // ROWS
    for k in range(0, p.depth, DEPTH):
        count, add = min(DEPTH, p.depth - k), 1 if k or bias.size else 0
        for i in range(tiles):
            first, height = tile_rows(i, tiles, rows)
            # one call for all cases: every further one is compiled at length
            if packed_a.size:
                source, start, row_step, depth_step = packed_a, first * p.depth + k * height, 1, height
            else:
                source, start, row_step, depth_step = a, ao + first * p.a_row + k * p.a_depth, p.a_row, p.a_depth
            to = base + first * step
            tile(height, source, start, row_step, depth_step, packed, at + k * width, count, target, to, step, add)
    if p.turned:
        span = strip.size // lanes
        for j in range(0, columns, lanes):
            for q in range(0, rows, lanes):
                turn(strip, q, span, spare, q * width + j, width)
            copy_rows(c, co + j * pitch, pitch, strip, 0, span, rows, min(lanes, columns - j))
    elif columns < width:
        copy_rows(c, co, pitch, spare, 0, width, columns, rows)


@jit()
def multiply(a: Array, b: Array, bias: Array, c: Array, p: Product, threads: int) -> None:
    """c[i] = a[i] @ b[i] (+ bias) for a batch of matrices given flat; every size at least 1.

    bias: one number for each column of c, or for each of its rows if they are turned; empty for none.
    """
    lanes = lanes_of(a)
    width = PANEL * lanes
    panels = (p.columns + width - 1) // width
    size = p.depth * width
    packed = np.empty(p.batch * panels * size, a.dtype)
    units = p.batch * panels
    for t in prange(threads):
        for u in range(t * units // threads, (t + 1) * units // threads):
            first = u % panels * width
            start, columns = u // panels * p.depth * p.columns + first * p.b_column, min(width, p.columns - first)
            pack_panel(packed, u * size, b, start, p.b_depth, p.b_column, p.depth, columns)
    blocks = (p.rows + p.block_rows - 1) // p.block_rows
    units = p.batch * blocks * panels
    span = (p.block_rows + lanes - 1) // lanes * lanes
    for t in prange(threads):
        spare, strip = np.empty(span * width, a.dtype), np.empty(span * lanes if p.turned else 0, a.dtype)
        packed_a = np.empty(0 if p.a_depth == 1 else p.block_rows * p.depth, a.dtype)
        held = -1
        for u in range(t * units // threads, (t + 1) * units // threads):
            panel, block = u % panels, u // panels
            matrix, first = block // blocks, block % blocks * p.block_rows
            rows, columns = min(p.block_rows, p.rows - first), min(width, p.columns - panel * width)
            start, at = matrix * p.rows * p.depth + first * p.a_row, (matrix * panels + panel) * size
            if packed_a.size and block != held:
                pack_rows(packed_a, a, start, p.a_depth, p.depth, rows)
                held = block
            column = panel * width
            to = matrix * p.rows * p.columns
            to += column * p.rows + first if p.turned else first * p.columns + column
            bias_at = first if p.turned else column
            multiply_block(a, start, packed_a, packed, at, c, to, bias, bias_at, rows, columns, p, spare, strip)


@inner()
def dot(a: Array, b: Array) -> Any:
    total = a.dtype.type(0)
    for k in range(a.size):
        total += a[k] * b[k]
    return total


@inner()
def add_multiple(c: Array, factor: Any, b: Array) -> None:
    for j in range(c.size):
        c[j] += factor * b[j]


@jit()
def multiply_small(a: Array, b: Array, c: Array, p: Product, threads: int) -> None:
    """The same for many small matrices: plain loops, dot products where both run along the depth, else sums of rows."""
    along_depth = p.a_depth == 1 and p.b_depth == 1
    for t in prange(threads):
        for i in range(t * p.batch // threads, (t + 1) * p.batch // threads):
            ao, bo = i * p.rows * p.depth, i * p.depth * p.columns
            for r in range(p.rows):
                first = ao + r * p.a_row
                target = c[(i * p.rows + r) * p.columns : (i * p.rows + r + 1) * p.columns]
                if along_depth:
                    row = a[first : first + p.depth]
                    for j in range(p.columns):
                        start = bo + j * p.b_column
                        target[j] = dot(row, b[start : start + p.depth])
                else:
                    clear(target)
                    for k in range(p.depth):
                        start, factor = bo + k * p.b_depth, a[first + k * p.a_depth]
                        if p.b_column == 1:
                            add_multiple(target, factor, b[start : start + p.columns])
                        else:
                            for j in range(p.columns):
                                target[j] += factor * b[start + j * p.b_column]
