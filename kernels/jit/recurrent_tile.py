"""The register tile of the recurrent kernels, and the small moves of data around it.

A panel holds four blocks of one vector side by side: for one vector of hidden units the four numbers that a cell is made
of (the gates i, f, g, o of an LSTM, say). One tile of a few batch rows by one panel ends with all that the cells of these
units need, and the gate arithmetic can follow while the numbers are in the first-level cache.

All positions, steps and pitches count elements.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..types import Array
from .compile import inner
from .vector import MANY_REGISTERS, VECTOR_BYTES, Emitter, Value, copy_rows, emits, int64, window

LANES = VECTOR_BYTES // 4
"""Hidden units in a block."""

BLOCK = 4 * LANES
"""Width of a panel."""

ROWS = 6 if MANY_REGISTERS else 3
"""Batch rows of the largest tile: with four vectors of weights and one broadcast, it fills the registers."""


def make_tile(widths: tuple[int, ...], packed: bool) -> Callable[..., None]:
    """The tile, so many vectors wide, for a left operand in rows, or packed: lane m of consecutive vectors is row m."""
    step = LANES if packed else 1

    def emit(
        e: Emitter, rows: Value, vectors: Value, a: Value, ao: Value, lda: Value, pieces: Value, ahead: Value,
        depth: Value, w: Value, wo: Value, init: Value, io: Value, ipitch: Value, out: Value, oo: Value, opitch: Value,
    ) -> None:  # fmt: skip
        a, w, init, out = e.at(a, ao), e.at(w, wo), e.at(init, io), e.at(out, oo)
        for width in widths:
            for height in range(1, ROWS + 1):
                same = [e.b.icmp_signed("==", v, int64(n)) for v, n in ((rows, height), (vectors, width))]
                with e.b.if_then(e.b.and_(*same)):
                    fixed(e, height, width, a, lda, pieces, ahead, depth, w, init, ipitch, out, opitch)

    def fixed(
        e: Emitter, height: int, width: int, a: Value, lda: Value, pieces: Value, ahead: Value, depth: Value,
        w: Value, init: Value, ipitch: Value, out: Value, opitch: Value,
    ) -> None:  # fmt: skip
        """All sums of height x width vectors stay in registers while the depth passes by."""
        left = [a]
        for _ in range(height - 1):
            left.append(e.at(left[-1], 1) if packed else e.at(left[-1], lda))
        sums = []
        for _ in range(height):
            sums += [e.load(e.at(init, LANES * j)) for j in range(width)]
            init = e.at(init, ipitch)

        def piece(i: Value, sums: list[Value]) -> list[Value]:
            shift = e.b.mul(i, ahead)
            rows = [e.at(row, shift) for row in left]
            weights = e.at(w, e.b.mul(e.b.mul(i, depth), int64(BLOCK)))

            def multiply(k: Value, sums: list[Value]) -> list[Value]:
                line, along = e.at(weights, e.b.mul(k, int64(BLOCK))), e.b.mul(k, int64(step))
                here = [e.load(e.at(line, LANES * j)) for j in range(width)]
                new = []
                for m in range(height):
                    factor = e.broadcast(e.at(rows[m], along))
                    new += [e.fma(factor, here[j], sums[m * width + j]) for j in range(width)]
                return new

            return e.loop(depth, sums, multiply)

        sums = e.loop(pieces, sums, piece)
        for m in range(height):
            for j in range(width):
                e.store(sums[m * width + j], e.at(out, LANES * j))
            out = e.at(out, opitch)

    @emits(emit)
    def tile(
        rows: int, vectors: int, a: Array, ao: int, lda: int, pieces: int, ahead: int, depth: int,
        w: Array, wo: int, init: Array, io: int, ipitch: int, out: Array, oo: int, opitch: int,
    ) -> None:  # fmt: skip
        """out[m] = init[m] + sum over k of a[m, k] w[k]: 1 ... ROWS rows.

        k runs over `pieces` stretches of `depth` (both at least 1). a moves by `ahead` from stretch to stretch; w has
        BLOCK elements for each k.
        """
        wide = vectors * LANES
        weights = np.stack([window(w, wo + k * BLOCK, wide) for k in range(pieces * depth)])
        sums = np.stack([window(init, io + m * ipitch, wide) for m in range(rows)])
        for m in range(rows):
            first = ao + (m if packed else m * lda)
            reach = (depth - 1) * step + 1
            stretches = [window(a, first + i * ahead, reach)[::step] for i in range(pieces)]
            sums[m] += np.concatenate(stretches) @ weights
            window(out, oo + m * opitch, wide)[:] = sums[m]

    return tile


row_tile, column_tile = make_tile((4, 3, 2, 1), packed=False), make_tile((4, 3), packed=True)


@inner()
def multiply_rows(
    rows: int, vectors: int, a: Array, ao: int, lda: int, pieces: int, ahead: int, depth: int,
    w: Array, wo: int, init: Array, io: int, ipitch: int, out: Array, oo: int, opitch: int,
) -> None:  # fmt: skip
    """row_tile for any number of rows, cut into tiles of nearly equal height."""
    tiles = (rows + ROWS - 1) // ROWS
    for i in range(tiles):
        r = i * rows // tiles
        row_tile(
            (i + 1) * rows // tiles - r, vectors, a, ao + r * lda, lda, pieces, ahead, depth,
            w, wo, init, io + r * ipitch, ipitch, out, oo + r * opitch, opitch,
        )  # fmt: skip


@inner()
def tile_width(columns: int) -> int:
    """Vectors of the narrowest tile that covers so many columns, or the first of them."""
    return min(4, (columns + LANES - 1) // LANES)


def _emit_transpose(
    e: Emitter, src: Value, so: Value, spitch: Value, across: Value, dst: Value, do: Value, dpitch: Value, down: Value
) -> None:
    source, target = e.at(src, so), e.at(dst, do)
    nothing, wanted = e.first_lanes(int64(0)), e.first_lanes(across)
    rows = []
    for r in range(LANES):
        here = e.b.select(e.b.icmp_signed("<", int64(r), down), wanted, nothing)
        rows.append(e.masked_load(source, here))
        source = e.at(source, spitch)
    wanted = e.first_lanes(down)
    for r, row in enumerate(e.transpose(rows)):
        with e.b.if_then(e.b.icmp_signed("<", int64(r), across)):
            e.masked_store(row, target, wanted)
        target = e.at(target, dpitch)


@emits(_emit_transpose)
def transpose(src: Array, so: int, spitch: int, across: int, dst: Array, do: int, dpitch: int, down: int) -> None:
    """dst[j, r] = src[r, j] for r < down, j < across, both at most LANES. Touches nothing else."""
    for r in range(down):
        for j, value in enumerate(window(src, so + r * spitch, across)):
            window(dst, do + j * dpitch, down)[r] = value


@inner()
def split_columns(dst: Array, do: int, group: int, src: Array, so: int, spitch: int, columns: int, rows: int) -> None:
    """Cut rows into vectors: column block b of row r goes to dst[do + b group + r LANES]."""
    for b in range((columns + LANES - 1) // LANES):
        at = b * LANES
        copy_rows(dst, do + b * group, LANES, src, so + at, spitch, min(LANES, columns - at), rows)


@inner()
def add_into(total: Array, x: Array) -> None:
    for i in range(total.size):
        total[i] += x[i]
