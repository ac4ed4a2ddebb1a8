"""Parts of a data set: Subset, and splits at random, by class and by group."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import DataError
from ..generator import Generator, default_generator
from .adapt import as_dataset
from .dataset import ArrayDataset, Dataset
from .host_arrays import HostArray, Rows
from .host_random import permutation
from .iterable import IterableDataset


class Subset(Dataset):
    """Some samples of a data set, in a given order; nothing is copied.

    Parameters
    ----------
    dataset : Dataset or object with ``__len__`` and ``__getitem__``
        The whole data set.
    indices : sequence of int
        Sample numbers (M,).

    Raises
    ------
    DataError
        If ``dataset`` is a stream, or an index is out of range.

    Examples
    --------
    >>> ones = dl.data.Subset(dl.data.digits(), [1, 11, 21])
    >>> len(ones)
    3
    >>> ones.batch([0, 1, 2])[1]
    array([1, 1, 1])
    """

    def __init__(self, dataset: Any, indices: Rows) -> None:
        adapted = as_dataset(dataset)
        if isinstance(adapted, IterableDataset):
            raise DataError("Subset: a stream has no sample numbers; expected a data set with __len__ and __getitem__")
        self.dataset: Dataset = adapted
        self.indices = np.asarray(indices, dtype=np.int64)
        n = len(adapted)
        if self.indices.ndim != 1 or (len(self.indices) and not 0 <= self.indices.min() <= self.indices.max() < n):
            raise DataError(f"Subset: indices must be numbers (M,) from 0 to {n - 1}")

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> Any:
        return self.dataset[int(self.indices[index])]

    def batch(self, rows: Rows) -> Any:
        """Several samples as one batch.

        Parameters
        ----------
        rows : sequence of int
            Sample numbers (N,) within the subset.

        Returns
        -------
        tuple or dict
            The batch, as the whole data set gives it.
        """
        return self.dataset.batch(self.indices[np.asarray(rows, dtype=np.int64)])

    @property
    def classes(self) -> tuple[str, ...] | None:
        """The names of the classes, or None if the data set has none."""
        return getattr(self.dataset, "classes", None)


def labels_of(dataset: Dataset) -> HostArray:
    """The labels (N,): the last array of an ArrayDataset, found through subsets. Raises DataError if there are none."""
    if isinstance(dataset, Subset):
        return labels_of(dataset.dataset)[dataset.indices]
    if isinstance(dataset, ArrayDataset) and dataset.arrays[-1].ndim == 1 and dataset.arrays[-1].dtype.kind in "iub":
        return dataset.arrays[-1]
    raise DataError(f"{type(dataset).__name__}: has no integer labels (N,) as its last array; pass labels=")


def random_split(
    dataset: Any, lengths: Sequence[int] | Sequence[float], generator: Generator | None = None
) -> list[Subset]:
    """Split a data set into disjoint random parts.

    Parameters
    ----------
    dataset : Dataset or object with ``__len__`` and ``__getitem__``
        The N samples.
    lengths : sequence of int or of float
        Size of each part, numbers that sum to N or fractions that sum to 1. Samples left over by rounding go to the parts one
        by one, from the first.
    generator : Generator, optional
        Source of the random order, by default the default generator.

    Returns
    -------
    list of Subset
        The parts.

    Raises
    ------
    DataError
        If the lengths do not sum to N or 1.

    Examples
    --------
    >>> train, test = dl.data.random_split(dl.data.digits(), [0.8, 0.2])
    >>> len(train), len(test)
    (1438, 359)
    """
    sizes = _sizes("random_split", lengths, len(dataset))
    order = permutation(generator or default_generator, len(dataset))
    return [Subset(dataset, part) for part in np.split(order, np.cumsum(sizes)[:-1])]


def stratified_split(
    dataset: Any,
    fractions: Sequence[float],
    labels: Rows | None = None,
    generator: Generator | None = None,
) -> list[Subset]:
    """Split a data set into disjoint random parts with the same proportions of classes.

    A part's share of each class is within one sample of its fraction.

    Parameters
    ----------
    dataset : Dataset or object with ``__len__`` and ``__getitem__``
        The N samples.
    fractions : sequence of float
        Share of each part; they sum to 1.
    labels : array_like, optional
        Class of each sample (N,), by default the integer labels of the data set.
    generator : Generator, optional
        Source of the random order, by default the default generator.

    Returns
    -------
    list of Subset
        The parts.

    Raises
    ------
    DataError
        If the fractions do not sum to 1, or there are no labels (N,).

    Examples
    --------
    >>> data = dl.data.ArrayDataset(np.arange(8), [0, 0, 0, 0, 0, 0, 1, 1])
    >>> half, other = dl.data.stratified_split(data, [0.5, 0.5])
    >>> np.bincount(half.batch(range(len(half)))[1])
    array([3, 1])
    """
    values = np.asarray(labels_of(dataset) if labels is None else labels)
    if values.shape != (len(dataset),):
        raise DataError(f"stratified_split: expected labels ({len(dataset)},), got shape {values.shape}")
    edges = _edges("stratified_split", fractions)
    source = generator or default_generator
    order = permutation(source, len(dataset))
    parts: list[list[HostArray]] = [[] for _ in fractions]
    for value in np.unique(values):
        rows = order[values[order] == value]
        cuts = np.floor(edges * len(rows) + 0.5).astype(np.int64)
        for part, chunk in zip(parts, np.split(rows, cuts[1:-1]), strict=True):
            part.append(chunk)
    joined = [np.concatenate([np.empty(0, dtype=np.int64), *part]) for part in parts]
    return [Subset(dataset, rows[permutation(source, len(rows))]) for rows in joined]


def group_split(
    dataset: Any, fractions: Sequence[float], groups: Sequence[Any] | HostArray, generator: Generator | None = None
) -> list[Subset]:
    """Split a data set into disjoint random parts, keeping each group together.

    Groups are, for instance, all translations of a sentence, or all drawings by one person. The parts are as close to their
    fractions as whole groups in random order allow.

    Parameters
    ----------
    dataset : Dataset or object with ``__len__`` and ``__getitem__``
        The N samples.
    fractions : sequence of float
        Share of each part; they sum to 1.
    groups : array_like
        Group of each sample (N,), numbers or strings.
    generator : Generator, optional
        Source of the random order, by default the default generator.

    Returns
    -------
    list of Subset
        The parts.

    Raises
    ------
    DataError
        If the fractions do not sum to 1, or the groups are not (N,).

    Examples
    --------
    >>> writers = np.array(["ann", "bob", "ann", "bob", "eve", "eve"])
    >>> train, test = dl.data.group_split(np.arange(6), [2 / 3, 1 / 3], groups=writers)
    >>> len(train), len(test), len(set(writers[test.indices]))
    (4, 2, 1)
    """
    values = np.asarray(groups)
    if values.shape != (len(dataset),):
        raise DataError(f"group_split: expected groups ({len(dataset)},), got shape {values.shape}")
    edges = _edges("group_split", fractions)
    source = generator or default_generator
    names, number = np.unique(values, return_inverse=True)
    rank = permutation(source, len(names))[number]
    order = np.argsort(rank, kind="stable")
    sizes = np.cumsum(np.bincount(rank, minlength=len(names)))
    # A group belongs to the part that contains its middle sample.
    middle = sizes - np.bincount(rank, minlength=len(names)) / 2
    part_of = np.searchsorted(edges[1:-1] * len(dataset), middle, side="right")
    rows = [order[part_of[rank[order]] == k] for k in range(len(fractions))]
    return [Subset(dataset, r[permutation(source, len(r))]) for r in rows]


def _edges(name: str, fractions: Sequence[float]) -> HostArray:
    """The cumulative fractions, from 0 to 1."""
    values = np.asarray(fractions, dtype=np.float64)
    if values.ndim != 1 or not len(values) or not (values >= 0).all() or abs(values.sum() - 1) > 1e-6:
        raise DataError(f"{name}: fractions must be at least 0 and sum to 1, got {list(fractions)}")
    edges = np.concatenate([[0.0], np.cumsum(values)])
    edges[-1] = 1.0
    return edges


def _sizes(name: str, lengths: Sequence[int] | Sequence[float], n: int) -> list[int]:
    """The number of samples in each part."""
    if all(isinstance(v, int | np.integer) for v in lengths):
        sizes = [int(v) for v in lengths]
        if min(sizes, default=-1) < 0 or sum(sizes) != n:
            raise DataError(f"{name}: lengths {sizes} must sum to the {n} samples")
        return sizes
    _edges(name, lengths)
    sizes = [int(fraction * n + 1e-9) for fraction in lengths]
    for i in range(n - sum(sizes)):
        sizes[i % len(sizes)] += 1
    return sizes
