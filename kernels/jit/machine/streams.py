"""Rows written past the caches: a large result that nobody reads soon would push other arrays out of them.

An ordinary store brings the line into the cache first, to change a part of it; whole lines that are written past it are not read.
"""

from __future__ import annotations

import platform

from llvmlite import ir

from ...types import Array
from .address import address
from .vector import Emitter, Value, emits, int64
from .views import Tail, head

LARGE = 1 << 23
"""Bytes of a result from which on it is written so: more than a core has of caches that it reads fast."""

PIECE = 16
"""Bytes of a store, which begins at a multiple of that."""

FENCED = platform.machine() in ("x86_64", "AMD64")
"""Whether such stores may be seen in another order, unless a fence follows them."""


def is_streamed(y: Array, row: int) -> bool:
    """Whether a result is to be written past the caches, in rows of so many elements."""
    return y.nbytes >= LARGE and not (row * y.itemsize % PIECE or address(y) % PIECE)


def _emit_stream(e: Emitter, target: Tail, source: Tail, n: Value) -> None:
    b, kind = e.b, ir.VectorType(ir.IntType(32), PIECE // 4)
    start, end = e.start(source), e.start(target)
    mark = b.module.add_metadata([ir.Constant(ir.IntType(32), 1)])

    def piece(i: Value, _: list[Value]) -> list[Value]:
        offset = b.mul(i, int64(PIECE))
        value = b.load(b.inttoptr(b.add(start, offset), ir.PointerType(kind)), align=e.size)
        b.store(value, b.inttoptr(b.add(end, offset), ir.PointerType(kind)), align=PIECE).set_metadata("nontemporal", mark)
        return []

    count = b.sdiv(b.mul(n, int64(e.size)), int64(PIECE))
    with e.when_positive(count):
        e.loop(count, [], piece)


@emits(_emit_stream)
def stream(target: Tail, source: Tail, n: int) -> None:
    """Copy n elements, whole pieces, past the caches."""
    head(target, n)[:] = head(source, n)


def _emit_fence(e: Emitter, x: Array) -> None:
    if FENCED:
        e.b.call(e.function("llvm.x86.sse.sfence", ir.VoidType(), []), [])


@emits(_emit_fence)
def fence(x: Array) -> None:
    """Have what was streamed be seen before anything that is written later."""
