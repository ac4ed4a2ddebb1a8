"""Exponentials and logarithms, hyperbolic functions and their inverses, the error function, in primitives of expansions.py.

erfc(x) is exp(-x^2) times a quotient of polynomials with positive coefficients (Cody, 1969, Mathematics of Computation 23),
written as P / (sqrt(pi) x P + R): for large x, the errors of P above and below cancel.
"""

from __future__ import annotations

import math

from .expression import Expression, apply, cast, where
from .steps import at_least, at_most, double, equal, fma, pick, poly, signed, size

LN2 = {4: (0.693359375, -2.12194440e-4), 8: (0.6931471803691238, 1.9082149292705877e-10)}
"""log(2) in two parts, of which the first has so few digits that its whole multiples are exact."""


def reduced(x: Expression, bits: int = 0) -> tuple[Expression, Expression]:
    """x = n log(2) + r with a whole n and a small r: n and expm1(r)."""
    high, low = LN2[x.itemsize]
    n = apply("rint", x * (1 / math.log(2)))
    r = fma(n, -low, fma(n, -high, x))
    return n, fma(poly("EXPM1_TAIL", r, bits), r * r, r)


def exp(x: Expression, bits: int = 0) -> Expression:
    """e to the power x; bits: the precision that is wanted, by default that of x."""
    lowest, highest, smallest = (-104.5, 89.0, -125) if x.itemsize == 4 else (-746.0, 710.0, -1021)
    n, p = reduced(at_most(at_least(x, lowest), highest), bits)
    small = n < smallest  # the result may be subnormal: scaled in two steps
    y = (p + p + 2) * apply("pow2", n - pick(small, 1 - 64, 1, x)) * pick(small, 2.0**-64, 1.0, x)
    return where(equal(x, x), y, x)


def expm1(x: Expression, bits: int = 0) -> Expression:
    lowest, highest = (-20.0, 89.0) if x.itemsize == 4 else (-40.0, 710.0)
    n, p = reduced(at_most(at_least(x, lowest), highest), bits)
    half = apply("pow2", n - 1)  # 2 ** n may be infinite where the result is not
    y = fma(half, p, half - 0.5)
    y = where(equal(n, 0), p, y + y)
    return where(equal(x, x), where(equal(x, 0), x, y), x)


def split(x: Expression) -> tuple[Expression, Expression]:
    """A positive normal x as m times 2 ** n, m between sqrt(1/2) and sqrt(2): n and m."""
    n, m = apply("exponent", x), apply("mantissa", x)
    large = m > math.sqrt(2)
    return where(large, n + 1, n), where(large, m * 0.5, m)


def log_of_mantissa(m: Expression, bits: int) -> tuple[Expression, Expression]:
    """log of m near 1, as two terms of which the second is subtracted: the first is exact."""
    f = m - 1
    s = f / (m + 1)
    z = s * s
    # log(1 + f) = f - s (f - 2 z R): 2 s is f - s f, and this keeps the rounding of s away from the leading term
    return f, s * (f - 2 * (z * poly("ATANH_TAIL", z, bits)))


def lifted(x: Expression) -> tuple[Expression, Expression, float]:
    """Subnormal numbers as normal ones: x times a power of 2 where it is too small, where that is, and the power."""
    tiny, lift = (2.0**-126, 24.0) if x.itemsize == 4 else (2.0**-1022, 54.0)
    small = x < tiny
    return where(small, x * 2.0**lift, x), small, lift


def poles(x: Expression, y: Expression) -> Expression:
    """A logarithm y of x with its values at 0, at Inf, at NaN, and for negative numbers."""
    y = where(x > 0, y, pick(equal(x, 0), -math.inf, math.nan, x))
    return where(x < math.inf, y, x + x)


def log(x: Expression, bits: int = 0) -> Expression:
    """The natural logarithm; bits: the precision that is wanted, by default that of x."""
    high, low = LN2[x.itemsize]
    normal, small, lift = lifted(x)
    n, m = split(normal)
    f, g = log_of_mantissa(m, bits)
    return poles(x, fma(n, high, f - (g - n * low)) - pick(small, lift * math.log(2), 0.0, x))


def log_to_base(x: Expression, base: int) -> Expression:
    """The logarithm to base 2 or 10, exact at powers of 2 where the base is 2."""
    normal, small, lift = lifted(x)
    n, m = split(normal)
    n = n - pick(small, lift, 0.0, x)
    f, g = log_of_mantissa(m, 8 * x.itemsize)
    y = f - g
    rest = (f - y) - g  # what rounding took
    high, low = SCALES[base, x.itemsize]
    v = y * high
    correction = fma(y, high, -v) + (y * low + rest * high)
    if base == 2:
        return poles(x, n + (v + correction))
    first, second = LOG10_2[x.itemsize]
    return poles(x, fma(n, first, v + fma(n, second, correction)))


SCALES = {
    (2, 4): (1.4426950216293335, 1.9259629911266175e-08), (2, 8): (1.4426950408889634, 2.0355273740931033e-17),
    (10, 4): (0.4342944920063019, -1.0103050052231683e-08), (10, 8): (0.4342944819032518, 1.098319650216765e-17),
}  # fmt: skip
"""1 / log(base) in two parts."""

LOG10_2 = {4: (0.301025390625, 4.6050389811980175e-06), 8: (0.3010299956636118, 3.694239077158931e-13)}
"""log10(2) in two parts, of which the first has so few digits that its whole multiples are exact."""


def log1p(x: Expression, bits: int = 0) -> Expression:
    u = x + 1
    y = log(u, bits) + where((u > 0) & (u < math.inf), (x - (u - 1)) / u, 0.0)
    return where(equal(x, 0), x, y)


def tanh(x: Expression) -> Expression:
    t = expm1(apply("abs", x) * 2)
    y = where(t < 1e18, t / (t + 2), 1.0)
    return apply("copysign", where(equal(x, x), y, x), x)


def erf(x: Expression) -> Expression:
    a = apply("abs", x)
    near = x * poly("ERF_SMALL", x * x)
    n, p = reduced(poly("ERFC_LOG", at_most(a, 4.0 if x.itemsize == 4 else 6.0)))  # at least -38: exp needs no care at its ends
    far = fma(apply("pow2", n), -p, 1 - apply("pow2", n))
    y = where(a < 0.9, near, apply("copysign", far, x))
    return where(equal(x, x), y, x)


def erfc(x: Expression) -> Expression:
    top, shift = (10.2, 64) if x.itemsize == 4 else (27.5, 600)
    a = apply("abs", x)
    a = where(a > top, top, a)  # NaN stays
    # exp(-a^2) = 2^n e^r; all but the last product is made smaller, so that one may be subnormal and nothing is rounded twice
    n = apply("rint", a * a * (-1 / math.log(2)))
    high, low = LN2[x.itemsize]
    r = fma(n, -low, fma(-a, a, n * -high))
    less = 2.0**-shift
    power = fma(poly("EXPM1_FIRST", r, scale=less), r, less)
    over = poly("ERFCX_OVER", a)
    tail = power * (over / fma(a * math.sqrt(math.pi), over, poly("ERFCX_REST", a))) * apply("pow2", n + float(shift))
    return where(x < 0, 2 - tail, tail)


def logaddexp(a: Expression, b: Expression) -> Expression:
    high, low = apply("max", a, b), apply("min", a, b)
    d = where(equal(high, low), 0.0, low - high)  # of two infinities, too
    return high + log1p(exp(d))


def sinh(x: Expression) -> Expression:
    a = size(double(x))
    if x.itemsize == 4:
        t = expm1(at_most(a, 100.0), 32)
        return where(equal(x, x), signed(cast((t + t / (t + 1)) * 0.5, x.dtype), x), x)
    t = expm1(at_most(a, 3.0))
    y = where(a < 2, (t + t / (t + 1)) * 0.5, _halves(a, -1))
    return where(equal(x, x), signed(y, x), x)


def cosh(x: Expression) -> Expression:
    a = size(double(x))
    if x.itemsize == 8:
        return where(equal(x, x), _halves(a, 1), x)
    e = exp(a, 32)
    return cast((e + 1 / e) * 0.5, x.dtype)


def _halves(a: Expression, sign: int) -> Expression:
    """(exp(a) + sign exp(-a)) / 2 of a float64 a >= 0, also where exp(a) is infinite."""
    n, p = reduced(at_most(a, 711.0))
    half = (apply("pow2", n - 2) * (p + 1)) * 2
    return half + sign * (0.25 / half)


def asinh(x: Expression) -> Expression:
    a = size(double(x))
    large = a > 1e150  # its square is infinite; a float32 has none so large
    b = a if x.itemsize == 4 else where(large, 1.0, a)
    y = log1p(b + b * b / (apply("sqrt", b * b + 1) + 1), 8 * x.itemsize)
    if x.itemsize == 4:
        return signed(cast(where(a < math.inf, y, a), x.dtype), x)
    return signed(where(large, log(a) + math.log(2), where(equal(a, a), y, a)), x)


def acosh(x: Expression) -> Expression:
    d = double(x)
    large = d > 1e150
    t = (d if x.itemsize == 4 else where(large, 2.0, d)) - 1
    y = log1p(t + apply("sqrt", t * t + 2 * t), 8 * x.itemsize)
    if x.itemsize == 8:
        y = where(large, log(d) + math.log(2), y)
    return cast(where(d >= 1, y, math.nan), x.dtype)


def atanh(x: Expression) -> Expression:
    a = size(double(x))
    t = a + a
    y = log1p(where(a < 0.5, t + t * a / (1 - a), t / (1 - a)), 8 * x.itemsize) * 0.5
    return signed(cast(where(a <= 1, y, math.nan), x.dtype), x)
