"""Random tensors, and tensors filled with random numbers in place."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ... import backend
from ...autograd.fp_errors import QUIET, SET, restore_fp_errors
from ...ops.random import filled
from .core import METHODS, assign, define, is_tensor, kind_of, sizes
from .creation import finished, new, placed, shape_of, where_of
from .engine import dl


@new
def rand(*size: Any, generator: Any = None, **where: Any) -> Any:
    return _drawn("random_uniform", shape_of(size, where), generator, **where)


@new
def randn(*size: Any, generator: Any = None, **where: Any) -> Any:
    return _drawn("random_normal", shape_of(size, where), generator, **where)


def _drawn(kernel: str, shape: tuple[int, ...], generator: Any = None, dtype: Any = None, device: Any = None) -> Any:
    return filled(kernel, shape, dtype, device, generator)


def _spread(t: Any, scale: float, shift: float) -> Any:
    """t * scale + shift, in the memory of t, which nobody else has seen."""
    a = t.array
    if type(a) is not np.ndarray or type(scale) not in _NUMBERS or type(shift) not in _NUMBERS:
        return t * scale + shift
    token = SET(QUIET)
    try:
        if scale != 1:
            np.multiply(a, scale, out=a)
        if shift != 0:
            np.add(a, shift, out=a)
    finally:
        restore_fp_errors(token)
    return t


_NUMBERS = (int, float)


@new
def randint(*args: Any, generator: Any = None, **where: Any) -> Any:
    low, high, size = _bounds(args, where)
    dtype = np.dtype(where.pop("dtype", "int64"))
    found = dl.randint(low, high, *size, generator=generator, **({} if dtype.kind not in "iu" else {"dtype": dtype}), **where)
    return found if dtype.kind in "iu" else dl.astype(found, dtype)


def _bounds(args: tuple[Any, ...], options: dict[str, Any]) -> tuple[int, int, tuple[int, ...]]:
    numbers = list(args)
    size = options.pop("size", None)
    if size is None:
        size = numbers.pop()
    low = options.pop("low", None)
    high = options.pop("high", None)
    if high is None:
        high = numbers.pop()
    if low is None:
        low = numbers.pop() if numbers else 0
    return int(low), int(high), sizes((size,))


@new
def randperm(n: int, *, generator: Any = None, dtype: Any = None, **where: Any) -> Any:
    found = dl.randperm(int(n), generator=generator, **where)
    return found if dtype is None else dl.astype(found, dtype)


@new
def rand_like(input: Any, **where: Any) -> Any:
    return _drawn("random_uniform", input.array.shape, **where_of(input, where))


@new
def randn_like(input: Any, **where: Any) -> Any:
    return _drawn("random_normal", input.array.shape, **where_of(input, where))


@new
def randint_like(input: Any, *bounds: Any, **where: Any) -> Any:
    low, high, size = _bounds((*bounds, input.shape), where)
    dtype = np.dtype(where.pop("dtype", input.dtype))
    return dl.astype(dl.randint(low, high, *size, device=input.device), dtype)


@define("normal", method=False)
def normal(mean: Any = 0.0, std: Any = 1.0, size: Any = None, *, generator: Any = None, dtype: Any = None, device: Any = None,
           requires_grad: bool = False, layout: Any = None, pin_memory: bool = False) -> Any:  # fmt: skip
    if is_tensor(mean) or is_tensor(std):
        like = mean if is_tensor(mean) else std
        shape = dl.broadcast_shapes(*(t.shape for t in (mean, std) if is_tensor(t)))
        return dl.randn(*shape, dtype=like.dtype, device=like.device, generator=generator) * std + mean
    made = _spread(dl.randn(*sizes((size,)), generator=generator, **placed(dtype, device)), std, mean)
    return finished(made, requires_grad)


@define("bernoulli")
def bernoulli(input: Any, p: Any = None, *, generator: Any = None) -> Any:
    chance = input if p is None else p
    drawn = dl.rand(*input.shape, dtype=input.dtype, device=input.device, generator=generator)
    return dl.astype(drawn < chance, input.dtype)


@define("multinomial")
def _multinomial(input: Any, num_samples: int, replacement: bool = False, *, generator: Any = None) -> Any:
    return dl.multinomial(input, num_samples, replacement, generator=generator)


@define("poisson", method=False)
def _poisson(input: Any, generator: Any = None) -> Any:
    seed = dl.randint(0, 2**62, 1, generator=generator)
    rng = np.random.default_rng(int(seed.item()))
    return dl.asarray(rng.poisson(input.numpy_copy()).astype(input.dtype), device=input.device)


def _filling(name: str, draw: Any) -> None:
    def method(self: Any, *args: Any, generator: Any = None, **options: Any) -> Any:
        drawn = draw(self, *args, generator=generator, **options)
        return assign(self, drawn if drawn.array.dtype is self.array.dtype else dl.astype(drawn, self.dtype), name)

    METHODS[name] = method


def _floating(t: Any) -> Any:
    return t.dtype if kind_of(t.dtype) == 2 else dl.get_default_dtype()


def _uniform(t: Any, a: float = 0.0, b: float = 1.0, *, generator: Any = None, **ends: float) -> Any:
    a, b = ends.get("from", a), ends.get("to", b)
    return _spread(_like("random_uniform", t, generator), b - a, a)


def _normal(t: Any, mean: float = 0.0, std: float = 1.0, *, generator: Any = None) -> Any:
    return _spread(_like("random_normal", t, generator), std, mean)


def _like(kernel: str, t: Any, generator: Any) -> Any:
    """Random numbers of a tensor's shape, dtype and device."""
    return filled(kernel, t.array.shape, _floating(t), None if t.device == backend.default_device() else t.device, generator)


def _open(t: Any, generator: Any) -> Any:
    """Uniform numbers from (0, 1]."""
    return 1 - dl.rand(*t.shape, dtype=_floating(t), device=t.device, generator=generator)


def _random(t: Any, low: Any = None, high: Any = None, *, generator: Any = None) -> Any:
    if low is not None and high is None:
        low, high = 0, low
    limit = 2**24 if kind_of(t.dtype) == 2 else 2 if t.dtype == np.bool_ else int(dl.iinfo(t.dtype).max)
    return dl.randint(low or 0, high if high is not None else limit, *t.shape, device=t.device, generator=generator)


_filling("uniform_", _uniform)
_filling("normal_", _normal)
_filling("random_", _random)
_filling("exponential_", lambda t, lambd=1.0, *, generator=None: -dl.log(_open(t, generator)) / lambd)
_filling(
    "cauchy_", lambda t, median=0.0, sigma=1.0, *, generator=None: median + sigma * dl.tan(math.pi * (_open(t, generator) - 0.5))
)
_filling("log_normal_", lambda t, mean=1.0, std=2.0, *, generator=None: dl.exp(_normal(t, mean, std, generator=generator)))
_filling("geometric_", lambda t, p, *, generator=None: dl.ceil(dl.log(_open(t, generator)) / math.log1p(-p)) + 0.0)
_filling("bernoulli_", lambda t, p=0.5, *, generator=None: dl.rand(*t.shape, device=t.device, generator=generator) < p)
