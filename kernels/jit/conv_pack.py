"""Copies around the tiles: images into padded phase planes, weights into tile order, results back."""

from __future__ import annotations

from ..types import Array
from .compile import inner
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
def pack_image(buffer: Array, at: int, x: Array, image: int, channels: int, H: int, W: int, SH: int, SW: int, top: int,
               left: int, row_phases: Array, col_phases: Array, first: int, height: int, width: int) -> None:
    """Phase planes (channels, phases, height, width) of the zero-padded image that starts at x[image].

    first: the row of every plane to begin with. Padding may be negative, which cuts rows or columns off. The buffer must have
    been zero at the start: the columns of the side borders are never written.
    """
    if SH == 1 and SW == 1:
        above = min(height, max(0, top - first))
        below = max(above, min(height, H + top - first))
        border, cut = max(0, left), max(0, -left)
        for c in range(channels):
            d = at + c * height * width
            clear(buffer[d : d + above * width])
            copy_rows(buffer, d + above * width + border, width, x, image + (c * H + first + above - top) * W + cut, W,
                      min(width - border, W - cut), below - above)
            clear(buffer[d + below * width : d + height * width])
        return
    d = at
    for c in range(channels):
        for a in row_phases:
            for b in col_phases:
                lo = max(0, (left - b + SW - 1) // SW)
                hi = max(lo, min(width, (W + left - b + SW - 1) // SW))
                for q in range(height):
                    row = (first + q) * SH + a - top
                    if row < 0 or row >= H:
                        clear(buffer[d : d + width])
                    elif hi > lo:
                        source = image + (c * H + row) * W + lo * SW + b - left
                        take(buffer[d + lo : d + hi], x[source:], SW)
                    d += width
