"""Losses with a margin as modules; formulas and checks are those of the functions in ops.loss_margin."""

from __future__ import annotations

from typing import Any

from ..ops import loss_margin as ops
from .loss import _Loss, _Weighted


class HingeLoss(_Loss):
    """max(0, margin - target input): input scores, target -1 or 1, of one shape. Source: Cortes & Vapnik 1995."""

    def __init__(self, margin: float = 1.0, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.margin = margin

    def forward(self, input: Any, target: Any) -> Any:
        return ops.hinge_loss(input, target, self.margin, self.reduction)


class SoftMarginLoss(_Loss):
    """log(1 + exp(-target input)): input scores, target -1 or 1, of one shape. Source: Cox 1958."""

    def forward(self, input: Any, target: Any) -> Any:
        return ops.soft_margin_loss(input, target, self.reduction)


class HingeEmbeddingLoss(_Loss):
    """Distances: input where target is 1, max(0, margin - input) where it is -1, of one shape. Source: see ContrastiveLoss."""

    def __init__(self, margin: float = 1.0, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.margin = margin

    def forward(self, input: Any, target: Any) -> Any:
        return ops.hinge_embedding_loss(input, target, self.margin, self.reduction)


class MarginRankingLoss(_Loss):
    """max(0, margin - target (input1 - input2)), target -1 or 1, of one shape. Source: Herbrich et al. 2000."""

    def __init__(self, margin: float = 0.0, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.margin = margin

    def forward(self, input1: Any, input2: Any, target: Any) -> Any:
        return ops.margin_ranking_loss(input1, input2, target, self.margin, self.reduction)


class MultiMarginLoss(_Weighted):
    """Multi-class SVM: the sum over wrong classes j of max(0, margin + s_j - s_y)^p, divided by V if average.

    input s: (N,V), target y: (N,) integers, weight: (V,) or None. Source: Weston & Watkins 1999.
    """

    def __init__(
        self, p: int = 1, margin: float = 1.0, weight: Any = None, reduction: str = "mean", average: bool = True
    ) -> None:
        super().__init__(weight, reduction)
        self.p, self.margin, self.average = p, margin, average

    def forward(self, input: Any, target: Any) -> Any:
        return ops.multi_margin_loss(input, target, self.p, self.margin, self.weight, self.reduction, self.average)
