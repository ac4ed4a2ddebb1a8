"""Rows written past the caches: a large result that nobody reads soon would push other arrays out of them.

An ordinary store brings the line into the cache first, to change a part of it; whole lines that are written past it are not read.
"""

from __future__ import annotations

import platform

from llvmlite import ir

from ...types import Array
from .address import address
from .vector import Emitter, Value, emits

LARGE = 1 << 23
"""Bytes of a result from which on it is written so: more than a core has of caches that it reads fast."""

PIECE = 16
"""Bytes of a store, which begins at a multiple of that."""

FENCED = platform.machine() in ("x86_64", "AMD64")
"""Whether such stores may be seen in another order, unless a fence follows them."""


def is_streamed(y: Array, row: int) -> bool:
    """Whether a result is to be written past the caches, in rows of so many elements."""
    return y.nbytes >= LARGE and not (row * y.itemsize % PIECE or address(y) % PIECE)


def store_past(e: Emitter, vector: Value, address: Value) -> None:
    """Store a vector past the caches, at a multiple of PIECE."""
    b, lanes = e.b, PIECE // e.size
    mark = b.module.add_metadata([ir.Constant(ir.IntType(32), 1)])
    kind = ir.PointerType(ir.VectorType(e.element, lanes))
    for lane in range(0, e.lanes, lanes):
        part = e.shuffle(vector, vector, list(range(lane, lane + lanes)))
        b.store(part, b.inttoptr(e.at(address, lane), kind), align=PIECE).set_metadata("nontemporal", mark)


def _emit_fence(e: Emitter, x: Array) -> None:
    if FENCED:
        e.b.call(e.function("llvm.x86.sse.sfence", ir.VoidType(), []), [])


@emits(_emit_fence)
def fence(x: Array) -> None:
    """Have what was streamed be seen before anything that is written later."""
