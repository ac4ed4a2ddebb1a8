"""Elementary functions in steps that a vector unit has, each written once for float32 and float64.

expand() turns a formula into one of primitives only: input const cast add sub mul div fma neg abs max min lt le gt ge eq ne and
or xor not where rint floor ceil trunc sqrt copysign nextafter shl shr, pow2 (2 ** n of a whole n), exponent and mantissa
(x = mantissa times 2 ** exponent, 1 <= mantissa < 2), guarded (a fast value, where it holds, and what the C library's function is
given for the other lanes), and reduced (the number that a row was reduced to).

Reference: Muller, 2016, "Elementary Functions", chapters 5 (polynomials) and 11 (range reduction).
"""

from __future__ import annotations

import math
from collections.abc import Callable

from .circular import acos, asin, atan, atan2, circular, tan
from .exponentials import (
    acosh,
    asinh,
    atanh,
    cosh,
    erf,
    erfc,
    exp,
    expm1,
    log,
    log1p,
    log_to_base,
    logaddexp,
    sinh,
    tanh,
)  # fmt: skip
from .expression import Expression, apply, constant, in_order, node, where
from .powers import floor_divide, fmod, hypot, power, remainder
from .simplify import simplify
from .steps import NoExpansion, equal, negative

__all__ = ["NoExpansion", "expand"]

PRIMITIVES = frozenset(
    "input const cast add sub mul div fma neg abs max min lt le gt ge eq ne and or xor not where rint floor ceil trunc sqrt "
    "copysign nextafter shl shr pow2 exponent mantissa guarded reduced".split()
)


def sign(x: Expression) -> Expression:
    if x.dtype.kind == "f":
        return where(x > 0, 1.0, where(x < 0, -1.0, where(equal(x, x), 0.0, x)))
    one, nothing = constant(1, x.dtype), constant(0, x.dtype)
    return where(x > 0, one, where(x < 0, -one, nothing)) if x.dtype.kind == "i" else where(x > 0, one, nothing)


EXPANSIONS: dict[str, Callable[..., Expression]] = {
    "exp": exp, "expm1": expm1, "log": log, "log1p": log1p, "tanh": tanh, "erf": erf, "erfc": erfc, "pow": power,
    "logaddexp": logaddexp, "hypot": hypot, "sign": sign, "sinh": sinh, "cosh": cosh, "asinh": asinh, "acosh": acosh,
    "atanh": atanh, "tan": tan, "asin": asin, "acos": acos, "atan": atan, "atan2": atan2, "mod": remainder, "fmod": fmod,
    "floordiv": floor_divide,
    "sin": lambda x: circular(x, 0), "cos": lambda x: circular(x, 1),
    "log2": lambda x: log_to_base(x, 2), "log10": lambda x: log_to_base(x, 10),
    "square": lambda x: x * x, "reciprocal": lambda x: 1 / x, "copy": lambda x: x, "round": lambda x: apply("rint", x),
    "isnan": lambda x: apply("ne", x, x), "isinf": lambda x: equal(apply("abs", x), math.inf),
    "isfinite": lambda x: apply("abs", x) < math.inf, "signbit": negative,
}  # fmt: skip


def expand(root: Expression, known: frozenset[str] = PRIMITIVES) -> Expression:
    """The formula in primitives, simplified. Raises NoExpansion where that cannot be.

    known: kinds that stay as they are.
    """
    new: dict[Expression, Expression] = {}

    def primitive(e: Expression) -> Expression:
        if e in new:
            return new[e]
        args = tuple(new[a] for a in e.args)
        if e.kind in EXPANSIONS and e.kind not in known:
            made = EXPANSIONS[e.kind](*args)
            for inner in in_order([made]):  # expansions use one another
                if inner not in new:
                    new[inner] = primitive(inner)
            made = new[made]
        elif e.kind in known:
            made = e if args == e.args else node(e.kind, args, e.dtype, e.value)
        else:
            raise NoExpansion(e.kind)
        new[e] = made
        return made

    for e in in_order([root]):
        primitive(e)
    return simplify(new[root])
