"""Rows of the reductions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...errors import ShapeError
from ...ops import counting, cumulative
from ...ops import reduce as ops
from ..arguments import booleans, complex_normal, distinct, given, integers, normal, uniform
from ..bounds import exact, forward_error
from ..references import reduce as texts
from ..table import Sample, case, error, sample


def _axes(draw: Any) -> tuple[Sample, ...]:
    """Every way to name axes."""
    return (
        sample(draw(3, 4, 5)),
        sample(draw(3, 4, 5), axis=1),
        sample(draw(3, 4, 5), axis=(0, -1), keepdims=True),
        sample(draw(7), axis=-1),
        sample(draw(), axis=()),
    )


def _terms(x: Any) -> float:
    return float(np.size(x))


_SUM = forward_error(_terms, absolute=True)
_AXIS = error(ShapeError, "axis", normal(3, 4), axis=2)

case(
    ops.sum,
    *_axes(normal),
    sample(normal(0, 3), axis=0),
    sample(complex_normal(3, 4), axis=0),
    sample(integers(0, 9, 3, 4), grad=False),
    sample(booleans(5), grad=False),
    sample(normal(4), dtype=np.dtype("float64")),
    _AXIS,
    bound=_SUM,
    reference=texts.NAMED["sum"],
)
case(
    ops.mean,
    *_axes(normal),
    sample(complex_normal(3, 4), axis=0),
    sample(integers(0, 9, 3, 4), grad=False),
    _AXIS,
    bound=_SUM,
    reference=texts.NAMED["mean"],
)
case(
    ops.prod,
    *_axes(normal),
    sample(given([[0.0, 2.0, 3.0], [0.0, 0.0, 4.0], [1.0, 2.0, 3.0]]), axis=1),
    sample(normal(0, 3), axis=0),
    sample(complex_normal(3, 4), axis=(0, 1)),
    sample(integers(1, 4, 3, 4), grad=False),
    _AXIS,
    bound=forward_error(_terms, 16),
    kernels=("others",),
    reference=texts.NAMED["prod"],
)
case(
    ops.var,
    sample(normal(3, 4, 5)),
    sample(normal(3, 4), axis=1, correction=1),
    sample(normal(3, 4, 5), axis=(0, 2), keepdims=True),
    sample(given([2.0, 2.0])),
    _AXIS,
    bound=forward_error(_terms, 8),
    reference=texts.NAMED["var"],
)
case(
    ops.std,
    sample(normal(3, 4, 5)),
    sample(normal(3, 4), axis=1, correction=1.5),
    sample(normal(3, 4, 5), axis=(0, 2), keepdims=True),
    sample(given([2.0, 2.0]), grad=False),
    _AXIS,
    bound=forward_error(_terms, 8),
    reference=texts.NAMED["std"],
)
_op: Callable[..., Any]
for _op in (ops.max, ops.min):
    case(
        _op,
        *_axes(distinct),
        sample(given([[1.0, 1.0], [0.0, 1.0]]), axis=1, grad=False),
        sample(integers(-9, 9, 3, 4), grad=False),
        sample(given([np.nan, 1.0]), grad=False),
        error(ShapeError, "x (0,)", normal(0)),
        _AXIS,
        bound=exact,
        reference=texts.NAMED[_op.__name__],
    )
case(
    ops.logsumexp,
    *_axes(normal),
    sample(given([[-1e4, -1e4], [800.0, 0.0]]), axis=1),
    sample(given([-np.inf, -np.inf]), grad=False),
    _AXIS,
    bound=forward_error(_terms, 8),
    reference=texts.NAMED["logsumexp"],
)
for _op in (counting.all, counting.any, counting.count_nonzero):
    case(
        _op,
        sample(booleans(3, 4)),
        sample(booleans(3, 4), axis=1),
        sample(booleans(2, 3, 4), axis=(0, 2), keepdims=True),
        sample(integers(0, 2, 3, 4), axis=0),
        sample(given([[0, 1, 3], [2, 1, 1], [0, 0, 0]], dtype="int64"), axis=-1),
        sample(booleans(0, 3), axis=0),
        bound=exact,
        differentiable=False,
        reference=texts.NAMED[_op.__name__],
    )
for _op in (counting.argmax, counting.argmin):
    case(
        _op,
        sample(distinct(3, 4)),
        sample(distinct(3, 4), axis=1),
        sample(distinct(3, 4), axis=0, keepdims=True),
        sample(given([1.0, 2.0, 2.0, 1.0])),
        error(ShapeError, "argm", normal(0)),
        bound=exact,
        differentiable=False,
        reference=texts.NAMED[_op.__name__],
    )
case(
    cumulative.cumulative_sum,
    sample(normal(7)),
    sample(normal(3, 4), axis=0),
    sample(normal(3, 4), axis=1, include_initial=True),
    sample(normal(0, 3), axis=0),
    sample(complex_normal(5)),
    sample(integers(0, 9, 5), grad=False),
    error(ShapeError, "name the one", normal(3, 4)),
    _AXIS,
    bound=_SUM,
    reference=texts.NAMED["cumulative_sum"],
)
case(
    cumulative.cumulative_prod,
    sample(normal(7)),
    sample(uniform(0.5, 1.5, 3, 4), axis=0),
    sample(normal(3, 4), axis=1, include_initial=True),
    sample(given([2.0, 0.0, 3.0, 0.0, 4.0])),
    sample(normal(0, 3), axis=0),
    sample(complex_normal(5)),
    sample(integers(1, 4, 5), grad=False),
    error(ShapeError, "name the one", normal(3, 4)),
    _AXIS,
    bound=forward_error(_terms, 16),
    kernels=("recurrence",),
    reference=texts.NAMED["cumulative_prod"],
)
