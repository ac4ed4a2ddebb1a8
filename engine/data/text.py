"""Text as numbers: vocabularies, bags of words, n-grams, one-hot vectors, and the sampling of word2vec."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ..autograd.promotion import get_default_dtype
from ..errors import ConfigError, DataError
from ..generator import Generator, default_generator
from ..io import reading
from .draws import HostArray, integers, uniform
from .samplers import weighted

_WORD = re.compile(r"\w+(?:['’]\w+)*|[^\w\s]")


def words(text: str) -> list[str]:
    """Lower-case words, and punctuation marks each on its own; an apostrophe inside a word belongs to it."""
    return _WORD.findall(text.lower())


class Vocabulary:
    """Tokens and their numbers: special ones first, then by falling frequency (ties: by code point).

    tokens: an iterable of strings to count; a string is taken character by character. min_count, max_size: leave out rare
    tokens, keep the most frequent (specials do not count). unknown: the special token that stands for the others; without
    one, encoding a token that is not known raises DataError.
    """

    def __init__(
        self,
        tokens: Iterable[str],
        *,
        min_count: int = 1,
        max_size: int | None = None,
        specials: Sequence[str] = (),
        unknown: str | None = None,
    ) -> None:
        found = Counter(tokens)
        ranked = sorted((t for t, n in found.items() if n >= min_count and t not in specials), key=lambda t: (-found[t], t))
        self.tokens = tuple([*specials, *ranked[:max_size]])
        self.counts: HostArray = np.array([found[t] for t in self.tokens], dtype=np.int64)
        """How often each token came, int64 (V,)."""
        self.numbers = {token: i for i, token in enumerate(self.tokens)}
        if len(self.numbers) != len(self.tokens) or (unknown is not None and unknown not in specials):
            given = f"{list(specials)} and unknown {unknown!r}"
            raise ConfigError(f"Vocabulary: specials must be distinct and contain the unknown one, got {given}")
        self.unknown = None if unknown is None else self.numbers[unknown]

    @classmethod
    def of_characters(cls, text: str, **options: Any) -> Vocabulary:
        """The characters of a text; options as above."""
        return cls(text, **options)

    @classmethod
    def of_words(cls, text: str, **options: Any) -> Vocabulary:
        """The words and punctuation marks of a text; options as above."""
        return cls(words(text), **options)

    def __len__(self) -> int:
        return len(self.tokens)

    def __contains__(self, token: str) -> bool:
        return token in self.numbers

    def __getitem__(self, token: str) -> int:
        """The number of a token, or of the unknown one."""
        number = self.numbers.get(token, self.unknown)
        if number is None:
            raise DataError(f"Vocabulary: {token!r} is not among the {len(self)} tokens, and there is no unknown one")
        return number

    def encode(self, tokens: Iterable[str]) -> HostArray:
        """The numbers of tokens (a string: of its characters), int64 (T,)."""
        return np.array([self[t] for t in tokens], dtype=np.int64)

    def decode(self, numbers: Any, separator: str = "") -> str:
        """The tokens of numbers (T,), joined. Raises DataError for a number that no token has."""
        values = _checked("decode", numbers, len(self))
        if values.ndim != 1:
            raise DataError(f"decode: expected integers (T,), got shape {values.shape}")
        return separator.join(self.tokens[i] for i in values.tolist())

    def state_dict(self) -> dict[str, Any]:
        """What from_state_dict makes the same vocabulary of; JSON can hold it."""
        return {"tokens": list(self.tokens), "counts": self.counts.tolist(), "unknown": self.unknown}

    @classmethod
    def from_state_dict(cls, state: dict[str, Any]) -> Vocabulary:
        """The vocabulary that a state was taken from. Raises DataError for what is none."""
        made = cls(())
        with reading("Vocabulary", DataError, "not the state of a vocabulary"):
            made.tokens = tuple(str(t) for t in state["tokens"])
            made.counts = np.array(state["counts"], dtype=np.int64)
            made.unknown = None if state["unknown"] is None else int(state["unknown"])
        made.numbers = {token: i for i, token in enumerate(made.tokens)}
        fits = made.unknown is None or 0 <= made.unknown < len(made.tokens)
        if not len(made.numbers) == len(made.tokens) == len(made.counts) or not fits:
            raise DataError("Vocabulary: not the state of a vocabulary: tokens, counts and unknown do not fit together")
        return made


def ngrams(tokens: Sequence[str], n: int, separator: str = " ") -> list[str]:
    """The runs of n tokens, joined; of a string, its runs of n characters."""
    if n < 1:
        raise ConfigError(f"ngrams: n must be at least 1, got {n}")
    if isinstance(tokens, str):
        return [tokens[i : i + n] for i in range(len(tokens) - n + 1)]
    return [separator.join(tokens[i : i + n]) for i in range(len(tokens) - n + 1)]


def one_hot(numbers: Any, size: int, dtype: Any = None) -> HostArray:
    """Integers (...) as vectors (..., size) that are 1 at the number and 0 elsewhere; dtype: by default the default dtype."""
    index = _checked("one_hot", numbers, size)
    out = np.zeros((*index.shape, size), dtype=np.dtype(dtype or get_default_dtype()))
    np.put_along_axis(out, index[..., None], 1, axis=-1)
    return out


def bag_of_words(documents: Sequence[Any], size: int, dtype: Any = None) -> HostArray:
    """How often each number comes in each document: arrays of integers (T_n,) as counts (N, size)."""
    rows = [np.bincount(_checked("bag_of_words", d, size).ravel(), minlength=size) for d in documents]
    return np.array(rows, dtype=np.dtype(dtype or get_default_dtype())).reshape(len(documents), size)


def subsample(numbers: Any, counts: Any, threshold: float = 1e-3, generator: Generator | None = None) -> HostArray:
    """Leave out frequent words at random: a word of frequency f stays with probability min(1, sqrt(threshold / f)).

    numbers (T,), counts (V,): how often each word comes. Returns those that stay, in their order.
    Source: Mikolov et al. 2013, "Distributed representations of words and phrases and their compositionality", equation 5.
    """
    total = np.asarray(counts, dtype=np.float64)
    index = _checked("subsample", numbers, len(total))
    frequency = np.maximum(total / total.sum(), np.finfo(np.float64).tiny)
    keep = np.sqrt(threshold / frequency)
    return np.asarray(index[uniform(generator or default_generator, len(index)) < keep[index]])


class NegativeSampler:
    """Draws words with probability proportional to count**power, for negative sampling.

    counts (V,). Source: Mikolov et al. 2013, section 2.2.
    """

    def __init__(self, counts: Any, power: float = 0.75, generator: Generator | None = None) -> None:
        values = np.asarray(counts, dtype=np.float64)
        if values.ndim != 1 or not values.size or (values < 0).any() or not values.any():
            raise DataError("NegativeSampler: counts (V,) must be at least 0 and not all 0")
        self.weights = np.where(values > 0, values**power, 0.0)
        self.generator = default_generator.fork() if generator is None else generator

    @property
    def probabilities(self) -> HostArray:
        """Of each word, (V,)."""
        return np.asarray(self.weights / self.weights.sum())

    def draw(self, *shape: int, generator: Generator | None = None) -> HostArray:
        """Independent words, int64 of this shape."""
        return weighted(generator or self.generator, self.weights, int(np.prod(shape))).reshape(shape)


def skipgram_pairs(numbers: Any, window: int, generator: Generator | None = None) -> tuple[HostArray, HostArray]:
    """Every (centre, context) pair of words (T,) at most `window` apart: centres (P,), contexts (P,).

    With a generator each centre draws its own window from 1 to `window`, so that near words count more, as word2vec does.
    """
    index = np.asarray(numbers)
    reach = _reach(len(index), window, generator)
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


def cbow_windows(numbers: Any, window: int) -> tuple[HostArray, HostArray]:
    """For each word of (T,) that has `window` neighbours on both sides: contexts (M, 2 window), centres (M,)."""
    index = np.asarray(numbers)
    if window < 1 or len(index) <= 2 * window:
        raise DataError(f"cbow_windows: a window of {window} on both sides does not fit into {len(index)} words")
    views = np.lib.stride_tricks.sliding_window_view(index, 2 * window + 1)
    return np.delete(views, window, axis=1), index[window:-window].copy()


def _reach(n: int, window: int, generator: Generator | None) -> HostArray:
    if window < 1:
        raise ConfigError(f"skipgram_pairs: window must be at least 1, got {window}")
    return np.full(n, window) if generator is None else integers(generator, 1, window + 1, n)


def _checked(name: str, numbers: Any, size: int) -> HostArray:
    index = np.asarray(numbers)
    if not index.size:
        return index.astype(np.int64)
    if index.dtype.kind not in "iu" or not 0 <= index.min() <= index.max() < size:
        raise DataError(f"{name}: expected integers from 0 to {size - 1}, got {index.dtype} from {index.min()} to {index.max()}")
    return index.astype(np.int64)
