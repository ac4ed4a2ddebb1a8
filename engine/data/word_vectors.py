"""The sampling of word2vec: frequent words left out, negative samples, and pairs of neighbouring words."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ..errors import ConfigError, DataError
from ..generator import Generator, default_generator
from .host_arrays import HostArray
from .host_random import integers, uniform
from .samplers import weighted
from .text import checked_numbers


def subsample(numbers: ArrayLike, counts: ArrayLike, threshold: float = 1e-3, generator: Generator | None = None) -> HostArray:
    """Leave out frequent words at random.

    A word of frequency f is kept with probability ``min(1, sqrt(threshold / f))``.

    Parameters
    ----------
    numbers : array_like
        Word numbers (T,).
    counts : array_like
        How often each word comes (V,).
    threshold : float, default 1e-3
        Words up to this frequency are always kept.
    generator : Generator, optional
        Source of the random numbers, by default the default generator.

    Returns
    -------
    numpy.ndarray
        The numbers that are kept, in their order.

    Raises
    ------
    DataError
        If a number has no count.

    References
    ----------
    Mikolov et al., "Distributed representations of words and phrases and their compositionality", 2013,
    arXiv:1310.4546, equation 5.

    Examples
    --------
    >>> text = np.array([0, 0, 0, 1, 0, 0, 0, 2])
    >>> kept = dl.data.subsample(text, counts=[600, 1, 1], threshold=0.01)
    >>> 1 in kept, 2 in kept
    (True, True)
    """
    total = np.asarray(counts, dtype=np.float64)
    index = checked_numbers("subsample", numbers, len(total))
    frequency = np.maximum(total / total.sum(), np.finfo(np.float64).tiny)
    keep = np.sqrt(threshold / frequency)
    return np.asarray(index[uniform(generator or default_generator, len(index)) < keep[index]])


class NegativeSampler:
    """Draw words for negative sampling, with probability proportional to ``count ** power``.

    Parameters
    ----------
    counts : array_like
        How often each word comes (V,), at least 0 and not all 0.
    power : float, default 0.75
        Exponent; a smaller one draws rare words more often.
    generator : Generator, optional
        Source of the random numbers, by default a fork of the default generator.

    Raises
    ------
    DataError
        If the counts are negative, all 0 or not one-dimensional.

    References
    ----------
    Mikolov et al., "Distributed representations of words and phrases and their compositionality", 2013,
    arXiv:1310.4546, section 2.2.

    Examples
    --------
    >>> sampler = dl.data.NegativeSampler([16, 1, 0])
    >>> sampler.probabilities.round(3)
    array([0.889, 0.111, 0.   ])
    >>> sampler.draw(4, 5).shape
    (4, 5)
    """

    def __init__(self, counts: ArrayLike, power: float = 0.75, generator: Generator | None = None) -> None:
        values = np.asarray(counts, dtype=np.float64)
        if values.ndim != 1 or not values.size or (values < 0).any() or not values.any():
            raise DataError("NegativeSampler: counts (V,) must be at least 0 and not all 0")
        self.weights = np.where(values > 0, values**power, 0.0)
        self.generator = default_generator.fork() if generator is None else generator

    @property
    def probabilities(self) -> HostArray:
        """The probability of each word, float64 (V,)."""
        return np.asarray(self.weights / self.weights.sum())

    def draw(self, *shape: int, generator: Generator | None = None) -> HostArray:
        """Draw independent words.

        Parameters
        ----------
        *shape : int
            Shape of the result.
        generator : Generator, optional
            Source of the random numbers, by default that of the sampler.

        Returns
        -------
        numpy.ndarray
            Word numbers of this shape, int64.
        """
        return weighted(generator or self.generator, self.weights, int(np.prod(shape))).reshape(shape)


def skipgram_pairs(numbers: ArrayLike, window: int, generator: Generator | None = None) -> tuple[HostArray, HostArray]:
    """All pairs of words that are at most ``window`` words apart.

    With a generator, each centre draws its own window from 1 to ``window``, so that near words count more, as in word2vec.

    Parameters
    ----------
    numbers : array_like
        Word numbers (T,).
    window : int
        Largest distance.
    generator : Generator, optional
        Source of random window sizes; None uses the full window.

    Returns
    -------
    centres : numpy.ndarray
        Centre of each pair (P,).
    contexts : numpy.ndarray
        Neighbour of each centre (P,).

    Raises
    ------
    ConfigError
        If ``window`` is less than 1.

    Examples
    --------
    >>> dl.data.skipgram_pairs([5, 6, 7], window=1)
    (array([5, 6, 6, 7]), array([6, 5, 7, 6]))
    """
    index = np.asarray(numbers)
    reach = _window_sizes(len(index), window, generator)
    centres, contexts = [], []
    for offset in (o for d in range(1, window + 1) for o in (-d, d)):
        places = np.arange(max(0, -offset), max(0, len(index) - max(0, offset)))
        places = places[reach[places] >= abs(offset)]
        centres.append(places)
        contexts.append(places + offset)
    at = np.concatenate([np.empty(0, dtype=np.int64), *centres])
    order = np.argsort(at, kind="stable")
    near = np.concatenate([np.empty(0, dtype=np.int64), *contexts])
    return index[at[order]], index[near[order]]


def cbow_windows(numbers: ArrayLike, window: int) -> tuple[HostArray, HostArray]:
    """Words with the ``window`` neighbours on each side, for continuous bags of words.

    Parameters
    ----------
    numbers : array_like
        Word numbers (T,).
    window : int
        Neighbours on each side. Words with fewer neighbours are left out.

    Returns
    -------
    contexts : numpy.ndarray
        Neighbours (M, 2 * window).
    centres : numpy.ndarray
        Words between them (M,).

    Raises
    ------
    DataError
        If no word has enough neighbours.

    Examples
    --------
    >>> dl.data.cbow_windows([5, 6, 7, 8], window=1)
    (array([[5, 7],
           [6, 8]]), array([6, 7]))
    """
    index = np.asarray(numbers)
    if window < 1 or len(index) <= 2 * window:
        raise DataError(f"cbow_windows: a window of {window} on both sides does not fit into {len(index)} words")
    views = np.lib.stride_tricks.sliding_window_view(index, 2 * window + 1)
    return np.delete(views, window, axis=1), index[window:-window].copy()


def _window_sizes(n: int, window: int, generator: Generator | None) -> HostArray:
    """The window of each centre (n,)."""
    if window < 1:
        raise ConfigError(f"skipgram_pairs: window must be at least 1, got {window}")
    return np.full(n, window) if generator is None else integers(generator, 1, window + 1, n)
