"""Convolution and its transpose, over one to three axes, and the assembly of images from columns."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ....errors import OnnxError
from .. import namespace as dl
from ..table import operator
from ..values import Host, ints

_CONV = {1: dl.conv1d, 2: dl.conv2d, 3: dl.conv3d}
_TRANSPOSED = {1: dl.conv_transpose1d, 2: dl.conv_transpose2d, 3: dl.conv_transpose3d}


def of_rank(table, rank, name):
    if rank not in table:
        raise OnnxError(f"{name} over {rank} axes is not supported")
    return table[rank]


def paddings(sizes, kernel, strides, dilations, pads, auto_pad):
    """The widths before and after each axis."""
    rank = len(sizes)
    if auto_pad in ("NOTSET", ""):
        pads = [0] * (2 * rank) if pads is None else list(pads)
        return pads[:rank], pads[rank:]
    if auto_pad == "VALID":
        return [0] * rank, [0] * rank
    totals = [
        max(0, (-(-n // s) - 1) * s + (k - 1) * d + 1 - n) for n, k, s, d in zip(sizes, kernel, strides, dilations, strict=True)
    ]
    small = [t // 2 for t in totals]
    large = [t - t // 2 for t in totals]
    return (small, large) if auto_pad == "SAME_UPPER" else (large, small)


def widened(x, before, after, value: float = 0):
    """x with its spatial axes padded."""
    if not any(before) and not any(after):
        return x
    return dl.pad(x, [(0, 0), (0, 0), *zip(before, after, strict=True)], value=value)


def cropped(x, before, after):
    """x without so many elements at the ends of its spatial axes; negative numbers add zeros."""
    x = widened(x, [max(-b, 0) for b in before], [max(-a, 0) for a in after])
    sizes = x.shape[2:]
    key = tuple(slice(max(b, 0), n - max(a, 0)) for b, a, n in zip(before, after, sizes, strict=True))
    return x[(slice(None), slice(None), *key)] if any((*before, *after)) else x


class ConvOptions(NamedTuple):
    """The attributes of Conv and of what is built on it."""

    auto_pad: str = "NOTSET"
    dilations: Any = None
    group: int = 1
    kernel_shape: Any = None
    pads: Any = None
    strides: Any = None


class TransposeOptions(NamedTuple):
    """The attributes of ConvTranspose."""

    auto_pad: str = "NOTSET"
    dilations: Any = None
    group: int = 1
    kernel_shape: Any = None
    output_padding: Any = None
    output_shape: Any = None
    pads: Any = None
    strides: Any = None


class DeformOptions(NamedTuple):
    """The attributes of DeformConv."""

    dilations: Any = None
    group: int = 1
    kernel_shape: Any = None
    offset_group: int = 1
    pads: Any = None
    strides: Any = None


@operator("Conv", options=ConvOptions)
def conv(x, w, bias=None, *, options):
    rank, group = x.ndim - 2, options.group
    strides, dilations = options.strides or [1] * rank, options.dilations or [1] * rank
    before, after = paddings(x.shape[2:], w.shape[2:], strides, dilations, options.pads, options.auto_pad)
    function = of_rank(_CONV, rank, "Conv")
    if before == after:
        return function(x, w, bias, tuple(strides), tuple(before), tuple(dilations), group)
    return function(widened(x, before, after), w, bias, tuple(strides), 0, tuple(dilations), group)


@operator("ConvTranspose", options=TransposeOptions)
def conv_transpose(x, w, bias=None, *, options):
    rank = x.ndim - 2
    auto_pad, dilations, group, _, output_padding, output_shape, pads, strides = options
    strides, dilations, more = strides or [1] * rank, dilations or [1] * rank, output_padding or [0] * rank
    function = of_rank(_TRANSPOSED, rank, "ConvTranspose")
    spans = [(k - 1) * d + 1 for k, d in zip(w.shape[2:], dilations, strict=True)]
    whole = [(n - 1) * s + span for n, s, span in zip(x.shape[2:], strides, spans, strict=True)]
    if auto_pad.startswith("SAME") and output_shape is None:
        output_shape = [n * s for n, s in zip(x.shape[2:], strides, strict=True)]
    if output_shape is not None:
        totals = [n + m - wanted for n, m, wanted in zip(whole, more, output_shape[-rank:], strict=True)]
        half = [t // 2 for t in totals]
        rest = [t - h for t, h in zip(totals, half, strict=True)]
        before, after = (half, rest) if auto_pad == "SAME_UPPER" else (rest, half)
    else:
        before, after = paddings(x.shape[2:], w.shape[2:], strides, dilations, pads, "VALID" if auto_pad == "VALID" else "NOTSET")
    if before == after and all(0 <= m < s for m, s in zip(more, strides, strict=True)) and min(before) >= 0:
        return function(x, w, bias, tuple(strides), tuple(before), tuple(more), group, tuple(dilations))
    y = function(x, w, None, tuple(strides), 0, 0, group, tuple(dilations))
    y = cropped(y, before, [a - m for a, m in zip(after, more, strict=True)])
    return y if bias is None else y + dl.reshape(bias, (1, -1, *(1,) * rank))


@operator("Col2Im")
def col2im(cols, image_shape: Host, block_shape: Host, *, dilations=None, pads=None, strides=None):
    """Add the columns of blocks up to an image; over any number of axes."""
    image, block = ints(image_shape), ints(block_shape)
    rank = len(image)
    strides, dilations = strides or [1] * rank, dilations or [1] * rank
    before, after = paddings(image, block, strides, dilations, pads, "NOTSET")
    padded = [n + b + a for n, b, a in zip(image, before, after, strict=True)]
    steps = [(n - (k - 1) * d - 1) // s + 1 for n, k, d, s in zip(padded, block, dilations, strides, strict=True)]
    places = np.zeros((1,) * (2 * rank), np.int64)
    for axis in range(rank):
        along = np.arange(block[axis])[:, None] * dilations[axis] + np.arange(steps[axis]) * strides[axis]
        shape = [1] * (2 * rank)
        shape[axis], shape[rank + axis] = along.shape
        places = places * padded[axis] + along.reshape(shape)
    n, channels = cols.shape[0], cols.shape[1] // int(np.prod(block))
    values = dl.permute_dims(dl.reshape(cols, (n * channels, -1)), (1, 0))
    total = dl.zeros((int(np.prod(padded)), n * channels), dtype=cols.dtype, device=cols.device)
    total = dl.scatter_add(total, dl.asarray(places.reshape(-1), device=cols.device), values)
    return cropped(dl.reshape(dl.permute_dims(total, (1, 0)), (n, channels, *padded)), before, after)


@operator("DeformConv", options=DeformOptions)
def deform_conv(x, w, offset, bias=None, mask=None, *, options):
    """Convolution whose taps are moved by offsets, between pixels by bilinear interpolation."""
    from .images import bilinear

    dilations, group, _, offset_group, pads, strides = options
    if x.ndim != 4:
        raise OnnxError("DeformConv is supported over two axes")
    strides, dilations = strides or [1, 1], dilations or [1, 1]
    before, _ = paddings(x.shape[2:], w.shape[2:], strides, dilations, pads, "NOTSET")
    (n, c), (kh, kw), (oh, ow) = x.shape[:2], w.shape[2:], offset.shape[2:]
    taps = kh * kw
    moves = dl.reshape(offset, (n, offset_group, taps, 2, oh, ow))
    rows, cols = (
        (np.arange(size) * strides[k] - before[k]).reshape((-1, 1) if k == 0 else (1, -1)) for k, size in enumerate((oh, ow))
    )
    down, right = (a.reshape(-1, 1, 1) for a in np.divmod(np.arange(taps), kw))
    base_y = dl.asarray((rows + down * dilations[0] + 0 * cols).astype(x.dtype), device=x.device)
    base_x = dl.asarray((cols + right * dilations[1] + 0 * rows).astype(x.dtype), device=x.device)
    y_at, x_at = moves[:, :, :, 0] + base_y, moves[:, :, :, 1] + base_x
    pictures = dl.reshape(x, (n * offset_group, c // offset_group, *x.shape[2:]))
    flat = (n * offset_group, taps * oh * ow)
    found = bilinear(pictures, dl.reshape(y_at, flat), dl.reshape(x_at, flat))
    found = dl.reshape(found, (n, offset_group, c // offset_group, taps, oh, ow))
    if mask is not None:
        found = found * dl.reshape(mask, (n, offset_group, 1, taps, oh, ow))
    columns = dl.reshape(found, (n, group, c // group * taps, oh * ow))
    filters = dl.reshape(w, (1, group, w.shape[0] // group, c // group * taps))
    y = dl.reshape(dl.matmul(filters, columns), (n, w.shape[0], oh, ow))
    return y if bias is None else y + dl.reshape(bias, (1, -1, 1, 1))
