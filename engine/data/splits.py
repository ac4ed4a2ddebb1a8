"""Parts of a data set: Subset, and splits at random, by class, and by group."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import DataError
from ..generator import Generator, default_generator
from .adapt import as_dataset
from .dataset import ArrayDataset, Dataset
from .draws import HostArray, permutation
from .iterable import IterableDataset


class Subset(Dataset):
    """Some samples of a data set, by number, in this order; nothing is copied."""

    def __init__(self, dataset: Any, indices: Sequence[int] | HostArray) -> None:
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

    def batch(self, rows: Sequence[int] | HostArray) -> Any:
        """The samples with these numbers within the subset."""
        return self.dataset.batch(self.indices[np.asarray(rows, dtype=np.int64)])

    @property
    def classes(self) -> tuple[str, ...] | None:
        """The names of the classes, if the data set has them."""
        return getattr(self.dataset, "classes", None)


def labels_of(dataset: Dataset) -> HostArray:
    """The labels (N,): the last array of an ArrayDataset, looked up through subsets. Raises DataError where there are none."""
    if isinstance(dataset, Subset):
        return labels_of(dataset.dataset)[dataset.indices]
    if isinstance(dataset, ArrayDataset) and dataset.arrays[-1].ndim == 1 and dataset.arrays[-1].dtype.kind in "iub":
        return dataset.arrays[-1]
    raise DataError(f"{type(dataset).__name__}: has no integer labels (N,) as its last array; pass labels=")


def random_split(
    dataset: Any, lengths: Sequence[int] | Sequence[float], generator: Generator | None = None
) -> list[Subset]:
    """Disjoint parts in random order: lengths are numbers of samples, or fractions that sum to 1.

    What fractions leave over by rounding goes to the parts one by one, from the first. Raises DataError if the lengths do
    not sum to the whole.
    """
    sizes = _sizes("random_split", lengths, len(dataset))
    order = permutation(generator or default_generator, len(dataset))
    return [Subset(dataset, part) for part in np.split(order, np.cumsum(sizes)[:-1])]


def stratified_split(
    dataset: Any,
    fractions: Sequence[float],
    labels: Sequence[int] | HostArray | None = None,
    generator: Generator | None = None,
) -> list[Subset]:
    """Disjoint parts with these fractions of every class, in random order.

    labels (N,): by default those of the data set. A part's share of a class is within one sample of its fraction.
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
    """Disjoint parts that no group is spread over: all translations of a sentence, all drawings by one person.

    groups (N,): what the samples have in common, numbers or strings. The fractions are met as nearly as whole groups in
    random order allow.
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
    # A group belongs to the part in which its middle sample falls.
    middle = sizes - np.bincount(rank, minlength=len(names)) / 2
    part_of = np.searchsorted(edges[1:-1] * len(dataset), middle, side="right")
    rows = [order[part_of[rank[order]] == k] for k in range(len(fractions))]
    return [Subset(dataset, r[permutation(source, len(r))]) for r in rows]


def _edges(name: str, fractions: Sequence[float]) -> HostArray:
    values = np.asarray(fractions, dtype=np.float64)
    if values.ndim != 1 or not len(values) or not (values >= 0).all() or abs(values.sum() - 1) > 1e-6:
        raise DataError(f"{name}: fractions must be at least 0 and sum to 1, got {list(fractions)}")
    edges = np.concatenate([[0.0], np.cumsum(values)])
    edges[-1] = 1.0
    return edges


def _sizes(name: str, lengths: Sequence[int] | Sequence[float], n: int) -> list[int]:
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
