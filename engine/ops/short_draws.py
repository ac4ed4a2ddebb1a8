"""Small calls that draw random numbers, see dlengine.autograd.short: the kernel that draws is called at once.

They take the same words of the stream as any other call. While draws are noted or shared (`Generator.take_alone`) they answer
nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from dlengine.kernels.late import imported

from ..autograd.small_kernels import Answer, Leaf, floats
from ..default_dtype import get_default_dtype
from ..generator import Generator, default_generator
from .sampling import first_to_come

_SINGLE, _DOUBLE = np.dtype(np.float32), np.dtype(np.float64)
_RANKS = (1, 2)
_MOST = 2**32
_FAR = 2**63


def _kernel(xp: Any, name: str) -> Any:
    """The module with the kernel of a name; None where another one draws, or the reference as yet."""
    module = imported("dlengine.kernels.jit.random")
    return module if xp.kernels.load(name) is getattr(module, name) and module.settled(name) else None


def _sizes(shape: tuple[Any, ...]) -> tuple[tuple[int, ...], int]:
    """A shape, and of how many numbers; a negative one for what is no shape."""
    if len(shape) == 1:
        (first,) = shape
        if type(first) is int:
            return shape, first
        if type(first) is tuple:
            shape = first
    n = 1
    for size in shape:
        if type(size) is not int or size < 0:
            return shape, -1
        n *= size
    return shape, n


def _floats(name: str) -> Callable[[Any, Leaf], Answer | None]:
    """rand and randn."""

    def make(xp: Any, leaf: Leaf) -> Answer | None:
        label = f"random_{name}"
        module, launches = _kernel(xp, label), xp.kernels.launches
        if module is None:
            return None
        kernel = getattr(module, f"single_{name}")

        def small(
            *shape: Any, dtype: Any = None, device: Any = None, generator: Any = None, requires_grad: Any = False
        ) -> Any:
            if dtype is not None or device is not None or requires_grad is not False or get_default_dtype() is not _SINGLE:
                return None
            shape, n = _sizes(shape)
            source = default_generator if generator is None else generator
            if n < 0 or type(source) is not Generator:
                return None
            counter = source.take_alone(n)
            if counter < 0:
                return None
            launches[label] += 1
            y = kernel(source.seed, counter, n)
            return leaf(y if len(shape) == 1 else y.reshape(shape))

        return small

    return make


def _bernoulli(xp: Any, leaf: Leaf) -> Answer | None:
    module, launches = _kernel(xp, "random_bernoulli"), xp.kernels.launches
    if module is None:
        return None
    kernel = module.random_bernoulli

    def small(p: Any, *shape: Any, device: Any = None, generator: Any = None) -> Any:
        source = default_generator if generator is None else generator
        shape, n = _sizes(shape)
        if type(p) is not float or not 0 <= p <= 1 or device is not None or n < 0 or type(source) is not Generator:
            return None
        counter = source.take_alone(n)
        if counter < 0:
            return None
        y = kernel(source.seed, counter, n, p)
        launches["random_bernoulli"] += 1
        return leaf(y if len(shape) == 1 else y.reshape(shape))

    return small


def _randint(xp: Any, leaf: Leaf) -> Answer | None:
    module, launches = _kernel(xp, "random_integers"), xp.kernels.launches
    if module is None:
        return None
    kernel = module.random_integers

    def small(low: Any, high: Any, *shape: Any, dtype: Any = None, device: Any = None, generator: Any = None) -> Any:
        if type(low) is not int or type(high) is not int or dtype is not None or device is not None:
            return None
        source = default_generator if generator is None else generator
        shape, n = _sizes(shape)
        count = high - low
        if n < 0 or not 0 < count <= _MOST or low < -_FAR or high > _FAR or type(source) is not Generator:
            return None
        counter = source.take_alone(2 * n)
        if counter < 0:
            return None
        y = kernel(source.seed, counter, n, low, count)
        launches["random_integers"] += 1
        return leaf(y if len(shape) == 1 else y.reshape(shape))

    return small


def _randperm(xp: Any, leaf: Leaf) -> Answer | None:
    module, launches = _kernel(xp, "random_permutation"), xp.kernels.launches
    if module is None:
        return None
    kernel = module.random_permutation.__wrapped__

    def small(n: Any, *, device: Any = None, generator: Any = None) -> Any:
        source = default_generator if generator is None else generator
        if type(n) is not int or n < 0 or device is not None or type(source) is not Generator:
            return None
        counter = source.take_alone(n)
        if counter < 0:
            return None
        y = kernel(source.seed, counter, n)
        launches["random_permutation"] += 1
        return leaf(y)

    return small


def _multinomial(xp: Any, leaf: Leaf) -> Answer | None:
    module, launches = _kernel(xp, "random_uniform"), xp.kernels.launches
    if module is None:
        return None
    kernel, machine = module.double_uniform, imported("dlengine.kernels.jit.chosen")

    def small(probabilities: Any, num_samples: Any, replacement: Any = False, *, generator: Any = None) -> Any:
        a = floats(probabilities)
        source = default_generator if generator is None else generator
        if a is None or not a.size or a.ndim not in _RANKS or type(replacement) is not bool or type(source) is not Generator:
            return None
        p = np.array(a if a.ndim == 2 else a[None], _DOUBLE, order="C")
        rows, classes = p.shape
        needed = 1 if replacement else num_samples
        if type(num_samples) is not int or not 0 < num_samples or needed > classes:
            return None
        positive, width = machine.positives(p, needed), num_samples if replacement else classes
        counter = -1 if positive < 0 else source.take_alone(2 * rows * width)
        if counter < 0:
            return None
        launches["random_uniform"] += 1
        u = kernel(source.seed, counter, rows * width).reshape(rows, width)
        if replacement:
            y = np.empty((rows, width), np.int64)
            machine.chosen(p, u, y)
        else:
            y = first_to_come(xp, p, u, num_samples, positive == p.size)
        return leaf(y.reshape(-1) if a.ndim == 1 else y)

    return small


MAKERS: dict[str, Callable[[Any, Leaf], Answer | None]] = {
    "rand": _floats("uniform"), "randn": _floats("normal"), "bernoulli": _bernoulli, "randint": _randint, "randperm": _randperm,
    "multinomial": _multinomial,
}  # fmt: skip
"""By the name of a function."""
