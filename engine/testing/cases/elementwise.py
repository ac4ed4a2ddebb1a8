"""Rows of the elementwise ops."""

from __future__ import annotations

from ...ops import elementwise as ops
from ..table import case, complex_normal, normal, off_zero, positive, sample, ulp

_BINARY = (sample(normal(3, 5), normal(3, 5)), sample(normal(7), normal(13, 1)), sample(normal(), 2.5), sample(normal(0, 3), normal(3)))

case(ops.add, *_BINARY, sample(complex_normal(3), complex_normal(3)), bound=ulp(0.5))
case(ops.subtract, *_BINARY, sample(complex_normal(3), complex_normal(3)), bound=ulp(0.5))
case(ops.multiply, *_BINARY, bound=ulp(0.5))
case(ops.divide, sample(normal(3, 5), off_zero(3, 5)), sample(2.0, off_zero(4)), bound=ulp(0.5))
case(ops.negative, sample(normal(3, 5)), bound=ulp(0.5))
case(ops.exp, sample(normal(3, 5)), sample(normal()), bound=ulp(4))
case(ops.log, sample(positive(3, 5)), bound=ulp(4))
case(ops.tanh, sample(normal(3, 5)), bound=ulp(4))
