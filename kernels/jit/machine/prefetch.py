"""Rows that will be needed soon are brought into the cache: they lie at random places, and waiting for them takes most time."""

from __future__ import annotations

from collections.abc import Callable

from llvmlite import ir

from ...types import Array
from .vector import Emitter, Value, emits, int64

LINE = 64
"""Bytes of a line of the cache."""


def _fetching(write: bool) -> Callable[..., None]:
    def emit(e: Emitter, x: Value, at: Value, size: Value) -> None:
        byte = ir.PointerType(ir.IntType(8))
        line = e.function("llvm.prefetch.p0", ir.VoidType(), [byte, *[ir.IntType(32)] * 3])
        kind, near, data = (ir.IntType(32)(value) for value in (int(write), 3, 1))
        start = e.b.add(x, at)

        def fetch(v: Value, _: list[Value]) -> list[Value]:
            e.b.call(line, [e.b.inttoptr(e.b.add(start, e.b.mul(v, int64(LINE))), byte), kind, near, data])
            return []

        e.loop(e.b.sdiv(e.b.add(size, int64(LINE)), int64(LINE)), [], fetch)

    return emit


@emits(_fetching(write=False))
def expect(x: Array, at: int, size: int) -> None:
    """Have `size` bytes of x from byte `at` on brought into the cache, to be read."""


@emits(_fetching(write=True))
def expect_written(x: Array, at: int, size: int) -> None:
    """Have `size` bytes of x from byte `at` on brought into the cache, to be written."""
