"""Table lookup and its adjoint."""

from __future__ import annotations

from math import prod

from ..types import Array, Namespace
from .common import kernel


@kernel
def embedding(xp: Namespace, weight: Array, ids: Array) -> Array:
    """Rows of a table. weight: (V, D). ids: int, any shape, 0 <= ids < V. Returns (*ids.shape, D)."""
    return xp.reshape(xp.take(weight, xp.reshape(ids, (-1,)), axis=0), (*ids.shape, weight.shape[1]))


@kernel
def embedding_grad(xp: Namespace, gy: Array, ids: Array, rows: int) -> Array:
    """The adjoint of embedding: row v is the sum of gy where ids is v, in the order of ids.

    gy: (*ids.shape, D). rows: V. Returns (V, D).
    """
    count, size = prod(ids.shape), gy.shape[-1]
    nothing = xp.zeros((rows, size), dtype=gy.dtype, device=gy.device)
    return xp.scatter_add(nothing, xp.reshape(ids, (count,)), xp.reshape(gy, (count, size)))
