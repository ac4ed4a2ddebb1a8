"""Matrix products by our own tile, so that a training step uses one pool of threads.

A threaded BLAS has a pool of its own, and two pools in turn cost far more than the arithmetic: each spins while the
other works. Small products go to NumPy, whose BLAS runs them on the calling thread.
"""

from __future__ import annotations

from math import prod

import numpy as np

from ..types import Array
from .compile import dense, thread_count
from .gemm import ROWS, Product, multiply, multiply_small
from .vector import as_row

SERIAL_MULTIPLY_ADDS = 1 << 18  # up to here OpenBLAS too stays on the calling thread
BLOCK_ROWS = 16 * ROWS
SMALL_MULTIPLY_ADDS = 1 << 12  # of one matrix of a stack: less than calling BLAS, or arranging it for the tile, takes


def matmul(a: Array, b: Array) -> Array:
    """a @ b as the array API has it: vectors, matrices, and stacks of matrices whose leading axes broadcast."""
    if not _ours(a, b):
        return np.matmul(a, b)
    lead: tuple[int, ...] = ()
    if a.ndim > 2 and b.ndim == 2 and a.flags.c_contiguous:  # one tall matrix
        return matmul(a.reshape(-1, a.shape[-1]), b).reshape(*a.shape[:-1], b.shape[-1])
    if a.ndim > 2 or b.ndim > 2:
        lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        a, b = (np.broadcast_to(m, lead + m.shape[-2:]) for m in (a, b))
    rows, depth, columns, batch = a.shape[-2], a.shape[-1], b.shape[-1], prod(lead)
    work = rows * depth * columns
    if SMALL_MULTIPLY_ADDS < work <= SERIAL_MULTIPLY_ADDS:
        return np.matmul(a, b)
    c = np.empty((*lead, rows, columns), a.dtype)
    a, a_row, a_depth = _flat(a)
    b, b_depth, b_column = _flat(b)
    threads = thread_count(1 << 30)
    if work <= SMALL_MULTIPLY_ADDS:
        if columns == 1 and a_row == 1 < rows:  # c' = b' a', whose rows are longer
            a, b, rows, columns = b, a, 1, rows
            a_row, a_depth, b_depth, b_column = 1, b_depth, a_depth, a_row
        multiply_small(a, b, as_row(c), Product(batch, rows, depth, columns, a_row, a_depth, b_depth, b_column, rows), threads)
        return c
    product = Product(batch, rows, depth, columns, a_row, a_depth, b_depth, b_column, _block_rows(rows, batch, threads))
    multiply(a, b, as_row(c), product, threads)
    return c


def _ours(a: Array, b: Array) -> bool:
    """Matrices of float32 that fit each other, and enough work."""
    if a.ndim < 2 or b.ndim < 2 or a.dtype != np.float32 or b.dtype != np.float32 or a.shape[-1] != b.shape[-2]:
        return False
    work = max(a.size * b.shape[-1], b.size * a.shape[-2])
    return bool(a.size and b.size and work > SERIAL_MULTIPLY_ADDS)


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
