"""Activation functions and their gradients on the GPU: one pass over memory each, 16 bytes at a time."""

from __future__ import annotations

from ..types import Array
from . import FLOATS
from .machine.launch import Kernel, blocks_for, contiguous, empty, library_of

BYTES = 16
"""What a thread reads at a time."""


_relu = Kernel("activation.cu", "relu", FLOATS)
_add_relu = Kernel("activation.cu", "add_relu", FLOATS)
_relu_grad = Kernel("activation.cu", "relu_grad", FLOATS)
_leaky_relu = Kernel("activation.cu", "leaky_relu", FLOATS)
_leaky_relu_grad = Kernel("activation.cu", "leaky_relu_grad", FLOATS)
_sigmoid = Kernel("activation.cu", "sigmoid", FLOATS)
_sigmoid_grad = Kernel("activation.cu", "sigmoid_grad", FLOATS)
_tanh_grad = Kernel("activation.cu", "tanh_grad", FLOATS)
_silu = Kernel("activation.cu", "silu", FLOATS)
_silu_grad = Kernel("activation.cu", "silu_grad", FLOATS)
_softplus = Kernel("activation.cu", "softplus", FLOATS)
_softplus_grad = Kernel("activation.cu", "softplus_grad", FLOATS)


def _one(kernel: Kernel, x: Array, scalar: float = 1.0) -> Array:
    y = empty(library_of(x), x.shape, x.dtype)
    kernel[_blocks(kernel, y)](contiguous(x), y, y.size, scalar)
    return y


def _two(kernel: Kernel, gy: Array, x: Array, scalar: float = 1.0) -> Array:
    """x: what the kernel takes second, be it input or result."""
    library = library_of(gy)
    gx = empty(library, x.shape, x.dtype)
    # NumPy's own functions, tanh for one, give a scalar for an array without axes.
    kernel[_blocks(kernel, gx)](contiguous(gy), contiguous(library.asarray(x)), gx, gx.size, scalar)
    return gx


def _blocks(kernel: Kernel, y: Array) -> int:
    return blocks_for(y.size * y.dtype.itemsize, BYTES * kernel.threads)


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
