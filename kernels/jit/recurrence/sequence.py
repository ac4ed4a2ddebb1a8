"""A recurrent layer over a whole sequence, forward and backward, each as one call.

Threads split the batch and share nothing that they write: no waiting within a sequence, and no cache line that travels
between cores. What the recurrence saves is laid out [thread][block of units][step][row][4 numbers][lane]: a tile reads and
writes one contiguous piece of it, it is the left operand of dh and dx, and the packed right operand of the weight gradients.

Rows of one thread come in the order of falling length, so the rows that take part in a step are its first `active` ones.
Going forward rows drop out at the end; in reverse they come in, and then begin with h0 and c0.
"""

from __future__ import annotations

from typing import Any

from numba import prange

from ...types import Array
from ..machine.compile import inner, jit, signed
from ..machine.vector import MANY_REGISTERS, clear, copy_rows
from ..machine.views import Panel, Pieces, Rows, Tail, rows_from
from .gates import CellGrads, Cells, PastCells, Slopes
from .kinds import cells_back, cells_forward, multiply_gates, squash_last
from .layout import (
    InputGrads,
    Inputs,
    Layer,
    OutputGrads,
    Outputs,
    Packed,
    Part,
    Saved,
    Scratch,
    da_at,
    da_pitch,
    dc_at,
    gates_at,
    groups_of,
    h_pitch,
    hidden_from,
    in_one_piece,
    lanes_in,
    left_pitch,
    part_of,
    rows_at,
    states_at,
    time_of,
)
from .tile import (
    BLOCK,
    LANES,
    ROWS,
    VECTORS,
    WIDTH,
    add_into,
    gradient_tile,
    multiply_rows,
    split_columns,
    strip_of,
    transpose,
)

GATE_STRIPS = (0, 0, 0, strip_of(3), strip_of(4))
"""Gates in a strip of a panel, by their number."""

GRADIENT_DEPTH, GRADIENT_BLOCKS = 512 if MANY_REGISTERS else 256, 4
"""Rows of a chunk, and blocks of units, of which weight gradients are summed in turn: 16 KiB of the left operand at AVX2.

With wider tiles neither depth fits the first-level cache; the greater one loads and stores the sums half as often.
"""


@inner()
def pack_gates(panel: Array, w: Array, gates: Array, p: int, s: Any) -> None:
    """Panel p of a weight (gates * H, depth): depth outside, the gates of a block side by side, as many as make a strip."""
    lanes, depth, strip = lanes_in(p, s), panel.size // BLOCK, GATE_STRIPS[s.gates]
    for q in range(s.gates):
        row = gates[q] * s.H + p * LANES
        for k in range(0, depth, LANES):
            at = (q // strip * depth + k) * strip + q % strip
            target = Rows(panel, at * LANES, strip * LANES)
            transpose(target, Rows(w, row * depth + k, depth), lanes, min(LANES, depth - k))


@inner()
def pack_rows(panel: Array, w: Array, width: int, gates: Array, q: int, s: Any) -> None:
    """Column panel q of a weight (gates * H, width): its rows in the order of the saved gates, in strips."""
    depth = panel.size // BLOCK
    for p in range(s.blocks):
        for k in range(s.gates):
            row, at = gates[k] * s.H + p * LANES, (p * s.gates + k) * LANES
            for j in range(0, BLOCK, WIDTH):
                columns = q * BLOCK + j
                target = Rows(panel, j * depth + at * WIDTH, WIDTH)
                copy_rows(target, Rows(w, row * width + columns, width), min(WIDTH, width - columns), lanes_in(p, s))


@inner()
def forward_part(
    part: Part, inputs: Inputs, c0: Array, packed: Packed, out: Outputs, saved: Saved, keep: int, s: Any
) -> None:
    """The whole sequence for the rows of thread t."""
    first = part.first
    for start in range(0, s.T, s.chunk):
        stop = min(s.T, start + s.chunk)
        together = in_one_piece(s) and part.active[stop - 1] == s.N
        for p in range(s.blocks):  # what the input gives, with the bias, to where the gates will be
            weights, bias = Panel(packed.w_in, p * s.I * BLOCK, s.I), Rows(packed.bias, p * BLOCK, 0)
            for step in range(start, start + 1 if together else stop):
                rows = (stop - start) * s.N if together else rows_at(step, part, s)[0]
                g = Rows(saved.gates, gates_at(part, p, step, s), BLOCK)
                x = Pieces(inputs.x, (time_of(step, s) * s.N + first) * s.I, s.I, 0, 1)
                multiply_gates(s, rows, x, weights, bias, g)
                if s.gates == 3:  # the fourth number begins with its bias alone
                    source = Rows(packed.bias, p * BLOCK + 3 * LANES, 0)
                    copy_rows(Rows(g.data, g.at + 3 * LANES, BLOCK), source, LANES, rows)
        for step in range(start, stop):
            rows, old = rows_at(step, part, s)
            now = (time_of(step, s) * s.N + first) * s.H
            h = Pieces(out.y, (time_of(step - 1, s) * s.N + first) * s.H, s.H, 0, 1)
            stay = 0 if step == s.T - 1 else part.active[time_of(step + 1, s)]
            for p in range(s.blocks):
                lanes, weights = lanes_in(p, s), Panel(packed.w_hid, p * s.H * BLOCK, s.H)
                g = Rows(saved.gates, gates_at(part, p, step, s), BLOCK)
                before = Rows(saved.states, states_at(part, p, step, s), LANES)
                after = Rows(saved.states, states_at(part, p, step + 1, s), LANES)
                z = Rows(g.data, g.at + hidden_from(s), BLOCK)
                multiply_gates(s, old, h, weights, z, z)
                if old < rows:  # rows that begin here
                    begin = (first + old) * s.H
                    copy_rows(rows_from(before, old), Rows(c0, begin + p * LANES, s.H), lanes, rows - old)
                    z = rows_from(z, old)
                    multiply_gates(s, rows - old, Pieces(inputs.h0, begin, s.H, 0, 1), weights, z, z)
                cells_forward(s, Cells(g, before, after), Rows(out.y, now + p * LANES, s.H), rows, lanes, keep)
                if stay < rows:  # rows that end here
                    target = Rows(out.c, (first + stay) * s.H + p * LANES, s.H)
                    copy_rows(target, rows_from(after, stay), lanes, rows - stay)


@jit()
def arrange(panels: Array, w: Array, gates: Array, s: Any, threads: int) -> None:
    """All panels of a weight (gates * H, depth), those of the last block filled up by what they held."""
    size = panels.size // s.blocks
    for t in prange(threads):
        for p in range(signed(t) * s.blocks // threads, (signed(t) + 1) * s.blocks // threads):
            pack_gates(panels[p * size : (p + 1) * size], w, gates, p, s)


@jit()
def forward(
    inputs: Inputs, c0: Array, packed: Packed, out: Outputs, saved: Saved, keep: int, s: Any, threads: int
) -> None:
    """The outputs; `saved` as backward wants it if keep. c0: (N, H), the first states. threads: s.threads."""
    for t in prange(threads):
        forward_part(part_of(signed(t), inputs.active[t], s), inputs, c0, packed, out, saved, keep, s)


@inner()
def recur_back(part: Part, step: int, start: int, inputs: Inputs, saved: Saved, gy: Array, w: Scratch, s: Any) -> None:
    """One step back: gate gradients, the rows of the left operand, dh of the step before."""
    first, n = part.first, part.n
    rows, old = rows_at(step, part, s)
    now, k, x_groups = time_of(step, s) * s.N + first, (step - start) * n, groups_of(s.I)
    pitch, dh, groups = left_pitch(s), first * h_pitch(s), x_groups + groups_of(s.H)
    left = part.t * groups * pitch + k * WIDTH
    left_h = left + x_groups * pitch
    later = 0 if step == s.T - 1 else min(rows, part.active[time_of(step + 1, s)])
    for p in range(s.blocks):
        squashed, after = Rows(w.squashed, dc_at(part, p, s), LANES), Rows(saved.states, states_at(part, p, step + 1, s), LANES)
        if later < rows:
            squash_last(s, rows_from(squashed, later), rows_from(after, later), rows - later)
        cells = PastCells(
            gates=Rows(saved.gates, gates_at(part, p, step, s), BLOCK),
            before=Rows(saved.states, states_at(part, p, step, s), LANES),
            earlier=Rows(saved.gates, gates_at(part, p, step - 1, s), BLOCK),
            squashed=squashed,
            next_gates=s.slots * n * BLOCK,
            next_states=s.states * n * LANES,
        )
        grads = CellGrads(
            y=Rows(gy, now * s.H + p * LANES, s.H),
            h=Rows(w.dh, dh + p * LANES, h_pitch(s)),
            state=Rows(w.dc, dc_at(part, p, s), LANES),
        )
        at = da_at(part, p, k, s)
        slopes = Slopes(
            da=Rows(w.da, at, BLOCK),
            bias=Tail(w.bias, (part.t * s.blocks + p) * BLOCK),
            h=Rows(w.left, left_h + p // VECTORS * pitch + p % VECTORS * LANES, WIDTH),
        )
        cells_back(s, cells, grads, slopes, rows, lanes_in(p, s))
        if rows < n:
            clear(w.da[at + rows * BLOCK : at + n * BLOCK])
    split_columns(Rows(w.left, left, pitch), Rows(inputs.x, now * s.I, s.I), s.I, rows)
    begin = Rows(inputs.h0, (first + old) * s.H, s.H)
    split_columns(Rows(w.left, left_h + old * WIDTH, pitch), begin, s.H, rows - old)
    if rows < n:
        for b in range(groups):
            at = left + b * pitch
            clear(w.left[at + rows * WIDTH : at + n * WIDTH])
    depth = s.gates * LANES
    da = Pieces(w.da, da_at(part, 0, k, s) + hidden_from(s), BLOCK, da_pitch(part, s), s.blocks)
    out = Rows(w.dh, dh, h_pitch(s))
    multiply_rows(rows, s.blocks * LANES, da, Panel(w.w_hid, 0, depth), w.zero, out, out)


@inner()
def input_grad(part: Part, start: int, stop: int, gx: Array, w: Scratch, s: Any) -> None:
    """gx of a chunk of steps."""
    first, n, together = part.first, part.n, in_one_piece(s)
    weights, ragged = Panel(w.w_in, 0, s.gates * LANES), Rows(w.ragged, first * BLOCK, BLOCK)
    for step in range(start, start + 1 if together else stop):
        rows = (stop - start) * n if together else n
        da = Pieces(w.da, da_at(part, 0, (step - start) * n, s), BLOCK, da_pitch(part, s), s.blocks)
        target = Rows(gx, (time_of(step, s) * s.N + first) * s.I, s.I)
        multiply_rows(rows, s.I, da, weights, w.zero, target, ragged)


@inner()
def weight_grad(part: Part, rows: int, fresh: bool, w: Scratch, s: Any) -> None:
    """Add da' [x | h before] of a chunk of `rows` rows to the thread's own sums; fresh: they begin here.

    A part of a column group stays in the first-level cache for some blocks of units, whose da stay in the second.
    """
    groups, depth = groups_of(s.I) + groups_of(s.H), GRADIENT_DEPTH
    for p in range(0, s.blocks, GRADIENT_BLOCKS):
        last = min(s.blocks, p + GRADIENT_BLOCKS)
        for b in range(groups):
            for k in range(0, rows, depth):
                for unit in range(p, last):
                    weight_grad_tiles(part, unit, b, k, min(depth, rows - k), fresh and k == 0, w, s)


@inner()
def weight_grad_tiles(part: Part, p: int, b: int, k: int, depth: int, fresh: bool, w: Scratch, s: Any) -> None:
    """Column group b times the gradients of block p, from row k of the chunk on."""
    x_groups, high = groups_of(s.I), s.gates * LANES
    groups, tiles = x_groups + groups_of(s.H), (high + ROWS - 1) // ROWS
    columns = s.I - b * WIDTH if b < x_groups else s.H - (b - x_groups) * WIDTH
    vectors = min(VECTORS, (columns + LANES - 1) // LANES)
    values = Panel(w.left, (part.t * groups + b) * left_pitch(s) + k * WIDTH, depth)
    da = da_at(part, p, k, s) + (0 if b < x_groups else hidden_from(s))
    size = depth * WIDTH
    for i in range(tiles):
        r = i * high // tiles
        following = Rows(w.left, values.at + size + i * size // tiles, (WIDTH + tiles - 1) // tiles)
        sums = Rows(w.sums, (((part.t * s.blocks + p) * groups + b) * BLOCK + r) * WIDTH, WIDTH)
        begin = Rows(w.zero, 0, 0) if fresh else sums
        gradient_tile((i + 1) * high // tiles - r, vectors, Pieces(w.da, da + r, 1, 0, 1), values, begin, sums, following)


@inner()
def backward_part(
    part: Part, inputs: Inputs, saved: Saved, grads: OutputGrads, out: InputGrads, w: Scratch, s: Any
) -> None:
    """The whole sequence backwards for the rows of thread t: chunk by chunk the recurrence, gx, the weight gradients."""
    first, n = part.first, part.n
    dh = Rows(w.dh, first * h_pitch(s), h_pitch(s))
    copy_rows(dh, Rows(grads.gh, first * s.H, s.H), s.H, n)
    for p in range(s.blocks):
        copy_rows(Rows(w.dc, dc_at(part, p, s), LANES), Rows(grads.gc, first * s.H + p * LANES, s.H), lanes_in(p, s), n)
    for start in range((s.T - 1) // s.chunk * s.chunk, -1, -s.chunk):
        stop = min(s.T, start + s.chunk)
        for step in range(stop - 1, start - 1, -1):
            recur_back(part, step, start, inputs, saved, grads.gy, w, s)
        if out.gx.size:
            input_grad(part, start, stop, out.gx, w, s)
        weight_grad(part, (stop - start) * n, stop == s.T, w, s)
    copy_rows(Rows(out.gh0, first * s.H, s.H), dh, s.H, n)
    for p in range(s.blocks):
        copy_rows(Rows(out.gc0, first * s.H + p * LANES, s.H), Rows(w.dc, dc_at(part, p, s), LANES), lanes_in(p, s), n)


@inner()
def collect(p: int, layer: Layer, out: InputGrads, w: Scratch, s: Any) -> None:
    """Add the threads' sums of panel p in their order and bring them into the layout of the weights."""
    x_groups = groups_of(s.I)
    groups, square = x_groups + groups_of(s.H), BLOCK * WIDTH
    for b in range(groups):
        at = (p * groups + b) * square
        for t in range(1, s.threads):
            other = at + t * s.blocks * groups * square
            add_into(w.sums[at : at + square], w.sums[other : other + square])
        for q in range(s.gates):
            sums = Rows(w.sums, at + q * LANES * WIDTH, WIDTH)
            if b < x_groups:
                to = (layer.gates_in[q] * s.H + p * LANES) * s.I + b * WIDTH
                put_rows(Rows(out.gw_ih, to, s.I), sums, min(WIDTH, s.I - b * WIDTH), lanes_in(p, s), out.adds & 1)
            else:
                c = (b - x_groups) * WIDTH
                to = (layer.gates_hid[q] * s.H + p * LANES) * s.H + c
                put_rows(Rows(out.gw_hh, to, s.H), sums, min(WIDTH, s.H - c), lanes_in(p, s), out.adds & 2)


@inner()
def put_rows(target: Rows, source: Rows, columns: int, rows: int, add: int) -> None:
    """Copy rows, or add them to what is there."""
    if not add:
        copy_rows(target, source, columns, rows)
        return
    for r in range(rows):
        to, at = target.at + r * target.pitch, source.at + r * source.pitch
        add_into(target.data[to : to + columns], source.data[at : at + columns])


@jit()
def arrange_back(panels: Array, w: Array, gates: Array, width: int, s: Any, threads: int) -> None:
    """All column panels of a weight (gates * H, width), what is missing filled up by what they held."""
    size = s.blocks * s.gates * LANES * BLOCK
    count = (width + BLOCK - 1) // BLOCK
    for t in prange(threads):
        for q in range(signed(t) * count // threads, (signed(t) + 1) * count // threads):
            pack_rows(panels[q * size : (q + 1) * size], w, width, gates, q, s)


@jit()
def backward(
    inputs: Inputs, layer: Layer, saved: Saved, grads: OutputGrads, out: InputGrads, w: Scratch, s: Any, threads: int
) -> None:
    """All gradients, gx unless it is empty; that of the biases is left in w.bias, in panels. threads: s.threads."""
    for t in prange(threads):
        backward_part(part_of(signed(t), inputs.active[t], s), inputs, saved, grads, out, w, s)
    for t in prange(threads):
        for p in range(signed(t) * s.blocks // threads, (signed(t) + 1) * s.blocks // threads):
            collect(p, layer, out, w, s)
            total = w.bias[p * BLOCK : (p + 1) * BLOCK]
            for part in range(1, s.threads):
                other = (part * s.blocks + p) * BLOCK
                add_into(total, w.bias[other : other + BLOCK])
