"""The tables that turn a convolution into a tile product, worked out once per geometry.

Pixels of an image are numbered over the padded row pitch. Then `lanes` neighbouring output pixels are one vector load
for any filter tap, across row ends too; the few junk columns at the end of each row are dropped when results are copied
out. A tap (c, i, j) is a constant offset. For strides the packed image is kept as phase planes: plane (a, b) holds
every sh-th row from row a and every sw-th column from column b, so that neighbouring output pixels are neighbours there
as well.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ...geometry import ConvGeometry
from ...types import Array
from ..machine.compile import inner

STRIP_BYTES = 1 << 19  # what the input and output of one unit of work may take of the second-level cache


class Sizes(NamedTuple):
    """The integers of a two-dimensional convolution, as compiled code takes them."""

    N: int
    C: int
    H: int
    W: int
    K: int
    G: int  # groups
    KH: int
    KW: int
    OH: int
    OW: int
    SH: int
    SW: int
    DH: int
    DW: int
    top: int  # padding
    left: int


def sizes_of(g: ConvGeometry) -> Sizes:
    (H, W), (KH, KW), (OH, OW), (top, left) = g.in_shape, g.kernel, g.out_shape, g.pad_lo
    (SH, SW), (DH, DW) = g.stride, g.dilation
    return Sizes(g.N, g.C, H, W, g.K, g.groups, KH, KW, OH, OW, SH, SW, DH, DW, top, left)


class Packing(NamedTuple):
    """How an image becomes zero-padded phase planes: see pack.pack_image.

    height, width: of one plane. top, left: padding; negative cuts rows or columns off. The phases are those in use.
    """

    channels: int
    H: int
    W: int
    SH: int
    SW: int
    top: int
    left: int
    height: int
    width: int
    row_phases: Array
    col_phases: Array


class ForwardPlan(NamedTuple):
    """How forward and weight gradient read the input.

    strip: output rows per unit of work. plane: elements per channel of the packed strip. offsets, direct_offsets: of
    each tap (c, i, j) of one group, in the packed strip and in x itself. reach: how far past an output pixel of the
    first channel its last tap lies in x. unpadded: x can be read in place.
    """

    strip: int
    strips: int
    plane: int
    offsets: Array
    direct_offsets: Array
    reach: int
    unpadded: bool


class Plan(NamedTuple):
    """All that forward and weight gradient take of a geometry. table: the same as one array of integers, see sizes_in."""

    sizes: Sizes
    packing: Packing
    reading: ForwardPlan
    table: Array

    @classmethod
    def of(cls, sizes: Sizes, packing: Packing, reading: ForwardPlan) -> Plan:
        lists = (*packing[-2:], *reading[3:5])
        numbers = [*sizes, *packing[:-2], *reading[:3], *reading[5:], *map(len, lists)]
        return cls(sizes, packing, reading, np.concatenate([np.array(numbers, np.int64), *lists]))


@inner()
def sizes_in(table: Array) -> Sizes:
    """What a plan's table says, here and in the next two functions. Python hands over one array in a tenth of the time that three
    tuples of 34 members took, 6 us. In a parallel loop they are called inside, since Numba takes no tuple made outside into it.
    """
    t = table
    return Sizes(t[0], t[1], t[2], t[3], t[4], t[5], t[6], t[7], t[8], t[9], t[10], t[11], t[12], t[13], t[14], t[15])


@inner()
def packing_in(table: Array) -> Packing:
    t = table
    columns = LISTS + t[30]
    rows, others = t[LISTS:columns], t[columns : columns + t[31]]
    return Packing(t[16], t[17], t[18], t[19], t[20], t[21], t[22], t[23], t[24], rows, others)


@inner()
def reading_in(table: Array) -> ForwardPlan:
    t = table
    offsets = LISTS + t[30] + t[31]
    direct = offsets + t[32]
    return ForwardPlan(t[25], t[26], t[27], t[offsets:direct], t[direct : direct + t[33]], t[28], t[29] != 0)


TAPS_AT, LISTS = 32, 34
"""Where in a table the number of taps stands, and where its lists begin."""


class InputGradPlan(NamedTuple):
    """How the input gradient reads gy, for each phase (a, b) of the input's rows and columns modulo the stride.

    Rows of phase a are q SH + a - top for `rows` values of q from first_row on. offsets, taps: for each phase the
    offsets in packed gy and the filter taps i KW + j that meet it; counts: how many of those taps.
    """

    strip: int
    strips: int
    rows: int
    first_row: int
    first_col: int
    offsets: Array
    taps: Array
    counts: Array


@lru_cache(maxsize=512)
def forward_plan(g: ConvGeometry, item_bytes: int, threads: int, weight_grad: bool = False) -> Plan:
    s = sizes_of(g)
    outputs = s.K // s.SH if weight_grad else s.K // (s.G * s.SH)
    row_bytes = item_bytes * (s.W + g.pad_lo[1] + g.pad_hi[1]) * (s.C * s.SH + outputs)
    return _in_strips(g, s, strip_rows(s.OH, row_bytes, s.N, threads))


@lru_cache(maxsize=512)
def one_strip_plan(g: ConvGeometry) -> Plan:
    """The same with every image in one piece."""
    return _in_strips(g, sizes_of(g), g.out_shape[0])


def _in_strips(g: ConvGeometry, s: Sizes, strip: int) -> Plan:
    row_phases, rows = _phases(s.KH, s.DH, s.SH)
    col_phases, cols = _phases(s.KW, s.DW, s.SW)
    height, width = strip + (s.KH - 1) * s.DH // s.SH, s.OW + (s.KW - 1) * s.DW // s.SW
    plane = len(row_phases) * len(col_phases) * height * width
    channels = range(s.C // s.G)
    phase_rows = [(a * len(col_phases), i) for a, i in rows]
    packed = [c * plane + ((a + b) * height + i) * width + j for c in channels for a, i in phase_rows for b, j in cols]
    in_x = [(c * s.H + i * s.DH) * s.W + j * s.DW for c in channels for i in range(s.KH) for j in range(s.KW)]
    packing = Packing(
        s.C, s.H, s.W, s.SH, s.SW, s.top, s.left, height, width, np.array(row_phases), np.array(col_phases)
    )
    reading = ForwardPlan(
        strip=strip,
        strips=-(-s.OH // strip),
        plane=plane,
        offsets=np.array(packed, np.int64),
        direct_offsets=np.array(in_x, np.int64),
        reach=((s.C - 1) * s.H + (s.KH - 1) * s.DH) * s.W + (s.KW - 1) * s.DW,
        unpadded=g.stride == (1, 1) and not any(g.pad_lo + g.pad_hi),
    )
    return Plan.of(s, packing, reading)


@lru_cache(maxsize=512)
def input_grad_plan(g: ConvGeometry, item_bytes: int, threads: int) -> tuple[Sizes, Packing, InputGradPlan]:
    s = sizes_of(g)
    first_row, first_col = s.top // s.SH, s.left // s.SW
    rows, cols = (s.H - 1 + s.top) // s.SH - first_row + 1, (s.W - 1 + s.left) // s.SW - first_col + 1
    last_i, last_j = (s.KH - 1) * s.DH // s.SH, (s.KW - 1) * s.DW // s.SW
    width = cols + last_j
    strip = strip_rows(rows, item_bytes * width * (s.K + (2 if s.SW == 2 else 1) * (s.C // s.G)), s.N, threads)
    height = strip + last_i
    offsets, taps = [], []
    for a in range(s.SH):
        for b in range(s.SW):
            met = [(i, j) for i in range(s.KH) for j in range(s.KW) if i * s.DH % s.SH == a and j * s.DW % s.SW == b]
            offsets.append(
                [
                    (k * height + last_i - i * s.DH // s.SH) * width + last_j - j * s.DW // s.SW
                    for k in range(s.K // s.G)
                    for i, j in met
                ]
            )
            taps.append([i * s.KW + j for i, j in met])
    whole = np.zeros(1, np.int64)  # gy itself has no stride: one phase
    lead = last_i - first_row, last_j - first_col
    packing = Packing(s.K, s.OH, s.OW, 1, 1, *lead, height, width, whole, whole)
    plan = InputGradPlan(
        strip=strip,
        strips=-(-rows // strip),
        rows=rows,
        first_row=first_row,
        first_col=first_col,
        offsets=_table(offsets),
        taps=_table(taps),
        counts=np.array([len(row) for row in taps]),
    )
    return s, packing, plan


def _phases(kernel: int, dilation: int, stride: int) -> tuple[list[int], list[tuple[int, int]]]:
    """The phases that taps of one axis fall into, and each tap as (place in that list, shift within its plane)."""
    steps = [i * dilation for i in range(kernel)]
    phases = sorted({step % stride for step in steps})
    return phases, [(phases.index(step % stride), step // stride) for step in steps]


def _table(rows: list[list[int]]) -> Array:
    table = np.zeros((len(rows), max(1, max(len(row) for row in rows))), np.int64)
    for target, row in zip(table, rows, strict=True):
        target[: len(row)] = row
    return table


def strip_rows(rows: int, row_bytes: int, images: int, threads: int) -> int:
    """Rows per strip: what fits the cache, but enough strips for every thread to get two units of work."""
    fit = max(1, min(rows, STRIP_BYTES // max(1, row_bytes)))
    strips = -(-rows // fit)
    while strips * images < 2 * threads and strips < rows:
        strips += 1
    return -(-rows // strips)
