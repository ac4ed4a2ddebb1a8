"""Loss functions: how far outputs are from targets. Names, arguments and formulas are PyTorch's.

reduction: "none" gives one value per element or row, "sum" their sum, "mean" their mean. Labels and targets on the CPU
are checked; on a GPU that would mean waiting for it.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any

from .. import backend
from ..autograd.base import TensorBase, must_be_tensors
from ..autograd.composed import composed
from ..autograd.op import op
from ..autograd.short import short
from ..backend.arguments import first_place
from ..errors import BadIndexError, ConfigError, DataError, ShapeError
from .elementwise import where
from .gather import take_along_axis
from .half import wide
from .ids import on_host
from .loss_checks import REDUCTIONS, check_reduction, check_values, checked_labels, checked_places, inside, plain_labels, reduced
from .loss_rows import factors_of, in_planes, named, places_of
from .rectifiers import softplus
from .reduce import sum
from .shape import expand_dims, reshape
from .softmax import log_softmax, softmax_cross_entropy, softmax_cross_entropy_mean

if TYPE_CHECKING:
    from ..typing import Tensor

__all__ = ["binary_cross_entropy", "binary_cross_entropy_with_logits", "cross_entropy", "nll_loss"]

FEW_CLASSES = 24
"""Up to which it pays to leave planes of scores as they lie, rather than to bring the classes of a pixel together."""


def _class_weight(name: str, weight: Any, classes: int) -> None:
    if weight is not None and weight.shape != (classes,):
        raise ShapeError(f"{name}: weight must be (V,)=({classes},), got {weight.shape}")


@short("short_losses")
def nll_loss(
    input: Tensor, target: Tensor, weight: Tensor | None = None, ignore_index: int = -100, reduction: str = "mean"
) -> Tensor:
    """Negative log-likelihood: ``-weight[label] * input[label]`` for each row of log-probabilities.

    Parameters
    ----------
    input : Tensor
        (N,V), (N,V,*S) or (V,): log-probabilities.
    target : Tensor
        (N,*S) or (): integers from 0 to V - 1, or ``ignore_index``.
    weight : Tensor, optional
        (V,), a factor for each class.
    ignore_index : int
        The label whose rows do not count.
    reduction : {"none", "mean", "sum"}
        Whether to return all losses, their mean or their sum.

    Returns
    -------
    Tensor
        The loss, a scalar; without reduction of the shape of ``target``. The mean divides by the sum of the rows'
        weights.

    Raises
    ------
    ShapeError
        If the shapes do not fit.
    DTypeError
        If the labels are not integers.
    DataError
        On the CPU, if a label is no class.

    Examples
    --------
    >>> dl.nn.functional.nll_loss(dl.log_softmax(dl.zeros((1, 4))), dl.asarray([2])) > 1.38
    tensor(True)
    """
    kind = REDUCTIONS.index(check_reduction("nll_loss", reduction))
    if isinstance(input, TensorBase) and in_planes(input, target, inf):
        return _loss_in_planes("nll_loss", input, target, weight, ignore_index, reduction)
    if weight is None and plain_labels(input, target):
        try:
            return _nll_loss(input, target, ignore_index=ignore_index, kind=kind)
        except BadIndexError:  # of the kernel, which looks at the labels; what is wrong with one is said below
            pass
    return _any_nll_loss(input, target, weight, ignore_index=ignore_index, reduction=reduction)


@wide
def _loss_in_planes(name: str, input: Any, target: Any, weight: Any, ignore_index: int, reduction: str) -> Any:
    """nll_loss or cross_entropy of scores (N,V,*S), which stay as they lie: the entry that each label names."""
    labels, all_count = checked_places(name, input, target, ignore_index)
    _class_weight(name, weight, input.shape[1])
    labels, counted = places_of(labels, ignore_index, all_count)
    if name == "cross_entropy":  # an ignored pixel's gradient is 0 whatever its scores are
        scores = log_softmax(input if counted is None else where(expand_dims(counted, axis=1), input, 0.0), axis=1)
    else:
        scores = input
    found = reshape(take_along_axis(scores, expand_dims(labels, axis=1), axis=1), (-1,))
    counted = None if counted is None else reshape(counted, (-1,))
    loss = -(found if counted is None else where(counted, found, 0.0))
    factors = factors_of(weight, reshape(labels, (-1,)), counted)
    return _per_weight(name, loss if weight is None else loss * factors, factors, target.shape, reduction)


@wide
def _any_nll_loss(input: Any, target: Any, weight: Any, *, ignore_index: int, reduction: str) -> Any:
    """nll_loss of scores in any shape, with or without weights."""
    rows, labels, all_count = checked_labels("nll_loss", input, target, ignore_index)
    if weight is None:
        loss = _nll_loss(rows, labels, ignore_index=ignore_index, kind=REDUCTIONS.index(reduction))
        return reshape(loss, target.shape) if reduction == "none" else loss
    _class_weight("nll_loss", weight, rows.shape[1])
    labels, counted = places_of(labels, ignore_index, all_count)
    factors = factors_of(weight, labels, counted)
    return _per_weight("nll_loss", -named(rows, labels, counted) * factors, factors, target.shape, reduction)


@op(needs=("labels", ""), name="nll_loss")
def _nll_loss(xp, log_probs, labels, /, *, ignore_index, kind):
    """nll_loss of rows (N,V) without weights. kind: the place of the reduction among REDUCTIONS."""
    reduction = REDUCTIONS[kind]
    loss, count = xp.nll_loss(log_probs, labels, ignore_index, reduction)
    classes = log_probs.shape[1]
    return loss, (lambda gy: xp.nll_loss_grad(gy, count, labels, classes, ignore_index, reduction), lambda gy: None)


def _per_weight(name: str, loss: Any, factors: Any, shape: tuple[int, ...], reduction: str) -> Any:
    """Reduce rows (M,); the mean is over what they weigh, None for 1 each."""
    if check_reduction(name, reduction) == "none":
        return reshape(loss, shape)
    if reduction == "sum":
        return sum(loss)
    return sum(loss) / (float(loss.shape[0]) if factors is None else sum(factors).astype(loss.dtype))


@short("short_losses")
def cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None = None, ignore_index: int = -100, reduction: str = "mean",
    label_smoothing: float = 0.0
) -> Tensor:  # fmt: skip
    """Cross-entropy: ``-log_softmax(input)[label]`` for each row of scores.

    For probabilities as the target it is ``-sum(target * log_softmax(input))``.

    Parameters
    ----------
    input : Tensor
        (N,V), (N,V,*S) or (V,): scores.
    target : Tensor
        (N,*S) or (): integers from 0 to V - 1, or ``ignore_index``; or probabilities of the shape of ``input``.
    weight : Tensor, optional
        (V,), a factor for each class.
    ignore_index : int
        The label whose rows do not count.
    reduction : {"none", "mean", "sum"}
        Whether to return all losses, their mean or their sum.
    label_smoothing : float
        The part of the target that is spread evenly over all classes.

    Returns
    -------
    Tensor
        The loss, a scalar; without reduction of the shape of the labels. The mean divides by the sum of the labels'
        weights.

    Raises
    ------
    ShapeError
        If the shapes do not fit.
    DTypeError
        If the labels are neither integers nor probabilities.
    ConfigError
        If a setting is out of range.
    DataError
        On the CPU, if a label is no class or a probability is none.

    References
    ----------
    Szegedy et al., 2016, arXiv:1512.00567, for smoothing.

    Examples
    --------
    >>> dl.nn.functional.cross_entropy(dl.asarray([[0.0, 100.0], [0.0, 100.0]]), dl.asarray([1, 0]))
    tensor(50.)
    """
    name = "cross_entropy"
    if not 0.0 <= label_smoothing <= 1.0:
        raise ConfigError(f"{name}: label_smoothing must be between 0 and 1, got {label_smoothing}")
    if weight is None and not label_smoothing and reduction == "mean" and plain_labels(input, target):
        try:
            return softmax_cross_entropy_mean(input, target, ignore_index=ignore_index)
        except BadIndexError:  # of what the kernel found; it is said below what is wrong
            pass
    must_be_tensors(name, input=input, target=target)
    if target.dtype.kind in "fV" and target.shape == input.shape:
        return _soft_cross_entropy(input, target, weight, reduction, label_smoothing)
    if not label_smoothing and in_planes(input, target, FEW_CLASSES):
        return _loss_in_planes(name, input, target, weight, ignore_index, reduction)
    rows, labels, all_count = checked_labels(name, input, target, ignore_index)
    classes = rows.shape[1]
    _class_weight(name, weight, classes)
    if weight is None and not label_smoothing:
        averaged = check_reduction(name, reduction) == "mean"
        if averaged and not all_count:
            return softmax_cross_entropy_mean(rows, labels, ignore_index=ignore_index)
        loss = softmax_cross_entropy(rows, labels, ignore_index=ignore_index, mean=averaged)
        if averaged:
            return loss
        return sum(loss) if reduction == "sum" else reshape(loss, target.shape)
    ignored = None if all_count else ignore_index
    return _weighted_cross_entropy(rows, labels, weight, ignored, reduction, label_smoothing, target.shape)


@wide
def _weighted_cross_entropy(
    rows: Any, labels: Any, weight: Any, ignore_index: int | None, reduction: str, label_smoothing: float, shape: tuple[int, ...]
) -> Any:
    """cross_entropy of rows (M,V) and labels (M,) with weights or smoothing. ignore_index: None where all labels are classes."""
    places, counted = places_of(labels, ignore_index or 0, ignore_index is None)
    factors = factors_of(weight, places, counted)
    if not label_smoothing:
        ignored = -1 if ignore_index is None else ignore_index
        loss = softmax_cross_entropy(rows, labels, ignore_index=ignored) * factors
        return _per_weight("cross_entropy", loss, factors, shape, reduction)
    scores = log_softmax(rows, axis=1)
    loss = -(1.0 - label_smoothing) * named(scores, places, counted)
    shared = sum(scores if weight is None else scores * weight, axis=1)
    if counted is not None:
        shared = where(counted, shared, 0.0)
    loss = (loss if factors is None else loss * factors) - label_smoothing / rows.shape[1] * shared
    return _per_weight("cross_entropy", loss, factors, shape, reduction)


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


@op(needs=("p t", "p"), name="binary_cross_entropy")
def _binary_cross_entropy(xp, p, t, /):
    """-(t log p + (1 - t) log(1 - p)), the logarithms at least -100 and the slope bounded, as in PyTorch."""

    def log(x):
        return xp.maximum(xp.log(x), -100.0)

    return (t - 1) * log(1 - p) - t * log(p), (
        lambda gy: gy * (p - t) / xp.maximum(p * (1 - p), 1e-12),
        lambda gy: gy * (log(1 - p) - log(p)),
    )


@composed
def _binary_cross_entropy_loss(input, target, /, *, reduction):
    return reduced("binary_cross_entropy", _binary_cross_entropy(input, target), reduction)


@composed
def _binary_cross_entropy_with_logits(input, target, /, *, reduction):
    return reduced("binary_cross_entropy_with_logits", softplus(input) - input * target, reduction)


def _probabilities(name: str, input: Any) -> None:
    """Check on the CPU that an input holds nothing outside [0, 1]; a NaN goes on into the loss."""
    a = on_host(input)
    if a is None or not input.size:
        return
    xp = backend.space_of(a)
    if not inside(xp, a, 0.0, 1.0):  # also where there is a NaN
        bad = (a < 0) | (a > 1)
        if bool(xp.any(bad)):
            at = first_place(bad)
            raise DataError(
                f"{name}: input{list(at)} is {float(a[at])}, expected a probability between 0 and 1; "
                "of scores (logits) take binary_cross_entropy_with_logits"
            )


@wide
def binary_cross_entropy(input: Tensor, target: Tensor, weight: Tensor | None = None, reduction: str = "mean") -> Tensor:
    """Binary cross-entropy of probabilities: ``-(t * log(p) + (1 - t) * log(1 - p))``.

    From scores, `binary_cross_entropy_with_logits` is better. Logarithms are bounded below by -100, as in PyTorch.

    Parameters
    ----------
    input : Tensor
        Any shape: probabilities p.
    target : Tensor
        The same shape: values t from 0 to 1.
    weight : Tensor, optional
        A factor that broadcasts.
    reduction : {"none", "mean", "sum"}
        Whether to return all losses, their mean or their sum.

    Returns
    -------
    Tensor
        The loss, a scalar; without reduction of the shape of ``input``.

    Raises
    ------
    ShapeError
        If the shapes differ.
    DataError
        On the CPU, if a value is outside of [0, 1].

    Examples
    --------
    >>> dl.nn.functional.binary_cross_entropy(dl.asarray([1.0, 1.0]), dl.asarray([1.0, 0.0]), reduction="none")
    tensor([ -0., 100.])
    """
    name = "binary_cross_entropy"
    check_values(name, input, target, 0.0, 1.0)
    _probabilities(name, input)
    target = _in_dtype_of(target, input)
    if weight is None:
        return _binary_cross_entropy_loss(input, target, reduction=reduction)
    return reduced(name, _binary_cross_entropy(input, target) * weight, reduction)


def _in_dtype_of(target: Tensor, input: Tensor) -> Tensor:
    return target if target.dtype == input.dtype else target.astype(input.dtype)


@wide
def binary_cross_entropy_with_logits(
    input: Tensor, target: Tensor, weight: Tensor | None = None, reduction: str = "mean", pos_weight: Tensor | None = None
) -> Tensor:
    """Binary cross-entropy of ``sigmoid(input)``, without overflow.

    Parameters
    ----------
    input : Tensor
        Any shape: scores.
    target : Tensor
        The same shape: values from 0 to 1.
    weight : Tensor, optional
        A factor that broadcasts.
    reduction : {"none", "mean", "sum"}
        Whether to return all losses, their mean or their sum.
    pos_weight : Tensor, optional
        A factor of the part of the loss that positive targets cause; it broadcasts.

    Returns
    -------
    Tensor
        The loss, a scalar; without reduction of the shape of ``input``.

    Raises
    ------
    ShapeError
        If the shapes differ.
    ConfigError
        If ``reduction`` is another word.

    Examples
    --------
    >>> dl.nn.functional.binary_cross_entropy_with_logits(dl.asarray([100.0, 100.0]), dl.asarray([1.0, 0.0]), reduction="none")
    tensor([  0., 100.])
    """
    name = "binary_cross_entropy_with_logits"
    check_values(name, input, target, 0.0, 1.0)
    target = _in_dtype_of(target, input)
    if pos_weight is None:
        if weight is None:
            return _binary_cross_entropy_with_logits(input, target, reduction=reduction)
        loss = softplus(input) - input * target
    else:
        loss = (1.0 - target) * input + (1.0 + (pos_weight - 1.0) * target) * softplus(-input)
    return reduced(name, loss if weight is None else loss * weight, reduction)
