"""Rows of the elementwise ops."""

from __future__ import annotations

from ...errors import DTypeError, ShapeError
from ...ops import elementwise as ops
from ..arguments import Arg, booleans, complex_normal, given, integers, normal, off_zero, positive, uniform
from ..bounds import exact, forward_error, ulp
from ..references import elementwise as texts
from ..table import case, error, sample

_BINARY = (
    sample(normal(3, 5), normal(3, 5)),
    sample(normal(7), normal(13, 1)),
    sample(normal(), 2.5),
    sample(normal(0, 3), normal(3)),
)
_COMPLEX = (
    sample(complex_normal(3, 4), complex_normal(4)),
    sample(complex_normal(3), normal(3)),
    sample(complex_normal(3), 2 - 1j),
)


def _complex_from(low: float) -> Arg:
    """Complex values off the branch cuts, real parts from low to 0.8."""
    return Arg(lambda r: r.uniform(low, 0.8, 4) + 1j * r.uniform(0.2, 0.8, 4))


_SHAPES = error(ShapeError, "x1 (2,)", normal(2), normal(3))
_FOREIGN = error(DTypeError, "expected a tensor", normal(2), "a")
_TIES = sample(given([1.0, 2.0, 3.0, 0.0]), given([1.0, 3.0, 2.0, 0.0]), grad=False)

case(
    ops.add,
    *_BINARY,
    *_COMPLEX,
    sample(integers(-5, 5, 4), normal(4)),
    _SHAPES,
    _FOREIGN,
    bound=ulp(0.5),
    reference=texts.BINARY["add"],
)
case(ops.subtract, *_BINARY, *_COMPLEX, sample(2.0, normal(4)), _SHAPES, bound=ulp(0.5), reference=texts.BINARY["subtract"])
case(
    ops.multiply,
    *_BINARY,
    *_COMPLEX,
    sample(integers(-5, 5, 4), 0.5, grad=False),
    _SHAPES,
    bound=ulp(4),
    reference=texts.BINARY["multiply"],
)
case(
    ops.divide,
    sample(normal(3, 5), off_zero(3, 5)),
    sample(2.0, off_zero(4)),
    sample(normal(0), off_zero(3, 1)),
    sample(complex_normal(3), complex_normal(3)),
    sample(complex_normal(3), off_zero(3)),
    sample(integers(1, 5, 4), integers(1, 5, 4), grad=False),
    _SHAPES,
    bound=ulp(4),
    reference=texts.BINARY["divide"],
)
case(
    ops.floor_divide,
    sample(normal(3, 5), off_zero(3, 5)),
    sample(integers(-9, 9, 4), 3, grad=False),
    _SHAPES,
    bound=exact,
    reference=texts.BINARY["floor_divide"],
)
case(
    ops.remainder,
    sample(normal(3, 5), off_zero(3, 5)),
    sample(normal(5), 0.75),
    sample(integers(-9, 9, 4), 4, grad=False),
    bound=ulp(4),
    reference=texts.BINARY["remainder"],
)
case(
    ops.fmod,
    sample(normal(3, 5), off_zero(3, 5)),
    sample(normal(5), 0.75),
    sample(integers(-9, 9, 4), 4, grad=False),
    bound=ulp(4),
    reference=texts.BINARY["fmod"],
)
case(
    ops.pow,
    sample(positive(3, 5), normal(5)),
    sample(normal(3, 5), 2),
    sample(normal(3, 5), 3.0),
    sample(normal(4), 1),
    sample(normal(4), 0),
    sample(positive(4), -1.5),
    sample(2.5, normal(4)),
    sample(given([0.0, 1.5]), 2),
    sample(given([0.0, 0.0, -2.0]), given([2.0, 3.0, 3.0]).without_grad()),
    sample(complex_normal(4), complex_normal(4)),
    sample(complex_normal(4), 3),
    sample(1 + 2j, complex_normal(4)),
    _SHAPES,
    bound=ulp(16),
    reference=texts.BINARY["pow"],
)

for _op, _arg in (
    (ops.negative, normal(3, 5)),
    (ops.positive, normal(3, 5)),
    (ops.abs, off_zero(3, 5)),
    (ops.square, normal(3, 5)),
    (ops.sqrt, positive(3, 5)),
    (ops.reciprocal, off_zero(3, 5)),
    (ops.exp, normal(3, 5)),
    (ops.expm1, normal(3, 5)),
    (ops.log, positive(3, 5)),
    (ops.log1p, positive(3, 5)),
    (ops.log2, positive(3, 5)),
    (ops.log10, positive(3, 5)),
    (ops.sin, normal(3, 5)),
    (ops.cos, normal(3, 5)),
    (ops.tan, uniform(-1.2, 1.2, 3, 5)),
    (ops.asin, uniform(-0.8, 0.8, 3, 5)),
    (ops.acos, uniform(-0.8, 0.8, 3, 5)),
    (ops.atan, normal(3, 5)),
    (ops.sinh, normal(3, 5)),
    (ops.cosh, normal(3, 5)),
    (ops.tanh, normal(3, 5)),
    (ops.asinh, normal(3, 5)),
    (ops.atanh, uniform(-0.8, 0.8, 3, 5)),
):
    _low = 0.2 if _op in (ops.log, ops.log1p, ops.log2, ops.log10, ops.sqrt) else -0.8
    case(
        _op,
        sample(_arg),
        sample(uniform(0.2, 0.7)),
        sample(uniform(0.2, 0.7, 0, 3)),
        sample(_complex_from(_low)),
        error(DTypeError, "expected a tensor", "a"),
        bound=ulp(8),
        kernels=("tanh_grad",) if _op is ops.tanh else (),
        reference=texts.UNARY[_op.__name__],
    )
case(
    ops.acosh,
    sample(uniform(1.5, 4.0, 3, 5)),
    sample(uniform(1.5, 4.0)),
    sample(complex_normal(4)),
    bound=ulp(8),
    reference=texts.UNARY["acosh"],
)
case(ops.conj, sample(normal(3, 2)), sample(complex_normal(3, 2)), bound=exact, reference=texts.UNARY["conj"])
case(ops.real, sample(normal(3, 2)), sample(complex_normal(3, 2)), bound=exact, reference=texts.UNARY["real"])
case(ops.imag, sample(complex_normal(3, 2)), sample(normal(3), grad=False), bound=exact, reference=texts.UNARY["imag"])
case(
    ops.sign,
    sample(off_zero(3, 5)),
    sample(complex_normal(4)),
    sample(given([0.0, -0.0, 2.0]), grad=False),
    bound=ulp(8),
    reference=texts.UNARY["sign"],
)
for _op in (ops.floor, ops.ceil, ops.trunc, ops.round):
    case(
        _op,
        sample(uniform(0.1, 0.4, 3, 5)),
        sample(given([-1.5, -0.5, 0.5, 1.5, 2.5]), grad=False),
        sample(integers(-3, 3, 4), grad=False),
        bound=exact,
        reference=texts.UNARY[_op.__name__],
    )

case(
    ops.logaddexp,
    *_BINARY,
    sample(given([-800.0, 800.0]), given([-800.0, 2.0])),
    _SHAPES,
    bound=forward_error(),
    reference=texts.BINARY["logaddexp"],
)
case(ops.hypot, *_BINARY, sample(given([0.0]), given([0.0]), grad=False), _SHAPES, bound=ulp(8), reference=texts.BINARY["hypot"])
case(ops.atan2, *_BINARY, sample(given([0.0]), given([0.0]), grad=False), _SHAPES, bound=ulp(8), reference=texts.BINARY["atan2"])
case(
    ops.copysign,
    sample(off_zero(3, 5), off_zero(5)),
    sample(off_zero(4), -1.0),
    _SHAPES,
    bound=exact,
    reference=texts.BINARY["copysign"],
)
case(
    ops.nextafter,
    sample(normal(3, 5), normal(5)),
    bound=ulp(4),
    differentiable=False,
    dtypes=("float64",),
    reference=texts.BINARY["nextafter"],
)
case(ops.maximum, *_BINARY, _TIES, sample(normal(4), 0.0), _SHAPES, bound=exact, reference=texts.BINARY["maximum"])
case(ops.minimum, *_BINARY, _TIES, sample(normal(4), 0.0), _SHAPES, bound=exact, reference=texts.BINARY["minimum"])
case(
    ops.clip,
    sample(normal(3, 5), -0.5, 0.5),
    sample(normal(3, 5), None, 0.5),
    sample(normal(3, 5), uniform(-1.0, -0.2, 5), uniform(0.2, 1.0, 3, 1)),
    sample(normal(4)),
    sample(given([-2.0, 0.0, 2.5]), given([1.0, 1.0, 1.0]), given([0.9, 2.0, 3.0]), label="bounds that cross"),
    sample(given([-1.0, 0.0, 1.0]), -1.0, 1.0, grad=False),
    sample(integers(-9, 9, 5), -2, 3, grad=False),
    error(ShapeError, "min (2,)", normal(3), normal(2)),
    bound=exact,
    reference=texts.clip,
)
case(
    ops.where,
    sample(booleans(3, 5), normal(3, 5), normal(5)),
    sample(booleans(3, 1), normal(5), 0.5),
    sample(booleans(4), complex_normal(4), normal(4)),
    sample(booleans(4), 1.0, 0.0, grad=False),
    sample(booleans(0, 3), normal(3), normal(0, 3)),
    error(ShapeError, "x1 (2,)", booleans(3), normal(2), normal(3)),
    bound=exact,
    reference=texts.where,
)
