"""Activation functions and their gradients on the GPU: one pass over memory each, 16 bytes at a time."""

from __future__ import annotations

from collections.abc import Callable

from ..types import Array
from . import FLOATS
from .launch import Kernel, blocks_for, contiguous, empty, library_of

BYTES = 16
"""What a thread reads at a time."""


def _function(name: str, doc: str) -> Callable[..., Array]:
    """The launcher f(x, scalar=1) of a kernel."""
    kernel = Kernel("activation.cu", name, FLOATS)

    def launch(x: Array, scalar: float = 1.0) -> Array:
        y = empty(library_of(x), x.shape, x.dtype)
        kernel[_blocks(kernel, y)](contiguous(x), y, y.size, scalar)
        return y

    launch.__doc__ = doc
    return launch


def _gradient(name: str, doc: str) -> Callable[..., Array]:
    """The launcher f(gy, x, scalar=1) of a kernel; x is what the kernel takes second, be it input or result."""
    kernel = Kernel("activation.cu", name, FLOATS)

    def launch(gy: Array, x: Array, scalar: float = 1.0) -> Array:
        library = library_of(gy)
        gx = empty(library, x.shape, x.dtype)
        # NumPy's own functions, tanh for one, give a scalar for an array without axes.
        kernel[_blocks(kernel, gx)](contiguous(gy), contiguous(library.asarray(x)), gx, gx.size, scalar)
        return gx

    launch.__doc__ = doc
    return launch


def _blocks(kernel: Kernel, y: Array) -> int:
    return blocks_for(y.size * y.dtype.itemsize, BYTES * kernel.threads)


relu = _function("relu", "max(x, 0).")
relu_grad = _gradient("relu_grad", "gy where the result y is positive, else 0.")
leaky_relu = _function("leaky_relu", "x where positive, slope x elsewhere.")
leaky_relu_grad = _gradient("leaky_relu_grad", "gy where x is positive, slope gy elsewhere.")
sigmoid = _function("sigmoid", "1 / (1 + exp(-x)).")
sigmoid_grad = _gradient("sigmoid_grad", "gy y (1 - y), y the result.")
tanh_grad = _gradient("tanh_grad", "gy (1 - y^2), y the result.")
silu = _function("silu", "x sigmoid(x).")
silu_grad = _gradient("silu_grad", "gy s (1 + x (1 - s)), s = sigmoid(x).")
softplus = _function("softplus", "log(1 + exp(beta x)) / beta.")
softplus_grad = _gradient("softplus_grad", "gy sigmoid(beta x).")
