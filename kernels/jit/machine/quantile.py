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
LOG_SERIES, LN2_HIGH, LN2_LOW, SQRT_HALF = c.LOG_SERIES, c.LN2_HIGH, c.LN2_LOW, c.SQRT_HALF


@inner(exact=True)
def horner(x: Any, coefficients: Any) -> Any:
    h = coefficients[-1]
    for i in range(len(coefficients) - 2, -1, -1):
        h = h * x + coefficients[i]
    return h


@inner(exact=True)
def minus_log(x: Any) -> Any:
    """-log(x) for 2**-63 <= x <= 1/2."""
    m, e = x, 0.0
    for step in (32, 16, 8, 4, 2, 1):
        if m < 2.0**-step:
            m, e = m * 2.0**step, e + step
    if m < SQRT_HALF:
        m, e = m * 2.0, e + 1.0
    f = m - 1.0
    s = f / (f + 2.0)
    z = s * s
    half_square = 0.5 * f * f
    series = s * (half_square + z * horner(z, LOG_SERIES))
    return ((half_square - (series - e * LN2_LOW)) - f) + e * LN2_HIGH


@inner(exact=True)
def tail(q: Any) -> Any:
    """Phi^-1(1/2 + q) for CENTRAL_LIMIT < |q| < 1/2."""
    r = np.sqrt(minus_log(0.5 - abs(q)))
    if r <= SIDE_LIMIT:
        s = r - SIDE_SHIFT
        z = horner(s, SIDE_NUMERATOR) / horner(s, SIDE_DENOMINATOR)
    else:
        f = r - FAR_SHIFT
        z = horner(f, FAR_NUMERATOR) / horner(f, FAR_DENOMINATOR)
    return -z if q < 0 else z


@inner(exact=True)
def invert(q: Array, out: Array) -> None:
    """out = Phi^-1(1/2 + q): the middle for all, as vectors; then the tails, one by one."""
    for i in range(out.size):
        centre = CENTRAL_SHIFT - q[i] * q[i]
        out[i] = q[i] * horner(centre, CENTRAL_NUMERATOR) / horner(centre, CENTRAL_DENOMINATOR)
    for i in range(out.size):
        if abs(q[i]) > CENTRAL_LIMIT:
            out[i] = tail(q[i])
