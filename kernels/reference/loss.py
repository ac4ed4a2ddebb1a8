"""Losses of labels, of unaligned sequences, and distances of all pairs."""

from __future__ import annotations

from ..types import Array, Namespace
from .common import kernel


@kernel
def nll_loss(xp: Namespace, log_probs: Array, labels: Array, ignore_index: int, reduction: str) -> tuple[Array, Array]:
    """Minus the log-probability of each row's label, 0 where that is ignore_index; and how many rows count.

    log_probs: (N, V). labels: (N,) int. reduction: "none" gives the losses (N,), "sum" their sum, "mean" that of the rows that
    count. Half precision counts in float32.
    """
    wide = xp.float64 if log_probs.dtype == xp.float64 else xp.float32
    count = xp.sum(xp.astype(labels != ignore_index, wide))
    loss = -xp.sum(xp.where(_chosen(xp, labels, log_probs.shape[1], ignore_index), log_probs, xp.zeros_like(log_probs)), axis=1)
    if reduction == "none":
        return loss, count
    total = xp.sum(xp.astype(loss, wide))
    return xp.astype(total if reduction == "sum" else total / count, log_probs.dtype), count


@kernel
def nll_loss_grad(
    xp: Namespace, gloss: Array, count: Array, labels: Array, classes: int, ignore_index: int, reduction: str
) -> Array:
    """Gradient of nll_loss. gloss: (N,) or (). count: as it returned it. labels: (N,). Returns (N, classes)."""
    each = xp.astype(xp.astype(gloss, count.dtype) / count, gloss.dtype) if reduction == "mean" else gloss
    rows = xp.broadcast_to(-each, labels.shape)[:, None]
    return xp.where(_chosen(xp, labels, classes, ignore_index), rows, xp.zeros_like(rows))


def _chosen(xp: Namespace, labels: Array, classes: int, ignore_index: int) -> Array:
    """(N, classes) booleans: the entry of each row that its label names; none where it is ignored."""
    numbers = xp.arange(classes, dtype=labels.dtype, device=labels.device)
    return (labels[:, None] == numbers[None, :]) & (labels != ignore_index)[:, None]


@kernel
def squared_distances(xp: Namespace, x: Array, y: Array) -> Array:
    """The sum of squares of the difference of every pair of rows. x: (N, D). y: (M, D). Returns (N, M)."""
    difference = x[:, None, :] - y[None, :, :]
    return xp.sum(difference * difference, axis=2)


@kernel
def squared_distances_grad(xp: Namespace, gdistances: Array, x: Array, y: Array) -> tuple[Array, Array]:
    """Gradients of squared_distances. gdistances: (N, M). Returns gx (N, D) and gy (M, D)."""
    part = 2 * gdistances[:, :, None] * (x[:, None, :] - y[None, :, :])
    return xp.sum(part, axis=1), -xp.sum(part, axis=0)


@kernel
def cosine(xp: Namespace, a: Array, b: Array, eps: float, smooth: bool) -> Array:
    """The cosine of the angle of each pair of rows: the product of the rows, each divided by its length first.

    a, b: (M, D). smooth: whether sqrt(|x|^2 + eps^2) counts as the length of x, which has a derivative everywhere, or
    max(|x|, eps). Returns (M,).
    """
    return xp.sum(a / _length(xp, a, eps, smooth) * (b / _length(xp, b, eps, smooth)), axis=1)


@kernel
def cosine_grad(xp: Namespace, gy: Array, a: Array, b: Array, eps: float, smooth: bool) -> tuple[Array, Array]:
    """Gradients of cosine. gy: (M,). Returns ga, gb (M, D)."""
    na, nb = _length(xp, a, eps, smooth), _length(xp, b, eps, smooth)
    u, v, g = a / na, b / nb, gy[:, None]
    y = xp.sum(u * v, axis=1, keepdims=True)
    along_a = y * u if smooth else xp.where(na > eps, y * u, xp.zeros_like(u))
    along_b = y * v if smooth else xp.where(nb > eps, y * v, xp.zeros_like(v))
    return g / na * (v - along_a), g / nb * (u - along_b)


def _length(xp: Namespace, x: Array, eps: float, smooth: bool) -> Array:
    norm = xp.euclidean(x, axis=1)
    return xp.hypot(norm, xp.full_like(norm, eps)) if smooth else xp.maximum(norm, xp.full_like(norm, eps))


@kernel
def multi_margin(
    xp: Namespace, x: Array, labels: Array, margin: float, p: int, factor: float, reduction: str
) -> Array:
    """The sum over the wrong classes j of max(0, margin + x[n, j] - x[n, label])**p, times a factor, for each row.

    x: (N, V). labels: (N,) int. p: 1 or 2. reduction: as in nll_loss; "mean" is over all rows.
    """
    over = xp.maximum(_over(xp, x, labels, margin), xp.zeros_like(x))
    loss = factor * xp.sum(xp.where(_other(xp, x, labels), over if p == 1 else over * over, xp.zeros_like(x)), axis=1)
    if reduction == "none":
        return loss
    return xp.sum(loss) if reduction == "sum" else xp.mean(loss)


@kernel
def multi_margin_grad(
    xp: Namespace, gloss: Array, x: Array, labels: Array, margin: float, p: int, factor: float, reduction: str
) -> Array:
    """Gradient of multi_margin; half of both sides where the margin is just kept. gloss: (N,) or (). Returns (N, V)."""
    over = _over(xp, x, labels, margin)
    if p == 1:
        slope = xp.astype(over > 0, x.dtype) + 0.5 * xp.astype(over == 0, x.dtype)
    else:
        slope = 2 * xp.maximum(over, xp.zeros_like(over))
    each = xp.broadcast_to(factor * gloss / (x.shape[0] if reduction == "mean" else 1), labels.shape)
    other = _other(xp, x, labels)
    g = xp.where(other, each[:, None] * slope, xp.zeros_like(slope))
    return xp.where(other, g, -xp.sum(g, axis=1, keepdims=True))


def _over(xp: Namespace, x: Array, labels: Array, margin: float) -> Array:
    """By how much each score and the margin exceed the label's."""
    return margin + x - xp.take_along_axis(x, labels[:, None], axis=1)


def _other(xp: Namespace, x: Array, labels: Array) -> Array:
    """(N, V) booleans: the wrong classes."""
    return labels[:, None] != xp.arange(x.shape[1], dtype=labels.dtype, device=labels.device)[None, :]
