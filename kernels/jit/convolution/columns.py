"""Windows of images as columns, and columns added back into images: row by row, planes shared out to threads."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numba import prange

from ...geometry import ConvGeometry
from ...types import Array
from ..machine.compile import dense, inner, jit, threads_for
from ..machine.strided import add_apart, pick
from ..machine.vector import as_row, clear, copy_rows
from ..machine.views import Rows


@lru_cache(maxsize=512)
def table_of(g: ConvGeometry) -> Array:
    """Planes, and the sizes of images, outputs and windows, the strides, the dilations and the padding of both axes."""
    pairs = (g.in_shape, g.out_shape, g.kernel, g.stride, g.dilation, g.pad_lo)
    return np.array([g.N * g.C, *[n for pair in pairs for n in pair]], np.int64)


def unfold2d(x: Array, g: ConvGeometry) -> Array:
    """Windows as columns. x: (N,C,H,W). Returns (N, C kh kw, OH OW), channel slowest."""
    columns = np.empty(g.columns_shape, x.dtype)
    if columns.size:
        _unfold(as_row(dense(x)), as_row(columns), table_of(g), threads_for(g.N * g.C, 0.4 * columns.size))
    return columns


def fold2d(cols: Array, g: ConvGeometry) -> Array:
    """The adjoint of unfold2d: overlapping positions add up. cols: (N, C kh kw, OH OW). Returns (N,C,H,W)."""
    x = np.empty(g.x_shape, cols.dtype)
    if x.size:
        _fold(as_row(dense(cols)), as_row(x), table_of(g), threads_for(g.N * g.C, 0.1 * x.size + 0.5 * cols.size))
    return x


@inner()
def reached(tap: int, stride: int, size: int, outputs: int) -> tuple[int, int]:
    """The outputs o for which position o stride + tap lies within 0 ... size - 1, as a range."""
    low = max(0, (stride - 1 - tap) // stride)
    return low, max(low, min(outputs, (size - 1 - tap) // stride + 1))


@jit()
def _unfold(x: Array, columns: Array, table: Array, threads: int) -> None:
    planes, H, W, OH, OW, KH, KW = table[0], table[1], table[2], table[3], table[4], table[5], table[6]
    SH, SW, DH, DW, top, left = table[7], table[8], table[9], table[10], table[11], table[12]
    for t in prange(threads):
        at = t * planes // threads * KH * KW * OH * OW
        for plane in range(t * planes // threads, (t + 1) * planes // threads):
            for i in range(KH):
                for j in range(KW):
                    low, high = reached(j * DW - left, SW, W, OW)
                    above, below = reached(i * DH - top, SH, H, OH)
                    if (high - low) * (below - above) < OH * OW:
                        clear(columns[at : at + OH * OW])
                    if low < high and above < below:
                        target = at + above * OW + low
                        begin = (plane * H + above * SH + i * DH - top) * W + low * SW + j * DW - left
                        if SW == 1:
                            copy_rows(Rows(columns, target, OW), Rows(x, begin, SH * W), high - low, below - above)
                        else:
                            for _ in range(below - above):
                                pick(columns[target : target + high - low], x[begin:], SW)
                                target, begin = target + OW, begin + SH * W
                    at += OH * OW


@jit()
def _fold(columns: Array, x: Array, table: Array, threads: int) -> None:
    planes, H, W, OH, OW, KH, KW = table[0], table[1], table[2], table[3], table[4], table[5], table[6]
    SH, SW, DH, DW, top, left = table[7], table[8], table[9], table[10], table[11], table[12]
    for t in prange(threads):
        at = t * planes // threads * KH * KW * OH * OW
        for plane in range(t * planes // threads, (t + 1) * planes // threads):
            clear(x[plane * H * W : (plane + 1) * H * W])
            for i in range(KH):
                for j in range(KW):
                    low, high = reached(j * DW - left, SW, W, OW)
                    for oh in range(OH):
                        row = oh * SH + i * DH - top
                        if 0 <= row < H and low < high:
                            begin = (plane * H + row) * W + low * SW + j * DW - left
                            if SW == 1:
                                add_apart(x[begin:], columns[at + low : at + high], 1)
                            else:
                                add_apart(x[begin:], columns[at + low : at + high], SW)
                        at += OW
