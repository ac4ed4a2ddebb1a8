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

from ...types import Array
from .compile import inner
from .vector import MANY_REGISTERS, Emitter, Value, emits, int64, lanes_of
from .views import Panel, Rows, Segments, Tail, head, row_of, window

ROWS = 8 if MANY_REGISTERS else 4  # output channels of the main tile; it is 3 vectors wide
FEW = 4  # output channels of the tile for thin layers
FEW_WIDE = 6 if MANY_REGISTERS else 3  # its vectors


def make_tile(rows: int, vectors: int) -> Callable[..., None]:
    """The tile of `rows` channels by `vectors` vectors of pixels."""

    def emit(e: Emitter, weights: Panel, pixels: Tail, taps: Tail, out: Rows) -> None:
        panel, image = e.start(weights), e.start(pixels)
        table = e.b.add(taps.data, e.b.shl(taps.at, int64(3)))

        def step(k: Value, sums: list[Value]) -> list[Value]:
            tap = e.at(image, e.integer(table, k))
            here = [e.load(e.at(tap, e.lanes * j)) for j in range(vectors)]
            row = e.at(panel, e.b.mul(k, int64(rows)))
            new = []
            for m in range(rows):
                weight = e.broadcast(e.at(row, m))
                new += [e.fma(weight, here[j], sums[m * vectors + j]) for j in range(vectors)]
            return new

        sums = e.loop(weights.depth, [e.zero] * (rows * vectors), step)
        target = e.start(out)
        for m in range(rows):
            for j in range(vectors):
                e.store(sums[m * vectors + j], e.at(target, e.lanes * j))
            target = e.at(target, out.pitch)

    @emits(emit)
    def tile(weights: Panel, pixels: Tail, taps: Tail, out: Rows) -> None:
        """Row m of out = sum over k < depth of weights[k, m] * the pixels from taps[k] on; depth >= 1."""
        width, depth = vectors * lanes_of(pixels.data), weights.depth
        factors = head(weights, depth * rows).reshape(depth, rows)
        sums = np.zeros((rows, width), pixels.data.dtype)
        for k, tap in enumerate(head(taps, depth)):
            sums += factors[k][:, None] * window(pixels.data, pixels.at + int(tap), width)
        for m in range(rows):
            row_of(out, m, width)[:] = sums[m]

    return tile


main3, main2, main1 = make_tile(ROWS, 3), make_tile(ROWS, 2), make_tile(ROWS, 1)
few_wide, few3, few1 = make_tile(FEW, FEW_WIDE), make_tile(FEW, 3), make_tile(FEW, 1)
one8, one4, one1 = make_tile(1, 8), make_tile(1, 4), make_tile(1, 1)


@inner()
def rows_for(channels: int) -> int:
    """The tile height for a number of output channels: 1 for depthwise layers, 4 for thin ones."""
    return 1 if channels == 1 else FEW if channels <= FEW else ROWS


@inner()
def tiles(height: int, weights: Panel, blocks: int, taps: Tail, pixels: Tail, vectors: int, out: Rows) -> None:
    """out (blocks x height, vectors) = packed weights (blocks, depth, height) times the pixels, in tiles.

    Pixels are the outer loop: the vectors of one tile stay in the first-level cache while all the weights pass by.
    """
    lanes, depth = lanes_of(pixels.data), weights.depth
    v = 0
    while v < vectors:
        left = vectors - v
        if height == 1:
            wide = 8 if left >= 8 else 4 if left >= 4 else 1
        elif height == FEW:
            wide = FEW_WIDE if left >= FEW_WIDE else 3 if left >= 3 else 1
        else:
            wide = 2 if left == 4 else min(3, left)  # four left are two and two
        for block in range(blocks):
            panel = Panel(weights.data, weights.at + block * depth * height, depth)
            image = Tail(pixels.data, pixels.at + v * lanes)
            target = Rows(out.data, out.at + block * height * out.pitch + v * lanes, out.pitch)
            if height == 1:
                if wide == 8:
                    one8(panel, image, taps, target)
                elif wide == 4:
                    one4(panel, image, taps, target)
                else:
                    one1(panel, image, taps, target)
            elif height == FEW:
                if wide == FEW_WIDE:
                    few_wide(panel, image, taps, target)
                elif wide == 3:
                    few3(panel, image, taps, target)
                else:
                    few1(panel, image, taps, target)
            elif wide == 3:
                main3(panel, image, taps, target)
            elif wide == 2:
                main2(panel, image, taps, target)
            else:
                main1(panel, image, taps, target)
        v += wide


DOT_ROWS, DOT_TAPS = (4, 6) if MANY_REGISTERS else (3, 4)  # output channels by taps of the main dot tile
DOT_TAPS_ALONE = 9  # taps of the dot tile for one output channel


def make_dot(rows: int, taps_at_once: int) -> Callable[..., None]:
    """The tile of weight gradients: dot products over pixels of `rows` channels of gy with `taps` shifts of an image."""

    def emit(e: Emitter, grads: Rows, image: Tail, taps: Tail, segments: Segments, out: Tail) -> None:
        b = e.b
        table = b.add(taps.data, b.shl(taps.at, int64(3)))
        shifts = [e.integer(table, n) for n in range(taps_at_once)]
        g, x = e.start(grads), e.start(image)

        def segment(s: Value, sums: list[Value]) -> list[Value]:
            twice = b.shl(s, int64(1))
            channels = [e.at(g, e.integer(segments.starts, twice))]
            for _ in range(rows - 1):
                channels.append(e.at(channels[-1], grads.pitch))
            begin = e.at(x, e.integer(segments.starts, b.add(twice, int64(1))))
            shifted = [e.at(begin, shift) for shift in shifts]

            def step(v: Value, sums: list[Value]) -> list[Value]:
                gv = [e.load(e.vectors(channel, v)) for channel in channels]
                new: list[Value] = [None] * len(sums)
                for n in range(taps_at_once):
                    xv = e.load(e.vectors(shifted[n], v))
                    for m in range(rows):
                        i = m * taps_at_once + n
                        new[i] = e.fma(gv[m], xv, sums[i])
                return new

            return e.loop(segments.vectors, sums, step)

        sums = e.loop(segments.number, [e.zero] * (rows * taps_at_once), segment)
        sums += [e.zero] * (-len(sums) % e.lanes)
        for q in range(0, len(sums), e.lanes):
            target = e.at(e.start(out), q)
            e.store(b.fadd(e.load(target), e.lane_sums(sums[q : q + e.lanes])), target)

    @emits(emit)
    def dot(grads: Rows, image: Tail, taps: Tail, segments: Segments, out: Tail) -> None:
        """out[m taps + n] += sum over all segments of row m of grads * the image from taps[n] on; one vector at least."""
        width = segments.vectors * lanes_of(image.data)
        head(out, dot_size(rows * taps_at_once, lanes_of(image.data)))
        for s in range(segments.number):
            start, begin = (int(place) for place in segments.starts[2 * s : 2 * s + 2])
            for m in range(rows):
                grad = window(grads.data, grads.at + m * grads.pitch + start, width)
                for n, tap in enumerate(head(taps, taps_at_once)):
                    shifted = window(image.data, image.at + begin + int(tap), width)
                    out.data[out.at + m * taps_at_once + n] += np.sum(grad * shifted)

    return dot


@inner()
def dot_size(sums: int, lanes: int) -> int:
    """Elements that a dot tile writes: its sums, filled up to whole vectors."""
    return (sums + lanes - 1) // lanes * lanes


dot_main, dot_alone = make_dot(DOT_ROWS, DOT_TAPS), make_dot(1, DOT_TAPS_ALONE)


@inner()
def dots(alone: bool, grads: Rows, image: Tail, taps: Array, blocks: tuple[int, int], segments: Segments, out: Tail) -> None:
    """All weight gradients of one group: out (*blocks, dot_size) += ... blocks: of channels, of taps."""
    size = dot_size(DOT_TAPS_ALONE if alone else DOT_ROWS * DOT_TAPS, lanes_of(image.data))
    rows = 1 if alone else DOT_ROWS
    for first in range(0, blocks[1], 4):  # four blocks of taps stay in the first-level cache while the channels pass
        for r in range(blocks[0]):
            channels = Rows(grads.data, grads.at + r * rows * grads.pitch, grads.pitch)
            for t in range(first, min(blocks[1], first + 4)):
                target = Tail(out.data, out.at + (r * blocks[1] + t) * size)
                if alone:
                    dot_alone(channels, image, Tail(taps, t * DOT_TAPS_ALONE), segments, target)
                else:
                    dot_main(channels, image, Tail(taps, t * DOT_TAPS), segments, target)
