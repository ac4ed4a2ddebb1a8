"""Losses that arrange embeddings by distance or angle. N batch, D embedding; reduction as in loss.py."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import ConfigError, DataError, ShapeError
from .creation import arange
from .distances import cosine_of_vectors, normalize, pairwise_distance, squared_distances
from .elementwise import maximum, minimum, square, where
from .gather import one_hot
from .half import real, wide
from .linalg import matmul
from .loss import cross_entropy
from .loss_checks import check_values, reduced
from .norms import vector_norm
from .primitives import embedding_grad
from .rectifiers import relu
from .reduce import sum

if TYPE_CHECKING:
    from ..typing import Tensor

__all__ = [
    "contrastive_loss", "cosine_embedding_loss", "info_nce_loss", "prototypes", "prototypical_loss", "triplet_margin_loss",
]  # fmt: skip


def _one_shape(name: str, **tensors: Any) -> None:
    if len({t.shape for t in tensors.values()}) > 1:
        given = ", ".join(f"{k} {t.shape}" for k, t in tensors.items())
        raise ShapeError(f"{name}: expected tensors (N,D) of one shape, got {given}")


@real
@wide
def contrastive_loss(x1: Tensor, x2: Tensor, target: Tensor, margin: float | None = 1.0, reduction: str = "mean") -> Tensor:
    """Contrastive loss: pairs of a class together, others at least a margin apart.

    With d the distance it is ``t * d**2 + (1 - t) * max(0, margin - d)**2``.

    Parameters
    ----------
    x1 : Tensor
        (N,D).
    x2 : Tensor
        (N,D).
    target : Tensor
        (N,): 1 for a pair of one class, else 0.
    margin : float, optional
        The margin; None sums distances within a class minus those between classes.
    reduction : {"none", "mean", "sum"}
        Whether to return all losses, their mean or their sum.

    Returns
    -------
    Tensor
        The loss, a scalar; without reduction (N,).

    Raises
    ------
    ShapeError
        If the shapes differ.
    ConfigError
        If ``reduction`` is another word.

    References
    ----------
    Hadsell, Chopra and LeCun, "Dimensionality reduction by learning an invariant mapping", 2006.

    Examples
    --------
    >>> dl.nn.functional.contrastive_loss(dl.asarray([[0.0, 0.5]]), dl.zeros((1, 2)), dl.asarray([0.0]))
    tensor(0.25)
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
    anchor: Tensor, positive: Tensor, negative: Tensor, margin: float = 1.0, p: float = 2.0, eps: float = 1e-06, swap: bool =
    False, reduction: str = "mean"
) -> Tensor:  # fmt: skip
    """Triplet loss: ``max(0, d(anchor, positive) - d(anchor, negative) + margin)``.

    Parameters
    ----------
    anchor : Tensor
        (N,D).
    positive : Tensor
        (N,D): of the anchor's class.
    negative : Tensor
        (N,D): of another class.
    margin : float
        The margin.
    p : float
        The order of the norm of d.
    eps : float
        Added to differences to avoid a distance of 0.
    swap : bool
        Whether the smaller of d(anchor, negative) and d(positive, negative) counts.
    reduction : {"none", "mean", "sum"}
        Whether to return all losses, their mean or their sum.

    Returns
    -------
    Tensor
        The loss, a scalar; without reduction (N,).

    Raises
    ------
    ShapeError
        If the shapes differ.
    ConfigError
        If ``reduction`` is another word.

    References
    ----------
    Schroff et al., 2015, arXiv:1503.03832.
    Balntas et al., "Learning local feature descriptors with triplets", 2016, for swap.

    Examples
    --------
    >>> dl.nn.functional.triplet_margin_loss(dl.zeros((1, 2)), dl.zeros((1, 2)), dl.asarray([[3.0, 4.0]]))
    tensor(0.)
    """
    _one_shape("triplet_margin_loss", anchor=anchor, positive=positive, negative=negative)
    far = pairwise_distance(anchor, negative, p, eps)
    if swap:
        far = minimum(far, pairwise_distance(positive, negative, p, eps))
    return reduced("triplet_margin_loss", relu(pairwise_distance(anchor, positive, p, eps) - far + margin), reduction)


@real
@wide
def cosine_embedding_loss(x1: Tensor, x2: Tensor, target: Tensor, margin: float = 0.0, reduction: str = "mean") -> Tensor:
    """Loss of angles: ``1 - cos(x1, x2)`` where the target is 1, ``max(0, cos(x1, x2) - margin)`` where it is -1.

    Parameters
    ----------
    x1 : Tensor
        (N,D) or (D,).
    x2 : Tensor
        The same shape.
    target : Tensor
        (N,) or (): -1 or 1.
    margin : float
        The margin.
    reduction : {"none", "mean", "sum"}
        Whether to return all losses, their mean or their sum.

    Returns
    -------
    Tensor
        The loss, a scalar; without reduction (N,).

    Raises
    ------
    ShapeError
        If the shapes differ.
    ConfigError
        If ``reduction`` is another word.

    Examples
    --------
    >>> dl.nn.functional.cosine_embedding_loss(dl.asarray([[1.0, 0.0]]), dl.asarray([[0.0, 1.0]]), dl.asarray([1]))
    tensor(1.)
    """
    name = "cosine_embedding_loss"
    _one_shape(name, x1=x1, x2=x2)
    cos = cosine_of_vectors(name, x1, x2, axis=-1, eps=1e-6, smooth=True)
    check_values(name, cos, target, -1.0, 1.0)
    return reduced(name, where(target > 0, 1.0 - cos, relu(cos - margin)), reduction)


@wide
def info_nce_loss(
    query: Tensor, positive: Tensor, negatives: Tensor | None = None, temperature: float = 0.1, reduction: str = "mean"
) -> Tensor:
    """InfoNCE: cross-entropy of ``cos(query, candidate) / temperature`` with the positive as the right class.

    Parameters
    ----------
    query : Tensor
        (N,D).
    positive : Tensor
        (N,D): what belongs to each query.
    negatives : Tensor, optional
        (M,D) for all queries; by default the other queries' positives.
    temperature : float
        What cosines are divided by.
    reduction : {"none", "mean", "sum"}
        Whether to return all losses, their mean or their sum.

    Returns
    -------
    Tensor
        The loss, a scalar; without reduction (N,).

    Raises
    ------
    ShapeError
        If the shapes differ.
    ConfigError
        If ``reduction`` is another word.

    References
    ----------
    van den Oord et al., 2018, arXiv:1807.03748.

    Examples
    --------
    >>> dl.nn.functional.info_nce_loss(dl.eye(2), dl.eye(2)) < 0.001
    tensor(True)
    """
    name = "info_nce_loss"
    _one_shape(name, query=query, positive=positive)
    if temperature <= 0:
        raise ConfigError(f"{name}: temperature must be positive, got {temperature}")
    q, k = normalize(query), normalize(positive)
    n = query.shape[0]
    if negatives is None:
        return cross_entropy(matmul(q, k.T) / temperature, arange(n, device=query.device), reduction=reduction)
    from .joining import concat

    right = sum(q * k, axis=-1, keepdims=True)
    scores = concat([right, matmul(q, normalize(negatives).T)], axis=1) / temperature
    return cross_entropy(scores, arange(n, device=query.device) * 0, reduction=reduction)


@wide
def prototypes(support: Tensor, labels: Tensor, ways: int) -> Tensor:
    """Mean embedding of each class.

    Parameters
    ----------
    support : Tensor
        (M,D): embeddings.
    labels : Tensor
        (M,): integers from 0 to ``ways - 1``.
    ways : int
        The number of classes.

    Returns
    -------
    Tensor
        (ways,D).

    Raises
    ------
    DataError
        On the CPU, if a label is no class, or a class has no embedding.

    Examples
    --------
    >>> dl.nn.functional.prototypes(dl.asarray([[1.0], [3.0], [5.0]]), dl.asarray([0, 0, 1]), 2)
    tensor([[2.],
            [5.]])
    """
    if support.ndim != 2 or labels.shape != support.shape[:1]:
        raise ShapeError(f"prototypes: support must be (M,D) and labels (M,), got {support.shape} and {labels.shape}")
    member = one_hot(labels, ways).astype(support.dtype)
    counts = sum(member, axis=0)
    if support.device == "cpu" and bool((counts == 0).any()):
        raise DataError(f"prototypes: a class of {ways} has no support example")
    # sums of rows, not a product with 0 and 1: an infinite row would reach every class as 0 Inf
    return embedding_grad(support, labels, ways) / maximum(counts, 1.0)[:, None]


@wide
def prototypical_loss(
    support: Tensor, support_labels: Tensor, query: Tensor, query_labels: Tensor, ways: int, reduction: str = "mean"
) -> Tensor:
    """Prototypical loss: a query goes to the class whose mean support embedding is nearest.

    It is the cross-entropy of minus the squared distances of a query to the prototypes.

    Parameters
    ----------
    support : Tensor
        (M,D): embeddings.
    support_labels : Tensor
        (M,): integers from 0 to ``ways - 1``.
    query : Tensor
        (Q,D): embeddings.
    query_labels : Tensor
        (Q,): integers from 0 to ``ways - 1``.
    ways : int
        The number of classes.
    reduction : {"none", "mean", "sum"}
        Whether to return all losses, their mean or their sum.

    Returns
    -------
    Tensor
        The loss, a scalar; without reduction (Q,).

    Raises
    ------
    ShapeError
        If the shapes differ.
    ConfigError
        If ``reduction`` is another word.

    References
    ----------
    Snell, Swersky and Zemel, 2017, arXiv:1703.05175.

    Examples
    --------
    >>> support, labels = dl.asarray([[0.0], [10.0]]), dl.asarray([0, 1])
    >>> dl.nn.functional.prototypical_loss(support, labels, dl.asarray([[0.0]]), dl.asarray([0]), 2)
    tensor(0.)
    """
    centres = prototypes(support, support_labels, ways)
    return cross_entropy(-squared_distances(query, centres), query_labels, reduction=reduction)
