"""Convolution and its two gradients on the GPU: which kernels there are, and which answers for a shape.

Each takes the same arrays to the same result; conv_plan.py lists those that may answer, and choice.py remembers the fastest.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from ..geometry import ConvGeometry
from ..types import Array
from . import conv_plan, conv_simt, conv_tensor
from .choice import bucket, fastest
from .launch import contiguous, empty, library_of


def conv2d(x: Array, w: Array, g: ConvGeometry, bias: Array | None = None, *, relu: bool = False) -> Array:
    """Cross-correlate images with filters, add a bias, and with relu make what is negative 0.

    x: (N, C, H, W). w: (K, C/groups, kh, kw). bias: (K,). Returns (N, K, OH, OW).
    """
    y = empty(library_of(x), g.y_shape, x.dtype)
    if y.size:
        x, w = contiguous(x), contiguous(w)
        bias = None if bias is None else contiguous(bias)
        _answer("forward", x, g, lambda kernels: partial(kernels.forward, x, w, bias, y, g, relu))
    return y


def conv2d_input_grad(gy: Array, w: Array, g: ConvGeometry) -> Array:
    """The adjoint of conv2d in x. gy: (N, K, OH, OW). w: (K, C/groups, kh, kw). Returns (N, C, H, W)."""
    gx = empty(library_of(gy), g.x_shape, gy.dtype)
    if gx.size:
        gy, w = contiguous(gy), contiguous(w)
        _answer("input", gy, g, lambda kernels: partial(kernels.input_grad, gy, w, gx, g))
    return gx


def conv2d_weight_grad(x: Array, gy: Array, g: ConvGeometry) -> Array:
    """The adjoint of conv2d in w. x: (N, C, H, W). gy: (N, K, OH, OW). Returns (K, C/groups, kh, kw)."""
    gw = empty(library_of(x), g.w_shape, x.dtype)
    if gw.size:
        x, gy = contiguous(x), contiguous(gy)
        _answer("weight", x, g, lambda kernels: partial(kernels.weight_grad, x, gy, gw, g))
    return gw


VARIANTS: dict[str, conv_simt.Variant | conv_tensor.Variant] = {**conv_simt.VARIANTS, **conv_tensor.VARIANTS}


def _answer(
    direction: str,
    x: Array,
    g: ConvGeometry,
    bound: Callable[[conv_simt.Variant | conv_tensor.Variant], Callable[[], None]],
) -> None:
    """Run the variant that is fastest for the geometry. bound: a variant -> what runs it."""
    names = conv_plan.plan(direction, g, x)
    candidates = {name: bound(VARIANTS[name]) for name in names}
    shape = (g.C_per_group, g.K_per_group, g.groups, g.kernel, g.stride, g.dilation, bucket(g.N), *map(bucket, g.out_shape))
    candidates[fastest(f"conv2d {direction}", candidates, names[0], x, *shape)]()
