"""Rows of embedding."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...errors import ConfigError, DTypeError, ShapeError
from ...ops import embedding as ops
from ...ops import primitives
from ..arguments import distinct, given, integers, normal
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


def _bag(
    weight: Any, ids: Any, offsets: Any = None, mode: str = "mean", per_sample_weights: Any = None,
    include_last_offset: bool = False, padding_idx: Any = None,
) -> Any:  # fmt: skip
    """Bag by bag, the rows that count one after another."""
    if offsets is None:
        ends = [ids.shape[1] * i for i in range(ids.shape[0] + 1)]
    else:
        ends = [int(o) for o in offsets] + ([] if include_last_offset else [len(ids)])
    factors = np.ones(ids.size) if per_sample_weights is None else per_sample_weights.reshape(-1)
    y = np.zeros((len(ends) - 1, weight.shape[1]))
    for b, (first, last) in enumerate(zip(ends, ends[1:], strict=False)):
        places = [i for i in range(first, last) if padding_idx is None or int(ids.flat[i]) != padding_idx]
        rows = [weight[int(ids.flat[i])] * factors[i] for i in places]
        if rows and mode == "max":
            y[b] = [max(column) for column in zip(*rows, strict=True)]
        elif rows:
            y[b] = sum(rows) / (len(rows) if mode == "mean" else 1)
    return y


_OFFSETS = given([0, 2, 2, 5], dtype="int64")
case(
    ops.embedding_bag,
    sample(normal(11, 5), integers(0, 11, 4, 3)),
    sample(normal(11, 5), integers(0, 11, 6), _OFFSETS, label="an empty bag"),
    sample(normal(11, 5), integers(0, 11, 4, 3), None, "sum", normal(4, 3), label="weighted"),
    sample(normal(4, 5), integers(0, 4, 6), _OFFSETS, "sum", None, False, 1, label="padding"),
    sample(normal(4, 5), integers(0, 4, 6), given([0, 1, 5], dtype="int64"), "mean", None, True, 2, label="last offset"),
    sample(distinct(7, 5), given([3, 1, 4, 1, 5, 6], dtype="int64"), _OFFSETS, "max", label="largest"),
    sample(distinct(7, 5), given([[3, 1], [1, 1], [0, 6]], dtype="int64"), None, "max", None, False, 1, label="largest but one"),
    error(ConfigError, "mode must be", normal(11, 5), integers(0, 11, 4, 3), None, "median"),
    error(ConfigError, "per_sample_weights are for mode='sum'", normal(11, 5), integers(0, 11, 4, 3), None, "mean", normal(4, 3)),
    error(ShapeError, "shape of ids", normal(11, 5), integers(0, 11, 4, 3), None, "sum", normal(3, 4)),
    error(ShapeError, "take no offsets", normal(11, 5), integers(0, 11, 4, 3), _OFFSETS),
    error(ShapeError, "with offsets (B,)", normal(11, 5), integers(0, 11, 4)),
    error(ShapeError, "offsets must rise from 0", normal(11, 5), integers(0, 11, 4), _OFFSETS),
    bound=forward_error(16, absolute=True),
    reference=_bag,
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
