"""Windows as columns on the GPU, and back."""

from __future__ import annotations

from dataclasses import replace
from math import prod

from ...geometry import ConvGeometry
from ...types import Array
from .. import FLOATS
from ..machine.launch import Kernel, blocks_for, contiguous, empty, library_of

_unfold = Kernel("unfold.cu", "unfold", FLOATS, structs={ConvGeometry: 3})
_fold = Kernel("unfold.cu", "fold", FLOATS, structs={ConvGeometry: 3})


def unfold2d(x: Array, g: ConvGeometry) -> Array:
    """Windows as columns. x: (N, C, H, W). Returns (N, C kh kw, OH OW), channel slowest."""
    columns = empty(library_of(x), (g.N, g.C * prod(g.kernel), prod(g.out_shape)), x.dtype)
    _unfold[blocks_for(columns.size, _unfold.threads)](contiguous(x), columns, _lifted(g))
    return columns


def fold2d(cols: Array, g: ConvGeometry) -> Array:
    """The adjoint of unfold2d: overlapping positions add up. cols: (N, C kh kw, OH OW). Returns (N, C, H, W)."""
    x = empty(library_of(cols), g.x_shape, cols.dtype)
    _fold[blocks_for(x.size, _fold.threads)](contiguous(cols), x, _lifted(g))
    return x


def _lifted(g: ConvGeometry) -> ConvGeometry:
    """The same windows in three-dimensional images."""
    missing = 3 - len(g.kernel)
    one, zero = (1,) * missing, (0,) * missing
    return replace(
        g,
        in_shape=one + g.in_shape,
        kernel=one + g.kernel,
        stride=one + g.stride,
        dilation=one + g.dilation,
        pad_lo=zero + g.pad_lo,
        pad_hi=zero + g.pad_hi,
        out_shape=one + g.out_shape,
    )
