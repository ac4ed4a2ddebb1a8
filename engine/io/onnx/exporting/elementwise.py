"""Functions of single elements, reductions and order."""

from __future__ import annotations

import math

import numpy as np

from ....errors import OnnxError
from ....recording.instructions import Value
from .graph import count
from .merging import Vary
from .table import PRIMITIVES, primitive


def dtype_of(*values):
    """The dtype in which operands meet; Python numbers adapt to the others."""
    found = [np.dtype(v.dtype) for v in values if isinstance(v, Value)]
    if all(d == found[0] for d in found) and not (found[0].kind in "iub" and any(isinstance(v, float) for v in values)):
        return found[0]
    return np.result_type(*found, *(v for v in values if isinstance(v, int | float) and not isinstance(v, bool)))


def unary(operator, floating=True):
    def emit(e, outs, x, **_):
        return e.node(operator, [e.name(x, outs[0].dtype if floating else None)])

    return emit


def binary(operator):
    def emit(e, outs, a, b, **_):
        dtype = outs[0].dtype
        return e.node(operator, [e.name(a, dtype), e.name(b, dtype)])

    return emit


def comparison(operator, negated=False):
    def emit(e, outs, a, b):
        dtype = dtype_of(a, b)
        y = e.node(operator, [e.name(a, dtype), e.name(b, dtype)])
        return e.node("Not", [y]) if negated else y

    return emit


for _name, _operator in {
    "abs": "Abs", "acos": "Acos", "acosh": "Acosh", "asin": "Asin", "asinh": "Asinh", "atan": "Atan", "atanh": "Atanh",
    "cos": "Cos", "cosh": "Cosh", "erf": "Erf", "exp": "Exp", "log": "Log", "negative": "Neg", "reciprocal": "Reciprocal",
    "sign": "Sign", "sin": "Sin", "sinh": "Sinh", "sqrt": "Sqrt", "tan": "Tan", "tanh": "Tanh", "positive": "Identity",
    "relu": "Relu", "sigmoid": "Sigmoid", "conj": "Identity", "real": "Identity", "bitwise_invert": "BitwiseNot",
}.items():  # fmt: skip
    primitive(_name)(unary(_operator))
for _name, _operator in {
    "add": "Add", "subtract": "Sub", "multiply": "Mul", "divide": "Div", "pow": "Pow", "maximum": "Max", "minimum": "Min",
}.items():  # fmt: skip
    primitive(_name, f"{_name} in place")(binary(_operator))
for _name, _operator in {"logical_and": "And", "logical_or": "Or", "logical_xor": "Xor"}.items():
    primitive(_name)(binary(_operator))
for _name, _operator in {
    "equal": "Equal", "greater": "Greater", "greater_equal": "GreaterOrEqual", "less": "Less", "less_equal": "LessOrEqual",
}.items():  # fmt: skip
    primitive(_name)(comparison(_operator))
primitive("not_equal")(comparison("Equal", negated=True))
for _name, _operator in {"isnan": "IsNaN", "isinf": "IsInf"}.items():
    primitive(_name)(unary(_operator, floating=False))


@primitive("logical_not")
def logical_not(e, outs, x):
    return e.node("Not", [e.name(x, bool)])


def bits(logical, of_integers):
    def emit(e, outs, a, b, **_):
        dtype = outs[0].dtype
        return e.node(logical if dtype.kind == "b" else of_integers, [e.name(a, dtype), e.name(b, dtype)])

    return emit


for _name, _ops in {"and": ("And", "BitwiseAnd"), "or": ("Or", "BitwiseOr"), "xor": ("Xor", "BitwiseXor")}.items():
    primitive(f"bitwise_{_name}", f"bitwise_{_name} in place")(bits(*_ops))


def rounded(operator):
    def emit(e, outs, x, **_):
        return e.name(x) if outs[0].dtype.kind in "iub" else e.node(operator, [e.name(x)])

    return emit


for _name, _operator in {"floor": "Floor", "ceil": "Ceil", "round": "Round"}.items():
    primitive(_name)(rounded(_operator))


@primitive("trunc")
def trunc(e, outs, x):
    if outs[0].dtype.kind in "iub":
        return e.name(x)
    return e.node("Mul", [e.node("Sign", [e.name(x)]), e.node("Floor", [e.node("Abs", [e.name(x)])])])


@primitive("square")
def square(e, outs, x):
    return e.node("Mul", [e.name(x), e.name(x)])


@primitive("expm1")
def expm1(e, outs, x):
    """By sinh and exp, which lose no digits near 0: 2 sinh(x / 2) exp(x / 2)."""
    half = e.node("Mul", [e.name(x, outs[0].dtype), e.number(0.5, outs[0].dtype)])
    product = e.node("Mul", [e.node("Sinh", [half]), e.node("Exp", [half])])
    return e.node("Mul", [product, e.number(2, outs[0].dtype)])


@primitive("log1p")
def log1p(e, outs, x):
    return e.node("Log", [e.node("Add", [e.name(x, outs[0].dtype), e.number(1, outs[0].dtype)])])


@primitive("log2", "log10")
def log_of_base(e, outs, x, base=2):
    return e.node("Div", [e.node("Log", [e.name(x, outs[0].dtype)]), e.number(math.log(base), outs[0].dtype)])


PRIMITIVES["log10"] = lambda e, outs, x: log_of_base(e, outs, x, 10)


@primitive("erfc")
def erfc(e, outs, x):
    return e.node("Sub", [e.number(1, outs[0].dtype), e.node("Erf", [e.name(x, outs[0].dtype)])])


@primitive("isfinite")
def isfinite(e, outs, x):
    return e.node("Not", [e.node("Or", [e.node("IsNaN", [e.name(x)]), e.node("IsInf", [e.name(x)])])])


@primitive("signbit")
def signbit(e, outs, x):
    """True for -0.0 too, whose reciprocal is -Inf."""
    below = e.node("Less", [e.name(x), e.number(0, x.dtype)])
    return e.node("Or", [below, e.node("Less", [e.node("Reciprocal", [e.name(x)]), e.number(0, x.dtype)])])


@primitive("hypot")
def hypot(e, outs, a, b):
    d = outs[0].dtype
    return e.node("Sqrt", [e.node("Add", [e.node("Mul", [e.name(v, d), e.name(v, d)]) for v in (a, b)])])


@primitive("logaddexp")
def logaddexp(e, outs, a, b):
    x, y = (e.name(v, outs[0].dtype) for v in (a, b))
    far = e.node("Neg", [e.node("Abs", [e.node("Sub", [x, y])])])
    rest = e.node("Log", [e.node("Add", [e.number(1, outs[0].dtype), e.node("Exp", [far])])])
    return e.node("Add", [e.node("Max", [x, y]), rest])


@primitive("floor_divide", "floor_divide in place")
def floor_divide(e, outs, a, b):
    """ONNX divides integers towards zero."""
    d = outs[0].dtype
    x, y = e.name(a, d), e.name(b, d)
    if d.kind == "f":
        return e.node("Floor", [e.node("Div", [x, y])])
    return e.node("Div", [e.node("Sub", [x, e.node("Mod", [x, y])]), y])


@primitive("remainder", "remainder in place")
def remainder(e, outs, a, b):
    """The sign of the divisor."""
    d = outs[0].dtype
    x, y = e.name(a, d), e.name(b, d)
    if d.kind != "f":
        return e.node("Mod", [x, y])
    return e.node("Sub", [x, e.node("Mul", [e.node("Floor", [e.node("Div", [x, y])]), y])])


@primitive("fmod")
def fmod(e, outs, a, b):
    """The sign of the dividend."""
    d = outs[0].dtype
    return e.node("Mod", [e.name(a, d), e.name(b, d)], fmod=1)


@primitive("silu")
def silu(e, outs, x):
    return e.node("Mul", [e.name(x), e.node("Sigmoid", [e.name(x)])])


@primitive("leaky_relu")
def leaky_relu(e, outs, x, slope):
    return e.node("LeakyRelu", [e.name(x)], alpha=float(slope))


@primitive("softplus")
def softplus(e, outs, x, beta=1.0):
    if beta == 1:
        return e.node("Softplus", [e.name(x)])
    wide = e.node("Mul", [e.name(x), e.number(beta, x.dtype)])
    return e.node("Div", [e.node("Softplus", [wide]), e.number(beta, x.dtype)])


@primitive("softmax", "log_softmax")
def softmax(e, outs, x, axis=-1):
    return e.node("Softmax", [e.name(x)], axis=axis)


PRIMITIVES["log_softmax"] = lambda e, outs, x, axis=-1: e.node("LogSoftmax", [e.name(x)], axis=axis)


@primitive("where")
def where(e, outs, condition, a, b):
    d = outs[0].dtype
    return e.node("Where", [e.name(condition, bool), e.name(a, d), e.name(b, d)])


@primitive("clip")
def clip(e, outs, x, min=None, max=None):
    d = outs[0].dtype
    y = e.name(x, d) if min is None else e.node("Max", [e.name(x, d), e.name(min, d)])
    return y if max is None else e.node("Min", [y, e.name(max, d)])


@primitive("astype")
def astype(e, outs, x, dtype=None, **_):
    if np.dtype(x.dtype) == outs[0].dtype:
        return e.name(x)
    return e.cast(e.name(x), outs[0].dtype)


@primitive("asarray", "copy", "clone", "to_device")
def asarray(e, outs, x, *_, **__):
    if not isinstance(x, Value):
        if isinstance(x, Vary):
            return e.number(x, outs[0].dtype)
        raise OnnxError("a list of numbers depends on the size of a dynamic axis; compute it with tensors")
    return astype(e, outs, x)


# ---------------------------------------------------------------------- reductions
def axes_input(e, axis):
    return [] if axis is None else [e.ints([axis] if isinstance(axis, int) else list(axis))]


def reduction(operator):
    def emit(e, outs, x, axis=None, keepdims=False, **_):
        if isinstance(axis, tuple) and not axis:
            return e.name(x, outs[0].dtype)
        d = outs[0].dtype
        if d.kind == "b":
            y = e.node(operator, [e.name(x, np.int32), *axes_input(e, axis)], keepdims=int(keepdims))
            return e.cast(y, d)
        return e.node(operator, [e.name(x, d), *axes_input(e, axis)], keepdims=int(keepdims))

    return emit


for _name, _operator in {
    "sum": "ReduceSum", "mean": "ReduceMean", "prod": "ReduceProd", "max": "ReduceMax", "min": "ReduceMin",
}.items():  # fmt: skip
    primitive(_name)(reduction(_operator))


@primitive("any", "all")
def some(e, outs, x, axis=None, keepdims=False, operator="ReduceMax"):
    truth = e.name(x) if x.dtype == bool else e.node("Not", [e.node("Equal", [e.name(x), e.number(0, x.dtype)])])
    y = e.node(operator, [e.cast(truth, np.int32), *axes_input(e, axis)], keepdims=int(keepdims))
    return e.cast(y, bool)


PRIMITIVES["all"] = lambda e, outs, x, axis=None, keepdims=False: some(e, outs, x, axis, keepdims, "ReduceMin")


@primitive("count_nonzero")
def count_nonzero(e, outs, x, axis=None, keepdims=False):
    truth = e.name(x) if x.dtype == bool else e.node("Not", [e.node("Equal", [e.name(x), e.number(0, x.dtype)])])
    return e.node("ReduceSum", [e.cast(truth, np.int64), *axes_input(e, axis)], keepdims=int(keepdims))


@primitive("var", "std")
def variance(e, outs, x, axis=None, correction=0.0, keepdims=False, root=False):
    d = outs[0].dtype
    shape = e.merged.shape(x)
    axes = range(len(shape)) if axis is None else [axis] if isinstance(axis, int) else axis
    mean = e.node("ReduceMean", [e.name(x, d), *axes_input(e, axis)], keepdims=1)
    rest = e.node("Sub", [e.name(x, d), mean])
    total = e.node("ReduceSum", [e.node("Mul", [rest, rest]), *axes_input(e, axis)], keepdims=int(keepdims))
    n = count([shape[a] for a in axes])
    divisor = e.node("Sub", [e.name(n, d), e.number(correction, d)]) if isinstance(n, Vary) else e.number(n - correction, d)
    y = e.node("Div", [total, divisor])
    return e.node("Sqrt", [y]) if root else y


PRIMITIVES["std"] = lambda e, outs, x, axis=None, correction=0.0, keepdims=False: variance(
    e, outs, x, axis, correction, keepdims, True
)


@primitive("argmax", "argmin")
def argmax(e, outs, x, axis=None, keepdims=False, operator="ArgMax", **_):
    name = e.name(x, np.int32) if x.dtype == bool else e.name(x)
    if axis is None:
        name = e.node("Reshape", [name, e.ints([-1])])
    y = e.node(operator, [name], axis=axis or 0, keepdims=int(keepdims))
    return e.node("Reshape", [y, e.ints([1] * len(x.shape))]) if axis is None and keepdims else y


PRIMITIVES["argmin"] = lambda e, outs, x, axis=None, keepdims=False, **_: argmax(e, outs, x, axis, keepdims, "ArgMin")


@primitive("cumulative_sum")
def cumulative_sum(e, outs, x, axis=None, include_initial=False, **_):
    y = e.node("CumSum", [e.name(x, outs[0].dtype), e.number(axis or 0, np.int64)])
    if not include_initial:
        return y
    first = e.node("Slice", [y, e.ints([0]), e.ints([1]), e.ints([axis or 0])])
    return e.node("Concat", [e.node("Sub", [first, first]), y], axis=axis or 0)


@primitive("sort", "argsort")
def argsort(e, outs, x, axis=-1, descending=False, which=1, **_):
    size = e.merged.shape(x)[axis]
    return e.node("TopK", [e.name(x), e.size(size)], 2, axis=axis, largest=int(descending))[which]


PRIMITIVES["sort"] = lambda e, outs, x, axis=-1, descending=False, **_: argsort(e, outs, x, axis, descending, 0)
