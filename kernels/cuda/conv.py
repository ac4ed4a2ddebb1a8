"""Convolution and its two gradients on the GPU: which kernels there are, and which answers for a shape.

Each takes the same arrays to the same result; plan.py lists those that may answer, and choice.py remembers the fastest.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from ..geometry import ConvGeometry, Ints, planar
from ..types import Array
from .convolution import plan, product, simt, tensor, winograd
from .convolution.unfold import fold2d as fold2d
from .convolution.unfold import unfold2d as unfold2d
from .machine.choice import autotune, bucket
from .machine.launch import contiguous, empty, library_of

Variant = simt.Variant | tensor.Tiles | product.Product | winograd.Winograd
VARIANTS: dict[int, dict[str, Variant]] = {
    2: {**simt.VARIANTS[2], **tensor.VARIANTS[2], **product.VARIANTS, **winograd.VARIANTS},
    3: {**simt.VARIANTS[3], **tensor.VARIANTS[3], **product.VARIANTS},
}
"""By the dimensions of the images, then by name."""


@planar
def conv2d(x: Array, weight: Array, bias: Array | None, g: ConvGeometry) -> Array:
    """Cross-correlate images, or volumes, with filters and add a bias.

    x: (N, C, *in). weight: (K, C/groups, *kernel). bias: (K,) or None. Returns (N, K, *out).
    """
    x, weight = contiguous(x), contiguous(weight)
    bias = None if bias is None else contiguous(bias)
    return _answer("forward", x, g, g.y_shape, lambda kernels: kernels.forward(x, weight, bias, g), bias is None)


@planar
def conv2d_input_grad(gy: Array, weight: Array, g: ConvGeometry) -> Array:
    """The adjoint of conv2d in x. gy: (N, K, *out). weight: (K, C/groups, *kernel). Returns (N, C, *in)."""
    gy, weight = contiguous(gy), contiguous(weight)
    return _answer("input", gy, g, g.x_shape, lambda kernels: kernels.input_grad(gy, weight, g))


@planar
def conv2d_weight_grad(x: Array, gy: Array, g: ConvGeometry) -> Array:
    """The adjoint of conv2d in weight. x: (N, C, *in). gy: (N, K, *out). Returns (K, C/groups, *kernel)."""
    x, gy = contiguous(x), contiguous(gy)
    return _answer("weight", x, g, g.w_shape, lambda kernels: kernels.weight_grad(x, gy, g))


conv3d, conv3d_input_grad, conv3d_weight_grad = conv2d, conv2d_input_grad, conv2d_weight_grad


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
    names = plan.plan(direction, g, x)
    dims = len(g.kernel)
    candidates = {name: partial(run, VARIANTS[dims][name]) for name in names}
    like = (g.C_per_group, g.K_per_group, g.groups, g.kernel, g.stride, g.dilation, bucket(g.N), *map(bucket, g.out_shape), *more)
    return candidates[autotune(f"conv{dims}d {direction}", candidates, names[0], x, *like)]()
