"""3 x 3 convolutions of stride 1 by Winograd's minimal filtering F(2 x 2, 3 x 3): 16 products in place of 36.

Y = A^T [ (G w G^T) * (B^T d B) ] A  for each 4 x 4 patch d of the input, giving 2 x 2 outputs. Summed over channels, the
product in brackets is 16 independent matrix products, which the tile kernel does. From 16 channels on this beats the
direct kernel.

Source: A. Lavin, S. Gray, Fast Algorithms for Convolutional Neural Networks, CVPR 2016.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from ...geometry import ConvGeometry
from ...types import Array
from ..machine.compile import inner, jit, threads_for
from ..machine.kept import KEPT
from ..machine.tile import ROWS, tiles
from ..machine.vector import VECTOR_BYTES, as_row, copy_rows, lanes_of
from ..machine.views import Panel, Rows, Tail
from .pack import pack_image
from .plan import Packing
from .winograd_transform import transform_patches, transform_products

LEAST_CHANNELS = 16
FEW_IMAGES = 8
"""Up to which the transformed filters are kept: transforming them takes as long as an image or more."""

SPEED, SHORT = 5.0, 200_000
"""Products in a nanosecond of one thread, before filtering; nanoseconds up to which each thread gets one strip, not two."""

MOST_BYTES = 1 << 23  # of transformed data per thread: long units read the transformed filters less often


def is_form(g: ConvGeometry) -> bool:
    """Whether this is the convolution that F(2 x 2, 3 x 3) computes."""
    return (g.kernel, g.stride, g.dilation, g.groups) == ((3, 3), (1, 1), (1, 1), 1)


def pays(g: ConvGeometry, item_bytes: int) -> bool:
    """Whether the saved products outweigh the transforms, and the junk among the patches of a small image."""
    lanes = VECTOR_BYTES // item_bytes
    return is_form(g) and min(g.C, g.K) >= LEAST_CHANNELS and all(_fill(s, lanes) > 0.65 for s in (g.in_shape, g.out_shape))


def _fill(shape: tuple[int, ...], lanes: int) -> float:
    """The share of lanes that hold patches, of an image in one piece."""
    rows, columns = shape
    patches = (rows + 1) // 2 * ((columns + 1) // 2 + 1)
    return rows * columns / 4 / (-(-patches // lanes) * lanes)


def forward(x: Array, w: Array, g: ConvGeometry, bias: Array) -> Array | None:
    """y, or None if it is not all finite.

    The transforms mix the pixels of a patch, so one infinite pixel can spoil neighbours that the definition leaves
    alone; the caller then takes the direct kernel.
    """
    return _run(x, w, bias, g.pad_lo, False, g.y_shape)


def input_grad(gy: Array, w: Array, g: ConvGeometry) -> Array | None:
    """gx, or None if it is not all finite: the same convolution of gy with turned filters."""
    return _run(gy, w, np.zeros(g.C, gy.dtype), (2 - g.pad_lo[0], 2 - g.pad_lo[1]), True, g.x_shape)


def _run(
    x: Array, w: Array, bias: Array, pad: tuple[int, ...], turned: bool, shape: tuple[int, ...]
) -> Array | None:
    y = np.empty(shape, x.dtype)
    (_, channels, H, W), (images, filters, rows, columns) = x.shape, shape
    row_bytes = 16 * ((columns + 1) // 2 + 1) * (channels + filters) * x.itemsize
    cost = images * filters * channels * rows * columns / SPEED
    sharing = threads_for(1 << 30, cost)
    strip = tile_rows(rows, row_bytes, images, sharing if cost > SHORT else sharing // 2)
    threads = threads_for(images * -(-((rows + 1) // 2) // strip), cost)
    phases = np.arange(2)
    packing = Packing(channels, H, W, 2, 2, pad[0], pad[1], strip + 1, (columns + 1) // 2 + 1, phases, phases)
    spoilt = np.zeros((threads, 128), np.int8)
    def transformed() -> Array:
        u = np.zeros(16 * -(-filters // ROWS) * channels * ROWS, x.dtype)
        _transformed(w, u, turned, filters, channels, threads_for(filters, 20.0 * filters * channels))
        return u

    few = images <= FEW_IMAGES
    u = KEPT.get(w, ("winograd", turned), transformed) if few else transformed()
    _winograd(x, u, bias, y, packing, spoilt, threads)
    return None if spoilt.any() else y


def tile_rows(rows: int, row_bytes: int, images: int, threads: int) -> int:
    """Rows of patches per unit of work: as many as memory allows, but enough units for every thread to get two."""
    total = (rows + 1) // 2
    strips = -(-total // max(1, MOST_BYTES // row_bytes))
    while strips * images < 2 * threads and strips < total:
        strips += 1
    return -(-total // strips)


@inner()
def transform_filters(u: Array, w: Array, turned: bool, block: int, blocks: int, channels: int, filters: int) -> None:
    """u[4 i + j, block, c, m] = (G w G^T)[i, j], a block of filters. turned: K and C swap roles, taps are rotated."""
    half = u.dtype.type(0.5)
    column = np.empty((4, 3), u.dtype)
    step = blocks * channels * ROWS
    for m in range(min(ROWS, filters - block * ROWS)):
        k = block * ROWS + m
        for c in range(channels):
            at = (block * channels + c) * ROWS + m
            for j in range(3):
                if turned:
                    a, b, d = w[c, k, 2, 2 - j], w[c, k, 1, 2 - j], w[c, k, 0, 2 - j]
                else:
                    a, b, d = w[k, c, 0, j], w[k, c, 1, j], w[k, c, 2, j]
                column[0, j], column[1, j], column[2, j], column[3, j] = a, (a + b + d) * half, (a - b + d) * half, d
            for i in range(4):
                a, b, d = column[i, 0], column[i, 1], column[i, 2]
                u[4 * i * step + at], u[(4 * i + 1) * step + at] = a, (a + b + d) * half
                u[(4 * i + 2) * step + at], u[(4 * i + 3) * step + at] = (a - b + d) * half, d


@jit()
def _transformed(w: Array, u: Array, turned: bool, filters: int, channels: int, threads: int) -> None:
    blocks = (filters + ROWS - 1) // ROWS
    for t in prange(threads):
        for block in range(t * blocks // threads, (t + 1) * blocks // threads):
            transform_filters(u, w, turned, block, blocks, channels, filters)


@jit()
def _winograd(x: Array, u16: Array, bias: Array, y: Array, packing: Packing, spoilt: Array, threads: int) -> None:
    N, C, H, W = x.shape
    K, OH, OW = y.shape[1], y.shape[2], y.shape[3]
    lanes = lanes_of(x)
    blocks = (K + ROWS - 1) // ROWS
    tile_rows_all, width, strip = (OH + 1) // 2, packing.width, packing.height - 1  # patches reach one row further
    plane, strips = packing.height * width, (tile_rows_all + strip - 1) // strip
    pitch = (strip * width + lanes - 1) // lanes * lanes
    offsets = np.empty(C, np.int64)
    for c in range(C):
        offsets[c] = c * pitch
    units, pixels, result = N * strips, as_row(x), as_row(y)
    v_step, m_step = C * pitch + 16, blocks * ROWS * pitch + 16  # + 16: the sixteen streams must not share a cache set
    for t in prange(threads):
        buffer = np.zeros(C * 4 * plane + 4 * lanes, x.dtype)
        v, m = np.empty(16 * v_step, x.dtype), np.empty(16 * m_step, x.dtype)
        even, odd, finite = np.empty(2 * pitch, x.dtype), np.empty(2 * pitch, x.dtype), np.zeros(lanes, x.dtype)
        for unit in range(t * units // threads, (t + 1) * units // threads):
            n, first = unit // strips, unit % strips * strip
            count = min(strip, tile_rows_all - first)
            vectors = (count * width + lanes - 1) // lanes
            pack_image(buffer, 0, pixels, n * C * H * W, first, packing)
            for c in range(C):
                transform_patches(Rows(buffer, c * 4 * plane, width), plane, Rows(v, c * pitch, v_step), vectors)
            for i in range(16):
                panel, spot = Panel(u16, i * blocks * C * ROWS, C), Tail(v, i * v_step)
                tiles(ROWS, panel, blocks, Tail(offsets, 0), spot, vectors, Rows(m, i * m_step, pitch))
            for k in range(K):
                transform_products(Rows(m, k * pitch, m_step), Tail(bias, k), even, odd, finite, vectors)
                d = ((n * K + k) * OH + 2 * first) * OW
                copy_rows(Rows(result, d, 2 * OW), Rows(even, 0, 2 * width), OW, count)
                lower = min(count, (OH - 2 * first) // 2)
                copy_rows(Rows(result, d + OW, 2 * OW), Rows(odd, 0, 2 * width), OW, lower)
        for lane in range(lanes):
            if np.isnan(finite[lane]):
                spoilt[t, 0] = 1
