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
from .panels import PANEL, ROWS, left_pitch, pack_left, pack_panel, pack_rows, panel_vectors, tile_rows, turn
from .prefetch import fetch_line
from .vector import MANY_REGISTERS, Emitter, Value, copy_rows, copy_to, emits, int64, lanes_of
from .views import Matrix, Panel, Rows, Tail, head, row_of, window

SLICE = 512  # rows of a panel that one thread copies
LEFT_PANELS = 1 << 62 if MANY_REGISTERS else 3  # with more panels than these, a block of a whose columns are dense is copied
LEFT_BLOCK = 1 << 16  # elements of such a block, which panels of b pass by from the second-level cache
DEPTH = 256  # rows of a panel used in one go: 64 KiB at 64 bytes a vector, well within the second-level cache


def _emit_tile(e: Emitter, rows: Value, left: Matrix, b: Panel, begin: Rows, out: Rows, vectors: int) -> None:
    ahead, panel = e.b.mul(left.column_step, int64(e.size)), e.start(b)
    firsts, steps = [e.start(x) for x in (left, begin, out)], (left.row_step, begin.pitch, out.pitch)
    for height in range(1, ROWS + 1):
        with e.b.if_then(e.b.icmp_signed("==", rows, int64(height))):
            places = [[at] for at in firsts]
            for found, step in zip(places, steps, strict=True):
                for _ in range(height - 1):
                    found.append(e.at(found[-1], step))
            starts, begins, targets = places
            sums = [e.load(e.at(at, e.lanes * j)) for at in begins for j in range(vectors)]
            for target in targets:  # at the end of its part of the row: where that begins, the panel before has been
                fetch_line(e, e.at(target, e.lanes * vectors - 1), write=True, near=3)
            sums = emit_sums(e, starts, lambda k: e.b.mul(k, ahead), panel, b.depth, sums, vectors)
            for i, value in enumerate(sums):
                e.store(value, e.at(targets[i // vectors], e.lanes * (i % vectors)))


def emit_sums(
    e: Emitter, starts: list[Value], offset_of: Callable[[Value], Value], b: Value, depth: Value, sums: list[Value],
    vectors: int = PANEL,
) -> list[Value]:  # fmt: skip
    """Rows by `vectors` vectors of sums, which stay in registers while the depth passes by.

    starts: where each row of a lies; offset_of: bytes from a row's start to its element k. sums: what they begin with.
    """
    ir = e.b

    def step(k: Value, sums: list[Value]) -> list[Value]:
        offset, columns = offset_of(k), e.vectors(b, ir.mul(k, int64(vectors)))
        here = [e.load(e.at(columns, e.lanes * j)) for j in range(vectors)]
        new = []
        for m, start in enumerate(starts):
            value = e.broadcast(ir.add(start, offset))
            new += [e.fma(value, here[j], sums[m * vectors + j]) for j in range(vectors)]
        return new

    return e.loop(depth, sums, step)


def make_tile(vectors: int) -> Callable[..., None]:
    """The tile over a panel of so many vectors."""

    def emit(e: Emitter, rows: Value, left: Matrix, b: Panel, begin: Rows, out: Rows) -> None:
        _emit_tile(e, rows, left, b, begin, out, vectors)

    @emits(emit)
    def tile(rows: int, left: Matrix, b: Panel, begin: Rows, out: Rows) -> None:
        """out[m] = begin[m] + sum over k < b.depth of left[m, k] * b[k], for m < rows <= ROWS; the depth is at least 1.

        begin may be out itself, or one row for all if its pitch is 0.
        """
        width = vectors * lanes_of(b.data)
        columns = head(b, b.depth * width).reshape(b.depth, width)
        for m in range(rows):
            reach = (b.depth - 1) * left.column_step + 1
            values = window(left.data, left.at + m * left.row_step, reach)[:: left.column_step]
            row_of(out, m, width)[:] = row_of(begin, m, width) + values @ columns

    return tile


tile, tile3, tile2, tile1 = make_tile(PANEL), make_tile(3), make_tile(2), make_tile(1)


class Product(NamedTuple):
    """Sizes of a batch of products, and the steps to the next row or column, in elements.

    block_rows: rows of c per unit of work. turned: whether c is wanted transposed, as (columns, rows). adds: whether the product
    is added to what c holds, which needs a depth of at most DEPTH, no bias, and c as it is. copied: whether a block of a, whose
    columns must be dense, is copied before its products. by_rows: whether the bias has a number for each row of c as it is
    wanted, not for each column.
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
    by_rows: bool = False


@inner()
def fill_rows(target: Array, numbers: Array) -> None:
    """Rows as wide as a panel, of one number each."""
    width = PANEL * lanes_of(target)
    for r in range(numbers.size):
        for j in range(width):
            target[r * width + j] = numbers[r]


class Work(NamedTuple):
    """What a thread works in.

    spare: sums of a block. strip: some of its columns, turned. left: a block of a, or nothing. begins: what the sums begin with,
    a row for each of the block's if they differ, else one.
    """

    spare: Array
    strip: Array
    left: Array
    begins: Array
    bias: Array


@inner()
def multiply_block(a: Matrix, b: Panel, c: Rows, rows: int, columns: int, p: Product, work: Work) -> None:
    """`rows` rows of c by one panel of b, the depth in slices. What is ragged or to be turned is summed in `spare`."""
    lanes = lanes_of(b.data)
    vectors = panel_vectors(columns, lanes)
    width = vectors * lanes
    straight = columns == width and not p.turned
    target = c if straight else Rows(work.spare, 0, width)
    if p.adds and not straight:
        copy_rows(target, c, columns, rows)
    tiles, several = (rows + ROWS - 1) // ROWS, work.begins.size > PANEL * lanes
    for k in range(0, p.depth, DEPTH):
        panel = Panel(b.data, b.at + k * width, min(DEPTH, p.depth - k))
        for i in range(tiles):
            first, height = tile_rows(i, tiles, rows)
            if work.left.size:
                left = Matrix(work.left, i * left_pitch(p.depth, lanes) + k * ROWS, 1, ROWS)
            else:
                left = Matrix(a.data, a.at + first * a.row_step + k * a.column_step, a.row_step, a.column_step)
            sums = Rows(target.data, target.at + first * target.pitch, target.pitch)
            begin = sums
            if k == 0 and not p.adds:
                begin = Rows(work.begins, first * PANEL * lanes, PANEL * lanes) if several else Rows(work.begins, 0, 0)
            if vectors == 1:
                tile1(height, left, panel, begin, sums)
            elif vectors == 2:
                tile2(height, left, panel, begin, sums)
            elif vectors == 3:
                tile3(height, left, panel, begin, sums)
            else:
                tile(height, left, panel, begin, sums)
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
    if p.b_column == 1:
        for t in prange(threads):
            first = t * p.depth // threads
            for matrix in range(p.batch):
                source = Matrix(b, matrix * p.depth * p.columns, p.b_depth, 1)
                to = Tail(packed, matrix * panels * size)
                pack_rows(to, source, p.columns, first, (t + 1) * p.depth // threads - first, p.depth)
        return
    for t in prange(threads):
        for v in range(t * units // threads, (t + 1) * units // threads):
            u, k = v // slices, v % slices * SLICE
            first, depth = u % panels * width, min(SLICE, p.depth - k)
            columns = min(width, p.columns - first)
            vectors = panel_vectors(columns, lanes)
            start = u // panels * p.depth * p.columns + first * p.b_column + k * p.b_depth
            source = Matrix(b, start, p.b_depth, p.b_column)
            pack_panel(Panel(packed, u * size + k * vectors * lanes, depth), source, columns, vectors)


@inner()
def room_for(p: Product, a: Array, bias: Array) -> Work:
    """What a thread works in."""
    lanes = lanes_of(a)
    begins = np.zeros((p.block_rows if bias.size and p.turned != p.by_rows else 1) * PANEL * lanes, a.dtype)
    span = (p.block_rows + lanes - 1) // lanes * lanes
    copied = (p.block_rows + ROWS - 1) // ROWS * left_pitch(p.depth, lanes) if p.copied else 0
    spare, strip = np.empty(span * PANEL * lanes, a.dtype), np.empty(span * lanes if p.turned else 0, a.dtype)
    return Work(spare, strip, np.empty(copied, a.dtype), begins, bias)


@inner()
def multiply_unit(
    a: Tail, packed: Tail, c: Tail, block: int, panel: int, fresh: bool, p: Product, work: Work
) -> None:
    """A block of rows of c by one panel. a, packed, c: where the matrices begin. fresh: whether it is another block."""
    width, first = PANEL * lanes_of(a.data), block * p.block_rows
    column = panel * width
    rows, columns = min(p.block_rows, p.rows - first), min(width, p.columns - column)
    left = Matrix(a.data, a.at + first * p.a_row, p.a_row, p.a_depth)
    if fresh and p.copied:
        pack_left(work.left, left, rows, p.depth)
    if work.bias.size and p.turned == p.by_rows:
        copy_to(work.begins, work.bias[column : column + columns])
    elif work.bias.size and fresh:
        fill_rows(work.begins, work.bias[first : first + rows])
    to = c.at + (column * p.rows + first if p.turned else first * p.columns + column)
    target = Rows(c.data, to, p.rows if p.turned else p.columns)
    multiply_block(left, Panel(packed.data, packed.at + column * p.depth, p.depth), target, rows, columns, p, work)


@jit(flat=True)
def multiply(a: Array, packed: Array, bias: Array, c: Array, p: Product, threads: int) -> None:
    """c[i] = a[i] @ b[i] (+ bias) for a batch of matrices given flat, b in panels; every size at least 1.

    bias: one number for each column of c, or for each of its rows if they are turned; empty for none.
    """
    width = PANEL * lanes_of(a)
    panels = (p.columns + width - 1) // width
    blocks = (p.rows + p.block_rows - 1) // p.block_rows
    units = p.batch * blocks * panels
    for t in prange(threads):
        work, held = room_for(p, a, bias), -1
        for u in range(t * units // threads, (t + 1) * units // threads):
            panel, block = u % panels, u // panels
            matrix = block // blocks
            left, right = Tail(a, matrix * p.rows * p.depth), Tail(packed, matrix * panels * p.depth * width)
            multiply_unit(left, right, Tail(c, matrix * p.rows * p.columns), block % blocks, panel, block != held, p, work)
            held = block


@jit(flat=True)
def multiply_each(
    a: Array, b: Array, bias: Array, c: Array, p: Product, a_next: int, b_next: int, threads: int
) -> None:
    """The same, each matrix of b copied to panels just before its products, while they stay in the cache.

    a_next, b_next: from one matrix to the next, 0 for one that all share.
    """
    lanes = lanes_of(a)
    width = PANEL * lanes
    panels = (p.columns + width - 1) // width
    blocks = (p.rows + p.block_rows - 1) // p.block_rows
    for t in prange(threads):
        work, packed, held = room_for(p, a, bias), np.empty(panels * width * p.depth, a.dtype), -1
        for matrix in range(t * p.batch // threads, (t + 1) * p.batch // threads):
            wanted = b_next or held < 0
            if wanted and p.b_column == 1:
                pack_rows(Tail(packed, 0), Matrix(b, matrix * b_next, p.b_depth, 1), p.columns, 0, p.depth, p.depth)
            for turned in range(panels if wanted and p.b_column != 1 else 0):
                columns = min(width, p.columns - turned * width)
                source = Matrix(b, matrix * b_next + turned * width * p.b_column, p.b_depth, p.b_column)
                right = Panel(packed, turned * width * p.depth, p.depth)
                pack_panel(right, source, columns, panel_vectors(columns, lanes))
            held = matrix
            left, to = Tail(a, matrix * a_next), Tail(c, matrix * p.rows * p.columns)
            for u in range(blocks * panels):
                panel = u % panels
                multiply_unit(left, Tail(packed, 0), to, u // panels, panel, panel == 0, p, work)


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
