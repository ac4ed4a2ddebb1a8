"""The weight gradient of a 3 x 3 convolution of stride 1 by the adjoint of Winograd's F(2 x 2, 3 x 3).

    gw = G^T [ sum over patches of (A gy A^T) * (B^T d B) ] G

for the patches d of the input and the 2 x 2 outputs gy that each of them feeds: 16 products in place of 36, as in the
forward direction (see winograd.py), whose transform of the input this shares. Filters lie in the lanes of vectors, and
the tile of panel.py sums over patches.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numba import prange

from ...geometry import ConvGeometry
from ...types import Array
from ..machine.compile import inner, jit, thread_count
from ..machine.panels import PANEL, pack_panel
from ..machine.vector import VECTOR_BYTES, Emitter, Value, add_to, as_row, clear, emits, lanes_of
from ..machine.views import Matrix, Panel, Rows, Scattered, Tail, row_of, window
from .pack import pack_image
from .panel import tiles
from .panel_plan import fill, panel_vectors, panel_width
from .plan import Packing
from .winograd import LARGE_IMAGE, is_form, tile_rows
from .winograd_transform import A_T, transform_patches

SMALL_IMAGE, MANY_PIXELS = 64, 2048
"""Pixels of an image, and of all together, for which the transforms of the filters' gradients at the end do not count."""


def pays(g: ConvGeometry, item_bytes: int) -> bool:
    """Whether the saved products outweigh the transforms. Junk between patches costs nothing here: it is skipped."""
    pixels = g.out_shape[0] * g.out_shape[1]
    small = pixels >= SMALL_IMAGE and g.N * pixels >= MANY_PIXELS and panel_vectors(g.K, item_bytes) == PANEL
    enough = pixels >= LARGE_IMAGE or small
    return is_form(g) and g.C >= 16 and fill(g.K, item_bytes) >= 0.75 and enough


def weight_grad(x: Array, gy: Array, g: ConvGeometry) -> Array:
    """gw; x and gy dense. Where they are not all finite, more of gw may be NaN than should: the caller checks."""
    vectors = panel_vectors(g.K, x.itemsize)
    strip, packing, tables = _plan(g, x.itemsize, thread_count(1 << 30))
    strips = -(-((g.out_shape[0] + 1) // 2) // strip)
    gw = np.empty(g.w_shape, x.dtype)
    _weight_grad(x, gy, as_row(gw), strip, packing, tables, vectors, thread_count(g.N * strips))
    return gw


class Tables(NamedTuple):
    """channels, patches: where each lies in the transformed input. places: of each channel in the sums."""

    channels: Array
    patches: Array
    places: Array


@lru_cache(maxsize=512)
def _plan(g: ConvGeometry, item_bytes: int, threads: int) -> tuple[int, Packing, Tables]:
    """Rows of patches per unit of work, the packing of x, the tables."""
    (rows, columns), (H, W), (top, left) = g.out_shape, g.in_shape, g.pad_lo
    lanes, width = VECTOR_BYTES // item_bytes, (columns + 1) // 2 + 1
    row_bytes = 16 * width * (g.C + panel_width(g.K, item_bytes)) * item_bytes
    strip = tile_rows(rows, row_bytes, g.N, threads)
    phases = np.arange(2)
    packing = Packing(g.C, H, W, 2, 2, top, left, strip + 1, width, phases, phases)
    pitch = -(-strip * width // lanes) * lanes
    patches = (np.arange(strip)[:, None] * width + np.arange(width - 1)).ravel()
    channels = np.arange(g.C)
    return strip, packing, Tables(channels * pitch, patches, channels * panel_width(g.K, item_bytes))


class Corners(NamedTuple):
    """Where the four pixels of a patch begin, upper left and right, lower left and right."""

    ul: int
    ur: int
    ll: int
    lr: int


def _emit_patch(e: Emitter, g: Value, pixels: Corners, vectors: Value, out: Rows) -> None:
    b = e.b
    corners, start = [e.at(g, row) for row in pixels], e.start(out)

    def spread(u: Value, v: Value) -> list[Value]:
        return [u, b.fadd(u, v), b.fsub(u, v), b.fsub(e.zero, v)]

    def body(i: Value, _: list[Value]) -> list[Value]:
        ul, ur, ll, lr = (e.load(e.vectors(corner, i)) for corner in corners)
        target = e.vectors(start, i)
        for left, right in zip(spread(ul, ll), spread(ur, lr), strict=True):
            for value in spread(left, right):
                e.store(value, target)
                target = e.at(target, out.pitch)
        return []

    e.loop(vectors, [], body)


@emits(_emit_patch)
def transform_patch_of_grads(g: Array, pixels: Corners, vectors: int, out: Rows) -> None:
    """Row 4 i + j of out = (A gy A^T)[i, j] for a panel of channels, from four rows of pixels x channels."""
    width = vectors * lanes_of(g)
    corners = np.array([window(g, at, width) for at in pixels])
    result = np.einsum("ri,cj,rck->ijk", A_T, A_T, corners.reshape(2, 2, width)).reshape(16, width)
    for i in range(16):
        row_of(out, i, width)[:] = result[i]


@inner()
def transform_grads(m: Rows, grads: Array, rows: int, columns: int, patch_rows: int, vectors: int) -> None:
    """All patches of a strip. grads: (rows x columns, panel) and at its end a row of zeros, for pixels outside."""
    width, across = vectors * lanes_of(grads), (columns + 1) // 2
    outside = rows * columns * width
    for r in range(patch_rows):
        for c in range(across):
            pixel = 2 * (r * columns + c) * width
            below, right = 2 * r + 1 < rows, 2 * c + 1 < columns
            corners = Corners(
                ul=pixel,
                ur=pixel + width if right else outside,
                ll=pixel + columns * width if below else outside,
                lr=pixel + (columns + 1) * width if below and right else outside,
            )
            transform_patch_of_grads(grads, corners, vectors, Rows(m.data, m.at + (r * across + c) * width, m.pitch))


@inner(exact=True)
def gather_filter(row: Array, u: Array, at: int, step: int, i: int, j: int) -> None:
    """row = (G^T u G)[i, j] for a row of filters."""
    half = row.dtype.type(0.5)
    for k in range(row.size):
        total = row.dtype.type(0)
        for r in range(4):
            p = at + 4 * r * step + k
            a, b, c, d = u[p], u[p + step], u[p + 2 * step], u[p + 3 * step]
            value = a + half * (b + c) if j == 0 else half * (b - c) if j == 1 else half * (b + c) + d
            if r == 0:
                total += value if i == 0 else 0
            elif r == 3:
                total += value if i == 2 else 0
            else:
                total += half * (-value if i == 1 and r == 2 else value)
        row[k] = total


@jit()
def _weight_grad(
    x: Array, gy: Array, gw: Array, strip: int, packing: Packing, tables: Tables, vectors: int, threads: int
) -> None:
    N, C, H, W = x.shape
    K, OH, OW = gy.shape[1], gy.shape[2], gy.shape[3]
    lanes = lanes_of(x)
    width = vectors * lanes
    blocks, all_rows, across = (K + width - 1) // width, (OH + 1) // 2, (OW + 1) // 2
    strips, plane = (all_rows + strip - 1) // strip, packing.height * packing.width
    units, pixels, outputs = N * strips, as_row(x), as_row(gy)
    pitch = (strip * packing.width + lanes - 1) // lanes * lanes
    v_step, m_step = C * pitch + 16, strip * across * width + 16  # + 16: the sixteen streams must not share a cache set
    size, u_step = blocks * 16 * C * width, C * width
    sums = np.zeros(threads * size, x.dtype)
    for t in prange(threads):
        buffer = np.zeros(C * 4 * plane + 4 * lanes, x.dtype)
        v, m = np.empty(16 * v_step, x.dtype), np.empty(16 * m_step, x.dtype)
        grads = np.empty((2 * strip * OW + 1) * width, x.dtype)
        for unit in range(t * units // threads, (t + 1) * units // threads):
            n, first = unit // strips, unit % strips * strip
            count, rows = min(strip, all_rows - first), min(2 * strip, OH - 2 * first)
            pack_image(buffer, 0, pixels, n * C * H * W, first, packing)
            patches = (count * packing.width + lanes - 1) // lanes
            for c in range(C):
                transform_patches(Rows(buffer, c * 4 * plane, packing.width), plane, Rows(v, c * pitch, v_step), patches)
            for block in range(blocks):
                start = ((n * K + block * width) * OH + 2 * first) * OW
                columns = min(width, K - block * width)
                pack_panel(Panel(grads, 0, rows * OW), Matrix(outputs, start, 1, OH * OW), columns, vectors)
                clear(grads[rows * OW * width : (rows * OW + 1) * width])
                transform_grads(Rows(m, 0, m_step), grads, rows, OW, count, vectors)
                for i in range(16):
                    source, products = Scattered(v, i * v_step, tables.channels, 0), Panel(m, i * m_step, count * across)
                    results = Scattered(sums, t * size + (block * 16 + i) * u_step, tables.places, 0)
                    tiles(vectors, C, source, Tail(tables.patches, 0), products, results, True)
    for t in prange(threads):
        row = np.empty(width, x.dtype)
        for u in range(t * blocks * C // threads, (t + 1) * blocks * C // threads):
            block, c = u // C, u % C
            for i in range(16):
                at = (block * 16 + i) * u_step + c * width
                for q in range(1, threads):
                    add_to(sums[at : at + width], sums[q * size + at : q * size + at + width])
            for tap in range(9):
                gather_filter(row, sums, block * 16 * u_step + c * width, u_step, tap // 3, tap % 3)
                for k in range(min(width, K - block * width)):
                    gw[((block * width + k) * C + c) * 9 + tap] = row[k]
