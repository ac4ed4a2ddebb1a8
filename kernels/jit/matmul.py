"""Matrix products by our own tile, so that a training step uses one pool of threads.

A threaded BLAS has a pool of its own, and two pools in turn cost far more than the arithmetic: each spins while the
other works. Small products go to NumPy, whose BLAS runs them on the calling thread; so do the pieces of products that
are not worth a parallel region.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod

import numpy as np

from ..types import Array
from .compile import dense, thread_count
from .gemm import PANEL, ROWS, Product, multiply, multiply_small
from .matvec import matvec
from .vector import VECTOR_BYTES, as_row

SERIAL_MULTIPLY_ADDS = 1 << 18  # up to here OpenBLAS too stays on the calling thread
PIECES = 4  # rows of one product are cut into up to so many of that size: BLAS is through with them before our threads begin
BLOCK_ROWS = 16 * ROWS
SMALL_MULTIPLY_ADDS = 1 << 12  # of one matrix of a stack: less than calling BLAS, or arranging it for the tile, takes
WIDTH = PANEL * VECTOR_BYTES // 4
NO_BIAS = np.empty(0, np.float32)


def matmul(a: Array, b: Array) -> Array:
    """a @ b as the array API has it: vectors, matrices, and stacks of matrices whose leading axes broadcast."""
    if not _ours(a, b):
        return np.matmul(a, b)
    if a.ndim > 2 and b.ndim == 2 and a.flags.c_contiguous:  # one tall matrix
        return _multiply(a.reshape(-1, a.shape[-1]), b, (), NO_BIAS).reshape(*a.shape[:-1], b.shape[-1])
    lead: tuple[int, ...] = ()
    if a.ndim > 2 or b.ndim > 2:
        lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        a, b = (np.broadcast_to(m, lead + m.shape[-2:]) for m in (a, b))
    return _multiply(a, b, lead, NO_BIAS)


def linear(x: Array, weight: Array, bias: Array | None) -> Array:
    """x weight^T + bias. x: (..., I). weight: (O, I). bias: (O,) or None. Returns (..., O)."""
    rows, turned = x.reshape(prod(x.shape[:-1]), x.shape[-1]), weight.T
    if _ours(rows, turned):
        y = _multiply(rows, turned, (), NO_BIAS if bias is None else dense(bias))
    else:
        y = np.matmul(rows, turned)
        if bias is not None:
            y += bias
    return y.reshape(*x.shape[:-1], weight.shape[0])


def _ours(a: Array, b: Array) -> bool:
    """Matrices of float32 that fit each other, and enough work."""
    if a.ndim < 2 or b.ndim < 2 or a.dtype != np.float32 or b.dtype != np.float32 or a.shape[-1] != b.shape[-2]:
        return False
    work = max(a.size * b.shape[-1], b.size * a.shape[-2])
    return bool(a.size and b.size and work > SERIAL_MULTIPLY_ADDS)


def _multiply(a: Array, b: Array, lead: tuple[int, ...], bias: Array) -> Array:
    """a @ b + bias of matrices, or of stacks with the same leading axes; bias: (columns,), or empty for none."""
    rows, depth, columns, batch = a.shape[-2], a.shape[-1], b.shape[-1], prod(lead)
    if depth == 1:  # BLAS is slow at it
        c = np.multiply(a, b)
        return np.add(c, bias, out=c) if bias.size else c
    work = rows * depth * columns
    pieces = -(-work // max(1, SERIAL_MULTIPLY_ADDS))
    c = np.empty((*lead, rows, columns), a.dtype)
    if SMALL_MULTIPLY_ADDS < work and pieces <= (1 if lead else min(PIECES, rows)):
        for i in range(pieces):
            part = slice(i * rows // pieces, (i + 1) * rows // pieces) if pieces > 1 else ...
            np.matmul(a[part], b, out=c[part])
        return np.add(c, bias, out=c) if bias.size else c
    if not lead and (rows == 1 or columns == 1):
        c = (matvec(a, b[:, 0]) if columns == 1 else matvec(b.T, a[0])).reshape(rows, columns)
        return np.add(c, bias, out=c) if bias.size else c
    a, a_row, a_depth = _flat(a)
    b, b_depth, b_column = _flat(b)
    threads = thread_count(1 << 30)
    if work <= SMALL_MULTIPLY_ADDS:
        if columns == 1 and a_row == 1 < rows:  # c' = b' a', whose rows are longer
            a, b, rows, columns = b, a, 1, rows
            a_row, a_depth, b_depth, b_column = 1, b_depth, a_depth, a_row
        small = Product(batch, rows, depth, columns, a_row, a_depth, b_depth, b_column, rows, False)
        multiply_small(a, b, as_row(c), small, threads)
        return np.add(c, bias, out=c) if bias.size else c
    product = _plan(batch, rows, depth, columns, a_row, a_depth, b_depth, b_column, threads)
    if product.turned:
        a, b = b, a
    multiply(a, b, bias, as_row(c), product, threads)
    return c


@lru_cache(maxsize=4096)
def _plan(
    batch: int, rows: int, depth: int, columns: int, a_row: int, a_depth: int, b_depth: int, b_column: int, threads: int
) -> Product:
    """The product, with its operands as they are or with their roles exchanged, whichever promises to be faster.

    Exchanged, the result has to be turned; but the operand that is copied into panels may be the smaller, or already lie
    the right way, and the last panel may have fewer columns to spare.
    """
    straight = _cost(rows, depth, columns, a_row, b_column)
    if _cost(columns, depth, rows, b_column, a_row) + TURN_COST * rows * columns < straight:
        block = _block_rows(columns, batch, threads)
        return Product(batch, columns, depth, rows, b_column, b_depth, a_depth, a_row, block, True)
    block = _block_rows(rows, batch, threads)
    return Product(batch, rows, depth, columns, a_row, a_depth, b_depth, b_column, block, False)


PANEL_COST, TURNED_PANEL_COST, ROWS_COST, TURN_COST = 40, 60, 20, 30  # of moving an element, in multiply-adds of the tile


def _cost(rows: int, depth: int, columns: int, a_row: int, b_column: int) -> int:
    """What a product takes, in multiply-adds: those of the tiles, and the copies before."""
    work = rows * depth * (-(-columns // WIDTH) * WIDTH)
    copies = depth * columns * (PANEL_COST if b_column == 1 else TURNED_PANEL_COST)
    return work + copies + (rows * depth * ROWS_COST if a_row == 1 else 0)


def _flat(m: Array) -> tuple[Array, int, int]:
    """The matrices of m as one row of elements, with the steps to the next row and column. Copies what it must."""
    rows, columns = m.shape[-2:]
    if m.flags.c_contiguous:
        return as_row(dense(m)), columns, 1
    turned = m.swapaxes(-1, -2)
    if turned.flags.c_contiguous:
        return as_row(dense(turned)), 1, rows
    return as_row(dense(m)), columns, 1


def _block_rows(rows: int, batch: int, threads: int) -> int:
    """Rows per block of work: few enough for the cache, and for every thread to get some."""
    blocks = -(-rows // BLOCK_ROWS)
    while blocks * batch < threads and rows > blocks * ROWS:
        blocks += 1
    return -(-rows // blocks)
