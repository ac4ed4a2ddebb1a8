"""Matrix products by our own tile, so that a training step uses one pool of threads.

A threaded BLAS has a pool of its own, and two pools in turn cost far more than the arithmetic: each spins while the
other works. Small products go to NumPy, whose BLAS runs them on the calling thread; so do the pieces of products that
are not worth a parallel region.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod

import numpy as np

from ..totals import fits, taken
from ..types import Array
from .machine.compile import dense, flat, thread_count, threads_for
from .machine.gemm import DEPTH, LEFT_BLOCK, LEFT_PANELS, Product, multiply, outer, pack, pack_slices
from .machine.mapped import Maps, map_stack
from .machine.matvec import matvec
from .machine.panels import PANEL, ROWS
from .machine.row_products import stacked_dots
from .machine.small_products import multiply_small
from .machine.vector import VECTOR_BYTES, as_row

SERIAL_MULTIPLY_ADDS = 1 << 18  # up to here OpenBLAS too stays on the calling thread
PIECES = 4  # a thin product is cut into up to so many of that size: BLAS is through with them before our threads begin
FEW_ROWS, MANY_BOTH = 8, 64
BLOCK_ROWS, LEAST_ROWS = 16 * ROWS, 4 * ROWS
SMALL_MULTIPLY_ADDS, MANY = 1 << 9, 64  # of one matrix of a stack, and matrices: so small and many get a lane for each
MANY_ROWS = 1 << 17  # elements of a stack of matrices times vectors: below, NumPy's loop over them costs as much
SHORT_ROW = 16  # of an outer product or a stack of matrices times vectors: below, NumPy's loop costs less than ours per row
LANES = VECTOR_BYTES // 4
WIDTH = PANEL * LANES
FLOAT32 = np.dtype(np.float32)
NOTHING = np.empty(0, np.float32)
SPEED = 40.0  # multiply-adds of the tile in a nanosecond of one thread


def matmul(a: Array, b: Array) -> Array:
    """a @ b as the array API has it: vectors, matrices, and stacks of matrices whose leading axes broadcast."""
    totals = taken("matmul").totals
    if totals and _added(a, b, totals[0]):
        return totals[0]
    if a.ndim == b.ndim == 2 and a.size * b.shape[1] <= SERIAL_MULTIPLY_ADDS:
        return a.dot(b)  # the same product, .3 us where np.matmul takes .9
    if a.ndim == b.ndim == 2 and a.dtype == b.dtype == FLOAT32 and (y := _alone(a, b, NOTHING)) is not None:
        return y
    if a.size * b.size <= SERIAL_MULTIPLY_ADDS or not _ours(a, b):
        return _outer_products(a, b) if a.ndim > 2 and a.ndim == b.ndim and a.shape[-1] == 1 else np.matmul(a, b)
    if a.ndim > 2 and b.ndim == 2 and a.flags.c_contiguous:  # one tall matrix
        return _multiply(a.reshape(-1, a.shape[-1]), b, (), NOTHING).reshape(*a.shape[:-1], b.shape[-1])
    lead: tuple[int, ...] = ()
    if a.ndim > 2 or b.ndim > 2:
        lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        a, b = (np.broadcast_to(m, lead + m.shape[-2:]) for m in (a, b))
    return _multiply(a, b, lead, NOTHING)


def _added(a: Array, b: Array, total: Array | None) -> bool:
    """total += a @ b for matrices, where the tile that gives the product can add it without rounding otherwise."""
    if total is None or a.ndim != 2 or b.ndim != 2 or not _ours(a, b):
        return False
    (rows, depth), columns = a.shape, b.shape[1]
    work = rows * depth * columns
    if depth > DEPTH or min(rows, depth, columns) == 1 or work <= PIECES * SERIAL_MULTIPLY_ADDS:
        return False
    if not fits(total, (rows, columns), a):
        return False
    a, a_row, a_depth = _flat(a)
    b, b_depth, b_column = _flat(b)
    threads = threads_for(1 << 30, work / SPEED)
    product = _plan((1, rows, depth, columns), a_row, a_depth, b_depth, b_column, threads)
    if product.turned:
        return False
    product = product._replace(adds=True)
    multiply(a, b, NOTHING if threads == 1 else _packed(b, product), NOTHING, total, product, threads)
    return True


def linear(x: Array, weight: Array, bias: Array | None) -> Array:
    """x weight^T + bias. x: (..., I). weight: (O, I). bias: (O,) or None. Returns (..., O)."""
    if x.ndim == 2 and x.shape[0] * weight.size <= SERIAL_MULTIPLY_ADDS:
        y = x.dot(weight.T)
        return y if bias is None else np.add(y, bias, y)
    rows, turned = x if x.ndim == 2 else x.reshape(prod(x.shape[:-1]), x.shape[-1]), weight.T
    if x.dtype == weight.dtype == FLOAT32:
        y = _alone(rows, turned, NOTHING if bias is None else dense(bias))
        if y is not None:
            return y if x.ndim == 2 else y.reshape(*x.shape[:-1], weight.shape[0])
    if _ours(rows, turned):
        y = _multiply(rows, turned, (), NOTHING if bias is None else dense(bias))
    else:
        y = np.matmul(rows, turned)
        if bias is not None:
            y += bias
    return y.reshape(*x.shape[:-1], weight.shape[0])


def _alone(a: Array, b: Array, bias: Array) -> Array | None:
    """a @ b (+ bias) of dense matrices of float32 by the calling thread; None where more threads or another way is better."""
    found = _alone_plan(a.shape, a.strides, b.shape, b.strides, thread_count(1 << 30))
    if found is None:
        return None
    product, (a_turned, b_turned) = found
    a, b = dense(a.T if a_turned else a), dense(b.T if b_turned else b)
    c = np.empty((product.columns, product.rows) if product.turned else (product.rows, product.columns), FLOAT32)
    if product.turned:
        a, b = b, a
    multiply(a, b, NOTHING, bias, c, product, 1)
    return c


@lru_cache(maxsize=4096)
def _alone_plan(
    a: tuple[int, ...], a_steps: tuple[int, ...], b: tuple[int, ...], b_steps: tuple[int, ...], most: int
) -> tuple[Product, tuple[bool, bool]] | None:
    """How the calling thread multiplies matrices of these shapes and strides, and which of them lie transposed; see _alone."""
    (rows, depth), columns = a, b[1]
    work = rows * depth * columns
    threads = 1 if most == 1 else threads_for(1 << 30, work / SPEED)
    if depth != b[0] or min(rows, depth, columns) <= 1 or work <= SERIAL_MULTIPLY_ADDS or threads > 1:
        return None
    turned, steps = [], []
    for shape, strides in ((a, a_steps), (b, b_steps)):
        if strides not in ((4 * shape[1], 4), (4, 4 * shape[0])):
            return None
        turned.append(strides[1] != 4)
        steps += [1, shape[0]] if turned[-1] else [shape[1], 1]
    if work <= PIECES * SERIAL_MULTIPLY_ADDS and _is_thin(rows, depth, turned[1]):
        return None
    a_row, a_depth, b_depth, b_column = steps
    return _plan((1, rows, depth, columns), a_row, a_depth, b_depth, b_column, 1), (turned[0], turned[1])


SHALLOW, LOW = (6, 0) if LANES > 8 else (16, 4)
"""Depth and rows of products that are thin: with long vectors fewer are."""


def _is_thin(rows: int, depth: int, turned: bool) -> bool:
    """Whether BLAS is faster at a product of little work for each number, even in pieces; turned: whether b lies transposed."""
    return depth < SHALLOW or (rows <= LOW and not turned)


def _ours(a: Array, b: Array) -> bool:
    """Matrices of float32 that fit each other, and enough work."""
    if a.ndim < 2 or b.ndim < 2 or a.dtype != FLOAT32 or b.dtype != FLOAT32 or a.shape[-1] != b.shape[-2]:
        return False
    work = max(a.size * b.shape[-1], b.size * a.shape[-2])
    return bool(a.size and b.size and work > SERIAL_MULTIPLY_ADDS)


def _multiply(a: Array, b: Array, lead: tuple[int, ...], bias: Array) -> Array:
    """a @ b + bias of matrices, or of stacks with the same leading axes; bias: (columns,), or empty for none."""
    rows, depth, columns, batch = a.shape[-2], a.shape[-1], b.shape[-1], prod(lead)
    if depth == 1:  # BLAS is slow at it
        c = _outer(a, b, lead)
        return np.add(c, bias, out=c) if bias.size else c
    work = rows * depth * columns
    pieces = -(-work // max(1, SERIAL_MULTIPLY_ADDS))
    c = np.empty((*lead, rows, columns), a.dtype)
    small = batch >= MANY and work <= SMALL_MULTIPLY_ADDS
    if columns == 1 and a.flags.c_contiguous and pieces <= 1 and depth >= SHORT_ROW and a.size >= MANY_ROWS and lead:
        stacked_dots(flat(a), flat(b), as_row(c), rows, depth, threads_for(batch * rows, 0.04 * a.size))
        return np.add(c, bias, out=c) if bias.size else c
    thin = pieces == 1 or (not lead and pieces <= PIECES and _is_thin(rows, depth, b.strides[0] == b.itemsize))
    if not small and thin and (pieces == 1 or _by_pieces(a, b, pieces, c)):
        if pieces == 1:
            np.matmul(a, b, out=c)
        return np.add(c, bias, out=c) if bias.size else c
    if not lead and (rows == 1 or columns == 1):
        c = (matvec(a, b[:, 0]) if columns == 1 else matvec(b.T, a[0])).reshape(rows, columns)
        return np.add(c, bias, out=c) if bias.size else c
    if not small:
        return _each(a, b, c, bias)
    a, a_row, a_depth = _flat(a)
    b, b_depth, b_column = _flat(b)
    product = Product(batch, rows, depth, columns, a_row, a_depth, b_depth, b_column, rows, False)
    threads = threads_for(batch // LANES, batch * (0.02 * work + 0.15 * (rows * depth + depth * columns + rows * columns)))
    multiply_small(as_row(a), as_row(b), as_row(c), product, threads)
    return np.add(c, bias, out=c) if bias.size else c


def _each(a: Array, b: Array, c: Array, bias: Array) -> Array:
    """c = a @ b (+ bias) for a matrix or a stack, in each of which there is work."""
    (rows, columns), depth, batch = c.shape[-2:], a.shape[-1], prod(c.shape[:-2])
    threads = threads_for(1 << 30, batch * rows * depth * columns / SPEED)
    apart = threads <= batch and (batch % threads == 0 or batch >= EVEN * threads)  # a thread has whole matrices
    if apart and batch > 1:
        a, b = _shared(a), _shared(b)
    (a, a_row, a_depth), (b, b_depth, b_column) = _flat(a), _flat(b)
    product = _plan((batch, rows, depth, columns), a_row, a_depth, b_depth, b_column, threads)
    if product.turned:
        a, b = b, a
    if batch > 1:
        product = product._replace(a_next=_next(a), b_next=_next(b))
    multiply(a, b, NOTHING if apart else _packed(b, product), bias, c, product, threads)
    return c


def _next(m: Array) -> int:
    """From one matrix of a dense stack to the next, 0 if there is one that all share."""
    return 0 if m.ndim == 2 else m.shape[-2] * m.shape[-1]


def map_channels(w: Array, x: Array, bias: Array | None) -> Array:
    """The matrix w (K, C) times each of the matrices x (N, C, P), plus the bias (K,), of float32. Returns (N, K, P)."""
    (batch, _, columns), rows = x.shape, len(w)
    y = np.empty((batch, rows, columns), x.dtype)
    if x.size * rows > SERIAL_MULTIPLY_ADDS:
        threads = threads_for(-(-batch * columns // WIDTH), x.size * rows / SPEED)
        sizes = Maps(batch, rows, x.shape[1], columns)
        map_stack(dense(w), dense(x), NOTHING if bias is None else dense(bias), y, sizes, threads)
        return y
    np.matmul(w, x, y)
    return y if bias is None else np.add(y, bias[:, None], y)


EVEN = 4
"""Matrices for each thread from which on it does not matter that one has one more."""


def _shared(m: Array) -> Array:
    """The one matrix of a stack that was broadcast from one, or the stack."""
    one = m.ndim > 2 and not any(m.strides[:-2])
    return m[(0,) * (m.ndim - 2)] if one else m


def _packed(b: Array, p: Product) -> Array:
    """b in panels."""
    size, units, nanoseconds = _panels(p)
    packed = np.empty(size, FLOAT32)
    pack(b, packed, p, threads_for(units, nanoseconds))
    return packed


@lru_cache(maxsize=4096)
def _panels(p: Product) -> tuple[int, int, float]:
    """Elements of all panels, in how many parts they are copied, and how long one thread takes."""
    size = p.batch * packed_size((p.columns, p.depth))
    units = p.batch * -(-p.columns // WIDTH) * pack_slices(p.depth)
    return size, units, (0.25 if p.b_column == 1 else 1.0) * p.batch * p.depth * p.columns


def packed_size(shape: tuple[int, ...]) -> int:
    """Elements of a weight (O, I) in panels."""
    return -(-shape[0] // WIDTH) * WIDTH * shape[1]


def packed_weight(weight: Array) -> Array:
    """A weight (O, I) of float32 as linear_packed takes it."""
    outputs, inputs = weight.shape
    return _packed(as_row(dense(weight)), Product(1, 1, inputs, outputs, inputs, 1, 1, inputs, 1, False))


def linear_packed(x: Array, packed: Array, bias: Array | None, outputs: int) -> Array:
    """linear with packed_weight's weight (outputs, I). x: (..., I), float32, no size zero."""
    inputs = x.shape[-1]
    y = np.empty((*x.shape[:-1], outputs), x.dtype)
    rows = x.size // inputs
    threads = threads_for(rows, rows * inputs * outputs / SPEED)
    product = Product(1, rows, inputs, outputs, inputs, 1, 1, inputs, _block_rows(rows, 1, threads), False)
    multiply(as_row(dense(x)), NOTHING, packed, NOTHING if bias is None else dense(bias), as_row(y), product, threads)
    return y


def _by_pieces(a: Array, b: Array, pieces: int, c: Array) -> bool:
    """c = a @ b by BLAS in pieces, where that is faster than our tile.

    BLAS copies a transposed b anew for each piece of rows: then columns are cut where there are more, and where there are many of
    both the tile is as fast as BLAS.
    """
    (rows, columns), turned = c.shape, b.strides[0] == b.itemsize
    if turned and min(rows, columns) >= MANY_BOTH:
        return False
    if columns > rows and (turned or rows < FEW_ROWS):
        for i in range(pieces):
            part = slice(i * columns // pieces, (i + 1) * columns // pieces)
            np.matmul(a, b[:, part], out=c[:, part])
        return True
    if rows < pieces:
        return False
    for i in range(pieces):
        part = slice(i * rows // pieces, (i + 1) * rows // pieces)
        np.matmul(a[part], b, out=c[part])
    return True


def _outer_products(a: Array, b: Array) -> Array:
    """Stacks of columns (*lead, R, 1) times rows (*lead, 1, C) too small for the tile, which NumPy gives to BLAS one by one."""
    if b.shape[-2] != 1 or a.dtype != b.dtype or a.dtype.kind not in "fc" or a.dtype.itemsize == 2:
        return np.matmul(a, b)
    if a.dtype != FLOAT32 or a.shape[:-2] != b.shape[:-2]:
        return np.multiply(a, b)
    return _outer(a, b, a.shape[:-2])


def _outer(a: Array, b: Array, lead: tuple[int, ...]) -> Array:
    """Columns (*lead, R, 1) times rows (*lead, 1, C): every number is one product."""
    rows, columns = a.shape[-2], b.shape[-1]
    if columns < SHORT_ROW:
        return np.multiply(a, b)
    c = np.empty((*lead, rows, columns), a.dtype)
    units = prod(lead) * rows
    outer(flat(a), flat(b), as_row(c), rows, columns, threads_for(units, 0.1 * c.size))
    return c


@lru_cache(maxsize=4096)
def _plan(
    sizes: tuple[int, int, int, int], a_row: int, a_depth: int, b_depth: int, b_column: int, threads: int
) -> Product:  # fmt: skip
    """A product, with its operands as they are or with their roles exchanged, whichever promises to be faster.

    Exchanged, the result has to be turned; but the operand that is copied into panels may be the smaller, or already lie
    the right way, and the last panel may have fewer columns to spare.
    """
    p = Product(*sizes, a_row, a_depth, b_depth, b_column, sizes[1], False)
    exchanged = Product(p.batch, p.columns, p.depth, p.rows, p.b_column, p.b_depth, p.a_depth, p.a_row, p.columns, True)
    if _cost(exchanged) + TURN_COST * p.rows * p.columns < _cost(p):
        p = exchanged
    copied = p.a_depth != 1 and p.columns > LEFT_PANELS * WIDTH
    most = max(LEAST_ROWS, min(BLOCK_ROWS, LEFT_BLOCK // p.depth)) if copied else BLOCK_ROWS
    return p._replace(block_rows=_block_rows(p.rows, p.batch, threads, most), copied=copied)


PANEL_COST, TURNED_PANEL_COST, TURN_COST = (7, 12, 15) if LANES > 8 else (15, 60, 30)
"""What it takes to move an element, in multiply-adds of the tile: to a panel, there from a transposed matrix, and to turn it."""


def _cost(p: Product) -> int:
    """What a product takes, in multiply-adds: those of the tiles, and the copies before. One, two or three vectors beyond the
    last whole panel have tiles of their own, which take 0.4, 0.6 and 0.8 of the time of a whole one."""
    whole, rest = divmod(p.columns, WIDTH)
    narrow = (0.0, 0.4, 0.6, 0.8, 1.0)[-(-rest // LANES)]
    work = int(p.rows * p.depth * (whole + narrow) * WIDTH)
    copies = p.depth * p.columns * (PANEL_COST if p.b_column == 1 else TURNED_PANEL_COST)
    return work + copies


def _flat(m: Array) -> tuple[Array, int, int]:
    """The matrices of m in dense memory, with the steps to the next row and column. Copies what it must."""
    rows, columns = m.shape[-2:]
    if not m.flags.c_contiguous:
        turned = m.swapaxes(-1, -2)
        if turned.flags.c_contiguous:
            return dense(turned), 1, rows
    return dense(m), columns, 1


def _block_rows(rows: int, batch: int, threads: int, most: int = BLOCK_ROWS) -> int:
    """Rows per block of work: few enough for the cache, and for every thread to get some."""
    blocks = -(-rows // most)
    while blocks * batch < threads and rows > blocks * ROWS:
        blocks += 1
    return -(-rows // blocks)
