"""What the recurrent kernels work on, and where in it everything lies.

The input gives the first `gates` numbers of a cell, the hidden state the last `gates`: all four for an LSTM, three for a
GRU. All arrays but `active` and the gate tables are flat, of float32; the shapes below say in which order. In names T time, N
batch, I input, H hidden.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from ...types import Array
from ..machine.compile import inner
from .tile import BLOCK, LANES, WIDTH

APART = 16
"""Rows left free between what is kept of two blocks of units: blocks a power of two apart would share few lines of the caches."""


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


class LSTMSizes(Sizes):
    """Those of an LSTM: a type of its own, so that code compiled for one kind of cell has nothing of the other in it."""

    __slots__ = ()


class GRUSizes(Sizes):
    """Those of a GRU."""

    __slots__ = ()


class Inputs(NamedTuple):
    """x: (T, N, I). h0: (N, H). active: (threads, T), how many rows of each thread take part at each time."""

    x: Array
    h0: Array
    active: Array


class Layer(NamedTuple):
    """w_ih: (gates * H, I). w_hh: (gates * H, H). gates_in, gates_hid: which gate of them each number of a panel is."""

    w_ih: Array
    w_hh: Array
    gates_in: Array
    gates_hid: Array


class Packed(NamedTuple):
    """A layer as the tiles of the forward direction read it: weights in panels, and a panel row of the bias for each block."""

    w_in: Array
    w_hid: Array
    bias: Array


class Outputs(NamedTuple):
    """y: (T, N, H). c: (N, H), the last states."""

    y: Array
    c: Array


class OutputGrads(NamedTuple):
    """Gradients of y, of the last h, and of the last states."""

    gy: Array
    gh: Array
    gc: Array


class InputGrads(NamedTuple):
    """Gradients of x, h0, c0 and the weights; adds: which of the latter two are added to what is there, 1 and 2."""

    gx: Array
    gh0: Array
    gc0: Array
    gw_ih: Array
    gw_hh: Array
    adds: int


class Saved(NamedTuple):
    """Gates and states of the last `slots` and `states` steps, [thread][block of units][step][row][...]."""

    gates: Array
    states: Array


class Scratch(NamedTuple):
    """What backward works in, each flat.

    w_in, w_hid: weights in panels. da: gradients of a chunk's pre-activations. dh, dc: of the states. squashed: of an LSTM, tanh
    of the states after a step. left: x and the h before of a chunk, cut into column groups. sums: each thread's weight gradients.
    bias: each thread's bias gradients. ragged: columns of gx that fill no vector. zero: a panel row of zeros.
    """

    w_in: Array
    w_hid: Array
    da: Array
    dh: Array
    dc: Array
    squashed: Array
    left: Array
    sums: Array
    bias: Array
    ragged: Array
    zero: Array


class Part(NamedTuple):
    """The batch rows of thread t: n of them, from `first` on; active: (T,), how many of them take part at each time."""

    t: int
    first: int
    n: int
    active: Array


@inner()
def part_of(t: int, active: Array, s: Any) -> Part:
    """What thread t has to do."""
    first = t * s.N // s.threads
    return Part(t, first, (t + 1) * s.N // s.threads - first, active)


@inner()
def time_of(step: int, s: Any) -> int:
    """The time at which a step of processing looks; for the step before the first and after the last, any valid one."""
    step = min(max(step, 0), s.T - 1)
    return s.T - 1 - step if s.reverse else step


@inner()
def rows_at(step: int, part: Part, s: Any) -> Any:
    """How many rows take part in a step, and how many of them took part in the step before."""
    rows = part.active[time_of(step, s)]
    return rows, min(rows, part.active[time_of(step - 1, s)]) if step > 0 else 0


@inner()
def in_one_piece(s: Any) -> Any:
    """Whether the rows of one step follow those of the step before, in x and gx as in what is saved: then the products of a
    chunk with the input are one, with fewer tiles that are not full."""
    return s.threads == 1 and s.reverse == 0


@inner()
def lanes_in(p: int, s: Any) -> int:
    """Units in block p: fewer than a vector in the last one."""
    return min(LANES, s.H - p * LANES)  # type: ignore[no-any-return]


@inner()
def hidden_from(s: Any) -> Any:
    """Where in a panel row the numbers begin that the hidden state gives."""
    return (4 - s.gates) * LANES


@inner()
def groups_of(width: int) -> int:
    """Column groups of the left operand, each as wide as a tile, that cover so many columns."""
    return (width + WIDTH - 1) // WIDTH


@inner()
def gates_at(part: Part, p: int, step: int, s: Any) -> Any:
    """Where the saved gates of block p at a step begin, panel rows for the rows of one thread."""
    return (part.first * s.blocks * s.slots + (p * s.slots + step % s.slots) * part.n) * BLOCK


@inner()
def states_at(part: Part, p: int, step: int, s: Any) -> Any:
    """Where the saved states of block p before a step begin."""
    return (part.first * s.blocks * s.states + (p * s.states + step % s.states) * part.n) * LANES


@inner()
def da_at(part: Part, p: int, k: int, s: Any) -> Any:
    """Where the gradients of the pre-activations of block p begin, from row k of the thread's chunk on."""
    return (part.first * s.blocks * s.chunk + (part.t * s.blocks + p) * APART + p * part.n * s.chunk + k) * BLOCK


@inner()
def da_pitch(part: Part, s: Any) -> Any:
    """From the gradients of one block to those of the next."""
    return (part.n * s.chunk + APART) * BLOCK


@inner()
def dc_at(part: Part, p: int, s: Any) -> Any:
    """Where dc of block p begins."""
    return (part.first * s.blocks + p * part.n) * LANES


@inner()
def h_pitch(s: Any) -> Any:
    """From one row of dh to the next: whole panels."""
    return (s.H + BLOCK - 1) // BLOCK * BLOCK


@inner()
def left_pitch(s: Any) -> Any:
    """From one column group of the left operand [x | h before] of a chunk to the next: the group's part of each row."""
    return (s.chunk * ((s.N + s.threads - 1) // s.threads) + APART) * WIDTH


def panels(width: int) -> int:
    """Panels that cover so many columns."""
    return -(-width // BLOCK)


def blocks(width: int) -> int:
    """Vectors that cover so many columns."""
    return -(-width // LANES)


@lru_cache(maxsize=256)
def uniform(s: Sizes) -> Array:
    """`active` where all sequences are as long as T; not to be written."""
    part = [(t + 1) * s.N // s.threads - t * s.N // s.threads for t in range(s.threads)]
    return np.repeat(np.array(part, np.int64)[:, None], s.T, axis=1)
