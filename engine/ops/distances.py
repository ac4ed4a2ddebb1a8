"""Distances and angles of vectors."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ..autograd.short import short
from ..errors import ShapeError
from .broadcasting import broadcast_arrays
from .elementwise import maximum
from .fused import arguments, kernel_op
from .half import real, wide
from .norms import vector_norm
from .shape import axis_of, moveaxis, reshape

if TYPE_CHECKING:
    from ..typing import Tensor

__all__ = ["cosine_similarity", "normalize", "pairwise_distance", "squared_distances"]


@short("short_products")
@real
@wide
def pairwise_distance(x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-06, keepdim: bool = False) -> Tensor:
    """Distance of vectors: the p-norm of ``x1 - x2 + eps`` over the last axis.

    Parameters
    ----------
    x1 : Tensor
        (N,D).
    x2 : Tensor
        (N,D).
    p : float
        The order of the norm.
    eps : float
        Added to avoid a distance of 0.
    keepdim : bool
        Whether the last axis stays with size 1.

    Returns
    -------
    Tensor
        (N,).

    Examples
    --------
    >>> dl.nn.functional.pairwise_distance(dl.asarray([[3.0, 4.0]]), dl.zeros((1, 2)), eps=0.0)
    tensor([5.])
    """
    return vector_norm(x1 - x2 + eps, axis=-1, keepdims=keepdim, ord=p)


@real
@wide
def cosine_similarity(x1: Tensor, x2: Tensor, axis: int = 1, eps: float = 1e-08) -> Tensor:
    """Cosine of the angle of vectors: ``x1^T x2 / (|x1| |x2|)`` along an axis.

    Parameters
    ----------
    x1 : Tensor
        Any shape, as (N,D).
    x2 : Tensor
        A shape that broadcasts with it.
    axis : int
        The axis of the vectors.
    eps : float
        The least length that is divided by.

    Returns
    -------
    Tensor
        The broadcast shape without the axis.

    Examples
    --------
    >>> dl.nn.functional.cosine_similarity(dl.asarray([[3.0, 0.0]]), dl.asarray([[0.0, 2.0]]))
    tensor([0.])
    """

    if x1.shape != x2.shape:  # an axis of size 1 is repeated: the length is that of what is repeated
        x1, x2 = broadcast_arrays(x1, x2)
    return cosine_of_vectors("cosine_similarity", x1, x2, axis=axis, eps=eps, smooth=False)


def cosine_of_vectors(name: str, x1: Any, x2: Any, *, axis: int, eps: float, smooth: bool) -> Any:
    """The cosine of the angle along an axis of tensors of one shape. smooth: see the reference kernel."""
    at = axis_of(name, axis, x1.ndim)
    if x1.ndim == 2 and at == 1:
        return _cosine(x1, x2, eps=eps, smooth=smooth)
    lead = x1.shape[:at] + x1.shape[at + 1 :]
    rows = [reshape(moveaxis(x, at, -1), (math.prod(lead), x.shape[at])) for x in (x1, x2)]
    return reshape(_cosine(*rows, eps=eps, smooth=smooth), lead)


@kernel_op("cosine", needs="a b")
def _cosine(a: Any, b: Any, *, eps: float, smooth: bool) -> Any:
    """The cosine of the angle of each pair of rows (M,D), see the reference kernel."""
    return arguments(a, b, eps, smooth)


@wide
def normalize(x: Tensor, p: float = 2.0, eps: float = 1e-12) -> Tensor:
    """Vectors of length 1: ``x`` divided by the p-norm of its last axis.

    Parameters
    ----------
    x : Tensor
        (..., D).
    p : float
        The order of the norm.
    eps : float
        The least norm that is divided by.

    Returns
    -------
    Tensor
        (..., D).

    Examples
    --------
    >>> dl.nn.functional.normalize(dl.asarray([[4.0, 0.0]]))
    tensor([[1., 0.]])
    """
    return x / maximum(vector_norm(x, axis=-1, keepdims=True, ord=p), eps)


@real
@wide
def squared_distances(x: Tensor, y: Tensor) -> Tensor:
    """Squared distance of every pair of rows, without cancellation.

    Parameters
    ----------
    x : Tensor
        (N,D).
    y : Tensor
        (M,D).

    Returns
    -------
    Tensor
        (N,M).

    Examples
    --------
    >>> dl.nn.functional.squared_distances(dl.asarray([[0.0, 0.0]]), dl.asarray([[3.0, 4.0], [1.0, 0.0]]))
    tensor([[25.,  1.]])
    """
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1]:
        raise ShapeError(f"squared_distances: x (N,D) and y (M,D) must agree in D, got {x.shape} and {y.shape}")
    return _squared_distances(x, y)


@kernel_op("squared_distances", needs="x y")
def _squared_distances(x: Any, y: Any) -> Any:
    """squared_distances of matrices whose rows have one length."""
    return arguments(x, y)
