"""Samplers: which samples an epoch visits, and in what order. All draw from a dl.Generator and resume exactly."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np

from ..errors import CheckpointError, ConfigError, DataError
from ..generator import Generator, default_generator
from ..io import reading
from .draws import HostArray, integers, permutation, uniform


class Sampler:
    """Base: write draw(), which gives the sample numbers (n,) of one epoch, and __len__.

    Iterating gives one epoch. state_dict() taken inside an epoch resumes after the number last given. By default the
    generator is a fork of the one that dl.manual_seed seeds.
    """

    def __init__(self, generator: Generator | None = None) -> None:
        self.generator = default_generator.fork() if generator is None else generator
        self._start = self.generator.state_dict()
        self._given = 0
        self._resume = 0

    def __len__(self) -> int:
        raise NotImplementedError(f"{type(self).__name__}: write __len__(self)")

    def draw(self) -> Sequence[Any] | HostArray:
        """The numbers of one epoch, all random draws made."""
        raise NotImplementedError(f"{type(self).__name__}: write draw(self)")

    def begin(self) -> Sequence[Any] | HostArray:
        """Start an epoch: remember where the generator stands, and draw."""
        self._start, self._given = self.generator.state_dict(), 0
        return self.draw()

    def end(self) -> None:
        """The epoch is over: a state taken now resumes with the next one."""
        self._start, self._given = self.generator.state_dict(), 0

    def __iter__(self) -> Iterator[Any]:
        skip, self._resume = self._resume, 0
        for i, number in enumerate(islice(iter(self.begin()), skip, None), skip):
            self._given = i + 1
            yield number
        self.end()

    def state_dict(self) -> dict[str, Any]:
        """Where the epoch began in the stream of random numbers, and how many of its numbers have been given."""
        return {"generator": self._start, "given": self._given}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue after the number last given. Raises CheckpointError for what is no sampler's state."""
        with reading(type(self).__name__, CheckpointError, "not the state of a sampler"):
            start, given = dict(state["generator"]), int(state["given"])
            Generator(0).load_state_dict(start)
        if given < 0:
            raise CheckpointError(f"{type(self).__name__}: the state is at number {given}")
        self.generator.load_state_dict(start)
        self._start, self._given, self._resume = start, given, given


class BatchSampler(Sampler):
    """Base of samplers whose draw() gives a list of batches, each an array of sample numbers."""


class SequentialSampler(Sampler):
    """0, 1, ... n-1; n: a number or anything with a length."""

    def __init__(self, data_source: Any, generator: Generator | None = None) -> None:
        super().__init__(generator or Generator(0))  # draws nothing; a default would take a fork
        self.n = size_of(data_source)

    def __len__(self) -> int:
        return self.n

    def draw(self) -> Sequence[Any]:
        return range(self.n)


class RandomSampler(Sampler):
    """A new order each epoch; or, with replacement, num_samples numbers drawn independently."""

    def __init__(
        self,
        data_source: Any,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: Generator | None = None,
    ) -> None:
        super().__init__(generator)
        self.n, self.replacement = size_of(data_source), replacement
        self.num_samples = self.n if num_samples is None else _count("RandomSampler", "num_samples", num_samples)
        if not replacement and self.num_samples > self.n:
            raise ConfigError(f"RandomSampler: {self.num_samples} of {self.n} samples needs replacement=True")
        if self.num_samples and not self.n:
            raise DataError("RandomSampler: there is nothing to draw from")
        if not replacement and self.n >= 2**32:
            raise ConfigError(f"RandomSampler: an order of {self.n} samples does not fit into memory; draw with replacement=True")

    def __len__(self) -> int:
        return self.num_samples

    def draw(self) -> HostArray:
        if self.replacement:
            return integers(self.generator, 0, self.n, self.num_samples)
        return permutation(self.generator, self.n)[: self.num_samples]


class WeightedRandomSampler(Sampler):
    """num_samples numbers, each i with probability proportional to weights[i] (N,).

    Without replacement a number that has come is not drawn again, and the others share its weight.
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
        self.num_samples, self.replacement = _count("WeightedRandomSampler", "num_samples", num_samples), replacement
        possible = int(np.count_nonzero(self.weights))
        if not replacement and self.num_samples > possible:
            raise ConfigError(f"WeightedRandomSampler: {self.num_samples} of {possible} needs replacement=True")

    def __len__(self) -> int:
        return self.num_samples

    def draw(self) -> HostArray:
        if self.replacement:
            return weighted(self.generator, self.weights, self.num_samples)
        left, taken = self.weights.copy(), np.empty(0, dtype=np.int64)
        while len(taken) < self.num_samples:
            # A draw that repeats an earlier one is passed over; that is drawing from the rest.
            drawn = weighted(self.generator, left, self.num_samples - len(taken))
            fresh = drawn[np.sort(np.unique(drawn, return_index=True)[1])]
            left[fresh] = 0
            taken = np.concatenate([taken, fresh])
        return taken


class ClassBalancedSampler(Sampler):
    """Every class equally often, whatever its share of the labels (N,): small classes repeat, large ones take turns.

    Within a class no sample comes again before all have come. num_samples: numbers in an epoch, by default N.
    """

    def __init__(
        self, labels: Sequence[int] | HostArray, num_samples: int | None = None, generator: Generator | None = None
    ) -> None:
        super().__init__(generator)
        self.members = members("ClassBalancedSampler", labels)
        n = sum(len(m) for m in self.members)
        self.num_samples = n if num_samples is None else _count("ClassBalancedSampler", "num_samples", num_samples)

    def __len__(self) -> int:
        return self.num_samples

    def draw(self) -> HostArray:
        share, rest = divmod(self.num_samples, len(self.members))
        extra = set(permutation(self.generator, len(self.members))[:rest].tolist())
        parts = []
        for k, rows in enumerate(self.members):
            wanted = share + (k in extra)
            rounds = [rows[permutation(self.generator, len(rows))] for _ in range(-(-wanted // len(rows)))]
            parts.append(np.concatenate([np.empty(0, dtype=np.int64), *rounds])[:wanted])
        order = np.concatenate(parts)
        return order[permutation(self.generator, len(order))]


class EpisodeSampler(BatchSampler):
    """Episodes of few-shot learning, N-way K-shot, each with classes of its own.

    labels (N,): of all samples. A batch holds n_way * k_shot support samples, then n_way * n_query query samples, both class
    by class; support(x) and query(x) cut a batch's part accordingly, and classes within an episode are 0 ... n_way-1.
    Source: Vinyals et al. 2016, "Matching networks for one shot learning".
    """

    def __init__(
        self,
        labels: Sequence[int] | HostArray,
        n_way: int,
        k_shot: int,
        n_query: int,
        episodes: int,
        generator: Generator | None = None,
    ) -> None:
        super().__init__(generator)
        for name, value in (("n_way", n_way), ("k_shot", k_shot), ("n_query", n_query), ("episodes", episodes)):
            _count("EpisodeSampler", name, value)
        self.n_way, self.k_shot, self.n_query, self.episodes = n_way, k_shot, n_query, episodes
        self.members = [m for m in members("EpisodeSampler", labels) if len(m) >= k_shot + n_query]
        if len(self.members) < n_way:
            found = f"{len(self.members)} classes have {k_shot + n_query} samples"
            raise DataError(f"EpisodeSampler: {n_way}-way episodes are impossible: {found}")

    def __len__(self) -> int:
        return self.episodes

    def draw(self) -> list[HostArray]:
        return [self._episode() for _ in range(self.episodes)]

    def _episode(self) -> HostArray:
        chosen = permutation(self.generator, len(self.members))[: self.n_way]
        rows = [self.members[k][permutation(self.generator, len(self.members[k]))] for k in chosen]
        support = [r[: self.k_shot] for r in rows]
        query = [r[self.k_shot : self.k_shot + self.n_query] for r in rows]
        return np.concatenate([*support, *query])

    def support(self, part: Any) -> Any:
        """The support samples of a batch's part, (n_way * k_shot, ...)."""
        return part[: self.n_way * self.k_shot]

    def query(self, part: Any) -> Any:
        """The query samples of a batch's part, (n_way * n_query, ...)."""
        return part[self.n_way * self.k_shot :]

    @property
    def query_labels(self) -> HostArray:
        """The classes of the query samples within their episode, int64 (n_way * n_query,)."""
        return np.repeat(np.arange(self.n_way), self.n_query)


class BucketSampler(BatchSampler):
    """Batches of sequences of about the same length, so that little is padded; a new order each epoch.

    lengths (N,). Samples are shuffled, sorted by length within pools of `pool` batches, cut into batches, and these shuffled.
    """

    def __init__(
        self,
        lengths: Sequence[int] | HostArray,
        batch_size: int,
        drop_last: bool = False,
        pool: int = 50,
        generator: Generator | None = None,
    ) -> None:
        super().__init__(generator)
        self.lengths = np.asarray(lengths)
        if self.lengths.ndim != 1 or self.lengths.dtype.kind not in "iu":
            raise DataError(f"BucketSampler: lengths must be integers (N,), got {self.lengths.dtype} {self.lengths.shape}")
        self.batch_size = _count("BucketSampler", "batch_size", batch_size)
        self.pool, self.drop_last = _count("BucketSampler", "pool", pool), drop_last

    def __len__(self) -> int:
        full, rest = divmod(len(self.lengths), self.batch_size)
        return full + (rest > 0 and not self.drop_last)

    def draw(self) -> list[HostArray]:
        order = permutation(self.generator, len(self.lengths))
        reach = self.batch_size * self.pool
        pools = [order[i : i + reach] for i in range(0, len(order), reach)]
        ranked = [p[np.argsort(self.lengths[p], kind="stable")] for p in pools]
        # Only the last pool can leave a batch that is not full, so every other pool is cut without a rest.
        batches = [p[i : i + self.batch_size] for p in ranked for i in range(0, len(p), self.batch_size)][: len(self)]
        return [batches[i] for i in permutation(self.generator, len(batches))]


class GivenSampler(Sampler):
    """The numbers, or batches of numbers, that any iterable gives: resumes exactly if the iterable repeats itself.

    They are taken one by one, so the iterable may be without end. Of an iterator there is one epoch.
    """

    def __init__(self, numbers: Iterable[Any]) -> None:
        super().__init__(Generator(0))
        if not hasattr(numbers, "__iter__"):
            raise ConfigError(f"DataLoader: a sampler must be iterable, got a {type(numbers).__name__}")
        self.numbers, self.begun = numbers, False

    def __len__(self) -> int:
        return len(self.numbers)  # type: ignore[arg-type]

    def draw(self) -> Any:
        if self.begun and isinstance(self.numbers, Iterator):
            what = f"a sampler that is a {type(self.numbers).__name__} can be read once, and has been"
            raise DataError(f"DataLoader: {what}; for more epochs give a list, or a class whose __iter__ begins anew")
        self.begun = True
        return self.numbers


def weighted(generator: Generator, weights: HostArray, n: int) -> HostArray:
    """n numbers, i with probability weights[i] / sum(weights), by the inverse of the cumulative weights."""
    total = np.cumsum(weights)
    drawn = np.searchsorted(total, uniform(generator, n) * total[-1], side="right")
    # The product may round up to the total; the last number with a weight is meant.
    return np.asarray(np.minimum(drawn, np.flatnonzero(weights)[-1]))


def members(name: str, labels: Sequence[int] | HostArray) -> list[HostArray]:
    """For each class in ascending order, the numbers of its samples."""
    values = np.asarray(labels)
    if values.ndim != 1 or values.dtype.kind not in "iub" or not len(values):
        raise DataError(f"{name}: labels must be integers (N,), N > 0, got {values.dtype} {values.shape}")
    order = np.argsort(values, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(values[order])) + 1)


def size_of(source: Any) -> int:
    """A number as it is, of anything else its length."""
    return source if isinstance(source, int) else len(source)


def _count(name: str, argument: str, value: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigError(f"{name}: {argument} must be an integer of at least 1, got {value!r}")
    return value
