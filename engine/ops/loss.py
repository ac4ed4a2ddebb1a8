"""Loss functions: how far outputs are from targets. Names, arguments and formulas are PyTorch's.

reduction: "none" gives one value per element or row, "sum" their sum, "mean" their mean. Labels and targets on the CPU
are checked; on a GPU that would mean waiting for it.
"""

from __future__ import annotations

from math import inf, prod
from typing import Any

import numpy as np

from .. import backend
from ..arguments import first_place
from ..autograd.base import must_be_tensors
from ..autograd.op import op
from ..errors import ConfigError, DataError, DTypeError, LabelError, ShapeError
from .activation import softplus
from .creation import arange
from .elementwise import abs, minimum, square, where
from .half import is_half, real, wide
from .ids import on_host, within
from .reduce import mean, sum
from .shape import permute_dims, reshape
from .softmax import log_softmax, softmax_cross_entropy

__all__ = [
    "binary_cross_entropy", "binary_cross_entropy_with_logits", "cross_entropy", "huber_loss", "l1_loss", "mse_loss",
    "nll_loss", "smooth_l1_loss",
]  # fmt: skip

REDUCTIONS = ("none", "mean", "sum")


def check_reduction(name: str, reduction: str) -> str:
    """The reduction, if it is one."""
    if reduction not in REDUCTIONS:
        raise ConfigError(f"{name}: reduction must be one of {', '.join(REDUCTIONS)}, got {reduction!r}")
    return reduction


def reduced(name: str, loss: Any, reduction: str) -> Any:
    return {"none": lambda x: x, "mean": mean, "sum": sum}[check_reduction(name, reduction)](loss)


def check_values(name: str, input: Any, target: Any, low: float | None = None, high: float | None = None) -> None:
    """Check that a target has the input's shape and, on the CPU, holds finite numbers in [low, high]."""
    must_be_tensors(name, input=input, target=target)
    if input.shape != target.shape:
        raise ShapeError(f"{name}: target has shape {target.shape}, expected that of the input, {input.shape}")
    if target.dtype.kind not in "fiubV":  # V: bfloat16
        raise DTypeError(f"{name}: target must be real numbers, got {target.dtype}")
    if target.device != "cpu" or target.requires_grad or (target.dtype.kind not in "fV" and low is None):
        return
    a = target._array
    xp = backend.space_of(a)
    bad = ~xp.isfinite(a)
    if low is not None and target.dtype.kind != "b":
        bad = bad | (a < low) | (a > high)
    if bool(xp.any(bad)):
        at = first_place(bad)
        wanted = "a finite number" if low is None else f"between {low:g} and {high:g}"
        raise DataError(f"{name}: target{list(at)} is {float(a[at])}, expected {wanted}")


def reshaped(labels: tuple[int, ...], scores: tuple[int, ...]) -> str:
    """The end of a message about labels of another shape: what makes class numbers of one-hot labels, or of a column."""
    if labels == scores:
        return "; if they are one-hot: labels.argmax(1)"
    if len(scores) == 2 and labels == (scores[0], 1):
        return "; take the column: labels[:, 0]"
    return ""


def checked_labels(name: str, input: Any, labels: Any, ignore_index: int | None) -> tuple[Any, Any, bool]:
    """Scores as rows (M,V) and int64 labels (M,), checked, from (N,V), (N,V,*S) or (V,).

    Also whether it is known, without waiting for a device, that no label is ignored.
    """
    must_be_tensors(name, input=input, target=labels)
    shape = input.shape
    if input.ndim < 1 or labels.shape != (shape[:1] + shape[2:] if input.ndim > 1 else ()):
        told = f"got {labels.shape} for {shape}{reshaped(labels.shape, shape)}"
        raise ShapeError(f"{name}: labels must be (N,*S) for scores (N,V,*S), {told}")
    classes = shape[1] if input.ndim > 1 else shape[0]
    if labels.dtype.kind not in "iu":
        if labels.dtype.kind in "fV":
            check_values(name, labels, labels)
        raise DTypeError(f"{name}: labels must be integers (class numbers), got {labels.dtype}; use astype(dl.int64)")
    all_count = False
    a = on_host(labels)  # before the cast to int64, which would wrap the largest of uint64
    if a is not None and labels.size:
        all_count = ignore_index is None or not 0 <= ignore_index < classes
        if not within(a, classes):
            all_count = False
            host = np.asarray(a)
            bad = (host < 0) | (host >= classes)
            if ignore_index is not None:
                bad &= host != ignore_index
            if bad.any():
                at = first_place(bad)
                other = "" if ignore_index is None else f" or ignore_index={ignore_index}"
                raise LabelError(
                    f"{name}: label {int(host[at])} at {list(at)} is no class; expected 0 <= label < V={classes}{other}"
                )
    labels = labels if labels.dtype.name == "int64" else labels.astype("int64")
    if input.ndim == 1:
        return input[None], reshape(labels, (1,)), all_count
    if input.ndim > 2:
        input = reshape(permute_dims(input, (0, *range(2, input.ndim), 1)), (prod(labels.shape), classes))
    return input, labels if labels.ndim == 1 else reshape(labels, (-1,)), all_count


def chosen_entries(rows: Any, labels: Any, ignore_index: int | None) -> Any:
    """(M,V) booleans: the entry of each row that its label names; none where it is ignored."""
    classes = rows.shape[1]
    chosen = labels[:, None] == arange(classes, device=rows.device)
    inside = ignore_index is not None and 0 <= ignore_index < classes
    return chosen & (labels != ignore_index)[:, None] if inside else chosen


def _class_weight(name: str, weight: Any, classes: int) -> None:
    if weight is not None and weight.shape != (classes,):
        raise ShapeError(f"{name}: weight must be (V,)=({classes},), got {weight.shape}")


@real
@wide
def mse_loss(input: Any, target: Any, reduction: str = "mean") -> Any:
    """Squared error, (input - target)^2. input, target: one shape."""
    check_values("mse_loss", input, target)
    return reduced("mse_loss", square(input - target), reduction)


@real
@wide
def l1_loss(input: Any, target: Any, reduction: str = "mean") -> Any:
    """Absolute error, |input - target|. input, target: one shape."""
    check_values("l1_loss", input, target)
    return reduced("l1_loss", abs(input - target), reduction)


@real
@wide
def huber_loss(input: Any, target: Any, reduction: str = "mean", delta: float = 1.0) -> Any:
    """d^2 / 2 where |d| < delta, delta (|d| - delta / 2) beyond, d = input - target. Source: Huber 1964."""
    if delta <= 0:
        raise ConfigError(f"huber_loss: delta must be positive, got {delta}")
    check_values("huber_loss", input, target)
    d = abs(input - target)
    c = minimum(d, delta)  # one formula for both pieces: chosen between, an infinite d would make the gradient 0 Inf
    return reduced("huber_loss", c * (d - 0.5 * c), reduction)


@real
@wide
def smooth_l1_loss(input: Any, target: Any, reduction: str = "mean", beta: float = 1.0) -> Any:
    """d^2 / (2 beta) where |d| < beta, |d| - beta / 2 beyond: Huber's loss over beta. beta 0 is l1_loss."""
    if beta < 0:
        raise ConfigError(f"smooth_l1_loss: beta must not be negative, got {beta}")
    if beta == 0:
        return l1_loss(input, target, reduction)
    return huber_loss(input, target, reduction, beta) / beta


@wide
def nll_loss(input: Any, target: Any, weight: Any = None, ignore_index: int = -100, reduction: str = "mean") -> Any:
    """-weight[label] log-probability[label] for each row; "mean" divides by the sum of the rows' weights.

    input: (N,V), (N,V,*S) or (V,) log-probabilities. target: (N,*S) integers. weight: (V,) or None.
    Raises ShapeError, DTypeError, and DataError for a label that is no class.
    """
    rows, labels, _ = checked_labels("nll_loss", input, target, ignore_index)
    _class_weight("nll_loss", weight, rows.shape[1])
    chosen = chosen_entries(rows, labels, ignore_index)
    loss = -sum(where(chosen, rows if weight is None else rows * weight, 0.0), axis=1)
    return _per_weight("nll_loss", loss, chosen, weight, target.shape, reduction)


def _per_weight(name: str, loss: Any, chosen: Any, weight: Any, shape: tuple[int, ...], reduction: str) -> Any:
    """Reduce rows (M,); the mean is over the weights of the chosen classes."""
    if check_reduction(name, reduction) == "none":
        return reshape(loss, shape)
    if reduction == "sum":
        return sum(loss)
    return sum(loss) / sum(where(chosen, 1.0 if weight is None else weight, 0.0)).astype(loss.dtype)


def cross_entropy(
    input: Any, target: Any, weight: Any = None, ignore_index: int = -100, reduction: str = "mean", label_smoothing: float = 0.0
) -> Any:
    """-log softmax(input)[label] for each row, or -sum of target times log softmax(input) for probabilities.

    input: (N,V), (N,V,*S) or (V,) scores. target: (N,*S) integers, 0 <= label < V, or ignore_index (counts nowhere); or
    probabilities of the input's shape. weight: (V,) or None, one factor a class; "mean" divides by the sum of the labels'
    weights. label_smoothing: the part of the target that is spread evenly over all classes.
    Raises ShapeError, DTypeError, ConfigError, and DataError for a label that is no class or a probability that is none.
    Source of smoothing: Szegedy et al. 2016, arXiv:1512.00567.
    """
    name = "cross_entropy"
    if not 0.0 <= label_smoothing <= 1.0:
        raise ConfigError(f"{name}: label_smoothing must be between 0 and 1, got {label_smoothing}")
    must_be_tensors(name, input=input, target=target)
    if target.dtype.kind in "fV" and target.shape == input.shape:
        return _soft_cross_entropy(input, target, weight, reduction, label_smoothing)
    rows, labels, all_count = checked_labels(name, input, target, ignore_index)
    classes = rows.shape[1]
    _class_weight(name, weight, classes)
    if weight is None and not label_smoothing:
        averaged = check_reduction(name, reduction) == "mean"
        loss = softmax_cross_entropy(rows, labels, ignore_index=ignore_index, mean=averaged and all_count)
        if averaged:
            return loss if all_count else _mean_of_counted(loss, labels != ignore_index)
        return sum(loss) if reduction == "sum" else reshape(loss, target.shape)
    return _weighted_cross_entropy(rows, labels, weight, ignore_index, reduction, label_smoothing, target.shape)


def _mean_of_counted(loss: Any, counted: Any) -> Any:
    """The sum of the rows over how many count; in float32 for half precision, which cannot count to 70,000."""
    y = sum(loss.astype("float32") if is_half(loss) else loss)
    return (y / sum(counted).astype(y.dtype)).astype(loss.dtype)


@wide
def _weighted_cross_entropy(
    rows: Any, labels: Any, weight: Any, ignore_index: int, reduction: str, label_smoothing: float, shape: tuple[int, ...]
) -> Any:
    """cross_entropy of rows (M,V) and labels (M,) with weights or smoothing."""
    name, classes = "cross_entropy", rows.shape[1]
    scores = log_softmax(rows, axis=1)
    if weight is not None:
        scores = scores * weight
    chosen = chosen_entries(rows, labels, ignore_index)
    loss = -(1.0 - label_smoothing) * sum(where(chosen, scores, 0.0), axis=1)
    if label_smoothing:
        counted = (labels != ignore_index)[:, None]
        loss = loss - label_smoothing / classes * sum(where(counted, scores, 0.0), axis=1)
    return _per_weight(name, loss, chosen, weight, shape, reduction)


@wide
def _soft_cross_entropy(input: Any, target: Any, weight: Any, reduction: str, label_smoothing: float) -> Any:
    name, axis = "cross_entropy", 0 if input.ndim == 1 else 1
    check_values(name, input, target, 0.0, 1.0)
    classes = input.shape[axis]
    _class_weight(name, weight, classes)
    scores = log_softmax(input, axis=axis)
    if weight is not None:
        scores = scores * reshape(weight, (-1,) + (1,) * (input.ndim - axis - 1))
    if label_smoothing:
        target = target * (1.0 - label_smoothing) + label_smoothing / classes
    # a class of probability 0 costs nothing, even if its score is -Inf: 0 log 0 = 0
    scores = where((target > 0) | (scores > -inf), scores, 0.0)
    return reduced(name, -sum(target * scores, axis=axis), reduction)


@op(needs="p t", name="binary_cross_entropy")
def _binary_cross_entropy(xp, p, t, /):
    """-(t log p + (1 - t) log(1 - p)), the logarithms at least -100 and the slope bounded, as in PyTorch."""

    def log(x):
        return xp.maximum(xp.log(x), -100.0)

    return (t - 1) * log(1 - p) - t * log(p), (
        lambda gy: gy * (p - t) / xp.maximum(p * (1 - p), 1e-12),
        lambda gy: gy * (log(1 - p) - log(p)),
    )


def _probabilities(name: str, input: Any) -> None:
    """Check on the CPU that an input holds nothing outside [0, 1]; a NaN goes on into the loss."""
    a = on_host(input)
    if a is None or not input.size:
        return
    xp = backend.space_of(a)
    if not (float(xp.min(a)) >= 0 and float(xp.max(a)) <= 1):  # also where there is a NaN
        bad = (a < 0) | (a > 1)
        if bool(xp.any(bad)):
            at = first_place(bad)
            raise DataError(
                f"{name}: input{list(at)} is {float(a[at])}, expected a probability between 0 and 1; "
                "of scores (logits) take binary_cross_entropy_with_logits"
            )


@wide
def binary_cross_entropy(input: Any, target: Any, weight: Any = None, reduction: str = "mean") -> Any:
    """-(t log p + (1 - t) log(1 - p)) of probabilities p and targets t, both of one shape with values from 0 to 1.

    weight: a factor that broadcasts, or None. Better from scores: binary_cross_entropy_with_logits.
    Raises ShapeError, DTypeError, and on the CPU DataError for a value outside [0, 1].
    """
    name = "binary_cross_entropy"
    check_values(name, input, target, 0.0, 1.0)
    _probabilities(name, input)
    loss = _binary_cross_entropy(input, target.astype(input.dtype))
    return reduced(name, loss if weight is None else loss * weight, reduction)


@wide
def binary_cross_entropy_with_logits(
    input: Any, target: Any, weight: Any = None, reduction: str = "mean", pos_weight: Any = None
) -> Any:
    """Binary cross-entropy of sigmoid(input), without overflow.

    input, target: one shape, target from 0 to 1. weight: a factor that broadcasts. pos_weight: one that multiplies the
    part of the loss that positive targets cause.
    """
    name = "binary_cross_entropy_with_logits"
    check_values(name, input, target, 0.0, 1.0)
    target = target.astype(input.dtype)
    if pos_weight is None:
        loss = softplus(input) - input * target
    else:
        loss = (1.0 - target) * input + (1.0 + (pos_weight - 1.0) * target) * softplus(-input)
    return reduced(name, loss if weight is None else loss * weight, reduction)
