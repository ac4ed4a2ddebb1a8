"""Softmax, log-softmax and the fused cross-entropy of class labels."""

from __future__ import annotations

import math
from typing import Any

from ..autograd.op import op
from ..errors import DTypeError, ShapeError

__all__ = ["log_softmax", "softmax", "softmax_cross_entropy"]


def _axis(name: str, x: Any, axis: int) -> int:
    if not -x.ndim <= axis < x.ndim:
        raise ShapeError(f"{name}: axis {axis} is out of range for shape {x.shape}")
    return axis % x.ndim


@op(needs="y", promotes="float")
def softmax(xp, x, /, *, axis=-1):
    """exp(x) / sum of exp(x) along an axis, without overflow."""
    axis = _axis("softmax", x, axis)
    y = xp.softmax(x, axis)
    return y, lambda gy: xp.softmax_grad(gy, y, axis)


@op(needs="y", promotes="float")
def masked_softmax(xp, x, /):
    """softmax over the last axis where -Inf marks what is masked: a row of nothing else gives 0, and its gradient is 0.

    x: (..., S). Softmax itself gives NaN for such a row, which one padded sentence would spread over all gradients.
    """
    if not x.shape[-1]:
        return x, lambda gy: gy
    y = xp.where(xp.max(x, axis=-1, keepdims=True) == -math.inf, 0, xp.softmax(x, x.ndim - 1))
    return y, lambda gy: xp.softmax_grad(gy, y, x.ndim - 1)


@op(needs="y", promotes="float")
def log_softmax(xp, x, /, *, axis=-1):
    """x - log of the sum of exp(x) along an axis, without overflow."""
    axis = _axis("log_softmax", x, axis)
    y = xp.log_softmax(x, axis)
    return y, lambda gy: xp.log_softmax_grad(gy, y, axis)


@op(needs="labels", name="cross_entropy")
def _cross_entropy(xp, logits, labels, /, *, ignore_index, mean):
    """See softmax_cross_entropy."""
    loss, p = xp.cross_entropy(logits, labels, ignore_index)
    if not mean:
        return loss, (lambda g: xp.cross_entropy_grad(g, p, labels, ignore_index), None)
    rows = loss.shape
    return xp.mean(loss), (
        lambda g: xp.cross_entropy_grad(xp.broadcast_to(g / rows[0], rows), p, labels, ignore_index),
        None,
    )


def softmax_cross_entropy(logits: Any, labels: Any, *, ignore_index: int = -100, mean: bool = False) -> Any:
    """-log softmax(logits)[label] for each row, fused.

    logits: (N,V) floating. labels: (N,) integers, 0 <= label < V, or ignore_index, whose rows give 0. mean: over all N rows,
    ignored ones included. Returns (N,), or () for the mean. Raises ShapeError, DTypeError. Labels are not range-checked
    here, since that would read device memory: loss functions that take host labels do it.
    """
    if logits.ndim != 2:
        raise ShapeError(f"cross_entropy: logits must be (N,V), got shape {logits.shape}")
    if labels.shape != logits.shape[:1]:
        raise ShapeError(f"cross_entropy: labels must be (N,)=({logits.shape[0]},), got {labels.shape}")
    if labels.dtype.kind not in "iu":
        raise DTypeError(f"cross_entropy: labels must be integers (class numbers), got {labels.dtype}; use astype(dl.int64)")
    return _cross_entropy(logits, labels, ignore_index=ignore_index, mean=mean)
