"""Copies around the tiles: images into padded phase planes, weights into tile order, results back."""

from __future__ import annotations

from ..types import Array
from .compile import inner
from .conv_plan import Packing
from .vector import clear, copy_rows


@inner()
def take(target: Array, source: Array, stride: int) -> None:
    """target[i] = source[stride i]; two gets a loop of its own, which vectorises."""
    if stride == 2:
        for i in range(target.size):
            target[i] = source[2 * i]
    else:
        for i in range(target.size):
            target[i] = source[stride * i]


@inner()
def put(target: Array, source: Array, stride: int) -> None:
    """target[stride i] = source[i]."""
    if stride == 2:
        for i in range(source.size):
            target[2 * i] = source[i]
    else:
        for i in range(source.size):
            target[stride * i] = source[i]


@inner()
def pack_image(buffer: Array, at: int, x: Array, image: int, first: int, p: Packing) -> None:
    """Phase planes (channels, phases, height, width) of the zero-padded image that starts at x[image].

    first: the row of every plane to begin with. The buffer must have been zero at the start: the columns of the side
    borders are never written.
    """
    if p.SH == 1 and p.SW == 1:
        above = min(p.height, max(0, p.top - first))
        below = max(above, min(p.height, p.H + p.top - first))
        border, cut = max(0, p.left), max(0, -p.left)
        for c in range(p.channels):
            d, row = at + c * p.height * p.width, first + above - p.top
            clear(buffer[d : d + above * p.width])
            target, source = d + above * p.width + border, image + (c * p.H + row) * p.W + cut
            columns = min(p.width - border, p.W - cut)
            copy_rows(buffer, target, p.width, x, source, p.W, columns, below - above)
            clear(buffer[d + below * p.width : d + p.height * p.width])
        return
    d = at
    for c in range(p.channels):
        for a in p.row_phases:
            for b in p.col_phases:
                low = max(0, (p.left - b + p.SW - 1) // p.SW)
                high = max(low, min(p.width, (p.W + p.left - b + p.SW - 1) // p.SW))
                for q in range(p.height):
                    row = (first + q) * p.SH + a - p.top
                    if row < 0 or row >= p.H:
                        clear(buffer[d : d + p.width])
                    elif high > low:
                        source = image + (c * p.H + row) * p.W + low * p.SW + b - p.left
                        take(buffer[d + low : d + high], x[source:], p.SW)
                    d += p.width
