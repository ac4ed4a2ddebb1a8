"""Activation functions and their gradients: a formula each, of which generated code is one pass over memory."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from ..generated.activations import EXPONENTIAL
from ..generated.expression import Expression, argument, where
from ..registry import declaration
from ..types import Array
from . import SET
from .generated.kernel import Kernel
from .generated.small_calls import generated
from .machine.compile import is_interpreted

_FORMULAS: dict[str, Callable[..., Expression]] = {
    "relu": lambda x: where(x <= 0, 0, x),  # NaN is not below 0
    "add_relu": lambda a, b: where(a + b <= 0, 0, a + b),
    "relu_grad": lambda gy, y: where(y > 0, gy, 0),
    "leaky_relu": lambda x, slope: where(x > 0, x, x * slope),
    "leaky_relu_grad": lambda gy, x, slope: where(x > 0, gy, gy * slope),
    "sigmoid_grad": lambda gy, y: gy * (y * (1 - y)),
    "tanh_grad": lambda gy, y: gy * (1 - y * y),
    **EXPONENTIAL,
}

_kernels: dict[str, dict[Any, Kernel]] = {name: {} for name in _FORMULAS}  # by name, then by dtype


def _computed(name: str, *arrays: Array) -> Array:
    dtype = arrays[0].dtype
    kernel = _kernels[name].get(dtype)
    if kernel is None:
        root = _FORMULAS[name](*[argument(i, dtype) for i in range(len(arrays))])
        kernel = _kernels[name][dtype] = Kernel(name, root, SET.launches)
    return kernel(*arrays)


@lru_cache(maxsize=64)
def _number(value: float, dtype: Any) -> Array:
    """A number as an array that generated code takes."""
    return np.array(value, dtype)


def direct(name: str, loaded: Callable[..., Array], picked: Callable[..., Array]) -> Callable[..., Array]:
    """The function that a namespace has under a kernel's name, with its commonest calls first: arrays of one shape and dtype, of
    which the code looks itself whether they are that. loaded: the kernel of the set; where it is another than ours, all calls are
    its. picked: any other call, and the first of each dtype.
    """
    if loaded is not globals()[name]:
        return picked
    arguments = declaration(name).arguments
    kernels, launches, empty = _kernels[name], SET.launches, np.empty

    def one(x: Array) -> Array:
        kernel = kernels.get(x.dtype) if type(x) is np.ndarray else None
        if kernel is None or kernel.entry is None or x.size >= kernel.grain or is_interpreted():
            return picked(x)
        y = empty(x.shape, x.dtype)
        if not kernel.entry(x, y, 1):
            return picked(x)
        launches[name] += 1
        return y

    def two(a: Array, b: Array) -> Array:
        kernel = kernels.get(b.dtype) if type(b) is np.ndarray else None
        if kernel is None or kernel.entry is None or b.size >= kernel.grain or is_interpreted():
            return picked(a, b)
        y = empty(b.shape, b.dtype)
        if not kernel.entry(a, b, y, 1):
            return picked(a, b)
        launches[name] += 1
        return y

    def with_number(*given: Any) -> Array:
        x = given[0]
        kernel = kernels.get(x.dtype) if type(x) is np.ndarray else None
        entry = None if kernel is None else kernel.entries.get(modes)
        if kernel is None or entry is None or x.size >= kernel.grain or is_interpreted():
            return picked(*given)
        y = empty(x.shape, x.dtype)
        if not entry(*given[:-1], _number(given[-1], x.dtype), y, 1):
            return picked(*given)
        launches[name] += 1
        return y

    modes = "f" * (len(arguments) - 1) + "s"
    return with_number if not arguments[-1].is_array else one if len(arguments) == 1 else two


def small(name: str, cls: type, numbers: tuple[float, ...] = ()) -> Callable[..., Any] | None:
    """A kernel of arrays as a function from small tensors to a tensor, without Python between; None where there is none. numbers:
    those that it takes behind its arrays, which become part of the formula."""
    arguments = declaration(name).arguments
    count = len(arguments) - len(numbers)
    if [a.is_array for a in arguments] != [True] * count + [False] * len(numbers):
        return None
    found = {}
    for size in (4, 8):
        dtype = np.dtype(f"f{size}")
        if numbers:
            kernel = Kernel(name, _FORMULAS[name](*[argument(i, dtype) for i in range(count)], *numbers), SET.launches)
        else:
            _computed(name, *[np.zeros(1, dtype)] * count)
            kernel = _kernels[name][dtype]
        found[size] = kernel.request().range(), kernel.grain - 1, dtype
    return generated(found, cls, count)


def relu(x: Array) -> Array:
    """max(x, 0)."""
    return _computed("relu", x)


def add_relu(a: Array, b: Array) -> Array:
    """max(a + b, 0)."""
    return _computed("add_relu", a, b)


def relu_grad(gy: Array, y: Array) -> Array:
    """gy where the result y is positive, else 0."""
    return _computed("relu_grad", gy, y)


def leaky_relu(x: Array, slope: float) -> Array:
    """x where positive, slope x elsewhere."""
    return _computed("leaky_relu", x, _number(slope, x.dtype))


def leaky_relu_grad(gy: Array, x: Array, slope: float) -> Array:
    """gy where x is positive, slope gy elsewhere."""
    return _computed("leaky_relu_grad", gy, x, _number(slope, x.dtype))


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x))."""
    return _computed("sigmoid", x)


def sigmoid_grad(gy: Array, y: Array) -> Array:
    """gy y (1 - y), y the result."""
    return _computed("sigmoid_grad", gy, y)


def tanh_grad(gy: Array, y: Array) -> Array:
    """gy (1 - y^2), y the result."""
    return _computed("tanh_grad", gy, y)


def silu(x: Array) -> Array:
    """x sigmoid(x)."""
    return _computed("silu", x)


def silu_grad(gy: Array, x: Array) -> Array:
    """gy s (1 + x (1 - s)), s = sigmoid(x)."""
    return _computed("silu_grad", gy, x)


def softplus(x: Array, beta: float) -> Array:
    """log(1 + exp(beta x)) / beta."""
    return _computed("softplus", x, _number(beta, x.dtype))


def softplus_grad(gy: Array, x: Array, beta: float) -> Array:
    """gy sigmoid(beta x)."""
    return _computed("softplus_grad", gy, x, _number(beta, x.dtype))
