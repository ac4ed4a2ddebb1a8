"""One matrix times a stack of matrices, as a convolution of single pixels has it: y[n] = w @ x[n] (+ bias).

The columns of all matrices are taken as one row of columns, and that is cut into panels: a panel may begin in one matrix and end
in another, so only the last of all has lanes to spare. The product with a panel that lies in one matrix is written where it
belongs; of another, the sums are copied there in pieces. While a panel is multiplied, what comes next is brought into the cache.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import prange

from ...types import Array
from .compile import inner, jit
from .gemm import DEPTH, TALL, fill_rows, make_tile
from .panels import PANEL, ROWS, panel_vectors, tile_rows
from .prefetch import expect_rows
from .vector import VECTOR_BYTES, copy_rows, lanes_of
from .views import Matrix, Panel, Rows

TOGETHER = 128 * 4 // (PANEL * VECTOR_BYTES)
"""Panels that each block of w passes by from the nearer cache: as many as hold 128 numbers of float32 for each row of x."""

BLOCK_ROWS = 16 * ROWS
"""Rows of w that do so."""

tile, tile3, tile2 = (make_tile(vectors, fetched=vectors) for vectors in (PANEL, 3, 2))
tile1 = make_tile(1, TALL)


class Maps(NamedTuple):
    """w is (rows, depth), and each of the `batch` matrices of x (depth, columns)."""

    batch: int
    rows: int
    depth: int
    columns: int


class Part(NamedTuple):
    """`count` columns, which begin at column `at` of matrix number `matrix` and may go on in the next ones."""

    matrix: int
    at: int
    count: int


class Work(NamedTuple):
    """The operands, and what a thread works in: panels of x, what the sums of each row begin with, and sums on their way to y."""

    w: Array
    x: Array
    y: Array
    packed: Array
    begins: Array
    spare: Array


@inner()
def part_of(panel: int, lanes: int, m: Maps) -> Part:
    """The columns of a panel; none beyond the last."""
    column = panel * PANEL * lanes
    return Part(column // m.columns, column % m.columns, min(PANEL * lanes, m.batch * m.columns - column))


@inner()
def pack_part(work: Work, first: int, part: Part, m: Maps) -> None:
    """Copy columns to a panel, which begins at element `first`. Lanes to spare are left as they are."""
    width = panel_vectors(part.count, lanes_of(work.x)) * lanes_of(work.x)
    done, n, at = 0, part.matrix, part.at
    while done < part.count:
        count = min(part.count - done, m.columns - at)
        source = Rows(work.x, n * m.depth * m.columns + at, m.columns)
        copy_rows(Rows(work.packed, first + done, width), source, count, m.depth)
        done, n, at = done + count, n + 1, 0


@inner()
def write_part(work: Work, part: Part, first: int, rows: int, m: Maps) -> None:
    """Copy rows of sums, which lie in `spare`, to the columns of y."""
    width = panel_vectors(part.count, lanes_of(work.y)) * lanes_of(work.y)
    done, n, at = 0, part.matrix, part.at
    while done < part.count:
        count = min(part.count - done, m.columns - at)
        target = Rows(work.y, (n * m.rows + first) * m.columns + at, m.columns)
        copy_rows(target, Rows(work.spare, done, width), count, rows)
        done, n, at = done + count, n + 1, 0


@inner()
def expect_part(work: Work, part: Part, first: int, rows: int, m: Maps) -> None:
    """Have some rows of the columns of x brought into the cache."""
    done, n, at = 0, part.matrix, part.at
    while done < part.count:
        count = min(part.count - done, m.columns - at)
        expect_rows(Rows(work.x, (n * m.depth + first) * m.columns + at, m.columns), count, rows)
        done, n, at = done + count, n + 1, 0


@inner()
def multiply_part(work: Work, at: int, part: Part, after: Part, block: int, m: Maps) -> None:
    """The rows of y of a block, by the panel that begins at element `at`; after: what is packed after these panels."""
    lanes = lanes_of(work.x)
    begin_row, rows = block * BLOCK_ROWS, min(BLOCK_ROWS, m.rows - block * BLOCK_ROWS)
    vectors = panel_vectors(part.count, lanes)
    width, high = vectors * lanes, TALL if vectors == 1 else ROWS
    straight, tiles = part.count == width and part.at + width <= m.columns, (rows + high - 1) // high
    for k in range(0, m.depth, DEPTH):
        panel = Panel(work.packed, at + k * width, min(DEPTH, m.depth - k))
        for i in range(tiles):
            first, height = tile_rows(i, tiles, rows)
            row = begin_row + first
            if k == 0:  # spread over the tiles: so many lines can be on their way at once, and no more
                begin, end = row * m.depth // m.rows, (row + height) * m.depth // m.rows
                expect_part(work, after, begin, end - begin, m)
            if straight:
                sums = Rows(work.y, (part.matrix * m.rows + row) * m.columns + part.at, m.columns)
            else:
                sums = Rows(work.spare, first * width, width)
            start = Matrix(work.begins, row * lanes, lanes, 0) if k == 0 else Matrix(sums.data, sums.at, sums.pitch, 1)
            left = Matrix(work.w, row * m.depth + k, m.depth, 1)
            if vectors == 1:
                tile1(height, left, panel, start, sums)
            elif vectors == 2:
                tile2(height, left, panel, start, sums)
            elif vectors == 3:
                tile3(height, left, panel, start, sums)
            else:
                tile(height, left, panel, start, sums)
    if not straight:
        write_part(work, part, begin_row, rows, m)


@jit(flat=True)
def map_stack(w: Array, x: Array, bias: Array, y: Array, m: Maps, threads: int) -> None:
    """y[n] = w @ x[n] + bias of arrays given flat, no size zero; bias: a number for each row, or nothing."""
    lanes = lanes_of(x)
    width = PANEL * lanes
    panels, blocks = (m.batch * m.columns + width - 1) // width, (m.rows + BLOCK_ROWS - 1) // BLOCK_ROWS
    for t in prange(threads):
        begins = np.zeros(m.rows * lanes, x.dtype)
        packed, spare = np.zeros(TOGETHER * m.depth * width, x.dtype), np.empty(min(m.rows, BLOCK_ROWS) * width, x.dtype)
        if bias.size:
            fill_rows(begins, bias)
        work, last = Work(w, x, y, packed, begins, spare), (t + 1) * panels // threads
        for u in range(t * panels // threads, last, TOGETHER):
            count = min(TOGETHER, last - u)
            for q in range(count):
                pack_part(work, q * m.depth * width, part_of(u + q, lanes, m), m)
            for block in range(blocks):
                for q in range(count):
                    after = part_of(u + q + TOGETHER, lanes, m) if u + q + TOGETHER < last else Part(0, 0, 0)
                    multiply_part(work, q * m.depth * width, part_of(u + q, lanes, m), after, block, m)
