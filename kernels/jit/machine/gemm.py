"""A whole matrix product from one register tile: c = a @ b for each matrix of a batch.

b is copied into panels (see panels.py). a is read one element at a time, broadcast to a vector. Its rows are read where they lie,
if they are dense. If its columns are, a tile uses six elements of a line of the cache and comes back to it for every panel of b:
where those are narrow and many, a block of a is copied too.

Of a stack a thread has whole matrices, and copies each to panels just before its product; else threads share out first the panels
to copy, then the (rows, panel) blocks of c. A product may also be asked for with the roles of the operands exchanged, c' = b' a':
its blocks are turned on their way into c.
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
TALL = 2 * ROWS  # rows of the tile over one vector: with six sums it would wait for each before it could add to it
DEPTH = 256  # rows of a panel used in one go: 64 KiB at 64 bytes a vector, well within the second-level cache


def _emit_tile(e: Emitter, rows: Value, left: Matrix, b: Panel, begin: Matrix, out: Rows, shape: tuple[int, int, int]) -> None:
    vectors, tallest, fetched = shape
    ahead, panel = e.b.mul(left.column_step, int64(e.size)), e.start(b)
    firsts, steps = [e.start(x) for x in (left, begin, out)], (left.row_step, begin.row_step, out.pitch)
    beginnings = [e.b.mul(begin.column_step, int64(e.size * e.lanes * j)) for j in range(vectors)]
    for height in range(1, tallest + 1):
        with e.b.if_then(e.b.icmp_signed("==", rows, int64(height))):
            places = [[at] for at in firsts]
            for found, step in zip(places, steps, strict=True):
                for _ in range(height - 1):
                    found.append(e.at(found[-1], step))
            starts, begins, targets = places
            for target in targets:  # at the ends of vectors: the line where the first begins, the panel before has been in
                for j in range(vectors - fetched, vectors):
                    fetch_line(e, e.at(target, e.lanes * (j + 1) - 1), write=True, near=3)
            for i, value in enumerate(emit_sums(e, starts, lambda k: e.b.mul(k, ahead), panel, b.depth, vectors)):
                row, j = i // vectors, i % vectors
                first = e.load(e.b.add(begins[row], beginnings[j]))  # added last: a large bias would round every sum after it
                e.store(e.b.fadd(first, value), e.at(targets[row], e.lanes * j))


def emit_sums(
    e: Emitter, starts: list[Value], offset_of: Callable[[Value], Value], b: Value, depth: Value, vectors: int = PANEL
) -> list[Value]:  # fmt: skip
    """Rows by `vectors` vectors of sums, which stay in registers while the depth passes by.

    starts: where each row of a lies; offset_of: bytes from a row's start to its element k.
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

    return e.loop(depth, [e.zero] * (len(starts) * vectors), step)


def emit_product(
    e: Emitter, starts: list[Value], offset_of: Callable[[Value], Value], b: Panel, targets: list[Value], add: Value, vectors: int
) -> None:
    """The sums of emit_sums, stored to the rows that begin at targets, or added to what they hold."""
    for target in targets:
        fetch_line(e, target, write=True, near=3)
    sums = emit_sums(e, starts, offset_of, e.start(b), b.depth, vectors)
    cells = [e.at(target, e.lanes * j) for target in targets for j in range(vectors)]
    with e.b.if_else(e.b.icmp_signed("!=", add, int64(0))) as (adding, storing):
        with adding:
            for value, cell in zip(sums, cells, strict=True):
                e.store(e.b.fadd(e.load(cell), value), cell)
        with storing:
            for value, cell in zip(sums, cells, strict=True):
                e.store(value, cell)


def beginning_of(begin: Matrix, row: int, vectors: int) -> Array:
    """What the sums of a row begin with."""
    lanes = lanes_of(begin.data)
    count = vectors if begin.column_step else 1
    return np.tile(window(begin.data, begin.at + row * begin.row_step, count * lanes), vectors // count)


def make_tile(vectors: int, tallest: int = ROWS, fetched: int = 1) -> Callable[..., None]:
    """The tile over a panel of so many vectors, for up to `tallest` rows. fetched: how many of the vectors that it writes to, of
    each row, it has brought into the cache first: all, where out is large and written once.
    """

    def emit(e: Emitter, rows: Value, left: Matrix, b: Panel, begin: Matrix, out: Rows) -> None:
        _emit_tile(e, rows, left, b, begin, out, (vectors, tallest, fetched))

    @emits(emit)
    def tile(rows: int, left: Matrix, b: Panel, begin: Matrix, out: Rows) -> None:
        """out[m] = begin[m] + sum over k < b.depth of left[m, k] * b[k], for m < rows <= tallest; the depth is at least 1.

        begin may be out itself, one row for all if its row step is 0, or a single vector for each row if its column step is 0.
        """
        width = vectors * lanes_of(b.data)
        columns = head(b, b.depth * width).reshape(b.depth, width)
        for m in range(rows):
            reach = (b.depth - 1) * left.column_step + 1
            values = window(left.data, left.at + m * left.row_step, reach)[:: left.column_step]
            row_of(out, m, width)[:] = beginning_of(begin, m, vectors) + values @ columns

    return tile


tile, tile3, tile2, tile1 = make_tile(PANEL), make_tile(3), make_tile(2), make_tile(1, TALL)


class Product(NamedTuple):
    """Sizes of a batch of products, and the steps to the next row or column, in elements.

    block_rows: rows of c per unit of work. turned: whether c is wanted transposed, as (columns, rows). adds: whether the product
    is added to what c holds, which needs a depth of at most DEPTH, no bias, and c as it is. copied: whether a block of a, whose
    columns must be dense, is copied before its products. a_next, b_next: from one matrix to the next, 0 for one that all share.
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
    a_next: int = 0
    b_next: int = 0


@inner()
def fill_rows(target: Array, numbers: Array) -> None:
    """Vectors of one number each."""
    lanes = lanes_of(target)
    for r in range(numbers.size):
        for j in range(lanes):
            target[r * lanes + j] = numbers[r]


@inner()
def begins_by_rows(bias: Array, p: Product) -> bool:
    """Whether each row of the product as it is computed has a number of the bias, which its columns have as it is wanted."""
    return bool(bias.size > 0 and p.turned)


class Work(NamedTuple):
    """What a thread works in.

    spare: sums of a block. strip: some of its columns, turned. left: a block of a, or nothing. begins: what the sums begin with,
    a vector for each of the block's rows if they differ, else one row.
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
    high, several = TALL if vectors == 1 and work.left.size == 0 else ROWS, begins_by_rows(work.bias, p)
    tiles = (rows + high - 1) // high
    for k in range(0, p.depth, DEPTH):
        panel = Panel(b.data, b.at + k * width, min(DEPTH, p.depth - k))
        for i in range(tiles):
            first, height = tile_rows(i, tiles, rows)
            if work.left.size:
                left = Matrix(work.left, i * left_pitch(p.depth, lanes) + k * ROWS, 1, ROWS)
            else:
                left = Matrix(a.data, a.at + first * a.row_step + k * a.column_step, a.row_step, a.column_step)
            sums = Rows(target.data, target.at + first * target.pitch, target.pitch)
            begin = Matrix(sums.data, sums.at, sums.pitch, 1)
            if k == 0 and not p.adds:
                begin = Matrix(work.begins, first * lanes, lanes, 0) if several else Matrix(work.begins, 0, 0, 1)
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
    begins = np.zeros(max(PANEL, p.block_rows if begins_by_rows(bias, p) else 0) * lanes, a.dtype)
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
    if begins_by_rows(work.bias, p):
        if fresh:
            fill_rows(work.begins, work.bias[first : first + rows])
    elif work.bias.size:
        copy_to(work.begins, work.bias[column : column + columns])
    to = c.at + (column * p.rows + first if p.turned else first * p.columns + column)
    target = Rows(c.data, to, p.rows if p.turned else p.columns)
    multiply_block(left, Panel(packed.data, packed.at + column * p.depth, p.depth), target, rows, columns, p, work)


@inner()
def pack_matrix(b: Tail, packed: Array, p: Product) -> None:
    """Copy one matrix to panels."""
    lanes = lanes_of(packed)
    width = PANEL * lanes
    if p.b_column == 1:
        pack_rows(Tail(packed, 0), Matrix(b.data, b.at, p.b_depth, 1), p.columns, 0, p.depth, p.depth)
        return
    for column in range(0, p.columns, width):
        columns = min(width, p.columns - column)
        source = Matrix(b.data, b.at + column * p.b_column, p.b_depth, p.b_column)
        pack_panel(Panel(packed, column * p.depth, p.depth), source, columns, panel_vectors(columns, lanes))


@jit(flat=True)
def multiply(a: Array, b: Array, packed: Array, bias: Array, c: Array, p: Product, threads: int) -> None:
    """c[i] = a[i] @ b[i] (+ bias) for a batch of matrices given flat; every size at least 1.

    packed: b in panels, from which threads share the work of each matrix. Empty: a thread has whole matrices, and copies each to
    panels just before its products, while they stay in the cache. bias: a number for each column of c as it is wanted, or empty.
    """
    width = PANEL * lanes_of(a)
    panels = (p.columns + width - 1) // width
    blocks = (p.rows + p.block_rows - 1) // p.block_rows
    each, size, apart = blocks * panels, panels * width * p.depth, packed.size == 0
    units, together = (p.batch, each) if apart else (p.batch * each, 1)
    for t in prange(threads):
        work, own = room_for(p, a, bias), np.empty(size if apart else 0, a.dtype)
        held, block_held = -1, -1
        for u in range(t * units // threads * together, (t + 1) * units // threads * together):
            panel, block, matrix = u % panels, u // panels, u // each
            if apart and matrix != held and (p.b_next or held < 0):
                pack_matrix(Tail(b, matrix * p.b_next), own, p)
            held = matrix
            right = Tail(own, 0) if apart else Tail(packed, matrix * size)
            left, to = Tail(a, matrix * p.a_next), Tail(c, matrix * p.rows * p.columns)
            multiply_unit(left, right, to, block % blocks, panel, block != block_held, p, work)
            block_held = block


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
