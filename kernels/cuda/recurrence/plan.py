"""How the loop of a recurrent network is laid out over a card."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...types import Array
from ..machine.launch import blocks_for, limits
from ..machine.source import accumulator

UNITS, THREADS, DEPTH = 8, 256, 16
CONSTANTS = {"UNITS": UNITS, "THREADS": THREADS, "DEPTH": DEPTH}
"""A block makes UNITS units of up to MOST sequences at a time, DEPTH terms of the sum at a time."""
EACH = 4
"""Sequences of a thread."""
MOST = EACH * THREADS // UNITS
PARTS = 1, 2, 4
"""Into how many a sum may be divided, where a block has fewer sequences."""
PROCESSORS = 132
"""Of the card that is had in mind when a sum is divided: its rounding must not depend on the card."""


@dataclass(frozen=True)
class RecurrentPlan:
    """What the kernels are told by value. save: whether the states of all steps are kept, else two in turn.

    units: of a block; unit_blocks of them make all units, and row_blocks groups of such blocks divide the sequences.
    rows: sequences that a block makes at a time. parts: of each sum, made by different threads.
    pitch: numbers from one unit's weights to the next's in shared memory.
    """

    steps: int
    batch: int
    hidden: int
    reverse: bool
    save: bool
    units: int
    unit_blocks: int
    row_blocks: int
    rows: int
    parts: int
    pitch: int


def parts_of(batch: int, hidden: int) -> int:
    """Into how many parts sums are divided, so that all threads of a large card have terms to add."""
    groups = max(1, PROCESSORS // blocks_for(hidden, UNITS))
    return min(PARTS, key=lambda parts: blocks_for(blocks_for(batch, MOST // parts), groups) / parts)


def fit(
    w: Array, shape: tuple[int, int, int], reverse: bool, save: bool, gates: int, backward: bool
) -> tuple[RecurrentPlan, int, int]:
    """The plan for T, N, H = shape, its blocks (0 where the weights do not fit) and their bytes of shared memory.

    All blocks of a cooperative grid are there at once: one for each multiprocessor at most.
    """
    steps, batch, hidden = shape
    blocks, memory = limits(w)
    units = UNITS * blocks_for(blocks_for(hidden, UNITS), blocks)
    unit_blocks = blocks_for(hidden, units)
    parts = parts_of(batch, hidden)
    rows = MOST // parts
    row_blocks = max(1, min(blocks_for(batch, rows), blocks // unit_blocks))
    # The threads of a warp, of UNITS units, find their weights in different banks: those that are read four at a time (four
    # gates, or four terms of one) begin at odd multiples of four numbers, others at odd ones.
    depth, together = (gates * hidden, 1) if backward else (hidden, gates)
    pitch = 3 * depth | 1 if together == 3 else 4 * (blocks_for(together * depth, 4) | 1)
    plan = RecurrentPlan(steps, batch, hidden, reverse, save, units, unit_blocks, row_blocks, rows, parts, pitch)
    tile = max(2 * DEPTH * (MOST + 4 * parts), EACH * THREADS * together)
    # Tiles are read four numbers at a time, too.
    shared = (blocks_for(units * pitch, 4) * 4 + tile) * np.dtype(accumulator(str(w.dtype))).itemsize
    return plan, unit_blocks * row_blocks if shared <= memory else 0, shared
