"""Losses that arrange embeddings, and the distances they use, as modules; formulas and checks are those of ops.loss_metric."""

from __future__ import annotations

from typing import Any

from ..ops import loss_metric as ops
from .loss import _Loss
from .module import Module


class PairwiseDistance(Module):
    """The p-norm of x1 - x2 + eps: (N,D), (N,D) -> (N,). Source: Minkowski 1896."""

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> None:
        self.p, self.eps, self.keepdim = p, eps, keepdim

    def forward(self, x1: Any, x2: Any) -> Any:
        return ops.pairwise_distance(x1, x2, self.p, self.eps, self.keepdim)


class CosineSimilarity(Module):
    """x1 . x2 / (|x1| |x2|) along the axis dim: (N,D), (N,D) -> (N,). Source: Salton et al. 1975."""

    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        self.dim, self.eps = dim, eps

    def forward(self, x1: Any, x2: Any) -> Any:
        return ops.cosine_similarity(x1, x2, self.dim, self.eps)


class ContrastiveLoss(_Loss):
    """t d^2 + (1 - t) max(0, margin - d)^2, d = |x1 - x2|; t (N,) is 1 for two of a class, else 0. x1, x2: (N,D).

    margin None: t d - (1 - t) d, the distances within a class minus those between classes.
    Source: Hadsell, Chopra & LeCun 2006.
    """

    def __init__(self, margin: float | None = 1.0, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.margin = margin

    def forward(self, x1: Any, x2: Any, target: Any) -> Any:
        return ops.contrastive_loss(x1, x2, target, self.margin, self.reduction)


class TripletMarginLoss(_Loss):
    """max(0, d(anchor, positive) - d(anchor, negative) + margin), all (N,D). Source: Schroff et al. 2015, arXiv:1503.03832."""

    def __init__(
        self, margin: float = 1.0, p: float = 2.0, eps: float = 1e-6, swap: bool = False, reduction: str = "mean"
    ) -> None:
        super().__init__(reduction)
        self.margin, self.p, self.eps, self.swap = margin, p, eps, swap

    def forward(self, anchor: Any, positive: Any, negative: Any) -> Any:
        return ops.triplet_margin_loss(
            anchor, positive, negative, self.margin, self.p, self.eps, self.swap, self.reduction
        )


class CosineEmbeddingLoss(_Loss):
    """1 - cos where target (N,) is 1, max(0, cos - margin) where it is -1; x1, x2: (N,D). Source: Payne & Wenger 1998."""

    def __init__(self, margin: float = 0.0, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.margin = margin

    def forward(self, x1: Any, x2: Any, target: Any) -> Any:
        return ops.cosine_embedding_loss(x1, x2, target, self.margin, self.reduction)


class InfoNCELoss(_Loss):
    """Cross-entropy of cos(query, candidate) / temperature, the positive being right. query, positive: (N,D).

    negatives: (M,D), or None for the other queries' positives. Source: van den Oord et al. 2018, arXiv:1807.03748.
    """

    def __init__(self, temperature: float = 0.1, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.temperature = temperature

    def forward(self, query: Any, positive: Any, negatives: Any = None) -> Any:
        return ops.info_nce_loss(query, positive, negatives, self.temperature, self.reduction)


class PrototypicalLoss(_Loss):
    """A query goes to the nearest class mean: cross-entropy of -|query - prototype|^2 over N-way episodes.

    support: (M,D) with labels (M,), query: (Q,D) with labels (Q,), labels 0 ... ways - 1.
    Source: Snell, Swersky & Zemel 2017, arXiv:1703.05175.
    """

    def __init__(self, ways: int, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.ways = ways

    def forward(self, support: Any, support_labels: Any, query: Any, query_labels: Any) -> Any:
        return ops.prototypical_loss(support, support_labels, query, query_labels, self.ways, self.reduction)
