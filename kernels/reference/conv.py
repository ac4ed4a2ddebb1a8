"""Convolution in any number of dimensions: windows side by side, then one matrix product per group.

The three kernels are linear in each array and each other's gradients; batch and channels change places around the
product so that a group is one large matrix.
"""

from __future__ import annotations

from math import prod

from ..geometry import ConvGeometry
from ..types import Array, Namespace
from .common import kernel, pad, taps


@kernel
def conv2d(xp: Namespace, x: Array, weight: Array, bias: Array | None, g: ConvGeometry) -> Array:
    """Cross-correlate images with filters.

    y[n, k, o] = bias[k] + sum over c, t of x[n, c, stride o + dilation t - pad_lo] weight[k, c, t], per group, x being 0 outside.

    x: (N, C, *in). weight: (K, C/groups, *kernel). bias: (K,) or None. Returns (N, K, *out).
    """
    y = xp.matmul(_filters(xp, weight, g), _inputs(xp, x, g))
    y = _swap(xp, xp.reshape(y, (g.K, g.N, *g.out_shape)))
    return y if bias is None else y + xp.reshape(bias, (g.K, *(1 for _ in g.out_shape)))


@kernel
def conv2d_input_grad(xp: Namespace, gy: Array, weight: Array, g: ConvGeometry) -> Array:
    """The adjoint of conv2d in x. gy: (N, K, *out). weight: (K, C/groups, *kernel). Returns (N, C, *in)."""
    windows = xp.matmul(xp.matrix_transpose(_filters(xp, weight, g)), _outputs(xp, gy, g))
    windows = xp.reshape(windows, (g.C, prod(g.kernel), g.N, *g.out_shape))
    return _swap(xp, _overlap(xp, windows, g, axis=1))


@kernel
def conv2d_weight_grad(xp: Namespace, x: Array, gy: Array, g: ConvGeometry) -> Array:
    """The adjoint of conv2d in weight. x: (N, C, *in). gy: (N, K, *out). Returns (K, C/groups, *kernel)."""
    gw = xp.matmul(_outputs(xp, gy, g), xp.matrix_transpose(_inputs(xp, x, g)))
    return xp.reshape(gw, g.w_shape)


conv3d, conv3d_input_grad, conv3d_weight_grad = conv2d, conv2d_input_grad, conv2d_weight_grad


@kernel
def unfold2d(xp: Namespace, x: Array, g: ConvGeometry) -> Array:
    """Windows as columns. x: (N, C, H, W). Returns (N, C kh kw, OH OW), channel slowest."""
    return xp.reshape(_windows(xp, x, g, axis=2), (g.N, g.C * prod(g.kernel), prod(g.out_shape)))


@kernel
def fold2d(xp: Namespace, cols: Array, g: ConvGeometry) -> Array:
    """The adjoint of unfold2d: overlapping positions add up. cols: (N, C kh kw, OH OW). Returns (N, C, H, W)."""
    return _overlap(xp, xp.reshape(cols, (g.N, g.C, prod(g.kernel), *g.out_shape)), g, axis=2)


def _windows(xp: Namespace, x: Array, g: ConvGeometry, axis: int) -> Array:
    """(A, B, *in) to (A, B, *out) for each tap, stacked along an axis."""
    padded = pad(xp, x, g.pad_lo, g.pad_hi)
    return xp.stack([padded[seen] for _, seen in taps(g)], axis=axis)


def _overlap(xp: Namespace, windows: Array, g: ConvGeometry, axis: int) -> Array:
    """The adjoint of _windows: each tap is added back where it was seen."""
    outer = tuple(size for place, size in enumerate(windows.shape[:3]) if place != axis)
    sizes = zip(g.in_shape, g.pad_lo, g.pad_hi, strict=True)
    x = xp.zeros((*outer, *(i + lo + hi for i, lo, hi in sizes)), dtype=windows.dtype, device=windows.device)
    for t, (_, seen) in enumerate(taps(g)):
        x[seen] += windows[(slice(None),) * axis + (t, ...)]
    return x[(..., *(slice(lo, lo + i) for lo, i in zip(g.pad_lo, g.in_shape, strict=True)))]


def _inputs(xp: Namespace, x: Array, g: ConvGeometry) -> Array:
    """(N, C, *in) to (groups, C/groups taps, N prod(out))."""
    windows = _windows(xp, _swap(xp, x), g, axis=1)
    return xp.reshape(windows, (g.groups, g.C_per_group * prod(g.kernel), g.N * prod(g.out_shape)))


def _outputs(xp: Namespace, y: Array, g: ConvGeometry) -> Array:
    """(N, K, *out) to (groups, K/groups, N prod(out))."""
    return xp.reshape(_swap(xp, y), (g.groups, g.K_per_group, g.N * prod(g.out_shape)))


def _filters(xp: Namespace, w: Array, g: ConvGeometry) -> Array:
    """(K, C/groups, *kernel) to (groups, K/groups, C/groups taps)."""
    return xp.reshape(w, (g.groups, g.K_per_group, g.C_per_group * prod(g.kernel)))


def _swap(xp: Namespace, x: Array) -> Array:
    return xp.permute_dims(x, (1, 0, *range(2, x.ndim)))
