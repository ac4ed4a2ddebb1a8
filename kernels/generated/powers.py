"""Powers, hypot, and the remainders of divisions, in primitives of expansions.py."""

from __future__ import annotations

import math

from .exponentials import LN2, exp, lifted, log_of_mantissa, reduced, split
from .expression import Expression, apply, cast, constant, node, where
from .steps import at_least, at_most, double, equal, fma, negative, pick, poly, signed, size


def power(x: Expression, y: Expression) -> Expression:
    """x to the power y. Whole powers up to 4 are products, and in float32 up to 64, by way of float64."""
    if y.kind == "const" and x.kind != "const":
        n = float(y.value)
        if n == 0.5:
            return apply("sqrt", x)  # as NumPy has it, also of -Inf
        if math.isfinite(n) and n == int(n) and (-1 <= n <= 4 or (x.itemsize == 4 and abs(n) <= 64)):
            return _product(x, int(n)) if -1 <= n <= 4 else cast(_product(double(x), int(n)), x.dtype)
    return _general(x, y)


def _general(x: Expression, y: Expression) -> Expression:
    """exp(y log|x|), of a float32 in float64, of a float64 with a logarithm in two parts; then signs and special cases."""
    if x.itemsize == 4:
        value = cast(_by_way_of_float64(size(double(x)), double(y)), x.dtype)
    else:
        value = _of_two_parts(size(x), y)
    whole = equal(apply("rint", y), y)
    odd = whole & apply("ne", apply("floor", y * 0.5) * 2, y) & (size(y) < math.inf)
    value = where(negative(x) & odd, -value, value)
    value = where((x < 0) & (x > -math.inf) & ~whole, math.nan, value)
    one = equal(y, 0) | equal(x, 1) | (equal(x, -1) & equal(size(y), math.inf))
    return where(one, 1.0, value)


def _by_way_of_float64(a: Expression, y: Expression) -> Expression:
    """a to the power y for float32 a >= 0, given as float64, where no float32 is subnormal and none of their powers counts."""
    high, low = LN2[8]
    n, m = split(a)
    f, g = log_of_mantissa(m, 64)
    log = fma(n, high, f - (g - n * low))
    log = where(equal(a, 0), -math.inf, where(a < math.inf, log, a))
    p = y * log
    n, e = reduced(at_most(at_least(p, -200.0), 200.0), 32)
    return where(equal(p, p), (e + 1) * apply("pow2", n), p)


THIRD = (0.3333333333333333, 1.850371707708594e-17)
"""1/3 in two parts."""


def _of_two_parts(a: Expression, y: Expression) -> Expression:
    """a to the power y for float64 a >= 0: log(a) with ten more bits than a float64 has, since exp multiplies its error."""
    normal, small, lift = lifted(a)
    n, m = split(normal)
    n = n - pick(small, lift, 0.0, a)
    f, d = m - 1, m + 1
    s = f / d
    s_rest = (fma(-s, d, f) - s * (m - (d - 1))) / d
    z = s * s
    z_rest = fma(s, s, -z) + 2 * s * s_rest
    # log(m) = 2 s (1 + z / 3 + z^2 R(z))
    u = z * THIRD[0]
    u_rest = fma(z, THIRD[0], -u) + (z * THIRD[1] + z_rest * THIRD[0] + z * z * poly("ATANH_REST", z))
    v = s * u
    v_rest = fma(s, u, -v) + (s * u_rest + s_rest * u)
    high, low = LN2[8]
    top, tail = _sum(s * 2, v * 2)
    base, base_rest = _sum(n * high, top)
    base, tail = _sum(base, base_rest + (tail + fma(n, low, 2 * (v_rest + s_rest))))
    p = y * base
    rest = fma(y, base, -p) + y * tail
    e = exp(p)
    normal_power = where(e < math.inf, fma(e, where(size(p) < 750, rest, 0.0), e), e)
    special = equal(a, 0) | equal(a, math.inf)
    pole = where(equal(a, 0) ^ (y < 0), 0.0, math.inf)  # 0 to a positive power, Inf to a negative one
    value = where(special, where(equal(y, y), pole, y), normal_power)
    grows = equal(size(y), math.inf)
    limit = where((a > 1) ^ (y < 0), math.inf, 0.0)
    value = where(grows, where(equal(a, a), limit, a), value)
    return where(equal(a, a), value, a)


def _sum(a: Expression, b: Expression) -> tuple[Expression, Expression]:
    """a + b of |a| >= |b| or a = 0, and what rounding took."""
    s = a + b
    return s, where(equal(a, 0), 0.0, b - (s - a))


def _product(x: Expression, n: int) -> Expression:
    """x to a whole power."""
    result, square, left = None, x, abs(n)
    while left:
        if left & 1:
            result = square if result is None else result * square
        left >>= 1
        square = square * square if left else square
    if result is None:
        return constant(1, x.dtype)
    return 1 / result if n < 0 else result


def hypot(a: Expression, b: Expression) -> Expression:
    """sqrt(a^2 + b^2): of a float32 by way of float64, else scaled, so that no square overflows."""
    a, b = apply("abs", a), apply("abs", b)
    if a.itemsize == 4:
        c, d = cast(a, "float64"), cast(b, "float64")
        y = cast(apply("sqrt", fma(c, c, d * d)), a.dtype)
    else:
        high, low = apply("max", a, b), apply("min", a, b)
        r = low / where(equal(high, 0), 1.0, high)
        y = high * apply("sqrt", fma(r, r, 1.0))
    return where(equal(a, math.inf) | equal(b, math.inf), math.inf, y)  # also beside NaN


def fmod(a: Expression, b: Expression) -> Expression:
    """C's fmod, exact: a - trunc(a / b) b, by the C library where the quotient is large."""
    c, d = double(a), double(b)
    limit = 2.0**28 if a.itemsize == 4 else 2.0**51
    q = apply("trunc", c / d)
    r = fma(-q, d, c)  # exact; q may be one too far from 0, where a / b was rounded up to a whole number
    r = where(r * signed(constant(1, c.dtype), c) < 0, r + signed(size(d), c), r)
    r = signed(cast(r, a.dtype), a)
    holds = (size(q) < limit) & (size(d) < math.inf)
    return node("guarded", (r, holds, a, b), a.dtype, "fmod")


def _turned(m: Expression, b: Expression) -> Expression:
    """Where a remainder's sign is not that of the divisor."""
    return apply("ne", m, 0) & ((m < 0) ^ (b < 0))


def remainder(a: Expression, b: Expression) -> Expression:
    """NumPy's remainder, whose sign is that of b."""
    m = fmod(a, b)
    y = where(equal(m, 0), signed(constant(0, a.dtype), b), where(_turned(m, b), m + b, m))
    return where(equal(b, 0), math.nan, y)


def floor_divide(a: Expression, b: Expression) -> Expression:
    """NumPy's floor_divide: exact, from the remainder."""
    m = fmod(a, b)
    d = (a - m) / b
    d = where(_turned(m, b), d - 1, d)
    whole = apply("floor", d)
    whole = where(d - whole > 0.5, whole + 1, whole)
    y = where(equal(d, 0), signed(constant(0, a.dtype), a / b), whole)
    return where(equal(b, 0), a / b, y)
