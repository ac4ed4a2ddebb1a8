"""Functions of single elements: arithmetic, powers, trigonometry, comparison, logic, rounding."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .core import METHODS, aliasing, axis_or_all, define, demoted, in_place, is_tensor, kind_of, refuse
from .engine import dl

__all__: list[str] = []

UNARY: dict[str, Callable[..., Any]] = {
    "negative": dl.negative, "neg": dl.negative, "abs": dl.abs, "absolute": dl.abs,
    "acos": dl.acos, "arccos": dl.acos, "acosh": dl.acosh, "arccosh": dl.acosh, "asin": dl.asin, "arcsin": dl.asin,
    "asinh": dl.asinh, "arcsinh": dl.asinh, "atan": dl.atan, "arctan": dl.atan, "atanh": dl.atanh, "arctanh": dl.atanh,
    "ceil": dl.ceil, "floor": dl.floor, "trunc": dl.trunc, "fix": dl.trunc, "cos": dl.cos, "cosh": dl.cosh, "sin": dl.sin,
    "sinh": dl.sinh, "tan": dl.tan, "tanh": dl.tanh, "exp": dl.exp, "expm1": dl.expm1, "log": dl.log, "log1p": dl.log1p,
    "log2": dl.log2, "log10": dl.log10, "sqrt": dl.sqrt, "square": dl.square, "reciprocal": dl.reciprocal,
    "sigmoid": dl.sigmoid, "erf": dl.erf, "erfc": dl.erfc, "relu": dl.relu,
    "rsqrt": lambda x: dl.reciprocal(dl.sqrt(x)), "exp2": lambda x: dl.exp(x * math.log(2.0)),
    "frac": lambda x: x - dl.trunc(x), "deg2rad": lambda x: x * (math.pi / 180), "rad2deg": lambda x: x * (180 / math.pi),
    "logical_not": lambda x: dl.logical_not(x), "bitwise_not": dl.bitwise_invert,
}  # fmt: skip
"""Of one tensor; each also has a form in place."""

FLOATING = ("rsqrt", "exp2", "deg2rad", "rad2deg")
PREDICATES: dict[str, Callable[..., Any]] = {
    "isnan": dl.isnan, "isinf": dl.isinf, "isfinite": dl.isfinite, "signbit": dl.signbit,
    "isposinf": lambda x: x == math.inf, "isneginf": lambda x: x == -math.inf,
}  # fmt: skip


def _unary(f: Callable[..., Any], floating: bool = False) -> Callable[..., Any]:
    def call(input: Any) -> Any:
        if floating and kind_of(input.dtype) < 2:
            input = dl.astype(input, dl.get_default_dtype())
        return f(input)

    return call


for _name, _f in UNARY.items():
    define(_name)(_unary(_f, _name in FLOATING))
for _name, _f in PREDICATES.items():
    define(_name)(_unary(_f))


@define("sign")
def _sign(input: Any) -> Any:
    if kind_of(input.dtype) == 3:
        raise RuntimeError("Unlike NumPy, torch.sign doesn't support complex numbers; use torch.sgn")
    return dl.sign(input) if kind_of(input.dtype) else input


@define("sgn")
def _sgn(input: Any) -> Any:
    return dl.sign(input) if kind_of(input.dtype) else input


@define("round")
def _round(input: Any, *, decimals: int = 0) -> Any:
    if decimals == 0:
        return dl.round(input)
    scale = 10.0 ** abs(decimals)
    return dl.round(input * scale) / scale if decimals > 0 else dl.round(input / scale) * scale


@define("isreal")
def _isreal(input: Any) -> Any:
    return dl.imag(input) == 0 if kind_of(input.dtype) == 3 else dl.ones_like(input, dtype="bool")


@define("conj", "resolve_conj", "conj_physical")
def _conj(input: Any) -> Any:
    return dl.conj(input) if kind_of(input.dtype) == 3 else input


define("positive")(lambda input: input)
define("resolve_neg")(lambda input: input)


@define("real")
def _real(input: Any) -> Any:
    if kind_of(input.dtype) != 3:
        return input
    return aliasing(dl.real(input), input, input.array.real)


@define("imag")
def _imag(input: Any) -> Any:
    if kind_of(input.dtype) != 3:
        raise RuntimeError("imag is not implemented for tensors with non-complex dtypes.")
    return aliasing(dl.imag(input), input, input.array.imag)


@define("angle")
def _angle(input: Any) -> Any:
    if kind_of(input.dtype) == 3:
        return dl.atan2(dl.imag(input), dl.real(input))
    x = input if kind_of(input.dtype) == 2 else dl.astype(input, dl.get_default_dtype())
    return dl.where(dl.isnan(x), x, dl.where(x < 0, math.pi, dl.zeros_like(x)))


# ---------------------------------------------------------------------- two operands
def _binary(f: Callable[..., Any]) -> Callable[..., Any]:
    def call(input: Any, other: Any) -> Any:
        return f(*demoted(input, other))

    return call


BINARY: dict[str, Callable[..., Any]] = {
    "mul": dl.multiply, "multiply": dl.multiply, "maximum": dl.maximum, "minimum": dl.minimum,
    "atan2": dl.atan2, "arctan2": dl.atan2, "hypot": dl.hypot, "copysign": dl.copysign, "nextafter": dl.nextafter,
    "logaddexp": dl.logaddexp, "bitwise_and": dl.bitwise_and, "bitwise_or": dl.bitwise_or, "bitwise_xor": dl.bitwise_xor,
    "bitwise_left_shift": dl.bitwise_left_shift, "bitwise_right_shift": dl.bitwise_right_shift,
    "eq": dl.equal, "ne": dl.not_equal, "not_equal": dl.not_equal, "lt": dl.less, "less": dl.less, "le": dl.less_equal,
    "less_equal": dl.less_equal, "gt": dl.greater, "greater": dl.greater, "ge": dl.greater_equal,
    "greater_equal": dl.greater_equal, "logical_and": dl.logical_and, "logical_or": dl.logical_or,
    "logical_xor": dl.logical_xor, "floor_divide": dl.floor_divide, "true_divide": dl.divide,
}  # fmt: skip
"""Of two tensors, or a tensor and a number; each also has a form in place."""

for _name, _f in BINARY.items():
    define(_name)(_binary(_f))


@define("remainder")
def _remainder(input: Any, other: Any) -> Any:
    return dl.remainder(*demoted(input, other))


@define("fmod")
def _fmod(input: Any, other: Any) -> Any:
    a, b = demoted(input, other)
    numbers = [v for v in (a, b) if not (is_tensor(v) and v.dtype == np.bool_)]
    if len(numbers) < 2:  # NumPy has no remainder of booleans
        kind: Any = "uint8"
        if numbers:
            (v,) = numbers
            kind = v.dtype if is_tensor(v) else "int64" if isinstance(v, int) else dl.get_default_dtype()
        a, b = (dl.astype(v, kind) if is_tensor(v) else v for v in (a, b))
    return dl.fmod(a, b)


@define("fmax")
def _fmax(input: Any, other: Any) -> Any:
    a, b = demoted(input, other)
    return dl.where(dl.logical_or(a >= b, b != b), a, b)


@define("fmin")
def _fmin(input: Any, other: Any) -> Any:
    a, b = demoted(input, other)
    return dl.where(dl.logical_or(a <= b, b != b), a, b)


@define("add")
def add(input: Any, other: Any, *, alpha: Any = 1) -> Any:
    a, b = demoted(input, other)
    return dl.add(a, b if alpha == 1 else b * alpha)


@define("sub", "subtract")
def sub(input: Any, other: Any, *, alpha: Any = 1) -> Any:
    a, b = demoted(input, other)
    return dl.subtract(a, b if alpha == 1 else b * alpha)


@define("rsub")
def _rsub(input: Any, other: Any, *, alpha: Any = 1) -> Any:
    return sub(other, input, alpha=alpha)


@define("div", "divide")
def div(input: Any, other: Any, *, rounding_mode: str | None = None) -> Any:
    a, b = demoted(input, other)
    if rounding_mode is None:
        return dl.divide(a, b)
    if rounding_mode == "floor":
        return dl.floor_divide(a, b)
    if rounding_mode != "trunc":
        raise RuntimeError(f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '{rounding_mode}'")
    kinds = [kind_of(v.dtype if is_tensor(v) else np.asarray(v).dtype) for v in (a, b)]
    if max(kinds) < 2:
        down = dl.floor_divide(a, b)
        return down + dl.astype((down < 0) & (down * b != a), down.dtype)
    return dl.trunc(dl.divide(a, b))


@define("pow")
def _pow(input: Any, exponent: Any) -> Any:
    a, b = demoted(input, exponent)
    if isinstance(b, int) and b < 0 and kind_of(a.dtype) < 2:
        raise RuntimeError("Integers to negative integer powers are not allowed.")
    return dl.pow(a, b)


@define("float_power")
def _float_power(input: Any, exponent: Any) -> Any:
    wide = [v.dtype if is_tensor(v) else np.asarray(v).dtype for v in (input, exponent)]
    kind = "complex128" if max(map(kind_of, wide)) == 3 else "float64"
    a, b = (dl.astype(v, kind) if is_tensor(v) else v for v in (input, exponent))
    return dl.pow(a, b)


@define("ldexp")
def _ldexp(input: Any, other: Any) -> Any:
    return dl.multiply(*demoted(input, dl.pow(2.0, other)))


@define("xlogy")
def _xlogy(input: Any, other: Any) -> Any:
    a, b = demoted(input, other)
    if not is_tensor(a):
        a = dl.full_like(b, a, dtype=_float_of(b)) if is_tensor(b) else a
    b = b if is_tensor(b) else dl.full_like(a, b, dtype=_float_of(a))
    zero = dl.logical_and(a == 0, dl.logical_or(b <= 0, b == math.inf))  # elsewhere the derivative for a is log(b), at 0 too
    found = a * dl.log(dl.where(zero, 1.0, b) if kind_of(b.dtype) >= 2 else dl.where(zero, 1, b))
    return dl.where(dl.isnan(b), math.nan, found) if kind_of(b.dtype) >= 2 else found


def _float_of(t: Any) -> Any:
    return t.dtype if kind_of(t.dtype) >= 2 else dl.get_default_dtype()


@define("logaddexp2")
def _logaddexp2(input: Any, other: Any) -> Any:
    a, b = demoted(input, other)
    if is_tensor(a) and is_tensor(b) and a.dtype != b.dtype and min(kind_of(a.dtype), kind_of(b.dtype)) == 2:
        a, b = (dl.astype(v, dl.result_type(a, b)) for v in (a, b))  # before the product, which rounds
    return dl.logaddexp(a * math.log(2.0), b * math.log(2.0)) / math.log(2.0)


@define("heaviside")
def _heaviside(input: Any, values: Any) -> Any:
    return dl.where(input == 0, values, dl.astype(input > 0, input.dtype))


# ---------------------------------------------------------------------- bounds and choices
@define("clamp", "clip")
def clamp(input: Any, min: Any = None, max: Any = None) -> Any:
    if min is None and max is None:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    if is_tensor(min) or is_tensor(max):
        low = input if min is None else dl.maximum(*demoted(input, min)) if is_tensor(min) else dl.clip(input, min=min)
        return low if max is None else dl.minimum(*demoted(low, max)) if is_tensor(max) else dl.clip(low, max=max)
    if kind_of(input.dtype) < 2 and (isinstance(min, float) or isinstance(max, float)):
        input = dl.astype(input, dl.get_default_dtype())
    if min is not None and max is not None and min > max:
        return dl.full_like(input, max)
    return dl.clip(input, min=min, max=max)


@define("clamp_min")
def _clamp_min(input: Any, min: Any) -> Any:
    return clamp(input, min=min)


@define("clamp_max")
def _clamp_max(input: Any, max: Any) -> Any:
    return clamp(input, max=max)


@define("nan_to_num")
def _nan_to_num(input: Any, nan: Any = None, posinf: Any = None, neginf: Any = None) -> Any:
    if kind_of(input.dtype) < 2:
        return dl.clone(input)
    if kind_of(input.dtype) == 3:
        raise refuse("nan_to_num", "complex tensors are not taken; take real and imaginary parts apart")
    limit = dl.finfo(input.dtype)
    found = dl.where(dl.isnan(input), 0.0 if nan is None else nan, input)
    found = dl.where(found == math.inf, float(limit.max) if posinf is None else posinf, found)
    return dl.where(found == -math.inf, float(limit.min) if neginf is None else neginf, found)


@define("where", method=False)
def where(condition: Any, input: Any = None, other: Any = None) -> Any:
    if input is None and other is None:
        return dl.nonzero(condition)
    if not is_tensor(input) and not is_tensor(other):
        kind = np.result_type(np.asarray(input).dtype, np.asarray(other).dtype)
        dtype = "int64" if kind.kind in "iu" else "bool" if kind.kind == "b" else dl.get_default_dtype()
        input = dl.full((), input, dtype=dtype, device=condition.device)
    a, b = demoted(input, other)
    if condition.dtype != np.bool_:
        condition = dl.astype(condition, "bool")
    return dl.where(condition, a, b)


METHODS["where"] = lambda self, condition, other: where(condition, self, other)


# ---------------------------------------------------------------------- integers
@define("gcd")
def _gcd(input: Any, other: Any) -> Any:
    return _of_arrays(np.gcd, *demoted(input, other))


@define("lcm")
def _lcm(input: Any, other: Any) -> Any:
    return _of_arrays(np.lcm, *demoted(input, other))


def _of_arrays(f: Callable[..., Any], *tensors: Any) -> Any:
    """A function of NumPy on tensors without gradients, on the device of the first."""
    return dl.asarray(f(*(t.numpy_copy() if is_tensor(t) else t for t in tensors)), device=tensors[0].device)


@define("frexp", method=True)
def _frexp(input: Any) -> Any:
    from .pairs import frexp

    mantissa, exponent = np.frexp(input.numpy_copy())
    e = dl.asarray(exponent, device=input.device)
    return frexp(input / dl.asarray(np.ldexp(np.ones_like(mantissa), exponent), device=input.device), e)


# ---------------------------------------------------------------------- comparison of whole tensors
@define("isclose")
def isclose(input: Any, other: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Any:
    same = input == other
    if kind_of(input.dtype) >= 2:
        near = dl.abs(input - other) <= atol + rtol * dl.abs(other)
        same = same | (near & dl.isfinite(input) & dl.isfinite(other))
        if equal_nan:
            same = same | (dl.isnan(input) & dl.isnan(other))
    elif kind_of(input.dtype) == 1:
        wide = [dl.astype(v, "float64") for v in (input, other)]
        same = same | (dl.abs(wide[0] - wide[1]) <= atol + rtol * dl.abs(wide[1]))
    return same


@define("allclose")
def _allclose(input: Any, other: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> bool:
    return bool(dl.all(isclose(input, other, rtol, atol, equal_nan)))


@define("equal")
def _equal(input: Any, other: Any) -> bool:
    return input.shape == other.shape and bool(dl.all(input == other))


# ---------------------------------------------------------------------- forms in place
in_place(
    *UNARY, *BINARY, "sign", "sgn", "round", "conj_physical", "remainder", "fmod", "add", "sub", "subtract", "div", "divide",
    "pow", "float_power", "ldexp", "xlogy", "heaviside", "clamp", "clip", "clamp_min", "clamp_max",
    "nan_to_num", "gcd", "lcm",
)  # fmt: skip
_ = axis_or_all
