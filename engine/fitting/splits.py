"""Division of samples into training, validation and test: by class, by group, by time, or as the data say."""

from __future__ import annotations

from dataclasses import dataclass

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
    bundle = _bundles(samples, rows)
    sizes = np.bincount(bundle)
    targets = samples.targets if samples.task == CLASSIFICATION else None
    labels = np.zeros(len(rows), dtype=np.int64) if targets is None else np.unique(targets[rows], return_inverse=True)[1]
    shares = np.array(fractions)
    wanted = shares[:, None] * np.bincount(labels)
    found = np.zeros(len(rows), dtype=np.int64)
    by_bundle = np.argsort(bundle, kind="stable")
    ends = np.cumsum(sizes)
    order = permutation(Generator(seed), len(sizes))
    order = order[np.argsort(-sizes[order], kind="stable")]
    for k in order[: int((sizes > 1).sum())].tolist():
        members = by_bundle[ends[k] - sizes[k] : ends[k]]
        own = np.bincount(labels[members], minlength=wanted.shape[1])
        lacking = ((wanted - own / 2) * (own / own.sum())).sum(axis=1)
        part = int(np.argmax(lacking / shares**0.5))
        found[members] = part
        wanted[part] -= own
    single = by_bundle[ends[order[int((sizes > 1).sum()) :]] - 1]
    for label in np.unique(labels[single]):
        own = single[labels[single] == label]
        found[own] = np.repeat(np.arange(len(shares)), _portions(wanted[:, label], len(own)))
    _fill_empty(found, labels, bundle, len(shares))
    for part, name in enumerate(("training", "validation", "test")[: len(shares)]):
        if not (found == part).any():
            raise DataError(f"no samples are left for the {name}: there are {len(sizes)} groups of different inputs")
    if len(np.unique(labels[found == 0])) < len(np.unique(labels)):
        raise DataError("a class has no sample in the training: its samples are all equal or in one group")
    return found


def proportional(samples: Samples, share: float, seed: int) -> HostArray:
    """Which samples make a part of that share (N,), with each class in its proportion."""
    chosen = np.zeros(len(samples), dtype=bool)
    order = permutation(Generator(seed), len(samples))
    classes = samples.targets if samples.task == CLASSIFICATION and samples.targets is not None else np.zeros(len(samples))
    labels = np.unique(classes, return_inverse=True)[1]
    for label in np.unique(labels):
        own = order[labels[order] == label]
        chosen[own[: max(min(len(own), 3), round(share * len(own)))]] = True
    return chosen


def _portions(wanted: HostArray, n: int) -> HostArray:
    """Whole numbers of sum n in the proportion of what each part lacks; the largest remainders are rounded up."""
    lacking = np.maximum(wanted, 0.0)
    exact = n * lacking / lacking.sum() if lacking.any() else np.full(len(wanted), n / len(wanted))
    whole = np.floor(exact + 1e-9).astype(np.int64)
    whole[np.argsort(whole - exact, kind="stable")[: n - whole.sum()]] += 1
    return whole


def _bundles(samples: Samples, rows: HostArray) -> HostArray:
    """The number of the bundle of each row: rows of one group, or with equal inputs, must stay together."""
    if samples.groups is not None:
        return np.unique(np.asarray(samples.groups[rows], dtype=str), return_inverse=True)[1]
    part = samples.take(rows)
    return part.equal() if part.different() else np.arange(len(rows))


def _fill_empty(found: HostArray, labels: HostArray, bundle: HostArray, parts: int) -> None:
    """Give each part a bundle of every class that has enough of them, and the training first."""
    sizes = np.bincount(bundle)
    for label in np.unique(labels):
        own, first = np.unique(bundle[labels == label], return_index=True)
        places = found[labels == label][first]
        for part in range(parts):
            counts = np.bincount(places, minlength=parts)
            donors = np.flatnonzero(counts[places] > 1)
            if not counts[part] and len(donors):
                given = donors[np.argmin(sizes[own[donors]])]
                places[given] = part
                found[bundle == own[given]] = part
