"""Losses with a margin: hinge, multi-class SVM, ranking. Targets are labels; reduction as in loss.py."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..autograd.composed import composed
from ..autograd.op import op
from ..errors import BadIndexError, ConfigError, ShapeError
from .elementwise import where
from .gather import take
from .half import real, wide
from .loss_checks import REDUCTIONS, check_reduction, check_values, checked_labels, plain_labels, reduced
from .rectifiers import relu, softplus

if TYPE_CHECKING:
    from ..typing import Tensor

__all__ = ["hinge_embedding_loss", "hinge_loss", "margin_ranking_loss", "multi_margin_loss", "soft_margin_loss"]


@composed
def _hinge_loss(input, target, /, *, margin, reduction):
    return reduced("hinge_loss", relu(margin - target * input), reduction)


@composed
def _soft_margin_loss(input, target, /, *, reduction):
    return reduced("soft_margin_loss", softplus(-(target * input)), reduction)


@composed
def _hinge_embedding_loss(input, target, /, *, margin, reduction):
    return reduced("hinge_embedding_loss", where(target > 0, input, relu(margin - input)), reduction)


@composed
def _margin_ranking_loss(input1, input2, target, /, *, margin, reduction):
    return reduced("margin_ranking_loss", relu(margin - target * (input1 - input2)), reduction)


@real
@wide
def hinge_loss(input: Tensor, target: Tensor, margin: float = 1.0, reduction: str = "mean") -> Tensor:
    """Hinge loss of a binary SVM: ``max(0, margin - target * input)``.

    Parameters
    ----------
    input : Tensor
        Any shape: scores.
    target : Tensor
        The same shape: -1 or 1.
    margin : float
        The margin.
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
    ConfigError
        If ``reduction`` is another word.

    References
    ----------
    Cortes and Vapnik, "Support-vector networks", 1995.

    Examples
    --------
    >>> dl.nn.functional.hinge_loss(dl.asarray([0.5, 2.0]), dl.asarray([1.0, 1.0]), reduction="none")
    tensor([0.5, 0. ])
    """
    check_values("hinge_loss", input, target, -1.0, 1.0)
    return _hinge_loss(input, target, margin=margin, reduction=reduction)


@real
@wide
def soft_margin_loss(input: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Smooth hinge loss: ``log(1 + exp(-target * input))``.

    Parameters
    ----------
    input : Tensor
        Any shape: scores.
    target : Tensor
        The same shape: -1 or 1.
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
    ConfigError
        If ``reduction`` is another word.

    Examples
    --------
    >>> dl.nn.functional.soft_margin_loss(dl.asarray([100.0]), dl.asarray([-1.0]))
    tensor(100.)
    """
    check_values("soft_margin_loss", input, target, -1.0, 1.0)
    return _soft_margin_loss(input, target, reduction=reduction)


@real
@wide
def hinge_embedding_loss(input: Tensor, target: Tensor, margin: float = 1.0, reduction: str = "mean") -> Tensor:
    """Loss of distances: ``input`` where the target is 1, ``max(0, margin - input)`` where it is -1.

    Parameters
    ----------
    input : Tensor
        Any shape: distances.
    target : Tensor
        The same shape: -1 or 1.
    margin : float
        The margin.
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
    ConfigError
        If ``reduction`` is another word.

    Examples
    --------
    >>> dl.nn.functional.hinge_embedding_loss(dl.asarray([0.25, 0.25]), dl.asarray([1.0, -1.0]), reduction="none")
    tensor([0.25, 0.75])
    """
    check_values("hinge_embedding_loss", input, target, -1.0, 1.0)
    return _hinge_embedding_loss(input, target, margin=margin, reduction=reduction)


@real
@wide
def margin_ranking_loss(input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, reduction: str = "mean") -> Tensor:
    """Ranking loss: ``max(0, margin - target * (input1 - input2))``.

    Parameters
    ----------
    input1 : Tensor
        Any shape: scores.
    input2 : Tensor
        The same shape: scores.
    target : Tensor
        The same shape: 1 wants ``input1`` larger, -1 ``input2``.
    margin : float
        The margin.
    reduction : {"none", "mean", "sum"}
        Whether to return all losses, their mean or their sum.

    Returns
    -------
    Tensor
        The loss, a scalar; without reduction of the shape of ``input1``.

    Raises
    ------
    ShapeError
        If the shapes differ.
    ConfigError
        If ``reduction`` is another word.

    Examples
    --------
    >>> dl.nn.functional.margin_ranking_loss(dl.asarray([1.0]), dl.asarray([3.0]), dl.asarray([1.0]))
    tensor(2.)
    """
    name = "margin_ranking_loss"
    if input1.shape != input2.shape:
        raise ShapeError(f"{name}: input1 has shape {input1.shape}, input2 {input2.shape}; expected one shape")
    check_values(name, input1, target, -1.0, 1.0)
    return _margin_ranking_loss(input1, input2, target, margin=margin, reduction=reduction)


@op(needs=("x labels", ""), name="multi_margin")
def _multi_margin(xp, x, labels, /, *, margin, p, factor, kind):
    """The losses of rows (N,V), reduced; kind: the place of the reduction among REDUCTIONS."""
    reduction = REDUCTIONS[kind]
    return xp.multi_margin(x, labels, margin, p, factor, reduction), (
        lambda gy: xp.multi_margin_grad(gy, x, labels, margin, p, factor, reduction),
        lambda gy: None,
    )


def multi_margin_loss(
    input: Tensor, target: Tensor, p: int = 1, margin: float = 1.0, weight: Tensor | None = None, reduction: str = "mean",
    average: bool = True
) -> Tensor:  # fmt: skip
    """Multi-class SVM: the sum over the wrong classes j of ``max(0, margin + s[j] - s[y])**p``.

    Parameters
    ----------
    input : Tensor
        (N,V) or (V,): scores s.
    target : Tensor
        (N,) or (): integers y, the right classes.
    p : int
        The power.
    margin : float
        The margin.
    weight : Tensor, optional
        (V,), a factor for each right class.
    reduction : {"none", "mean", "sum"}
        Whether to return all losses, their mean or their sum.
    average : bool
        Whether the sum is divided by V, as in PyTorch.

    Returns
    -------
    Tensor
        The loss, a scalar; without reduction (N,).

    Raises
    ------
    ShapeError
        If the shapes do not fit.
    DTypeError
        If the labels are not integers.
    DataError
        On the CPU, if a label is no class.

    References
    ----------
    Weston and Watkins, "Support vector machines for multi-class pattern recognition", 1999.

    Examples
    --------
    >>> dl.nn.functional.multi_margin_loss(dl.asarray([[1.0, 1.5]]), dl.asarray([0]))
    tensor(0.75)
    """
    name = "multi_margin_loss"
    if p not in (1, 2):
        raise ConfigError(f"{name}: p must be 1 or 2, got {p}")
    if input.ndim > 2:
        raise ShapeError(f"{name}: input must be (N,V) or (V,), got shape {input.shape}")
    kind = REDUCTIONS.index(check_reduction(name, reduction))
    if weight is None and plain_labels(input, target):
        factor = 1.0 / input.shape[1] if average else 1.0
        try:
            return _multi_margin(input, target, margin=margin, p=p, factor=factor, kind=kind)
        except BadIndexError:  # of the kernel, which looks at the labels; what is wrong with one is said below
            pass
    return _any_multi_margin(input, target, weight, margin=margin, p=p, average=average, reduction=reduction)


@wide
def _any_multi_margin(
    input: Any, target: Any, weight: Any, *, margin: float, p: int, average: bool, reduction: str
) -> Any:
    """multi_margin_loss of any scores, with or without weights."""
    name = "multi_margin_loss"
    rows, labels, _ = checked_labels(name, input, target, None)
    classes = rows.shape[1]
    if weight is not None and weight.shape != (classes,):
        raise ShapeError(f"{name}: weight must be (V,)=({classes},), got {weight.shape}")
    loss = _multi_margin(rows, labels, margin=margin, p=p, factor=1.0 / classes if average else 1.0, kind=0)
    if weight is not None:
        loss = loss * take(weight, labels)
    return reduced(name, loss if input.ndim > 1 else loss[0], reduction)
