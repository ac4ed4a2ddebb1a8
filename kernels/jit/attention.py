"""Attention block by block: no matrix of all queries and keys ever exists.

A thread takes a block of queries of one head and goes through the keys in blocks, with the largest score so far and the sum of
weights relative to it (online softmax). Backward, the weights are computed again from the largest score and the sum that were
saved. It goes through the same blocks, sums the gradients of keys and values of one head in the thread's own memory, and where
there are few heads gives the blocks of one head to several threads, whose sums are added up afterwards.

Source: Dao et al. (2022), "FlashAttention", arXiv:2205.14135.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import prange

from ..types import Array
from .machine.address import address
from .machine.attend import (
    Heads,
    Masks,
    Place,
    Sizes,
    fill_row,
    hide,
    is_finite,
    is_number,
    multiply_columns,
    multiply_rows,
    pack_columns,
    padded,
    row_dots,
    scale_columns,
    start_of,
    store_turned,
    total_of,
    turn_columns,
    vectors_for,
)
from .machine.compile import dense, inner, jit, thread_count
from .machine.panels import PANEL
from .machine.prefetch import expect_rows
from .machine.vector import VECTOR_BYTES, as_row, clear, copy_rows, lanes_of
from .machine.views import Matrix, Panel, Rows
from .machine.weights import weigh, weigh_grads

KEYS = 96
"""Keys of a block: a whole number of the tile's heights, few enough for the scores to stay in the first-level cache."""

GRAIN = 1 << 17
"""Multiply-adds below which another thread does not pay."""

NEXT = 1 << 13
"""Elements of each operand of a head up to which those of the next head are brought into the cache ahead."""

PARTS = 8
"""Backward, heads are cut until there are so many units of work: a constant, so that the thread count changes no bit."""


class Results(NamedTuple):
    """What attention returns, flat and dense: y (N, T, H, P); largest scores and sums of weights (N, H, T)."""

    y: Heads
    tops: Array
    totals: Array


class Saved(NamedTuple):
    """What the gradients are computed from besides the inputs: the cotangent of y, and the results."""

    gy: Heads
    y: Heads
    tops: Array
    totals: Array


class Gradients(NamedTuple):
    """Those of q (N, H, T, D), and of k and v (parts, N, H, K, D or P), flat."""

    gq: Array
    gk: Array
    gv: Array


class Work(NamedTuple):
    """What a thread works in. rows: a block of queries in panels of their columns. turned: the same, (columns, queries).

    scores: (keys, queries). sums: (columns, queries). state: three numbers for each query, see weigh and weigh_grads.
    nothing: a row of zeros as wide as a panel.
    k, v: the keys and values of one head, or nothing where they are read where they lie.
    Backward alone: gy and gy_turned, as rows and turned, of cotangents; grads: of scores; gk, gv: sums of one head, with room for
    whole panels of columns; gq: the result (N, H, T, D), of all heads.
    """

    rows: Array
    turned: Array
    scores: Array
    sums: Array
    state: Array
    nothing: Array
    k: Array
    v: Array
    gy: Array
    gy_turned: Array
    grads: Array
    gk: Array
    gv: Array
    gq: Array


@inner()
def rows_of(x: Heads, p: Place) -> Rows:
    """The rows of a block of queries."""
    return Rows(x.data, start_of(x, p) + p.first * x.row, x.row)


@inner()
def load_queries(q: Heads, s: Sizes, p: Place, work: Work, w: int) -> None:
    """Bring a block of queries into the thread's memory, and turned and scaled."""
    lanes = lanes_of(work.rows)
    pack_columns(work.rows, rows_of(q, p), s.depth, p.queries)
    turn_columns(Rows(work.turned, 0, w), work.rows, s.depth, p.queries, (p.queries + lanes - 1) // lanes * lanes)
    fill_row(work.state[:w], work.state.dtype.type(s.scale))
    scale_columns(w // lanes, Rows(work.turned, 0, w), Rows(work.state, 0, w), s.depth)


@inner()
def near(x: Heads, copied: Array, columns: int) -> Heads:
    """Where a head's keys or values are read: in the thread's copy if there is one."""
    return Heads(copied, 0, 0, columns) if copied.size else x


@inner()
def load_keys(k: Heads, v: Heads, s: Sizes, p: Place, work: Work) -> bool:
    """Copy the keys and values of a head, if there is room for them. Whether they are finite, where that will be asked."""
    if work.k.size:
        copy_rows(Rows(work.k, 0, s.depth), Rows(k.data, start_of(k, p), k.row), s.depth, s.keys)
    if work.v.size:
        copy_rows(Rows(work.v, 0, s.width), Rows(v.data, start_of(v, p), v.row), s.width, s.keys)
    fine = True
    if s.causal:
        fine = is_finite(near(v, work.v, s.width), p, s.keys, s.width)
        if work.gk.size:
            fine = fine and is_finite(near(k, work.k, s.depth), p, s.keys, s.depth)
    return fine


@inner()
def expect_part(x: Heads, s: Sizes, p: Place, rows: int, columns: int) -> None:
    """Have a part of the next head brought into the cache while a block of this one is computed, where it stays until then."""
    n, lanes = p.sample * s.heads + p.head + 1, lanes_of(x.data)
    if n < s.samples * s.heads and rows * columns <= NEXT:
        span = PANEL * lanes
        blocks, block = (s.queries + span - 1) // span, p.first // span
        first, last = block * rows // blocks, (block + 1) * rows // blocks
        start = n // s.heads * x.batch + n % s.heads * x.head
        expect_rows(Rows(x.data, start + first * x.row, x.row), columns, last - first)


@inner()
def attend(q: Heads, k: Heads, v: Heads, mask: Masks, out: Results, s: Sizes, p: Place, work: Work) -> None:
    """The results of one block of queries."""
    expect_part(out.y, s, p, s.queries, s.width)
    expect_part(q, s, p, s.queries, s.depth)
    expect_part(k, s, p, s.keys, s.depth)
    expect_part(v, s, p, s.keys, s.width)
    lanes = lanes_of(work.scores)
    vectors = vectors_for(p.queries, lanes)
    w = vectors * lanes
    load_queries(q, s, p, work, w)
    scores, sums, state = Rows(work.scores, 0, w), Rows(work.sums, 0, w), Rows(work.state, 0, w)
    nothing = Rows(work.nothing, 0, 0)
    fill_row(work.state[:w], -np.inf)
    clear(work.state[w : 2 * w])
    k, v = near(k, work.k, s.depth), near(v, work.v, s.width)
    end = min(s.keys, p.first + p.queries) if s.causal and p.finite else s.keys  # 0 times Inf is to be NaN here too
    for lo in range(0, end, KEYS):
        keys = min(KEYS, end - lo)
        left = Matrix(k.data, start_of(k, p) + lo * k.row, k.row, 1)
        multiply_rows(left, Panel(work.turned, 0, s.depth), scores, keys, vectors, nothing)
        hide(scores, mask, p, vectors, lo, keys, s.causal)
        weigh(vectors, scores, state, keys)
        if lo:
            scale_columns(vectors, sums, Rows(work.state, 2 * w, w), s.width)
        left = Matrix(v.data, start_of(v, p) + lo * v.row, 1, v.row)
        multiply_rows(left, Panel(work.scores, 0, keys), sums, s.width, vectors, sums if lo else nothing)
    at = (p.sample * s.heads + p.head) * s.queries + p.first
    masked = s.causal or mask.data.size > 0
    for j in range(p.queries):
        top, total = work.state[j], work.state[w + j]
        if masked and total == 0:
            total = np.inf
        out.tops[at + j] = 0 if top == -np.inf else top
        out.totals[at + j] = total
        work.state[2 * w + j] = 1 / total
    scale_columns(vectors, sums, Rows(work.state, 2 * w, w), s.width)
    store_turned(rows_of(out.y, p), sums, work.rows, s.width, p.queries)


@inner()
def attend_grad(q: Heads, k: Heads, v: Heads, mask: Masks, saved: Saved, s: Sizes, p: Place, work: Work) -> None:
    """The gradients of one block of queries, and what it adds to those of keys and values."""
    expect_part(q, s, p, s.queries, s.depth)
    expect_part(k, s, p, s.keys, s.depth)
    expect_part(v, s, p, s.keys, s.width)
    expect_part(saved.gy, s, p, s.queries, s.width)
    expect_part(saved.y, s, p, s.queries, s.width)
    lanes = lanes_of(work.scores)
    vectors = vectors_for(p.queries, lanes)
    w, room = vectors * lanes, (p.queries + lanes - 1) // lanes * lanes
    at = (p.sample * s.heads + p.head) * s.queries + p.first
    load_queries(q, s, p, work, w)
    cotangents = rows_of(saved.gy, p)
    pack_columns(work.gy, cotangents, s.width, p.queries)
    turn_columns(Rows(work.gy_turned, 0, w), work.gy, s.width, p.queries, room)
    scores, grads, sums, state = Rows(work.scores, 0, w), Rows(work.grads, 0, w), Rows(work.sums, 0, w), Rows(work.state, 0, w)
    nothing = Rows(work.nothing, 0, 0)
    row_dots(work.state[2 * w :], cotangents, rows_of(saved.y, p), s.width, p.queries)
    for j in range(p.queries):
        work.state[j], work.state[w + j] = saved.tops[at + j], 1 / saved.totals[at + j]
    k, v = near(k, work.k, s.depth), near(v, work.v, s.width)
    end = min(s.keys, p.first + p.queries) if s.causal and p.finite else s.keys
    if end < s.keys:
        level = total_of(work.state[2 * w : 2 * w + p.queries])  # not finite where y or gy is not
        if not (is_number(level) and is_number(total_of(work.rows[: padded(s.depth, lanes) * p.queries]))):
            end = s.keys
    for lo in range(0, end, KEYS):
        keys = min(KEYS, end - lo)
        ka, va = start_of(k, p) + lo * k.row, start_of(v, p) + lo * v.row
        multiply_rows(Matrix(k.data, ka, k.row, 1), Panel(work.turned, 0, s.depth), scores, keys, vectors, nothing)
        multiply_rows(Matrix(v.data, va, v.row, 1), Panel(work.gy_turned, 0, s.width), grads, keys, vectors, nothing)
        hide(scores, mask, p, vectors, lo, keys, s.causal)
        weigh_grads(vectors, scores, grads, state, keys)
        multiply_rows(Matrix(k.data, ka, 1, k.row), Panel(work.grads, 0, keys), sums, s.depth, vectors, sums if lo else nothing)
        pitch = padded(s.depth, lanes)
        multiply_columns(Matrix(work.grads, 0, w, 1), work.rows, Rows(work.gk, lo * pitch, pitch), keys, s.depth, p.queries)
        pitch = padded(s.width, lanes)
        multiply_columns(Matrix(work.scores, 0, w, 1), work.gy, Rows(work.gv, lo * pitch, pitch), keys, s.width, p.queries)
    fill_row(work.state[:w], work.state.dtype.type(s.scale))
    scale_columns(vectors, sums, state, s.depth)
    store_turned(Rows(work.gq, at * s.depth, s.depth), sums, work.rows, s.depth, p.queries)


@inner()
def copied_size(x: Heads, s: Sizes, columns: int, blocks: int) -> int:
    """Elements of a copy of one head's keys or values: none where one block reads them, or where they lie side by side."""
    return 0 if blocks == 1 or x.row == columns else s.keys * columns


@inner()
def store_keys(target: Array, at: int, sums: Array, rows: int, columns: int, scale: float) -> None:
    """Rows of sums without what fills the panels, times a number."""
    pitch = padded(columns, lanes_of(sums))
    for i in range(sums.size if scale != 1 else 0):
        sums[i] *= sums.dtype.type(scale)
    copy_rows(Rows(target, at, columns), Rows(sums, 0, pitch), columns, rows)


@jit()
def _attention(q: Heads, k: Heads, v: Heads, mask: Masks, out: Results, s: Sizes, threads: int) -> None:
    lanes = lanes_of(out.tops)
    span = PANEL * lanes
    blocks = (s.queries + span - 1) // span
    columns, kind = padded(max(s.depth, s.width), lanes) * span, out.tops.dtype
    for t in prange(threads):
        none = np.zeros(0, kind)
        work = Work(
            np.zeros(columns, kind), np.zeros(columns, kind), np.zeros(KEYS * span, kind), np.zeros(columns, kind),
            np.zeros(3 * span, kind), np.zeros(PANEL * lanes, kind), np.empty(copied_size(k, s, s.depth, blocks), kind),
            np.empty(copied_size(v, s, s.width, blocks), kind), none, none, none, none, none, none,
        )  # fmt: skip
        units, held, finite = s.samples * s.heads * blocks, -1, True
        first_unit, last_unit, step = t * units // threads, (t + 1) * units // threads, 1
        if s.samples * s.heads < 2 * threads:  # blocks of one head take longer towards its end if causal
            first_unit, last_unit, step = t, units, threads
        for u in range(first_unit, last_unit, step):
            n, first = u // blocks, u % blocks * span
            if n != held:
                finite, held = load_keys(k, v, s, Place(n // s.heads, n % s.heads, 0, 0, True), work), n
            place = Place(n // s.heads, n % s.heads, first, min(span, s.queries - first), finite)
            attend(q, k, v, mask, out, s, place, work)


@jit()
def _attention_grad(
    q: Heads, k: Heads, v: Heads, mask: Masks, saved: Saved, grads: Gradients, s: Sizes, threads: int
) -> None:
    lanes = lanes_of(saved.tops)
    span = PANEL * lanes
    blocks = (s.queries + span - 1) // span
    columns, kind = padded(max(s.depth, s.width), lanes) * span, saved.tops.dtype
    for t in prange(threads):
        work = Work(
            np.zeros(columns, kind), np.zeros(columns, kind), np.zeros(KEYS * span, kind), np.zeros(columns, kind),
            np.zeros(3 * span, kind), np.zeros(PANEL * lanes, kind), np.empty(copied_size(k, s, s.depth, blocks), kind),
            np.empty(copied_size(v, s, s.width, blocks), kind),
            np.zeros(columns, kind), np.zeros(columns, kind), np.zeros(KEYS * span, kind),
            np.zeros(s.keys * padded(s.depth, lanes), kind), np.zeros(s.keys * padded(s.width, lanes), kind), grads.gq,
        )  # fmt: skip
        for u in range(t, s.samples * s.heads * s.parts, threads):
            n, part = u // s.parts, u % s.parts
            clear(work.gk)
            clear(work.gv)
            finite = load_keys(k, v, s, Place(n // s.heads, n % s.heads, 0, 0, True), work)
            for block in range(part, blocks, s.parts):
                queries = min(span, s.queries - block * span)
                place = Place(n // s.heads, n % s.heads, block * span, queries, finite)
                attend_grad(q, k, v, mask, saved, s, place, work)
            at = (part * s.samples * s.heads + n) * s.keys
            store_keys(grads.gk, at * s.depth, work.gk, s.keys, s.depth, s.scale)
            store_keys(grads.gv, at * s.width, work.gv, s.keys, s.width, 1.0)


def attention(
    q: Array, k: Array, v: Array, mask: Array | None, scale: float, causal: bool, hides: bool
) -> tuple[Array, Array, Array]:
    """See the reference. q: (N, H, T, D). k: (N, H, K, D). v: (N, H, K, P). Returns y (N, H, T, P) and two of (N, H, T).

    In memory the heads of y lie side by side, so that layers put them together without a copy.
    """
    b, h, steps, depth = q.shape
    keys, width = v.shape[2:]
    sides = np.empty((b, steps, h, width), q.dtype)
    y, top, total = sides.transpose(0, 2, 1, 3), np.empty((b, h, steps), q.dtype), np.empty((b, h, steps), q.dtype)
    if not (y.size and keys):
        y[...], top[...], total[...] = 0, 0, np.inf
        if not keys or not top.size:
            return y, top, total
    s = Sizes(b, h, steps, keys, depth, width, float(scale), bool(causal), 1)
    units = b * h * -(-steps // SPAN[q.itemsize])
    threads = thread_count(min(units, b * h * steps * keys * (depth + width) // GRAIN))
    out = Results(Heads(as_row(sides), steps * h * width, width, h * width), as_row(top), as_row(total))
    _attention(_heads(q), _heads(k), _heads(v), _masks(mask, q, keys, hides), out, s, max(1, threads))
    return y, top, total


def attention_grad(
    gy: Array, q: Array, k: Array, v: Array, mask: Array | None, y: Array, top: Array, total: Array, scale: float, causal: bool,
    hides: bool,
) -> tuple[Array, Array, Array]:  # fmt: skip
    """See the reference. Shapes as above; returns the gradients of q, k and v."""
    b, h, steps, depth = q.shape
    keys, width = v.shape[2:]
    if not (top.size and keys):
        return np.zeros(q.shape, q.dtype), np.zeros(k.shape, q.dtype), np.zeros(v.shape, q.dtype)
    parts = min(-(-PARTS // (b * h)), -(-steps // SPAN[q.itemsize]))
    s = Sizes(b, h, steps, keys, depth, width, float(scale), bool(causal), parts)
    gq, gk, gv = (np.empty(shape, q.dtype) for shape in (q.shape, (parts, *k.shape), (parts, *v.shape)))
    threads = thread_count(min(b * h * parts, b * h * steps * keys * (depth + width) // GRAIN))
    saved = Saved(_heads(gy), _heads(y), as_row(dense(top)), as_row(dense(total)))
    grads = Gradients(as_row(gq), as_row(gk), as_row(gv))
    _attention_grad(_heads(q), _heads(k), _heads(v), _masks(mask, q, keys, hides), saved, grads, s, max(1, threads))
    return (gq, gk[0], gv[0]) if parts == 1 else (gq, gk.sum(0), gv.sum(0))


SPAN = {4: PANEL * VECTOR_BYTES // 4, 8: PANEL * VECTOR_BYTES // 8}
"""Queries of a block, by the bytes of an element."""


def _heads(x: Array) -> Heads:
    """Where the rows of all heads lie. A part of a dense array whose rows are dense themselves is read where it is."""
    flags, size, owner = x.flags, x.itemsize, x.base
    if not flags.c_contiguous and isinstance(owner, np.ndarray) and owner.dtype == x.dtype and owner.flags.c_contiguous:
        b, h, row, element = x.strides
        if flags.aligned and element == size and min(b, h, row) >= 0:
            start = (address(x) - address(owner)) // size
            return Heads(as_row(dense(owner))[start:], b // size, h // size, row // size)
    _, heads, rows, columns = x.shape
    return Heads(as_row(dense(x)), heads * rows * columns, rows * columns, columns)


NO_MASK = {4: np.empty(0, np.float32), 8: np.empty(0, np.float64)}


def _masks(mask: Array | None, q: Array, keys: int, hides: bool) -> Masks:
    """The mask with its last axes exchanged, in its own size; it is broadcast by steps of 0."""
    if mask is None:
        return Masks(NO_MASK[q.itemsize], 0, 0, 0, 0, False)
    whole = (*q.shape[:3], keys)
    if mask.ndim > 4 or any(n not in (1, m) for n, m in zip(mask.shape[::-1], whole[::-1], strict=False)):
        raise ValueError(f"attention: mask must broadcast to {whole}, got shape {mask.shape}")
    turned = dense(mask.reshape((1,) * (4 - mask.ndim) + mask.shape).swapaxes(2, 3))
    b, h, key, query = (0 if n == 1 else step // q.itemsize for n, step in zip(turned.shape, turned.strides, strict=True))
    return Masks(as_row(turned), b, h, key, query, hides)
