"""What pooling of volumes has of its own: gradients added at the places that were chosen."""

from __future__ import annotations

from typing import NamedTuple

from numba import prange

from ...types import Array
from .compile import inner, jit
from .vector import clear


class Axis(NamedTuple):
    """One axis of a pooling: its size, that of the output, of the window, and where windows lie."""

    size: int
    outputs: int
    kernel: int
    stride: int
    dilation: int
    pad: int


@inner()
def sees(axis: Axis, output: int, position: int) -> bool:
    """Whether the window of an output looks at a position."""
    ahead = position - (output * axis.stride - axis.pad)
    return ahead >= 0 and ahead % axis.dilation == 0 and ahead // axis.dilation < axis.kernel


@jit()
def scatter_volumes(
    gy: Array, places: Array, gx: Array, wrong: Array, depth: Axis, rows: Axis, columns: Axis, threads: int
) -> None:
    """gx, zero but for each gy added at its place; wrong: for each thread, how many places lie outside the volume."""
    size, outputs = depth.size * rows.size * columns.size, depth.outputs * rows.outputs * columns.outputs
    volumes = gx.size // size
    for t in prange(threads):
        beyond = 0
        for v in range(t * volumes // threads, (t + 1) * volumes // threads):
            target = gx[v * size : (v + 1) * size]
            clear(target)
            for o in range(outputs):
                place = places[v * outputs + o]
                if place < 0 or place >= size:
                    beyond += 1
                    continue
                line, column = place // columns.size, place % columns.size
                out_line, out_column = o // columns.outputs, o % columns.outputs
                inside = sees(columns, out_column, column) and sees(rows, out_line % rows.outputs, line % rows.size)
                if inside and sees(depth, out_line // rows.outputs, line // rows.size):
                    target[place] += gy[v * outputs + o]
        wrong[t] = beyond
