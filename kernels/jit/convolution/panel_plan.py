"""The tables by which panel.py reads images, worked out once per geometry, and where it is worth its while."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ...geometry import ConvGeometry
from ...types import Array
from ..machine.panels import PANEL
from ..machine.vector import VECTOR_BYTES
from .plan import STRIP_BYTES, Packing
from .weight_grad import reads_rows


class Job(NamedTuple):
    """N images of `image` elements become images of K channels of `area` pixels.

    plane: elements of a channel of the packed image. in_place: no packing is needed. step: between the weights of two
    channels. straight: the weights of a channel lie one after the other. vectors: of a panel of the K channels.
    """

    N: int
    K: int
    image: int
    area: int
    plane: int
    in_place: bool
    step: int
    straight: bool
    vectors: int


class Phases(NamedTuple):
    """Lists of pixels that share their taps; the lists of phase f end at pixel_ends[f] and tap_ends[f].

    spots, places: of each pixel in the packed image, and in the panel of results. offsets, taps: of each (channel, tap)
    in the packed image, and in the weights of one channel.
    """

    spots: Array
    places: Array
    pixel_ends: Array
    offsets: Array
    taps: Array
    tap_ends: Array


Plan = tuple[Job, Packing, Phases]


@lru_cache(maxsize=512)
def forward_plan(g: ConvGeometry, item_bytes: int) -> Plan:
    """One phase: every pixel sees every tap."""
    (H, W), (KH, KW), (OH, OW), (SH, SW), (DH, DW) = g.in_shape, g.kernel, g.out_shape, g.stride, g.dilation
    height, width = (size + a + b for size, a, b in zip(g.in_shape, g.pad_lo, g.pad_hi, strict=True))
    spots = np.arange(OH)[:, None] * SH * width + np.arange(OW) * SW
    channels, rows = np.arange(g.C)[:, None, None], np.arange(KH)[:, None]
    offsets = channels * height * width + rows * DH * width + np.arange(KW) * DW
    places = np.arange(spots.size) * panel_width(g.K, item_bytes)
    depth = offsets.size
    phases = Phases(spots.ravel(), places, np.array([spots.size]), offsets.ravel(), np.arange(depth), np.array([depth]))
    in_place, vectors = not any(g.pad_lo + g.pad_hi), panel_vectors(g.K, item_bytes)
    job = Job(g.N, g.K, g.C * H * W, OH * OW, height * width, in_place, depth, True, vectors)
    return job, _whole(g.C, g.in_shape, g.pad_lo, height, width), phases


@lru_cache(maxsize=512)
def input_grad_plan(g: ConvGeometry, item_bytes: int) -> Plan:
    """A phase for each remainder of the pixels by the strides: gx[h] = sum over i of gy[(h + top - i DH) / SH], where whole."""
    (H, W), (KH, KW), (SH, SW), (DH, DW), (top, left) = g.in_shape, g.kernel, g.stride, g.dilation, g.pad_lo
    above, before = max(0, -((top - (KH - 1) * DH) // SH)), max(0, -((left - (KW - 1) * DW) // SW))
    height = above + max((H - 1 + top) // SH + 1, g.out_shape[0])
    width = before + max((W - 1 + left) // SW + 1, g.out_shape[1])
    filters, panel = np.arange(g.K)[:, None], panel_width(g.C, item_bytes)
    lists: list[tuple[Array, ...]] = []
    for a in range(SH):
        for b in range(SW):
            rows, columns = np.arange((a - top) % SH, H, SH)[:, None], np.arange((b - left) % SW, W, SW)
            i, j = np.arange(KH)[:, None], np.arange(KW)
            met = (i * DH % SH == a) & (j * DW % SW == b)
            back, tap = (i * DH // SH * width + j * DW // SW)[met], (i * KW + j)[met]
            spots = ((rows + top) // SH + above) * width + (columns + left) // SW + before
            places = (rows * W + columns) * panel
            lists.append((spots, places, filters * height * width - back, filters * g.C * KH * KW + tap))
    spots, places, offsets, taps = (np.concatenate([some.ravel() for some in each]) for each in zip(*lists, strict=True))
    ends = (np.cumsum([phase[which].size for phase in lists]) for which in (0, 2))
    pixel_ends, tap_ends = ends
    in_place = above == before == 0 and (height, width) == g.out_shape
    image, vectors = g.K * g.out_shape[0] * g.out_shape[1], panel_vectors(g.C, item_bytes)
    job = Job(g.N, g.C, image, H * W, height * width, in_place, KH * KW, False, vectors)
    phases = Phases(spots, places, pixel_ends, offsets, taps, tap_ends)
    return job, _whole(g.K, g.out_shape, (above, before), height, width), phases


def _whole(channels: int, shape: tuple[int, ...], pad: tuple[int, ...], height: int, width: int) -> Packing:
    """An image as one plane per channel."""
    one = np.zeros(1, np.int64)
    return Packing(channels, shape[0], shape[1], 1, 1, pad[0], pad[1], height, width, one, one)


def panel_vectors(channels: int, item_bytes: int) -> int:
    """Vectors of a panel: fewer where one or two hold all channels."""
    return next((n for n in (1, 2) if channels * item_bytes <= n * VECTOR_BYTES), PANEL)


def panel_width(channels: int, item_bytes: int) -> int:
    """Lanes of a panel for so many channels."""
    return panel_vectors(channels, item_bytes) * VECTOR_BYTES // item_bytes


@lru_cache(maxsize=512)
def forward_pays(g: ConvGeometry, item_bytes: int, threads: int) -> bool:
    """Whether tiles along channels waste less than tiles along pixels, whose rows end in junk (see plan.py)."""
    width = g.out_shape[1] + (g.kernel[1] - 1) * g.dilation[1] // g.stride[1]
    useful = _pixel_fill(g.out_shape, width, item_bytes) * (1.0 if g.stride == (1, 1) else READ_IN_STEPS)
    return _fits(g, item_bytes, _sharing(g, threads)) and useful < _worth(g.K, item_bytes)


@lru_cache(maxsize=512)
def input_grad_pays(g: ConvGeometry, item_bytes: int, threads: int) -> bool:
    shape = tuple(-(-size // s) for size, s in zip(g.in_shape, g.stride, strict=True))
    width = shape[1] + (g.kernel[1] - 1) * g.dilation[1] // g.stride[1]
    useful = _pixel_fill(shape, width, item_bytes) * (1.0 if g.stride == (1, 1) else WRITTEN_IN_STEPS)
    return _fits(g, item_bytes, _sharing(g, threads)) and useful < _worth(g.C, item_bytes)


@lru_cache(maxsize=512)
def weight_grad_pays(g: ConvGeometry, item_bytes: int, threads: int) -> bool:
    """Here tiles along pixels lose more: to junk, and to adding up their lanes."""
    narrow = panel_vectors(g.K, item_bytes) == 1
    shared = _fits(g, item_bytes, 1 if by_rows(g, item_bytes) else threads)
    return shared and fill(g.K, item_bytes) >= 0.75 and not (narrow and reads_rows(g, item_bytes))


def by_rows(g: ConvGeometry, item_bytes: int) -> bool:
    """Whether each thread has some rows of the weights' gradient for all images, rather than all of it for some images: its sums
    come from the core's cache then, and there are no others to be added."""
    width = panel_width(g.K, item_bytes)
    return g.C * g.kernel[0] * g.kernel[1] * -(-g.K // width) * width * item_bytes >= LARGE_SUMS


WORTH, NARROW_WORTH = 0.95, 0.82
"""The share of full speed that filling and emptying panels leaves, and of panels of one or two vectors, where more of the loads
are of single numbers. 14 x 14 pixels fill 0.94 of their vectors.
"""
READ_IN_STEPS, WRITTEN_IN_STEPS = 0.85, 0.75
"""What it costs tiles along pixels to read every second row and column, and to write them."""


def _worth(channels: int, item_bytes: int) -> float:
    return fill(channels, item_bytes) * (WORTH if panel_vectors(channels, item_bytes) == PANEL else NARROW_WORTH)


ALONE = 4_000_000  # multiply-adds that one thread does while the others would be waking and meeting again
LEAST_PIXELS, LEAST_WORK = 36, 12_000_000  # with fewer of both, compiling another kernel takes longer than it saves
LEAST_DEPTH = 16
LARGE_SUMS = 1 << 19  # bytes


def _sharing(g: ConvGeometry, threads: int) -> int:
    """The threads that images must be enough for; none where so little is to be done that one thread may do it."""
    return 0 if g.macs <= ALONE else threads


def _fits(g: ConvGeometry, item_bytes: int, threads: int) -> bool:
    """Images are the units of work: enough of them for all threads, small enough for the cache, each with some arithmetic.

    Two or three for each of several threads are enough, for each the same number.
    """
    height, width = (size + a + b for size, a, b in zip(g.in_shape, g.pad_lo, g.pad_hi, strict=True))
    pixels = g.out_shape[0] * g.out_shape[1]
    cached = item_bytes * (g.C * height * width + g.K * pixels) <= 3 * STRIP_BYTES // 2
    enough = (pixels >= LEAST_PIXELS or g.macs >= LEAST_WORK) and g.C * g.kernel[0] * g.kernel[1] >= LEAST_DEPTH
    shared = g.N >= 4 * threads or (g.N >= 2 * threads > 2 and g.N % threads == 0)
    return g.groups == 1 and shared and cached and enough


def fill(channels: int, item_bytes: int) -> float:
    """The share of a panel's lanes that hold channels."""
    width = panel_width(channels, item_bytes)
    return channels / (-(-channels // width) * width)


def _pixel_fill(shape: tuple[int, ...], width: int, item_bytes: int) -> float:
    """The share of lanes that hold pixels, where they are numbered over rows of `width`."""
    lanes = VECTOR_BYTES // item_bytes
    return shape[0] * shape[1] / (-(-shape[0] * width // lanes) * lanes)
