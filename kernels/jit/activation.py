"""Activation functions and their gradients: one pass over memory each, large arrays shared out to threads.

The formulas with exponentials are written so that they are exact to an ulp or two at both ends of the range, and so that
the loop over a row becomes vector code: selections instead of branches, polynomials instead of calls.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import prange

from ..types import Array
from .machine.compile import Kernel, flat, inner, jit, thread_count
from .machine.vecmath import ONE, ZERO, exp, log1p_unit

BOUND = np.float32(1000)
"""Beyond it, exp(-x) is 0: a factor is bounded there, so that an infinite x gives the limit and not Inf 0."""

GRAIN = 16384
"""Elements below which another thread does not pay."""


@inner(exact=True)
def relu_row(x: Array, y: Array, s: Any) -> None:
    zero = x.dtype.type(0)
    for i in range(x.size):
        y[i] = zero if x[i] <= zero else x[i]  # NaN is not below 0


@inner(exact=True)
def add_relu_row(a: Array, b: Array, y: Array, s: Any) -> None:
    zero = a.dtype.type(0)
    for i in range(a.size):
        total = a[i] + b[i]
        y[i] = zero if total <= zero else total


@inner(exact=True)
def relu_grad_row(gy: Array, y: Array, gx: Array, s: Any) -> None:
    zero = y.dtype.type(0)
    for i in range(y.size):
        gx[i] = gy[i] if y[i] > zero else zero


@inner(exact=True)
def leaky_relu_row(x: Array, y: Array, slope: Any) -> None:
    zero = x.dtype.type(0)
    for i in range(x.size):
        y[i] = x[i] if x[i] > zero else x[i] * slope


@inner(exact=True)
def leaky_relu_grad_row(gy: Array, x: Array, gx: Array, slope: Any) -> None:
    zero = x.dtype.type(0)
    for i in range(x.size):
        gx[i] = gy[i] if x[i] > zero else gy[i] * slope


@inner(exact=True)
def logistic(x: Any) -> Any:
    """1 / (1 + exp(-x)), of which only exp(-|x|) is computed."""
    e = exp(-abs(x))
    return (e if x < ZERO else ONE) / (ONE + e)


@inner(exact=True)
def sigmoid_row(x: Array, y: Array, s: Any) -> None:
    for i in range(x.size):
        y[i] = logistic(x[i])


@inner(exact=True)
def sigmoid_grad_row(gy: Array, y: Array, gx: Array, s: Any) -> None:
    one = y.dtype.type(1)
    for i in range(y.size):
        gx[i] = gy[i] * (y[i] * (one - y[i]))


@inner(exact=True)
def tanh_grad_row(gy: Array, y: Array, gx: Array, s: Any) -> None:
    one = y.dtype.type(1)
    for i in range(y.size):
        gx[i] = gy[i] * (one - y[i] * y[i])


@inner(exact=True)
def silu_row(x: Array, y: Array, s: Any) -> None:
    for i in range(x.size):
        y[i] = (-BOUND if x[i] < -BOUND else x[i]) * logistic(x[i])


@inner(exact=True)
def silu_grad_row(gy: Array, x: Array, gx: Array, s: Any) -> None:
    for i in range(x.size):
        p, b = logistic(x[i]), -BOUND if x[i] < -BOUND else x[i]
        b = BOUND if b > BOUND else b
        gx[i] = gy[i] * (p * (ONE + b * (ONE - p)))


@inner(exact=True)
def softplus_row(x: Array, y: Array, beta: Any) -> None:
    for i in range(x.size):
        z = x[i] * beta
        y[i] = (x[i] if z > ZERO else ZERO) + log1p_unit(exp(-abs(z))) / beta


@inner(exact=True)
def softplus_grad_row(gy: Array, x: Array, gx: Array, beta: Any) -> None:
    for i in range(x.size):
        gx[i] = gy[i] * logistic(x[i] * beta)


def _of_one(row: Callable[..., None]) -> Kernel:
    """An entry point for row(x, y, scalar)."""

    @jit()
    def kernel(x: Array, y: Array, scalar: float, threads: int) -> None:
        for t in prange(threads):
            lo, hi = t * x.size // threads, (t + 1) * x.size // threads
            row(x[lo:hi], y[lo:hi], x.dtype.type(scalar))

    return kernel


def _of_two(row: Callable[..., None]) -> Kernel:
    """An entry point for row(gy, x, gx, scalar)."""

    @jit()
    def kernel(gy: Array, x: Array, gx: Array, scalar: float, threads: int) -> None:
        for t in prange(threads):
            lo, hi = t * x.size // threads, (t + 1) * x.size // threads
            row(gy[lo:hi], x[lo:hi], gx[lo:hi], x.dtype.type(scalar))

    return kernel


_relu = _of_one(relu_row)
_add_relu = _of_two(add_relu_row)
_relu_grad = _of_two(relu_grad_row)
_leaky_relu = _of_one(leaky_relu_row)
_leaky_relu_grad = _of_two(leaky_relu_grad_row)
_sigmoid = _of_one(sigmoid_row)
_sigmoid_grad = _of_two(sigmoid_grad_row)
_tanh_grad = _of_two(tanh_grad_row)
_silu = _of_one(silu_row)
_silu_grad = _of_two(silu_grad_row)
_softplus = _of_one(softplus_row)
_softplus_grad = _of_two(softplus_grad_row)


def _one(kernel: Kernel, x: Array, scalar: float = 1.0) -> Array:
    row = flat(x)
    y = np.empty(row.size, row.dtype)
    kernel(row, y, scalar, 1 if row.size < GRAIN else thread_count(row.size // GRAIN))
    return y if x.ndim == 1 else y.reshape(x.shape)


def _two(kernel: Kernel, gy: Array, x: Array, scalar: float = 1.0) -> Array:
    """x: what the row function takes second, be it input or result."""
    row = flat(x)
    gx = np.empty(row.size, row.dtype)
    kernel(flat(gy), row, gx, scalar, 1 if row.size < GRAIN else thread_count(row.size // GRAIN))
    return gx if x.ndim == 1 else gx.reshape(x.shape)


def relu(x: Array) -> Array:
    """max(x, 0)."""
    return _one(_relu, x)


def add_relu(a: Array, b: Array) -> Array:
    """max(a + b, 0)."""
    return _two(_add_relu, a, b)


def relu_grad(gy: Array, y: Array) -> Array:
    """gy where the result y is positive, else 0."""
    return _two(_relu_grad, gy, y)


def leaky_relu(x: Array, slope: float) -> Array:
    """x where positive, slope x elsewhere."""
    return _one(_leaky_relu, x, slope)


def leaky_relu_grad(gy: Array, x: Array, slope: float) -> Array:
    """gy where x is positive, slope gy elsewhere."""
    return _two(_leaky_relu_grad, gy, x, slope)


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x))."""
    return _one(_sigmoid, x)


def sigmoid_grad(gy: Array, y: Array) -> Array:
    """gy y (1 - y), y the result."""
    return _two(_sigmoid_grad, gy, y)


def tanh_grad(gy: Array, y: Array) -> Array:
    """gy (1 - y^2), y the result."""
    return _two(_tanh_grad, gy, y)


def silu(x: Array) -> Array:
    """x sigmoid(x)."""
    return _one(_silu, x)


def silu_grad(gy: Array, x: Array) -> Array:
    """gy s (1 + x (1 - s)), s = sigmoid(x)."""
    return _two(_silu_grad, gy, x)


def softplus(x: Array, beta: float) -> Array:
    """log(1 + exp(beta x)) / beta."""
    return _one(_softplus, x, beta)


def softplus_grad(gy: Array, x: Array, beta: float) -> Array:
    """gy sigmoid(beta x)."""
    return _two(_softplus_grad, gy, x, beta)
