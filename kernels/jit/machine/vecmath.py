"""Elementary functions for float32 loops that turn into vector code.

A call of the C library costs about 15 ns an element; these are short enough to be inlined and carried out on whole
vectors. Each is compiled without licence to reorder: a range reduction in two steps is only as good as its order.

Source of the exponential: S. L. Moshier, Cephes Mathematical Library (expf), rearranged so that neither end of the
range passes through an infinity or a zero that the result does not have.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import overload

from ...types import Array
from .compile import inner, intrinsic
from .vector import Emitter, Value, emits

_f = np.float32
LOG2E, LN2_HIGH, LN2_LOW = _f(1.4426950408889634), _f(0.693359375), _f(-2.12194440e-4)
P0, P1, P2 = _f(1.9875691500e-4), _f(1.3981999507e-3), _f(8.3334519073e-3)
P3, P4, P5 = _f(4.1665795894e-2), _f(1.6666665459e-1), _f(5.0000001201e-1)
ZERO, HALF, ONE, TWO, ROOT2 = _f(0), _f(0.5), _f(1), _f(2), _f(2**0.5)
LOWEST, HIGHEST, SMALL, LIFT, LOWER = _f(-104.5), _f(89), _f(-125), _f(64), _f(2.0**-64)


def fma(x: Any, y: Any, z: Any) -> Any:
    """x * y + z of float32, rounded once."""
    return _f(np.float64(x) * np.float64(y) + np.float64(z))


def rint(x: Any) -> Any:
    """The nearest whole number, ties to even."""
    return np.rint(x)


def exp2_whole(n: Any) -> Any:
    """2 ** n of a whole float32 n, -126 <= n <= 127."""
    return _f(np.ldexp(1.0, int(n)))


def maximum(x: Any, y: Any) -> Any:
    """The larger of two numbers, NaN if either is NaN; keeps a running maximum in vector registers."""
    return np.maximum(x, y)


def _llvm(name: str, count: int) -> Any:
    """An intrinsic of LLVM on `count` floats of one type."""

    def gen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = args[0].type
        full = f"llvm.{name}.{'f32' if kind == ir.FloatType() else 'f64'}"
        function = builder.module.globals.get(full) or ir.Function(
            builder.module, ir.FunctionType(kind, [kind] * count), name=full
        )
        return builder.call(function, args)

    return gen


def split(x: Any) -> Any:
    """Whole n and float32 m, 1 <= m < 2, with x = m 2 ** n, of a positive normal float32."""
    m, n = np.frexp(x)
    return _f(n - 1), _f(2 * m)


@intrinsic
def _fma(typing_context: Any, x: Any, y: Any, z: Any) -> Any:
    return types.float32(types.float32, types.float32, types.float32), _llvm("fma", 3)


@intrinsic
def _rint(typing_context: Any, x: Any) -> Any:
    return types.float32(types.float32), _llvm("rint", 1)


@intrinsic
def _maximum(typing_context: Any, x: Any, y: Any) -> Any:
    return x(x, x), _llvm("maximum", 2)


@intrinsic
def _exp2_whole(typing_context: Any, n: Any) -> Any:
    """The exponent is built in 32 bits: Numba's own integers would be widened to 64 and stop the vectoriser."""

    def gen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        i32 = ir.IntType(32)
        biased = builder.add(builder.fptosi(args[0], i32), i32(127))
        return builder.bitcast(builder.shl(biased, i32(23)), ir.FloatType())

    return types.float32(types.float32), gen


@intrinsic
def _split(typing_context: Any, x: Any) -> Any:
    """By the bits, in 32 of them for the same reason."""

    def gen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        i32 = ir.IntType(32)
        bits = builder.bitcast(args[0], i32)
        exponent = builder.sub(builder.and_(builder.lshr(bits, i32(23)), i32(255)), i32(127))
        fraction = builder.or_(builder.and_(bits, i32(0x7FFFFF)), i32(0x3F800000))
        pair = builder.sitofp(exponent, ir.FloatType()), builder.bitcast(fraction, ir.FloatType())
        return context.make_tuple(builder, signature.return_type, pair)

    return types.UniTuple(types.float32, 2)(types.float32), gen


@overload(split, inline="always", strict=False)
def _split_overload(x: Any) -> Any:
    return lambda x: _split(x)


@overload(fma, inline="always", strict=False)
def _fma_overload(x: Any, y: Any, z: Any) -> Any:
    return lambda x, y, z: _fma(x, y, z)


@overload(rint, inline="always", strict=False)
def _rint_overload(x: Any) -> Any:
    return lambda x: _rint(x)


@overload(maximum, inline="always", strict=False)
def _maximum_overload(x: Any, y: Any) -> Any:
    return lambda x, y: _maximum(x, y)


@overload(exp2_whole, inline="always", strict=False)
def _exp2_whole_overload(n: Any) -> Any:
    return lambda n: _exp2_whole(n)


@inner(exact=True)
def exp32(x: Any) -> Any:
    """e ** x of a float32 to 1.01 ulp, subnormal results included; NaN gives NaN, +-Inf give Inf and 0."""
    t = x if x > LOWEST else LOWEST
    t = t if t < HIGHEST else HIGHEST
    n = rint(t * LOG2E)
    r = fma(n, -LN2_LOW, fma(n, -LN2_HIGH, t))
    p = fma(fma(fma(fma(fma(P0, r, P1), r, P2), r, P3), r, P4), r, P5)
    p = fma(p * r, r, r)
    twice = p + p + TWO  # 2 e^r, so that 2 ** (n - 1) is finite wherever the result is
    small = n < SMALL
    y = twice * exp2_whole(n - ONE + (LIFT if small else ZERO)) * (LOWER if small else ONE)
    return y if x == x else x


def emit_exp(e: Emitter, x: Value) -> Value:
    """exp32 of a vector, operation for operation."""
    b, whole = e.b, ir.VectorType(ir.IntType(32), e.lanes)

    def of(number: Any) -> Value:
        return ir.Constant(e.type, [float(number)] * e.lanes)

    def integers(number: int) -> Value:
        return ir.Constant(whole, [number] * e.lanes)

    t = b.select(b.fcmp_ordered(">", x, of(LOWEST)), x, of(LOWEST))
    t = b.select(b.fcmp_ordered("<", t, of(HIGHEST)), t, of(HIGHEST))
    n = b.call(e.function(f"llvm.rint.{e.suffix}", e.type, [e.type]), [b.fmul(t, of(LOG2E))])
    r = e.fma(n, of(-LN2_LOW), e.fma(n, of(-LN2_HIGH), t))
    p = of(P0)
    for coefficient in (P1, P2, P3, P4, P5):
        p = e.fma(p, r, of(coefficient))
    p = e.fma(b.fmul(p, r), r, r)
    small = b.fcmp_ordered("<", n, of(SMALL))
    exponent = b.fadd(b.fsub(n, of(ONE)), b.select(small, of(LIFT), of(ZERO)))
    power = b.bitcast(b.shl(b.add(b.fptosi(exponent, whole), integers(127)), integers(23)), e.type)
    y = b.fmul(b.fmul(b.fadd(b.fadd(p, p), of(TWO)), power), b.select(small, of(LOWER), of(ONE)))
    return b.select(b.fcmp_ordered("==", x, x), y, x)


def emit_log(e: Emitter, x: Value) -> Value:
    """log32 of a vector, but for the order of its last sum."""
    b, whole = e.b, ir.VectorType(ir.IntType(32), e.lanes)

    def of(number: Any) -> Value:
        return ir.Constant(e.type, [float(number)] * e.lanes)

    def integers(number: int) -> Value:
        return ir.Constant(whole, [number] * e.lanes)

    bits = b.bitcast(x, whole)
    exponent = b.sub(b.and_(b.lshr(bits, integers(23)), integers(255)), integers(127))
    m = b.bitcast(b.or_(b.and_(bits, integers(0x7FFFFF)), integers(0x3F800000)), e.type)
    large = b.fcmp_ordered(">", m, of(ROOT2))
    m = b.select(large, b.fmul(m, of(HALF)), m)
    n = b.sitofp(b.select(large, b.add(exponent, integers(1)), exponent), e.type)
    s = b.fdiv(b.fsub(m, of(ONE)), b.fadd(m, of(ONE)))
    z = b.fmul(s, s)
    p = of(A5)
    for coefficient in (A4, A3, A2, A1):
        p = e.fma(p, z, of(coefficient))
    twice = b.fadd(s, s)
    low = e.fma(n, of(LN2_LOW), b.fmul(twice, b.fmul(p, z)))
    y = e.fma(n, of(LN2_HIGH), b.fadd(twice, low))
    return b.select(b.fcmp_ordered("==", x, x), y, x)


LN2_HIGH64, LN2_LOW64, SHIFTER = 0.6931471803691238, 1.9082149292705877e-10, 1.5 * 2.0**52


def emit_exp64(e: Emitter, x: Value) -> Value:
    """e ** x of a vector of float64 to 1 ulp where the result is at least 2 ** -1021, and 0 below; NaN gives NaN.

    Adding SHIFTER leaves the whole part of x / log 2 in the low bits, from where it is moved into the exponent.
    """
    b, whole = e.b, ir.VectorType(ir.IntType(64), e.lanes)

    def of(number: float) -> Value:
        return ir.Constant(e.type, [number] * e.lanes)

    t = b.select(b.fcmp_ordered(">", x, of(-707.7)), x, of(-707.7))
    t = b.select(b.fcmp_ordered("<", t, of(709.7)), t, of(709.7))
    shifted = e.fma(t, of(1 / math.log(2)), of(SHIFTER))
    n = b.fsub(shifted, of(SHIFTER))
    r = e.fma(n, of(-LN2_LOW64), e.fma(n, of(-LN2_HIGH64), t))
    p = of(1 / math.factorial(13))
    for k in range(12, -1, -1):
        p = e.fma(p, r, of(1 / math.factorial(k)))
    moved = b.shl(b.bitcast(shifted, whole), ir.Constant(whole, [52] * e.lanes))
    y = b.bitcast(b.add(b.bitcast(p, whole), moved), e.type)
    y = b.select(b.fcmp_ordered("<", x, of(-707.7)), of(0.0), y)
    y = b.select(b.fcmp_ordered(">", x, of(709.7)), of(math.inf), y)
    return b.select(b.fcmp_ordered("==", x, x), y, x)


def _emit_exp_all(e: Emitter, x: Value, n: Value) -> None:
    def vector(v: Value, mask: Value | None, _: list[Value]) -> list[Value]:
        at = e.vectors(x, v)
        y = (emit_exp if e.size == 4 else emit_exp64)(e, e.masked_load(at, mask))
        e.masked_store(y, at, mask)
        return []

    with e.when_positive(n):
        e.each_vector(n, [], vector)


@emits(_emit_exp_all)
def exp_all(x: Array, n: int) -> None:
    """e ** x of the first n numbers, in their place."""
    x[:n] = np.exp(x[:n])


A1, A2, A3, A4, A5, A6, A7, A8 = (_f(1 / (2 * k + 1)) for k in range(1, 9))  # the series of atanh


@inner(exact=True)
def log1p_unit(t: Any) -> Any:
    """log(1 + t) of a float32 t, 0 <= t <= 1, to 1.5 ulp: 2 atanh(s) with s = t / (2 + t) at most 1/3, by its series."""
    s = t / (TWO + t)
    z = s * s
    p = fma(fma(fma(fma(fma(fma(fma(A8, z, A7), z, A6), z, A5), z, A4), z, A3), z, A2), z, A1)
    return TWO * fma(s * z, p, s)


@inner(exact=True)
def log32(x: Any) -> Any:
    """log x of a normal float32 x > 0 to 2 ulp, by the same series; NaN gives NaN."""
    n, m = split(x)
    large = m > ROOT2
    m = m * HALF if large else m
    n = n + ONE if large else n
    s = (m - ONE) / (m + ONE)
    z = s * s
    p = fma(fma(fma(fma(A5, z, A4), z, A3), z, A2), z, A1)
    return n * LN2_HIGH + (TWO * s + fma(n, LN2_LOW, TWO * s * (p * z))) if x == x else x


def log(x: Any) -> Any:
    """The logarithm in the precision of x, which is positive and normal."""
    return log32(x) if type(x) is np.float32 else np.log(x)


@overload(log, inline="always", strict=False)
def _log_overload(x: Any) -> Any:
    return (lambda x: log32(x)) if x == types.float32 else (lambda x: np.log(x))


def exp(x: Any) -> Any:
    """e ** x in the precision of x."""
    return exp32(x) if type(x) is np.float32 else np.exp(x)


@overload(exp, inline="always", strict=False)
def _exp_overload(x: Any) -> Any:
    return (lambda x: exp32(x)) if x == types.float32 else (lambda x: np.exp(x))


@inner(exact=True)
def log_all(x: Array, y: Array) -> None:
    """y = log x, of positive normal numbers."""
    for i in range(x.size):
        y[i] = log(x[i])
