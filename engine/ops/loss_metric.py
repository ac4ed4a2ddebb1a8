"""Losses that arrange embeddings by distance or angle. N batch, D embedding; reduction as in loss.py."""

from __future__ import annotations

from typing import Any

from ..errors import ConfigError, DataError, ShapeError
from .activation import relu
from .creation import arange
from .elementwise import hypot, maximum, minimum, square, where
from .embedding import embedding_grad
from .half import real, wide
from .index import one_hot
from .linalg import matmul, vector_norm
from .loss import check_values, cross_entropy, reduced
from .reduce import sum
from .shape import broadcast_arrays

__all__ = [
    "contrastive_loss", "cosine_embedding_loss", "cosine_similarity", "info_nce_loss", "normalize", "pairwise_distance",
    "prototypes", "prototypical_loss", "squared_distances", "triplet_margin_loss",
]  # fmt: skip


def _one_shape(name: str, **tensors: Any) -> None:
    if len({t.shape for t in tensors.values()}) > 1:
        given = ", ".join(f"{k} {t.shape}" for k, t in tensors.items())
        raise ShapeError(f"{name}: expected tensors (N,D) of one shape, got {given}")


@real
@wide
def pairwise_distance(x1: Any, x2: Any, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Any:
    """The p-norm of x1 - x2 + eps over the last axis: (N,D), (N,D) -> (N,)."""
    return vector_norm(x1 - x2 + eps, axis=-1, keepdims=keepdim, ord=p)


@real
@wide
def cosine_similarity(x1: Any, x2: Any, axis: int = 1, eps: float = 1e-8) -> Any:
    """x1 . x2 / (|x1| |x2|) along an axis, each length at least eps: (N,D), (N,D) -> (N,)."""

    def unit(x: Any) -> Any:  # each divided first: the product of two long vectors could overflow
        return x / maximum(vector_norm(x, axis=axis, keepdims=True), eps)

    if x1.shape != x2.shape:  # an axis of size 1 is repeated: the length is that of what is repeated
        x1, x2 = broadcast_arrays(x1, x2)
    return sum(unit(x1) * unit(x2), axis=axis)


@wide
def normalize(x: Any, p: float = 2.0, eps: float = 1e-12) -> Any:
    """x divided by the p-norm of its last axis, at least eps: (..., D) of length 1."""
    return x / maximum(vector_norm(x, axis=-1, keepdims=True, ord=p), eps)


@real
@wide
def squared_distances(x: Any, y: Any) -> Any:
    """|x_i - y_j|^2 for every pair of rows: (N,D), (M,D) -> (N,M), without cancellation."""
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1]:
        raise ShapeError(f"squared_distances: x (N,D) and y (M,D) must agree in D, got {x.shape} and {y.shape}")
    return sum(square(x[:, None, :] - y[None, :, :]), axis=-1)


@real
@wide
def contrastive_loss(x1: Any, x2: Any, target: Any, margin: float | None = 1.0, reduction: str = "mean") -> Any:
    """t d^2 + (1 - t) max(0, margin - d)^2, d = |x1 - x2|: pairs of a class together, others at least margin apart.

    x1, x2: (N,D). target t: (N,), 1 for a pair of one class, else 0. margin None: t d - (1 - t) d, the distances within a
    class minus those between classes. Returns (N,) reduced. Source: Hadsell, Chopra & LeCun 2006.
    """
    name = "contrastive_loss"
    _one_shape(name, x1=x1, x2=x2)
    d = vector_norm(x1 - x2, axis=-1)
    check_values(name, d, target, 0.0, 1.0)
    if margin is None:
        return reduced(name, target * d - (1 - target) * d, reduction)
    return reduced(name, target * square(d) + (1 - target) * square(relu(margin - d)), reduction)


@real
@wide
def triplet_margin_loss(
    anchor: Any, positive: Any, negative: Any, margin: float = 1.0, p: float = 2.0, eps: float = 1e-6, swap: bool = False,
    reduction: str = "mean",
) -> Any:  # fmt: skip
    """max(0, d(anchor, positive) - d(anchor, negative) + margin), d the p-norm distance.

    anchor, positive, negative: (N,D). swap: of d(anchor, negative) and d(positive, negative) the smaller counts.
    Source: Schroff et al. 2015, arXiv:1503.03832; swap: Balntas et al. 2016.
    """
    _one_shape("triplet_margin_loss", anchor=anchor, positive=positive, negative=negative)
    far = pairwise_distance(anchor, negative, p, eps)
    if swap:
        far = minimum(far, pairwise_distance(positive, negative, p, eps))
    return reduced("triplet_margin_loss", relu(pairwise_distance(anchor, positive, p, eps) - far + margin), reduction)


@real
@wide
def cosine_embedding_loss(x1: Any, x2: Any, target: Any, margin: float = 0.0, reduction: str = "mean") -> Any:
    """1 - cos(x1, x2) where target is 1, max(0, cos(x1, x2) - margin) where it is -1.

    x1, x2: (N,D) or (D,). target: (N,) or (), -1 or 1.
    """
    name = "cosine_embedding_loss"
    _one_shape(name, x1=x1, x2=x2)

    def unit(x: Any) -> Any:  # sqrt(|x|^2 + 1e-12), as in PyTorch, without the square
        return x / hypot(vector_norm(x, axis=-1, keepdims=True), 1e-6)

    cos = sum(unit(x1) * unit(x2), axis=-1)
    check_values(name, cos, target, -1.0, 1.0)
    return reduced(name, where(target > 0, 1.0 - cos, relu(cos - margin)), reduction)


@wide
def info_nce_loss(
    query: Any, positive: Any, negatives: Any = None, temperature: float = 0.1, reduction: str = "mean"
) -> Any:
    """-log of the share of a query's positive among its candidates: cross-entropy of cos(query, candidate) / temperature.

    query, positive: (N,D). negatives: (M,D) for all queries, or None: the other queries' positives. Returns (N,) reduced.
    Source: van den Oord et al. 2018, arXiv:1807.03748.
    """
    name = "info_nce_loss"
    _one_shape(name, query=query, positive=positive)
    if temperature <= 0:
        raise ConfigError(f"{name}: temperature must be positive, got {temperature}")
    q, k = normalize(query), normalize(positive)
    n = query.shape[0]
    if negatives is None:
        return cross_entropy(matmul(q, k.T) / temperature, arange(n, device=query.device), reduction=reduction)
    from .shape import concat

    right = sum(q * k, axis=-1, keepdims=True)
    scores = concat([right, matmul(q, normalize(negatives).T)], axis=1) / temperature
    return cross_entropy(scores, arange(n, device=query.device) * 0, reduction=reduction)


@wide
def prototypes(support: Any, labels: Any, ways: int) -> Any:
    """The mean embedding of each class: support (M,D), labels (M,) integers below ways -> (ways, D)."""
    if support.ndim != 2 or labels.shape != support.shape[:1]:
        raise ShapeError(f"prototypes: support must be (M,D) and labels (M,), got {support.shape} and {labels.shape}")
    member = one_hot(labels, ways).astype(support.dtype)
    counts = sum(member, axis=0)
    if support.device == "cpu" and bool((counts == 0).any() if hasattr(counts, "any") else False):
        raise DataError(f"prototypes: a class of {ways} has no support example")
    # sums of rows, not a product with 0 and 1: an infinite row would reach every class as 0 Inf
    return embedding_grad(support, labels, ways) / maximum(counts, 1.0)[:, None]


@wide
def prototypical_loss(
    support: Any, support_labels: Any, query: Any, query_labels: Any, ways: int, reduction: str = "mean"
) -> Any:
    """Cross-entropy of -|query - prototype|^2: a query goes to the class whose mean support embedding is nearest.

    support: (M,D) with labels (M,), query: (Q,D) with labels (Q,); labels 0 ... ways - 1. Returns (Q,) reduced.
    Source: Snell, Swersky & Zemel 2017, arXiv:1703.05175.
    """
    centres = prototypes(support, support_labels, ways)
    return cross_entropy(-squared_distances(query, centres), query_labels, reduction=reduction)
