"""Rows of comparisons, predicates, logic and bits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...errors import DTypeError, ShapeError
from ...ops import bits
from ...ops import logic as ops
from ..arguments import booleans, complex_normal, given, integers, normal
from ..bounds import exact
from ..references import logic as reference
from ..table import case, error, sample

_SHAPES = error(ShapeError, "x1 (2,)", normal(2), normal(3))
_PAIRS = (
    sample(normal(3, 5), normal(5)),
    sample(given([1.0, 2.0, 3.0]), given([1.0, 3.0, 2.0])),
    sample(normal(0, 2), normal(2)),
    sample(integers(0, 3, 4), 1),
    sample(given([np.nan, 1.0]), given([np.nan, np.inf])),
)

_op: Callable[..., Any]
for _op in (ops.less, ops.less_equal, ops.greater, ops.greater_equal):
    case(_op, *_PAIRS, _SHAPES, bound=exact, differentiable=False, reference=getattr(reference, _op.__name__))
for _op in (ops.equal, ops.not_equal):
    case(
        _op,
        *_PAIRS,
        sample(complex_normal(3), complex_normal(3)),
        sample(given([1 + 2j, 1 + 2j, 3 + 2j], dtype="complex128"), given([1 + 2j, 1 - 2j, 1 + 2j], dtype="complex128")),
        _SHAPES,
        bound=exact,
        differentiable=False,
        reference=getattr(reference, _op.__name__),
    )
for _op in (ops.isnan, ops.isinf, ops.isfinite):
    case(
        _op,
        sample(given([np.nan, np.inf, -np.inf, 0.0])),
        sample(normal()),
        sample(complex_normal(3)),
        sample(given([complex(np.nan, 1), complex(0, np.inf), complex(1, 2)], dtype="complex128")),
        bound=exact,
        differentiable=False,
        reference=getattr(reference, _op.__name__),
    )
case(ops.signbit, sample(given([0.0, -0.0, 1.0, -2.0])), bound=exact, differentiable=False, reference=reference.signbit)
for _op in (ops.logical_and, ops.logical_or, ops.logical_xor):
    case(
        _op,
        sample(booleans(3, 5), booleans(5)),
        sample(booleans(4), True),
        sample(given([True, True, False, False], dtype="bool"), given([True, False, True, False], dtype="bool")),
        bound=exact,
        differentiable=False,
        reference=getattr(reference, _op.__name__),
    )
case(
    ops.logical_not,
    sample(booleans(3, 5)),
    sample(booleans()),
    bound=exact,
    differentiable=False,
    reference=reference.logical_not,
)
for _op in (bits.bitwise_and, bits.bitwise_or, bits.bitwise_xor):
    case(
        _op,
        sample(integers(-9, 9, 3, 5), integers(-9, 9, 5)),
        sample(booleans(4), booleans(4)),
        sample(integers(0, 9, 4), 3),
        error(DTypeError, _op.__name__, normal(3), normal(3)),
        bound=exact,
        differentiable=False,
        reference=getattr(reference, _op.__name__),
    )
case(
    bits.bitwise_invert,
    sample(integers(-9, 9, 3, 5)),
    sample(booleans(4)),
    bound=exact,
    differentiable=False,
    reference=reference.bitwise_invert,
)
for _op in (bits.bitwise_left_shift, bits.bitwise_right_shift):
    case(
        _op,
        sample(integers(0, 9, 3, 5), integers(0, 4, 5)),
        sample(integers(0, 9, 4), 2),
        sample(integers(-99, 99, 7), integers(0, 4, 7)),
        bound=exact,
        differentiable=False,
        reference=getattr(reference, _op.__name__),
    )
