"""Samplers of whole batches: episodes of few-shot learning, and batches of sequences of similar length."""

from __future__ import annotations

from typing import TypeVar

import numpy as np

from .._tensor import Tensor
from ..errors import DataError
from ..generator import Generator
from .checks import require_integer
from .host_arrays import HostArray, Rows
from .host_random import permutation
from .samplers import Sampler, members

Part = TypeVar("Part", Tensor, HostArray)


class BatchSampler(Sampler):
    """Base of samplers whose ``draw`` gives a list of batches, each an array of sample numbers.

    Parameters
    ----------
    generator : Generator, optional
        Source of the random numbers, by default a fork of the default generator.

    Examples
    --------
    >>> class Pairs(dl.data.BatchSampler):
    ...     def __len__(self):
    ...         return 2
    ...     def draw(self):
    ...         return [[0, 1], [2, 3]]
    >>> loader = dl.data.DataLoader(np.arange(4.0), batch_sampler=Pairs())
    >>> [x.numpy().tolist() for (x,) in loader]
    [[0.0, 1.0], [2.0, 3.0]]
    """


class EpisodeSampler(BatchSampler):
    """Episodes of few-shot learning, N-way K-shot, each with random classes.

    A batch holds ``n_way * k_shot`` support samples, then ``n_way * n_query`` query samples, both ordered by class. The classes
    of an episode are numbered 0 ... n_way-1. ``support`` and ``query`` cut a part of a batch accordingly.

    Parameters
    ----------
    labels : array_like
        Class of each sample (N,), integers.
    n_way : int
        Classes in an episode.
    k_shot : int
        Support samples of each class.
    n_query : int
        Query samples of each class.
    episodes : int
        Episodes in an epoch.
    generator : Generator, optional
        Source of the random numbers, by default a fork of the default generator.

    Raises
    ------
    ConfigError
        If a number is not a positive integer.
    DataError
        If fewer than ``n_way`` classes have ``k_shot + n_query`` samples.

    References
    ----------
    Vinyals et al., "Matching networks for one shot learning", 2016, arXiv:1606.04080.

    Examples
    --------
    >>> images, labels = dl.data.digits().arrays
    >>> sampler = dl.data.EpisodeSampler(labels, n_way=5, k_shot=1, n_query=2, episodes=1)
    >>> (rows,) = sampler
    >>> len(sampler.support(rows)), len(sampler.query(rows))
    (5, 10)
    >>> (labels[sampler.support(rows)].repeat(2) == labels[sampler.query(rows)]).all()
    np.True_
    """

    def __init__(
        self,
        labels: Rows,
        n_way: int,
        k_shot: int,
        n_query: int,
        episodes: int,
        generator: Generator | None = None,
    ) -> None:
        super().__init__(generator)
        for name, value in (("n_way", n_way), ("k_shot", k_shot), ("n_query", n_query), ("episodes", episodes)):
            require_integer("EpisodeSampler", name, value)
        self.n_way, self.k_shot, self.n_query, self.episodes = n_way, k_shot, n_query, episodes
        self.members = [m for m in members("EpisodeSampler", labels) if len(m) >= k_shot + n_query]
        if len(self.members) < n_way:
            found = f"{len(self.members)} classes have {k_shot + n_query} samples"
            raise DataError(f"EpisodeSampler: {n_way}-way episodes are impossible: {found}")

    def __len__(self) -> int:
        return self.episodes

    def draw(self) -> list[HostArray]:
        """The episodes of one epoch.

        Returns
        -------
        list of numpy.ndarray
            For each episode, the sample numbers (n_way * (k_shot + n_query),).
        """
        return [self._episode() for _ in range(self.episodes)]

    def _episode(self) -> HostArray:
        """The sample numbers of one episode."""
        chosen = permutation(self.generator, len(self.members))[: self.n_way]
        rows = [self.members[k][permutation(self.generator, len(self.members[k]))] for k in chosen]
        support = [r[: self.k_shot] for r in rows]
        query = [r[self.k_shot : self.k_shot + self.n_query] for r in rows]
        return np.concatenate([*support, *query])

    def support(self, part: Part) -> Part:
        """The support samples in one part of a batch.

        Parameters
        ----------
        part : Tensor or numpy.ndarray
            Part of a batch (n_way * (k_shot + n_query), ...).

        Returns
        -------
        Tensor or numpy.ndarray
            Its first rows (n_way * k_shot, ...).
        """
        return part[: self.n_way * self.k_shot]

    def query(self, part: Part) -> Part:
        """The query samples in one part of a batch.

        Parameters
        ----------
        part : Tensor or numpy.ndarray
            Part of a batch (n_way * (k_shot + n_query), ...).

        Returns
        -------
        Tensor or numpy.ndarray
            Its last rows (n_way * n_query, ...).
        """
        return part[self.n_way * self.k_shot :]

    @property
    def query_labels(self) -> HostArray:
        """The classes of the query samples within their episode, int64 (n_way * n_query,)."""
        return np.repeat(np.arange(self.n_way), self.n_query)


class BucketSampler(BatchSampler):
    """Batches of sequences of similar length, so that little padding is needed.

    Each epoch, samples are shuffled, sorted by length within pools of ``pool`` batches, and cut into batches, which are shuffled.

    Parameters
    ----------
    lengths : array_like
        Length of each sequence (N,), integers.
    batch_size : int
        Samples in a batch.
    drop_last : bool, default False
        Leave out the last batch if it is not full.
    pool : int, default 50
        Batches that are sorted together; more give more equal lengths and less randomness.
    generator : Generator, optional
        Source of the random numbers, by default a fork of the default generator.

    Raises
    ------
    DataError
        If the lengths are not integers (N,).
    ConfigError
        If ``batch_size`` or ``pool`` is not a positive integer.

    Examples
    --------
    >>> lengths = np.array([9, 2, 8, 1, 9, 2])
    >>> sorted(sorted(lengths[rows].tolist()) for rows in dl.data.BucketSampler(lengths, batch_size=3))
    [[1, 2, 2], [8, 9, 9]]
    """

    def __init__(
        self,
        lengths: Rows,
        batch_size: int,
        drop_last: bool = False,
        pool: int = 50,
        generator: Generator | None = None,
    ) -> None:
        super().__init__(generator)
        self.lengths = np.asarray(lengths)
        if self.lengths.ndim != 1 or self.lengths.dtype.kind not in "iu":
            raise DataError(f"BucketSampler: lengths must be integers (N,), got {self.lengths.dtype} {self.lengths.shape}")
        self.batch_size = require_integer("BucketSampler", "batch_size", batch_size)
        self.pool, self.drop_last = require_integer("BucketSampler", "pool", pool), drop_last

    def __len__(self) -> int:
        full, rest = divmod(len(self.lengths), self.batch_size)
        return full + (rest > 0 and not self.drop_last)

    def draw(self) -> list[HostArray]:
        """The batches of one epoch.

        Returns
        -------
        list of numpy.ndarray
            Sample numbers (batch_size,) of each batch; the shortest batch may hold fewer.
        """
        order = permutation(self.generator, len(self.lengths))
        reach = self.batch_size * self.pool
        pools = [order[i : i + reach] for i in range(0, len(order), reach)]
        ranked = [p[np.argsort(self.lengths[p], kind="stable")] for p in pools]
        # Only the last pool can end in a batch that is not full.
        batches = [p[i : i + self.batch_size] for p in ranked for i in range(0, len(p), self.batch_size)][: len(self)]
        return [batches[i] for i in permutation(self.generator, len(batches))]
