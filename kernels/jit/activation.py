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
from .compile import Kernel, dense, inner, jit, thread_count
from .vecmath import ONE, ZERO, exp, log1p_unit

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


def _function(row: Callable[..., None], doc: str) -> Callable[..., Array]:
    """The launcher f(x, scalar=1) of a row function."""
    kernel = _of_one(row)

    def launch(x: Array, scalar: float = 1.0) -> Array:
        x = dense(x)
        y = np.empty(x.shape, x.dtype)
        kernel(x.reshape(-1), y.reshape(-1), scalar, thread_count(x.size // GRAIN))
        return y

    launch.__doc__ = doc
    return launch


def _gradient(row: Callable[..., None], doc: str) -> Callable[..., Array]:
    """The launcher f(gy, x, scalar=1) of a row function; x is what the row function takes second, be it input or result."""
    kernel = _of_two(row)

    def launch(gy: Array, x: Array, scalar: float = 1.0) -> Array:
        gy, x = dense(gy), dense(x)
        gx = np.empty(x.shape, x.dtype)
        kernel(gy.reshape(-1), x.reshape(-1), gx.reshape(-1), scalar, thread_count(x.size // GRAIN))
        return gx

    launch.__doc__ = doc
    return launch


relu = _function(relu_row, "max(x, 0).")
relu_grad = _gradient(relu_grad_row, "gy where the result y is positive, else 0.")
leaky_relu = _function(leaky_relu_row, "x where positive, slope x elsewhere.")
leaky_relu_grad = _gradient(leaky_relu_grad_row, "gy where x is positive, slope gy elsewhere.")
sigmoid = _function(sigmoid_row, "1 / (1 + exp(-x)).")
sigmoid_grad = _gradient(sigmoid_grad_row, "gy y (1 - y), y the result.")
tanh_grad = _gradient(tanh_grad_row, "gy (1 - y^2), y the result.")
silu = _function(silu_row, "x sigmoid(x).")
silu_grad = _gradient(silu_grad_row, "gy s (1 + x (1 - s)), s = sigmoid(x).")
softplus = _function(softplus_row, "log(1 + exp(beta x)) / beta.")
softplus_grad = _gradient(softplus_grad_row, "gy sigmoid(beta x).")
