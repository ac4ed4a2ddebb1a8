"""The arithmetic of LSTM and GRU cells, one vector of hidden units at a time.

A cell's four numbers lie side by side in a panel. Of an LSTM they are the gates i, f, g, o, and its state is c. Of a GRU
they are u_n, r, z, v_n (u is what the input gives, v what the hidden state gives); its state is h itself. So both run
through the same sequence code: only, the input gives a GRU the first three numbers, and the hidden state the last three.

Sigmoid and tanh are ratios of one base-2 exponential. Several are emitted in lockstep: one after the other, each would wait
for the result before it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir

from ..types import Array
from .compile import inner
from .recurrent_tile import BLOCK, LANES
from .vector import I32, Emitter, Value, copy_rows, emits, int64, window

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


def _panel(e: Emitter, address: Value) -> Emitted:
    """Addresses of the four vectors of a panel row."""
    return [e.at(address, LANES * j) for j in range(4)]


def _store_slopes(e: Emitter, slopes: Emitted, panel: Value, state: Value, at: Value, mask: Value) -> None:
    """Store what a cell's backward step found; 0 in lanes beyond the units: there an infinite input met weights of 0, and the
    NaN would reach the others through the products to come."""
    for value, address in zip((*slopes, state), (*_panel(e, panel), at), strict=True):
        e.store(e.b.select(mask, value, e.zero), address)


def _emit_lstm(
    e: Emitter, g: Value, go: Value, c: Value, before: Value, after: Value, h: Value, ho: Value, hpitch: Value,
    rows: Value, lanes: Value, keep: Value,
) -> None:  # fmt: skip
    b, mask = e.b, e.first_lanes(lanes)
    g, before, after, h = e.at(g, go), e.at(c, before), e.at(c, after), e.at(h, ho)

    def gates(r: Value, _: Emitted) -> Emitted:
        at, along = _panel(e, e.at(g, b.mul(r, int64(BLOCK)))), b.mul(r, int64(LANES))
        i, f, new, o = _activate(e, [e.load(a) for a in at], "ssts")
        e.store(e.fma(f, e.load(e.at(before, along)), b.fmul(i, new)), e.at(after, along))
        e.store(o, at[3])
        with e.when_positive(keep):
            for value, address in zip((i, f, new), at, strict=False):
                e.store(value, address)
        return []

    def output(r: Value, _: Emitted) -> Emitted:
        """A pass of its own: behind the gates of its row this tanh would wait for them."""
        o = e.load(e.at(g, b.add(b.mul(r, int64(BLOCK)), int64(3 * LANES))))
        (squashed,) = _activate(e, [e.load(e.at(after, b.mul(r, int64(LANES))))], "t")
        e.masked_store(b.fmul(o, squashed), e.at(h, b.mul(r, hpitch)), mask)
        return []

    with e.when_positive(rows):
        e.loop(rows, [], gates)
        e.loop(rows, [], output)


@emits(_emit_lstm)
def lstm_cells(
    g: Array,
    go: int,
    c: Array,
    before: int,
    after: int,
    h: Array,
    ho: int,
    hpitch: int,
    rows: int,
    lanes: int,
    keep: int,
) -> None:
    """c <- f c + i g, h <- o tanh(c) from pre-activations in g; if keep, the gates take their place."""
    for r in range(rows):
        gates = window(g, go + r * BLOCK, BLOCK).reshape(4, LANES)
        i, f, new, o = _sigmoid(gates[0]), _sigmoid(gates[1]), np.tanh(gates[2]), _sigmoid(gates[3])
        state = f * window(c, before + r * LANES, LANES) + i * new
        window(c, after + r * LANES, LANES)[:] = state
        window(h, ho + r * hpitch, lanes)[:] = (o * np.tanh(state))[:lanes]
        if keep:
            gates[:] = i, f, new, o


def _emit_lstm_output(e: Emitter, g: Value, go: Value, c: Value, at: Value, h: Value, ho: Value, rows: Value) -> None:
    g, c, h = e.at(g, go), e.at(c, at), e.at(h, ho)

    def row(r: Value, _: Emitted) -> Emitted:
        along = e.b.mul(r, int64(LANES))
        o = e.load(e.at(g, e.b.add(e.b.mul(r, int64(BLOCK)), int64(3 * LANES))))
        (squashed,) = _activate(e, [e.load(e.at(c, along))], "t")
        e.store(e.b.fmul(o, squashed), e.at(h, along))
        return []

    with e.when_positive(rows):
        e.loop(rows, [], row)


@emits(_emit_lstm_output)
def lstm_output(g: Array, go: int, c: Array, at: int, h: Array, ho: int, rows: int) -> None:
    """h = o tanh(c) once more, from saved gates and states, to vectors."""
    for r in range(rows):
        o = window(g, go + r * BLOCK + 3 * LANES, LANES)
        window(h, ho + r * LANES, LANES)[:] = o * np.tanh(window(c, at + r * LANES, LANES))


def _emit_lstm_back(
    e: Emitter, g: Value, go: Value, da: Value, do: Value, c: Value, before: Value, after: Value, gy: Value, yo: Value,
    ypitch: Value, dh: Value, ho: Value, hpitch: Value, dc: Value, co: Value, rows: Value, lanes: Value,
) -> None:  # fmt: skip
    b, one, mask = e.b, _constant(e, 1), e.first_lanes(lanes)
    g, da, before, after = e.at(g, go), e.at(da, do), e.at(c, before), e.at(c, after)
    gy, dh, dc = e.at(gy, yo), e.at(dh, ho), e.at(dc, co)

    def row(r: Value, _: Emitted) -> Emitted:
        along, panel = b.mul(r, int64(LANES)), b.mul(r, int64(BLOCK))
        i, f, new, o = (e.load(a) for a in _panel(e, e.at(g, panel)))
        (squashed,) = _activate(e, [e.load(e.at(after, along))], "t")
        d = b.fadd(e.masked_load(e.at(gy, b.mul(r, ypitch)), mask), e.load(e.at(dh, b.mul(r, hpitch))))
        d_o = b.fmul(d, o)
        state = b.fadd(e.load(e.at(dc, along)), b.fmul(d_o, b.fsub(one, b.fmul(squashed, squashed))))
        by_i, by_f = b.fmul(state, i), b.fmul(state, f)
        slopes = [
            b.fmul(b.fmul(by_i, new), b.fsub(one, i)),
            b.fmul(b.fmul(by_f, e.load(e.at(before, along))), b.fsub(one, f)),
            b.fmul(by_i, b.fsub(one, b.fmul(new, new))),
            b.fmul(b.fmul(d_o, squashed), b.fsub(one, o)),
        ]
        _store_slopes(e, slopes, e.at(da, panel), by_f, e.at(dc, along), mask)
        return []

    with e.when_positive(rows):
        e.loop(rows, [], row)


@emits(_emit_lstm_back)
def lstm_cells_back(
    g: Array, go: int, da: Array, do: int, c: Array, before: int, after: int, gy: Array, yo: int,
    ypitch: int, dh: Array, ho: int, hpitch: int, dc: Array, co: int, rows: int, lanes: int,
) -> None:  # fmt: skip
    """Gradients of the pre-activations, to da; dc becomes the gradient of the state before."""
    for r in range(rows):
        i, f, new, o = window(g, go + r * BLOCK, BLOCK).reshape(4, LANES)
        squashed, state = np.tanh(window(c, after + r * LANES, LANES)), window(dc, co + r * LANES, LANES)
        d = window(dh, ho + r * hpitch, LANES).copy()
        d[:lanes] += window(gy, yo + r * ypitch, lanes)
        total = state + d * o * (1 - squashed * squashed)
        slopes = window(da, do + r * BLOCK, BLOCK).reshape(4, LANES)
        slopes[0] = total * i * new * (1 - i)
        slopes[1] = total * f * window(c, before + r * LANES, LANES) * (1 - f)
        slopes[2] = total * i * (1 - new * new)
        slopes[3] = d * o * squashed * (1 - o)
        state[:] = total * f
        slopes[:, lanes:], state[lanes:] = 0, 0


def _emit_gru(
    e: Emitter, g: Value, go: Value, c: Value, before: Value, after: Value, h: Value, ho: Value, hpitch: Value,
    rows: Value, lanes: Value, keep: Value,
) -> None:  # fmt: skip
    b, mask = e.b, e.first_lanes(lanes)
    g, before, after, h = e.at(g, go), e.at(c, before), e.at(c, after), e.at(h, ho)

    def gates(r: Value, _: Emitted) -> Emitted:
        at = _panel(e, e.at(g, b.mul(r, int64(BLOCK))))
        reset, update = _activate(e, [e.load(at[1]), e.load(at[2])], "ss")
        e.store(reset, at[1])
        e.store(update, at[2])
        e.store(e.fma(reset, e.load(at[3]), e.load(at[0])), at[0])
        return []

    def output(r: Value, _: Emitted) -> Emitted:
        at, along = _panel(e, e.at(g, b.mul(r, int64(BLOCK)))), b.mul(r, int64(LANES))
        (new,) = _activate(e, [e.load(at[0])], "t")
        state = e.fma(e.load(at[2]), b.fsub(e.load(e.at(before, along)), new), new)
        e.store(state, e.at(after, along))
        e.masked_store(state, e.at(h, b.mul(r, hpitch)), mask)
        with e.when_positive(keep):
            e.store(new, at[0])
        return []

    with e.when_positive(rows):
        e.loop(rows, [], gates)
        e.loop(rows, [], output)


@emits(_emit_gru)
def gru_cells(
    g: Array,
    go: int,
    c: Array,
    before: int,
    after: int,
    h: Array,
    ho: int,
    hpitch: int,
    rows: int,
    lanes: int,
    keep: int,
) -> None:
    """n = tanh(u_n + r v_n), h <- n + z (h - n); n, r, z take the place of the pre-activations, v_n stays."""
    for r in range(rows):
        gates = window(g, go + r * BLOCK, BLOCK).reshape(4, LANES)
        gates[1:3] = _sigmoid(gates[1:3])
        gates[0] = np.tanh(gates[0] + gates[1] * gates[3])
        state = gates[0] + gates[2] * (window(c, before + r * LANES, LANES) - gates[0])
        window(c, after + r * LANES, LANES)[:] = state
        window(h, ho + r * hpitch, lanes)[:] = state[:lanes]


def _emit_gru_back(
    e: Emitter, g: Value, go: Value, da: Value, do: Value, c: Value, before: Value, after: Value, gy: Value, yo: Value,
    ypitch: Value, dh: Value, ho: Value, hpitch: Value, dc: Value, co: Value, rows: Value, lanes: Value,
) -> None:  # fmt: skip
    b, one, mask = e.b, _constant(e, 1), e.first_lanes(lanes)
    g, da, before = e.at(g, go), e.at(da, do), e.at(c, before)
    gy, dh, dc = e.at(gy, yo), e.at(dh, ho), e.at(dc, co)

    def row(r: Value, _: Emitted) -> Emitted:
        along, panel = b.mul(r, int64(LANES)), b.mul(r, int64(BLOCK))
        new, reset, update, hidden = (e.load(a) for a in _panel(e, e.at(g, panel)))
        d = b.fadd(e.masked_load(e.at(gy, b.mul(r, ypitch)), mask), e.load(e.at(dh, b.mul(r, hpitch))))
        d = b.fadd(d, e.load(e.at(dc, along)))
        rest = b.fsub(one, update)
        by_new = b.fmul(b.fmul(d, rest), b.fsub(one, b.fmul(new, new)))
        by_hidden = b.fmul(by_new, reset)
        kept = b.fmul(d, update)
        slopes = [
            by_new,
            b.fmul(b.fmul(by_hidden, hidden), b.fsub(one, reset)),
            b.fmul(b.fmul(kept, b.fsub(e.load(e.at(before, along)), new)), rest),
            by_hidden,
        ]
        _store_slopes(e, slopes, e.at(da, panel), kept, e.at(dc, along), mask)
        return []

    with e.when_positive(rows):
        e.loop(rows, [], row)


@emits(_emit_gru_back)
def gru_cells_back(
    g: Array, go: int, da: Array, do: int, c: Array, before: int, after: int, gy: Array, yo: int,
    ypitch: int, dh: Array, ho: int, hpitch: int, dc: Array, co: int, rows: int, lanes: int,
) -> None:  # fmt: skip
    """Gradients of the pre-activations, to da; dc becomes what passes straight to the state before."""
    for r in range(rows):
        new, reset, update, hidden = window(g, go + r * BLOCK, BLOCK).reshape(4, LANES)
        state = window(dc, co + r * LANES, LANES)
        d = window(dh, ho + r * hpitch, LANES) + state
        d[:lanes] += window(gy, yo + r * ypitch, lanes)
        by_new = d * (1 - update) * (1 - new * new)
        slopes = window(da, do + r * BLOCK, BLOCK).reshape(4, LANES)
        slopes[0] = by_new
        slopes[1] = by_new * hidden * reset * (1 - reset)
        slopes[2] = d * (window(c, before + r * LANES, LANES) - new) * update * (1 - update)
        slopes[3] = by_new * reset
        state[:] = d * update
        slopes[:, lanes:], state[lanes:] = 0, 0


@inner()
def cells(
    kind: int, g: Array, go: int, c: Array, before: int, after: int, h: Array, ho: int, hpitch: int, rows: int, lanes: int,
    keep: int,
) -> Any:  # fmt: skip
    """One block of units: pre-activations in g to the states at `after` in c and the outputs in h."""
    if kind == LSTM:
        lstm_cells(g, go, c, before, after, h, ho, hpitch, rows, lanes, keep)
    else:
        gru_cells(g, go, c, before, after, h, ho, hpitch, rows, lanes, keep)


@inner()
def output_again(kind: int, g: Array, go: int, c: Array, at: int, h: Array, ho: int, rows: int) -> Any:
    """The outputs of one block of units at a step, from what was saved of it: cheaper than keeping them."""
    if kind == LSTM:
        lstm_output(g, go, c, at, h, ho, rows)
    else:
        copy_rows(h, ho, LANES, c, at, LANES, LANES, rows)


@inner()
def cells_back(
    kind: int, g: Array, go: int, da: Array, do: int, c: Array, before: int, after: int, gy: Array, yo: int,
    ypitch: int, dh: Array, ho: int, hpitch: int, dc: Array, co: int, rows: int, lanes: int,
) -> Any:  # fmt: skip
    """One block of units: gradients of outputs and states to gradients of the pre-activations, in da."""
    if kind == LSTM:
        lstm_cells_back(g, go, da, do, c, before, after, gy, yo, ypitch, dh, ho, hpitch, dc, co, rows, lanes)
    else:
        gru_cells_back(g, go, da, do, c, before, after, gy, yo, ypitch, dh, ho, hpitch, dc, co, rows, lanes)
