"""Which convolutions Winograd's forms compute, what they are given, and where they pay."""

from __future__ import annotations

from functools import lru_cache
from math import prod

import numpy as np

from ...geometry import ConvGeometry
from ...types import Array
from ..machine.vector import VECTOR_BYTES
from .columns import fold2d, unfold2d
from .panel_plan import panel_width
from .panel_plan import weight_grad_pays as panel_sums_pay
from .winograd_transform import FORMS, Form

LEAST_CHANNELS, MANY_CHANNELS = 12, 32
LARGE_IMAGE = 144
"""Pixels: in a smaller image it takes many channels until compiling this saves more than it takes."""

FEW_IMAGES, KEPT = 8, 3
"""Up to so many images the transformed filters are kept, since to make them takes as long as an image or more: they count for a
third then."""

READ, WRITE = 19, 14
"""How long it takes, in multiply-adds of vectors, to transform a vector of channels at one point, and one of results."""

FARTHER = 1.4 if VECTOR_BYTES == 64 else 1.0
"""How many times as long that takes where images and results do not stay in the caches: long vectors are waited for."""

NARROW, NARROWEST = 1.4, 2.0
"""How many times as long that takes where a row of pixels does not fill a vector, or three quarters of it."""

FILTER, FAR_FILTER, SPREAD_FILTER = 12, 70, 48
"""How long for a vector of filters at one point, near or far; what it takes beside if the filters' taps are set apart."""

CALL, COPY, GAIN = 25_000, 5, 0.92
"""How long it takes to begin, and to copy a pixel to its phase. GAIN: below that share of the other way's time, this pays."""

DIRECT = 1.1
"""How long one multiply-add of vectors takes in the other kernels."""

LANE_SUM = 40
"""How long it takes these to add up the lanes of a number of the filters' gradient, which panels do not do."""

FAR, FAR_IMAGES = 1 << 22, 1 << 20
"""Bytes of transformed filters, and of images and results, from which on they do not stay in the caches."""

SUMS, FAR_SUMS = 4, 34
"""How long it takes to begin with a vector of zeros, and to read it at the end, near or far, in multiply-adds of vectors."""


@lru_cache(maxsize=512)
def form_of(g: ConvGeometry) -> Form | None:
    """The form that computes this convolution, if there is one."""
    return FORMS.get(taps_of(g)) if g.groups == 1 and g.dilation == (1, 1) else None


def taps_of(g: ConvGeometry) -> int:
    """The most taps of an axis that pixels of one phase meet."""
    return max(-(-k // s) for k, s in zip(g.kernel, g.stride, strict=True))


@lru_cache(maxsize=512)
def phases_of(g: ConvGeometry) -> ConvGeometry:
    """The windows that divide an image into phases: those of the strides' size, side by side.

    With strides, the pixels of each remainder of rows and columns make an image, which the taps of that remainder meet one after
    the other: a convolution without strides, of more channels and fewer taps. Padding becomes part of these images.
    """
    shape, one = tuple(n + taps_of(g) - 1 for n in g.out_shape), (1, 1)
    return ConvGeometry(g.N, g.C, g.C, 1, g.in_shape, g.stride, g.stride, one, g.pad_lo, g.pad_hi, shape)


def strided(g: ConvGeometry) -> bool:
    return g.stride != (1, 1)


def padding_of(g: ConvGeometry) -> tuple[int, int]:
    """Rows and columns of zeros before the images that images_apart gives."""
    return (0, 0) if strided(g) else (g.pad_lo[0], g.pad_lo[1])


def images_apart(x: Array, g: ConvGeometry) -> Array:
    """x (N,C,H,W) as the convolution without strides takes it: (N, C SH SW, OH + r - 1, OW + r - 1), or x itself."""
    return unfold2d(x, phases_of(g)).reshape(g.N, -1, *phases_of(g).out_shape) if strided(g) else x


def images_together(x: Array, g: ConvGeometry) -> Array:
    """The adjoint of images_apart."""
    return fold2d(x.reshape(*x.shape[:2], -1), phases_of(g)) if strided(g) else x


def filters_apart(w: Array, g: ConvGeometry, taps: int) -> Array:
    """w (K,C,kh,kw) for these images: (K, C SH SW, taps, taps), filled up with zeros."""
    (SH, SW), (KH, KW) = g.stride, g.kernel
    if (KH, KW) != (taps * SH, taps * SW):
        full = np.zeros((g.K, g.C, taps * SH, taps * SW), w.dtype)
        full[:, :, :KH, :KW] = w
        w = full
    if not strided(g):
        return w
    return w.reshape(g.K, g.C, taps, SH, taps, SW).transpose(0, 1, 3, 5, 2, 4).reshape(g.K, -1, taps, taps)


def filters_together(w: Array, g: ConvGeometry, taps: int) -> Array:
    """The adjoint of filters_apart."""
    (SH, SW), (KH, KW) = g.stride, g.kernel
    if strided(g):
        w = w.reshape(g.K, g.C, SH, SW, taps, taps).transpose(0, 1, 4, 2, 5, 3).reshape(g.K, g.C, taps * SH, taps * SW)
    return w if w.shape == g.w_shape else np.ascontiguousarray(w[:, :, :KH, :KW])


@lru_cache(maxsize=512)
def pays(g: ConvGeometry, item_bytes: int, turned: bool = False) -> bool:
    """Whether the saved products outweigh the transforms: forward, or turned, for the gradient of the input."""
    return is_large(g) and gains(g, item_bytes, turned)


@lru_cache(maxsize=512)
def weight_grad_pays(g: ConvGeometry, item_bytes: int) -> bool:
    """Whether they do for the filters' gradients."""
    return is_large(g) and gains(g, item_bytes, sums=True)


def is_large(g: ConvGeometry) -> bool:
    """Whether a form computes this, and there are enough channels and pixels that compiling saves more than it takes."""
    channels = g.C * g.stride[0] * g.stride[1]
    large = g.out_shape[0] * g.out_shape[1] >= LARGE_IMAGE or channels * g.K > MANY_CHANNELS**2
    return form_of(g) is not None and min(channels, g.K) >= LEAST_CHANNELS and large


def gains(g: ConvGeometry, item_bytes: int, turned: bool = False, sums: bool = False) -> bool:
    """Whether a form takes less time than to multiply and add as the definition says.

    sums: where the filters' gradients are summed; then no filters are kept. A large part of the last patches may lie outside a
    small image.
    """
    form, lanes = FORMS[taps_of(g)], VECTOR_BYTES // item_bytes
    points, inside = form.side**2, g.C * g.stride[0] * g.stride[1]
    apart = phases_of(g).out_shape if strided(g) else g.in_shape
    channels, outputs, source, shape = (g.K, inside, g.out_shape, apart) if turned else (inside, g.K, apart, g.out_shape)
    width = panel_width(outputs, item_bytes)
    read, written, summed = -(-channels // lanes), -(-outputs // lanes), -(-outputs // width) * width // lanes
    patches = g.N * -(-shape[0] // form.out) * -(-shape[1] // form.out)
    transforms = READ * read * _narrow(source[1], lanes) + WRITE * written * _narrow(shape[1], lanes)
    if g.N * (channels * source[0] * source[1] + outputs * shape[0] * shape[1]) * item_bytes > FAR_IMAGES:
        transforms *= FARTHER
    cost = patches * points * (channels * summed + transforms) + CALL
    size = points * channels * outputs
    far = size * item_bytes > FAR
    filters = (FAR_FILTER if far else FILTER) + (SPREAD_FILTER if strided(g) else 0)
    cost += filters * points * channels * written // (KEPT if g.N <= FEW_IMAGES and not sums else 1)
    if sums:
        cost += (FAR_SUMS if far else SUMS) * size // lanes
    if strided(g):
        cost += COPY * g.N * inside * apart[0] * apart[1]
    area = g.in_shape if turned and not strided(g) else g.out_shape
    products = g.N * area[0] * area[1] * g.kernel[0] * g.kernel[1] * g.C * g.K
    direct = DIRECT * products / lanes
    if sums and not panel_sums_pay(g, item_bytes, 1):
        direct += LANE_SUM * prod(g.w_shape)
    return cost < GAIN * direct


def _narrow(pixels: int, lanes: int) -> float:
    """How many times as long transforms take for rows of so many pixels."""
    return 1.0 if pixels >= lanes else NARROW if 4 * pixels >= 3 * lanes else NARROWEST
