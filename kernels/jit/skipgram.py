"""Word vectors pair by pair, in one call for many pairs; on one thread, so that the result is always the same.

A pair touches rows of some hundred elements at random places: calls and half-empty vectors would cost more than the sums,
so the loops over a row are vector code with a masked tail.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..types import Array
from .machine.compile import dense, jit
from .machine.prefetch import expect_written
from .machine.row_products import dot, over_row
from .machine.vecmath import ONE, ZERO, exp32, log1p_unit
from .machine.vector import Emitter, Value, emits
from .machine.views import window


def _emit_move(e: Emitter, h: Value, ho: Value, u: Value, uo: Value, n: Value, g: Value, move: Value) -> None:
    factor = e.broadcast(g)

    def add(load: Any, store: Any, offset: Value, _: list[Value]) -> list[Value]:
        at_u, at_move = e.at(u, e.b.add(uo, offset)), e.at(move, offset)
        context = load(at_u)
        store(e.fma(factor, context, load(at_move)), at_move)
        store(e.fma(factor, load(e.at(h, e.b.add(ho, offset))), context), at_u)
        return []

    over_row(e, n, [], add)


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
                expect_written(contexts, seen[i + 1, j] * n * contexts.itemsize, n * contexts.itemsize)
        for k in range(n):
            move[k] = 0
        for j in range(seen.shape[1]):
            u = seen[i, j] * n
            dot(words, h, contexts, u, n, score, 0)
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
