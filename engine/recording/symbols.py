"""Symbols: arrays without values, and the namespace through which an op's definition computes with them.

Read with symbols, a definition that calls only elementwise functions gives a formula (an expression of
dlengine.kernels.generated). It must not learn more than dtypes: whatever asks for a value, a size or an axis, and every
function that is not elementwise, raises NotPointwise with the reason.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from dlengine.kernels import jit, reference
from dlengine.kernels.generated import expression as graph
from dlengine.kernels.generated.activations import EXPONENTIAL
from dlengine.kernels.generated.expression import DTYPES, HALVES, Expression
from dlengine.kernels.registry import KernelSet


class NotPointwise(Exception):
    """A definition that does not give a formula; the text says what it does instead."""


class NotThisCall(NotPointwise):
    """Arguments for which a definition gives no formula, though others may."""


class Shape:
    """The shape that some of a definition's arguments broadcast to; it can be passed on, and nothing else."""

    __slots__ = ("of",)

    def __init__(self, of: frozenset[int]) -> None:
        self.of = of

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Shape) and other.of == self.of:
            return True
        raise NotPointwise("compares shapes")

    __hash__ = None  # type: ignore[assignment]

    @property
    def elements(self) -> Count:
        """How many elements the shape has."""
        return Count(self.of)

    def _asked(self, *args: Any) -> NoReturn:
        raise NotPointwise("asks for sizes")

    __iter__ = __len__ = __getitem__ = __bool__ = __add__ = __radd__ = __contains__ = _asked


class Count:
    """The number of elements of a shape, as a number that takes the dtype of what it meets."""

    __slots__ = ("of",)
    __array_ufunc__ = None

    def __init__(self, of: frozenset[int]) -> None:
        self.of = of

    def __bool__(self) -> NoReturn:
        raise NotPointwise("asks for sizes")

    def in_dtype(self, dtype: Any) -> Expression:
        """The number in a floating dtype."""
        return graph.node("count", (), dtype, tuple(sorted(self.of)))


class Symbol:
    """An array without values.

    Attributes
    ----------
    expression : Expression
        How it is computed.
    of : frozenset of int
        The arguments that its shape is broadcast from.
    flat : bool
        Whether it was flattened, which reference kernels do to make a result dense, and not yet given its shape back.
    """

    __slots__ = ("expression", "flat", "of")
    __array_ufunc__ = None
    device = "cpu"

    def __init__(self, expression: Expression, of: frozenset[int], flat: bool = False) -> None:
        self.expression, self.of, self.flat = expression, of, flat

    @property
    def dtype(self) -> Any:
        return self.expression.dtype

    @property
    def itemsize(self) -> int:
        return self.expression.itemsize

    @property
    def shape(self) -> Shape:
        return Shape(self.of)

    def _value(self, *args: Any) -> NoReturn:
        raise NotPointwise("asks for a value")

    __bool__ = __float__ = __int__ = __index__ = __complex__ = __iter__ = __len__ = __array__ = __dlpack__ = _value

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        raise NotPointwise(f"uses the array's own {name}")

    def _item(self, *args: Any) -> NoReturn:
        raise NotPointwise("indexes its array")

    __getitem__ = __setitem__ = _item
    __hash__ = object.__hash__


def joined(kind: str, *values: Any) -> Symbol:
    """An elementwise function of symbols and numbers."""
    if any(type(v) is Count for v in values):
        dtype = graph.dtype_of([v.dtype for v in values if isinstance(v, Symbol)])
        if dtype.kind != "f":
            raise NotPointwise("a count of elements beside integers")
        values = tuple(Symbol(v.in_dtype(dtype), frozenset()) if type(v) is Count else v for v in values)
    return Symbol(graph.apply(kind, *[part(v) for v in values]), shape_of(values))


def part(value: Any) -> Any:
    """A symbol's expression, or a number. NumPy's scalars are refused: they have a dtype that takes part in promotion."""
    if isinstance(value, Symbol):
        if value.flat:
            raise NotPointwise("flattens its array")
        return value.expression
    if type(value) in (bool, int, float):
        return value
    raise NotPointwise(f"computes with a {type(value).__module__}.{type(value).__name__}")


def shape_of(values: Any) -> frozenset[int]:
    """The arguments whose shapes the symbols among some values broadcast."""
    return frozenset().union(*[v.of for v in values if isinstance(v, Symbol)])


def choose(condition: Any, a: Any, b: Any) -> Symbol:
    """where(condition, a, b)."""
    if not isinstance(condition, Symbol):
        raise NotPointwise("chooses by what is no array")
    return Symbol(graph.where(part(condition), part(a), part(b)), shape_of((condition, a, b)))


def _operator(kind: str, swapped: bool = False) -> Callable[..., Any]:
    if swapped:
        return lambda self, other: joined(kind, other, self)
    return lambda self, *other: joined(kind, self, *other)


_ARITHMETIC = {"add": "add", "sub": "sub", "mul": "mul", "truediv": "div", "pow": "pow", "floordiv": "floordiv", "mod": "mod"}
_LOGIC = ("and", "or", "xor")
for _name, _kind in {**_ARITHMETIC, **{n: n for n in _LOGIC}}.items():
    setattr(Symbol, f"__{_name}__", _operator(_kind))
    setattr(Symbol, f"__r{_name}__", _operator(_kind, swapped=True))
for _name in ("lt", "le", "gt", "ge", "eq", "ne", "neg", "abs"):
    setattr(Symbol, f"__{_name}__", _operator(_name))
setattr(Symbol, "__invert__", _operator("not"))  # noqa: B010 - as the others
setattr(Symbol, "__pos__", _operator("copy"))  # noqa: B010

FUNCTIONS = {
    "add": "add", "subtract": "sub", "multiply": "mul", "divide": "div", "pow": "pow", "floor_divide": "floordiv",
    "remainder": "mod", "fmod": "fmod", "negative": "neg", "positive": "copy", "abs": "abs", "square": "square", "maximum": "max",
    "minimum": "min", "less": "lt", "less_equal": "le", "greater": "gt", "greater_equal": "ge", "equal": "eq",
    "not_equal": "ne", "logical_and": "and", "logical_or": "or", "logical_not": "not", "logical_xor": "xor",
    "bitwise_and": "and", "bitwise_or": "or", "bitwise_xor": "xor", "bitwise_invert": "not",
    "bitwise_left_shift": "shl", "bitwise_right_shift": "shr",
} | {
    name: name
    for name in (
        "exp expm1 log log1p log2 log10 sqrt sin cos tan sinh cosh tanh asin acos atan asinh acosh atanh erf erfc floor ceil "
        "trunc round sign reciprocal isnan isinf isfinite copysign atan2 hypot logaddexp signbit nextafter"
    ).split()
}  # fmt: skip
"""Names of elementwise functions in a namespace, and the kinds of expressions that they make."""


class SymbolSpace:
    """What a definition gets as xp when it is read.

    Attributes
    ----------
    by_hand : set of Expression
        The results of kernels that the set in force has, hand-written, for the dtype.
    sums : bool
        Whether sums and averages of all elements may be read, too.
    """

    several = generates = False
    generator = -1

    def __init__(self, kernels: KernelSet = jit.SET, half: Any = None, sums: bool = False) -> None:
        self.kernels, self.half = kernels, half
        self.by_hand: set[Expression] = set()
        self.sums = sums

    def dtype(self, dtype: Any) -> Any:
        return dtype

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        kind = FUNCTIONS.get(name)
        if kind is not None:
            return lambda *values: joined(kind, *values)
        if name in reference.SET.declared:
            return lambda *values, **consts: self._kernel(name, values, consts)
        found = getattr(np, name, None)
        if isinstance(found, (type, float, int)) or name in ("finfo", "iinfo"):
            return found

        def refuse(*args: Any, **options: Any) -> NoReturn:
            raise NotPointwise(f"calls xp.{name}")

        return refuse

    def _kernel(self, name: str, values: tuple[Any, ...], consts: dict[str, Any]) -> Any:
        """A kernel is read through: a formula takes its place, that of the reference where there is no faster one."""
        if name in EXPONENTIAL:
            numbers = {n: part(v) for n, v in consts.items()}
            result: Any = Symbol(EXPONENTIAL[name](*map(part, values), **numbers), shape_of((*values, *consts.values())))
        else:
            result = reference.SET.load(name)(self, *values, **consts)
        first = next((v for v in values if isinstance(v, Symbol)), None)
        if isinstance(result, Symbol) and first is not None and self.kernels.has(name, (self.half or first.dtype).name):
            self.by_hand.add(result.expression)
        return result

    where = staticmethod(choose)

    def sum(self, x: Symbol, *, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Symbol:
        return self._put_together("total", x, axis, dtype, keepdims)

    def mean(self, x: Symbol, *, axis: Any = None, keepdims: bool = False) -> Symbol:
        return self._put_together("average", x, axis, None, keepdims)

    def _put_together(self, kind: str, x: Symbol, axis: Any, dtype: Any, keepdims: bool) -> Symbol:
        """A sum or average of all elements, where that may be read."""
        if not self.sums or axis is not None or dtype is not None or keepdims or x.dtype.kind != "f" or not x.of:
            raise NotPointwise(f"calls xp.{'sum' if kind == 'total' else 'mean'}")
        return Symbol(graph.node(kind, (part(x),), x.dtype), frozenset())

    def broadcast_to(self, x: Symbol, shape: Any) -> Symbol:
        if not self.sums or not isinstance(shape, Shape) or not x.of <= shape.of:
            raise NotPointwise("calls xp.broadcast_to")
        return Symbol(part(x), shape.of)

    def reshape(self, x: Symbol, shape: Any, copy: bool | None = None) -> Symbol:
        """Flattening, and undoing it, is all that reference kernels do to make a result dense."""
        if type(shape) is tuple and shape == (-1,):
            return Symbol(x.expression, x.of, flat=True)
        if x.flat and isinstance(shape, Shape) and shape == x.shape:
            return Symbol(x.expression, x.of)
        raise NotPointwise("calls xp.reshape")

    def astype(self, x: Symbol, dtype: Any, copy: bool = True) -> Symbol:
        return Symbol(graph.cast(part(x), _real(dtype)), x.of)

    def clip(self, x: Any, low: Any = None, high: Any = None) -> Any:
        x = x if low is None else joined("max", x, low)
        return x if high is None else joined("min", x, high)

    def full_like(self, x: Symbol, value: Any, dtype: Any = None) -> Symbol:
        if isinstance(value, Symbol):
            raise NotPointwise("fills with an array")
        return Symbol(graph.constant(part(value), x.dtype if dtype is None else _real(dtype)), x.of)

    def zeros_like(self, x: Symbol, dtype: Any = None) -> Symbol:
        return self.full_like(x, 0, dtype)

    def ones_like(self, x: Symbol, dtype: Any = None) -> Symbol:
        return self.full_like(x, 1, dtype)

    def zeros(self, shape: Any, dtype: Any = None, device: Any = None) -> Symbol:
        return _filled(shape, 0, dtype)

    def ones(self, shape: Any, dtype: Any = None, device: Any = None) -> Symbol:
        return _filled(shape, 1, dtype)

    def asarray(self, x: Any, dtype: Any = None, copy: bool | None = None) -> Symbol:
        if not isinstance(x, Symbol):
            raise NotPointwise("makes an array")
        return x if dtype is None else self.astype(x, dtype)

    def real(self, x: Symbol) -> Symbol:
        return x

    conj = real

    def result_type(self, *values: Any) -> Any:
        return np.result_type(*[v.dtype if isinstance(v, Symbol) else v for v in values])

    def isdtype(self, dtype: Any, kind: Any) -> bool:
        return bool(np.isdtype(np.dtype(dtype), kind))


def _real(dtype: Any) -> Any:
    """The dtypes that formulas may have inside."""
    dtype = np.dtype(dtype)
    if dtype.name not in DTYPES or dtype.name in HALVES:
        raise NotPointwise(f"computes in {dtype}")
    return dtype


def _filled(shape: Any, value: int, dtype: Any) -> Symbol:
    if not isinstance(shape, Shape) or dtype is None:
        raise NotPointwise("makes an array")
    return Symbol(graph.constant(value, _real(dtype)), shape.of)
