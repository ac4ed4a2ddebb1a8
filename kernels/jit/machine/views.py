"""Where an operand lies: in which flat array, at which element it begins, and the steps within it.

Compiled code hands these on in place of slices, because the tiles step outside a slice on purpose (they read whole vectors, and
skip from row to row), and because whoever takes one can say in its own words how much of it is used. All positions, steps and
pitches count elements. Machine code that belongs to a function (see vector.emits) gets the same tuples with LLVM's values.

Two limits of Numba's, both for the body of a prange loop: a store into an array that a named tuple holds is dropped as dead there
(an inner function may store into it), and a tuple within a tuple cannot be used there.
"""

from __future__ import annotations

from typing import NamedTuple

from ...types import Array
from .compile import inner


class Tail(NamedTuple):
    """An array from element `at` on."""

    data: Array
    at: int


class Rows(NamedTuple):
    """Rows of elements: row r begins at data[at + r * pitch]."""

    data: Array
    at: int
    pitch: int


class Panel(NamedTuple):
    """An operand packed for a tile: `depth` rows, each as wide as the tile, one after the other from data[at] on."""

    data: Array
    at: int
    depth: int


class Matrix(NamedTuple):
    """A matrix in any layout: element (r, c) is data[at + r * row_step + c * column_step]."""

    data: Array
    at: int
    row_step: int
    column_step: int


class Pieces(NamedTuple):
    """Rows in so many pieces: piece i of row r begins at data[at + r * pitch + i * ahead]."""

    data: Array
    at: int
    pitch: int
    ahead: int
    pieces: int


class Segments(NamedTuple):
    """`number` stretches of so many whole vectors, in two operands: stretch i begins starts[2 i] elements after the begin of
    the first and starts[2 i + 1] after that of the second.
    """

    starts: Array
    number: int
    vectors: int


class Scattered(NamedTuple):
    """Vectors at places from a table: vector m begins at data[at + places[first + m]]."""

    data: Array
    at: int
    places: Array
    first: int


def window(x: Array, start: int, count: int) -> Array:
    """x[start : start + count] for twins: an access that leaves the array is an error."""
    if start < 0 or start + count > x.size:
        raise IndexError(f"elements {start} to {start + count} of an array of {x.size}")
    return x[start : start + count]


def head(x: Tail | Panel, count: int) -> Array:
    """The first `count` elements, for twins."""
    return window(x.data, x.at, count)


def row_of(x: Rows | Pieces, r: int, count: int) -> Array:
    """The first `count` elements of row r, for twins."""
    return window(x.data, x.at + r * x.pitch, count)


@inner(inline=True)
def rows_from(x: Rows, r: int) -> Rows:
    """The rows from row r on."""
    return Rows(x.data, x.at + r * x.pitch, x.pitch)
