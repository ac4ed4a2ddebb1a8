"""Both gradients as plain loops over valid pixels, for data with NaN or infinities.

The fast kernels multiply padding and junk columns by zero. That is harmless until a factor is infinite or NaN: then
these loops, slower by far, give what the definition gives.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from ...geometry import ConvGeometry
from ...types import Array
from ..machine.compile import jit
from .plan import Sizes, sizes_of


def input_grad(gy: Array, w: Array, g: ConvGeometry) -> Array:
    gx = np.zeros(g.x_shape, gy.dtype)
    _input_grad(gy, w, gx, sizes_of(g))
    return gx


def weight_grad(x: Array, gy: Array, g: ConvGeometry) -> Array:
    gw = np.empty(g.w_shape, x.dtype)
    _weight_grad(x, gy, gw, sizes_of(g))
    return gw


@jit()
def _input_grad(gy: Array, w: Array, gx: Array, s: Sizes) -> None:
    Kg, Cg = s.K // s.G, s.C // s.G
    for u in prange(s.N * s.C):
        n, c = u // s.C, u % s.C
        for k in range(c // Cg * Kg, (c // Cg + 1) * Kg):
            for oh in range(s.OH):
                for i in range(s.KH):
                    row = oh * s.SH + i * s.DH - s.top
                    if row < 0 or row >= s.H:
                        continue
                    for ow in range(s.OW):
                        for j in range(s.KW):
                            column = ow * s.SW + j * s.DW - s.left
                            if 0 <= column < s.W:
                                gx[n, c, row, column] += gy[n, k, oh, ow] * w[k, c % Cg, i, j]


@jit()
def _weight_grad(x: Array, gy: Array, gw: Array, s: Sizes) -> None:
    """Padding is zero here too, not absent: a zero pixel times an infinite gradient is NaN, as in the definition."""
    Kg, Cg = s.K // s.G, s.C // s.G
    for u in prange(s.K * Cg):
        k, c = u // Cg, u % Cg
        for i in range(s.KH):
            for j in range(s.KW):
                total = x.dtype.type(0)
                for n in range(s.N):
                    for oh in range(s.OH):
                        row = oh * s.SH + i * s.DH - s.top
                        for ow in range(s.OW):
                            column = ow * s.SW + j * s.DW - s.left
                            inside = 0 <= row < s.H and 0 <= column < s.W
                            pixel = x[n, k // Kg * Cg + c, row, column] if inside else x.dtype.type(0)
                            total += pixel * gy[n, k, oh, ow]
                gw[k, c, i, j] = total
