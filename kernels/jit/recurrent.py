"""LSTM and GRU over whole sequences in float32; float64, plain networks and what is small are in recurrence/stepwise.py.

The launchers bring the arguments into the form that the sequence code wants and give it memory.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from ctypes import addressof, c_char
from math import prod
from typing import Any

import numpy as np

from ..totals import Offer, fits, taken
from ..types import Array
from .machine.compile import dense, threads_for
from .machine.kept import KEPT as kept_weights
from .machine.vector import MANY_REGISTERS, as_row
from .recurrence import stepwise
from .recurrence.gates import GRU, LSTM
from .recurrence.layout import (
    APART,
    GRUSizes,
    InputGrads,
    Inputs,
    Layer,
    LSTMSizes,
    OutputGrads,
    Outputs,
    Packed,
    Saved,
    Scratch,
    Sizes,
    blocks,
    groups_of,
    panels,
    uniform,
)
from .recurrence.sequence import arrange, arrange_back, backward, forward
from .recurrence.tile import BLOCK, LANES, WIDTH

LEAST_ROWS = 4
"""Batch rows below which another thread does not pay: tiles of fewer rows do less work per weight that they load."""

SPEED = 20.0
"""Multiply-adds in a nanosecond of one thread."""

FEW_ROWS = 256
"""Rows of input up to which it pays to keep the weights as they were arranged, and to look whether they are the same."""

AHEAD_ROWS = 192
"""Rows per thread whose products with the input are done ahead of the recurrence."""

BEHIND_ROWS = 1024 if MANY_REGISTERS else 512
"""Rows per thread after which gx and the weight gradients are brought up to date."""

FLOAT32 = np.dtype(np.float32)
NOTHING = np.empty(0, FLOAT32)
KEPT = 1 << 22
"""Elements of scratch that a Python thread keeps from call to call, per buffer: fresh pages cost more than arithmetic."""

GATES_IN = {LSTM: np.array([0, 1, 2, 3]), GRU: np.array([2, 0, 1])}
GATES_HID = {LSTM: np.array([0, 1, 2, 3]), GRU: np.array([0, 1, 2])}
"""Which gate of the weights each number of a panel is, for what the input gives and for what the hidden state gives."""

SIZES: dict[int, Callable[..., Sizes]] = {LSTM: LSTMSizes, GRU: GRUSizes}

_kept = threading.local()


def _scratch(name: str, *shape: int, zero: bool = False) -> Array:
    """A flat buffer that does not outlive the call."""
    size = prod(shape)
    buffer = _kept.__dict__.get(name)
    if buffer is None or buffer.size < size:
        buffer = _fresh(size)
        if size <= KEPT:
            _kept.__dict__[name] = buffer
    buffer = buffer[:size]
    if zero:
        buffer.fill(0)
    return buffer


def _fresh(size: int) -> Array:
    """An uninitialised flat array that begins on a cache line."""
    memory: Any = np.empty(size + 16, np.float32)
    start = -addressof(c_char.from_buffer(memory)) % 64 // 4  # in a quarter of the time of memory.ctypes
    return memory[start : start + size]


def _sizes(kind: int, x: Array, hidden: int, reverse: bool, threads: int, rows: int, keep: bool) -> Sizes:
    """rows: how many rows per thread a chunk of steps should have. keep: whether gates and states of all steps are kept."""
    steps, batch, inputs = x.shape
    chunk = max(1, min(steps, rows * threads // batch))
    slots, states = (steps, steps + 1) if keep else (chunk, 2)
    gates = len(GATES_IN[kind])
    return Sizes(kind, gates, steps, batch, inputs, hidden, blocks(hidden), int(reverse), chunk, threads, slots, states)


def _deal(lengths: Array, s: Sizes) -> tuple[Array, Array]:
    """The order in which rows go to threads, and how many rows of each thread are active at each time.

    Rows are dealt out by falling length, so that threads have equal work and each has its longest rows first.
    """
    falling = np.argsort(-lengths, kind="stable")
    part = [(t + 1) * s.N // s.threads - t * s.N // s.threads for t in range(s.threads)]
    seats = sorted((k, t) for t in range(s.threads) for k in range(part[t]))
    hands: list[list[int]] = [[] for _ in range(s.threads)]
    for row, (_, t) in zip(falling.tolist(), seats, strict=True):
        hands[t].append(row)
    times = np.arange(s.T)
    active = np.stack([(lengths[hand][:, None] > times).sum(0) for hand in hands])
    return np.concatenate([np.array(hand, np.int64) for hand in hands]), active.astype(np.int64)


def _forward(
    kind: int, x: Array, states: tuple[Array, Array], weights: tuple[Array, Array, Array], lengths: Array | None,
    reverse: bool, save: bool,
) -> tuple[Array, Array, Array, Any]:  # fmt: skip
    """y, hT, cT and the residuals.

    states: h0 and c0. weights: w_ih, w_hh and the bias (4, H), what the four numbers of each unit begin with.
    """
    (h0, c0), (w_ih, w_hh, bias) = states, weights
    x, h0, c0, w_ih, w_hh = (dense(a) for a in (x, h0, c0, w_ih, w_hh))
    steps, batch, inputs = x.shape
    hidden = h0.shape[1]
    if not (steps and batch and hidden):
        return np.zeros((steps, batch, hidden), x.dtype), h0.copy(), c0.copy(), () if save else None
    if not inputs:
        x, w_ih = np.zeros((steps, batch, 1), x.dtype), np.zeros((w_ih.shape[0], 1), x.dtype)
    work = steps * batch * (w_ih.size + w_hh.size)
    s = _sizes(kind, x, hidden, reverse, threads_for(batch // LEAST_ROWS, work / SPEED), AHEAD_ROWS, save)
    ragged = hidden % LANES != 0
    order = None
    if lengths is None:
        active, y, c_last = uniform(s), np.empty((steps, batch, hidden), x.dtype), np.empty_like(c0)
    else:
        lengths = np.clip(lengths, 0, steps)
        order, active = _deal(lengths, s)
        x, h0, c0 = x.take(order, axis=1), h0[order], c0[order]
        y, c_last = np.zeros((steps, batch, hidden), x.dtype), c0.copy()
    gates, saved_states = (
        _fresh(size) if save else _scratch(name, size)
        for name, size in (
            ("gates", s.blocks * s.slots * batch * BLOCK),
            ("states", s.blocks * s.states * batch * LANES),
        )
    )
    if ragged:
        saved_states.fill(0)
    padded = bias
    if ragged:
        padded = np.zeros((4, s.blocks * LANES), x.dtype)
        padded[:, :hidden] = bias
    start = np.ascontiguousarray(padded.reshape(4, s.blocks, LANES).transpose(1, 0, 2))
    packed = Packed(
        w_in=_ahead("w_in", w_ih, GATES_IN[kind], s),
        w_hid=_ahead("w_hid", w_hh, GATES_HID[kind], s),
        bias=as_row(start),
    )
    given, saved = Inputs(as_row(x), as_row(h0), active), Saved(gates, saved_states)
    forward(given, as_row(c0), packed, Outputs(as_row(y), as_row(c_last)), saved, int(save), SIZES[kind](*s), s.threads)
    if order is None or lengths is None:
        last = y[0 if reverse else -1].copy()
        return y, last, c_last, (gates, saved_states, active, order) if save else None
    sorted_y, y = y, np.empty_like(y)
    y[:, order] = sorted_y
    c_out = np.empty_like(c_last)
    c_out[order] = c_last
    last = np.empty_like(c_last)
    ends = np.zeros_like(lengths) if reverse else np.maximum(lengths, 1) - 1
    last[:] = y[ends, np.arange(batch)]
    last[order] = np.where(lengths[order][:, None] > 0, last[order], h0)
    return y, last, c_out, (gates, saved_states, active, order) if save else None


def _arranged(name: str, w: Array, size: int, filled: bool, s: Sizes, fill: Callable[[Array], None]) -> Array:
    """The panels of a weight, from the kept ones where few rows are multiplied by them.

    size: of the panels. filled: whether fill() writes all of them.
    """
    if s.T * s.N > FEW_ROWS:
        panels = _scratch(name, size, zero=not filled)
        fill(panels)
        return panels

    def made() -> Array:
        fresh = _fresh(size)
        if not filled:
            fresh.fill(0)
        fill(fresh)
        return fresh

    return kept_weights.get(w, (name, s.kind), made)


def _ahead(name: str, w: Array, gates: Array, s: Sizes) -> Array:
    """The panels of a weight for the way forward."""

    def fill(panels: Array) -> None:
        arrange(panels, as_row(w), gates, s, threads_for(s.blocks, w.size / 2))

    return _arranged(name, w, s.blocks * w.shape[1] * BLOCK, s.H % LANES == 0, s, fill)


def _behind(name: str, w: Array, gates: Array, s: Sizes) -> Array:
    """The panels of a weight for the way back."""
    width = w.shape[1]
    count = panels(width)
    filled = s.H % LANES == 0 and width % BLOCK == 0
    size = count * s.blocks * BLOCK * BLOCK

    def fill(some: Array) -> None:
        arrange_back(some, as_row(w), gates, width, s, threads_for(count, w.size / 2))

    return _arranged(name, w, size, filled, s, fill)


def _layer(kind: int, w_ih: Array, w_hh: Array) -> Layer:
    return Layer(as_row(w_ih), as_row(w_hh), GATES_IN[kind], GATES_HID[kind])


def _sum_or_new(total: Array | None, w: Array) -> Array:
    """The sum of a weight's gradients, if it can be added to, or an array for one."""
    return total if total is not None and fits(total, w.shape, w) else np.empty_like(w)


def _backward(
    kind: int, grads: OutputGrads, x: Array, h0: Array, weights: tuple[Array, Array], reverse: bool, residuals: Any,
    offered: Offer,
) -> tuple[Array, Array, Array, Array, Array, Array]:  # fmt: skip
    """Gradients of x (an array of no use unless it is wanted), h0, the state, w_ih, w_hh, and of the bias as (4, H)."""
    w_ih, w_hh = weights
    gy, gh, gc = grads
    gy, gh, gc, x, h0, w_ih, w_hh = (dense(a) for a in (gy, gh, gc, x, h0, w_ih, w_hh))
    hidden, inputs = h0.shape[1], x.shape[2]
    if not residuals:
        nothing = np.zeros_like(w_hh), np.zeros((4, hidden), x.dtype)
        return np.zeros_like(x), gh.copy(), gc.copy(), np.zeros_like(w_ih), *nothing
    if not inputs:
        x, w_ih = np.zeros((*x.shape[:2], 1), x.dtype), np.zeros((w_ih.shape[0], 1), x.dtype)
    (sum_ih, sum_hh), of_input = offered.totals or (None, None), offered.first
    gates, states, active, order = residuals
    if order is not None:
        gy, x = gy.take(order, axis=1), x.take(order, axis=1)
        gh, gc, h0 = gh[order], gc[order], h0[order]
    s = _sizes(kind, x, hidden, reverse, len(active), BEHIND_ROWS, True)
    gx, gh0, gc0 = (np.empty_like(a) for a in (x if of_input else x[:0], gh, gc))
    gw_ih, gw_hh = _sum_or_new(sum_ih, w_ih), _sum_or_new(sum_hh, w_hh)
    along, ragged = panels(hidden), hidden % LANES != 0
    groups, most = groups_of(s.I) + groups_of(s.H), -(-s.N // s.threads)
    work = Scratch(
        w_in=_behind("w_in back", w_ih, GATES_IN[kind], s) if of_input else NOTHING,
        w_hid=_behind("w_hid back", w_hh, GATES_HID[kind], s),
        da=_scratch("da", s.blocks * (s.chunk * s.N + s.threads * APART) * BLOCK),
        dh=_scratch("dh", s.N * along * BLOCK, zero=ragged),
        dc=_scratch("dc", s.N * s.blocks * LANES, zero=ragged),
        squashed=_scratch("squashed", s.N * s.blocks * LANES) if kind == LSTM else NOTHING,
        left=_scratch("left", s.threads, groups, s.chunk * most + APART, WIDTH),
        sums=_scratch("sums", s.threads, s.blocks, groups * WIDTH, BLOCK),
        bias=_scratch("bias", s.threads, s.blocks, BLOCK, zero=True),
        ragged=_scratch("ragged", s.chunk * s.N, BLOCK),
        zero=_scratch("zero", BLOCK, zero=True),
    )
    given = Inputs(as_row(x), as_row(h0), active)
    flat = OutputGrads(as_row(gy), as_row(gh), as_row(gc))
    adds = (gw_ih is sum_ih) + 2 * (gw_hh is sum_hh)
    out = InputGrads(as_row(gx), as_row(gh0), as_row(gc0), as_row(gw_ih), as_row(gw_hh), adds)
    backward(given, _layer(kind, w_ih, w_hh), Saved(gates, states), flat, out, work, SIZES[kind](*s), s.threads)
    gbias = work.bias[: s.blocks * BLOCK].reshape(s.blocks, 4, LANES).transpose(1, 0, 2).reshape(4, -1)[:, :hidden]
    if order is not None:
        back = np.argsort(order)
        gx, gh0, gc0 = gx.take(back, axis=1), gh0[back], gc0[back]
    if not inputs:
        gx, gw_ih = gx[:, :, :0], gw_ih[:, :0]
    return gx, gh0, gc0, gw_ih, gw_hh, gbias.copy()  # out of the scratch


def lstm(
    x: Array, h0: Array, c0: Array, w_ih: Array, w_hh: Array, bias: Array | None,
    lengths: Array | None, reverse: bool, save: bool,
) -> tuple[Array, Array, Array, Any]:  # fmt: skip
    """Long short-term memory, gates i, f, g, o: c <- f c + i g, h <- o tanh(c), y_t = h.

    x: (T, N, I). h0, c0: (N, H). w_ih: (4H, I). w_hh: (4H, H). bias: (4H,) or None. lengths: (N,) int or None.
    Returns y (T, N, H), hT (N, H), cT (N, H), and what lstm_grad needs if save, else None.
    """
    if x.dtype != FLOAT32 or stepwise.is_better(x, w_ih, w_hh, lengths):
        return stepwise.lstm(x, (h0, c0), (w_ih, w_hh), bias, lengths, reverse, save)
    bias4 = np.zeros((4, h0.shape[1]), x.dtype) if bias is None else bias.reshape(4, -1)
    return _forward(LSTM, x, (h0, c0), (w_ih, w_hh, bias4), lengths, reverse, save)


def lstm_grad(
    gy: Array, gh: Array, gc: Array, x: Array, h0: Array, c0: Array, w_ih: Array, w_hh: Array, bias: Array | None,
    lengths: Array | None, reverse: bool, residuals: Any,
) -> tuple[Array | None, Array, Array, Array, Array, Array | None]:  # fmt: skip
    """Gradients of x (None where it is known not to be wanted), h0, c0, w_ih, w_hh and bias (None where bias is)."""
    if stepwise.is_own(residuals):
        return stepwise.lstm_grad((gy, gh, gc), x, (h0, c0), (w_ih, w_hh), bias, lengths, reverse, residuals)
    offered, weights = taken("lstm_grad"), (w_ih, w_hh)
    *grads, gbias = _backward(LSTM, OutputGrads(gy, gh, gc), x, h0, weights, reverse, residuals, offered)
    gx, gh0, gc0, gw_ih, gw_hh = (np.ascontiguousarray(g) for g in grads)
    return gx if offered.first else None, gh0, gc0, gw_ih, gw_hh, None if bias is None else gbias.reshape(-1)


def lstm_grad_beyond_input(
    grads: OutputGrads, x: Array, h0: Array, weights: tuple[Array, Array], bias: Array | None, reverse: bool, residuals: Any
) -> tuple[None, Array, Array, Array, Array, Array | None]:
    """lstm_grad for those who need no gradient of x, for which None is returned: a fourth of the arithmetic less if I = H."""
    if stepwise.is_own(residuals):
        return None, *stepwise.lstm_grad(tuple(grads), x, (h0, h0), weights, bias, None, reverse, residuals)[1:]
    _, gh0, gc0, gw_ih, gw_hh, gbias = _backward(LSTM, grads, x, h0, weights, reverse, residuals, Offer(first=False))
    gw_ih, gw_hh = np.ascontiguousarray(gw_ih), np.ascontiguousarray(gw_hh)
    return None, gh0, gc0, gw_ih, gw_hh, None if bias is None else gbias.reshape(-1)


def gru(
    x: Array, h0: Array, w_ih: Array, w_hh: Array, b_ih: Array | None, b_hh: Array | None,
    lengths: Array | None, reverse: bool, save: bool,
) -> tuple[Array, Array, Any]:  # fmt: skip
    """Gated recurrent unit: r, z = s(u + v), n = tanh(u_n + r v_n), h <- n + z (h - n), y_t = h.

    u = x_t w_ih' + b_ih and v = h w_hh' + b_hh, each in three parts.

    x: (T, N, I). h0: (N, H). w_ih: (3H, I). w_hh: (3H, H). b_ih, b_hh: (3H,) or None. lengths: (N,) int or None.
    Returns y (T, N, H), hT (N, H), and what gru_grad needs if save, else None.
    """
    if x.dtype != FLOAT32 or stepwise.is_better(x, w_ih, w_hh, lengths):
        return stepwise.gru(x, h0, (w_ih, w_hh), (b_ih, b_hh), lengths, reverse, save)
    bias4 = np.zeros((4, h0.shape[1]), x.dtype)
    if b_ih is not None:
        bias4[[1, 2, 0]] += b_ih.reshape(3, -1)
    if b_hh is not None:
        bias4[1:] += b_hh.reshape(3, -1)
    y, _, last, residuals = _forward(GRU, x, (h0, h0), (w_ih, w_hh, bias4), lengths, reverse, save)
    return y, last, residuals


def gru_grad(
    gy: Array, gh: Array, x: Array, h0: Array, w_ih: Array, w_hh: Array, b_ih: Array | None, b_hh: Array | None,
    lengths: Array | None, reverse: bool, residuals: Any,
) -> tuple[Array | None, Array, Array, Array, Array | None, Array | None]:  # fmt: skip
    """Gradients of x (None where it is known not to be wanted), h0, w_ih, w_hh, b_ih and b_hh (None where the bias is)."""
    if stepwise.is_own(residuals):
        return stepwise.gru_grad((gy, gh), x, h0, (w_ih, w_hh), (b_ih, b_hh), lengths, reverse, residuals)
    offered, grads = taken("gru_grad"), OutputGrads(gy, gh, np.zeros_like(gh))
    *found, gbias = _backward(GRU, grads, x, h0, (w_ih, w_hh), reverse, residuals, offered)
    gx, through_gates, straight, gw_ih, gw_hh = (np.ascontiguousarray(g) for g in found)
    gb_ih = None if b_ih is None else gbias[[1, 2, 0]].reshape(-1)
    gb_hh = None if b_hh is None else gbias[1:].reshape(-1)
    return gx if offered.first else None, through_gates + straight, gw_ih, gw_hh, gb_ih, gb_hh


rnn, rnn_grad = stepwise.rnn, stepwise.rnn_grad
