"""A whole matrix product from one register tile: c = a @ b for each matrix of a batch.

b is copied into panels of a few vectors of columns, depth outermost, so that the tile reads it from one stream; where b
lies transposed, squares of `lanes` x `lanes` elements are turned in registers on the way. a is read one element at a
time, broadcast to a vector. Its rows are read where they lie, if they are dense. If its columns are, a tile uses six elements
of a line of the cache and comes back to it for every panel of b: where those are narrow and many, a block of a is copied too.

Threads share out first the panels to copy, then the (rows, panel) blocks of c. A product may also be asked for with the
roles of the operands exchanged, c' = b' a': its blocks are turned on their way into c.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numba import prange

from ...types import Array
from .compile import inner, jit
from .prefetch import fetch_line
from .vector import MANY_REGISTERS, Emitter, Value, clear, copy_rows, emits, int64, lanes_of
from .views import Matrix, Panel, Rows, Tail, head, row_of, window

ROWS = 6  # rows of the tile
PANEL = 4 if MANY_REGISTERS else 2  # vectors, the tile's width: 24 sums of 32 registers, or 12 of 16
SLICE = 512  # rows of a panel that one thread copies
LEFT_PANELS = 1 << 62 if MANY_REGISTERS else 3  # with more panels than these, a block of a whose columns are dense is copied
LEFT_BLOCK = 1 << 16  # elements of such a block, which panels of b pass by from the second-level cache
LEFT_DEPTH = 64  # columns of it that are copied tile by tile: they stay in the first-level cache meanwhile
DEPTH = 256  # rows of a panel used in one go: 64 KiB at 64 bytes a vector, well within the second-level cache


def _emit_tile(e: Emitter, rows: Value, left: Matrix, b: Panel, out: Rows, add: Value, vectors: int) -> None:
    start, target, panel, ahead = e.start(left), e.start(out), e.start(b), e.b.mul(left.column_step, int64(e.size))
    for height in range(1, ROWS + 1):
        with e.b.if_then(e.b.icmp_signed("==", rows, int64(height))):
            starts, targets = [start], [target]
            for _ in range(height - 1):
                starts.append(e.at(starts[-1], left.row_step))
                targets.append(e.at(targets[-1], out.pitch))
            emit_sums(e, starts, lambda k: e.b.mul(k, ahead), panel, b.depth, targets, add, vectors)


def emit_sums(
    e: Emitter, starts: list[Value], offset_of: Callable[[Value], Value], b: Value, depth: Value, targets: list[Value],
    add: Value, vectors: int = PANEL,
) -> None:  # fmt: skip
    """Rows by `vectors` vectors of sums, which stay in registers while the depth passes by.

    starts, targets: where each row of a and of c lies; offset_of: bytes from a row's start to its element k.
    """
    ir = e.b
    cells = [e.at(target, e.lanes * j) for target in targets for j in range(vectors)]

    def step(k: Value, sums: list[Value]) -> list[Value]:
        offset, columns = offset_of(k), e.vectors(b, ir.mul(k, int64(vectors)))
        here = [e.load(e.at(columns, e.lanes * j)) for j in range(vectors)]
        new = []
        for m, start in enumerate(starts):
            value = e.broadcast(ir.add(start, offset))
            new += [e.fma(value, here[j], sums[m * vectors + j]) for j in range(vectors)]
        return new

    for target in targets:
        fetch_line(e, target, write=True, near=3)
    sums = e.loop(depth, [e.zero] * len(cells), step)
    with ir.if_else(ir.icmp_signed("!=", add, int64(0))) as (adding, storing):
        with adding:
            for value, cell in zip(sums, cells, strict=True):
                e.store(ir.fadd(e.load(cell), value), cell)
        with storing:
            for value, cell in zip(sums, cells, strict=True):
                e.store(value, cell)


def make_tile(vectors: int) -> Callable[..., None]:
    """The tile over a panel of so many vectors."""

    def emit(e: Emitter, rows: Value, left: Matrix, b: Panel, out: Rows, add: Value) -> None:
        _emit_tile(e, rows, left, b, out, add, vectors)

    @emits(emit)
    def tile(rows: int, left: Matrix, b: Panel, out: Rows, add: int) -> None:
        """out[m] (+)= sum over k < b.depth of left[m, k] * b[k], for m < rows <= ROWS.

        The depth is at least 1; add: whether to add to what out holds.
        """
        width = vectors * lanes_of(b.data)
        columns = head(b, b.depth * width).reshape(b.depth, width)
        for m in range(rows):
            reach = (b.depth - 1) * left.column_step + 1
            values = window(left.data, left.at + m * left.row_step, reach)[:: left.column_step]
            target = row_of(out, m, width)
            target[:] = (target if add else 0) + values @ columns

    return tile


tile, tile3, tile2, tile1 = make_tile(PANEL), make_tile(3), make_tile(2), make_tile(1)


def _emit_turn(e: Emitter, target: Rows, source: Rows, *row: Tail) -> None:
    rows, at = [], e.start(source)
    addend = e.load(e.start(*row)) if row else None
    for _ in range(e.lanes):
        rows.append(e.b.fadd(e.load(at), addend) if row else e.load(at))
        at = e.at(at, source.pitch)
    at = e.start(target)
    for turned in e.transpose(rows):
        e.store(turned, at)
        at = e.at(at, target.pitch)


@emits(_emit_turn)
def turn(target: Rows, source: Rows) -> None:
    """Transpose one square of `lanes` x `lanes` elements."""
    lanes = lanes_of(source.data)
    square = np.array([row_of(source, r, lanes) for r in range(lanes)])
    for r in range(lanes):
        row_of(target, r, lanes)[:] = square[:, r]


@emits(_emit_turn)
def turn_sum(target: Rows, source: Rows, row: Tail) -> None:
    """The same, after adding `lanes` elements of `row` to each row of the square."""
    lanes = lanes_of(source.data)
    square = np.array([row_of(source, r, lanes) + head(row, lanes) for r in range(lanes)])
    for r in range(lanes):
        row_of(target, r, lanes)[:] = square[:, r]


@inner()
def panel_vectors(columns: int, lanes: int) -> int:
    """Vectors of the narrowest tile that covers so many columns."""
    return min(PANEL, (columns + lanes - 1) // lanes)


@inner()
def pack_panel(panel: Panel, b: Matrix, columns: int, vectors: int = PANEL) -> None:
    """Copy `columns` columns of b, one of whose steps is 1, to a panel of so many vectors. Missing columns are zero."""
    lanes = lanes_of(b.data)
    width, packed, at, depth = vectors * lanes, panel.data, panel.at, panel.depth
    if columns < width:
        clear(packed[at : at + depth * width])
    if b.column_step == 1:
        copy_rows(Rows(packed, at, width), Rows(b.data, b.at, b.row_step), columns, depth)
        return
    square_columns, square_depth = columns // lanes * lanes, depth // lanes * lanes
    for first in range(0, square_columns, lanes):
        for k in range(0, square_depth, lanes):
            source = Rows(b.data, b.at + first * b.column_step + k, b.column_step)
            turn(Rows(packed, at + k * width + first, width), source)
    for j in range(columns):
        for k in range(square_depth if j < square_columns else 0, depth):
            packed[at + k * width + j] = b.data[b.at + j * b.column_step + k]


class Product(NamedTuple):
    """Sizes of a batch of products, and the steps to the next row or column, in elements.

    block_rows: rows of c per unit of work. turned: whether c is wanted transposed, as (columns, rows). adds: whether the product
    is added to what c holds, which needs a depth of at most DEPTH, no bias, and c as it is. copied: whether a block of a, whose
    columns must be dense, is copied before its products.
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
    adds: bool = False
    copied: bool = False


@inner()
def tile_rows(i: int, tiles: int, rows: int) -> tuple[int, int]:
    """The first row of tile i, and how many: rows in equal parts, since five take as long as six."""
    first = i * rows // tiles
    return first, (i + 1) * rows // tiles - first


def _emit_pack_tile(e: Emitter, target: Tail, a: Matrix, rows: Value, depth: Value) -> None:
    ir, start, to, step = e.b, e.start(a), e.start(target), e.b.mul(a.column_step, int64(e.size))
    firsts = range(0, ROWS, e.lanes)
    masks = [e.first_lanes(ir.sub(rows, int64(first))) for first in firsts]

    def column(k: Value, at: list[Value]) -> list[Value]:
        for first, mask in zip(firsts, masks, strict=True):
            e.store(e.masked_load(e.at(at[0], first), mask), e.at(at[1], first))
        return [ir.add(at[0], step), e.at(at[1], ROWS)]

    e.loop(depth, [start, to], column)


@emits(_emit_pack_tile)
def pack_tile(target: Tail, a: Matrix, rows: int, depth: int) -> None:
    """Columns of a, whose row step is 1, as one tile reads them: ROWS elements for each, of which the first `rows` are a's.

    Whole vectors are stored, so the target has room for one more.
    """
    for k in range(depth):
        window(target.data, target.at + k * ROWS, rows)[:] = window(a.data, a.at + k * a.column_step, rows)


@inner()
def left_pitch(depth: int, lanes: int) -> int:
    """Elements from one tile of a packed block of a to the next."""
    return ROWS * depth + max(ROWS, lanes)


@inner()
def pack_left(packed: Array, a: Matrix, rows: int, depth: int) -> None:
    """Copy a block of a, whose row step is 1, tile by tile."""
    tiles, pitch = (rows + ROWS - 1) // ROWS, left_pitch(depth, lanes_of(packed))
    for k in range(0, depth, LEFT_DEPTH):
        for i in range(tiles):
            first, height = tile_rows(i, tiles, rows)
            source = Matrix(a.data, a.at + first + k * a.column_step, 1, a.column_step)
            pack_tile(Tail(packed, i * pitch + k * ROWS), source, height, min(LEFT_DEPTH, depth - k))


@inner()
def fill_rows(target: Rows, rows: int, columns: int, bias: Tail, along: bool) -> None:
    """Rows of the bias: along each row, or one number for each."""
    if along:
        copy_rows(target, Rows(bias.data, bias.at, 0), columns, rows)
        return
    for r in range(rows):
        row = target.data[target.at + r * target.pitch : target.at + r * target.pitch + columns]
        for j in range(columns):
            row[j] = bias.data[bias.at + r]


class Work(NamedTuple):
    """What a thread works in. spare: sums of a block. strip: some of its columns, turned. left: a block of a, or nothing."""

    spare: Array
    strip: Array
    left: Array


@inner()
def multiply_block(
    a: Matrix, b: Panel, c: Rows, bias: Tail, rows: int, columns: int, p: Product, work: Work
) -> None:
    """`rows` rows of c by one panel of b, the depth in slices. What is ragged or to be turned is summed in `spare`."""
    lanes = lanes_of(b.data)
    vectors = panel_vectors(columns, lanes)
    width = vectors * lanes
    straight = columns == width and not p.turned
    target = c if straight else Rows(work.spare, 0, width)
    if bias.data.size:
        fill_rows(target, rows, columns, bias, not p.turned)
    elif p.adds and not straight:
        copy_rows(target, c, columns, rows)
    tiles = (rows + ROWS - 1) // ROWS
    for k in range(0, p.depth, DEPTH):
        panel, add = Panel(b.data, b.at + k * width, min(DEPTH, p.depth - k)), 1 if k or bias.data.size or p.adds else 0
        for i in range(tiles):
            first, height = tile_rows(i, tiles, rows)
            if work.left.size:
                left = Matrix(work.left, i * left_pitch(p.depth, lanes) + k * ROWS, 1, ROWS)
            else:
                left = Matrix(a.data, a.at + first * a.row_step + k * a.column_step, a.row_step, a.column_step)
            sums = Rows(target.data, target.at + first * target.pitch, target.pitch)
            if vectors == 1:
                tile1(height, left, panel, sums, add)
            elif vectors == 2:
                tile2(height, left, panel, sums, add)
            elif vectors == 3:
                tile3(height, left, panel, sums, add)
            else:
                tile(height, left, panel, sums, add)
    if p.turned:
        span = work.strip.size // lanes
        for j in range(0, columns, lanes):
            for q in range(0, rows, lanes):
                turn(Rows(work.strip, q, span), Rows(work.spare, q * width + j, width))
            turned = Rows(c.data, c.at + j * c.pitch, c.pitch)
            copy_rows(turned, Rows(work.strip, 0, span), rows, min(lanes, columns - j))
    elif columns < width:
        copy_rows(c, target, columns, rows)


@inner()
def pack_slices(depth: int) -> int:
    """In how many parts a panel is copied, which threads share."""
    return (depth + SLICE - 1) // SLICE


@jit(flat=True)
def pack(b: Array, packed: Array, p: Product, threads: int) -> None:
    """Copy b, a batch of matrices given flat, to panels: packed (batch, panels, depth, width)."""
    lanes = lanes_of(b)
    width = PANEL * lanes
    panels = (p.columns + width - 1) // width
    slices = pack_slices(p.depth)
    size, units = p.depth * width, p.batch * panels * slices
    for t in prange(threads):
        for v in range(t * units // threads, (t + 1) * units // threads):
            u, k = v // slices, v % slices * SLICE
            first, depth = u % panels * width, min(SLICE, p.depth - k)
            columns = min(width, p.columns - first)
            vectors = panel_vectors(columns, lanes)
            start = u // panels * p.depth * p.columns + first * p.b_column + k * p.b_depth
            source = Matrix(b, start, p.b_depth, p.b_column)
            pack_panel(Panel(packed, u * size + k * vectors * lanes, depth), source, columns, vectors)


@jit(flat=True)
def multiply(a: Array, packed: Array, bias: Array, c: Array, p: Product, threads: int) -> None:
    """c[i] = a[i] @ b[i] (+ bias) for a batch of matrices given flat, b in panels; every size at least 1.

    bias: one number for each column of c, or for each of its rows if they are turned; empty for none.
    """
    lanes = lanes_of(a)
    width = PANEL * lanes
    panels = (p.columns + width - 1) // width
    size = p.depth * width
    blocks = (p.rows + p.block_rows - 1) // p.block_rows
    units = p.batch * blocks * panels
    span = (p.block_rows + lanes - 1) // lanes * lanes
    copied = (p.block_rows + ROWS - 1) // ROWS * left_pitch(p.depth, lanes) if p.copied else 0
    for t in prange(threads):
        spare, strip = np.empty(span * width, a.dtype), np.empty(span * lanes if p.turned else 0, a.dtype)
        work, held = Work(spare, strip, np.empty(copied, a.dtype)), -1
        for u in range(t * units // threads, (t + 1) * units // threads):
            panel, block = u % panels, u // panels
            matrix, first = block // blocks, block % blocks * p.block_rows
            rows, columns = min(p.block_rows, p.rows - first), min(width, p.columns - panel * width)
            start = matrix * p.rows * p.depth + first * p.a_row
            left, right = Matrix(a, start, p.a_row, p.a_depth), Panel(packed, (matrix * panels + panel) * size, p.depth)
            if p.copied and block != held:
                pack_left(work.left, left, rows, p.depth)
                held = block
            column = panel * width
            to = matrix * p.rows * p.columns
            to += column * p.rows + first if p.turned else first * p.columns + column
            target, row = Rows(c, to, p.rows if p.turned else p.columns), Tail(bias, first if p.turned else column)
            multiply_block(left, right, target, row, rows, columns, p, work)


@inner()
def dot(a: Array, b: Array) -> Any:
    total = a.dtype.type(0)
    for k in range(a.size):
        total += a[k] * b[k]
    return total


@inner(exact=True)
def scale_row(x: Array, factor: Any, y: Array) -> None:
    """y = x factor."""
    for i in range(x.size):
        y[i] = x[i] * factor


@jit(flat=True)
def outer(a: Array, b: Array, c: Array, rows: int, columns: int, threads: int) -> None:
    """Outer products of vectors a and b, of which there are as many: c[i, r] = a[i, r] b[i], all of them in one row."""
    for t in prange(threads):
        for u in range(t * a.size // threads, (t + 1) * a.size // threads):
            i = u // rows
            scale_row(b[i * columns : (i + 1) * columns], a[u], c[u * columns : (u + 1) * columns])
