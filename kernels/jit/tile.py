"""The register tile that convolutions are built from, and its companion for weight gradients.

`tile` multiplies a block of weights with vectors of pixels:

    c[m, :] = sum over k of a[k, m] * b[off[k] : off[k] + width]        m = 0 ... rows - 1

All sums live in registers while k runs: rows x vectors of them (8 x 3 vectors fill AVX-512's 32 registers: 24 sums, 3
vectors of pixels, 1 weight). Each step loads a few vectors and broadcasts `rows` weights, so the multiply-adds are the
limit, at 95 % of the machine's peak. `off` turns a matrix product into a convolution: a filter tap is just an offset
into the padded image, and no im2col matrix is ever formed.

Reads past the pixels of a strip are allowed: they end in sums of pixels that nobody copies out.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..types import Array
from .compile import inner
from .vector import MANY_REGISTERS, Emitter, Value, emits, int64, lanes_of, window

ROWS = 8 if MANY_REGISTERS else 4  # output channels of the main tile; it is 3 vectors wide
FEW = 4  # output channels of the tile for thin layers
FEW_WIDE = 6 if MANY_REGISTERS else 3  # its vectors


def make_tile(rows: int, vectors: int) -> Callable[..., None]:
    """The tile of `rows` channels by `vectors` vectors of pixels."""

    def emit(
        e: Emitter, a: Value, ao: Value, b: Value, bo: Value, off: Value, oo: Value, depth: Value, c: Value,
        co: Value, pitch: Value,
    ) -> None:  # fmt: skip
        weights, pixels = e.at(a, ao), e.at(b, bo)
        table = e.b.add(off, e.b.shl(oo, int64(3)))

        def step(k: Value, sums: list[Value]) -> list[Value]:
            tap = e.at(pixels, e.integer(table, k))
            here = [e.load(e.at(tap, e.lanes * j)) for j in range(vectors)]
            row = e.at(weights, e.b.mul(k, int64(rows)))
            new = []
            for m in range(rows):
                weight = e.broadcast(e.at(row, m))
                new += [e.fma(weight, here[j], sums[m * vectors + j]) for j in range(vectors)]
            return new

        sums = e.loop(depth, [e.zero] * (rows * vectors), step)
        target = e.at(c, co)
        for m in range(rows):
            for j in range(vectors):
                e.store(sums[m * vectors + j], e.at(target, e.lanes * j))
            target = e.at(target, pitch)

    @emits(emit)
    def tile(
        a: Array, ao: int, b: Array, bo: int, off: Array, oo: int, depth: int, c: Array, co: int, pitch: int
    ) -> None:
        """c[co + m pitch ...] = sum over k < depth of a[ao + k rows + m] * b[bo + off[oo + k] ...]; depth >= 1."""
        width = vectors * lanes_of(b)
        weights = window(a, ao, depth * rows).reshape(depth, rows)
        sums = np.zeros((rows, width), b.dtype)
        for k, tap in enumerate(window(off, oo, depth)):
            sums += weights[k][:, None] * window(b, bo + int(tap), width)
        for m in range(rows):
            window(c, co + m * pitch, width)[:] = sums[m]

    return tile


main3, main2, main1 = make_tile(ROWS, 3), make_tile(ROWS, 2), make_tile(ROWS, 1)
few_wide, few3, few1 = make_tile(FEW, FEW_WIDE), make_tile(FEW, 3), make_tile(FEW, 1)
one8, one4, one1 = make_tile(1, 8), make_tile(1, 4), make_tile(1, 1)


@inner()
def rows_for(channels: int) -> int:
    """The tile height for a number of output channels: 1 for depthwise layers, 4 for thin ones."""
    return 1 if channels == 1 else FEW if channels <= FEW else ROWS


@inner()
def tiles(
    rows: int, a: Array, ao: int, blocks: int, depth: int, off: Array, oo: int, b: Array, bo: int, vectors: int,
    c: Array, co: int, pitch: int,
) -> None:  # fmt: skip
    """c (blocks x rows, vectors) = packed weights (blocks, depth, rows) times the pixels at b, in tiles.

    Pixels are the outer loop: the vectors of one tile stay in the first-level cache while all the weights pass by.
    """
    lanes = lanes_of(b)
    v = 0
    while v < vectors:
        left = vectors - v
        if rows == 1:
            wide = 8 if left >= 8 else 4 if left >= 4 else 1
        elif rows == FEW:
            wide = FEW_WIDE if left >= FEW_WIDE else 3 if left >= 3 else 1
        else:
            wide = 2 if left == 4 else min(3, left)  # four left are two and two
        for block in range(blocks):
            at_a, at_b, at_c = ao + block * depth * rows, bo + v * lanes, co + block * rows * pitch + v * lanes
            if rows == 1:
                if wide == 8:
                    one8(a, at_a, b, at_b, off, oo, depth, c, at_c, pitch)
                elif wide == 4:
                    one4(a, at_a, b, at_b, off, oo, depth, c, at_c, pitch)
                else:
                    one1(a, at_a, b, at_b, off, oo, depth, c, at_c, pitch)
            elif rows == FEW:
                if wide == FEW_WIDE:
                    few_wide(a, at_a, b, at_b, off, oo, depth, c, at_c, pitch)
                elif wide == 3:
                    few3(a, at_a, b, at_b, off, oo, depth, c, at_c, pitch)
                else:
                    few1(a, at_a, b, at_b, off, oo, depth, c, at_c, pitch)
            elif wide == 3:
                main3(a, at_a, b, at_b, off, oo, depth, c, at_c, pitch)
            elif wide == 2:
                main2(a, at_a, b, at_b, off, oo, depth, c, at_c, pitch)
            else:
                main1(a, at_a, b, at_b, off, oo, depth, c, at_c, pitch)
        v += wide


DOT_ROWS, DOT_TAPS = (4, 6) if MANY_REGISTERS else (3, 4)  # output channels by taps of the main dot tile
DOT_TAPS_ALONE = 9  # taps of the dot tile for one output channel


def make_dot(rows: int, taps: int) -> Callable[..., None]:
    """The tile of weight gradients: dot products over pixels of `rows` channels of gy with `taps` shifted images."""

    def emit(
        e: Emitter, g: Value, go: Value, gpitch: Value, x: Value, xo: Value, off: Value, oo: Value, vectors: Value,
        segments: Value, gahead: Value, xahead: Value, out: Value, at: Value,
    ) -> None:  # fmt: skip
        b = e.b
        table = b.add(off, b.shl(oo, int64(3)))
        shifts = [e.integer(table, n) for n in range(taps)]
        g, x = e.at(g, go), e.at(x, xo)

        def segment(s: Value, sums: list[Value]) -> list[Value]:
            row = e.at(g, b.mul(s, gahead))
            grads = [row]
            for _ in range(rows - 1):
                grads.append(e.at(grads[-1], gpitch))
            image = e.at(x, b.mul(s, xahead))
            images = [e.at(image, shift) for shift in shifts]

            def step(v: Value, sums: list[Value]) -> list[Value]:
                gv = [e.load(e.vectors(grad, v)) for grad in grads]
                new: list[Value] = [None] * (rows * taps)
                for n in range(taps):
                    xv = e.load(e.vectors(images[n], v))
                    for m in range(rows):
                        new[m * taps + n] = e.fma(gv[m], xv, sums[m * taps + n])
                return new

            return e.loop(vectors, sums, step)

        sums = e.loop(segments, [e.zero] * (rows * taps), segment)
        sums += [e.zero] * (-len(sums) % e.lanes)
        for q in range(0, len(sums), e.lanes):
            target = e.at(e.at(out, at), q)
            e.store(b.fadd(e.load(target), e.lane_sums(sums[q : q + e.lanes])), target)

    @emits(emit)
    def dot(
        g: Array, go: int, gpitch: int, x: Array, xo: int, off: Array, oo: int, vectors: int, segments: int,
        gahead: int, xahead: int, out: Array, at: int,
    ) -> None:  # fmt: skip
        """out[at + m taps + n] += sum over segments and pixels of g[m] * x[off[n]]; segments and vectors >= 1."""
        width = vectors * lanes_of(x)
        window(out, at, dot_size(rows * taps, lanes_of(x)))
        for s in range(segments):
            for m in range(rows):
                grad = window(g, go + s * gahead + m * gpitch, width)
                for n in range(taps):
                    image = window(x, xo + s * xahead + int(window(off, oo, taps)[n]), width)
                    out[at + m * taps + n] += np.sum(grad * image)

    return dot


@inner()
def dot_size(sums: int, lanes: int) -> int:
    """Elements that a dot tile writes: its sums, filled up to whole vectors."""
    return (sums + lanes - 1) // lanes * lanes


dot_main, dot_alone = make_dot(DOT_ROWS, DOT_TAPS), make_dot(1, DOT_TAPS_ALONE)


@inner()
def dots(
    alone: bool, g: Array, go: int, x: Array, xo: int, off: Array, blocks: tuple[int, int], vectors: int,
    segments: int, gaps: tuple[int, int, int], out: Array, at: int,
) -> None:  # fmt: skip
    """All weight gradients of one group: out (*blocks, dot_size) += ...

    blocks: of channels, of taps. gaps: between two rows of g, two segments of g, two segments of x.
    """
    size = dot_size(DOT_TAPS_ALONE if alone else DOT_ROWS * DOT_TAPS, lanes_of(x))
    pitch, gahead, xahead = gaps
    for first in range(0, blocks[1], 4):  # four blocks of taps stay in the first-level cache while the channels pass
        for r in range(blocks[0]):
            for t in range(first, min(blocks[1], first + 4)):
                to = at + (r * blocks[1] + t) * size
                if alone:
                    row, tap = go + r * pitch, t * DOT_TAPS_ALONE
                    dot_alone(g, row, pitch, x, xo, off, tap, vectors, segments, gahead, xahead, out, to)
                else:
                    row, tap = go + r * DOT_ROWS * pitch, t * DOT_TAPS
                    dot_main(g, row, pitch, x, xo, off, tap, vectors, segments, gahead, xahead, out, to)
