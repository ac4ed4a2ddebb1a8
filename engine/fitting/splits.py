"""Division of samples into training, validation and test: by class, by group, by time, or as the data say."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..data.host_arrays import HostArray
from ..data.host_random import permutation
from ..data.readers import Samples
from ..data.readers.samples import CLASSIFICATION
from ..errors import DataError
from ..generator import Generator

FRACTIONS = (0.65, 0.15, 0.2)
"""Shares of training, validation and test."""

LEAST = 10
"""Fewer samples cannot be divided."""


@dataclass(frozen=True)
class Division:
    """The rows of each part, and why they are so.

    Parameters
    ----------
    train, validation, test : numpy.ndarray
        Sample numbers, int64.
    reason : str
        How the samples were divided, one line.

    Examples
    --------
    >>> samples = dl.data.samples_of_arrays(np.arange(80.0).reshape(40, 2), [0, 1] * 20)
    >>> division = dl.fitting.divide(samples)
    >>> len(division.train), len(division.validation), len(division.test)
    (26, 6, 8)
    """

    train: HostArray
    validation: HostArray
    test: HostArray
    reason: str


def divide(samples: Samples, seed: int = 0) -> Division:
    """Divide samples into training (65 %), validation (15 %) and test (20 %).

    Parts that the data assign are kept; series and rows in the order of time are cut by time; otherwise the order is random, each
    class keeps its share. Groups stay in one part, and without them equal inputs, unless they are equal by coincidence.

    Parameters
    ----------
    samples : Samples
        The samples.
    seed : int, default 0
        Seed of the random order.

    Returns
    -------
    Division
        The rows of the parts.

    Raises
    ------
    DataError
        If the samples are too few, have one class, or a class has too few to be in each part.

    Examples
    --------
    >>> samples = dl.data.samples_of_arrays(np.arange(80.0).reshape(40, 2), [0, 1] * 20)
    >>> dl.fitting.divide(samples).reason
    'random, each class keeps its share'
    """
    n = len(samples)
    if n < LEAST:
        raise DataError(f"{n} samples are too few to train and test on; at least {LEAST} are needed")
    if samples.task == CLASSIFICATION:
        _check_classes(samples)
    elif samples.targets is not None and np.ptp(samples.targets) == 0:
        raise DataError(f"all targets are {samples.targets[0]:g}: there is nothing to learn")
    if samples.parts is not None and (samples.parts == "test").any() and (samples.parts == "train").any():
        return _given(samples, seed)
    if samples.ordered:
        a, b = round(FRACTIONS[0] * n), round((FRACTIONS[0] + FRACTIONS[1]) * n)
        rows = np.arange(n)
        why = "by time: the validation is later than the training, the test the latest"
        if samples.kind == "text":
            why = "the beginning of the text, what follows, and its end"
        return Division(rows[:a], rows[a:b], rows[b:], why)
    numbers = _assign(samples, np.arange(n), FRACTIONS, seed)
    why = "each class keeps its share" if samples.task == CLASSIFICATION else "at random"
    if samples.groups is not None:
        why += f", {len(np.unique(samples.groups)):,} groups stay whole"
    train, validation, test = (np.flatnonzero(numbers == k) for k in range(3))
    return Division(train, validation, test, f"random, {why}" if why != "at random" else why)


def _check_classes(samples: Samples) -> None:
    """Raise DataError if there is one class, or one that is too small to be in each part."""
    classes, counts = np.unique(np.asarray(samples.targets), return_counts=True)
    if len(classes) < 2:
        raise DataError(f"all {len(samples):,} samples are of the class {classes[0]!r}: there is nothing to learn")
    few = [str(c) for c, k in zip(classes, counts, strict=True) if k < 3]
    if few:
        row = samples.places[int(np.flatnonzero(samples.targets == few[0])[0])]
        more = f" and {len(few) - 1} more" if len(few) > 1 else ""
        raise DataError(f"class {few[0]!r}{more} has less than 3 samples ({row}): training, validation and test need one each")


def _given(samples: Samples, seed: int) -> Division:
    """The parts that the data assign; without a validation part, a share of the training is one."""
    parts = samples.parts
    train, validation, test = (np.flatnonzero(parts == name) for name in ("train", "validation", "test"))
    reason = "as the folders say"
    if not len(validation):
        numbers = _assign(samples, train, (0.85, 0.15), seed)
        train, validation = train[numbers == 0], train[numbers == 1]
        reason += ", 15 % of the training are the validation"
    return Division(train, validation, test, reason)


def _assign(samples: Samples, rows: HostArray, fractions: tuple[float, ...], seed: int) -> HostArray:
    """The number of the part of each row: whole groups and equal inputs, each class in its proportion.

    Groups in random order, the large ones first, go to the part that lacks most of what the group has.
    """
    bundles = _bundles(samples, rows)
    order = permutation(Generator(seed), len(bundles))
    targets = samples.targets if samples.task == CLASSIFICATION else None
    names: dict[Any, int] = {t: k for k, t in enumerate(np.unique(targets[rows]))} if targets is not None else {None: 0}
    labels = np.array([names[targets[r]] for r in rows]) if targets is not None else np.zeros(len(rows), dtype=np.int64)
    wanted = np.array(fractions)[:, None] * np.bincount(labels, minlength=len(names))
    found = np.zeros(len(rows), dtype=np.int64)
    for k in sorted(order.tolist(), key=lambda k: -len(bundles[k])):  # stable: equal sizes stay in random order
        own = np.bincount(labels[bundles[k]], minlength=len(names))
        lacking = ((wanted - own / 2) * (own / own.sum())).sum(axis=1)
        part = int(np.argmax(lacking / np.array(fractions) ** 0.5))
        found[bundles[k]] = part
        wanted[part] -= own
    _fill_empty(found, labels, bundles, len(fractions))
    return found


def _bundles(samples: Samples, rows: HostArray) -> list[HostArray]:
    """Rows that must stay together, as places in ``rows``: those of a group, or with equal inputs."""
    parent = list(range(len(rows)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    keys: list[Any]
    if samples.groups is not None:
        keys = [str(samples.groups[r]) for r in rows]
    else:
        part = samples.take(rows)
        keys = part.digests() if part.different() else list(range(len(rows)))
    first: dict[object, int] = {}
    for i, key in enumerate(keys):
        parent[root(i)] = root(first.setdefault(key, i))
    together = defaultdict(list)
    for i in range(len(rows)):
        together[root(i)].append(i)
    return [np.array(v) for v in together.values()]


def _fill_empty(found: HostArray, labels: HostArray, bundles: list[HostArray], parts: int) -> None:
    """Give each part a bundle of every class that has enough of them, and the training first. Raises DataError."""
    for label in np.unique(labels):
        own = [b for b in bundles if (labels[b] == label).any()]
        for part in range(parts):
            if not any((found[b] == part).all() for b in own):
                donors = [b for b in own if sum((found[c] == found[b[0]]).all() for c in own) > 1]
                if donors:
                    found[min(donors, key=len)] = part
    for part, name in enumerate(("training", "validation", "test")[:parts]):
        if not (found == part).any():
            raise DataError(f"no samples are left for the {name}: there are {len(bundles)} groups of different inputs")
    missing = [k for k in np.unique(labels) if not ((labels == k) & (found == 0)).any()]
    if missing:
        raise DataError("a class has no sample in the training: its samples are all equal or in one group")
