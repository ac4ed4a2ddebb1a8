"""Random NumPy arrays from a Generator, with the same bits as ``dl.rand``, ``dl.randn`` and ``dl.randperm`` on every backend.

The reference kernels compute them, because loading compiled kernels takes longer than a small draw. Only large draws of normal
numbers use numba's kernels where that backend is in use (35 times as fast).
"""

from __future__ import annotations

import hashlib
from contextvars import ContextVar
from math import prod
from typing import Any

import numpy as np

from .. import backend
from ..errors import ConfigError
from ..generator import Generator
from ..typing import DTypeLike, Shape
from .host_arrays import HostArray

_current: ContextVar[Generator | None] = ContextVar("dlengine_batch_generator", default=None)

MANY = 2**14
"""Number of normal numbers from which compiled kernels are used."""


def _reference_kernels() -> Any:
    """The namespace of the reference kernels."""
    return backend.namespace_of(backend.NUMPY, None)


def uniform(generator: Generator, shape: Shape, dtype: DTypeLike = np.float64) -> HostArray:
    """Uniform random numbers in [0, 1)."""
    return _draw(_reference_kernels(), "random_uniform", generator, shape, dtype)


def normal(generator: Generator, shape: Shape, dtype: DTypeLike = np.float64) -> HostArray:
    """Standard normal random numbers."""
    many = prod((shape,) if isinstance(shape, int) else shape) >= MANY
    xp = backend.fastest_host() if many else _reference_kernels()
    return _draw(xp, "random_normal", generator, shape, dtype)


def integers(generator: Generator, low: int, high: int | HostArray, shape: Shape) -> HostArray:
    """Random integers with ``low <= value < high``, int64; ``high`` may be an array that broadcasts to the shape."""
    return np.asarray(low + np.floor(uniform(generator, shape) * (np.asarray(high) - low)).astype(np.int64))


def permutation(generator: Generator, n: int) -> HostArray:
    """The numbers 0 ... n-1 in random order, int64, as ``dl.randperm`` gives them for the same generator."""
    if n >= 2**32:
        raise ConfigError(f"an order of {n} samples does not fit into memory; draw with RandomSampler(replacement=True)")
    key, counter = generator.take(n)
    return np.asarray(_reference_kernels().random_permutation(key, counter, n))


def _draw(xp: Any, kernel: str, generator: Generator, shape: Shape, dtype: DTypeLike) -> HostArray:
    """Call a random kernel for an array of this shape and dtype."""
    size = (shape,) if isinstance(shape, int) else tuple(shape)
    chosen = np.dtype(dtype)
    draw = generator.draw(size, 2 if chosen.itemsize == 8 else 1)
    return np.asarray(draw.cut(np, getattr(xp, kernel)(draw.key, draw.counter, draw.made, chosen)))


def derived_seed(generator: Generator, number: int) -> int:
    """A seed for job ``number``. It depends only on the generator's state and the number, not on when and where the job runs."""
    state = generator.state_dict()
    text = f"{state['seed']} {state['counter']} {state['forks']} {number}"
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def batch_generator() -> Generator | None:
    """The random generator of the batch that a DataLoader is making.

    Call it inside ``__getitem__``, ``batch`` or ``__iter__`` of a data set to draw random numbers there. The generator depends
    on the loader's generator, the epoch and the batch, not on the worker that makes the batch.

    Returns
    -------
    Generator or None
        The generator of the current batch; None outside a loader.

    Examples
    --------
    >>> class Noise(dl.data.Dataset):
    ...     def __len__(self):
    ...         return 4
    ...     def __getitem__(self, index):
    ...         return dl.randn(3, generator=dl.data.batch_generator())
    >>> (x,) = next(iter(dl.data.DataLoader(Noise(), batch_size=4)))
    >>> x.shape
    (4, 3)
    >>> dl.data.batch_generator() is None
    True
    """
    return _current.get()
