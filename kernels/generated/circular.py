"""Circular functions and their inverses, in primitives of expansions.py."""

from __future__ import annotations

import math
from functools import reduce

from .expression import Expression, apply, cast, node, where
from .steps import double, equal, fma, negative, pick, poly, signed, size

PI2 = (1.5707963267341256, 6.077100506303966e-11, 2.0222662487959506e-21)
"""pi / 2 in three parts."""

HALF_PI, HALF_PI_REST = 1.5707963267948966, 6.123233995736766e-17

EIGHTH = math.tan(math.pi / 8)


def reduced(x: Expression) -> tuple[Expression, Expression, Expression]:
    """x = n pi / 2 + r with a whole n and a small r, both float64, and where that is precise."""
    d = double(x)
    n = apply("rint", d * (2 / math.pi))
    return n, reduce(lambda r, part: fma(n, -part, r), PI2, d), size(x) < (1e7 if x.itemsize == 4 else 1e5)


def waves(r: Expression, bits: int) -> tuple[Expression, Expression]:
    """sin and cos of a small r."""
    z = r * r
    half = 0.5 * z
    most = 1 - half
    c = most + fma(z * z, poly("COS_TAIL", z, bits), (1 - most) - half)
    return fma(z * r, poly("SIN_TAIL", z, bits), r), c


def circular(x: Expression, shift: int) -> Expression:
    """sin (shift 0) or cos (1), of a float32 by way of float64; the C library takes the lanes that are far off."""
    n, r, fine = reduced(x)
    n = n + shift if shift else n
    if x.itemsize == 4:
        r, n = cast(r, "float32"), cast(n, "float32")
    s, c = waves(r, 8 * x.itemsize)
    quarter = n - 4 * apply("floor", n * 0.25)
    y = where(equal(quarter, 1) | equal(quarter, 3), c, s)
    y = where(quarter >= 2, -y, y)
    if not shift:
        y = where(equal(x, 0), x, y)  # -0.0 stays what it is
    return node("guarded", (y, fine, x), x.dtype, "cos" if shift else "sin")


def tan(x: Expression) -> Expression:
    n, r, fine = reduced(x)
    s, c = waves(r, 8 * x.itemsize)
    odd = apply("ne", n, 2 * apply("floor", n * 0.5))
    y = where(odd, -c, s) / where(odd, s, c)
    return node("guarded", (where(equal(x, 0), x, cast(y, x.dtype)), fine, x), x.dtype, "tan")


def _arcsine(a: Expression, bits: int) -> Expression:
    """asin(a) of 0 <= a <= 1/2; of a larger one, asin(sqrt((1 - a) / 2)), which is (pi / 2 - asin(a)) / 2."""
    near = a <= 0.5
    z = where(near, a * a, (1 - a) * 0.5)
    base = where(near, a, apply("sqrt", z))
    return fma(base * z, poly("ASIN_TAIL", z, bits), base)


def asin(x: Expression) -> Expression:
    a = size(double(x))
    t = _arcsine(a, 8 * x.itemsize)
    return signed(cast(where(a <= 0.5, t, HALF_PI - (2 * t - HALF_PI_REST)), x.dtype), x)


def acos(x: Expression) -> Expression:
    d = double(x)
    t = _arcsine(size(d), 8 * x.itemsize)
    middle = HALF_PI - (signed(t, d) - HALF_PI_REST)
    far = where(d < 0, 2 * HALF_PI - 2 * (t - HALF_PI_REST), 2 * t)
    return cast(where(size(d) <= 0.5, middle, far), x.dtype)


def _arctangent(low: Expression, high: Expression, bits: int) -> Expression:
    """atan(low / high) of 0 <= low <= high."""
    large = low > EIGHTH * high
    r = where(large, low - high, low) / where(large, low + high, high)
    z = r * r
    t = fma(r * z, poly("ATAN_TAIL", z, bits), r)
    return where(large, HALF_PI / 2 + (t + HALF_PI_REST / 2), t)


def atan(x: Expression) -> Expression:
    a = size(double(x))
    large = a > 1
    t = _arctangent(where(large, 1.0, a), where(large, at_most_max(a), 1.0), 8 * x.itemsize)
    return signed(cast(where(large, HALF_PI - (t - HALF_PI_REST), t), x.dtype), x)


def at_most_max(a: Expression) -> Expression:
    """An infinite number as a large one, so that low + high is no NaN."""
    return where(a < 1e300, a, where(equal(a, a), 1e300, a))


def atan2(y: Expression, x: Expression) -> Expression:
    a, b = size(double(y)), size(double(x))
    high, low = apply("max", a, b), apply("min", a, b)
    if x.itemsize == 8:  # so that low + high is finite, and no digit of subnormal numbers is lost
        scale = where(high > 2.0**1000, 2.0**-60, pick(high < 2.0**-900, 2.0**100, 1.0, high))
        high, low = high * scale, low * scale
    nothing, endless = equal(high, 0), equal(low, math.inf)
    high = where(nothing, 1.0, where(endless, 1.0, high))
    t = _arctangent(where(endless, 1.0, low), high, 8 * x.itemsize)
    t = where(a > b, HALF_PI - (t - HALF_PI_REST), t)
    t = where(negative(x), 2 * HALF_PI - (t - 2 * HALF_PI_REST), t)
    return signed(cast(t, x.dtype), y)
