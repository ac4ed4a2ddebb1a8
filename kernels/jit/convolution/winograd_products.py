"""Matrix products of rows at even steps, in whole tiles: Winograd's, of which there are 36 for every unit of work."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..machine.compile import inner
from ..machine.gemm import DEPTH, emit_product
from ..machine.panels import PANEL, ROWS
from ..machine.vector import MANY_REGISTERS, Emitter, Value, emits, int64, lanes_of
from ..machine.views import Matrix, Panel, Rows, head, row_of, window

NARROW_ROWS = 8 if MANY_REGISTERS else ROWS
"""Rows of a tile over one or two vectors."""

ROWS_OVER = max(ROWS, NARROW_ROWS) - 1
"""How many more rows than it is asked for a product may read and write."""


def make_product(vectors: int, height: int) -> Callable[..., None]:
    """The product over a panel of so many vectors."""

    def emit(e: Emitter, tiles: Value, left: Matrix, b: Panel, out: Rows, add: Value) -> None:
        ahead = e.b.mul(left.column_step, int64(e.size))

        def tile(_: Value, at: list[Value]) -> list[Value]:
            starts, targets = [at[0]], [at[1]]
            for _ in range(height):
                starts.append(e.at(starts[-1], left.row_step))
                targets.append(e.at(targets[-1], out.pitch))
            emit_product(e, starts[:-1], lambda k: e.b.mul(k, ahead), b, targets[:-1], add, vectors)
            return [starts[-1], targets[-1]]

        e.loop(tiles, [e.start(left), e.start(out)], tile)

    @emits(emit)
    def product(tiles: int, left: Matrix, b: Panel, out: Rows, add: int) -> None:
        """out[m] (+)= sum over k < b.depth of left[m, k] * b[k], for each row m of so many tiles.

        There is at least one tile, and a depth of 1; add: whether to add to what out holds.
        """
        width = vectors * lanes_of(b.data)
        columns = head(b, b.depth * width).reshape(b.depth, width)
        for m in range(tiles * height):
            reach = (b.depth - 1) * left.column_step + 1
            values = window(left.data, left.at + m * left.row_step, reach)[:: left.column_step]
            target = row_of(out, m, width)
            with np.errstate(all="ignore"):
                target[:] = (target if add else 0) + values @ columns

    return product


single, double, full = make_product(1, NARROW_ROWS), make_product(2, NARROW_ROWS), make_product(PANEL, ROWS)


@inner()
def product(vectors: int, rows: int, left: Matrix, b: Panel, out: Rows, add: bool) -> None:
    """out (+)= left @ b over a panel of 1, 2 or PANEL vectors, in slices of the depth whose panel stays in the cache.

    Up to ROWS_OVER more rows are read and written.
    """
    width = vectors * lanes_of(b.data)
    for k in range(0, b.depth, DEPTH):
        panel = Panel(b.data, b.at + k * width, min(DEPTH, b.depth - k))
        some = Matrix(left.data, left.at + k * left.column_step, left.row_step, left.column_step)
        adding = 1 if add or k > 0 else 0
        if vectors == 1:
            single((rows + NARROW_ROWS - 1) // NARROW_ROWS, some, panel, out, adding)
        elif vectors == 2:
            double((rows + NARROW_ROWS - 1) // NARROW_ROWS, some, panel, out, adding)
        else:
            full((rows + ROWS - 1) // ROWS, some, panel, out, adding)
