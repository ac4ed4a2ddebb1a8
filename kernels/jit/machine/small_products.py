"""Products of many small matrices: as many at a time as a vector has lanes, a lane for each.

A block of matrices that lie one after the other is spread into a vector for each element, by transposing squares; so the rows
and columns of an operand may lie either way round. Sums run along the depth in order, in every block alike.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from ...types import Array
from .compile import inner, jit
from .gemm import Product
from .vector import Emitter, Value, emits, int64, lanes_of
from .views import Tail, window


def _emit_spread(e: Emitter, source: Tail, size: Value, z: Value) -> None:
    b, start = e.b, e.start(source)

    def chunk(c: Value, _: list[Value]) -> list[Value]:
        first = b.mul(c, int64(e.lanes))
        mask = e.first_lanes(b.sub(size, first))
        rows = [e.masked_load(e.at(start, b.add(first, b.mul(size, int64(i)))), mask) for i in range(e.lanes)]
        for i, v in enumerate(e.transpose(rows)):
            e.store(v, e.vectors(z, b.add(first, int64(i))))
        return []

    e.loop(b.sdiv(b.add(size, int64(e.lanes - 1)), int64(e.lanes)), [], chunk)


@emits(_emit_spread)
def spread(source: Tail, size: int, z: Array) -> None:
    """A vector of z for each of the `size` elements of `lanes` matrices, which begin at `source`; z has whole squares."""
    lanes = lanes_of(z)
    block = window(source.data, source.at, lanes * size).reshape(lanes, size)
    window(z, 0, size * lanes).reshape(size, lanes)[:] = block.T


def _emit_gathered(e: Emitter, z: Value, size: Value, target: Tail) -> None:
    b, start = e.b, e.start(target)

    def chunk(c: Value, _: list[Value]) -> list[Value]:
        first = b.mul(c, int64(e.lanes))
        mask = e.first_lanes(b.sub(size, first))
        vectors = [e.load(e.vectors(z, b.add(first, int64(i)))) for i in range(e.lanes)]
        for i, v in enumerate(e.transpose(vectors)):
            e.masked_store(v, e.at(start, b.add(first, b.mul(size, int64(i)))), mask)
        return []

    e.loop(b.sdiv(b.add(size, int64(e.lanes - 1)), int64(e.lanes)), [], chunk)


@emits(_emit_gathered)
def gathered(z: Array, size: int, target: Tail) -> None:
    """The inverse of spread."""
    lanes = lanes_of(z)
    block = window(z, 0, size * lanes).reshape(size, lanes)
    window(target.data, target.at, lanes * size).reshape(lanes, size)[:] = block.T


def _emit_products(e: Emitter, x: Value, y: Value, z: Value, p: Product) -> None:
    b = e.b

    def row(i: Value, _: list[Value]) -> list[Value]:
        def column(j: Value, _: list[Value]) -> list[Value]:
            def step(k: Value, sums: list[Value]) -> list[Value]:
                left = e.load(e.vectors(x, b.add(b.mul(i, p.a_row), b.mul(k, p.a_depth))))
                right = e.load(e.vectors(y, b.add(b.mul(k, p.b_depth), b.mul(j, p.b_column))))
                return [e.fma(left, right, sums[0])]

            total = e.loop(p.depth, [e.zero], step)[0]
            e.store(total, e.vectors(z, b.add(b.mul(i, p.columns), j)))
            return []

        e.loop(p.columns, [], column)
        return []

    e.loop(p.rows, [], row)


@emits(_emit_products)
def products(x: Array, y: Array, z: Array, p: Product) -> None:
    """The products of spread matrices, spread."""
    lanes = lanes_of(z)
    for i in range(p.rows):
        for j in range(p.columns):
            at = [(i * p.a_row + k * p.a_depth, k * p.b_depth + j * p.b_column) for k in range(p.depth)]
            total = sum(window(x, u * lanes, lanes) * window(y, v * lanes, lanes) for u, v in at)
            window(z, (i * p.columns + j) * lanes, lanes)[:] = total


@inner()
def squares(size: int, lanes: int) -> int:
    """Elements of the vectors of so many elements, up to whole squares."""
    return (size + lanes - 1) // lanes * lanes * lanes


@jit()
def multiply_small(a: Array, b: Array, c: Array, p: Product, threads: int) -> None:
    """c[i] = a[i] @ b[i] for a batch of small matrices given flat, at least `lanes` of them.

    The last block begins early enough to be whole: what it shares with the one before, both write alike.
    """
    lanes = lanes_of(a)
    units = (p.batch + lanes - 1) // lanes
    sizes = p.rows * p.depth, p.depth * p.columns, p.rows * p.columns
    for t in prange(threads):
        x = np.empty(squares(sizes[0], lanes), a.dtype)
        y = np.empty(squares(sizes[1], lanes), a.dtype)
        z = np.empty(squares(sizes[2], lanes), a.dtype)
        for u in range(t * units // threads, (t + 1) * units // threads):
            first = min(u * lanes, p.batch - lanes)
            spread(Tail(a, first * sizes[0]), sizes[0], x)
            spread(Tail(b, first * sizes[1]), sizes[1], y)
            products(x, y, z, p)
            gathered(z, sizes[2], Tail(c, first * sizes[2]))
