"""Losses that arrange embeddings, and the distances they use, as layers; the functions are in ``ops.loss_metric``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..ops import distances
from ..ops import loss_metric as ops
from .loss import _Loss
from .module import Module

if TYPE_CHECKING:
    from .._tensor import Tensor


class PairwiseDistance(Module):
    """Distance of paired rows: the p-norm of ``x1 - x2 + eps``.

    Shape: x1 (N,D) and x2 (N,D) -> (N,), or (N,1) with ``keepdim``.

    Parameters
    ----------
    p : float
        The order of the norm.
    eps : float
        Added to the differences, so that the gradient is finite where they are 0.
    keepdim : bool
        Whether the last axis stays, with size 1.

    References
    ----------
    Minkowski, "Geometrie der Zahlen", 1896.

    Examples
    --------
    >>> dl.nn.PairwiseDistance(eps=0.0)(dl.asarray([[3.0, 4.0]]), dl.zeros((1, 2)))
    tensor([5.])
    """

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> None:
        self.p, self.eps, self.keepdim = p, eps, keepdim

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        return distances.pairwise_distance(x1, x2, self.p, self.eps, self.keepdim)


class CosineSimilarity(Module):
    """Cosine of the angle between vectors: ``x1^T x2 / (|x1| |x2|)``.

    Shape: x1 (N,D) and x2 (N,D) -> (N,), with ``dim`` 1.

    Parameters
    ----------
    dim : int
        The axis along which the vectors lie.
    eps : float
        A lower bound of the lengths, against division by 0.

    References
    ----------
    Salton, Wong and Yang, "A vector space model for automatic indexing", 1975.

    Examples
    --------
    >>> dl.nn.CosineSimilarity()(dl.asarray([[2.0, 0.0], [0.0, 3.0]]), dl.asarray([[1.0, 0.0], [1.0, 0.0]]))
    tensor([1., 0.])
    """

    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        self.dim, self.eps = dim, eps

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        return distances.cosine_similarity(x1, x2, self.dim, self.eps)


class ContrastiveLoss(_Loss):
    """Contrastive loss of pairs: like ones are drawn together, unlike ones are pushed apart.

    With the distance ``d = |x1 - x2|`` and the target t it is ``t d^2 + (1 - t) max(0, margin - d)^2``.
    Shape: x1 (N,D), x2 (N,D), target t (N,), 1 for two of a class and 0 for others -> (); without reduction (N,).

    Parameters
    ----------
    margin : float or None
        Unlike pairs further apart than this cost nothing. None: the loss is ``t d - (1 - t) d``, the distances within
        classes minus those between classes.
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
    >>> dl.nn.ContrastiveLoss()(dl.asarray([[0.0, 0.5]]), dl.zeros((1, 2)), dl.asarray([0.0]))
    tensor(0.25)
    """

    def __init__(self, margin: float | None = 1.0, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.margin = margin

    def forward(self, x1: Tensor, x2: Tensor, target: Tensor) -> Tensor:
        return ops.contrastive_loss(x1, x2, target, self.margin, self.reduction)


class TripletMarginLoss(_Loss):
    """Triplet loss: ``max(0, d(anchor, positive) - d(anchor, negative) + margin)``.

    Shape: anchor, positive (of the anchor's class) and negative (of another), each (N,D) -> (); without reduction
    (N,).

    Parameters
    ----------
    margin : float
        How much further away than the positive the negative should be.
    p : float
        The order of the norm that measures distances.
    eps : float
        Added to the differences, so that the gradient is finite where they are 0.
    swap : bool
        Whether the negative's distance from the positive counts instead where it is smaller.
    reduction : str
        Whether to return all losses ("none"), their mean ("mean") or their sum ("sum").

    Raises
    ------
    ConfigError
        ``reduction`` is another word.

    References
    ----------
    Schroff, Kalenichenko and Philbin, "FaceNet", 2015, arXiv:1503.03832; swap: Balntas et al., "Learning local
    feature descriptors with triplets", 2016.

    Examples
    --------
    >>> anchor, near, far = dl.zeros((1, 2)), dl.zeros((1, 2)), dl.asarray([[3.0, 4.0]])
    >>> dl.nn.TripletMarginLoss()(anchor, near, far)
    tensor(0.)
    """

    def __init__(
        self, margin: float = 1.0, p: float = 2.0, eps: float = 1e-6, swap: bool = False, reduction: str = "mean"
    ) -> None:
        super().__init__(reduction)
        self.margin, self.p, self.eps, self.swap = margin, p, eps, swap

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        return ops.triplet_margin_loss(
            anchor, positive, negative, self.margin, self.p, self.eps, self.swap, self.reduction
        )


class CosineEmbeddingLoss(_Loss):
    """Loss of angles: ``1 - cos`` where the target is 1, ``max(0, cos - margin)`` where it is -1.

    Shape: x1 (N,D), x2 (N,D), target (N,), 1 for like pairs and -1 for others -> (); without reduction (N,).

    Parameters
    ----------
    margin : float
        Unlike pairs with a smaller cosine than this cost nothing.
    reduction : str
        Whether to return all losses ("none"), their mean ("mean") or their sum ("sum").

    Raises
    ------
    ConfigError
        ``reduction`` is another word.

    References
    ----------
    Payne and Wenger, "Cosine metrics in spectral searching", 1998.

    Examples
    --------
    >>> dl.nn.CosineEmbeddingLoss()(dl.asarray([[1.0, 0.0]]), dl.asarray([[0.0, 1.0]]), dl.asarray([1]))
    tensor(1.)
    """

    def __init__(self, margin: float = 0.0, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.margin = margin

    def forward(self, x1: Tensor, x2: Tensor, target: Tensor) -> Tensor:
        return ops.cosine_embedding_loss(x1, x2, target, self.margin, self.reduction)


class InfoNCELoss(_Loss):
    """Contrastive loss of many candidates: cross-entropy of ``cos(query, candidate) / temperature``.

    The positive is the right candidate, the negatives are the wrong ones.
    Shape: query (N,D), positive (N,D), negatives (M,D) or None, which takes the positives of the other queries -> ();
    without reduction (N,).

    Parameters
    ----------
    temperature : float
        What the cosines are divided by; a lower one weighs hard negatives more.
    reduction : str
        Whether to return all losses ("none"), their mean ("mean") or their sum ("sum").

    Raises
    ------
    ConfigError
        ``reduction`` is another word.

    References
    ----------
    van den Oord, Li and Vinyals, 2018, arXiv:1807.03748.

    Examples
    --------
    >>> dl.nn.InfoNCELoss()(dl.eye(2), dl.eye(2)) < 0.001
    tensor(True)
    """

    def __init__(self, temperature: float = 0.1, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.temperature = temperature

    def forward(self, query: Tensor, positive: Tensor, negatives: Tensor | None = None) -> Tensor:
        return ops.info_nce_loss(query, positive, negatives, self.temperature, self.reduction)


class PrototypicalLoss(_Loss):
    """Loss of few-shot classification: a query should be nearest to the mean of its class.

    It is the cross-entropy of ``-|query - prototype|^2``, where a prototype is the mean of a class's support vectors.
    Shape: support (M,D) with labels (M,), query (Q,D) with labels (Q,), labels from 0 to ways - 1 -> (); without
    reduction (Q,).

    Parameters
    ----------
    ways : int
        The number of classes.
    reduction : str
        Whether to return all losses ("none"), their mean ("mean") or their sum ("sum").

    Raises
    ------
    ConfigError
        ``reduction`` is another word.

    References
    ----------
    Snell, Swersky and Zemel, 2017, arXiv:1703.05175.

    Examples
    --------
    >>> support, labels = dl.asarray([[0.0], [10.0]]), dl.asarray([0, 1])
    >>> dl.nn.PrototypicalLoss(2)(support, labels, dl.asarray([[0.0]]), dl.asarray([0]))
    tensor(0.)
    """

    def __init__(self, ways: int, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.ways = ways

    def forward(self, support: Tensor, support_labels: Tensor, query: Tensor, query_labels: Tensor) -> Tensor:
        return ops.prototypical_loss(support, support_labels, query, query_labels, self.ways, self.reduction)
