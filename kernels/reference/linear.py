"""The affine map of a fully connected layer."""

from __future__ import annotations

from ..types import Array, Namespace
from .common import kernel


@kernel
def linear(xp: Namespace, x: Array, weight: Array, bias: Array | None) -> Array:
    """x weight^T + bias. x: (..., I). weight: (O, I). bias: (O,) or None. Returns (..., O)."""
    y = xp.matmul(x, xp.matrix_transpose(weight))
    return y if bias is None else y + bias
