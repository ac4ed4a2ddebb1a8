"""Elementwise arithmetic and functions with broadcasting. Signatures and promotion follow the array API standard.

Integers meeting floats take their dtype; functions with real values send integers to the default floating dtype.
Subgradients: |x|'(0) = 0, maximum and minimum split ties evenly, clip passes the gradient at its bounds.
"""

from __future__ import annotations

import builtins
import cmath
import math
from typing import Any

from ..autograd.op import op
from ..autograd.promotion import default_complex_dtype, get_default_dtype, is_complex, promote
from .half import is_half

__all__ = [
    "abs", "acos", "acosh", "add", "asin", "asinh", "atan", "atan2", "atanh", "ceil", "clip", "conj", "copysign", "cos",
    "cosh", "divide", "exp", "expm1", "floor", "floor_divide", "hypot", "imag", "log", "log10", "log1p", "log2", "logaddexp",
    "maximum", "minimum", "multiply", "negative", "nextafter", "positive", "pow", "real", "reciprocal", "remainder", "round",
    "sign", "sin", "sinh", "sqrt", "square", "subtract", "tan", "tanh", "trunc", "where",
]  # fmt: skip


def cc(xp: Any, x: Any) -> Any:
    """The complex conjugate; a real value as it is (PyTorch's convention: pullbacks multiply by conjugates)."""
    if not hasattr(x, "dtype"):
        return x.conjugate()
    return xp.conj(x) if is_complex(x) else x


# ---------------------------------------------------------------------- arithmetic
@op(needs="", promotes="join", complex=True)
def add(xp, x1, x2, /):
    """x1 + x2."""
    return xp.add(x1, x2), (lambda gy: gy, lambda gy: gy)


@op(needs="", promotes="join", complex=True)
def subtract(xp, x1, x2, /):
    """x1 - x2."""
    return xp.subtract(x1, x2), (lambda gy: gy, lambda gy: -gy)


@op(needs=("x2", "x1"), promotes="join", complex=True)
def multiply(xp, x1, x2, /):
    """x1 x2."""
    return xp.multiply(x1, x2), (lambda gy: gy * cc(xp, x2), lambda gy: gy * cc(xp, x1))


@op(needs=("x2", "x2 y"), promotes="float", complex=True)
def divide(xp, x1, x2, /):
    """x1 / x2; integers become the default floating dtype."""
    y = xp.divide(x1, x2)
    return y, (lambda gy: gy / cc(xp, x2), lambda gy: -gy * cc(xp, y) / cc(xp, x2))


@op(needs="", promotes="join")
def floor_divide(xp, x1, x2, /):
    """The largest integer not above x1 / x2. Its derivative is zero.

    Floats divided by 0 give Inf or NaN. Integers raise DivisionByZero, a ZeroDivisionError, on the CPU; a GPU, which nobody
    waits for, gives 0.
    """
    return xp.floor_divide(x1, x2), (lambda gy: None, lambda gy: None)


@op(needs=("", "x1 x2"), promotes="join")
def remainder(xp, x1, x2, /):
    """x1 - floor(x1 / x2) x2; the sign is that of x2. Division by 0: see floor_divide."""
    return xp.remainder(x1, x2), (lambda gy: gy, lambda gy: -gy * xp.floor_divide(x1, x2))


@op(needs=("x1 x2", "x1 y"), promotes="join", complex=True)
def pow(xp, x1, x2, /):
    """x1 to the power x2. 0 to the power 0 is 1, and its derivatives are taken as 0."""
    y = xp.pow(x1, x2)

    def base(gy):
        if hasattr(x2, "dtype"):
            nothing = (x2 == 0) & (x1 * x1 == 0)  # 0 times 0^-1 would be NaN
            return gy * cc(xp, x2 * xp.pow(x1, xp.where(nothing, 1, x2) - 1))
        if x2 == 0:
            return None
        if x2 == 2:
            return 2 * (gy * cc(xp, x1))
        return gy * cc(xp, x2 * xp.pow(x1, x2 - 1))

    def exponent(gy):
        if hasattr(x1, "dtype"):
            zero = x1 == 0
            return gy * cc(xp, xp.where(zero, 0, y) * xp.log(xp.where(zero, 1, x1)))
        if x1 == 0:
            return None
        if isinstance(x1, complex):
            return gy * cc(xp, y * cmath.log(x1))
        return gy * cc(xp, y * (math.log(x1) if x1 > 0 else math.nan))

    return y, (base, exponent)


@op(needs="", complex=True)
def negative(xp, x, /):
    """-x."""
    return xp.negative(x), lambda gy: -gy


@op(needs="", complex=True)
def positive(xp, x, /):
    """+x, a copy."""
    return xp.positive(x), lambda gy: gy


@op(needs="x", complex=True)
def abs(xp, x, /):
    """|x|, real also for complex x; its derivative at 0 is taken as 0."""
    return xp.abs(x), lambda gy: gy * xp.sign(x)


@op(needs="x y", complex=True)
def sign(xp, x, /):
    """-1, 0 or 1; x / |x| for complex x."""
    y = xp.sign(x)

    def pull(gy):
        if not is_complex(x):
            return None
        size = xp.abs(x)
        g = gy / xp.where(size == 0, 1, size)
        return xp.where(size == 0, 0, g - xp.real(g * xp.conj(y)) * y)  # chosen, not only guarded: as are all derivatives

    return y, pull


@op(needs="x", complex=True)
def square(xp, x, /):
    """x x."""
    return xp.square(x), lambda gy: 2 * (gy * cc(xp, x))


@op(needs="y", promotes="float", complex=True)
def sqrt(xp, x, /):
    """The square root of x."""
    y = xp.sqrt(x)
    return y, lambda gy: gy / (2 * cc(xp, y))


@op(needs="y", promotes="float", complex=True)
def reciprocal(xp, x, /):
    """1 / x."""
    y = xp.reciprocal(x)
    return y, lambda gy: -gy * cc(xp, y * y)


# ---------------------------------------------------------------------- rounding: piecewise constant, derivative zero
@op(needs="", complex=True)
def floor(xp, x, /):
    """The largest integer not above x."""
    return xp.floor(x), lambda gy: None


@op(needs="", complex=True)
def ceil(xp, x, /):
    """The smallest integer not below x."""
    return xp.ceil(x), lambda gy: None


@op(needs="", complex=True)
def trunc(xp, x, /):
    """The integer next to x towards zero."""
    return xp.trunc(x), lambda gy: None


@op(needs="", complex=True)
def round(xp, x, /):
    """The nearest integer, ties to even."""
    return xp.round(x), lambda gy: None


# ---------------------------------------------------------------------- exponentials and logarithms
@op(needs="y", promotes="float", complex=True)
def exp(xp, x, /):
    """The exponential of x."""
    y = xp.exp(x)
    return y, lambda gy: gy * cc(xp, y)


@op(needs="y", promotes="float", complex=True)
def expm1(xp, x, /):
    """exp(x) - 1, accurate near 0."""
    y = xp.expm1(x)
    return y, lambda gy: gy * cc(xp, y + 1)


@op(needs="x", promotes="float", complex=True)
def log(xp, x, /):
    """The natural logarithm of x."""
    return xp.log(x), lambda gy: gy / cc(xp, x)


@op(needs="x", promotes="float", complex=True)
def log1p(xp, x, /):
    """log(1 + x), accurate near 0."""
    return xp.log1p(x), lambda gy: gy / cc(xp, x + 1)


@op(needs="x", promotes="float", complex=True)
def log2(xp, x, /):
    """The logarithm to base 2."""
    return xp.log2(x), lambda gy: gy / (cc(xp, x) * math.log(2))


@op(needs="x", promotes="float", complex=True)
def log10(xp, x, /):
    """The logarithm to base 10."""
    return xp.log10(x), lambda gy: gy / (cc(xp, x) * math.log(10))


def logistic(xp: Any, x: Any) -> Any:
    """1 / (1 + exp(-x)); exp never overflows, and small results keep all their digits."""
    e = xp.exp(xp.minimum(x, 0))
    return e / (e + xp.exp(-xp.maximum(x, 0)))


@op(needs="x1 x2", promotes="float")
def logaddexp(xp, x1, x2, /):
    """log(exp(x1) + exp(x2)) without overflow."""

    def share(a, b):
        d = a - b
        return logistic(xp, xp.where((d != d) & (x1 == x2), 0, d))  # Inf - Inf: equal shares

    return xp.logaddexp(x1, x2), (lambda gy: gy * share(x1, x2), lambda gy: gy * share(x2, x1))


# ---------------------------------------------------------------------- trigonometric and hyperbolic
@op(needs="x", promotes="float", complex=True)
def sin(xp, x, /):
    """The sine of x (radians)."""
    return xp.sin(x), lambda gy: gy * cc(xp, xp.cos(x))


@op(needs="x", promotes="float", complex=True)
def cos(xp, x, /):
    """The cosine of x (radians)."""
    return xp.cos(x), lambda gy: -gy * cc(xp, xp.sin(x))


@op(needs="y", promotes="float", complex=True)
def tan(xp, x, /):
    """The tangent of x (radians)."""
    y = xp.tan(x)
    return y, lambda gy: gy * cc(xp, y * y + 1)


@op(needs="x", promotes="float", complex=True)
def asin(xp, x, /):
    """The inverse sine."""
    return xp.asin(x), lambda gy: gy / cc(xp, xp.sqrt(1 - x * x))


@op(needs="x", promotes="float", complex=True)
def acos(xp, x, /):
    """The inverse cosine."""
    return xp.acos(x), lambda gy: -gy / cc(xp, xp.sqrt(1 - x * x))


@op(needs="x", promotes="float", complex=True)
def atan(xp, x, /):
    """The inverse tangent."""
    return xp.atan(x), lambda gy: gy / cc(xp, x * x + 1)


@op(needs=("x1 x2", "x1 x2"), promotes="float")
def atan2(xp, x1, x2, /):
    """The angle of the point (x2, x1); its derivatives at the origin are taken as 0."""

    def over_square(g, x):  # by the distance twice: its square could overflow, or be 0
        r = xp.hypot(x1, x2)
        none = r == 0
        safe = xp.where(none, 1, r)
        return xp.where(none, 0, g * (x / safe / safe))

    return xp.atan2(x1, x2), (lambda gy: over_square(gy, x2), lambda gy: over_square(-gy, x1))


@op(needs="x", promotes="float", complex=True)
def sinh(xp, x, /):
    """The hyperbolic sine."""
    return xp.sinh(x), lambda gy: gy * cc(xp, xp.cosh(x))


@op(needs="x", promotes="float", complex=True)
def cosh(xp, x, /):
    """The hyperbolic cosine."""
    return xp.cosh(x), lambda gy: gy * cc(xp, xp.sinh(x))


@op(needs="y", promotes="float", complex=True)
def tanh(xp, x, /):
    """The hyperbolic tangent of x."""
    y = xp.tanh(x)
    return y, lambda gy: xp.tanh_grad(gy, cc(xp, y))


@op(needs="x", promotes="float", complex=True)
def asinh(xp, x, /):
    """The inverse hyperbolic sine."""
    return xp.asinh(x), lambda gy: gy / cc(xp, xp.sqrt(x * x + 1))


@op(needs="x", promotes="float", complex=True)
def acosh(xp, x, /):
    """The inverse hyperbolic cosine."""
    return xp.acosh(x), lambda gy: gy / cc(xp, xp.sqrt(x - 1) * xp.sqrt(x + 1))


@op(needs="x", promotes="float", complex=True)
def atanh(xp, x, /):
    """The inverse hyperbolic tangent."""
    return xp.atanh(x), lambda gy: gy / cc(xp, 1 - x * x)


@op(needs=("x1 y", "x2 y"), promotes="float")
def hypot(xp, x1, x2, /):
    """sqrt(x1^2 + x2^2) without overflow; all its derivatives at the origin are taken as 0."""
    y = xp.hypot(x1, x2)

    def share(gy, x):
        none = y == 0
        return xp.where(none, 0, gy * (x / xp.where(none, 1, y)))

    return y, (lambda gy: share(gy, x1), lambda gy: share(gy, x2))


# ---------------------------------------------------------------------- parts, choice, bounds
@op(needs="", view=True, complex=True)
def real(xp, x, /):
    """The real part."""
    return xp.real(x) if is_complex(x) else x, lambda gy: gy


@op(needs="", view=True, complex=True)
def imag(xp, x, /):
    """The imaginary part."""
    if not is_complex(x):
        return xp.zeros_like(x), lambda gy: None
    return xp.imag(x), lambda gy: gy * 1j


@op(needs="", complex=True)
def conj(xp, x, /):
    """The complex conjugate; a copy of a real x."""
    return xp.conj(x) if is_complex(x) else xp.positive(x), lambda gy: xp.conj(gy) if is_complex(gy) else gy


@op(needs=("x1 x2", ""), promotes="float")
def copysign(xp, x1, x2, /):
    """|x1| with the sign of x2."""
    return xp.copysign(x1, x2), (
        lambda gy: gy * xp.sign(x1) * xp.copysign(xp.ones_like(x1), x2),
        lambda gy: None,
    )


@op(needs="", promotes="float")
def nextafter(xp, x1, x2, /):
    """The next representable value after x1 towards x2."""
    return xp.nextafter(x1, x2), None


@op(needs=("x1 x2", "x1 x2"), promotes="join")
def maximum(xp, x1, x2, /):
    """The larger of x1 and x2; NaN if either is. Equal values share the gradient evenly."""
    return xp.maximum(x1, x2), (
        lambda gy: xp.where(x1 == x2, gy / 2, xp.where(x1 < x2, 0, gy)),
        lambda gy: xp.where(x1 == x2, gy / 2, xp.where(x2 < x1, 0, gy)),
    )


@op(needs=("x1 x2", "x1 x2"), promotes="join")
def minimum(xp, x1, x2, /):
    """The smaller of x1 and x2; NaN if either is. Equal values share the gradient evenly."""
    return xp.minimum(x1, x2), (
        lambda gy: xp.where(x1 == x2, gy / 2, xp.where(x1 > x2, 0, gy)),
        lambda gy: xp.where(x1 == x2, gy / 2, xp.where(x2 > x1, 0, gy)),
    )


@op(needs=("x min max", "x min max", "x min max"), arrays=3)
def clip(xp, x, /, min=None, max=None):
    """x bounded below by min and above by max (numbers, tensors or None). Where they cross, max wins."""
    x, min, max = promote(xp, [x, min, max], "join")

    def inside(gy):
        if min is not None:
            gy = xp.where(x < min, 0, gy)
        return gy if max is None else xp.where(x > max, 0, gy)

    def below(gy):
        low = x < min
        return xp.where(low if max is None else low & (min < max), gy, 0)

    def above(gy):
        high = x > max
        return xp.where(high if min is None else high | (max < min), gy, 0)

    low = min  # the standard leaves bounds that cross undefined
    if min is not None and max is not None:
        low = xp.minimum(min, max) if hasattr(min, "dtype") or hasattr(max, "dtype") else builtins.min(min, max)
    if not is_half(x):
        return xp.clip(x, low, max), (inside, below, above)
    y = x if low is None else xp.maximum(x, low)  # the library's clip knows no bfloat16
    return y if max is None else xp.minimum(y, max), (inside, below, above)


def _held(xp: Any, number: Any, beside: Any) -> Any:
    """An integer beside an array of integers, in its dtype: NumPy's where would let one that is too large wrap around."""
    if type(number) is not int or not xp.isdtype(beside.dtype, "integral"):
        return number
    return xp.asarray(number, dtype=beside.dtype)


@op(needs=("", "condition", "condition"), complex=True)
def where(xp, condition, x1, x2, /):
    """x1 where condition is true, else x2."""
    if hasattr(x1, "dtype") or hasattr(x2, "dtype"):
        x1, x2 = promote(xp, [x1, x2], "join")
        if type(x1) is int or type(x2) is int:
            x1, x2 = _held(xp, x1, x2), _held(xp, x2, x1)
    elif isinstance(x1, (float, complex)) or isinstance(x2, (float, complex)):  # two numbers take the default dtype
        both = {type(x1), type(x2)}
        x1 = xp.asarray(x1, dtype=xp.dtype(default_complex_dtype() if complex in both else get_default_dtype()))
    return xp.where(condition, x1, x2), (
        lambda gy: None,
        lambda gy: xp.where(condition, gy, 0),
        lambda gy: xp.where(condition, 0, gy),
    )
