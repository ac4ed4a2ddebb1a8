"""Convolution of volumes as one of images: the layers that a filter sees of a volume become the channels of an image.

A layer of the output sees as many layers of the input as the filter is deep. Side by side, C channels of each, they are an image
of C times that many channels; the volume becomes one image for each layer of the output, and everything else is the convolution
of images, with all its kernels. The copies hold the input as many times as windows overlap in depth, where windows as columns
would hold it once for every tap.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numba import prange

from ...geometry import ConvGeometry
from ...types import Array
from ..machine.compile import dense, jit, threads_for
from ..machine.vector import add_to, as_row, clear, copy_to

AT_ONCE = 1 << 20
"""Numbers that the images of a part hold, about: what the caches keep."""


class Layers(NamedTuple):
    """How volumes become images.

    images: the geometry of their convolution. volumes: how many a part has. table: channels, layers of the input, elements of
    a layer, layers of the output, of the filter, stride, dilation, padding.
    """

    images: ConvGeometry
    volumes: int
    table: Array


@lru_cache(maxsize=512)
def layers(g: ConvGeometry, volumes: int) -> Layers:
    """Of so many volumes."""
    (D, *space), (KD, *kernel), (OD, *out) = g.in_shape, g.kernel, g.out_shape
    images = ConvGeometry(
        volumes * OD, g.C * KD, g.K, g.groups, tuple(space), tuple(kernel), g.stride[1:], g.dilation[1:], g.pad_lo[1:],
        g.pad_hi[1:], tuple(out),
    )  # fmt: skip
    numbers = [g.C, D, space[0] * space[1], OD, KD, g.stride[0], g.dilation[0], g.pad_lo[0]]
    return Layers(images, volumes, np.array(numbers, np.int64))


def parts(g: ConvGeometry) -> Iterator[tuple[slice, Layers]]:
    """Which volumes are done together, and how they become images."""
    size = g.C * g.kernel[0] * g.out_shape[0] * g.in_shape[1] * g.in_shape[2]
    step = min(g.N, max(1, AT_ONCE // size))
    for first in range(0, g.N, step):
        last = min(first + step, g.N)
        yield slice(first, last), layers(g, last - first)


def forward(convolve: Callable[..., Array], x: Array, w: Array, bias: Array | None, g: ConvGeometry) -> Array:
    """y. convolve: the convolution of images. Nothing has size zero."""
    y = np.empty(g.y_shape, x.dtype)
    for part, how in parts(g):
        images = stacked(x[part], how)
        y[part] = outputs(convolve(images, w.reshape(how.images.w_shape), bias, how.images), how, g)
    return y


def input_grad(convolve: Callable[..., Array], gy: Array, w: Array, g: ConvGeometry) -> Array:
    """gx: the adjoint in x. convolve: the input gradient of a convolution of images."""
    gx = np.empty(g.x_shape, gy.dtype)
    for part, how in parts(g):
        images = convolve(cotangents(gy[part], how), w.reshape(how.images.w_shape), how.images)
        volumes = gx[part]
        threads = threads_for(volumes.shape[0] * g.C, 0.2 * images.size)
        _put_back(as_row(images), as_row(volumes), how.table, threads)
    return gx


def weight_grad(convolve: Callable[..., Array], x: Array, gy: Array, g: ConvGeometry) -> Array:
    """gw: the adjoint in the weight. convolve: the weight gradient of a convolution of images."""
    total: Array = None
    for part, how in parts(g):
        gw = convolve(stacked(x[part], how), cotangents(gy[part], how), how.images)
        total = gw if total is None else total + gw
    return total.reshape(g.w_shape)


def stacked(x: Array, how: Layers) -> Array:
    """Volumes (N, C, D, H, W) as images (N OD, C KD, H, W)."""
    images = np.empty(how.images.x_shape, x.dtype)
    threads = threads_for(how.images.N, 0.2 * images.size)
    _stack(as_row(dense(x)), as_row(images), how.table, threads)
    return images


def outputs(y: Array, how: Layers, g: ConvGeometry) -> Array:
    """Images (N OD, K, OH, OW) as a view of volumes (N, K, OD, OH, OW)."""
    return y.reshape(how.volumes, g.out_shape[0], g.K, *g.out_shape[1:]).swapaxes(1, 2)


def cotangents(gy: Array, how: Layers) -> Array:
    """Volumes (N, K, OD, OH, OW) as images (N OD, K, OH, OW)."""
    return dense(gy.swapaxes(1, 2)).reshape(how.images.y_shape)


@jit()
def _stack(x: Array, images: Array, table: Array, threads: int) -> None:
    C, D, size, OD, KD = table[0], table[1], table[2], table[3], table[4]
    stride, dilation, pad = table[5], table[6], table[7]
    count = images.size // (C * KD * size)
    for t in prange(threads):
        for image in range(t * count // threads, (t + 1) * count // threads):
            n, od = image // OD, image % OD
            for channel in range(C * KD):
                layer = od * stride + channel % KD * dilation - pad
                at = (image * C * KD + channel) * size
                if 0 <= layer < D:
                    begin = ((n * C + channel // KD) * D + layer) * size
                    copy_to(images[at : at + size], x[begin : begin + size])
                else:
                    clear(images[at : at + size])


@jit()
def _put_back(images: Array, x: Array, table: Array, threads: int) -> None:
    """The adjoint of _stack, one channel of a volume after the other."""
    C, D, size, OD, KD = table[0], table[1], table[2], table[3], table[4]
    stride, dilation, pad = table[5], table[6], table[7]
    count = x.size // (D * size)
    for t in prange(threads):
        for line in range(t * count // threads, (t + 1) * count // threads):
            n, c = line // C, line % C
            clear(x[line * D * size : (line + 1) * D * size])
            for od in range(OD):
                for kd in range(KD):
                    layer = od * stride + kd * dilation - pad
                    if 0 <= layer < D:
                        at, begin = (((n * OD + od) * C + c) * KD + kd) * size, (line * D + layer) * size
                        add_to(x[begin : begin + size], images[at : at + size])
