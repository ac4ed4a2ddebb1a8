"""A recurrent layer over a whole sequence, forward and backward, each as one call.

Threads split the batch and share nothing that they write: no waiting within a sequence, and no cache line that travels
between cores. What the recurrence saves is laid out [thread][block of units][step][row][4 numbers][lane]: a tile reads and
writes one contiguous piece of it, it is the left operand of dh and dx, and the packed right operand of the weight gradients.

Rows of one thread come in the order of falling length, so the rows that take part in a step are its first `active` ones.
Going forward rows drop out at the end; in reverse they come in, and then begin with h0 and c0.

The input gives the first `gates` numbers of a cell, the hidden state the last `gates`: all four for an LSTM, three for a
GRU. All arrays but `active` and the gate tables are flat rows of float32. In names T time, N batch, I input, H hidden.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import prange

from ..types import Array
from .compile import inner, jit, signed
from .recurrent_gates import cells, cells_back, output_again
from .recurrent_tile import (
    BLOCK,
    LANES,
    ROWS,
    add_into,
    column_tile,
    multiply_rows,
    split_columns,
    tile_width,
    transpose,
)
from .vector import clear, copy_rows


class Sizes(NamedTuple):
    """What both directions need to know, all integers.

    kind: LSTM or GRU. gates: 4 or 3. T, N, I, H: the axes. blocks: vectors of hidden units. reverse: 0 or 1. chunk: steps
    whose products with the input are done together. threads: parts of the batch. slots, states: steps for which gates and
    states are kept.
    """

    kind: int
    gates: int
    T: int
    N: int
    I: int  # noqa: E741 - the axis letter of the input
    H: int
    blocks: int
    reverse: int
    chunk: int
    threads: int
    slots: int
    states: int


@inner()
def batch_part(t: int, s: Any) -> Any:
    """First row of thread t, and how many it has."""
    first = t * s.N // s.threads
    return first, (t + 1) * s.N // s.threads - first


@inner()
def time_of(step: int, s: Any) -> int:
    """The time at which a step of processing looks; for the step before the first and after the last, any valid one."""
    step = min(max(step, 0), s.T - 1)
    return s.T - 1 - step if s.reverse else step


@inner()
def rows_at(step: int, active: Array, s: Any) -> Any:
    """How many rows take part in a step, and how many of them took part in the step before."""
    rows = active[time_of(step, s)]
    return rows, min(rows, active[time_of(step - 1, s)]) if step > 0 else 0


@inner()
def lanes_in(p: int, s: Any) -> int:
    """Units in block p: fewer than a vector in the last one."""
    return min(LANES, s.H - p * LANES)  # type: ignore[no-any-return]


@inner()
def hidden_from(s: Any) -> Any:
    """Where in a panel row the numbers begin that the hidden state gives."""
    return (4 - s.gates) * LANES


@inner()
def pack_gates(panels: Array, w: Array, depth: int, gates: Array, p: int, s: Any) -> None:
    """Panel p of a weight (gates * H, depth): depth outside, the gates of a block side by side."""
    lanes = lanes_in(p, s)
    for q in range(s.gates):
        row = gates[q] * s.H + p * LANES
        for k in range(0, depth, LANES):
            across = min(LANES, depth - k)
            transpose(w, row * depth + k, depth, across, panels, (p * depth + k) * BLOCK + q * LANES, BLOCK, lanes)


@inner()
def pack_rows(panels: Array, w: Array, width: int, gates: Array, q: int, s: Any) -> None:
    """Column panel q of a weight (gates * H, width): its rows in the order of the saved gates."""
    columns = min(BLOCK, width - q * BLOCK)
    for p in range(s.blocks):
        for k in range(s.gates):
            to = ((q * s.blocks + p) * s.gates + k) * LANES * BLOCK
            row = gates[k] * s.H + p * LANES
            copy_rows(panels, to, BLOCK, w, row * width + q * BLOCK, width, columns, lanes_in(p, s))


@inner()
def forward_part(
    t: int, x: Array, h0: Array, c0: Array, w_in: Array, w_hid: Array, bias: Array, active: Array,
    y: Array, c_last: Array, gates: Array, states: Array, keep: int, s: Any,
) -> None:  # fmt: skip
    """The whole sequence for the rows of thread t."""
    first, n = batch_part(t, s)
    gates_at, states_at = first * s.blocks * s.slots * BLOCK, first * s.blocks * s.states * LANES
    for start in range(0, s.T, s.chunk):
        stop = min(s.T, start + s.chunk)
        for p in range(s.blocks):  # what the input gives, with the bias, to where the gates will be
            for step in range(start, stop):
                rows, _ = rows_at(step, active, s)
                g = gates_at + (p * s.slots + step % s.slots) * n * BLOCK
                multiply_rows(
                    rows, s.gates, x, (time_of(step, s) * s.N + first) * s.I, s.I, 1, 0, s.I, w_in, p * s.I * BLOCK,
                    bias, p * BLOCK, 0, gates, g, BLOCK,
                )  # fmt: skip
                if s.gates == 3:  # the fourth number begins with its bias alone
                    copy_rows(gates, g + 3 * LANES, BLOCK, bias, p * BLOCK + 3 * LANES, 0, LANES, rows)
        for step in range(start, stop):
            rows, old = rows_at(step, active, s)
            h_now = (time_of(step, s) * s.N + first) * s.H
            h_old = (time_of(step - 1, s) * s.N + first) * s.H
            stay = 0 if step == s.T - 1 else active[time_of(step + 1, s)]
            for p in range(s.blocks):
                lanes, weights = lanes_in(p, s), p * s.H * BLOCK
                g = gates_at + (p * s.slots + step % s.slots) * n * BLOCK
                before = states_at + (p * s.states + step % s.states) * n * LANES
                after = states_at + (p * s.states + (step + 1) % s.states) * n * LANES
                z = g + hidden_from(s)
                multiply_rows(old, s.gates, y, h_old, s.H, 1, 0, s.H, w_hid, weights, gates, z, BLOCK, gates, z, BLOCK)
                if old < rows:  # rows that begin here
                    begin = (first + old) * s.H
                    copy_rows(states, before + old * LANES, LANES, c0, begin + p * LANES, s.H, lanes, rows - old)
                    z += old * BLOCK
                    multiply_rows(
                        rows - old, s.gates, h0, begin, s.H, 1, 0, s.H, w_hid, weights, gates, z, BLOCK, gates, z, BLOCK
                    )
                cells(s.kind, gates, g, states, before, after, y, h_now + p * LANES, s.H, rows, lanes, keep)
                if stay < rows:  # rows that end here
                    end = (first + stay) * s.H + p * LANES
                    copy_rows(c_last, end, s.H, states, after + stay * LANES, LANES, lanes, rows - stay)


@jit()
def forward(
    x: Array, h0: Array, c0: Array, w_ih: Array, w_hh: Array, gates_in: Array, gates_hid: Array, bias: Array, active: Array,
    y: Array, c_last: Array, w_in: Array, w_hid: Array, gates: Array, states: Array, keep: int, s: Any,
) -> None:  # fmt: skip
    """y and the last states; gates and states as backward wants them if keep."""
    for p in prange(s.blocks):
        pack_gates(w_in, w_ih, s.I, gates_in, signed(p), s)
        pack_gates(w_hid, w_hh, s.H, gates_hid, signed(p), s)
    for t in prange(s.threads):
        forward_part(signed(t), x, h0, c0, w_in, w_hid, bias, active[t], y, c_last, gates, states, keep, s)


class Scratch(NamedTuple):
    """What backward works in, each flat.

    w_in, w_hid: weights in panels. da: gradients of a chunk's pre-activations. dh, dc: of the states. left: x and the h before
    of a chunk, cut into vectors. sums: each thread's weight gradients. bias: each thread's bias gradients. ragged: columns
    of gx that fill no panel. zero: a panel row of zeros.
    """

    w_in: Array
    w_hid: Array
    da: Array
    dh: Array
    dc: Array
    left: Array
    sums: Array
    bias: Array
    ragged: Array
    zero: Array


@inner()
def recur_back(
    t: int, step: int, start: int, x: Array, h0: Array, gates: Array, states: Array, gy: Array, active: Array,
    depth: int, left_at: int, w: Any, s: Any,
) -> None:  # fmt: skip
    """One step back: gate gradients, the rows of the left operand, dh of the step before."""
    first, n = batch_part(t, s)
    rows, old = rows_at(step, active, s)
    now = time_of(step, s) * s.N + first
    k, panel, pitch = (step - start) * n, n * s.chunk * BLOCK, depth * LANES
    h_pitch = (s.H + BLOCK - 1) // BLOCK * BLOCK
    da_at, dh_at = first * s.blocks * s.chunk * BLOCK, first * h_pitch
    x_blocks = (s.I + LANES - 1) // LANES
    at = left_at + k * LANES
    at_h = at + x_blocks * pitch
    for p in range(s.blocks):
        g = (first * s.blocks + p * n) * s.T * BLOCK + step * n * BLOCK
        before = (first * s.blocks + p * n) * (s.T + 1) * LANES + step * n * LANES
        da = da_at + p * panel + k * BLOCK
        cells_back(
            s.kind, gates, g, w.da, da, states, before, before + n * LANES, gy, now * s.H + p * LANES, s.H,
            w.dh, dh_at + p * LANES, h_pitch, w.dc, first * s.blocks * LANES + p * n * LANES, rows, lanes_in(p, s),
        )  # fmt: skip
        output_again(s.kind, gates, g - n * BLOCK, states, before, w.left, at_h + p * pitch, old)
        if rows < n:
            clear(w.da[da + rows * BLOCK : da + n * BLOCK])
    split_columns(w.left, at, pitch, x, now * s.I, s.I, s.I, rows)
    split_columns(w.left, at_h + old * LANES, pitch, h0, (first + old) * s.H, s.H, s.H, rows - old)
    if rows < n:
        for b in range(x_blocks + s.blocks):
            clear(w.left[at + b * pitch + rows * LANES : at + b * pitch + n * LANES])
    for q in range(h_pitch // BLOCK):
        multiply_rows(
            rows, tile_width(s.H - q * BLOCK), w.da, da_at + k * BLOCK + hidden_from(s), BLOCK, s.blocks, panel,
            s.gates * LANES, w.w_hid, q * s.blocks * s.gates * LANES * BLOCK, w.zero, 0, 0, w.dh, dh_at + q * BLOCK, h_pitch,
        )  # fmt: skip


@inner()
def input_grad(t: int, start: int, stop: int, gx: Array, w: Any, s: Any) -> None:
    """gx of a chunk of steps."""
    first, n = batch_part(t, s)
    da_at, panel = first * s.blocks * s.chunk * BLOCK, n * s.chunk * BLOCK
    for q in range((s.I + BLOCK - 1) // BLOCK):
        columns = min(BLOCK, s.I - q * BLOCK)
        for step in range(start, stop):
            a, to = da_at + (step - start) * n * BLOCK, (time_of(step, s) * s.N + first) * s.I + q * BLOCK
            weights, depth = q * s.blocks * s.gates * LANES * BLOCK, s.gates * LANES
            if columns == BLOCK:
                multiply_rows(n, 4, w.da, a, BLOCK, s.blocks, panel, depth, w.w_in, weights, w.zero, 0, 0, gx, to, s.I)
            else:
                ragged = first * BLOCK
                multiply_rows(
                    n, tile_width(columns), w.da, a, BLOCK, s.blocks, panel, depth,
                    w.w_in, weights, w.zero, 0, 0, w.ragged, ragged, BLOCK,
                )  # fmt: skip
                copy_rows(gx, to, s.I, w.ragged, ragged, BLOCK, columns, n)


@inner()
def weight_grad(t: int, rows: int, fresh: bool, depth: int, left_at: int, sums_at: int, w: Any, s: Any) -> None:
    """Add [x | h before]' da of a chunk of `rows` rows to the thread's own sums; fresh: they begin here."""
    first, n = batch_part(t, s)
    da_at, panel = first * s.blocks * s.chunk * BLOCK, n * s.chunk * BLOCK
    x_blocks = (s.I + LANES - 1) // LANES
    groups, tiles = x_blocks + s.blocks, (LANES + ROWS - 1) // ROWS
    for p in range(s.blocks):
        for b in range(groups):
            columns = min(LANES, s.I - b * LANES) if b < x_blocks else lanes_in(b - x_blocks, s)
            da = da_at + p * panel + (0 if b < x_blocks else hidden_from(s))
            for i in range(tiles):
                r = i * LANES // tiles
                if r < columns:
                    out, high = sums_at + ((p * groups + b) * LANES + r) * BLOCK, (i + 1) * LANES // tiles - r
                    a, g = left_at + b * depth * LANES + r, s.gates
                    if fresh:
                        column_tile(high, g, w.left, a, 0, 1, 0, rows, w.da, da, w.zero, 0, 0, w.sums, out, BLOCK)
                    else:
                        column_tile(high, g, w.left, a, 0, 1, 0, rows, w.da, da, w.sums, out, BLOCK, w.sums, out, BLOCK)
        total = w.bias[(t * s.blocks + p) * BLOCK : (t * s.blocks + p + 1) * BLOCK]
        for r in range(rows):
            at = da_at + p * panel + r * BLOCK
            add_into(total, w.da[at : at + BLOCK])


@inner()
def backward_part(
    t: int, x: Array, h0: Array, gates: Array, states: Array, gy: Array, gh: Array, gc: Array, active: Array,
    gx: Array, gh0: Array, gc0: Array, w: Any, s: Any,
) -> None:  # fmt: skip
    """The whole sequence backwards for the rows of thread t: chunk by chunk the recurrence, gx, the weight gradients."""
    first, n = batch_part(t, s)
    h_pitch = (s.H + BLOCK - 1) // BLOCK * BLOCK
    dh_at, dc_at = first * h_pitch, first * s.blocks * LANES
    groups = (s.I + LANES - 1) // LANES + s.blocks
    depth = s.chunk * ((s.N + s.threads - 1) // s.threads)
    left_at, sums_at = t * groups * depth * LANES, t * s.blocks * groups * LANES * BLOCK
    copy_rows(w.dh, dh_at, h_pitch, gh, first * s.H, s.H, s.H, n)
    for p in range(s.blocks):
        copy_rows(w.dc, dc_at + p * n * LANES, LANES, gc, first * s.H + p * LANES, s.H, lanes_in(p, s), n)
    for start in range((s.T - 1) // s.chunk * s.chunk, -1, -s.chunk):
        stop = min(s.T, start + s.chunk)
        for step in range(stop - 1, start - 1, -1):
            recur_back(t, step, start, x, h0, gates, states, gy, active, depth, left_at, w, s)
        input_grad(t, start, stop, gx, w, s)
        weight_grad(t, (stop - start) * n, stop == s.T, depth, left_at, sums_at, w, s)
    copy_rows(gh0, first * s.H, s.H, w.dh, dh_at, h_pitch, s.H, n)
    for p in range(s.blocks):
        copy_rows(gc0, first * s.H + p * LANES, s.H, w.dc, dc_at + p * n * LANES, LANES, lanes_in(p, s), n)


@inner()
def collect(p: int, gates_in: Array, gates_hid: Array, gw_ih: Array, gw_hh: Array, w: Any, s: Any) -> None:
    """Add the threads' sums of panel p in their order and bring them into the layout of the weights."""
    lanes, x_blocks = lanes_in(p, s), (s.I + LANES - 1) // LANES
    groups, square = x_blocks + s.blocks, LANES * BLOCK
    for b in range(groups):
        at = (p * groups + b) * square
        for t in range(1, s.threads):
            other = at + t * s.blocks * groups * square
            add_into(w.sums[at : at + square], w.sums[other : other + square])
        for q in range(s.gates):
            if b < x_blocks:
                to = (gates_in[q] * s.H + p * LANES) * s.I + b * LANES
                transpose(w.sums, at + q * LANES, BLOCK, lanes, gw_ih, to, s.I, min(LANES, s.I - b * LANES))
            else:
                to = (gates_hid[q] * s.H + p * LANES) * s.H + (b - x_blocks) * LANES
                transpose(w.sums, at + q * LANES, BLOCK, lanes, gw_hh, to, s.H, lanes_in(b - x_blocks, s))
    for t in range(1, s.threads):
        other = (t * s.blocks + p) * BLOCK
        add_into(w.bias[p * BLOCK : (p + 1) * BLOCK], w.bias[other : other + BLOCK])


@jit()
def backward(
    x: Array, h0: Array, w_ih: Array, w_hh: Array, gates_in: Array, gates_hid: Array, active: Array,
    gates: Array, states: Array, gy: Array, gh: Array, gc: Array, gx: Array, gh0: Array, gc0: Array,
    gw_ih: Array, gw_hh: Array, w: Any, s: Any,
) -> None:  # fmt: skip
    """All gradients; that of the biases is left in w.bias, in panels."""
    in_panels, hid_panels = (s.I + BLOCK - 1) // BLOCK, (s.H + BLOCK - 1) // BLOCK
    for q in prange(in_panels + hid_panels):
        if q < in_panels:
            pack_rows(w.w_in, w_ih, s.I, gates_in, signed(q), s)
        else:
            pack_rows(w.w_hid, w_hh, s.H, gates_hid, signed(q) - in_panels, s)
    for t in prange(s.threads):
        backward_part(signed(t), x, h0, gates, states, gy, gh, gc, active[t], gx, gh0, gc0, w, s)
    for p in prange(s.blocks):
        collect(signed(p), gates_in, gates_hid, gw_ih, gw_hh, w, s)


def panels(width: int) -> int:
    """Panels that cover so many columns."""
    return -(-width // BLOCK)


def blocks(width: int) -> int:
    """Vectors that cover so many columns."""
    return -(-width // LANES)


def uniform(s: Sizes) -> Array:
    """`active` where all sequences are as long as T."""
    part = [(t + 1) * s.N // s.threads - t * s.N // s.threads for t in range(s.threads)]
    return np.repeat(np.array(part, np.int64)[:, None], s.T, axis=1)
