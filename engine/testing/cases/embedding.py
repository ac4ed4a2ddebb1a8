"""Rows of embedding."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...errors import DTypeError, ShapeError
from ...ops import embedding as ops
from ...ops import primitives
from ..arguments import integers, normal
from ..bounds import forward_error
from ..references import index
from ..table import case, error, sample

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
    reference=lambda weight, ids: index.take(weight, ids, 0),
)


def _rows_added(gy: Any, ids: Any, *, rows: int) -> Any:
    table = np.zeros((rows, gy.shape[-1]))
    for i in np.ndindex(*ids.shape):
        table[int(ids[i])] += gy[i]
    return table


case(
    primitives.embedding_grad,
    sample(normal(4, 3, 5), integers(0, 11, 4, 3), rows=11),
    sample(normal(50, 7), integers(0, 3, 50), rows=3, label="repeated ids"),
    sample(normal(0, 7), integers(0, 3, 0), rows=3, label="no ids"),
    bound=forward_error(50, absolute=True),
    kernels=("embedding_grad", "embedding"),
    reference=_rows_added,
)
