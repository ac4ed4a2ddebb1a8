"""Word vectors pair by pair, in one call for many pairs; on one thread, so that the result is always the same.

A pair touches rows of some hundred elements at random places: calls and half-empty vectors would cost more than the sums,
so the two loops over a row are vector code with a masked tail.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir

from ..types import Array
from .machine.compile import dense, jit
from .machine.vecmath import ONE, ZERO, exp32, log1p_unit
from .machine.vector import Emitter, Value, emits, int64
from .machine.views import window


def _over_row(e: Emitter, n: Value, carried: list[Value], body: Any) -> list[Value]:
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
    return body(  # type: ignore[no-any-return]
        lambda at: e.masked_load(at, mask), lambda x, at: e.masked_store(x, at, mask), b.mul(full, int64(e.lanes)), after
    )


def _emit_dot(e: Emitter, a: Value, ao: Value, b: Value, bo: Value, n: Value, out: Value) -> None:
    def add(load: Any, store: Any, offset: Value, sums: list[Value]) -> list[Value]:
        x = load(e.at(a, e.b.add(ao, offset)))
        return [e.fma(x, load(e.at(b, e.b.add(bo, offset))), sums[0])]

    total = _over_row(e, n, [e.zero], add)[0]
    reduce = e.function(f"llvm.vector.reduce.fadd.{e.suffix}", e.element, [e.element, e.type])
    e.store_one(e.b.call(reduce, [ir.Constant(e.element, 0.0), total], fastmath=("reassoc",)), out)


@emits(_emit_dot)
def dot(a: Array, ao: int, b: Array, bo: int, n: int, out: Array) -> None:
    """out[0] = the sum of a[ao + i] b[bo + i], i < n. n is at least 1."""
    out[0] = window(a, ao, n) @ window(b, bo, n)


def _emit_move(e: Emitter, h: Value, ho: Value, u: Value, uo: Value, n: Value, g: Value, move: Value) -> None:
    factor = e.broadcast(g)

    def add(load: Any, store: Any, offset: Value, _: list[Value]) -> list[Value]:
        at_u, at_move = e.at(u, e.b.add(uo, offset)), e.at(move, offset)
        context = load(at_u)
        store(e.fma(factor, context, load(at_move)), at_move)
        store(e.fma(factor, load(e.at(h, e.b.add(ho, offset))), context), at_u)
        return []

    _over_row(e, n, [], add)


def _emit_expect(e: Emitter, u: Value, uo: Value, n: Value) -> None:
    line = e.function("llvm.prefetch.p0", ir.VoidType(), [ir.PointerType(ir.IntType(8)), *[ir.IntType(32)] * 3])
    write, near, data = (ir.IntType(32)(value) for value in (1, 3, 1))

    def fetch(v: Value, _: list[Value]) -> list[Value]:
        at = e.at(u, e.b.add(uo, e.b.mul(v, int64(64 // e.size))))
        e.b.call(line, [e.b.inttoptr(at, ir.PointerType(ir.IntType(8))), write, near, data])
        return []

    e.loop(e.b.sdiv(e.b.add(n, int64(64 // e.size)), int64(64 // e.size)), [], fetch)


@emits(_emit_expect)
def expect(u: Array, uo: int, n: int) -> None:
    """Have u[uo + i], i < n, brought into the cache: rows lie at random places, and waiting for them would take most time."""


@emits(_emit_move)
def move_both(h: Array, ho: int, u: Array, uo: int, n: int, g: Array, move: Array) -> None:
    """move[i] += g[0] u[uo + i], and then u[uo + i] += g[0] h[ho + i], i < n. n is at least 1."""
    context = window(u, uo, n)
    move[:n] += g[0] * context
    context += g[0] * window(h, ho, n)


@jit(parallel=False)
def _skipgram_negative(words: Array, contexts: Array, n: int, centres: Array, seen: Array, lr: Any) -> float:
    """words and contexts: flat, rows of n elements."""
    move, score, g = np.zeros(n, words.dtype), np.empty(1, words.dtype), np.empty(1, words.dtype)
    total = np.float64(0)
    for i in range(centres.size):
        h = centres[i] * n
        if i + 1 < centres.size:
            for j in range(seen.shape[1]):
                expect(contexts, seen[i + 1, j] * n, n)
        for k in range(n):
            move[k] = 0
        for j in range(seen.shape[1]):
            u = seen[i, j] * n
            dot(words, h, contexts, u, n, score)
            right = score[0] if j == 0 else -score[0]
            e = exp32(-abs(right))
            wrong = (e if right > ZERO else ONE) / (ONE + e)  # sigmoid(-right)
            total += log1p_unit(e) + (ZERO if right > ZERO else -right)
            g[0] = lr * wrong if j == 0 else -lr * wrong
            move_both(words, h, contexts, u, n, g, move)
        for k in range(n):
            words[h + k] += move[k]
    return total


def _ids(ids: Array, rows: int) -> Array:
    """As int64; one outside the table would reach foreign memory."""
    ids = dense(ids.astype(np.int64, copy=False))
    if ids.size and not 0 <= ids.min() <= ids.max() < rows:
        raise IndexError(f"skipgram_negative: ids run from {ids.min()} to {ids.max()}, the table has rows 0 ... {rows - 1}")
    return ids


def skipgram_negative(words: Array, contexts: Array, centres: Array, seen: Array, lr: float) -> Array:
    """Move the vectors of each pair in turn, in place, as the reference states it; the mean loss, 0-d.

    words, contexts: (V,D). centres: (P,), seen: (P,1+n), integers.
    """
    if not (words.flags.writeable and contexts.flags.writeable):
        raise ValueError("skipgram_negative: a table of vectors is read-only, and must be written")
    tables = [a if a.flags.c_contiguous and a.flags.aligned else dense(a.copy(order="C")) for a in (words, contexts)]
    centres, seen, n = _ids(centres, len(words)), _ids(seen, len(contexts)), words.shape[1]
    if not n:
        return np.asarray(seen.shape[1] * np.log(2) * bool(centres.size), words.dtype)
    total = _skipgram_negative(*(a.reshape(-1) for a in tables), n, centres, seen, np.float32(lr))
    for a, table in zip((words, contexts), tables, strict=True):
        if table is not a:
            a[...] = table
    return np.asarray(total / max(1, centres.size), words.dtype)
