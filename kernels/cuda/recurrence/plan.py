"""How the loop of a recurrent network is laid out over a card."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...types import Array
from ..machine.launch import blocks_for, limits
from ..machine.source import accumulator

UNITS, ROWS, DEPTH = 8, 32, 64
CONSTANTS = {"UNITS": UNITS, "ROWS": ROWS, "DEPTH": DEPTH}
"""A block of UNITS * ROWS threads makes so many units of so many sequences at a time, DEPTH terms of the sum at a time."""


@dataclass(frozen=True)
class RecurrentPlan:
    """What the kernels are told by value. save: whether the states of all steps are kept, else two in turn.

    units: of a block; unit_blocks of them make all units, and row_blocks groups of such blocks divide the sequences.
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
    pitch: int


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
    row_blocks = max(1, min(blocks_for(batch, ROWS), blocks // unit_blocks))
    # A unit's weights stand apart so that the threads of a warp, of UNITS units, find them in different banks: four gates are
    # read together and start 4 banks further on from unit to unit, others are read one by one.
    depth = (gates if backward else 1) * hidden
    together = 1 if backward else gates
    pitch = 4 * depth + 4 if together == 4 else together * depth | 1
    plan = RecurrentPlan(steps, batch, hidden, reverse, save, units, unit_blocks, row_blocks, pitch)
    shared = (units * pitch + ROWS * (DEPTH + 1)) * np.dtype(accumulator(str(w.dtype))).itemsize
    return plan, unit_blocks * row_blocks if shared <= memory else 0, shared
