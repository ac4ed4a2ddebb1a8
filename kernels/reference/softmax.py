"""Softmax, its logarithm, and the cross-entropy of class labels, safe for logits of any size."""

from __future__ import annotations

from typing import Any

from ..types import Array, Namespace
from .common import kernel


@kernel
def softmax(xp: Namespace, x: Array, axis: int) -> Array:
    """exp(x) / sum of exp(x) along an axis."""
    if not x.shape[axis]:
        return x
    e = xp.exp(_below_max(xp, x, axis))
    return e / xp.sum(e, axis=axis, keepdims=True)


@kernel
def softmax_grad(xp: Namespace, gy: Array, y: Array, axis: int) -> Array:
    """Gradient of softmax from its result y: y (gy - sum of gy y)."""
    return y * (gy - xp.sum(gy * y, axis=axis, keepdims=True))


@kernel
def log_softmax(xp: Namespace, x: Array, axis: int) -> Array:
    """x - log(sum of exp(x)) along an axis."""
    if not x.shape[axis]:
        return x
    z = _below_max(xp, x, axis)
    return z - xp.log(xp.sum(xp.exp(z), axis=axis, keepdims=True))


@kernel
def log_softmax_grad(xp: Namespace, gy: Array, y: Array, axis: int) -> Array:
    """Gradient of log_softmax from its result y: gy - exp(y) sum of gy."""
    return gy - xp.exp(y) * xp.sum(gy, axis=axis, keepdims=True)


@kernel
def cross_entropy(xp: Namespace, logits: Array, labels: Array, ignore_index: int) -> tuple[Array, Array]:
    """Negative log-probability of the right class: log(sum of exp(logits[n])) - logits[n, labels[n]].

    logits: (N, V). labels: (N,) int. Returns loss (N,), 0 where the label is ignore_index, and softmax(logits) (N, V), which is
    all that the gradient needs.
    """
    valid = labels != ignore_index
    z = _below_max(xp, logits, 1)
    e = xp.exp(z)
    total = xp.sum(e, axis=1)
    safe = xp.where(valid, labels, xp.zeros_like(labels))
    loss = xp.log(total) - xp.take_along_axis(z, safe[:, None], axis=1)[:, 0]  # the maximum cancels in z, before it can round
    return xp.where(valid, loss, xp.zeros_like(loss)), e / total[:, None]


@kernel
def cross_entropy_mean(xp: Namespace, logits: Array, labels: Array, ignore_index: int) -> tuple[Array, Array, Array]:
    """The mean of the losses of the rows whose label is not ignore_index, softmax(logits) (N, V), and how many rows count.

    No row that counts: NaN. Half precision adds and counts in float32.
    """
    loss, p = cross_entropy(xp, logits, labels, ignore_index)
    wide = _accumulated_in(xp, logits)
    count = xp.sum(xp.astype(labels != ignore_index, wide))
    return xp.astype(xp.sum(xp.astype(loss, wide)) / count, logits.dtype), p, count


@kernel
def cross_entropy_mean_grad(xp: Namespace, gloss: Array, p: Array, count: Array, labels: Array, ignore_index: int) -> Array:
    """Gradient of cross_entropy_mean's loss. gloss: (). p, count: as it returned them. labels: (N,). Returns (N, V)."""
    wide = _accumulated_in(xp, p)
    each = xp.astype(xp.astype(gloss, wide) / xp.astype(count, wide), p.dtype)
    return cross_entropy_grad(xp, xp.broadcast_to(each, labels.shape), p, labels, ignore_index)


@kernel
def cross_entropy_grad(xp: Namespace, gloss: Array, p: Array, labels: Array, ignore_index: int) -> Array:
    """Gradient of cross_entropy's loss: gloss (p - one_hot(labels)), 0 where the label is ignored.

    gloss: (N,). p: (N, V) as cross_entropy returned it. labels: (N,). Returns (N, V).
    """
    classes = xp.arange(p.shape[1], dtype=labels.dtype, device=labels.device)
    right = labels[:, None] == classes[None, :]
    glogits = gloss[:, None] * xp.where(right, p - 1.0, p)
    return xp.where((labels != ignore_index)[:, None], glogits, xp.zeros_like(glogits))


def _accumulated_in(xp: Namespace, x: Array) -> Any:
    """The dtype that sums over x are made in: half precision is added in float32."""
    return xp.float64 if x.dtype == xp.float64 else xp.float32


def _below_max(xp: Namespace, x: Array, axis: int) -> Array:
    """x minus its maximum along an axis: exp of it cannot overflow."""
    return x - xp.max(x, axis=axis, keepdims=True)
