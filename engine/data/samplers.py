"""Samplers choose the samples of an epoch and their order. They draw from a ``dl.Generator`` and resume exactly."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Sized
from itertools import islice
from typing import Any

import numpy as np

from ..errors import CheckpointError, ConfigError, DataError
from ..generator import Generator, default_generator
from ..io import reading
from .checks import require_integer
from .host_arrays import HostArray, Rows
from .host_random import integers, permutation, uniform


class Sampler:
    """Base of samplers; a subclass defines ``draw``, which gives the sample numbers of one epoch, and ``__len__``.

    Iterating gives one epoch. A ``state_dict`` taken inside an epoch resumes after the number last given.

    Parameters
    ----------
    generator : Generator, optional
        Source of the random numbers, by default a fork of the default generator.

    Examples
    --------
    >>> class EvenNumbers(dl.data.Sampler):
    ...     def __len__(self):
    ...         return 3
    ...     def draw(self):
    ...         return [0, 2, 4]
    >>> list(EvenNumbers())
    [0, 2, 4]
    """

    def __init__(self, generator: Generator | None = None) -> None:
        self.generator = default_generator.fork() if generator is None else generator
        self._start = self.generator.state_dict()
        self._given = 0
        self._resume = 0

    def __len__(self) -> int:
        raise NotImplementedError(f"{type(self).__name__}: write __len__(self)")

    def draw(self) -> Sequence[Any] | HostArray:
        """Make all random draws of one epoch.

        Returns
        -------
        sequence or numpy.ndarray
            The sample numbers (n,), or a list of batches of them.
        """
        raise NotImplementedError(f"{type(self).__name__}: write draw(self)")

    def begin(self) -> Sequence[Any] | HostArray:
        """Start an epoch: save the position of the generator and draw.

        Returns
        -------
        sequence or numpy.ndarray
            The sample numbers (n,), or a list of batches of them.
        """
        self._start, self._given = self.generator.state_dict(), 0
        return self.draw()

    def end(self) -> None:
        """End an epoch; a state taken now resumes with the next one."""
        self._start, self._given = self.generator.state_dict(), 0

    def __iter__(self) -> Iterator[Any]:
        skip, self._resume = self._resume, 0
        for i, number in enumerate(islice(iter(self.begin()), skip, None), skip):
            self._given = i + 1
            yield number
        self.end()

    def state_dict(self) -> dict[str, Any]:
        """The position of the sampler in its epoch.

        Returns
        -------
        dict
            The generator's state at the beginning of the epoch, and how many numbers have been given.
        """
        return {"generator": self._start, "given": self._given}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue after the number last given.

        Parameters
        ----------
        state : dict
            What ``state_dict`` returned.

        Raises
        ------
        CheckpointError
            If this is not the state of a sampler.
        """
        with reading(type(self).__name__, CheckpointError, "not the state of a sampler"):
            start, given = dict(state["generator"]), int(state["given"])
            Generator(0).load_state_dict(start)
        if given < 0:
            raise CheckpointError(f"{type(self).__name__}: the state is at number {given}")
        self.generator.load_state_dict(start)
        self._start, self._given, self._resume = start, given, given


class SequentialSampler(Sampler):
    """The numbers 0, 1, ... n-1 in order.

    Parameters
    ----------
    data_source : int or sized object
        The number n, or an object with length n.
    generator : Generator, optional
        Not used; no random numbers are drawn.

    Examples
    --------
    >>> list(dl.data.SequentialSampler(4))
    [0, 1, 2, 3]
    """

    def __init__(self, data_source: int | Sized, generator: Generator | None = None) -> None:
        super().__init__(generator or Generator(0))  # draws nothing; the default would advance the default generator
        self.n = size_of(data_source)

    def __len__(self) -> int:
        return self.n

    def draw(self) -> Sequence[Any]:
        """The numbers in order.

        Returns
        -------
        sequence of int
            ``range(n)``.
        """
        return range(self.n)


class RandomSampler(Sampler):
    """Samples in a new random order each epoch, or drawn independently with replacement.

    Parameters
    ----------
    data_source : int or sized object
        The number n of samples, or an object with length n.
    replacement : bool, default False
        Draw each number independently, so that numbers may repeat.
    num_samples : int, optional
        Numbers in an epoch, by default n. Without replacement at most n.
    generator : Generator, optional
        Source of the random numbers, by default a fork of the default generator.

    Raises
    ------
    ConfigError
        If ``num_samples`` is not a positive integer or needs replacement, or if an order of n numbers does not fit into memory.
    DataError
        If there are no samples to draw from.

    Examples
    --------
    >>> sampler = dl.data.RandomSampler(5, generator=dl.Generator(0))
    >>> np.sort(list(sampler))
    array([0, 1, 2, 3, 4])
    >>> len(list(dl.data.RandomSampler(5, replacement=True, num_samples=8)))
    8
    """

    def __init__(
        self,
        data_source: int | Sized,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: Generator | None = None,
    ) -> None:
        super().__init__(generator)
        self.n, self.replacement = size_of(data_source), replacement
        self.num_samples = self.n if num_samples is None else require_integer("RandomSampler", "num_samples", num_samples)
        if not replacement and self.num_samples > self.n:
            raise ConfigError(f"RandomSampler: {self.num_samples} of {self.n} samples needs replacement=True")
        if self.num_samples and not self.n:
            raise DataError("RandomSampler: there is nothing to draw from")
        if not replacement and self.n >= 2**32:
            raise ConfigError(f"RandomSampler: an order of {self.n} samples does not fit into memory; draw with replacement=True")

    def __len__(self) -> int:
        return self.num_samples

    def draw(self) -> HostArray:
        """The random numbers of one epoch.

        Returns
        -------
        numpy.ndarray
            Sample numbers (num_samples,), int64.
        """
        if self.replacement:
            return integers(self.generator, 0, self.n, self.num_samples)
        return permutation(self.generator, self.n)[: self.num_samples]


class WeightedRandomSampler(Sampler):
    """Samples drawn with given probabilities.

    Number i comes with probability ``weights[i] / sum(weights)``. Without replacement, a number is drawn at most once, and the
    others share its weight.

    Parameters
    ----------
    weights : array_like
        Weights (N,), at least 0 and not all 0.
    num_samples : int
        Numbers in an epoch.
    replacement : bool, default True
        Whether numbers may repeat.
    generator : Generator, optional
        Source of the random numbers, by default a fork of the default generator.

    Raises
    ------
    DataError
        If the weights are not one-dimensional, finite and at least 0, or are all 0.
    ConfigError
        If ``num_samples`` is not a positive integer, or needs replacement.

    Examples
    --------
    >>> sampler = dl.data.WeightedRandomSampler([0.0, 1.0, 0.0, 1.0], 100)
    >>> np.unique(list(sampler))
    array([1, 3])
    """

    def __init__(
        self,
        weights: Sequence[float] | HostArray,
        num_samples: int,
        replacement: bool = True,
        generator: Generator | None = None,
    ) -> None:
        super().__init__(generator)
        self.weights = np.asarray(weights, dtype=np.float64)
        if self.weights.ndim != 1 or not np.isfinite(self.weights).all() or (self.weights < 0).any() or not self.weights.any():
            raise DataError("WeightedRandomSampler: weights (N,) must be finite, at least 0 and not all 0")
        self.num_samples, self.replacement = require_integer("WeightedRandomSampler", "num_samples", num_samples), replacement
        possible = int(np.count_nonzero(self.weights))
        if not replacement and self.num_samples > possible:
            raise ConfigError(f"WeightedRandomSampler: {self.num_samples} of {possible} needs replacement=True")

    def __len__(self) -> int:
        return self.num_samples

    def draw(self) -> HostArray:
        """The random numbers of one epoch.

        Returns
        -------
        numpy.ndarray
            Sample numbers (num_samples,), int64.
        """
        if self.replacement:
            return weighted(self.generator, self.weights, self.num_samples)
        left, taken = self.weights.copy(), np.empty(0, dtype=np.int64)
        while len(taken) < self.num_samples:
            # Skipping repeated draws equals drawing from the remaining numbers.
            drawn = weighted(self.generator, left, self.num_samples - len(taken))
            fresh = drawn[np.sort(np.unique(drawn, return_index=True)[1])]
            left[fresh] = 0
            taken = np.concatenate([taken, fresh])
        return taken


class ClassBalancedSampler(Sampler):
    """Samples of every class equally often, whatever the size of the class.

    Samples of small classes repeat. Within a class no sample repeats before all have been drawn.

    Parameters
    ----------
    labels : array_like
        Class of each sample (N,), integers.
    num_samples : int, optional
        Numbers in an epoch, by default N.
    generator : Generator, optional
        Source of the random numbers, by default a fork of the default generator.

    Raises
    ------
    DataError
        If the labels are not integers (N,).
    ConfigError
        If ``num_samples`` is not a positive integer.

    Examples
    --------
    >>> labels = np.array([0, 0, 0, 0, 0, 0, 1, 1])
    >>> numbers = list(dl.data.ClassBalancedSampler(labels))
    >>> np.bincount(labels[numbers])
    array([4, 4])
    """

    def __init__(
        self, labels: Rows, num_samples: int | None = None, generator: Generator | None = None
    ) -> None:
        super().__init__(generator)
        self.members = members("ClassBalancedSampler", labels)
        n = sum(len(m) for m in self.members)
        self.num_samples = n if num_samples is None else require_integer("ClassBalancedSampler", "num_samples", num_samples)

    def __len__(self) -> int:
        return self.num_samples

    def draw(self) -> HostArray:
        """The random numbers of one epoch.

        Returns
        -------
        numpy.ndarray
            Sample numbers (num_samples,), int64.
        """
        share, rest = divmod(self.num_samples, len(self.members))
        extra = set(permutation(self.generator, len(self.members))[:rest].tolist())
        parts = []
        for k, rows in enumerate(self.members):
            wanted = share + (k in extra)
            rounds = [rows[permutation(self.generator, len(rows))] for _ in range(-(-wanted // len(rows)))]
            parts.append(np.concatenate([np.empty(0, dtype=np.int64), *rounds])[:wanted])
        order = np.concatenate(parts)
        return order[permutation(self.generator, len(order))]


class GivenSampler(Sampler):
    """The numbers, or batches of numbers, from any iterable. It resumes exactly if the iterable repeats itself.

    Numbers are read one by one, so the iterable may be infinite. An iterator gives one epoch only.
    """

    def __init__(self, numbers: Iterable[Any]) -> None:
        super().__init__(Generator(0))
        if not hasattr(numbers, "__iter__"):
            raise ConfigError(f"DataLoader: a sampler must be iterable, got a {type(numbers).__name__}")
        self.numbers, self.begun = numbers, False

    def __len__(self) -> int:
        return len(self.numbers)  # type: ignore[arg-type]

    def draw(self) -> Any:
        """The iterable itself; an iterator that has been read is an error."""
        if self.begun and isinstance(self.numbers, Iterator):
            what = f"a sampler that is a {type(self.numbers).__name__} can be read once, and has been"
            raise DataError(f"DataLoader: {what}; for more epochs give a list, or a class whose __iter__ begins anew")
        self.begun = True
        return self.numbers


def weighted(generator: Generator, weights: HostArray, n: int) -> HostArray:
    """Draw n numbers, i with probability ``weights[i] / sum(weights)``, by inverting the cumulative sum of the weights."""
    total = np.cumsum(weights)
    drawn = np.searchsorted(total, uniform(generator, n) * total[-1], side="right")
    # The product may round up to the total, which means the last number with a weight.
    return np.asarray(np.minimum(drawn, np.flatnonzero(weights)[-1]))


def members(name: str, labels: Rows) -> list[HostArray]:
    """The sample numbers of each class, classes in ascending order."""
    values = np.asarray(labels)
    if values.ndim != 1 or values.dtype.kind not in "iub" or not len(values):
        raise DataError(f"{name}: labels must be integers (N,), N > 0, got {values.dtype} {values.shape}")
    order = np.argsort(values, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(values[order])) + 1)


def size_of(source: int | Sized) -> int:
    """A number as it is, or the length of another object."""
    return source if isinstance(source, int) else len(source)
