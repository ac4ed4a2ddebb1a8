"""Vector code by hand: a Python function and, beside it, the LLVM instructions that compiled code runs in its place.

LLVM's vectoriser does not find the register tiles that matrix products live on, so the few innermost loops of this
package are written as vector instructions. `emits` ties such a piece to an ordinary function, its twin: Python runs the
twin, compiled code gets the instructions. Both take flat arrays with positions, so the twin can check every access.

Vectors are as wide as the CPU's registers: 64 bytes with AVX-512, 32 with AVX2, 16 elsewhere. $DLENGINE_JIT_LANES (16,
8 or 4 float32 lanes) overrules that, for tests.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from inspect import signature
from typing import Any, TypeVar

import llvmlite.binding as llvm
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import lower_builtin, type_callable

from ...types import Array
from .compile import inner
from .views import Matrix, Panel, Pieces, Rows, Scattered, Tail, head, row_of

F = TypeVar("F", bound=Callable[..., Any])
Value = Any
"""An LLVM value."""


def _float32_lanes() -> int:
    forced = os.environ.get("DLENGINE_JIT_LANES")
    if forced:
        if forced not in ("16", "8", "4"):
            raise ValueError(f"DLENGINE_JIT_LANES must be 16, 8 or 4, not {forced!r}")
        return int(forced)
    features = llvm.get_host_cpu_features()
    return 16 if features.get("avx512f") else 8 if features.get("avx2") else 4


VECTOR_BYTES = 4 * _float32_lanes()
MANY_REGISTERS = VECTOR_BYTES != 32  # AVX-512 and AArch64 have 32 vector registers, AVX2 has 16
MASKS = VECTOR_BYTES == 64  # AVX-512 stores some lanes as fast as all; AVX2 in ten times that on some processors

I1, I32, I64 = ir.IntType(1), ir.IntType(32), ir.IntType(64)


@inner()
def lanes_of(x: Array) -> int:
    """Elements of x in one vector."""
    return VECTOR_BYTES // x.itemsize  # type: ignore[no-any-return]


def emits(emit: Callable[..., None]) -> Callable[[F], F]:
    """Give a function its machine code: emit(e, *arguments), arrays as the address of element 0, numbers as i64.

    A named tuple (see views.py) comes as the same tuple of such values. The first floating-point array decides the type of the
    emitter's vectors, which without one is float32.
    """

    def attach(twin: F) -> F:
        @type_callable(twin)
        def type_of_call(context: Any) -> Any:
            def returns_nothing(*arguments: Any) -> Any:
                return types.void

            returns_nothing.__signature__ = signature(twin)  # type: ignore[attr-defined]
            return returns_nothing

        @lower_builtin(twin, types.VarArg(types.Any))
        def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            values = [_lowered(context, builder, kind, value) for kind, value in zip(sig.args, args, strict=True)]
            emit(Emitter(builder, next(_float_sizes(sig.args), 4)), *values)
            return context.get_dummy_value()

        return twin

    return attach


NAMED_TUPLE: Any = types.BaseNamedTuple


def _lowered(context: Any, builder: Any, kind: Any, value: Any) -> Any:
    """An argument as emit gets it."""
    if isinstance(kind, types.Array):
        return builder.ptrtoint(context.make_array(kind)(context, builder, value).data, I64)
    if isinstance(kind, NAMED_TUPLE):
        fields = cgutils.unpack_tuple(builder, value, len(kind.types))
        return kind.instance_class(*(_lowered(context, builder, k, field) for k, field in zip(kind.types, fields, strict=True)))
    return context.cast(builder, value, kind, types.intp)


def _float_sizes(kinds: Iterable[Any]) -> Iterator[int]:
    """Bytes of an element, of each floating-point array among the arguments."""
    for kind in kinds:
        if isinstance(kind, NAMED_TUPLE):
            yield from _float_sizes(kind.types)
        elif isinstance(kind, types.Array) and isinstance(kind.dtype, types.Float):
            yield kind.dtype.bitwidth // 8


def int64(value: int) -> Value:
    return ir.Constant(I64, value)


class Emitter:
    """Emits vector instructions for one element type. Addresses are i64; offsets and pitches count elements."""

    def __init__(self, builder: Any, item_bytes: int) -> None:
        self.b = builder
        self.size = item_bytes
        self.lanes = VECTOR_BYTES // item_bytes
        self.element = ir.FloatType() if item_bytes == 4 else ir.DoubleType()
        self.type = ir.VectorType(self.element, self.lanes)
        self.suffix = f"v{self.lanes}f{8 * item_bytes}"
        self.zero = ir.Constant(self.type, [0.0] * self.lanes)
        self._counts: dict[Value, Value] = {}

    def at(self, address: Value, elements: Value | int) -> Value:
        """Address plus elements."""
        if isinstance(elements, int):
            return self.b.add(address, int64(elements * self.size)) if elements else address
        return self.b.add(address, self.b.mul(elements, int64(self.size)))

    def start(self, x: Tail | Rows | Panel | Matrix | Pieces | Scattered) -> Value:
        """The address at which an operand begins."""
        return self.at(x.data, x.at)

    def vectors(self, address: Value, count: Value) -> Value:
        """Address plus whole vectors."""
        return self.b.add(address, self.b.mul(count, int64(VECTOR_BYTES)))

    def integer(self, address: Value, index: Value | int) -> Value:
        """Load entry `index` of an int64 table."""
        step = int64(8 * index) if isinstance(index, int) else self.b.shl(index, int64(3))
        return self.b.load(self.b.inttoptr(self.b.add(address, step), ir.PointerType(I64)))

    def pointer(self, address: Value) -> Value:
        return self.b.inttoptr(address, ir.PointerType(self.type))

    def load(self, address: Value) -> Value:
        return self.b.load(self.pointer(address), align=self.size)

    def store(self, vector: Value, address: Value) -> None:
        self.b.store(vector, self.pointer(address), align=self.size)

    def load_one(self, address: Value) -> Value:
        return self.b.load(self.b.inttoptr(address, ir.PointerType(self.element)), align=self.size)

    def store_one(self, value: Value, address: Value) -> None:
        self.b.store(value, self.b.inttoptr(address, ir.PointerType(self.element)), align=self.size)

    def broadcast(self, address: Value) -> Value:
        """Load one element into every lane."""
        return self.splat(self.load_one(address))

    def splat(self, scalar: Value) -> Value:
        undefined = ir.Constant(ir.VectorType(scalar.type, self.lanes), ir.Undefined)
        first = self.b.insert_element(undefined, scalar, ir.Constant(I32, 0))
        return self.shuffle(first, undefined, [0] * self.lanes)

    def shuffle(self, x: Value, y: Value, lanes: list[int]) -> Value:
        """Lanes of x (0 ...) and y (lanes ...) in a new order."""
        return self.b.shuffle_vector(x, y, ir.Constant(ir.VectorType(I32, len(lanes)), lanes))

    def fma(self, x: Value, y: Value, z: Value) -> Value:
        """x * y + z, rounded once."""
        return self.b.call(self.function(f"llvm.fma.{self.suffix}", self.type, [self.type] * 3), [x, y, z])

    def function(self, name: str, returns: Any, takes: list[Any]) -> Any:
        """Declare an LLVM function once per module."""
        known = self.b.module.globals.get(name)
        return known or ir.Function(self.b.module, ir.FunctionType(returns, takes), name=name)

    def first_lanes(self, count: Value) -> Value:
        """A mask of the first count lanes: none below 1, all from `lanes` on."""
        numbers = ir.Constant(ir.VectorType(I32, self.lanes), list(range(self.lanes)))
        mask = self.b.icmp_signed("<", numbers, self.splat(self.b.trunc(count, I32)))
        self._counts[mask] = count
        return mask

    def masked_load(self, address: Value, mask: Value | None) -> Value:
        """Lanes outside the mask are zero, and their memory is not touched. None: all lanes."""
        if mask is None:
            return self.load(address)
        takes = [ir.PointerType(self.type), I32, mask.type, self.type]
        load = self.function(f"llvm.masked.load.{self.suffix}.p0", self.type, takes)
        return self.b.call(load, [self.pointer(address), ir.Constant(I32, self.size), mask, self.zero])

    def masked_store(self, vector: Value, address: Value, mask: Value | None) -> None:
        if mask is None:
            self.store(vector, address)
            return
        count = None if MASKS else self._counts.get(mask)
        if count is not None:
            with self.b.if_else(self.b.icmp_signed(">=", count, int64(self.lanes))) as (whole, part):
                with whole:
                    self.store(vector, address)
                with part, self.when_positive(count):
                    self._store_parts(vector, address, count)
            return
        takes = [self.type, ir.PointerType(self.type), I32, mask.type]
        store = self.function(f"llvm.masked.store.{self.suffix}.p0", ir.VoidType(), takes)
        self.b.call(store, [vector, self.pointer(address), ir.Constant(I32, self.size), mask])

    def _store_parts(self, vector: Value, address: Value, count: Value) -> None:
        """The first count lanes, fewer than all: half of a vector, a quarter ..., as the bits of the count say."""
        b, size = self.b, self.lanes // 2
        while size:
            low, high = (self.shuffle(vector, vector, list(range(first, first + size))) for first in (0, size))
            bit = b.and_(count, int64(size))
            has = b.icmp_signed("!=", bit, int64(0))
            with b.if_then(has):
                b.store(low, b.inttoptr(address, ir.PointerType(low.type)), align=self.size)
            vector, address, size = b.select(has, high, low), self.at(address, bit), size // 2

    def loop(
        self, count: Value, carried: list[Value], body: Callable[[Value, list[Value]], list[Value]]
    ) -> list[Value]:
        """carried = body(i, carried) for i = 0 ... count - 1; count must be at least 1. Returns the last values."""
        b = self.b
        before, head, end = b.block, b.function.append_basic_block("loop"), b.function.append_basic_block("end")
        b.branch(head)
        b.position_at_end(head)
        i = b.phi(I64)
        i.add_incoming(int64(0), before)
        phis = [b.phi(v.type) for v in carried]
        for phi, value in zip(phis, carried, strict=True):
            phi.add_incoming(value, before)
        new = body(i, phis)
        following = b.add(i, int64(1))
        i.add_incoming(following, b.block)
        for phi, value in zip(phis, new, strict=True):
            phi.add_incoming(value, b.block)
        b.cbranch(b.icmp_signed("<", following, count), head, end)
        b.position_at_end(end)
        return new

    def each_vector(
        self, n: Value, carried: list[Value], body: Callable[[Value, Value | None, list[Value]], list[Value]]
    ) -> list[Value]:
        """carried = body(v, mask, carried) for each vector v of n elements, which is at least 1. Returns the last values.

        mask: the lanes that there are; None for all. Where masks cost nothing every vector has one.
        """
        b, lanes = self.b, int64(self.lanes)
        if MASKS:
            vectors = b.sdiv(b.add(n, int64(self.lanes - 1)), lanes)
            return self.loop(vectors, carried, lambda v, x: body(v, self.first_lanes(b.sub(n, b.mul(v, lanes))), x))
        whole, rest = b.sdiv(n, lanes), b.srem(n, lanes)
        carried = self.when(whole, carried, lambda x: self.loop(whole, x, lambda v, y: body(v, None, y)))
        return self.when(rest, carried, lambda x: body(whole, self.first_lanes(rest), x))

    def when(self, count: Value, carried: list[Value], body: Callable[[list[Value]], list[Value]]) -> list[Value]:
        """body(carried) if count > 0, else carried."""
        before = self.b.block
        with self.when_positive(count):
            new = body(carried)
            inside = self.b.block
        found = []
        for old, value in zip(carried, new, strict=True):
            phi = self.b.phi(old.type)
            phi.add_incoming(old, before)
            phi.add_incoming(value, inside)
            found.append(phi)
        return found

    def when_positive(self, count: Value) -> Any:
        """Context of instructions that run only if count > 0."""
        return self.b.if_then(self.b.icmp_signed(">", count, int64(0)))

    def transpose(self, rows: list[Value]) -> list[Value]:
        """Transpose a square of `lanes` vectors: swap off-diagonal blocks of half, a quarter ... of its side."""
        rows, step = list(rows), self.lanes // 2
        while step:
            upper = [i if not i & step else self.lanes + i - step for i in range(self.lanes)]
            lower = [i + step if not i & step else self.lanes + i for i in range(self.lanes)]
            for i in range(self.lanes):
                if not i & step:
                    x, y = rows[i], rows[i + step]
                    rows[i], rows[i + step] = self.shuffle(x, y, upper), self.shuffle(x, y, lower)
            step //= 2
        return rows

    def across(self, vector: Value, combine: Callable[[Value, Value], Value]) -> Value:
        """All lanes combined, in every lane: halves, quarters ... are exchanged."""
        step = self.lanes // 2
        while step:
            vector = combine(vector, self.shuffle(vector, vector, [lane ^ step for lane in range(self.lanes)]))
            step //= 2
        return vector

    def lane_sums(self, vectors: list[Value]) -> Value:
        """`lanes` vectors to one: lane i is the sum of vectors[i]. A transposition that adds as it goes."""
        vectors, step = list(vectors), self.lanes // 2
        while step:
            upper = [i if not i & step else self.lanes + i - step for i in range(self.lanes)]
            lower = [i + step if not i & step else self.lanes + i for i in range(self.lanes)]
            vectors = [
                self.b.fadd(self.shuffle(x, y, upper), self.shuffle(x, y, lower))
                for x, y in zip(vectors[: len(vectors) // 2], vectors[len(vectors) // 2 :], strict=True)
            ]
            step //= 2
        return vectors[0]


def _emit_copy_rows(e: Emitter, target: Rows, source: Rows, n: Value, rows: Value, *constant: Tail) -> None:
    b = e.b
    addend = e.broadcast(e.start(*constant)) if constant else None

    def plus(x: Value) -> Value:
        return b.fadd(x, addend) if constant else x

    full, rest = b.sdiv(n, int64(e.lanes)), b.srem(n, int64(e.lanes))
    mask = e.first_lanes(rest)
    ahead_d, ahead_s = (b.mul(x.pitch, int64(e.size)) for x in (target, source))

    def row(at: list[Value], tail: bool) -> list[Value]:
        d, s = at

        def vector(v: Value, _: list[Value]) -> list[Value]:
            e.store(plus(e.load(e.vectors(s, v))), e.vectors(d, v))
            return []

        with e.when_positive(full):
            e.loop(full, [], vector)
        if tail:
            e.masked_store(plus(e.masked_load(e.vectors(s, full), mask)), e.vectors(d, full), mask)
        return [b.add(d, ahead_d), b.add(s, ahead_s)]

    with e.when_positive(rows):
        starts = [e.start(target), e.start(source)]
        with b.if_else(b.icmp_signed(">", rest, int64(0))) as (ragged, even):
            with ragged:
                e.loop(rows, starts, lambda _, at: row(at, True))
            with even:
                e.loop(rows, starts, lambda _, at: row(at, False))


@emits(_emit_copy_rows)
def copy_rows(target: Rows, source: Rows, n: int, rows: int) -> None:
    """The first n elements of each of so many rows. Touches nothing past n.

    A vector loop with a masked tail: for rows of 20 to 30 elements a plain loop or memcpy took up to half of a
    convolution.
    """
    for r in range(rows):
        if n > 0:
            row_of(target, r, n)[:] = row_of(source, r, n)


@emits(_emit_copy_rows)
def copy_rows_plus(target: Rows, source: Rows, n: int, rows: int, constant: Tail) -> None:
    """The same, with the first of `constant` added to every element."""
    for r in range(rows):
        if n > 0:
            row_of(target, r, n)[:] = row_of(source, r, n) + head(constant, 1)


@inner()
def clear(x: Array) -> None:
    """Zero a row. Takes a one-dimensional slice, which is what lets the loop vectorise."""
    for i in range(x.size):
        x[i] = 0


@inner(exact=True)
def add_to(target: Array, source: Array) -> None:
    """target += source, for rows."""
    for i in range(target.size):
        target[i] += source[i]


@inner()
def copy_to(target: Array, source: Array) -> None:
    """The elements of one row put into another."""
    for i in range(source.size):
        target[i] = source[i]


@inner()
def as_row(x: Array) -> Array:
    """A dense array as one row of elements, which is how the vector functions see memory."""
    return x.reshape(-1)
