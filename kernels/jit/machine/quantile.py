"""The inverse of the normal distribution function, rounding for rounding as in the reference set.

Source: M. J. Wichura, Algorithm AS 241, Applied Statistics 37 (1988); the logarithm follows fdlibm.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import philox as c
from ...types import Array
from .compile import inner

CENTRAL_SHIFT, CENTRAL_LIMIT = c.CENTRAL_SHIFT, c.CENTRAL_LIMIT
SIDE_SHIFT, SIDE_LIMIT, FAR_SHIFT = c.SIDE_SHIFT, c.SIDE_LIMIT, c.FAR_SHIFT
CENTRAL_NUMERATOR, CENTRAL_DENOMINATOR = c.CENTRAL_NUMERATOR, c.CENTRAL_DENOMINATOR
SIDE_NUMERATOR, SIDE_DENOMINATOR = c.SIDE_NUMERATOR, c.SIDE_DENOMINATOR
FAR_NUMERATOR, FAR_DENOMINATOR = c.FAR_NUMERATOR, c.FAR_DENOMINATOR
FRACTION, HALF, ZERO = (1 << 52) - 1, 1022 << 52, 1022
"""Of the bits of a float64: those behind the point, the exponent of numbers from 1/2 to 1, and its value."""
LOG_SERIES, LN2_HIGH, LN2_LOW, SQRT_HALF = c.LOG_SERIES, c.LN2_HIGH, c.LN2_LOW, c.SQRT_HALF


@inner(exact=True)
def horner(x: Any, coefficients: Any) -> Any:
    h = coefficients[-1]
    for i in range(len(coefficients) - 2, -1, -1):
        h = h * x + coefficients[i]
    return h


@inner(exact=True)
def minus_logs(x: Array, out: Array) -> None:
    """out = -log(x) for 2**-63 <= x <= 1/2. The exponent is read from the bits, which is as exact as dividing by powers of 2."""
    bits = x.view(np.int64)
    for i in range(x.size):
        out.view(np.int64)[i] = (bits[i] & FRACTION) | HALF  # from 1/2 to 1
    for i in range(x.size):
        m, e = out[i], np.float64(ZERO - (bits[i] >> 52))
        low = m < SQRT_HALF
        m, e = m * (2.0 if low else 1.0), e + (1.0 if low else 0.0)
        f = m - 1.0
        s = f / (f + 2.0)
        z = s * s
        half_square = 0.5 * f * f
        series = s * (half_square + z * horner(z, LOG_SERIES))
        out[i] = ((half_square - (series - e * LN2_LOW)) - f) + e * LN2_HIGH


@inner(exact=True)
def far_tail(r: Any) -> Any:
    """The quantile for the few whose r, the root of minus the logarithm, is above SIDE_LIMIT."""
    f = r - FAR_SHIFT
    return horner(f, FAR_NUMERATOR) / horner(f, FAR_DENOMINATOR)


@inner(exact=True)
def tails(r: Array) -> None:
    """Phi^-1(1 - x) in the place of x, for 2**-63 <= x < 1/2 - CENTRAL_LIMIT."""
    out = np.empty(r.size, np.float64)
    minus_logs(r, out)
    for i in range(r.size):
        r[i] = np.sqrt(out[i])
    for i in range(r.size):
        s = r[i] - SIDE_SHIFT
        out[i] = horner(s, SIDE_NUMERATOR) / horner(s, SIDE_DENOMINATOR)
    for i in range(r.size):
        r[i] = out[i] if r[i] <= SIDE_LIMIT else far_tail(r[i])


@inner(exact=True)
def invert(q: Array, out: Array) -> None:
    """out = Phi^-1(1/2 + q): the middle for all, then the tails, put together; both as vectors."""
    for i in range(out.size):
        centre = CENTRAL_SHIFT - q[i] * q[i]
        out[i] = q[i] * horner(centre, CENTRAL_NUMERATOR) / horner(centre, CENTRAL_DENOMINATOR)
    places, count = np.empty(out.size + 1, np.int64), 0
    for i in range(out.size):
        places[count] = i
        count += abs(q[i]) > CENTRAL_LIMIT
    r = np.empty(count, np.float64)
    for k in range(count):
        r[k] = 0.5 - abs(q[places[k]])
    tails(r)
    for k in range(count):
        out[places[k]] = -r[k] if q[places[k]] < 0 else r[k]
