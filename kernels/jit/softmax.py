"""Softmax and its relatives: every row in one thread, short passes over a block of rows that stays in the cache.

Long sums are carried in float64. Rows are what the axis runs along; for another axis than the last see softmax_lanes.py.
Exponentials are taken of a whole block at once: at the end of each short row the vectors would be half empty.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange

from ..ranges import FEW, in_range
from ..types import Array
from .machine.compile import dense, inner, jit, thread_count
from .machine.gemm import scale_row
from .machine.norm_rows import RUN, sum_by_runs
from .machine.short_rows import logs_of, short_log_rows, short_rows
from .machine.vecmath import exp, exp_all, log_all, maximum
from .machine.vector import as_row, clear
from .softmax_lanes import by_lanes, log_softmax_grad_lanes, log_softmax_lanes, softmax_grad_lanes, softmax_lanes

_INT64, _SINGLE = np.dtype(np.int64), np.dtype(np.float32)

GRAIN = 8192
"""Elements below which another thread does not pay."""

BLOCK = 4096
"""Elements of the rows that are treated together."""


@inner()
def row_max(x: Array) -> Any:
    """Largest element, NaN if there is one."""
    m = x[0]
    for i in range(x.size):
        m = maximum(m, x[i])
    return m


@inner(exact=True)
def shift_row(x: Array, m: Any, log_sum: Any, y: Array) -> None:
    """y = (x - m) - log_sum, in this order and in float64: next to a large m the logarithm would lose digits."""
    for i in range(x.size):
        y[i] = (np.float64(x[i]) - m) - log_sum


@inner(exact=True)
def loss_of(x: Any, m: Any, log_sum: Any) -> Any:
    """log_sum - (x - m) in this order, for the same reason."""
    return log_sum - (np.float64(x) - m)


@inner(exact=True)
def subtract_row(x: Array, m: Any, y: Array) -> None:
    for i in range(x.size):
        y[i] = x[i] - m


@inner()
def softmax_rows(x: Array, y: Array, tops: Array, totals: Array) -> None:
    """y = softmax of x, row by row; the largest x go to tops, the sums of exp(x - largest) to totals."""
    rows, columns = x.shape
    if x.itemsize == 4 and columns <= RUN:
        short_rows(as_row(x), as_row(y), rows, columns, tops, totals)
        return
    for r in range(rows):
        tops[r] = row_max(x[r])
        subtract_row(x[r], tops[r], y[r])
    exp_all(as_row(y), y.size)
    for r in range(rows):
        totals[r] = sum_by_runs(y[r])
        scale_row(y[r], x.dtype.type(1.0 / totals[r]), y[r])


@inner()
def rows_of_block(columns: int) -> int:
    return max(1, BLOCK // columns)


@inner()
def exp_sum_run(x: Array, m: Any) -> Any:
    total = x.dtype.type(0)
    for i in range(x.size):
        total += exp(x[i] - m)
    return total


@inner()
def exp_sum(x: Array, m: Any) -> float:
    """Sum of exp(x - m)."""
    if x.size <= RUN:
        return np.float64(exp_sum_run(x, m))
    total = np.float64(0)
    for lo in range(0, x.size, RUN):
        total += exp_sum_run(x[lo : lo + RUN], m)
    return total


@inner(exact=True)
def log_softmax_short(x: Array, y: Array, rows: int, columns: int) -> None:
    """short_log_rows, its order kept."""
    short_log_rows(x, y, rows, columns)


@inner()
def log_softmax_rows(x: Array, y: Array) -> None:
    """y = x - log sum exp(x), row by row."""
    rows, columns = x.shape
    if x.itemsize == 4 and columns <= RUN:
        log_softmax_short(as_row(x), as_row(y), rows, columns)
        return
    for r in range(rows):
        m = row_max(x[r])
        if x.itemsize == 8:
            subtract_row(x[r], m, y[r])
            exp_all(y[r], y.shape[1])
            shift_row(x[r], m, np.log(sum_by_runs(y[r])), y[r])
        else:
            shift_row(x[r], m, np.log(exp_sum(x[r], m)), y[r])


@inner()
def dot_row(a: Array, b: Array) -> float:
    total = np.float64(0)
    for i in range(a.size):
        total += np.float64(a[i]) * b[i]
    return total


@inner(exact=True)
def softmax_grad_row(gy: Array, y: Array, dot: Any, gx: Array) -> None:
    for i in range(y.size):
        gx[i] = y[i] * (gy[i] - dot)


@inner(exact=True)
def log_softmax_grad_row(gy: Array, y: Array, total: Any, gx: Array) -> None:
    if y.itemsize == 8:
        gx[:] = y
        exp_all(gx, gx.size)
        for i in range(y.size):
            gx[i] = gy[i] - gx[i] * total
    else:
        for i in range(y.size):
            gx[i] = gy[i] - exp(y[i]) * total


@jit()
def _softmax(x: Array, y: Array, threads: int) -> None:
    rows, step = x.shape[0], rows_of_block(x.shape[1])
    for t in prange(threads):
        tops, totals = np.empty(step, x.dtype), np.empty(step, x.dtype)
        end = (t + 1) * rows // threads
        for lo in range(t * rows // threads, end, step):
            hi = min(end, lo + step)
            softmax_rows(x[lo:hi], y[lo:hi], tops, totals)


@jit()
def _softmax_grad(gy: Array, y: Array, gx: Array, threads: int) -> None:
    rows = y.shape[0]
    for t in prange(threads):
        for r in range(t * rows // threads, (t + 1) * rows // threads):
            softmax_grad_row(gy[r], y[r], y.dtype.type(dot_row(gy[r], y[r])), gx[r])


@jit()
def _log_softmax(x: Array, y: Array, threads: int) -> None:
    rows, step = x.shape[0], rows_of_block(x.shape[1])
    for t in prange(threads):
        end = (t + 1) * rows // threads
        for lo in range(t * rows // threads, end, step):
            log_softmax_rows(x[lo : min(end, lo + step)], y[lo : min(end, lo + step)])


@jit()
def _log_softmax_grad(gy: Array, y: Array, gx: Array, threads: int) -> None:
    rows = y.shape[0]
    for t in prange(threads):
        for r in range(t * rows // threads, (t + 1) * rows // threads):
            log_softmax_grad_row(gy[r], y[r], y.dtype.type(sum_by_runs(gy[r])), gx[r])


@inner()
def first_wrong(labels: Array, classes: int, ignore: int) -> int:
    """The place of the first label outside the classes, or -1."""
    for i in range(labels.size):
        if labels[i] != ignore and not 0 <= labels[i] < classes:
            return i
    return -1


@jit()
def _cross_entropy(x: Array, labels: Array, ignore: int, loss: Array, p: Array, threads: int) -> int:
    """Fill loss (N,) and p (N, V), unless a label is wrong: then its place, else -1."""
    wrong = first_wrong(labels, x.shape[1], ignore)
    if wrong >= 0:  # it would read or write foreign memory
        return wrong
    rows, step = x.shape[0], rows_of_block(x.shape[1])
    for t in prange(threads):
        tops, totals, logs = np.empty(step, x.dtype), np.empty(step, x.dtype), np.empty(step, x.dtype)
        end = (t + 1) * rows // threads
        for lo in range(t * rows // threads, end, step):
            hi = min(end, lo + step)
            softmax_rows(x[lo:hi], p[lo:hi], tops, totals)
            log_all(totals[: hi - lo], logs)
            for r in range(lo, hi):
                label = labels[r]
                loss[r] = 0.0 if label == ignore else loss_of(x[r, label], tops[r - lo], logs[r - lo])
    return wrong


@jit(flat=True)
def _short_cross_entropy(x: Array, labels: Array, ignore: int, loss: Array, p: Array, threads: int) -> int:
    """The same of float32 rows for short_rows: most networks compile no other. x, p: (N V,)."""
    rows = labels.size
    columns = x.size // rows
    wrong = first_wrong(labels, columns, ignore)
    if wrong >= 0:
        return wrong
    step = rows_of_block(columns)
    for t in prange(threads):
        tops, logs = np.empty(step, x.dtype), np.empty(step, x.dtype)
        end = (t + 1) * rows // threads
        for lo in range(t * rows // threads, end, step):
            count, at = min(end - lo, step), lo * columns
            short_rows(x[at:], p[at:], count, columns, tops, logs)
            logs_of(logs, logs, count)
            for r in range(count):
                label = labels[lo + r]
                loss[lo + r] = 0.0 if label == ignore else loss_of(x[at + r * columns + label], tops[r], logs[r])
    return wrong


@jit(flat=True)
def _cross_entropy_grad(gloss: Array, p: Array, labels: Array, ignore: int, gx: Array, threads: int) -> None:
    """p, gx: (N V,)."""
    rows = labels.size
    columns = p.size // rows
    for t in prange(threads):
        for r in range(t * rows // threads, (t + 1) * rows // threads):
            label, at = labels[r], r * columns
            if label == ignore:
                clear(gx[at : at + columns])
            else:
                scale_row(p[at : at + columns], gloss[r], gx[at : at + columns])
                gx[at + label] -= gloss[r]


def _by_rows(kernel: Any, lanes: Any, inputs: tuple[Array, ...], axis: int) -> Array:
    """Run kernel(*rows of inputs, rows of the result, threads), or for another axis than the last the kernel of lanes."""
    like = inputs[-1]
    size, rank = like.size, like.ndim
    if rank and (axis == rank - 1 or axis == -1) and size:
        columns = like.shape[-1]
        shape = like.shape if rank == 2 else (size // columns, columns)
        out = np.empty(shape, like.dtype)
        threads = 1 if size < GRAIN else thread_count(min(shape[0], size // GRAIN))
        if rank == 2:
            kernel(*[x if x.flags.carray else dense(x) for x in inputs], out, threads)
            return out
        kernel(*[dense(x).reshape(shape) for x in inputs], out, threads)
        return out.reshape(like.shape)
    return by_lanes(lanes, inputs, axis)


def _is_few(x: Array, axis: int) -> bool:
    """Whether this is a dense matrix, reduced along its rows, that one thread does."""
    return axis == 1 and x.ndim == 2 and 0 < x.size < GRAIN and x.flags.carray


def _few_rows(kernel: Any, x: Array) -> Array:
    """_by_rows for such a matrix."""
    out = np.empty(x.shape, x.dtype)
    kernel(x, out, 1)
    return out


def softmax(x: Array, axis: int) -> Array:
    """y = exp(x) / sum exp(x) along an axis."""
    return _few_rows(_softmax, x) if _is_few(x, axis) else _by_rows(_softmax, softmax_lanes, (x,), axis)


def softmax_grad(gy: Array, y: Array, axis: int) -> Array:
    """gx = y (gy - sum gy y)."""
    return _by_rows(_softmax_grad, softmax_grad_lanes, (gy, y), axis)


def log_softmax(x: Array, axis: int) -> Array:
    """y = x - log sum exp(x) along an axis."""
    return _few_rows(_log_softmax, x) if _is_few(x, axis) else _by_rows(_log_softmax, log_softmax_lanes, (x,), axis)


def log_softmax_grad(gy: Array, y: Array, axis: int) -> Array:
    """gx = gy - exp(y) sum gy."""
    return _by_rows(_log_softmax_grad, log_softmax_grad_lanes, (gy, y), axis)


@jit(parallel=False)
def _first_wrong(labels: Array, classes: int, ignore: int) -> int:
    return first_wrong(labels, classes, ignore)


def _numbers(labels: Array) -> Array:
    """The labels as int64."""
    return dense(labels if labels.dtype == _INT64 else labels.astype(np.int64))


def _refuse(wrong: int, labels: Array, classes: int) -> None:
    """Raise IndexError for a label at a place; -1 is none."""
    if wrong >= 0:
        raise IndexError(f"cross_entropy: label {labels[wrong]} is outside 0 ... {classes - 1}")


def _checked(labels: Array, classes: int, ignore_index: int) -> Array:
    """The labels as int64; one outside the classes would read or write foreign memory."""
    labels = _numbers(labels)
    if labels.size > FEW or not in_range(labels, classes):
        _refuse(_first_wrong(labels, classes, ignore_index), labels, classes)
    return labels


def cross_entropy(logits: Array, labels: Array, ignore_index: int) -> tuple[Array, Array]:
    """loss = log sum exp(logits) - logits[label], 0 where the label is ignore_index; and softmax(logits).

    logits: (N, V). labels: (N,) integers. Returns loss (N,) and p (N, V).
    """
    logits = dense(logits)
    n, v = logits.shape
    labels, dtype = _numbers(labels), logits.dtype
    loss, p = np.empty(n, dtype), np.empty((n, v), dtype)
    if logits.size:
        threads = 1 if logits.size < 2 * GRAIN else thread_count(min(n, logits.size // GRAIN))
        kernel = _short_cross_entropy if v <= RUN and dtype == _SINGLE else _cross_entropy
        _refuse(kernel(logits, labels, ignore_index, loss, p, threads), labels, v)
    else:
        _checked(labels, v, ignore_index)
        loss.fill(0)
    return loss, p


@jit(parallel=False)
def _mean(loss: Array, labels: Array, ignore: int) -> Any:
    """The mean of the losses whose label counts, NaN for none, and how many these are."""
    total, count = 0.0, 0
    for i in range(loss.size):
        total += loss[i]
        count += labels[i] != ignore
    return total / count, count


def cross_entropy_mean(logits: Array, labels: Array, ignore_index: int) -> tuple[Array, Array, Array]:
    """The mean over the rows whose label counts, softmax(logits), and how many count. Shapes: (), (N, V), ()."""
    loss, p = cross_entropy(logits, labels, ignore_index)
    mean, count = _mean(loss, dense(labels), ignore_index)
    return np.array(mean, loss.dtype), p, np.array(count, loss.dtype)


def cross_entropy_mean_grad(gloss: Array, p: Array, count: Array, labels: Array, ignore_index: int) -> Array:
    """Gradient of cross_entropy_mean's loss. gloss: (). p, count: as it returned them."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return cross_entropy_grad(np.full(labels.shape, gloss / count, p.dtype), p, labels, ignore_index)


def cross_entropy_grad(gloss: Array, p: Array, labels: Array, ignore_index: int) -> Array:
    """glogits = gloss (p - onehot(label)), 0 in ignored rows."""
    gloss, p = dense(gloss), dense(p)
    labels = _checked(labels, p.shape[1], ignore_index)
    out = np.empty_like(p)
    if out.size:
        threads = thread_count(min(len(p), out.size // GRAIN))
        _cross_entropy_grad(gloss, p, labels, ignore_index, out, threads)
    return out
