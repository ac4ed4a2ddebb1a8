"""A register tile of squared differences: for some rows and a panel of columns, the sums over the depth."""

from __future__ import annotations

import numpy as np

from .panels import PANEL
from .vector import VECTOR_BYTES, Emitter, Value, emits, int64, lanes_of
from .views import Panel, Rows, head, row_of

TILE_ROWS = 5
"""Rows of the tile; with the vectors of a panel, sums and differences fill the registers."""

VECTORS = PANEL
WIDTH = VECTORS * VECTOR_BYTES
"""Bytes of a panel's row."""


def _emit(e: Emitter, rows: Value, left: Rows, right: Panel, out: Rows) -> None:
    start, target, panel = e.start(left), e.start(out), e.start(right)
    for height in range(1, TILE_ROWS + 1):
        with e.b.if_then(e.b.icmp_signed("==", rows, int64(height))):
            starts, targets = [start], [target]
            for _ in range(height - 1):
                starts.append(e.at(starts[-1], left.pitch))
                targets.append(e.at(targets[-1], out.pitch))
            _emit_sums(e, starts, panel, right.depth, targets)


def _emit_sums(e: Emitter, starts: list[Value], panel: Value, depth: Value, targets: list[Value]) -> None:
    def step(k: Value, sums: list[Value]) -> list[Value]:
        columns = e.vectors(panel, e.b.mul(k, int64(VECTORS)))
        here = [e.load(e.at(columns, e.lanes * j)) for j in range(VECTORS)]
        new = []
        for m, start in enumerate(starts):
            value = e.broadcast(e.at(start, k))
            for j in range(VECTORS):
                difference = e.b.fsub(value, here[j])
                new.append(e.fma(difference, difference, sums[m * VECTORS + j]))
        return new

    sums = e.loop(depth, [e.zero] * (VECTORS * len(starts)), step)
    for i, value in enumerate(sums):
        e.store(value, e.at(targets[i // VECTORS], e.lanes * (i % VECTORS)))


@emits(_emit)
def pair_tile(rows: int, left: Rows, right: Panel, out: Rows) -> None:
    """out[m] = sum over k of (left[m, k] - right[k])**2, for m < rows <= TILE_ROWS. The depth is at least 1."""
    width = VECTORS * lanes_of(right.data)
    columns = head(right, right.depth * width).reshape(right.depth, width)
    for m in range(rows):
        difference = row_of(left, m, right.depth)[:, None] - columns
        row_of(out, m, width)[:] = np.sum(difference * difference, axis=0)
