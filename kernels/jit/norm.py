"""Batch, layer and group normalisation: two passes over each group of numbers.

A group is what one mean and one variance are taken over. The deviations are taken from the mean in two parts, the
part that the dtype can hold and the rest, so that a large mean costs no digits. Short runs are summed in the dtype of x,
what they come to in float64; the square of a deviation must not overflow that dtype, here as in the reference.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange

from ..types import Array
from .machine.compile import dense, jit, thread_count, threads_for
from .machine.layer_rows import TOGETHER, Affine, Statistics, Sums, Terms, layer_grad_rows, layer_rows
from .machine.norm_rows import (
    add_products_row,
    add_row,
    add_squares_row,
    affine_row,
    columns_grad_row,
    columns_row,
    deviations_by_runs,
    grad_row,
    grad_sums_by_runs,
    layer_grad_sums_row,
    sum_by_runs,
)
from .machine.prefetch import expect
from .machine.rms_rows import rms, rms_grad
from .machine.streams import fence, is_streamed
from .machine.vector import as_row
from .machine.views import Rows

GRAIN = 8192
"""Elements below which another thread does not pay."""

PIECE_ROWS, PIECES = 128, 64
"""layer_norm_grad cuts its sums over rows into runs of so many, or into so many: the thread count changes no bit."""

ROWS = 16
"""Rows that layer_norm_grad sums in their own dtype before float64 takes over: a multiple of TOGETHER."""

AHEAD = 2
"""Rows of large arrays that layer_norm has brought into the cache while it computes."""

COLUMNS = 64
"""Channels that one thread treats together where a sample has one number per channel."""


@jit()
def _batch(x: Array, weight: Array, bias: Array, eps: float, y: Array, means: Array, rstds: Array, threads: int) -> None:
    samples, channels, size = x.shape
    count = samples * size
    for t in prange(threads):
        for c in range(t * channels // threads, (t + 1) * channels // threads):
            total, squares, rest = np.float64(0), np.float64(0), np.float64(0)
            for n in range(samples):
                total += sum_by_runs(x[n, c])
            mean = np.float64(x.dtype.type(total / count))
            for n in range(samples):
                d, q = deviations_by_runs(x[n, c], x.dtype.type(mean))
                rest += d
                squares += q
            rest /= count
            rstd = 1.0 / np.sqrt(squares / count - rest * rest + eps)
            coarse = x.dtype.type(mean + rest)
            rest = (mean - np.float64(coarse)) + rest
            scale = rstd * weight[c]
            for n in range(samples):
                affine_row(x[n, c], coarse, x.dtype.type(scale), x.dtype.type(bias[c] - rest * scale), y[n, c])
            means[c], rstds[c] = coarse, rstd


@jit()
def _batch_grad(gy: Array, x: Array, weight: Array, stats: Statistics, gx: Array, gw: Array, gb: Array, threads: int) -> None:
    samples, channels, size = x.shape
    count = samples * size
    for t in prange(threads):
        for c in range(t * channels // threads, (t + 1) * channels // threads):
            total, product, rstd = np.float64(0), np.float64(0), np.float64(stats.rstd[c])
            for n in range(samples):
                s, p = grad_sums_by_runs(gy[n, c], x[n, c], stats.mean[c])
                total += s
                product += p
            gw[c], gb[c] = product * rstd, total
            scale = weight[c] * rstd
            slope, level = scale * rstd * rstd * product / count, scale * total / count
            kind = x.dtype.type
            for n in range(samples):
                grad_row(gy[n, c], x[n, c], stats.mean[c], kind(scale), kind(slope), kind(level), gx[n, c])


@jit()
def _inference(x: Array, mean: Array, variance: Array, weight: Array, bias: Array, eps: float, y: Array, threads: int) -> None:
    samples, channels, size = x.shape
    kind = x.dtype.type
    for t in prange(threads):
        for c in range(t * channels // threads, (t + 1) * channels // threads):
            scale = kind(weight[c] / np.sqrt(np.float64(variance[c]) + eps))
            for n in range(samples):
                affine_row(x[n, c], mean[c], scale, bias[c], y[n, c])


@jit()
def _columns(x: Array, weight: Array, bias: Array, eps: float, y: Array, means: Array, rstds: Array, threads: int) -> None:
    """Batch normalisation of (N, C): a block of channels at a time, row after row."""
    samples, channels = x.shape
    blocks = (channels + COLUMNS - 1) // COLUMNS
    for t in prange(threads):
        for b in range(t * blocks // threads, (t + 1) * blocks // threads):
            lo, hi = b * COLUMNS, min(channels, (b + 1) * COLUMNS)
            mean, scale, shift = np.zeros(hi - lo), np.zeros(hi - lo), np.zeros(hi - lo)
            for n in range(samples):
                add_row(mean, x[n, lo:hi])
            for c in range(hi - lo):
                mean[c] /= samples
            for n in range(samples):
                add_squares_row(scale, x[n, lo:hi], mean)
            for c in range(hi - lo):
                rstd = 1.0 / np.sqrt(scale[c] / samples + eps)
                means[lo + c], rstds[lo + c] = mean[c], rstd
                scale[c], shift[c] = rstd * weight[lo + c], bias[lo + c]
            for n in range(samples):
                columns_row(x[n, lo:hi], mean, scale, shift, y[n, lo:hi])


@jit()
def _columns_grad(gy: Array, x: Array, weight: Array, stats: Statistics, gx: Array, gw: Array, gb: Array, threads: int) -> None:
    samples, channels = x.shape
    blocks = (channels + COLUMNS - 1) // COLUMNS
    for t in prange(threads):
        for b in range(t * blocks // threads, (t + 1) * blocks // threads):
            lo, hi = b * COLUMNS, min(channels, (b + 1) * COLUMNS)
            total, product, scale = np.zeros(hi - lo), np.zeros(hi - lo), np.zeros(hi - lo)
            for n in range(samples):
                add_row(total, gy[n, lo:hi])
                add_products_row(product, gy[n, lo:hi], x[n, lo:hi], stats.mean[lo:hi])
            for c in range(hi - lo):
                rstd = np.float64(stats.rstd[lo + c])
                gw[lo + c], gb[lo + c] = product[c] * rstd, total[c]
                scale[c] = weight[lo + c] * rstd
                product[c] *= scale[c] * rstd * rstd / samples
                total[c] *= scale[c] / samples
            for n in range(samples):
                columns_grad_row(gy[n, lo:hi], x[n, lo:hi], stats.mean[lo:hi], scale, product, total, gx[n, lo:hi])


@jit()
def _layer(
    x: Array, weight: Array, bias: Array, eps: float, y: Array, stats: Statistics, streamed: bool, threads: int
) -> None:  # fmt: skip
    rows, count = x.shape
    inputs, flat = as_row(x), as_row(y)
    for t in prange(threads):
        rests, end = np.empty(TOGETHER, x.dtype), (t + 1) * rows // threads
        for first in range(t * rows // threads, end, TOGETHER):
            last = min(end, first + TOGETHER)
            for r in range(first, last):
                if streamed and r + AHEAD < rows:
                    expect(inputs, (r + AHEAD) * count * x.itemsize, count * x.itemsize)
                mean = np.float64(x.dtype.type(sum_by_runs(x[r]) / count))
                rest, squares = deviations_by_runs(x[r], x.dtype.type(mean))
                rest /= count
                rstd = 1.0 / np.sqrt(squares / count - rest * rest + eps)
                coarse = x.dtype.type(mean + rest)
                stats.mean[r], stats.rstd[r] = coarse, rstd
                rests[r - first] = (np.float64(coarse) - mean - rest) * rstd
            terms = Affine(stats.mean[first:last], stats.rstd[first:last], rests, last - first)
            given, out = Rows(inputs, first * count, count), Rows(flat, first * count, count)
            layer_rows(given, weight, bias, terms, out, streamed)
        fence(rests)


@jit()
def _layer_grad(
    gy: Array, x: Array, weight: Array, stats: Statistics, gx: Array, sums: Sums, streamed: bool, threads: int
) -> None:  # fmt: skip
    gw, gb = sums.weight, sums.bias
    rows, count = x.shape
    pieces, kind = len(gw), x.dtype.type
    grads, inputs, flat = as_row(gy), as_row(x), as_row(gx)
    for t in prange(threads):
        spare = np.empty(2 * count + 2 * TOGETHER, kind)
        some_w, some_b, slopes, levels = spare[:count], spare[count:-2 * TOGETHER], spare[-2 * TOGETHER :], spare[-TOGETHER:]
        for p in range(t * pieces // threads, (t + 1) * pieces // threads):
            begin, end, left = p * rows // pieces, (p + 1) * rows // pieces, 0
            for r in range(begin, end, TOGETHER):
                if left == 0:
                    left = ROWS
                    some_w[:], some_b[:] = 0, 0
                last, at = min(end, r + TOGETHER), r * count
                for i in range(r, last):
                    total, product = layer_grad_sums_row(gy[i], x[i], weight, stats.mean[i], stats.rstd[i])
                    scale = -np.float64(stats.rstd[i]) / count
                    slopes[i - r], levels[i - r] = scale * product, scale * total
                terms, pair = Terms(stats.mean[r:last], stats.rstd[r:last], slopes, levels, last - r), Sums(some_w, some_b)
                given, out = Rows(inputs, at, count), Rows(flat, at, count)
                layer_grad_rows(Rows(grads, at, count), given, weight, terms, out, pair, streamed)
                left -= TOGETHER
                if last == end or left == 0:
                    add_row(gw[p], some_w)
                    add_row(gb[p], some_b)
        fence(spare)


@jit()
def _group(x: Array, weight: Array, bias: Array, eps: float, y: Array, means: Array, rstds: Array, threads: int) -> None:
    """x: (N * groups, channels of a group, size); weight and bias: (groups, channels of a group)."""
    units, channels, size = x.shape
    groups, count = weight.shape[0], channels * size
    for t in prange(threads):
        for u in range(t * units // threads, (t + 1) * units // threads):
            g = u % groups
            row = x[u].reshape(count)
            mean = np.float64(x.dtype.type(sum_by_runs(row) / count))
            rest, squares = deviations_by_runs(row, x.dtype.type(mean))
            rest /= count
            rstd = 1.0 / np.sqrt(squares / count - rest * rest + eps)
            coarse = x.dtype.type(mean + rest)
            rest = (mean - np.float64(coarse)) + rest
            for c in range(channels):
                scale = rstd * weight[g, c]
                affine_row(x[u, c], coarse, x.dtype.type(scale), x.dtype.type(bias[g, c] - rest * scale), y[u, c])
            means[u], rstds[u] = coarse, rstd


@jit()
def _group_grad(gy: Array, x: Array, weight: Array, stats: Statistics, gx: Array, gw: Array, gb: Array, threads: int) -> None:
    """gw and gb: (N * groups, channels of a group) float64, the share of each sample."""
    units, channels, size = x.shape
    groups, count = weight.shape[0], channels * size
    kind = x.dtype.type
    for t in prange(threads):
        for u in range(t * units // threads, (t + 1) * units // threads):
            g, rstd = u % groups, np.float64(stats.rstd[u])
            total, product = np.float64(0), np.float64(0)
            for c in range(channels):
                s, p = grad_sums_by_runs(gy[u, c], x[u, c], stats.mean[u])
                gw[u, c], gb[u, c] = p * rstd, s
                total += s * weight[g, c]
                product += p * weight[g, c]
            slope, level = rstd * rstd * rstd * product / count, rstd * total / count
            for c in range(channels):
                scale = rstd * weight[g, c]
                grad_row(gy[u, c], x[u, c], stats.mean[u], kind(scale), kind(slope), kind(level), gx[u, c])


def _affine(weight: Array | None, bias: Array | None, size: int, dtype: Any) -> tuple[Array, Array]:
    """Weight and bias, ones and zeros where there are none."""
    return (
        np.ones(size, dtype) if weight is None else dense(weight),
        np.zeros(size, dtype) if bias is None else dense(bias),
    )


def _statistics(shape: Any, like: Array, eps: float) -> tuple[Array, Array]:
    """Arrays for mean and rstd, filled with what they are over no numbers at all."""
    return np.zeros(shape, like.dtype), np.full(shape, eps**-0.5 if eps > 0 else np.inf, like.dtype)


def batch_norm(x: Array, weight: Array | None, bias: Array | None, eps: float) -> tuple[Array, Array, Array]:
    """y = (x - mean) rstd weight + bias per channel, rstd = 1 / sqrt(var + eps), var biased.

    x: (N, C, *S). weight, bias: (C,) or None. Returns y, mean (C,), rstd (C,).
    """
    x = dense(x)
    n, c = x.shape[:2]
    y = np.empty_like(x)
    weight, bias = _affine(weight, bias, c, x.dtype)
    mean, rstd = _statistics(c, x, eps)
    if x.size == n * c and x.size:
        blocks = -(-c // COLUMNS)
        flat = (x.reshape(n, c), weight, bias, eps, y.reshape(n, c), mean, rstd)
        _columns(*flat, thread_count(min(blocks, x.size // GRAIN)))
    elif x.size:
        _batch(x.reshape(n, c, -1), weight, bias, eps, y.reshape(n, c, -1), mean, rstd, _share(c, x))
    return y, mean, rstd


def batch_norm_grad(gy: Array, x: Array, weight: Array | None, mean: Array, rstd: Array) -> tuple[Array, Array, Array]:
    """gx = weight rstd (gy - mean(gy) - xhat mean(gy xhat)), gweight = sum gy xhat, gbias = sum gy."""
    gy, x, mean, rstd = dense(gy), dense(x), dense(mean), dense(rstd)
    n, c = x.shape[:2]
    gx, gw, gb = np.empty_like(x), np.zeros(c, x.dtype), np.zeros(c, x.dtype)
    weight, _ = _affine(weight, None, c, x.dtype)
    if x.size == n * c and x.size:
        blocks = -(-c // COLUMNS)
        flat = (gy.reshape(n, c), x.reshape(n, c), weight, Statistics(mean, rstd), gx.reshape(n, c), gw, gb)
        _columns_grad(*flat, thread_count(min(blocks, x.size // GRAIN)))
    elif x.size:
        deep = (gy.reshape(n, c, -1), x.reshape(n, c, -1), weight, Statistics(mean, rstd), gx.reshape(n, c, -1), gw, gb)
        _batch_grad(*deep, _share(c, x))
    return gx, gw, gb


def batch_norm_inference(x: Array, mean: Array, variance: Array, weight: Array | None, bias: Array | None, eps: float) -> Array:
    """y = (x - mean) / sqrt(variance + eps) weight + bias per channel. x: (N, C, *S), the others (C,) or None."""
    x = dense(x)
    n, c = x.shape[:2]
    y = np.empty(x.shape, x.dtype)
    weight, bias = _affine(weight, bias, c, x.dtype)
    if x.size:
        threads = threads_for(c, 0.2 * x.size)
        _inference(x.reshape(n, c, -1), dense(mean), dense(variance), weight, bias, eps, y.reshape(n, c, -1), threads)
    return y


def layer_norm(x: Array, weight: Array | None, bias: Array | None, eps: float) -> tuple[Array, Array, Array]:
    """y = (x - mean) rstd weight + bias per row.

    x: (M, D). weight, bias: (D,) or None. Returns y, mean (M,), rstd (M,).
    """
    x = dense(x)
    rows, dtype = x.shape[0], x.dtype
    y = np.empty(x.shape, dtype)
    weight, bias = _affine(weight, bias, x.shape[1], dtype)
    if not x.size:
        return y, *_statistics(rows, x, eps)
    mean, rstd, large = np.empty(rows, dtype), np.empty(rows, dtype), x.size >= GRAIN
    streamed, threads = (is_streamed(y, x.shape[1]), _share(rows, x)) if large else (False, 1)
    _layer(x, weight, bias, eps, y, Statistics(mean, rstd), streamed, threads)
    return y, mean, rstd


def layer_norm_grad(gy: Array, x: Array, weight: Array | None, mean: Array, rstd: Array) -> tuple[Array, Array, Array]:
    """gx = rstd (gy weight - mean(gy weight) - xhat mean(gy weight xhat)), gweight = sum gy xhat, gbias = sum gy."""
    gy, x, mean, rstd = dense(gy), dense(x), dense(mean), dense(rstd)
    gx = np.empty_like(x)
    weight, _ = _affine(weight, None, x.shape[1], x.dtype)
    pieces = min(PIECES, -(-len(x) // PIECE_ROWS))
    gw, gb = np.zeros((pieces, x.shape[1])), np.zeros((pieces, x.shape[1]))
    if x.size:
        streamed = is_streamed(gx, x.shape[1])
        _layer_grad(gy, x, weight, Statistics(mean, rstd), gx, Sums(gw, gb), streamed, _share(pieces, x))
    return gx, gw.sum(0).astype(x.dtype), gb.sum(0).astype(x.dtype)


def group_norm(x: Array, weight: Array | None, bias: Array | None, groups: int, eps: float) -> tuple[Array, Array, Array]:
    """y = (x - mean) rstd weight + bias, statistics per sample and group of channels.

    x: (N, C, *S). weight, bias: (C,) or None. Returns y, mean (N, groups), rstd (N, groups).
    """
    x = dense(x)
    n, c = x.shape[:2]
    y = np.empty(x.shape, x.dtype)
    if not x.size:
        return y, *_statistics((n, groups), x, eps)
    scale, shift = _affine(weight, bias, c, x.dtype)
    mean, rstd = np.empty((n, groups), x.dtype), np.empty((n, groups), x.dtype)
    shape, pair = (n * groups, c // groups, -1), (groups, c // groups)
    _group(
        x.reshape(shape), scale.reshape(pair), shift.reshape(pair), eps,
        y.reshape(shape), mean.reshape(-1), rstd.reshape(-1), 1 if x.size < GRAIN else _share(n * groups, x),
    )  # fmt: skip
    return y, mean, rstd


def group_norm_grad(
    gy: Array, x: Array, weight: Array | None, mean: Array, rstd: Array, groups: int
) -> tuple[Array, Array, Array]:
    """The gradients of group_norm; gweight and gbias are summed over samples in their order."""
    gy, x, mean, rstd = dense(gy), dense(x), dense(mean), dense(rstd)
    n, c = x.shape[:2]
    gx = np.empty_like(x)
    scale, _ = _affine(weight, None, c, x.dtype)
    gw, gb = np.zeros((n * groups, c // groups)), np.zeros((n * groups, c // groups))
    if x.size:
        shape = (n * groups, c // groups, -1)
        _group_grad(
            gy.reshape(shape), x.reshape(shape), scale.reshape(groups, c // groups),
            Statistics(mean.reshape(-1), rstd.reshape(-1)), gx.reshape(shape), gw, gb, _share(n * groups, x),
        )  # fmt: skip
    return gx, gw.reshape(n, c).sum(0).astype(x.dtype), gb.reshape(n, c).sum(0).astype(x.dtype)


def rms_norm(x: Array, weight: Array | None, eps: float) -> tuple[Array, Array]:
    """y = x rstd weight per row, rstd = 1 / sqrt(mean(x^2) + eps). x: (M, D). weight: (D,) or None. Returns y, rstd (M,)."""
    x = dense(x)
    y, rstd = np.empty(x.shape, x.dtype), _statistics(len(x), x, eps)[1]
    if x.size:
        rms(x, _affine(weight, None, x.shape[1], x.dtype)[0], eps, y, rstd, threads_for(len(x), 0.3 * x.size))
    return y, rstd


def rms_norm_grad(gy: Array, x: Array, weight: Array | None, rstd: Array) -> tuple[Array, Array]:
    """gx = rstd (gy weight - xhat mean(gy weight xhat)), gweight = sum gy xhat, with xhat = x rstd."""
    gx = np.empty(x.shape, x.dtype)
    weight, _ = _affine(weight, None, x.shape[1], x.dtype)
    gw = np.zeros((min(PIECES, -(-len(x) // PIECE_ROWS)), x.shape[1]))
    if x.size:
        rms_grad(dense(gy), dense(x), weight, dense(rstd), gx, gw, ROWS, threads_for(len(gw), 0.6 * x.size))
    return gx, gw.sum(0).astype(x.dtype)


def _share(units: int, x: Array) -> int:
    return thread_count(min(units, x.size // GRAIN))
