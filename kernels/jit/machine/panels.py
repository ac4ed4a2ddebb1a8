"""Operands of matrix products as the register tile reads them.

The right operand is cut into panels of a few vectors of columns, its depth outermost. Where it lies transposed, squares of
`lanes` x `lanes` elements are turned in registers on the way. Of the left operand a block may be copied tile by tile.
"""

from __future__ import annotations

import numpy as np

from ...types import Array
from .compile import inner
from .vector import MANY_REGISTERS, Emitter, Value, clear, copy_rows, emits, int64, lanes_of
from .views import Matrix, Panel, Rows, Tail, head, row_of, window

ROWS = 6  # rows of the tile
PANEL = 4 if MANY_REGISTERS else 2  # vectors, the tile's width: 24 sums of 32 registers, or 12 of 16
LEFT_DEPTH = 64  # columns of a that are copied tile by tile: they stay in the first-level cache meanwhile
ACROSS = 16  # panels that are filled together: their part of a row is read in one go, and their places stay in the cache


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


def _emit_copy_across(e: Emitter, panels: Rows, b: Matrix, count: Value, rows: Value) -> None:
    ir, width = e.b, e.lanes * PANEL
    ahead, step = ir.mul(b.row_step, int64(e.size)), ir.mul(panels.pitch, int64(e.size))

    def row(_: Value, at: list[Value]) -> list[Value]:
        def piece(_: Value, here: list[Value]) -> list[Value]:
            for j in range(PANEL):
                e.store(e.load(e.at(here[1], e.lanes * j)), e.at(here[0], e.lanes * j))
            return [ir.add(here[0], step), e.at(here[1], width)]

        e.loop(count, at, piece)
        return [e.at(at[0], width), ir.add(at[1], ahead)]

    with e.when_positive(ir.mul(count, rows)):
        e.loop(rows, [e.start(panels), e.start(b)], row)


@emits(_emit_copy_across)
def copy_across(panels: Rows, b: Matrix, count: int, rows: int) -> None:
    """Rows of b, whose column step is 1, cut into so many whole panels: each is read from one end to the other.

    panels: the same row of each panel.
    """
    width = PANEL * lanes_of(b.data)
    for k in range(rows):
        for panel in range(count):
            source = window(b.data, b.at + k * b.row_step + panel * width, width)
            window(panels.data, panels.at + panel * panels.pitch + k * width, width)[:] = source


@inner()
def pack_rows(packed: Tail, b: Matrix, columns: int, first: int, rows: int, depth: int) -> None:
    """Rows of a matrix, from the first on, to all of its panels; depth: of the matrix."""
    lanes = lanes_of(b.data)
    width = PANEL * lanes
    whole, start = columns // width, b.at + first * b.row_step
    for done in range(0, whole, ACROSS):
        panels = Rows(packed.data, packed.at + (done * depth + first) * width, depth * width)
        copy_across(panels, Matrix(b.data, start + done * width, b.row_step, 1), min(ACROSS, whole - done), rows)
    if columns > whole * width:
        rest = columns - whole * width
        vectors = panel_vectors(rest, lanes)
        panel = Panel(packed.data, packed.at + (whole * depth * PANEL + first * vectors) * lanes, rows)
        pack_panel(panel, Matrix(b.data, start + whole * width, b.row_step, 1), rest, vectors)


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
