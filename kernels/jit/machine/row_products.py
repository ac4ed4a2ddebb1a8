"""Rows of some ten to some hundred elements, and the dot products of many of them.

At such lengths plain loops spend most of their time on the elements that do not fill their unrolled vectors. Here each row is
whole vectors and one masked.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import prange

from ...types import Array
from .compile import jit
from .vector import Emitter, Value, emits, int64
from .views import window

Body = Callable[[Any, Any, Value, list[Value]], list[Value]]


def over_row(e: Emitter, n: Value, carried: list[Value], body: Body) -> list[Value]:
    """carried = body(load, store, offset, carried) for each whole vector of a row, then once for what is left, masked.

    Only there: a masked store cannot hand its vector straight to the load that follows it.
    """
    b, full = e.b, e.b.sdiv(n, int64(e.lanes))
    mask = e.first_lanes(b.srem(n, int64(e.lanes)))
    before = b.block
    with e.when_positive(full):
        whole = e.loop(full, carried, lambda v, now: body(e.load, e.store, b.mul(v, int64(e.lanes)), now))
        last = b.block
    after = []
    for value, start in zip(whole, carried, strict=True):
        phi = b.phi(value.type)
        phi.add_incoming(value, last)
        phi.add_incoming(start, before)
        after.append(phi)
    return body(
        lambda at: e.masked_load(at, mask), lambda x, at: e.masked_store(x, at, mask), b.mul(full, int64(e.lanes)), after
    )


def _emit_dot(e: Emitter, a: Value, ao: Value, b: Value, bo: Value, n: Value, out: Value, oo: Value) -> None:
    def add(load: Any, store: Any, offset: Value, sums: list[Value]) -> list[Value]:
        x = load(e.at(a, e.b.add(ao, offset)))
        return [e.fma(x, load(e.at(b, e.b.add(bo, offset))), sums[0])]

    total = over_row(e, n, [e.zero], add)[0]
    reduce = e.function(f"llvm.vector.reduce.fadd.{e.suffix}", e.element, [e.element, e.type])
    e.store_one(e.b.call(reduce, [ir.Constant(e.element, 0.0), total], fastmath=("reassoc",)), e.at(out, oo))


@emits(_emit_dot)
def dot(a: Array, ao: int, b: Array, bo: int, n: int, out: Array, oo: int) -> None:
    """out[oo] = the sum of a[ao + i] b[bo + i], i < n. n is at least 1."""
    out[oo] = window(a, ao, n) @ window(b, bo, n)


@jit()
def stacked_dots(m: Array, v: Array, out: Array, rows: int, size: int, threads: int) -> None:
    """For matrices (B, rows, size) and vectors (B, size), all flat: out (B, rows), rows times vectors."""
    count = out.size
    for t in prange(threads):
        for u in range(t * count // threads, (t + 1) * count // threads):
            dot(m, u * size, v, u // rows * size, size, out, u)
