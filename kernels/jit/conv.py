"""Two-dimensional convolution: which kernel runs, by geometry. The heavy parts lie beside this file."""

from __future__ import annotations

import numpy as np

from ..geometry import ConvGeometry
from ..types import Array
from . import conv_plain, winograd
from .compile import dense
from .conv_forward import direct, has_mirror, mirrored
from .conv_input_grad import input_grad
from .conv_weight_grad import weight_grad
from .matmul import matmul


def is_product(g: ConvGeometry, x: Array) -> bool:
    """Whether each image is seen by the filters at one place only: a matrix product, without neighbours to share loads."""
    whole = g.kernel == g.in_shape and not any(g.pad_lo + g.pad_hi) and g.groups == 1
    return whole and x.dtype == np.float32


def conv2d(x: Array, w: Array, g: ConvGeometry) -> Array:
    """y[n, k] = sum over c of x[n, c] * w[k, c], per group. x (N,C,H,W), w (K,C/groups,kh,kw), y (N,K,OH,OW)."""
    if 0 in x.shape + w.shape + g.y_shape:
        return np.zeros(g.y_shape, x.dtype)
    x, w = dense(x), dense(w)
    if is_product(g, x):
        return matmul(x.reshape(g.N, -1), w.reshape(g.K, -1).T).reshape(g.y_shape)
    y = winograd.forward(x, w, g) if winograd.pays(g) else None
    return direct(x, w, g) if y is None else y


def conv2d_input_grad(gy: Array, w: Array, g: ConvGeometry) -> Array:
    """gx: the adjoint of conv2d in x. gy (N,K,OH,OW), gx (N,C,H,W)."""
    if 0 in gy.shape + w.shape + g.x_shape:
        return np.zeros(g.x_shape, gy.dtype)
    gy, w = dense(gy), dense(w)
    if is_product(g, gy):
        return matmul(gy.reshape(g.N, g.K), w.reshape(g.K, -1)).reshape(g.x_shape)
    if not np.isfinite(w).all():  # padding would meet the weights: see conv_plain
        return conv_plain.input_grad(gy, w, g)
    gx = winograd.input_grad(gy, w, g) if winograd.pays(g) else None
    if gx is None:
        gx = mirrored(gy, w, g) if has_mirror(g) else input_grad(gy, w, g)
    return gx


def conv2d_weight_grad(x: Array, gy: Array, g: ConvGeometry) -> Array:
    """gw: the adjoint of conv2d in w. gw (K,C/groups,kh,kw)."""
    if 0 in x.shape + gy.shape + g.w_shape:
        return np.zeros(g.w_shape, x.dtype)
    x, gy = dense(x), dense(gy)
    if is_product(g, x):
        return matmul(gy.reshape(g.N, g.K).T, x.reshape(g.N, -1)).reshape(g.w_shape)
    gw = weight_grad(x, gy, g)
    return gw if np.isfinite(gw).all() else conv_plain.weight_grad(x, gy, g)
