"""Dataset and ArrayDataset: samples with numbers, kept in the memory of the CPU as NumPy arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import DataError, ShapeError
from ..generator import Generator, own_part
from ..ops.sampling import randperm
from .collate import collate_batch
from .host_arrays import HostArray, Rows, convert
from .host_random import batch_generator


class Dataset:
    """Base of data sets; a subclass defines ``__len__`` and ``__getitem__``.

    ``dataset[i]`` is sample ``i``: an array, a number, or a tuple or dict of them. A DataLoader takes any object with these two
    methods; this class adds ``batch``, which a subclass may override for speed.

    Examples
    --------
    >>> class Squares(dl.data.Dataset):
    ...     def __len__(self):
    ...         return 10
    ...     def __getitem__(self, index):
    ...         return index, index**2
    >>> Squares().batch([2, 3])
    (array([2, 3]), array([4, 9]))
    """

    def __len__(self) -> int:
        raise NotImplementedError(f"{type(self).__name__}: write __len__(self)")

    def __getitem__(self, index: int) -> Any:
        raise NotImplementedError(f"{type(self).__name__}: write __getitem__(self, index)")

    def batch(self, rows: Rows) -> Any:
        """Several samples as one batch.

        Parameters
        ----------
        rows : sequence of int
            Sample numbers (N,).

        Returns
        -------
        tuple or dict
            Arrays (N, ...), one for each part of a sample; a dict of them where the samples are dicts.
        """
        return collate_batch(read_samples(self, rows), rows)


def read_samples(source: Any, rows: Sequence[Any] | HostArray) -> list[Any]:
    """Read samples one by one; an error of the data set gets a note that names the sample.

    Within a loader each sample has random numbers of its own, by its place in the batch: a process that reads a part of the
    batch draws the same ones as a process that reads all of it.
    """
    found, generator, part = [], batch_generator(), own_part.get()
    start = 0 if generator is None else generator.counter
    token = own_part.set(None)  # what is drawn for one sample is no part of a draw for the batch
    try:
        for place, row in enumerate(rows, 1 + (0 if part is None else part.start)):
            number = int(row) if isinstance(row, np.integer) else row
            if generator is not None:
                generator.counter = start + (place << 40)
            try:
                found.append(source[number])
            except Exception as error:
                kind = type(getattr(source, "source", source)).__name__
                error.add_note(f"DataLoader: while reading sample {number!r} of {kind}")
                raise
    finally:
        own_part.reset(token)
        if generator is not None:
            generator.counter = start
    return found


class ArrayDataset(Dataset):
    """Samples that are the rows of one or more arrays of the same length.

    The last of several arrays usually holds the labels. Lists become arrays; Python's floats get the default dtype.

    Parameters
    ----------
    *arrays : array_like
        Arrays (N, ...) with a common first axis.
    classes : sequence of str, optional
        Names of the classes, for reports.

    Attributes
    ----------
    arrays : tuple of numpy.ndarray
        The arrays (N, ...).
    classes : tuple of str or None
        Names of the classes.

    Raises
    ------
    ShapeError
        If the arrays have different lengths.
    DataError
        If an argument cannot become an array of numbers or strings.

    Examples
    --------
    >>> pairs = dl.data.ArrayDataset([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]], [0, 1, 0])
    >>> len(pairs)
    3
    >>> pairs.batch([2, 0])[1]
    array([0, 0])
    """

    def __init__(self, *arrays: Any, classes: Sequence[str] | None = None) -> None:
        if not arrays:
            raise DataError("ArrayDataset: expected at least one array")
        self.arrays = tuple(_array(k, a) for k, a in enumerate(arrays))
        sizes = {a.shape[:1] for a in self.arrays}
        if len(sizes) != 1 or () in sizes:
            raise ShapeError(f"ArrayDataset: arrays must have one length, got shapes {[a.shape for a in self.arrays]}")
        self.classes = None if classes is None else tuple(classes)

    def __len__(self) -> int:
        return int(self.arrays[0].shape[0])

    def __getitem__(self, index: int) -> Any:
        sample = tuple(a[index] for a in self.arrays)
        return sample[0] if len(sample) == 1 else sample

    def batch(self, rows: Rows) -> tuple[HostArray, ...]:
        """The rows with these numbers, in this order.

        Parameters
        ----------
        rows : sequence of int
            Row numbers (M,).

        Returns
        -------
        tuple of numpy.ndarray
            Arrays (M, ...), one for each array of the data set.
        """
        index = np.asarray(rows, dtype=np.int64)
        return tuple(a[index] for a in self.arrays)

    def __repr__(self) -> str:
        parts = ", ".join(f"{a.dtype} {a.shape[1:]}" for a in self.arrays)
        classes = "" if self.classes is None else f", {len(self.classes)} classes"
        return f"{type(self).__name__}({len(self)} samples of {parts}{classes})"

    def subset(self, rows: Rows) -> ArrayDataset:
        """A copy of some rows, in this order.

        Parameters
        ----------
        rows : sequence of int
            Row numbers (M,).

        Returns
        -------
        ArrayDataset
            M samples, with the same class names.
        """
        return ArrayDataset(*self.batch(rows), classes=self.classes)

    def split(self, fraction: float, seed: int = 0, stratified: bool = False) -> tuple[ArrayDataset, ArrayDataset]:
        """Split into two disjoint parts, each in random order.

        The same seed gives the same parts on every backend.

        Parameters
        ----------
        fraction : float
            Share of the samples that the first part gets, between 0 and 1.
        seed : int, default 0
            Seed of the random order.
        stratified : bool, default False
            Split each class in this proportion. The classes are the integers in the last array.

        Returns
        -------
        first : ArrayDataset
            ``round(fraction * N)`` samples.
        second : ArrayDataset
            The other samples.

        Raises
        ------
        DataError
            If ``fraction`` is not between 0 and 1, a part would be empty, or ``stratified`` finds no integer labels.

        Examples
        --------
        >>> train, test = dl.data.digits().split(0.8, seed=1, stratified=True)
        >>> len(train), len(test)
        (1438, 359)
        """
        if not 0 < fraction < 1:
            raise DataError(f"split: fraction must be between 0 and 1, got {fraction}")
        order = randperm(len(self), device="cpu", generator=Generator(seed)).numpy()
        wanted = round(fraction * len(self))
        if not 0 < wanted < len(self):
            raise DataError(f"split: {fraction} of {len(self)} samples leaves a part empty")
        chosen = self._stratified(order, fraction, wanted) if stratified else np.arange(len(order)) < wanted
        return self.subset(order[chosen]), self.subset(order[~chosen])

    def _stratified(self, order: HostArray, fraction: float, wanted: int) -> HostArray:
        """Choose the places for the first part: each class gives its share, and the largest remainders are rounded up."""
        labels = self.arrays[-1][order]
        if labels.ndim != 1 or labels.dtype.kind not in "iub":
            raise DataError(f"split: stratified needs integer labels (N,) as the last array, got {labels.dtype} {labels.shape}")
        classes, counts = np.unique(labels, return_counts=True)
        shares = np.floor(fraction * counts).astype(np.int64)
        remainders = fraction * counts - shares
        shares[np.argsort(-remainders, kind="stable")[: wanted - int(shares.sum())]] += 1
        chosen = np.zeros(len(order), dtype=bool)
        for value, share in zip(classes, shares, strict=True):
            chosen[np.flatnonzero(labels == value)[:share]] = True
        return chosen


def _array(number: int, given: Any) -> HostArray:
    """One array of an ArrayDataset."""
    hint = "samples of different shapes can be a list of them, given to DataLoader"
    array = convert(given, f"ArrayDataset: array {number} is a {type(given).__name__} that", hint)
    if array.dtype.kind == "O":
        raise DataError(f"ArrayDataset: array {number} holds Python objects; expected numbers or strings of one kind")
    return array
