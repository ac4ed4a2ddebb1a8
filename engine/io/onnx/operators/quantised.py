"""Numbers of few bits: quantisation and its inverse, and products of quantised matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..table import operator
from ..values import Host, dtype_of, host, is_plain, tensor
from .convolution import ConvOptions, conv
from .exchange import to_dtype

_RANGES = {"int2": (-2, 1), "uint2": (0, 3), "int4": (-8, 7), "uint4": (0, 15)}


def spread(values, x_shape, axis, block_size):
    """A scale or zero point in a shape that broadcasts: one number, one per slice of an axis, or one per block of it."""
    if values.size == 1 and values.ndim <= 1:
        return values.reshape(())
    axis %= len(x_shape)
    if block_size or values.ndim == len(x_shape):
        block = block_size or -(-x_shape[axis] // values.shape[axis])
        repeated = np.repeat(values, block, axis=axis)
        return repeated[(slice(None),) * axis + (slice(0, x_shape[axis]),)]
    return values.reshape([-1 if k == axis else 1 for k in range(len(x_shape))])


def limits(dtype):
    if dtype.name in _RANGES:
        return _RANGES[dtype.name]
    return np.iinfo(dtype).min, np.iinfo(dtype).max


def wide(x):
    """Host values of any format as float32 or wider."""
    if x.dtype.kind == "f" and x.dtype.itemsize >= 4:
        return x
    return x.astype(np.int64 if x.dtype.name.startswith(("int2", "int4", "uint2", "uint4")) else np.float32).astype(np.float32)


@operator("QuantizeLinear")
def quantize(
    x: Host, scale: Host, zero_point: Host = None, *, axis=1, block_size=0, output_dtype=0, precision=0, saturate=1
):  # fmt: skip
    """Divided by the scale, rounded half to even, moved by the zero point, and limited to the range of the dtype."""
    dtype = zero_point.dtype if zero_point is not None else dtype_of(output_dtype or 2)
    by = spread(wide(scale), x.shape, axis, block_size)
    number = np.float32 if x.dtype.itemsize <= 4 else x.dtype
    y = wide(x).astype(number) / by.astype(number)
    if is_plain(dtype) and dtype.kind in "iu" or dtype.name in _RANGES:
        zero = 0 if zero_point is None else spread(wide(zero_point), x.shape, axis, block_size)
        y = np.clip(np.rint(y) + zero, *limits(dtype))
        return y.astype(np.int64).astype(dtype)
    if zero_point is not None:
        y = y + spread(wide(zero_point), x.shape, axis, block_size)
    return to_dtype(y.astype(np.float32), dtype, bool(saturate))


@operator("DequantizeLinear")
def dequantize(x: Host, scale: Host, zero_point: Host = None, *, axis=1, block_size=0, output_dtype=0):
    by = spread(wide(scale), x.shape, axis, block_size)
    y = x.astype(np.int64) if x.dtype.kind in "iu" or x.dtype.name in _RANGES else wide(x)
    if zero_point is not None:
        zero = zero_point.astype(np.int64) if y.dtype == np.int64 else wide(zero_point)
        y = y - spread(zero, x.shape, axis, block_size)
    return to_dtype(y.astype(np.float32) * by.astype(np.float32), dtype_of(output_dtype) if output_dtype else scale.dtype)


@operator("DynamicQuantizeLinear")
def dynamic_quantize(x: Host):
    low, high = min(0.0, float(x.min(initial=0))), max(0.0, float(x.max(initial=0)))
    scale = np.float32((high - low) / 255)
    zero = np.clip(np.rint(-low / scale), 0, 255).astype(np.uint8) if scale else np.uint8(0)
    y = np.clip(np.rint(x / scale) + zero, 0, 255).astype(np.uint8) if scale else np.zeros(x.shape, np.uint8)
    return y, scale, np.asarray(zero)


def centred(x, zero, axis=None):
    """Integers less their zero point, as int64."""
    y = host(x).astype(np.int64)
    if zero is None:
        return y
    z = host(zero).astype(np.int64)
    if z.size == 1:
        return y - z.reshape(())
    return y - (z.reshape([-1 if k == axis else 1 for k in range(y.ndim)]) if z.ndim == 1 else z)


@operator("MatMulInteger")
def matmul_integer(a: Host, b: Host, a_zero: Host = None, b_zero: Host = None):
    return (centred(a, a_zero, a.ndim - 2) @ centred(b, b_zero, b.ndim - 1)).astype(np.int32)


@operator("ConvInteger", options=ConvOptions)
def conv_integer(x: Host, w: Host, x_zero: Host = None, w_zero: Host = None, *, options):
    """Exact: products of 8 bits add up in float64."""
    y = conv(*(tensor(v.astype(np.float64)) for v in (centred(x, x_zero), centred(w, w_zero, 0))), options=options)
    return np.rint(host(y)).astype(np.int32)


def requantized(y, scale, zero):
    """int32 sums as numbers of the output's dtype."""
    moved = np.rint(y * scale) + zero.astype(np.int64)
    return np.clip(moved, *limits(zero.dtype)).astype(zero.dtype)


@operator("QLinearMatMul")
def qlinear_matmul(a: Host, a_scale: Host, a_zero: Host, b: Host, b_scale: Host, b_zero: Host, y_scale: Host, y_zero: Host):
    product = centred(a, a_zero, a.ndim - 2) @ centred(b, b_zero, b.ndim - 1)
    left, right = (s.astype(np.float32) for s in (a_scale, b_scale))
    left = left.reshape(-1, 1) if left.ndim == 1 and left.size > 1 else left
    return requantized(product, left * right / y_scale.astype(np.float32), y_zero)


@operator("QLinearConv", options=ConvOptions)
def qlinear_conv(*inputs: Host, options):
    given: Any = (*inputs, None)
    x, x_scale, x_zero, w, w_scale, w_zero, y_scale, y_zero, bias = given[:9]
    y = conv_integer(x, w, x_zero, w_zero, options=options).astype(np.int64)
    channels = (1, -1, *(1,) * (x.ndim - 2))
    y = y if bias is None else y + bias.reshape(channels)
    scale = x_scale.astype(np.float32) * w_scale.astype(np.float32) / y_scale.astype(np.float32)
    return requantized(y, scale.reshape(channels) if scale.size > 1 else scale, y_zero)
