"""Losses of labels, and distances of all pairs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange

from ..types import Array
from .machine.compile import dense, inner, jit, thread_count, threads_for
from .machine.pairs import TILE_ROWS, WIDTH, pair_tile
from .machine.panels import pack_panel
from .machine.views import Matrix, Panel, Rows


@jit(parallel=False)
def _nll(x: Array, labels: Array, ignore: int, loss: Array) -> Any:
    """Fill loss (N,) if it is that long: the first wrong label's place or -1, the total, and how many rows count."""
    total, count = 0.0, 0
    for r in range(labels.size):
        label = labels[r]
        value = x.dtype.type(0)
        if label != ignore:
            if not 0 <= label < x.shape[1]:
                return r, total, count
            value = -x[r, label]
            count += 1
        total += value
        if loss.size:
            loss[r] = value
    return -1, total, count


def nll_loss(log_probs: Array, labels: Array, ignore_index: int, reduction: str) -> tuple[Array, Array]:
    """-log_probs[n, labels[n]], 0 for ignore_index, reduced; and how many rows count. log_probs: (N, V). labels: (N,)."""
    dtype = log_probs.dtype
    loss = np.empty(labels.size if reduction == "none" else 0, dtype)
    wrong, total, count = _nll(dense(log_probs), dense(labels), ignore_index, loss)
    if wrong >= 0:
        raise IndexError(f"nll_loss: label {labels[wrong]} is outside 0 ... {log_probs.shape[1] - 1}")
    if reduction != "none":
        loss = np.array(total if reduction == "sum" else total / count if count else np.nan, dtype)
    return loss, np.array(count, dtype)


@jit()
def _nll_grad(gloss: Array, labels: Array, ignore: int, out: Array, threads: int) -> int:
    """Write -gloss, a number for all rows or one for each; the first wrong label's place or -1."""
    for r in range(labels.size):
        if labels[r] != ignore and not 0 <= labels[r] < out.shape[1]:
            return r
    rows = labels.size
    for t in prange(threads):
        for r in range(t * rows // threads, (t + 1) * rows // threads):
            out[r, :] = 0
            if labels[r] != ignore:
                out[r, labels[r]] = -gloss[r if gloss.size > 1 else 0]
    return -1


def _for_rows(gloss: Array, labels: Array) -> Array:
    """A cotangent () or (N,) in one row, of one number or of N; ValueError for others."""
    fits = gloss.shape in ((), labels.shape)
    return dense(gloss if fits else np.broadcast_to(gloss, labels.shape)).reshape(-1)


def nll_loss_grad(gloss: Array, count: Array, labels: Array, classes: int, ignore_index: int, reduction: str) -> Array:
    """Its gradient. gloss: (N,) or (). count: as it returned it. Returns (N, classes)."""
    out = np.empty((labels.size, classes), gloss.dtype)
    each = _for_rows(gloss, labels)
    if reduction == "mean":
        with np.errstate(invalid="ignore", divide="ignore"):
            each = (each / count).astype(gloss.dtype)
    wrong = _nll_grad(each, dense(labels), ignore_index, out, threads_for(labels.size, 0.2 * out.size))
    if wrong >= 0:
        raise IndexError(f"nll_loss: label {labels[wrong]} is outside 0 ... {classes - 1}")
    return out


@jit()
def _squared_distances(x: Array, y: Array, out: Array, width: int, threads: int) -> None:
    rows, depth = x.shape
    columns = len(y)
    panels = (columns + width - 1) // width
    packed = np.empty(panels * depth * width, x.dtype)
    left, right = x.reshape(-1), y.reshape(-1)
    for t in prange(threads):
        for p in range(t * panels // threads, (t + 1) * panels // threads):
            source = Matrix(right, p * width * depth, 1, depth)
            pack_panel(Panel(packed, p * depth * width, depth), source, min(width, columns - p * width))
    tiles = (rows + TILE_ROWS - 1) // TILE_ROWS
    for t in prange(threads):
        spare = np.empty(TILE_ROWS * width, x.dtype)
        for u in range(t * tiles * panels // threads, (t + 1) * tiles * panels // threads):
            p, first = u // tiles, u % tiles * TILE_ROWS
            height, wide = min(TILE_ROWS, rows - first), min(width, columns - p * width)
            rows_here, panel = Rows(left, first * depth, depth), Panel(packed, p * depth * width, depth)
            pair_tile(height, rows_here, panel, Rows(spare, 0, width))
            for i in range(height):
                for j in range(wide):
                    out[first + i, p * width + j] = spare[i * width + j]


def squared_distances(x: Array, y: Array) -> Array:
    """The squared distance of every pair of rows, from their differences. x: (N, D). y: (M, D). Returns (N, M)."""
    out = np.zeros((len(x), len(y)), x.dtype)
    if out.size and x.shape[1]:
        threads = thread_count(max(1, out.size * x.shape[1] >> 18))
        _squared_distances(dense(x), dense(y), out, WIDTH // x.itemsize, threads)
    return out


def squared_distances_grad(gdistances: Array, x: Array, y: Array) -> tuple[Array, Array]:
    """Its gradients: gx = 2 (x sum_m g - g y), gy likewise; the rows are moved to the middle of y first, so that less cancels."""
    from .linear import matmul

    middle = y.mean(axis=0) if len(y) else np.zeros(y.shape[1], y.dtype)
    g, x, y = 2 * gdistances, x - middle, y - middle
    return g.sum(axis=1)[:, None] * x - matmul(g, y), g.sum(axis=0)[:, None] * y - matmul(g.T, x)


@inner()
def squares(x: Array) -> float:
    total = 0.0
    for i in range(x.size):
        total += np.float64(x[i]) * np.float64(x[i])
    return total


@inner()
def length(x: Array) -> Any:
    """The Euclidean norm; where squares would leave the range of float64, of the row divided by its largest."""
    total = squares(x)
    if 1e-280 < total < 1e300 or total != total:
        return np.sqrt(total)
    top = 0.0
    for i in range(x.size):
        top = max(top, abs(np.float64(x[i])))
    if top == 0.0 or top == np.inf:
        return top
    total = 0.0
    for i in range(x.size):
        total += (x[i] / top) ** 2
    return top * np.sqrt(total)


@inner()
def divisor(norm: float, eps: float, smooth: bool) -> float:
    """What a vector of this norm is divided by."""
    if norm != norm or norm == np.inf:
        return norm
    return np.hypot(norm, eps) if smooth else max(norm, eps)


@inner()
def unit_product(a: Array, b: Array, na: float, nb: float) -> float:
    total = 0.0
    for i in range(a.size):
        total += (a[i] / na) * (b[i] / nb)
    return total


@inner()
def cosine_of(a: Array, b: Array, na: float, nb: float) -> float:
    """The sum of products, divided at once where no number is near the ends of the range, else each before."""
    if 1e-100 < na < 1e100 and 1e-100 < nb < 1e100:
        total = 0.0
        for i in range(a.size):
            total += np.float64(a[i]) * np.float64(b[i])
        return total / na / nb
    return unit_product(a, b, na, nb)


@inner(exact=True)
def cosine_grad_row(a: Array, b: Array, first: float, second: float, ga: Array) -> None:
    """ga = first b - second a."""
    for i in range(a.size):
        ga[i] = first * b[i] - second * a[i]


@jit()
def _cosine(a: Array, b: Array, eps: float, smooth: bool, y: Array, threads: int) -> None:
    for t in prange(threads):
        for r in range(t * len(y) // threads, (t + 1) * len(y) // threads):
            na, nb = divisor(length(a[r]), eps, smooth), divisor(length(b[r]), eps, smooth)
            y[r] = cosine_of(a[r], b[r], na, nb)


@jit()
def _cosine_grad(gy: Array, a: Array, b: Array, eps: float, smooth: bool, ga: Array, gb: Array, threads: int) -> None:
    for t in prange(threads):
        for r in range(t * len(gy) // threads, (t + 1) * len(gy) // threads):
            la, lb = length(a[r]), length(b[r])
            na, nb = divisor(la, eps, smooth), divisor(lb, eps, smooth)
            y, g = cosine_of(a[r], b[r], na, nb), np.float64(gy[r])
            cosine_grad_row(a[r], b[r], g / na / nb, g * y / na / na if smooth or la > eps else 0.0, ga[r])
            cosine_grad_row(b[r], a[r], g / na / nb, g * y / nb / nb if smooth or lb > eps else 0.0, gb[r])


def cosine(a: Array, b: Array, eps: float, smooth: bool) -> Array:
    """The cosine of the angle of each pair of rows. a, b: (M, D). Returns (M,)."""
    y = np.empty(len(a), a.dtype)
    _cosine(dense(a), dense(b), eps, smooth, y, threads_for(len(a), 0.5 * a.size))
    return y


def cosine_grad(gy: Array, a: Array, b: Array, eps: float, smooth: bool) -> tuple[Array, Array]:
    """Its gradients, (M, D) each. gy: (M,)."""
    ga, gb = np.empty(a.shape, a.dtype), np.empty(a.shape, a.dtype)
    _cosine_grad(dense(gy), dense(a), dense(b), eps, smooth, ga, gb, threads_for(len(a), 1.0 * a.size))
    return ga, gb


@inner(exact=True)
def margin_sum(x: Array, own: Any, margin: Any, square: bool) -> float:
    """The sum of what the scores x and the margin exceed the score of the label by, or of its square."""
    total = np.float64(0)
    for j in range(x.size):
        over = np.float64(margin + x[j] - own)
        if not over <= 0:  # a NaN stays
            total += over * over if square else over
    return total


@inner(exact=True)
def margin_slopes(x: Array, own: Any, margin: Any, square: bool, g: Any, gx: Array) -> float:
    """Fill the gradient of these scores; its sum."""
    total, zero = np.float64(0), x.dtype.type(0)
    for j in range(x.size):
        over = margin + x[j] - own
        slope = over + over if square else x.dtype.type(1 if over > 0 else 0.5)
        gx[j] = zero if over < 0 or (square and over == 0) else g * slope
        total += gx[j]
    return total


@jit(parallel=False)
def _margins(x: Array, labels: Array, margin: float, square: bool, factor: float, loss: Array) -> Any:
    """Fill loss (N,) if it is that long: the first wrong label's place or -1, and the total."""
    total = 0.0
    for r in range(labels.size):
        if not 0 <= labels[r] < x.shape[1]:
            return r, total
        label, least = labels[r], x.dtype.type(margin)
        own = x[r, label]
        value = factor * (margin_sum(x[r, :label], own, least, square) + margin_sum(x[r, label + 1 :], own, least, square))
        total += value
        if loss.size:
            loss[r] = value
    return -1, total


@jit(parallel=False)
def _margins_grad(gloss: Array, x: Array, labels: Array, margin: float, square: bool, factor: float, gx: Array) -> int:
    for r in range(labels.size):
        if not 0 <= labels[r] < x.shape[1]:
            return r
        g = x.dtype.type(factor * gloss[r if gloss.size > 1 else 0])
        label, least = labels[r], x.dtype.type(margin)
        own = x[r, label]
        total = margin_slopes(x[r, :label], own, least, square, g, gx[r, :label])
        total += margin_slopes(x[r, label + 1 :], own, least, square, g, gx[r, label + 1 :])
        gx[r, label] = -total
    return -1


def multi_margin(x: Array, labels: Array, margin: float, p: int, factor: float, reduction: str) -> Array:
    """factor times the sum over the wrong classes of max(0, margin + x[n, j] - x[n, label])**p, reduced. x: (N, V)."""
    loss = np.empty(labels.size if reduction == "none" else 0, x.dtype)
    wrong, total = _margins(dense(x), dense(labels), margin, p != 1, factor, loss)
    if wrong >= 0:
        raise IndexError(f"multi_margin: label {labels[wrong]} is outside 0 ... {x.shape[1] - 1}")
    if reduction == "none":
        return loss
    return np.array(total if reduction == "sum" else total / labels.size if labels.size else np.nan, x.dtype)


def multi_margin_grad(gloss: Array, x: Array, labels: Array, margin: float, p: int, factor: float, reduction: str) -> Array:
    """Its gradient. gloss: (N,) or (). Returns (N, V)."""
    gx = np.empty(x.shape, x.dtype)
    scale = factor / max(1, labels.size) if reduction == "mean" else factor
    wrong = _margins_grad(_for_rows(gloss, labels), dense(x), dense(labels), margin, p != 1, scale, gx)
    if wrong >= 0:
        raise IndexError(f"multi_margin: label {labels[wrong]} is outside 0 ... {x.shape[1] - 1}")
    return gx
