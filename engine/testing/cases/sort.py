"""Rows of sorting, searching and sets."""

from __future__ import annotations

import numpy as np

from ...errors import ConfigError, ShapeError
from ...ops import sets
from ...ops import sort as ops
from ..arguments import distinct, given, integers, normal
from ..bounds import exact
from ..references import order as reference
from ..table import case, error, sample, unplanted

_TIES = given([2.0, 1.0, 2.0, 0.0, 1.0])
_WITH_NAN = given([1.0, np.nan, 0.0, 1.0])

case(
    ops.sort,
    sample(distinct(3, 5)),
    sample(distinct(3, 5), axis=0, descending=True),
    sample(distinct(0, 3), axis=0),
    sample(integers(0, 5, 7), grad=False),
    sample(_WITH_NAN, grad=False),
    error(ShapeError, "axis", normal(3), axis=1),
    bound=exact,
    kernels=("add_along",),
    reference=reference.sort,
)
case(
    ops.argsort,
    sample(distinct(3, 5)),
    sample(distinct(3, 5), axis=0, descending=True),
    sample(_TIES),
    sample(_TIES, descending=True),
    bound=exact,
    differentiable=False,
    reference=reference.argsort,
)
case(
    ops.topk,
    sample(distinct(3, 5), 2),
    sample(distinct(3, 5), 3, axis=0, largest=False),
    sample(_TIES, 2, grad=False),
    sample(_WITH_NAN, 3, largest=False, grad=False),
    sample(given([1.0, np.nan, 0.0, np.nan, 3.0]), 3, grad=False),
    sample(distinct(2, 90, 3), 5, axis=1, grad=False),
    error(ShapeError, "k=6", distinct(5), 6),
    bound=exact,
    kernels=("top_k", "add_along"),
    reference=reference.topk,
)
case(
    ops.searchsorted,
    sample(given([0.0, 1.0, 1.0, 2.0]), normal(3, 4)),
    sample(given([0.0, 1.0, 1.0, 2.0]), given([1.0, 2.0]), side="right"),
    error(ConfigError, "side", distinct(3), normal(3), side="both"),
    error(ShapeError, "a vector", normal(3, 2), normal(3)),
    bound=exact,
    differentiable=False,
    reference=reference.searchsorted,
)
for _op in (sets.unique_all, sets.unique_counts, sets.unique_inverse, sets.unique_values):
    case(
        _op,
        sample(integers(0, 5, 3, 4)),
        sample(given([[20, 9, 3], [-7, 20, 9]], dtype="int64")),
        sample(_TIES),
        sample(_WITH_NAN),
        sample(normal(0)),
        bound=exact,
        differentiable=False,
        reference=getattr(reference, _op.__name__),
    )
case(
    sets.isin,
    sample(integers(0, 5, 3, 4), integers(0, 3, 2)),
    sample(integers(0, 5, 3), integers(0, 3, 2), invert=True),
    bound=exact,
    differentiable=False,
    reference=reference.isin,
)
unplanted("the sorted array would not be sorted", "searchsorted")
