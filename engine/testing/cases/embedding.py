"""Rows of embedding."""

from __future__ import annotations

from ...errors import DTypeError, ShapeError
from ...ops import embedding as ops
from ..table import case, error, forward_error, integers, normal, sample

case(
    ops.embedding,
    sample(normal(11, 5), integers(0, 11, 4, 3)),
    sample(normal(3, 7), integers(0, 3, 50), label="repeated ids"),
    sample(normal(3, 7), integers(0, 3, 0), label="no ids"),
    sample(normal(3, 7), integers(0, 3, 4, dtype="int32")),
    error(ShapeError, "weight must be (V,D)", normal(11), integers(0, 11, 4)),
    error(DTypeError, "ids must be integers", normal(11, 5), normal(4)),
    bound=forward_error(50, absolute=True),
    kernels=("embedding", "embedding_grad"),
)
