"""Pixels of planes to vectors of channels and back, for Winograd's transforms: squares are turned in registers."""

from __future__ import annotations

from ...types import Array
from ..machine.compile import inner
from ..machine.panels import turn, turn_sum
from ..machine.vector import clear, copy_rows, lanes_of
from ..machine.views import Rows, Tail


@inner()
def to_lanes(strip: Tail, planes: Rows, channels: int, pixels: int, spare: Array) -> None:
    """Vector p of strip = pixel p of up to `lanes` planes. Other lanes hold anything, and so may `lanes` - 1 more vectors.

    spare: room for a square.
    """
    lanes = lanes_of(spare)
    if channels == lanes and pixels >= lanes:
        for q in range(0, pixels, lanes):
            p = min(q, pixels - lanes)
            turn(Rows(strip.data, strip.at + p * lanes, lanes), Rows(planes.data, planes.at + p, planes.pitch))
        return
    for q in range(0, pixels, lanes):
        source = Rows(planes.data, planes.at + q, planes.pitch)
        copy_rows(Rows(spare, 0, lanes), source, min(lanes, pixels - q), channels)
        turn(Rows(strip.data, strip.at + q * lanes, lanes), Rows(spare, 0, lanes))


@inner()
def from_lanes(planes: Rows, strip: Tail, bias: Tail, channels: int, pixels: int, spare: Array) -> None:
    """Pixel p of up to `lanes` planes = vector p of strip + bias, of which `lanes` elements are read. Of the strip up to
    `lanes` - 1 more vectors are read."""
    lanes = lanes_of(spare)
    whole = channels == lanes and pixels >= lanes
    for q in range(0, pixels, lanes):
        p = min(q, pixels - lanes) if whole else q
        target = Rows(planes.data, planes.at + p, planes.pitch)
        square = Rows(strip.data, strip.at + p * lanes, lanes)
        if whole:
            turn_sum(target, square, bias)
        else:
            turn_sum(Rows(spare, 0, lanes), square, bias)
            copy_rows(target, Rows(spare, 0, lanes), min(lanes, pixels - p), channels)


@inner()
def strip_to_lanes(
    strip: Array, planes: Rows, channels: int, shape: tuple[int, int], first: tuple[int, int], size: tuple[int, int], spare: Array
) -> None:
    """Vectors (rows, columns) = the pixels from row and column `first` on of images of that shape, zero outside.

    `lanes` - 1 more vectors may hold anything.
    """
    lanes, (H, W), (top, left), (rows, columns) = lanes_of(strip), shape, first, size
    low = min(columns, max(0, -left))
    high = max(low, min(columns, W - left))
    for r in range(rows):
        at, line = r * columns * lanes, top + r
        if line < 0 or line >= H or high == low:
            clear(strip[at : at + columns * lanes])
            continue
        clear(strip[at : at + low * lanes])
        source = Rows(planes.data, planes.at + line * W + left + low, planes.pitch)
        to_lanes(Tail(strip, at + low * lanes), source, channels, high - low, spare)
        clear(strip[at + high * lanes : at + columns * lanes])
