"""The pieces of attention: blocks of scores with queries along the vectors and keys below each other.

Scores stand transposed, (keys, queries). A block of queries is then a panel of the tile of gemm.py for all products with it,
keys and values are read where they lie or from a copy of one head's, and the softmax over the keys goes down the lanes of a
vector: nothing is ever added across lanes.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ...types import Array
from .compile import inner
from .gemm import TALL, dot, tile, tile1, tile2
from .panels import PANEL, ROWS, tile_rows, turn
from .vector import Emitter, Value, clear, copy_rows, emits, int64, lanes_of
from .views import Matrix, Panel, Rows, row_of, rows_from
from .weights import each_column, hide_corner


class Heads(NamedTuple):
    """Matrices of all heads of a batch: row r of head h of sample b begins at data[b * batch + h * head + r * row]."""

    data: Array
    batch: int
    head: int
    row: int


class Masks(NamedTuple):
    """A mask, turned: of key s and query l it is data[b * batch + h * head + s * key + l * query]; no data, no mask.

    query is 1, or 0 if the mask is the same for all queries. hides: whether -Inf hides a key whatever its score.
    """

    data: Array
    batch: int
    head: int
    key: int
    query: int
    hides: bool


class Sizes(NamedTuple):
    """Sizes of one call, the factor of the scores, and whether a query sees the keys up to its own number alone.

    parts: units of work that the queries of one head are divided among, backward.
    """

    samples: int
    heads: int
    queries: int
    keys: int
    depth: int
    width: int
    scale: float
    causal: bool
    parts: int


class Place(NamedTuple):
    """A block of queries of one head. finite: whether no weight of 0 can meet Inf there."""

    sample: int
    head: int
    first: int
    queries: int
    finite: bool


@inner(inline=True)
def vectors_for(columns: int, lanes: int) -> int:
    """Vectors of the narrowest panel that holds so many columns, or of the widest."""
    return 1 if columns <= lanes else 2 if columns <= 2 * lanes else PANEL


@inner()
def padded(columns: int, lanes: int) -> int:
    """Columns of all panels that hold so many."""
    width = PANEL * lanes
    rest = columns % width
    return columns - rest + (vectors_for(rest, lanes) * lanes if rest else 0)


@inner()
def start_of(x: Heads, p: Place) -> int:
    """Where the rows of a head begin."""
    return p.sample * x.batch + p.head * x.head


@inner()
def multiply_rows(left: Matrix, panel: Panel, out: Rows, rows: int, vectors: int, begin: Rows) -> None:
    """out = begin + left @ panel, for so many rows of left and a panel of so many vectors; a depth of 0 is allowed.

    begin: out itself, or one row of zeros, whose pitch is 0.
    """
    if panel.depth == 0:
        for r in range(0 if begin.pitch else rows):
            clear(out.data[out.at + r * out.pitch : out.at + r * out.pitch + vectors * lanes_of(out.data)])
        return
    high = TALL if vectors == 1 else ROWS
    count = (rows + high - 1) // high
    for i in range(count):
        first, height = tile_rows(i, count, rows)
        source = Matrix(left.data, left.at + first * left.row_step, left.row_step, left.column_step)
        start, target = Matrix(begin.data, begin.at + first * begin.pitch, begin.pitch, 1), rows_from(out, first)
        if vectors == PANEL:
            tile(height, source, panel, start, target)
        elif vectors == 2:
            tile2(height, source, panel, start, target)
        else:
            tile1(height, source, panel, start, target)


@inner()
def pack_columns(target: Array, source: Rows, columns: int, rows: int) -> None:
    """Copy a matrix into panels of its columns, one after the other, each `rows` deep."""
    lanes = lanes_of(target)
    width, at = PANEL * lanes, 0
    for c in range(0, columns, width):
        here = vectors_for(columns - c, lanes) * lanes
        copy_rows(Rows(target, at, here), Rows(source.data, source.at + c, source.pitch), min(here, columns - c), rows)
        at += here * rows


@inner()
def turn_columns(target: Rows, panels: Array, columns: int, rows: int, room: int) -> None:
    """What pack_columns has packed, turned: target (columns, rows). Whole squares, so `room` rows of panels are read."""
    lanes = lanes_of(panels)
    width, at = PANEL * lanes, 0
    for c in range(0, columns, width):
        here = vectors_for(columns - c, lanes) * lanes
        for j in range(0, min(here, columns - c), lanes):
            for r in range(0, room, lanes):
                square = Rows(target.data, target.at + (c + j) * target.pitch + r, target.pitch)
                turn(square, Rows(panels, at + r * here + j, here))
        at += here * rows


@inner()
def multiply_columns(left: Matrix, panels: Array, out: Rows, rows: int, columns: int, depth: int) -> None:
    """out += left @ the matrix that pack_columns has packed, which is `depth` deep; out has room for whole panels."""
    lanes = lanes_of(panels)
    width, at = PANEL * lanes, 0
    for c in range(0, columns, width):
        vectors = vectors_for(columns - c, lanes)
        sums = Rows(out.data, out.at + c, out.pitch)
        multiply_rows(left, Panel(panels, at, depth), sums, rows, vectors, sums)
        at += vectors * lanes * depth


@inner()
def store_turned(target: Rows, sums: Rows, spare: Array, columns: int, rows: int) -> None:
    """target (rows, columns) = sums (columns, rows), by squares; spare: room for the rows and columns of whole squares."""
    lanes = lanes_of(spare)
    pitch = (columns + lanes - 1) // lanes * lanes
    for j in range(0, columns, lanes):
        for r in range(0, rows, lanes):
            turn(Rows(spare, r * pitch + j, pitch), Rows(sums.data, sums.at + j * sums.pitch + r, sums.pitch))
    copy_rows(target, Rows(spare, 0, pitch), columns, rows)


@inner(exact=True)
def add_row(row: Array, mask: Array) -> None:
    for j in range(row.size):
        row[j] += mask[j]


@inner(exact=True)
def hide_row(row: Array, mask: Array) -> None:
    for j in range(row.size):
        row[j] = -np.inf if mask[j] == -np.inf else row[j]


@inner(exact=True)
def shift_row(row: Array, number: Any) -> None:
    for j in range(row.size):
        row[j] += number


@inner(exact=True)
def fill_row(row: Array, number: Any) -> None:
    for j in range(row.size):
        row[j] = number


@inner()
def hide(scores: Rows, mask: Masks, p: Place, vectors: int, first: int, keys: int, causal: bool) -> None:
    """Apply the mask to the scores of keys from `first` on, and hide those behind each query if causal."""
    if causal:
        seen = min(keys, max(0, p.first + 1 - first))  # these keys no query of the block comes before
        hide_corner(vectors, rows_from(scores, seen), first + seen - p.first, keys - seen)
    for i in range(keys if mask.data.size else 0):
        at = scores.at + i * scores.pitch
        row = scores.data[at : at + p.queries]
        here = p.sample * mask.batch + p.head * mask.head + (first + i) * mask.key + p.first * mask.query
        if mask.query:
            if mask.hides:
                hide_row(row, mask.data[here : here + p.queries])
            else:
                add_row(row, mask.data[here : here + p.queries])
        elif not mask.hides:
            shift_row(row, mask.data[here])
        elif mask.data[here] == -np.inf:
            fill_row(row, -np.inf)


@inner()
def total_of(x: Array) -> Any:
    total = x.dtype.type(0)
    for i in range(x.size):
        total += x[i]
    return total


@inner()
def is_number(x: Any) -> bool:
    """Whether x is neither NaN nor infinite; isfinite subtracts x from itself, which may be reordered away."""
    return bool(abs(x) < np.inf)


@inner()
def is_finite(x: Heads, p: Place, rows: int, columns: int) -> bool:
    """Whether so many rows of a head hold no NaN and no infinity; a sum that overflows counts as one."""
    start = start_of(x, p)
    if x.row == columns:
        return is_number(total_of(x.data[start : start + rows * columns]))
    total = x.data.dtype.type(0)
    for r in range(rows):
        at = start + r * x.row
        total += total_of(x.data[at : at + columns])
    return is_number(total)


@inner()
def row_dots(out: Array, a: Rows, b: Rows, columns: int, rows: int) -> None:
    """out[r] = row r of a times row r of b."""
    for r in range(rows):
        i, j = a.at + r * a.pitch, b.at + r * b.pitch
        out[r] = dot(a.data[i : i + columns], b.data[j : j + columns])


def _emit_scale(e: Emitter, rows: Rows, factor: Rows, count: Value) -> None:
    b = e.b
    row, ahead, by = e.start(rows), b.mul(rows.pitch, int64(e.size)), e.load(e.start(factor))

    def step(i: Value, _: list[Value]) -> list[Value]:
        at = b.add(row, b.mul(i, ahead))
        e.store(b.fmul(e.load(at), by), at)
        return []

    with e.when_positive(count):
        e.loop(count, [], step)


@emits(each_column(_emit_scale))
def scale_columns(vectors: int, rows: Rows, factor: Rows, count: int) -> None:
    """Multiply each of `count` rows by the row `factor`, element by element."""
    width = vectors * lanes_of(rows.data)
    for i in range(count):
        row_of(rows, i, width)[:] *= row_of(factor, 0, width)
