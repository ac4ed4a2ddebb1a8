"""Rows that will be needed soon are brought into the cache: they lie at random places, and waiting for them takes most time."""

from __future__ import annotations

from collections.abc import Callable

from llvmlite import ir

from ...types import Array
from .vector import Emitter, Value, emits, int64
from .views import Rows

LINE = 64
"""Bytes of a line of the cache."""


def fetch_line(e: Emitter, address: Value, write: bool = False, near: int = 2) -> None:
    """Have the line at an address brought into the second-level cache (near=2), or the first (near=3)."""
    byte, number = ir.PointerType(ir.IntType(8)), ir.IntType(32)
    line = e.function("llvm.prefetch.p0", ir.VoidType(), [byte, *[number] * 3])
    e.b.call(line, [e.b.inttoptr(address, byte), number(int(write)), number(near), number(1)])


def _fetching(write: bool) -> Callable[..., None]:
    def emit(e: Emitter, x: Value, at: Value, size: Value) -> None:
        start = e.b.add(x, at)

        def fetch(v: Value, _: list[Value]) -> list[Value]:
            fetch_line(e, e.b.add(start, e.b.mul(v, int64(LINE))), write, near=3)
            return []

        e.loop(e.b.sdiv(e.b.add(size, int64(LINE)), int64(LINE)), [], fetch)

    return emit


@emits(_fetching(write=False))
def expect(x: Array, at: int, size: int) -> None:
    """Have `size` bytes of x from byte `at` on brought into the cache, to be read."""


@emits(_fetching(write=True))
def expect_written(x: Array, at: int, size: int) -> None:
    """Have `size` bytes of x from byte `at` on brought into the cache, to be written."""


def _emit_expect_rows(e: Emitter, rows: Rows, columns: Value, count: Value) -> None:
    b = e.b
    start, ahead, size = e.start(rows), b.mul(rows.pitch, int64(e.size)), b.mul(columns, int64(e.size))
    lines = b.sdiv(b.add(size, int64(LINE - 1)), int64(LINE))

    def row(i: Value, _: list[Value]) -> list[Value]:
        at = b.add(start, b.mul(i, ahead))

        def fetch(v: Value, _: list[Value]) -> list[Value]:
            fetch_line(e, b.add(at, b.mul(v, int64(LINE))))
            return []

        e.loop(lines, [], fetch)
        return []

    with e.when_positive(count), e.when_positive(lines):
        e.loop(count, [], row)


@emits(_emit_expect_rows)
def expect_rows(rows: Rows, columns: int, count: int) -> None:
    """Have the first elements of each of so many rows brought into the second-level cache, to be read."""
