"""Activation functions and their gradients, elementwise: each one pass where a backend fuses it."""

from __future__ import annotations

from ..types import Array, Namespace
from .common import kernel

BOUND = 1000.0
"""Beyond it, exp(-x) is 0 in every dtype: a factor is bounded there, so that an infinite x gives the limit and not Inf 0."""


@kernel
def relu(xp: Namespace, x: Array) -> Array:
    """max(x, 0)."""
    return xp.maximum(x, 0)


@kernel
def add_relu(xp: Namespace, a: Array, b: Array) -> Array:
    """max(a + b, 0)."""
    return xp.maximum(a + b, 0)


@kernel
def relu_grad(xp: Namespace, gy: Array, y: Array) -> Array:
    """Gradient of relu from its result y: gy where y is positive, else 0."""
    return xp.where(y > 0, gy, 0)


@kernel
def leaky_relu(xp: Namespace, x: Array, slope: float) -> Array:
    """x where positive, slope x elsewhere."""
    return xp.where(x > 0, x, x * slope)


@kernel
def leaky_relu_grad(xp: Namespace, gy: Array, x: Array, slope: float) -> Array:
    """Gradient of leaky_relu: gy where x is positive, slope gy elsewhere."""
    return xp.where(x > 0, gy, gy * slope)


@kernel
def sigmoid(xp: Namespace, x: Array) -> Array:
    """1 / (1 + exp(-x)); exp never overflows, and small results keep all their digits."""
    e = xp.exp(xp.minimum(x, 0))
    return e / (e + xp.exp(-xp.maximum(x, 0)))


@kernel
def sigmoid_grad(xp: Namespace, gy: Array, y: Array) -> Array:
    """Gradient of sigmoid from its result y: gy y (1 - y)."""
    return gy * (y * (1 - y))


@kernel
def tanh_grad(xp: Namespace, gy: Array, y: Array) -> Array:
    """Gradient of tanh from its result y: gy (1 - y^2)."""
    return gy * (1 - y * y)


@kernel
def silu(xp: Namespace, x: Array) -> Array:
    """x sigmoid(x); 0 at -Inf."""
    return xp.maximum(x, -BOUND) * sigmoid(xp, x)


@kernel
def silu_grad(xp: Namespace, gy: Array, x: Array) -> Array:
    """Gradient of silu: gy s (1 + x (1 - s)), s = sigmoid(x)."""
    s, b = sigmoid(xp, x), xp.minimum(xp.maximum(x, -BOUND), BOUND)
    return gy * (s * (1 + b * (1 - s)))


@kernel
def softplus(xp: Namespace, x: Array, beta: float) -> Array:
    """log(1 + exp(beta x)) / beta without overflow."""
    z = x * beta  # beyond the largest number it is Inf, and the result still x
    return xp.where(z > 0, x, 0) + xp.log1p(xp.exp(-xp.abs(z))) / beta


@kernel
def softplus_grad(xp: Namespace, gy: Array, x: Array, beta: float) -> Array:
    """Gradient of softplus: gy sigmoid(beta x)."""
    return gy * sigmoid(xp, x * beta)
