"""Softmax, its logarithm and cross-entropy on the GPU: a warp or a block a row, or a thread where rows lie side by side."""

from __future__ import annotations

from math import prod

from ..types import Array
from . import FLOATS
from .machine.launch import Kernel, blocks_for, contiguous, empty, integers, library_of, team_of
from .machine.source import accumulator

_softmax = Kernel("softmax.cu", "softmax", FLOATS)
_softmax_grad = Kernel("softmax.cu", "softmax_grad", FLOATS)
_log_softmax = Kernel("softmax.cu", "log_softmax", FLOATS)
_log_softmax_grad = Kernel("softmax.cu", "log_softmax_grad", FLOATS)
_cross_entropy = Kernel("softmax.cu", "cross_entropy", FLOATS)
_mean_of_counted = Kernel("softmax.cu", "mean_of_counted", FLOATS)
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

    Returns loss (N,), 0 where the label is ignore_index and NaN where it is no class, and softmax(logits) (N, V).
    """
    rows, n = logits.shape
    loss, p = (empty(library_of(logits), shape, logits.dtype) for shape in ((rows,), (rows, n)))
    team = team_of(n)
    arrays = contiguous(logits), integers(labels), loss, p
    _cross_entropy[blocks_for(rows * team, _cross_entropy.threads)](*arrays, rows, n, ignore_index, team)
    return loss, p


def cross_entropy_mean(logits: Array, labels: Array, ignore_index: int) -> tuple[Array, Array, Array]:
    """The mean over the rows whose label counts, (), and besides softmax(logits) (N, V) how many they are, ()."""
    labels = integers(labels)
    each, p = cross_entropy(logits, labels, ignore_index)
    library, wide = library_of(logits), accumulator(str(logits.dtype))
    loss, count = empty(library, (), logits.dtype), empty(library, (), wide)
    _mean_of_counted[1](each, labels, loss, count, labels.size, ignore_index)
    return loss, p, count


def cross_entropy_grad(gloss: Array, p: Array, labels: Array, ignore_index: int) -> Array:
    """Gradient of cross_entropy's loss: gloss (p - one_hot(labels)), 0 where the label is ignored.

    gloss: (N,). p: (N, V) as cross_entropy returned it. labels: (N,). Returns (N, V).
    """
    return _logits_grad(gloss, p, None, labels, ignore_index)


def cross_entropy_mean_grad(gloss: Array, p: Array, count: Array, labels: Array, ignore_index: int) -> Array:
    """Gradient of cross_entropy_mean's loss. gloss: (). p, count: as it returned them. Returns (N, V)."""
    return _logits_grad(gloss, p, count, labels, ignore_index)


def _logits_grad(gloss: Array, p: Array, count: Array | None, labels: Array, ignore_index: int) -> Array:
    rows, n = p.shape
    glogits = empty(library_of(p), p.shape, p.dtype)
    counted = None if count is None else contiguous(library_of(p).asarray(count))
    arrays = contiguous(library_of(p).asarray(gloss)), contiguous(p), counted, integers(labels), glogits
    _cross_entropy_grad[blocks_for(rows * n, _cross_entropy_grad.threads)](*arrays, rows, n, ignore_index)
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
