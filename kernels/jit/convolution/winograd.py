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
from ..machine.vector import VECTOR_BYTES, as_row, clear, copy_rows, lanes_of
from ..machine.views import Panel, Rows, Tail
from .pack import pack_image
from .plan import Packing
from .winograd_transform import transform_patches, transform_products

LEAST_CHANNELS, MANY_CHANNELS = 16, 32
LEAST_PIXELS, LARGE_IMAGE = 49, 144
"""Of an image: in smaller ones the patches at the borders are too many; up to the other it takes many channels."""

MOST_TOGETHER = 8
"""Images in one unit of work."""

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
    pixels = g.in_shape[0] * g.in_shape[1]
    if not is_form(g) or pixels < LEAST_PIXELS or min(g.C, g.K) < LEAST_CHANNELS:
        return False
    if pixels < LARGE_IMAGE and g.C * g.K <= MANY_CHANNELS**2:
        return False
    return all(_fill(shape, g.N, VECTOR_BYTES // item_bytes) > 0.65 for shape in (g.in_shape, g.out_shape))


def _fill(shape: tuple[int, ...], images: int, lanes: int) -> float:
    """The share of lanes that hold patches, of images in one piece."""
    rows, columns = shape
    patches = (rows + 1) // 2 * ((columns + 1) // 2 + 1)
    together = images_together(patches, min(images, MOST_TOGETHER), lanes)
    return rows * columns / 4 * together / (-(-together * patches // lanes) * lanes)


def images_together(patches: int, most: int, lanes: int) -> int:
    """How many images of so many patches leave the fewest lanes of their last vector empty."""
    return min(range(1, most + 1), key=lambda n: -n * patches % lanes / n, default=1)


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
    lanes, width, together = VECTOR_BYTES // x.itemsize, (columns + 1) // 2 + 1, 1
    if strip >= (rows + 1) // 2:  # enough units for every thread to get two, as memory allows
        most = min(MOST_TOGETHER, images // (2 * sharing), MOST_BYTES // (row_bytes * strip))
        together = images_together(strip * width, most, lanes)
    threads = threads_for(-(-images // together) * -(-((rows + 1) // 2) // strip), cost)
    phases = np.arange(2)
    packing = Packing(channels, H, W, 2, 2, pad[0], pad[1], strip + 1, width, phases, phases)
    spoilt = np.zeros((threads, 128), np.int8)

    def transformed() -> Array:
        u = np.zeros(16 * -(-filters // ROWS) * channels * ROWS, x.dtype)
        _transformed(w, u, turned, filters, channels, threads_for(filters, 20.0 * filters * channels))
        return u

    few = images <= FEW_IMAGES
    u = KEPT.get(w, ("winograd", turned), transformed) if few else transformed()
    _winograd(x, u, bias, y, packing, together, spoilt, threads)
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
def _winograd(
    x: Array, u16: Array, bias: Array, y: Array, packing: Packing, together: int, spoilt: Array, threads: int
) -> None:
    N, C, H, W = x.shape
    K, OH, OW = y.shape[1], y.shape[2], y.shape[3]
    lanes = lanes_of(x)
    blocks = (K + ROWS - 1) // ROWS
    tile_rows_all, width, strip = (OH + 1) // 2, packing.width, packing.height - 1  # patches reach one row further
    plane, strips, patches = packing.height * width, (tile_rows_all + strip - 1) // strip, strip * width
    pitch = (together * patches + lanes - 1) // lanes * lanes
    offsets = np.empty(C, np.int64)
    for c in range(C):
        offsets[c] = c * pitch
    units, pixels, result = (N + together - 1) // together * strips, as_row(x), as_row(y)
    v_step, m_step = C * pitch + 16, blocks * ROWS * pitch + 16  # + 16: the sixteen streams must not share a cache set
    for t in prange(threads):
        buffer = np.zeros(together * C * 4 * plane + 4 * lanes, x.dtype)
        v, m = np.empty(16 * v_step, x.dtype), np.empty(16 * m_step, x.dtype)
        even, odd, finite = np.empty(2 * pitch, x.dtype), np.empty(2 * pitch, x.dtype), np.zeros(lanes, x.dtype)
        for unit in range(t * units // threads, (t + 1) * units // threads):
            n, first = unit // strips * together, unit % strips * strip
            images, count = min(together, N - n), min(strip, tile_rows_all - first)
            vectors, whole = (count * width + lanes - 1) // lanes, ((images - 1) * patches + count * width + lanes - 1) // lanes
            for q in range(images):
                pack_image(buffer, q * C * 4 * plane, pixels, (n + q) * C * H * W, first, packing)
            for c in range(C):
                # the end of an image's last vector is overwritten by the next image, or the next channel
                for q in range(images):
                    image = Rows(buffer, (q * C + c) * 4 * plane, width)
                    transform_patches(image, plane, Rows(v, c * pitch + q * patches, v_step), vectors)
            known = (images - 1) * patches + vectors * lanes
            if known < whole * lanes:
                for row in range(16 * C):
                    at = row // C * v_step + row % C * pitch
                    clear(v[at + known : at + whole * lanes])
            for i in range(16):
                panel, spot = Panel(u16, i * blocks * C * ROWS, C), Tail(v, i * v_step)
                tiles(ROWS, panel, blocks, Tail(offsets, 0), spot, whole, Rows(m, i * m_step, pitch))
            lower = min(count, (OH - 2 * first) // 2)
            for k in range(K):
                transform_products(Rows(m, k * pitch, m_step), Tail(bias, k), even, odd, finite, whole)
                for q in range(images):
                    d = (((n + q) * K + k) * OH + 2 * first) * OW
                    copy_rows(Rows(result, d, 2 * OW), Rows(even, 2 * q * patches, 2 * width), OW, count)
                    copy_rows(Rows(result, d + OW, 2 * OW), Rows(odd, 2 * q * patches, 2 * width), OW, lower)
        for lane in range(lanes):
            if np.isnan(finite[lane]):
                spoilt[t, 0] = 1
