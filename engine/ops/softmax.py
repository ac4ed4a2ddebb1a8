"""Softmax, log-softmax and the fused cross-entropy of class labels."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ..autograd.op import op
from ..autograd.short import short
from ..errors import DTypeError, ShapeError
from .fused import arguments, kernel_op

if TYPE_CHECKING:
    from ..typing import Namespace, Tensor, ValueAndVJP

__all__ = ["log_softmax", "softmax", "softmax_cross_entropy"]


def _axis(name: str, x: Any, axis: int) -> int:
    if not -x.ndim <= axis < x.ndim:
        raise ShapeError(f"{name}: axis {axis} is out of range for shape {x.shape}")
    return axis % x.ndim


@op(needs="y", promotes="float")
def softmax(xp: Namespace, x: Tensor, /, *, axis: int = -1) -> ValueAndVJP:
    """Softmax: ``exp(x) / sum(exp(x))`` along an axis, without overflow.

    Parameters
    ----------
    x : Tensor
        Any shape.
    axis : int
        The axis along which the results add up to 1.

    Returns
    -------
    Tensor
        Shape of ``x``, floating.

    Raises
    ------
    ShapeError
        If the axis does not exist.

    Examples
    --------
    >>> dl.softmax(dl.asarray([[1000.0, 1000.0], [0.0, 0.0]]))
    tensor([[0.5, 0.5],
            [0.5, 0.5]])
    """
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
def log_softmax(xp: Namespace, x: Tensor, /, *, axis: int = -1) -> ValueAndVJP:
    """Logarithm of the softmax: ``x - log(sum(exp(x)))`` along an axis, without overflow.

    Parameters
    ----------
    x : Tensor
        Any shape.
    axis : int
        The axis along which the exponentials of the results add up to 1.

    Returns
    -------
    Tensor
        Shape of ``x``, floating.

    Raises
    ------
    ShapeError
        If the axis does not exist.

    Examples
    --------
    >>> dl.log_softmax(dl.asarray([1000.0, 0.0]))
    tensor([    0., -1000.])
    """
    axis = _axis("log_softmax", x, axis)
    y = xp.log_softmax(x, axis)
    return y, lambda gy: xp.log_softmax_grad(gy, y, axis)


@kernel_op("cross_entropy_mean", needs="labels")
def softmax_cross_entropy_mean(logits: Tensor, labels: Tensor, *, ignore_index: int = -100) -> Tensor:
    """The mean of `softmax_cross_entropy` over the rows whose label is not ``ignore_index``, fused.

    Parameters
    ----------
    logits : Tensor
        (N,V), floating: scores of the classes.
    labels : Tensor
        (N,), integers from 0 to V - 1, or `ignore_index`.
    ignore_index : int
        The label whose rows do not count.

    Returns
    -------
    Tensor
        (). NaN if no row counts.

    Raises
    ------
    ShapeError
        If shapes disagree.
    DTypeError
        If labels are not integers.

    Examples
    --------
    >>> from dlengine.ops.softmax import softmax_cross_entropy_mean
    >>> dl.exp(-softmax_cross_entropy_mean(dl.zeros((2, 4)), dl.asarray([0, -100])))
    tensor(0.25)
    """
    _check_classes(logits, labels)
    return arguments(logits, labels, ignore_index)


def _check_classes(logits: Tensor, labels: Tensor) -> None:
    if logits.ndim != 2:
        raise ShapeError(f"cross_entropy: logits must be (N,V), got shape {logits.shape}")
    if labels.shape != logits.shape[:1]:
        raise ShapeError(f"cross_entropy: labels must be (N,)=({logits.shape[0]},), got {labels.shape}")
    if labels.dtype.kind not in "iu":
        raise DTypeError(f"cross_entropy: labels must be integers (class numbers), got {labels.dtype}; use astype(dl.int64)")


def _averaged(xp: Any, loss: Any, mean: bool) -> tuple[Any, Any]:
    """The mean of the losses if it is asked for, and its pullback."""
    if not mean:
        return loss, None
    rows = loss.shape
    return xp.mean(loss), lambda g: xp.broadcast_to(g / rows[0], rows)


@short("short_losses")
@kernel_op("cross_entropy", needs="labels", then=_averaged)
def softmax_cross_entropy(logits: Tensor, labels: Tensor, *, ignore_index: int = -100, mean: bool = False) -> Tensor:
    """The cross-entropy of class labels, fused: ``-log softmax(logits)[label]`` for each row.

    Parameters
    ----------
    logits : Tensor
        (N,V), floating: scores of the classes.
    labels : Tensor
        (N,), integers from 0 to V - 1, or `ignore_index`. They are not range-checked here, since that would read device
        memory: loss functions that take host labels do it.
    ignore_index : int
        The label whose rows give 0.
    mean : bool
        Whether to return the mean over all N rows, ignored ones included.

    Returns
    -------
    Tensor
        (N,), or () for the mean.

    Raises
    ------
    ShapeError
        If shapes disagree.
    DTypeError
        If labels are not integers.

    Examples
    --------
    >>> from dlengine.ops.softmax import softmax_cross_entropy
    >>> dl.exp(-softmax_cross_entropy(dl.zeros((2, 4)), dl.asarray([0, 3])))
    tensor([0.25, 0.25])
    """
    _check_classes(logits, labels)
    return arguments(logits, labels, ignore_index, mean)
