"""Windows as columns on the GPU, and three-dimensional convolution as matrix products with them.

The columns of a few images at a time are made, so that they never need more than a fixed amount of memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import prod

from ...geometry import ConvGeometry, Ints
from ...types import Array
from .. import FLOATS
from ..linear import matmul
from ..machine.launch import Kernel, blocks_for, contiguous, empty, library_of

_unfold = Kernel("unfold.cu", "unfold", FLOATS, structs={ConvGeometry: 3})
_fold = Kernel("unfold.cu", "fold", FLOATS, structs={ConvGeometry: 3})
COLUMNS_AT_ONCE = 1 << 26
"""Numbers in the columns that a convolution makes at a time."""


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


def conv3d(x: Array, weight: Array, bias: Array | None, g: ConvGeometry) -> Array:
    """Cross-correlate volumes with filters.

    x: (N, C, D, H, W). weight: (K, C/groups, *kernel). bias: (K,) or None. Returns (N, K, *out).
    """
    library, filters = library_of(x), _filters(weight, g)
    y = empty(library, g.y_shape, x.dtype)
    for images, part in _parts(g):
        columns = unfold2d(x[images], part).reshape(_columns_shape(part))
        y[images] = matmul(filters, columns).reshape(part.y_shape)
    if bias is not None:
        y += bias[:, None, None, None]
    return y


def conv3d_input_grad(gy: Array, weight: Array, g: ConvGeometry) -> Array:
    """The adjoint of conv3d in x. gy: (N, K, *out). weight: (K, C/groups, *kernel). Returns (N, C, *in)."""
    library, filters = library_of(gy), _filters(weight, g).swapaxes(1, 2)
    gx = empty(library, g.x_shape, gy.dtype)
    for images, part in _parts(g):
        gx[images] = fold2d(matmul(filters, gy[images].reshape(_outputs_shape(part))), part)
    return gx


def conv3d_weight_grad(x: Array, gy: Array, g: ConvGeometry) -> Array:
    """The adjoint of conv3d in weight. x: (N, C, *in). gy: (N, K, *out). Returns (K, C/groups, *kernel)."""
    library = library_of(x)
    gw = library.zeros((g.groups, g.K_per_group, g.C_per_group * prod(g.kernel)), x.dtype)
    for images, part in _parts(g):
        columns = unfold2d(x[images], part).reshape(_columns_shape(part))
        gw += matmul(gy[images].reshape(_outputs_shape(part)), columns.swapaxes(2, 3)).sum(axis=0)
    return gw.reshape(g.w_shape)


def _parts(g: ConvGeometry) -> Iterator[tuple[slice, ConvGeometry]]:
    """Which images are done together, and their geometry."""
    size = g.C * prod(g.kernel) * prod(g.out_shape)
    images = max(1, COLUMNS_AT_ONCE // max(size, 1))
    for first in range(0, g.N, images):
        last = min(first + images, g.N)
        yield slice(first, last), replace(g, N=last - first)


def _filters(w: Array, g: ConvGeometry) -> Array:
    return contiguous(w).reshape(g.groups, g.K_per_group, g.C_per_group * prod(g.kernel))


def _columns_shape(g: ConvGeometry) -> Ints:
    return (g.N, g.groups, g.C_per_group * prod(g.kernel), prod(g.out_shape))


def _outputs_shape(g: ConvGeometry) -> Ints:
    return (g.N, g.groups, g.K_per_group, prod(g.out_shape))


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
