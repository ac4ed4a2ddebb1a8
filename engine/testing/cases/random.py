"""Rows of random tensors: bit-equal on every backend, from a generator of their own."""

from __future__ import annotations

from typing import Any

from ...errors import ConfigError, DTypeError
from ...generator import Generator
from ...ops import random as ops
from ..table import case, error, exact, normal, sample, ulp


def rand(like: Any, **consts: Any) -> Any:
    """rand of the sample's shape and dtype, seeded."""
    return ops.rand(like.shape, dtype=consts.pop("dtype", like.dtype), device=like.device, generator=Generator(7), **consts)


def randn(like: Any, **consts: Any) -> Any:
    """randn of the sample's shape and dtype, seeded."""
    return ops.randn(like.shape, dtype=consts.pop("dtype", like.dtype), device=like.device, generator=Generator(8), **consts)


def bernoulli(like: Any, p: float = 0.3) -> Any:
    """bernoulli of the sample's shape, seeded."""
    return ops.bernoulli(p, like.shape, device=like.device, generator=Generator(9))


def randint(like: Any, low: int = -3, high: int = 1000) -> Any:
    """randint of the sample's shape, seeded."""
    return ops.randint(low, high, like.shape, device=like.device, generator=Generator(10))


def randperm(like: Any, n: int = 101) -> Any:
    """randperm, seeded."""
    return ops.randperm(n, device=like.device, generator=Generator(11))


def dropout(x: Any, p: float = 0.4, **consts: Any) -> Any:
    """dropout with a seeded mask."""
    return ops.dropout(x, p, generator=Generator(12), **consts)


_SHAPES = (sample(normal(7, 19)), sample(normal(0)), sample(normal(1025)))

case(
    rand, *_SHAPES, error(DTypeError, "dtype must be floating", normal(3), dtype="int64"),
    bound=exact, differentiable=False, kernels=("random_uniform",), tags=("own dtype",),
)  # fmt: skip
case(randn, *_SHAPES, bound=exact, differentiable=False, kernels=("random_normal",), tags=("own dtype",))
case(
    bernoulli, *_SHAPES, sample(normal(9), p=1.0), sample(normal(9), p=0.0),
    error(ConfigError, "between 0 and 1", normal(3), p=1.5),
    bound=exact, differentiable=False, kernels=("random_bernoulli",),
)  # fmt: skip
case(
    randint, *_SHAPES, error(ConfigError, "low < high", normal(3), low=2, high=2), bound=exact, differentiable=False,
    kernels=("random_uniform",),
)  # fmt: skip
case(
    randperm, sample(normal(1)), sample(normal(1), n=0), sample(normal(1), n=1),
    error(ConfigError, "at least 0", normal(1), n=-1),
    bound=exact, differentiable=False, kernels=("random_permutation",),
)  # fmt: skip
case(
    dropout,
    sample(normal(7, 9)),
    sample(normal(4, 3, 5, 5), mask_shape=(4, 3, 1, 1)),
    sample(normal(5), p=0.0),
    sample(normal(5), p=1.0),
    sample(normal(5), training=False),
    error(ConfigError, "between 0 and 1", normal(3), p=-0.1),
    bound=ulp(1),
    kernels=("random_bernoulli",),
)
