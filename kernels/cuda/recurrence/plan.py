"""How the loop of a recurrent network is laid out over a card."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...types import Array
from ..machine.launch import blocks_for, limits
from ..machine.source import accumulator

UNITS, THREADS, DEPTH = 8, 256, 16
CONSTANTS = {"UNITS": UNITS, "THREADS": THREADS, "DEPTH": DEPTH}
"""A block makes UNITS units of up to MOST sequences at a time, DEPTH terms of the sum at a time."""
TENSOR_DEPTH, STAGES = 32, 3
"""On tensor cores: terms of the sum at a time, and for how many such times states are in shared memory or on their way."""
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
    pitch: numbers, or words on tensor cores, from one unit's weights to the next's in shared memory.
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


def tensor_constants(numbers: str) -> dict[str, Any]:
    """The constants of the kernels that multiply on tensor cores. numbers: "tf32" or "bfloat16"."""
    kinds = {"TF32": 0, "ROUNDED": 1}
    return {**CONSTANTS, **kinds, "DEPTH": TENSOR_DEPTH, "STAGES": STAGES, "NUMBERS": "TF32" if numbers == "tf32" else "ROUNDED"}


def fit(
    w: Array, shape: tuple[int, int, int], reverse: bool, save: bool, gates: int, backward: bool, numbers: str = ""
) -> tuple[RecurrentPlan, int, int]:
    """The plan for T, N, H = shape, its blocks (0 where the weights do not fit) and their bytes of shared memory.

    All blocks of a cooperative grid are there at once: one for each multiprocessor at most. numbers: what tensor cores multiply.
    """
    steps, batch, hidden = shape
    blocks, memory = limits(w)
    units = UNITS * blocks_for(blocks_for(hidden, UNITS), blocks)
    unit_blocks = blocks_for(hidden, units)
    depth, together = (gates * hidden, 1) if backward else (hidden, gates)
    parts = parts_of(batch, hidden)
    if numbers:  # whose tiles are deeper
        parts = min(parts, 1 << max(0, blocks_for(depth, TENSOR_DEPTH).bit_length() - 1))
    rows = MOST // parts
    row_blocks = max(1, min(blocks_for(batch, rows), blocks // unit_blocks))
    # The threads of a warp, of UNITS units, find their weights in different banks: those that are read four at a time (four
    # gates, or four terms of one) begin at odd multiples of four numbers, others at odd ones.
    if numbers:
        words = blocks_for(blocks_for(depth, parts), TENSOR_DEPTH) * TENSOR_DEPTH * parts // (1 if numbers == "tf32" else 2)
        pitch = 4 * (blocks_for(words, 4) | 1)
        weights, tile = together * units * pitch, STAGES * MOST * (TENSOR_DEPTH + (4 if numbers == "tf32" else 8))
    else:
        pitch = 3 * depth | 1 if together == 3 else 4 * (blocks_for(together * depth, 4) | 1)
        weights, tile = blocks_for(units * pitch, 4) * 4, 2 * DEPTH * (MOST + 4 * parts)  # tiles are read four at a time, too
    plan = RecurrentPlan(steps, batch, hidden, reverse, save, units, unit_blocks, row_blocks, rows, parts, pitch)
    shared = (weights + max(tile, EACH * THREADS * together)) * np.dtype(accumulator(str(w.dtype))).itemsize
    return plan, unit_blocks * row_blocks if shared <= memory else 0, shared
