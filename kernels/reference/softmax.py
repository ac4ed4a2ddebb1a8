"""Softmax, its logarithm, and the cross-entropy of class labels, safe for logits of any size."""

from __future__ import annotations

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
    """Negative log-probability of the right class: lse - logits[n, labels[n]], lse = log(sum of exp(logits[n])).

    logits: (N, V). labels: (N,) int. Returns loss (N,), 0 where the label is ignore_index, and lse (N,).
    """
    valid = labels != ignore_index
    top = xp.max(logits, axis=1, keepdims=True)
    z = logits - top
    log_sum = xp.log(xp.sum(xp.exp(z), axis=1))
    safe = xp.where(valid, labels, xp.zeros_like(labels))
    loss = log_sum - xp.take_along_axis(z, safe[:, None], axis=1)[:, 0]  # top cancels here, before it can round
    return xp.where(valid, loss, xp.zeros_like(loss)), top[:, 0] + log_sum


@kernel
def cross_entropy_grad(
    xp: Namespace, gloss: Array, logits: Array, labels: Array, lse: Array, ignore_index: int
) -> Array:
    """Gradient of cross_entropy's loss: gloss (softmax(logits) - one_hot(labels)), 0 where the label is ignored.

    gloss: (N,). logits: (N, V). labels: (N,). lse: (N,) as cross_entropy returned it. Returns (N, V).
    """
    p = xp.exp(logits - lse[:, None])
    p = p / xp.sum(p, axis=1, keepdims=True)  # for large logits lse is rounded by more than p may err
    classes = xp.arange(logits.shape[1], dtype=labels.dtype, device=labels.device)
    right = labels[:, None] == classes[None, :]
    glogits = gloss[:, None] * xp.where(right, p - 1.0, p)
    return xp.where((labels != ignore_index)[:, None], glogits, xp.zeros_like(glogits))


def _below_max(xp: Namespace, x: Array, axis: int) -> Array:
    """x minus its maximum along an axis: exp of it cannot overflow."""
    return x - xp.max(x, axis=axis, keepdims=True)
