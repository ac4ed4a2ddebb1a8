"""Formulas as LLVM IR on vectors: one value of so many lanes per node, booleans as masks."""

from __future__ import annotations

import platform
from typing import Any

from llvmlite import ir

from ...generated.expression import COMPARISONS, LOGIC, SHIFTS, Expression

I1, I8, I32, I64 = ir.IntType(1), ir.IntType(8), ir.IntType(32), ir.IntType(64)
POINTER = ir.PointerType(I8)

_INTRINSICS = {
    "abs": "fabs", "rint": "rint", "floor": "floor", "ceil": "ceil", "trunc": "trunc", "sqrt": "sqrt", "copysign": "copysign",
    "max": "maximum", "min": "minimum", "fma": "fma",
}  # fmt: skip
_AS_X86 = platform.machine().lower() in ("x86_64", "amd64")
_SIGNS = {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}


def in_memory(dtype: Any) -> Any:
    """The type of one element of an array."""
    known = {"float32": ir.FloatType(), "float64": ir.DoubleType(), "float16": ir.HalfType(), "bool": I8}
    return known.get(dtype.name) or ir.IntType(8 * dtype.itemsize)  # bfloat16 by its bits


class Splat(ir.Constant):  # type: ignore[misc]  # llvmlite is untyped
    """One number in every lane, written shortly: most of a kernel's text would be constants."""

    def __init__(self, vector: Any, number: Any) -> None:
        super().__init__(vector, None)
        self.reference = f"splat ({ir.Constant(vector.element, number)})"

    def get_reference(self) -> str:
        return self.reference


def broadcast(builder: Any, scalar: Any, lanes: int) -> Any:
    """A scalar in every lane."""
    vector = ir.VectorType(scalar.type, lanes)
    undefined = ir.Constant(vector, ir.Undefined)
    one = builder.insert_element(undefined, scalar, ir.Constant(I32, 0))
    return builder.shuffle_vector(one, undefined, ir.Constant(ir.VectorType(I32, lanes), [0] * lanes))


class Vectors:
    """Writes the nodes of a formula at the place of a builder; done: the values of those already written."""

    def __init__(self, builder: Any, lanes: int) -> None:
        self.b, self.lanes = builder, lanes
        self.done: dict[Expression, Any] = {}

    def type(self, dtype: Any) -> Any:
        return ir.VectorType(I1 if dtype.kind == "b" else in_memory(dtype), self.lanes)

    def stored(self, dtype: Any) -> Any:
        """The type of a vector as it lies in memory."""
        return ir.VectorType(in_memory(dtype), self.lanes)

    def function(self, name: str, returns: Any, takes: list[Any]) -> Any:
        return self.b.module.globals.get(name) or ir.Function(self.b.module, ir.FunctionType(returns, takes), name=name)

    def value(self, e: Expression) -> Any:
        if e.kind != "const":
            return self.done[e]
        if e.dtype.kind == "b":
            return ir.Constant(self.type(e.dtype), [int(bool(e.value))] * self.lanes)
        return Splat(self.type(e.dtype), e.value if e.dtype.kind in "iu" else float(e.dtype.type(e.value)))

    def emit(self, e: Expression) -> None:
        """Write one node, whose arguments are done."""
        b, a, kind = self.b, [self.value(x) for x in e.args], e.kind
        if e.dtype.kind in "iu" and kind in ("add", "sub", "mul", "neg", "abs", "max", "min"):
            made = self._of_integers(kind, e.dtype.kind == "i", *a)
        elif kind in ("add", "sub", "mul", "div", "neg"):
            made = getattr(b, f"f{kind}")(*a)
        elif kind in ("max", "min") and _AS_X86:
            made = self._extremum(kind, *a)
        elif kind in _INTRINSICS:
            t = self.type(e.dtype)
            name = f"llvm.{_INTRINSICS[kind]}.v{self.lanes}f{8 * e.itemsize}"
            made = b.call(self.function(name, t, [t] * len(a)), a)
        elif kind in COMPARISONS:
            made = self._compared(e, a)
        elif kind in LOGIC:
            made = {"and": b.and_, "or": b.or_, "xor": b.xor, "not": b.not_}[kind](*a)
        elif kind in SHIFTS:
            made = self._shifted(kind, e.dtype.kind == "i", *a)
        elif kind == "where":
            made = b.select(*a)
        elif kind == "cast":
            made = self._cast(a[0], e.args[0].dtype, e.dtype)
        elif kind in ("pow2", "exponent", "mantissa"):
            made = self._bits(kind, e, a[0])
        elif kind == "nextafter":
            made = self._following(e, *a)
        elif kind == "guarded":
            made = self._guarded(e, *a)
        else:
            raise NotImplementedError(kind)
        self.done[e] = made

    def _of_integers(self, kind: str, signs: bool, x: Any, *others: Any) -> Any:
        b = self.b
        if kind in ("max", "min"):
            (y,) = others
            compare = b.icmp_signed if signs else b.icmp_unsigned
            return b.select(compare(">" if kind == "max" else "<", x, y), x, y)
        if kind == "abs":
            return b.select(b.icmp_signed("<", x, ir.Constant(x.type, [0] * self.lanes)), b.neg(x), x) if signs else x
        return getattr(b, kind)(x, *others)

    def _extremum(self, kind: str, x: Any, y: Any) -> Any:
        """The second of two zeros, as NumPy has it on x86; on ARM it has IEEE's maximum, 0 above -0."""
        b = self.b
        better = b.select(b.fcmp_ordered(">" if kind == "max" else "<", x, y), x, y)
        return b.select(b.fcmp_unordered("uno", x, x), x, better)

    def _shifted(self, kind: str, signs: bool, x: Any, by: Any) -> Any:
        b, bits = self.b, x.type.element.width
        fits = b.icmp_unsigned("<", by, ir.Constant(x.type, [bits] * self.lanes))
        if kind == "shr" and signs:
            return b.ashr(x, b.select(fits, by, ir.Constant(x.type, [bits - 1] * self.lanes)))
        return b.select(fits, (b.shl if kind == "shl" else b.lshr)(x, by), ir.Constant(x.type, [0] * self.lanes))

    def converted(self, x: Any, old: Any, new: Any) -> Any:
        """A vector in another dtype."""
        return x if old == new else self._cast(x, old, new)

    def _compared(self, e: Expression, a: list[Any]) -> Any:
        kind = e.args[0].dtype.kind
        if kind == "f":
            return (self.b.fcmp_unordered if e.kind == "ne" else self.b.fcmp_ordered)(_SIGNS[e.kind], *a)
        return (self.b.icmp_signed if kind == "i" else self.b.icmp_unsigned)(_SIGNS[e.kind], *a)

    def _cast(self, v: Any, old: Any, new: Any) -> Any:
        b, t = self.b, self.type(new)
        if new.name == "bfloat16":
            return self._upper_half(v, t)
        if old.name == "bfloat16":
            return b.bitcast(b.shl(b.zext(v, self._words()), self._sixteen()), t)
        if new.kind == "b":
            nothing = ir.Constant(v.type, [0.0 if old.kind == "f" else 0] * self.lanes)
            return b.fcmp_unordered("!=", v, nothing) if old.kind == "f" else b.icmp_unsigned("!=", v, nothing)
        if old.kind == "f":
            return b.fpext(v, t) if new.itemsize > old.itemsize else b.fptrunc(v, t)
        if new.kind == "f":
            return b.sitofp(v, t) if old.kind == "i" else b.uitofp(v, t)
        if old.kind != "b" and new.itemsize <= old.itemsize:
            return b.trunc(v, t) if new.itemsize < old.itemsize else v
        return b.sext(v, t) if old.kind == "i" else b.zext(v, t)

    def _words(self) -> Any:
        return ir.VectorType(I32, self.lanes)

    def _sixteen(self) -> Any:
        return Splat(self._words(), 16)

    def _upper_half(self, v: Any, t: Any) -> Any:
        """The bits of float32 values rounded to the nearest bfloat16, to the even one of two; NaN stays NaN."""
        b, words = self.b, self._words()
        bits = b.bitcast(v, words)
        odd = b.and_(b.lshr(bits, self._sixteen()), Splat(words, 1))
        rounded = b.add(bits, b.add(odd, Splat(words, 0x7FFF)))
        quiet = b.or_(bits, Splat(words, 0x400000))
        return b.trunc(b.lshr(b.select(b.fcmp_unordered("uno", v, v), quiet, rounded), self._sixteen()), t)

    def _bits(self, kind: str, e: Expression, x: Any) -> Any:
        b = self.b
        width, fraction, bias = (32, 23, 127) if e.itemsize == 4 else (64, 52, 1023)
        t = ir.VectorType(ir.IntType(width), self.lanes)
        if kind == "pow2":
            # so large that its last bits are those of n + bias, and what they are shifted over are zeros
            shifted = b.fadd(x, Splat(x.type, 1.5 * 2.0**fraction + bias))
            return b.bitcast(b.shl(b.bitcast(shifted, t), Splat(t, fraction)), self.type(e.dtype))
        raw = b.bitcast(x, t)
        if kind == "mantissa":
            low = b.and_(raw, Splat(t, (1 << fraction) - 1))
            return b.bitcast(b.or_(low, Splat(t, bias << fraction)), self.type(e.dtype))
        high = b.and_(b.lshr(raw, Splat(t, fraction)), Splat(t, (1 << (width - fraction - 1)) - 1))
        return b.sitofp(b.sub(high, Splat(t, bias)), self.type(e.dtype))

    def _following(self, e: Expression, x: Any, y: Any) -> Any:
        """The number next to x in the direction of y: one more, or one less, as an integer."""
        b, t = self.b, ir.VectorType(ir.IntType(8 * e.itemsize), self.lanes)
        zero, one = ir.Constant(x.type, [0.0] * self.lanes), Splat(t, 1)
        bits, sign = b.bitcast(x, t), Splat(t, 1 << (8 * e.itemsize - 1))
        away = b.xor(b.fcmp_ordered("<", x, y), b.icmp_signed("<", bits, ir.Constant(t, [0] * self.lanes)))
        moved = b.select(away, b.add(bits, one), b.sub(bits, one))
        least = b.or_(one, b.and_(b.bitcast(y, t), sign))
        moved = b.bitcast(b.select(b.fcmp_ordered("==", x, zero), least, moved), x.type)
        made = b.select(b.fcmp_ordered("==", x, y), y, moved)
        return b.select(b.fcmp_unordered("uno", x, y), b.fadd(x, y), made)

    def _guarded(self, e: Expression, fast: Any, holds: Any, *given: Any) -> Any:
        """The fast value; where it does not hold in some lane, the C library's in those."""
        b = self.b
        number = ir.IntType(self.lanes)
        before = b.block
        bad = b.icmp_unsigned("!=", b.bitcast(holds, number), ir.Constant(number, (1 << self.lanes) - 1))
        with b.if_then(bad, likely=False):
            t = in_memory(e.dtype)
            f = self.function(e.value + ("f" if e.itemsize == 4 else ""), t, [t] * len(given))
            slow = ir.Constant(self.type(e.dtype), ir.Undefined)
            for i in range(self.lanes):
                at = ir.Constant(I32, i)
                slow = b.insert_element(slow, b.call(f, [b.extract_element(x, at) for x in given]), at)
            slow = b.select(holds, fast, slow)
            inside = b.block
        made = b.phi(self.type(e.dtype))
        made.add_incoming(fast, before)
        made.add_incoming(slow, inside)
        return made
