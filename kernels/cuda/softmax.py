"""Softmax, its logarithm and cross-entropy on the GPU: a warp or a block a row, or a thread where rows lie side by side."""

from __future__ import annotations

from math import prod

from ..types import Array
from . import FLOATS
from .launch import Kernel, blocks_for, contiguous, empty, integers, library_of, team_of

_softmax = Kernel("softmax.cu", "softmax", FLOATS)
_softmax_grad = Kernel("softmax.cu", "softmax_grad", FLOATS)
_log_softmax = Kernel("softmax.cu", "log_softmax", FLOATS)
_log_softmax_grad = Kernel("softmax.cu", "log_softmax_grad", FLOATS)
_cross_entropy = Kernel("softmax.cu", "cross_entropy", FLOATS)
_cross_entropy_grad = Kernel("softmax.cu", "cross_entropy_grad", FLOATS)

MANY_ROWS = 4096
"""From so many rows on, one thread for each keeps a card busy."""


def softmax(x: Array, axis: int) -> Array:
    """exp(x) / sum of exp(x) along an axis."""
    return _along(_softmax, axis, x)


def softmax_grad(gy: Array, y: Array, axis: int) -> Array:
    """Gradient of softmax from its result y: y (gy - sum of gy y)."""
    return _along(_softmax_grad, axis, gy, y)


def log_softmax(x: Array, axis: int) -> Array:
    """x - log(sum of exp(x)) along an axis."""
    return _along(_log_softmax, axis, x)


def log_softmax_grad(gy: Array, y: Array, axis: int) -> Array:
    """Gradient of log_softmax from its result y: gy - exp(y) sum of gy."""
    return _along(_log_softmax_grad, axis, gy, y)


def cross_entropy(logits: Array, labels: Array, ignore_index: int) -> tuple[Array, Array]:
    """Negative log-probability of the right class. logits: (N, V). labels: (N,) int.

    Returns loss (N,), 0 where the label is ignore_index and NaN where it is no class, and lse (N,).
    """
    rows, n = logits.shape
    loss, lse = (empty(library_of(logits), (rows,), logits.dtype) for _ in range(2))
    team = team_of(n)
    arrays = contiguous(logits), integers(labels), loss, lse
    _cross_entropy[blocks_for(rows * team, _cross_entropy.threads)](*arrays, rows, n, ignore_index, team)
    return loss, lse


def cross_entropy_grad(gloss: Array, logits: Array, labels: Array, lse: Array, ignore_index: int) -> Array:
    """Gradient of cross_entropy's loss: gloss (softmax(logits) - one_hot(labels)), 0 where the label is ignored.

    gloss: (N,). logits: (N, V). labels: (N,). lse: (N,) as cross_entropy returned it. Returns (N, V).
    """
    rows, n = logits.shape
    glogits = empty(library_of(logits), logits.shape, logits.dtype)
    team = team_of(n)
    arrays = contiguous(gloss), contiguous(logits), integers(labels), contiguous(lse), glogits
    blocks = blocks_for(rows * team, _cross_entropy_grad.threads) if n else 0
    _cross_entropy_grad[blocks](*arrays, rows, n, ignore_index, team)
    return glogits


def _along(kernel: Kernel, axis: int, *arrays: Array) -> Array:
    """Launch over the lines of an axis."""
    shape = arrays[0].shape
    result = empty(library_of(arrays[0]), shape, arrays[0].dtype)
    if result.size == 0:
        return result
    axis %= len(shape)
    n, inner = shape[axis], prod(shape[axis + 1 :])
    rows = result.size // n
    # Lines that lie side by side are read together by neighbouring threads, each going down its own.
    team = 1 if inner > 1 and rows >= MANY_ROWS else team_of(n)
    kernel[blocks_for(rows * team, kernel.threads)](*map(contiguous, arrays), result, rows, n, inner, team)
    return result
