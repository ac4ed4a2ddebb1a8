"""Random NumPy arrays from a Generator, whatever the backend: the same bits as dl.rand, dl.randn and dl.randperm give.

The reference kernels make them, as small draws would not repay the loading of others; only many normal numbers are left
to numba where that is in force (35 times as fast).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextvars import ContextVar
from math import prod
from typing import Any

import numpy as np

from .. import backend
from ..errors import ConfigError
from ..generator import Generator

HostArray = np.ndarray[Any, Any]

_current: ContextVar[Generator | None] = ContextVar("dlengine_batch_generator", default=None)


MANY = 2**14
"""Normal numbers from which on compiled kernels repay their loading."""


def _xp() -> Any:
    return backend.namespace(backend.NUMPY, None)


def uniform(generator: Generator, shape: int | Sequence[int], dtype: Any = np.float64) -> HostArray:
    """Uniform numbers in [0, 1)."""
    return _drawn(_xp(), "random_uniform", generator, shape, dtype)


def normal(generator: Generator, shape: int | Sequence[int], dtype: Any = np.float64) -> HostArray:
    """Standard normal numbers."""
    many = prod((shape,) if isinstance(shape, int) else shape) >= MANY
    xp = backend.fastest_host() if many else _xp()
    return _drawn(xp, "random_normal", generator, shape, dtype)


def integers(generator: Generator, low: int, high: int | HostArray, shape: int | Sequence[int]) -> HostArray:
    """Integers with low <= value < high, int64; high may be an array that broadcasts to the shape."""
    return np.asarray(low + np.floor(uniform(generator, shape) * (np.asarray(high) - low)).astype(np.int64))


def permutation(generator: Generator, n: int) -> HostArray:
    """The numbers 0 ... n-1 in random order, int64: what dl.randperm gives for the same generator."""
    if n >= 2**32:
        raise ConfigError(f"an order of {n} samples does not fit into memory; draw with RandomSampler(replacement=True)")
    key, counter = generator.take(n)
    return np.asarray(_xp().random_permutation(key, counter, n))


def _drawn(xp: Any, kernel: str, generator: Generator, shape: int | Sequence[int], dtype: Any) -> HostArray:
    size = (shape,) if isinstance(shape, int) else tuple(shape)
    n, chosen = prod(size), np.dtype(dtype)
    key, counter = generator.take(2 * n if chosen.itemsize == 8 else n)
    return np.asarray(getattr(xp, kernel)(key, counter, n, chosen)).reshape(size)


def derived_seed(generator: Generator, number: int) -> int:
    """A seed for job number `number` of what this generator stands before: the same whoever does the job, and in what order."""
    state = generator.state_dict()
    text = f"{state['seed']} {state['counter']} {state['forks']} {number}"
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def batch_generator() -> Generator | None:
    """While a DataLoader makes a batch: the generator of that batch, to draw from inside __getitem__, batch or __iter__.

    It depends on the loader's generator, the epoch and the batch, not on which worker makes it. Outside a loader: None.
    """
    return _current.get()
