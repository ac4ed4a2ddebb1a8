"""Losses with a margin, as layers; formulas and checks are those of the functions in ``ops.loss_margin``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..ops import loss_margin as ops
from .loss import _Loss, _Weighted

if TYPE_CHECKING:
    from .._tensor import Tensor


class HingeLoss(_Loss):
    """Hinge loss of a linear SVM: ``max(0, margin - target input)``.

    Shape: input, scores, and target, -1 or 1, of one shape -> (); without reduction the shape of the input.

    Parameters
    ----------
    margin : float
        Scores beyond this on the right side cost nothing.
    reduction : str
        Whether to return all losses ("none"), their mean ("mean") or their sum ("sum").

    Raises
    ------
    ConfigError
        ``reduction`` is another word.

    References
    ----------
    Cortes and Vapnik, "Support-vector networks", 1995.

    Examples
    --------
    >>> dl.nn.HingeLoss(reduction="none")(dl.asarray([0.5, 2.0]), dl.asarray([1.0, 1.0]))
    tensor([0.5, 0. ])
    """

    def __init__(self, margin: float = 1.0, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.margin = margin

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return ops.hinge_loss(input, target, self.margin, self.reduction)


class SoftMarginLoss(_Loss):
    """Logistic loss: ``log(1 + exp(-target input))``.

    Shape: input, scores, and target, -1 or 1, of one shape -> (); without reduction the shape of the input.

    Parameters
    ----------
    reduction : str
        Whether to return all losses ("none"), their mean ("mean") or their sum ("sum").

    Raises
    ------
    ConfigError
        ``reduction`` is another word.

    References
    ----------
    Cox, "The regression analysis of binary sequences", 1958.

    Examples
    --------
    >>> dl.nn.SoftMarginLoss()(dl.asarray([100.0]), dl.asarray([-1.0]))
    tensor(100.)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return ops.soft_margin_loss(input, target, self.reduction)


class HingeEmbeddingLoss(_Loss):
    """Loss of distances: ``input`` where the target is 1, ``max(0, margin - input)`` where it is -1.

    Shape: input, distances, and target, -1 or 1, of one shape -> (); without reduction the shape of the input.

    Parameters
    ----------
    margin : float
        Distances of unlike pairs beyond this cost nothing.
    reduction : str
        Whether to return all losses ("none"), their mean ("mean") or their sum ("sum").

    Raises
    ------
    ConfigError
        ``reduction`` is another word.

    References
    ----------
    Hadsell, Chopra and LeCun, "Dimensionality reduction by learning an invariant mapping", 2006.

    Examples
    --------
    >>> dl.nn.HingeEmbeddingLoss(reduction="none")(dl.asarray([0.25, 0.25]), dl.asarray([1.0, -1.0]))
    tensor([0.25, 0.75])
    """

    def __init__(self, margin: float = 1.0, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.margin = margin

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return ops.hinge_embedding_loss(input, target, self.margin, self.reduction)


class MarginRankingLoss(_Loss):
    """Ranking loss of two scores: ``max(0, margin - target (input1 - input2))``.

    Shape: input1, input2 and target, 1 where the first should be larger and -1 where the second should be, of one
    shape -> ();
    without reduction that shape.

    Parameters
    ----------
    margin : float
        The difference in the right order from which on a pair costs nothing.
    reduction : str
        Whether to return all losses ("none"), their mean ("mean") or their sum ("sum").

    Raises
    ------
    ConfigError
        ``reduction`` is another word.

    References
    ----------
    Herbrich, Graepel and Obermayer, "Large margin rank boundaries for ordinal regression", 2000.

    Examples
    --------
    >>> dl.nn.MarginRankingLoss()(dl.asarray([1.0]), dl.asarray([3.0]), dl.asarray([1.0]))
    tensor(2.)
    """

    def __init__(self, margin: float = 0.0, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.margin = margin

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        return ops.margin_ranking_loss(input1, input2, target, self.margin, self.reduction)


class MultiMarginLoss(_Weighted):
    """Multi-class SVM loss: the sum of ``max(0, margin + s[j] - s[y])^p`` over the wrong classes j.

    Shape: input s (N,V), scores, target y (N,), integers from 0 to V - 1 -> (); without reduction (N,).

    Parameters
    ----------
    p : int
        The exponent, 1 or 2.
    margin : float
        The lead over every other class with which the right class costs nothing.
    weight : Tensor or None
        A factor for each class, shape (V,); None is 1 for all. It is a buffer and moves with the module.
    reduction : str
        Whether to return all losses ("none"), their mean ("mean") or their sum ("sum").
    average : bool
        Whether the sum is divided by V.

    Raises
    ------
    ConfigError
        ``reduction`` is another word.

    References
    ----------
    Weston and Watkins, "Support vector machines for multi-class pattern recognition", 1999.

    Examples
    --------
    >>> dl.nn.MultiMarginLoss()(dl.asarray([[1.0, 1.5]]), dl.asarray([0]))
    tensor(0.75)
    """

    def __init__(
        self, p: int = 1, margin: float = 1.0, weight: Tensor | None = None, reduction: str = "mean", average: bool = True
    ) -> None:
        super().__init__(weight, reduction)
        self.p, self.margin, self.average = p, margin, average

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return ops.multi_margin_loss(input, target, self.p, self.margin, self.weight, self.reduction, self.average)
