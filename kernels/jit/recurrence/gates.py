"""The arithmetic of LSTM and GRU cells, one vector of hidden units at a time.

A cell's four numbers lie side by side in a panel. Of an LSTM they are the gates i, f, g, o, and its state is c. Of a GRU
they are u_n, r, z, v_n (u is what the input gives, v what the hidden state gives); its state is h itself. So both run
through the same sequence code: only, the input gives a GRU the first three numbers, and the hidden state the last three.

Sigmoid and tanh are ratios of one base-2 exponential. Several are emitted in lockstep: one after the other, each would wait
for the result before it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from llvmlite import ir

from ...types import Array
from ..machine.prefetch import LINE, fetch_line
from ..machine.vector import I32, Emitter, Value, emits, int64
from ..machine.views import Rows, Tail, head, row_of
from .tile import BLOCK, LANES

LSTM, GRU = 0, 1

LOG2E = float(np.log2(np.e))
POLYNOMIAL = (
    0.6931471824645996,
    0.24022647738456726,
    0.055503323674201965,
    0.00961843691766262,
    0.0013398878509178758,
    0.00015353391063399613,
)
"""(2^f - 1) / f on [-1/2, 1/2], constant term first; largest error 2e-9."""

Emitted = list[Value]


class Cells(NamedTuple):
    """What there is of one block of units at one step, a row for each row of the batch.

    gates: panel rows, with the pre-activations and later the gates. before, after: the states, a vector each.
    """

    gates: Rows
    before: Rows
    after: Rows


class PastCells(NamedTuple):
    """What there is of one block of units at one step on the way back, a row for each row of the batch.

    gates, before: the gates of the step, and the states before it. earlier: the gates of the step before. squashed: of an LSTM,
    tanh of the states after the step, of which tanh of those before takes the place. next_gates, next_states: elements from here
    to what is saved of the next block.
    """

    gates: Rows
    before: Rows
    earlier: Rows
    squashed: Rows
    next_gates: int
    next_states: int


class CellGrads(NamedTuple):
    """Gradients of one block of units at one step: of its outputs, by way of y and of the step after, and of its states."""

    y: Rows
    h: Rows
    state: Rows


class Slopes(NamedTuple):
    """What a step back finds: gradients of the pre-activations, their sums over all steps so far, the outputs before the step."""

    da: Rows
    bias: Tail
    h: Rows


def _constant(e: Emitter, value: float) -> Value:
    return ir.Constant(e.type, [float(np.float32(value))] * e.lanes)


def _activate(e: Emitter, xs: Emitted, kinds: str) -> Emitted:
    """Sigmoids ("s") and tanhs ("t") of several vectors.

    2^t = s (1 + p) with t a multiple of x, held within +-64 (NaN passes through). A sigmoid beyond is exactly 0, or else an
    infinite input would meet a slope that is not. tanh is expm1(2x) / (expm1(2x) + 2),
    which keeps its relative accuracy near 0.
    """
    b, whole, one = e.b, ir.VectorType(I32, e.lanes), _constant(e, 1)
    high, low = _constant(e, 64), _constant(e, -64)
    rint = e.function(f"llvm.rint.{e.suffix}", e.type, [e.type])
    ts = [b.fmul(x, _constant(e, -LOG2E if kind == "s" else 2 * LOG2E)) for x, kind in zip(xs, kinds, strict=True)]
    beyond = [b.fcmp_ordered(">", t, high) for t in ts]
    ts = [b.select(above, high, t) for above, t in zip(beyond, ts, strict=True)]
    ts = [b.select(b.fcmp_ordered("<", t, low), low, t) for t in ts]
    ns = [b.call(rint, [t]) for t in ts]
    fs = [b.fsub(t, n) for t, n in zip(ts, ns, strict=True)]
    biased = [b.add(b.fptosi(n, whole), ir.Constant(whole, [127] * e.lanes)) for n in ns]
    scales = [b.bitcast(b.shl(n, ir.Constant(whole, [23] * e.lanes)), e.type) for n in biased]
    ps = [_constant(e, POLYNOMIAL[-1])] * len(xs)
    for coefficient in POLYNOMIAL[-2::-1]:
        ps = [e.fma(p, f, _constant(e, coefficient)) for p, f in zip(ps, fs, strict=True)]
    ps = [b.fmul(p, f) for p, f in zip(ps, fs, strict=True)]
    bases = [s if kind == "s" else b.fsub(s, one) for s, kind in zip(scales, kinds, strict=True)]
    es = [e.fma(s, p, base) for s, p, base in zip(scales, ps, bases, strict=True)]
    below = [b.fadd(v, one if kind == "s" else _constant(e, 2)) for v, kind in zip(es, kinds, strict=True)]
    ys = [b.fdiv(one if kind == "s" else v, d) for v, d, kind in zip(es, below, kinds, strict=True)]
    return [b.select(above, e.zero, y) if kind == "s" else y for above, y, kind in zip(beyond, ys, kinds, strict=True)]


def _sigmoid(x: Array) -> Array:
    return 0.5 * np.tanh(0.5 * x) + 0.5


def _rows_at(e: Emitter, r: Value, *views: Rows) -> Emitted:
    """The address of row r of each view."""
    return [e.at(e.start(view), e.b.mul(r, view.pitch)) for view in views]


def _panel(e: Emitter, address: Value) -> Emitted:
    """Addresses of the four vectors of a panel row."""
    return [e.at(address, LANES * j) for j in range(4)]


def _for_each_row(e: Emitter, rows: Value, *bodies: Callable[[Value], None]) -> None:
    """One body after the other, each for all rows."""

    def step_of(body: Callable[[Value], None]) -> Callable[[Value, Emitted], Emitted]:
        def step(r: Value, _: Emitted) -> Emitted:
            body(r)
            return []

        return step

    with e.when_positive(rows):
        for body in bodies:
            e.loop(rows, [], step_of(body))


def _fetch_next(e: Emitter, panel: Value, before: Value, y: Value, cells: PastCells) -> None:
    """Bring near what the same row of the next block will need: two blocks lie too far apart for the processor to foresee it."""
    panel = e.at(panel, cells.next_gates)
    for line in range(0, BLOCK * e.size, LINE):
        fetch_line(e, e.b.add(panel, int64(line)), near=3)
    fetch_line(e, e.at(before, cells.next_states), near=3)
    fetch_line(e, e.b.add(y, int64(LINE)), near=3)


def _for_each_slope(e: Emitter, rows: Value, lanes: Value, slopes: Slopes, body: Callable[[Value, Value], Emitted]) -> None:
    """Store the four slopes that body(r, mask) finds for each row, and add them to the sums.

    0 in lanes beyond the units: there an infinite input met weights of 0, and the NaN would reach the others through the products
    to come.
    """
    mask, sums = e.first_lanes(lanes), _panel(e, e.start(slopes.bias))

    def step(r: Value, totals: Emitted) -> Emitted:
        found = [e.b.select(mask, value, e.zero) for value in body(r, mask)]
        for value, address in zip(found, _panel(e, *_rows_at(e, r, slopes.da)), strict=True):
            e.store(value, address)
        return [e.b.fadd(total, value) for total, value in zip(totals, found, strict=True)]

    with e.when_positive(rows):
        for total, address in zip(e.loop(rows, [e.load(a) for a in sums], step), sums, strict=True):
            e.store(total, address)


def _emit_lstm(e: Emitter, cells: Cells, h: Rows, rows: Value, lanes: Value, keep: Value) -> None:
    b, mask = e.b, e.first_lanes(lanes)

    def gates(r: Value) -> None:
        panel, before, after = _rows_at(e, r, *cells)
        at = _panel(e, panel)
        i, f, new, o = _activate(e, [e.load(a) for a in at], "ssts")
        e.store(e.fma(f, e.load(before), b.fmul(i, new)), after)
        e.store(o, at[3])
        with e.when_positive(keep):
            for value, address in zip((i, f, new), at, strict=False):
                e.store(value, address)

    def output(r: Value) -> None:
        """A pass of its own: behind the gates of its row this tanh would wait for them."""
        panel, after, target = _rows_at(e, r, cells.gates, cells.after, h)
        (squashed,) = _activate(e, [e.load(after)], "t")
        e.masked_store(b.fmul(e.load(_panel(e, panel)[3]), squashed), target, mask)

    _for_each_row(e, rows, gates, output)


@emits(_emit_lstm)
def lstm_cells(cells: Cells, h: Rows, rows: int, lanes: int, keep: int) -> None:
    """c <- f c + i g, h <- o tanh(c) from pre-activations; if keep, the gates take their place."""
    for r in range(rows):
        gates = row_of(cells.gates, r, BLOCK).reshape(4, LANES)
        i, f, new, o = _sigmoid(gates[0]), _sigmoid(gates[1]), np.tanh(gates[2]), _sigmoid(gates[3])
        state = f * row_of(cells.before, r, LANES) + i * new
        row_of(cells.after, r, LANES)[:] = state
        row_of(h, r, lanes)[:] = (o * np.tanh(state))[:lanes]
        if keep:
            gates[:] = i, f, new, o


def _emit_squash(e: Emitter, squashed: Rows, states: Rows, rows: Value) -> None:
    def squash(r: Value) -> None:
        target, state = _rows_at(e, r, squashed, states)
        e.store(_activate(e, [e.load(state)], "t")[0], target)

    _for_each_row(e, rows, squash)


@emits(_emit_squash)
def squash(squashed: Rows, states: Rows, rows: int) -> None:
    """tanh of states, vectors both."""
    for r in range(rows):
        row_of(squashed, r, LANES)[:] = np.tanh(row_of(states, r, LANES))


def _emit_lstm_back(e: Emitter, cells: PastCells, grads: CellGrads, slopes: Slopes, rows: Value, lanes: Value) -> None:
    b, one = e.b, _constant(e, 1)

    def back(r: Value, mask: Value) -> Emitted:
        panel, at_before, earlier, at_squashed = _rows_at(e, r, *cells[:4])
        at_y, at_h, at_state, output = _rows_at(e, r, *grads, slopes.h)
        _fetch_next(e, panel, at_before, at_y, cells)
        before, squashed = e.load(at_before), e.load(at_squashed)
        (new_squashed,) = _activate(e, [before], "t")
        e.store(new_squashed, at_squashed)
        e.store(b.fmul(e.load(_panel(e, earlier)[3]), new_squashed), output)
        i, f, new, o = (e.load(a) for a in _panel(e, panel))
        d = b.fadd(e.masked_load(at_y, mask), e.load(at_h))
        d_o = b.fmul(d, o)
        state = b.fadd(e.load(at_state), b.fmul(d_o, b.fsub(one, b.fmul(squashed, squashed))))
        by_i, by_f = b.fmul(state, i), b.fmul(state, f)
        e.store(b.select(mask, by_f, e.zero), at_state)
        return [
            b.fmul(b.fmul(by_i, new), b.fsub(one, i)),
            b.fmul(b.fmul(by_f, before), b.fsub(one, f)),
            b.fmul(by_i, b.fsub(one, b.fmul(new, new))),
            b.fmul(b.fmul(d_o, squashed), b.fsub(one, o)),
        ]

    _for_each_slope(e, rows, lanes, slopes, back)


@emits(_emit_lstm_back)
def lstm_cells_back(cells: PastCells, grads: CellGrads, slopes: Slopes, rows: int, lanes: int) -> None:
    """Gradients of the pre-activations; dc becomes the gradient of the state before. The outputs before are computed again."""
    for r in range(rows):
        i, f, new, o = row_of(cells.gates, r, BLOCK).reshape(4, LANES)
        before, squashed = row_of(cells.before, r, LANES), row_of(cells.squashed, r, LANES)
        state = row_of(grads.state, r, LANES)
        d = row_of(grads.h, r, LANES).copy()
        d[:lanes] += row_of(grads.y, r, lanes)
        total = state + d * o * (1 - squashed * squashed)
        found = row_of(slopes.da, r, BLOCK).reshape(4, LANES)
        found[0] = total * i * new * (1 - i)
        found[1] = total * f * before * (1 - f)
        found[2] = total * i * (1 - new * new)
        found[3] = d * o * squashed * (1 - o)
        state[:] = total * f
        found[:, lanes:], state[lanes:] = 0, 0
        head(slopes.bias, BLOCK)[:] += found.reshape(-1)
        squashed[:] = np.tanh(before)
        row_of(slopes.h, r, LANES)[:] = row_of(cells.earlier, r, BLOCK)[3 * LANES :] * squashed


def _emit_gru(e: Emitter, cells: Cells, h: Rows, rows: Value, lanes: Value, keep: Value) -> None:
    b, mask = e.b, e.first_lanes(lanes)

    def gates(r: Value) -> None:
        at = _panel(e, *_rows_at(e, r, cells.gates))
        reset, update = _activate(e, [e.load(at[1]), e.load(at[2])], "ss")
        e.store(reset, at[1])
        e.store(update, at[2])
        e.store(e.fma(reset, e.load(at[3]), e.load(at[0])), at[0])

    def output(r: Value) -> None:
        panel, before, after, target = _rows_at(e, r, *cells, h)
        at = _panel(e, panel)
        (new,) = _activate(e, [e.load(at[0])], "t")
        state = e.fma(e.load(at[2]), b.fsub(e.load(before), new), new)
        e.store(state, after)
        e.masked_store(state, target, mask)
        with e.when_positive(keep):
            e.store(new, at[0])

    _for_each_row(e, rows, gates, output)


@emits(_emit_gru)
def gru_cells(cells: Cells, h: Rows, rows: int, lanes: int, keep: int) -> None:
    """n = tanh(u_n + r v_n), h <- n + z (h - n); n, r, z take the place of the pre-activations, v_n stays."""
    for r in range(rows):
        gates = row_of(cells.gates, r, BLOCK).reshape(4, LANES)
        gates[1:3] = _sigmoid(gates[1:3])
        gates[0] = np.tanh(gates[0] + gates[1] * gates[3])
        state = gates[0] + gates[2] * (row_of(cells.before, r, LANES) - gates[0])
        row_of(cells.after, r, LANES)[:] = state
        row_of(h, r, lanes)[:] = state[:lanes]


def _emit_gru_back(e: Emitter, cells: PastCells, grads: CellGrads, slopes: Slopes, rows: Value, lanes: Value) -> None:
    b, one = e.b, _constant(e, 1)

    def back(r: Value, mask: Value) -> Emitted:
        panel, at_before = _rows_at(e, r, cells.gates, cells.before)
        at_y, at_h, at_state, output = _rows_at(e, r, *grads, slopes.h)
        _fetch_next(e, panel, at_before, at_y, cells)
        before = e.load(at_before)
        e.store(before, output)
        new, reset, update, hidden = (e.load(a) for a in _panel(e, panel))
        d = b.fadd(e.masked_load(at_y, mask), e.load(at_h))
        d = b.fadd(d, e.load(at_state))
        rest = b.fsub(one, update)
        by_new = b.fmul(b.fmul(d, rest), b.fsub(one, b.fmul(new, new)))
        by_hidden = b.fmul(by_new, reset)
        kept = b.fmul(d, update)
        e.store(b.select(mask, kept, e.zero), at_state)
        return [
            by_new,
            b.fmul(b.fmul(by_hidden, hidden), b.fsub(one, reset)),
            b.fmul(b.fmul(kept, b.fsub(before, new)), rest),
            by_hidden,
        ]

    _for_each_slope(e, rows, lanes, slopes, back)


@emits(_emit_gru_back)
def gru_cells_back(cells: PastCells, grads: CellGrads, slopes: Slopes, rows: int, lanes: int) -> None:
    """Gradients of the pre-activations; dc becomes what passes straight to the state before, which was the output there."""
    for r in range(rows):
        new, reset, update, hidden = row_of(cells.gates, r, BLOCK).reshape(4, LANES)
        before, state = row_of(cells.before, r, LANES), row_of(grads.state, r, LANES)
        d = row_of(grads.h, r, LANES) + state
        d[:lanes] += row_of(grads.y, r, lanes)
        by_new = d * (1 - update) * (1 - new * new)
        found = row_of(slopes.da, r, BLOCK).reshape(4, LANES)
        found[0] = by_new
        found[1] = by_new * hidden * reset * (1 - reset)
        found[2] = d * (before - new) * update * (1 - update)
        found[3] = by_new * reset
        state[:] = d * update
        found[:, lanes:], state[lanes:] = 0, 0
        head(slopes.bias, BLOCK)[:] += found.reshape(-1)
        row_of(slopes.h, r, LANES)[:] = before
