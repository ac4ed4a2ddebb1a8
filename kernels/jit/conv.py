"""Convolution: which kernel runs, by geometry. The heavy parts lie beside this file."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..geometry import ConvGeometry, planar
from ..types import Array
from .convolution import depthwise as depthwise
from .convolution import panel as panel
from .convolution import plain, volume, winograd, winograd_plan, winograd_weight_grad
from .convolution.columns import fold2d as fold2d
from .convolution.columns import unfold2d as unfold2d
from .convolution.forward import direct, has_mirror, mirrored
from .convolution.input_grad import input_grad
from .convolution.panel_plan import forward_pays, input_grad_pays, weight_grad_pays
from .convolution.weight_grad import weight_grad
from .linear import map_channels, matmul
from .machine.compile import dense, thread_count
from .machine.panels import PANEL
from .machine.vector import VECTOR_BYTES

MOST_CHANNELS = PANEL * VECTOR_BYTES // 4


def is_product(g: ConvGeometry, x: Array) -> bool:
    """Whether each image is seen by the filters at one place only: a matrix product, without neighbours to share loads."""
    whole = g.kernel == g.in_shape and not any(g.pad_lo + g.pad_hi) and g.groups == 1
    return whole and x.dtype == np.float32


def is_map(g: ConvGeometry, x: Array) -> bool:
    """Whether every pixel of x is a vector that the same matrix maps to another, and a long one."""
    alone = set(g.kernel + g.stride) == {1} and not any(g.pad_lo + g.pad_hi) and g.groups == 1
    return alone and x.dtype == np.float32 and x.shape[1] >= LONG and min(g.C, g.K) >= SHORT


LONG, SHORT = 128, 16
"""Channels from which on a product is so much work that copying pixels into panels does not count, and those on either side."""


@planar
def conv2d(x: Array, weight: Array, bias: Array | None, g: ConvGeometry) -> Array:
    """y[n, k] = bias[k] + sum over c of x[n, c] * weight[k, c], per group.

    x: (N,C,H,W). weight: (K,C/groups,kh,kw). Returns (N,K,OH,OW).
    """
    if 0 in x.shape + weight.shape + g.y_shape:
        nothing = np.zeros(g.y_shape, x.dtype)
        return nothing if bias is None else nothing + bias[:, None, None]
    x, w = dense(x), dense(weight)
    if is_product(g, x):
        product = matmul(x.reshape(g.N, -1), w.reshape(g.K, -1).T)
        return (product if bias is None else product + bias).reshape(g.y_shape)
    if is_map(g, x):
        return map_channels(w.reshape(g.K, g.C), x.reshape(g.N, g.C, -1), bias).reshape(g.y_shape)
    row = bias_row(g.K, bias, x.dtype)
    if g.depthwise:
        return depthwise.forward(x, w, g, row)
    y = winograd.forward(x, w, g, row) if winograd_plan.pays(g, x.itemsize) else None
    if y is None:
        y = (panel.forward if forward_pays(g, x.itemsize, thread_count(g.N)) else direct)(x, w, g, row)
    return y


def bias_row(K: int, bias: Array | None, dtype: Any) -> Array:
    """The bias, or zeros for none, filled up with zeros to whole vectors and panels."""
    if bias is not None and not K % MOST_CHANNELS:
        return dense(bias)
    row = np.zeros(-(-K // MOST_CHANNELS) * MOST_CHANNELS, dtype)
    if bias is not None:
        row[:K] = bias
    return row


@planar
def conv2d_input_grad(gy: Array, weight: Array, g: ConvGeometry) -> Array:
    """gx: the adjoint of conv2d in x. gy (N,K,OH,OW), gx (N,C,H,W)."""
    if 0 in gy.shape + weight.shape + g.x_shape:
        return np.zeros(g.x_shape, gy.dtype)
    gy, w = dense(gy), dense(weight)
    if is_product(g, gy):
        return matmul(gy.reshape(g.N, g.K), w.reshape(g.K, -1)).reshape(g.x_shape)
    if not np.isfinite(w).all():  # padding would meet the weights: see conv_plain
        return plain.input_grad(gy, w, g)
    if is_map(g, gy):
        return map_channels(w.reshape(g.K, g.C).T, gy.reshape(g.N, g.K, -1), None).reshape(g.x_shape)
    if g.depthwise and has_mirror(g):
        return depthwise.mirrored(gy, w, g)
    gx = winograd.input_grad(gy, w, g) if winograd_plan.pays(g, gy.itemsize, True) else None
    if gx is not None:
        return gx
    if input_grad_pays(g, gy.itemsize, thread_count(g.N)):
        return panel.input_grad(gy, w, g)
    return mirrored(gy, w, g) if has_mirror(g) else input_grad(gy, w, g)


@planar
def conv2d_weight_grad(x: Array, gy: Array, g: ConvGeometry) -> Array:
    """gw: the adjoint of conv2d in weight. gw (K,C/groups,kh,kw)."""
    if 0 in x.shape + gy.shape + g.w_shape:
        return np.zeros(g.w_shape, x.dtype)
    x, gy = dense(x), dense(gy)
    if is_product(g, x):
        return matmul(gy.reshape(g.N, g.K).T, x.reshape(g.N, -1)).reshape(g.w_shape)
    if g.depthwise:
        gw = depthwise.weight_grad(x, gy, g)
    elif winograd_plan.weight_grad_pays(g, x.itemsize):
        gw = winograd_weight_grad.weight_grad(x, gy, g)
    else:
        gw = (panel.weight_grad if weight_grad_pays(g, x.itemsize, thread_count(g.N)) else weight_grad)(x, gy, g)
    return gw if np.isfinite(gw).all() else plain.weight_grad(x, gy, g)


def conv3d(x: Array, weight: Array, bias: Array | None, g: ConvGeometry) -> Array:
    """conv2d of volumes. x: (N,C,D,H,W). weight: (K,C/groups,kd,kh,kw). Returns (N,K,OD,OH,OW)."""
    if 0 in x.shape + weight.shape + g.y_shape:
        nothing = np.zeros(g.y_shape, x.dtype)
        return nothing if bias is None else nothing + bias[:, None, None, None]
    return volume.forward(conv2d, x, dense(weight), bias, g)


def conv3d_input_grad(gy: Array, weight: Array, g: ConvGeometry) -> Array:
    """gx: the adjoint of conv3d in x. gy (N,K,OD,OH,OW), gx (N,C,D,H,W)."""
    if 0 in gy.shape + weight.shape + g.x_shape:
        return np.zeros(g.x_shape, gy.dtype)
    return volume.input_grad(conv2d_input_grad, gy, dense(weight), g)


def conv3d_weight_grad(x: Array, gy: Array, g: ConvGeometry) -> Array:
    """gw: the adjoint of conv3d in weight. gw (K,C/groups,kd,kh,kw)."""
    if 0 in x.shape + gy.shape + g.w_shape:
        return np.zeros(g.w_shape, x.dtype)
    return volume.weight_grad(conv2d_weight_grad, x, gy, g)
