"""Convolution and its two gradients on the GPU: which kernels there are, and which answers for a shape.

Each takes the same arrays to the same result; conv_plan.py lists those that may answer, and choice.py remembers the fastest.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from ..geometry import ConvGeometry, Ints
from ..types import Array
from . import conv_plan, conv_product, conv_simt, conv_tensor
from .choice import bucket, fastest
from .launch import contiguous, empty, library_of

Variant = conv_simt.Variant | conv_tensor.Tiles | conv_product.Product
VARIANTS: dict[str, Variant] = {**conv_simt.VARIANTS, **conv_tensor.VARIANTS, **conv_product.VARIANTS}


def conv2d(x: Array, w: Array, g: ConvGeometry, bias: Array | None = None, *, relu: bool = False) -> Array:
    """Cross-correlate images with filters, add a bias, and with relu make what is negative 0.

    x: (N, C, H, W). w: (K, C/groups, kh, kw). bias: (K,). Returns (N, K, OH, OW).
    """
    x, w = contiguous(x), contiguous(w)
    bias = None if bias is None else contiguous(bias)
    return _answer("forward", x, g, g.y_shape, lambda kernels: kernels.forward(x, w, bias, g, relu), bias is None, relu)


def conv2d_input_grad(gy: Array, w: Array, g: ConvGeometry) -> Array:
    """The adjoint of conv2d in x. gy: (N, K, OH, OW). w: (K, C/groups, kh, kw). Returns (N, C, H, W)."""
    gy, w = contiguous(gy), contiguous(w)
    return _answer("input", gy, g, g.x_shape, lambda kernels: kernels.input_grad(gy, w, g))


def conv2d_weight_grad(x: Array, gy: Array, g: ConvGeometry) -> Array:
    """The adjoint of conv2d in w. x: (N, C, H, W). gy: (N, K, OH, OW). Returns (K, C/groups, kh, kw)."""
    x, gy = contiguous(x), contiguous(gy)
    return _answer("weight", x, g, g.w_shape, lambda kernels: kernels.weight_grad(x, gy, g))


def _answer(
    direction: str,
    x: Array,
    g: ConvGeometry,
    shape: Ints,
    run: Callable[[Variant], Array],
    *more: object,
) -> Array:
    """The result of the variant that is fastest for the geometry. run: a variant -> its result, of this shape.

    more: what else the answer depends on.
    """
    if 0 in shape:
        return empty(library_of(x), shape, x.dtype)
    names = conv_plan.plan(direction, g, x)
    candidates = {name: partial(run, VARIANTS[name]) for name in names}
    like = (g.C_per_group, g.K_per_group, g.groups, g.kernel, g.stride, g.dilation, bucket(g.N), *map(bucket, g.out_shape), *more)
    return candidates[fastest(f"conv2d {direction}", candidates, names[0], x, *like)]()
