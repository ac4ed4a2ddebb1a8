"""Text as numbers: vocabularies, bags of words, n-grams and one-hot vectors."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..default_dtype import get_default_dtype
from ..errors import ConfigError, DataError
from ..io import reading
from ..typing import DTypeLike
from .host_arrays import HostArray

_WORD = re.compile(r"\w+(?:['’]\w+)*|[^\w\s]")


def words(text: str) -> list[str]:
    """Split a text into lower-case words and punctuation marks.

    An apostrophe inside a word belongs to it.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    list of str
        The words; each punctuation mark is an item of its own.

    Examples
    --------
    >>> dl.data.words("It's late, Anna.")
    ["it's", 'late', ',', 'anna', '.']
    """
    return _WORD.findall(text.lower())


class Vocabulary:
    """Tokens and their numbers.

    Special tokens come first, then the others by falling frequency; ties are ordered by code point.

    Parameters
    ----------
    tokens : iterable of str
        Tokens to count. A string is a sequence of characters.
    min_count : int, default 1
        Leave out tokens that come less often.
    max_size : int, optional
        Keep only this many of the most frequent tokens, special ones not counted.
    specials : sequence of str, default ()
        Special tokens, such as ``"<pad>"``.
    unknown : str, optional
        The special token that stands for all others. Without one, encoding an unknown token raises DataError.

    Attributes
    ----------
    tokens : tuple of str
        The V tokens by number.
    numbers : dict
        The number of each token.
    counts : numpy.ndarray
        How often each token came, int64 (V,).
    unknown : int or None
        Number of the unknown token.

    Raises
    ------
    ConfigError
        If special tokens repeat, or ``unknown`` is not one of them.

    Examples
    --------
    >>> vocabulary = dl.data.Vocabulary(["a", "b", "a"], specials=["<unk>"], unknown="<unk>")
    >>> vocabulary.tokens
    ('<unk>', 'a', 'b')
    >>> vocabulary.encode(["b", "a", "c"])
    array([2, 1, 0])
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
        """The vocabulary of the characters of a text.

        Parameters
        ----------
        text : str
            The text.
        **options : Any
            Keyword arguments of Vocabulary.

        Returns
        -------
        Vocabulary
            The characters by falling frequency.

        Examples
        --------
        >>> dl.data.Vocabulary.of_characters("banana").tokens
        ('a', 'n', 'b')
        """
        return cls(text, **options)

    @classmethod
    def of_words(cls, text: str, **options: Any) -> Vocabulary:
        """The vocabulary of the words and punctuation marks of a text.

        Parameters
        ----------
        text : str
            The text, split by ``words``.
        **options : Any
            Keyword arguments of Vocabulary.

        Returns
        -------
        Vocabulary
            The words by falling frequency.

        Examples
        --------
        >>> dl.data.Vocabulary.of_words("To be or not to be").tokens
        ('be', 'to', 'not', 'or')
        """
        return cls(words(text), **options)

    def __len__(self) -> int:
        return len(self.tokens)

    def __contains__(self, token: str) -> bool:
        return token in self.numbers

    def __getitem__(self, token: str) -> int:
        """The number of a token, or of the unknown token."""
        number = self.numbers.get(token, self.unknown)
        if number is None:
            raise DataError(f"Vocabulary: {token!r} is not among the {len(self)} tokens, and there is no unknown one")
        return number

    def encode(self, tokens: Iterable[str]) -> HostArray:
        """The numbers of tokens.

        Parameters
        ----------
        tokens : iterable of str
            T tokens; a string is a sequence of characters.

        Returns
        -------
        numpy.ndarray
            Numbers (T,), int64.

        Raises
        ------
        DataError
            If a token is not in the vocabulary and there is no unknown token.
        """
        return np.array([self[t] for t in tokens], dtype=np.int64)

    def decode(self, numbers: ArrayLike, separator: str = "") -> str:
        """The tokens of numbers, joined to a string.

        Parameters
        ----------
        numbers : array_like
            Numbers (T,) from 0 to V-1.
        separator : str, default ""
            String between the tokens.

        Returns
        -------
        str
            The joined tokens.

        Raises
        ------
        DataError
            If a number has no token.

        Examples
        --------
        >>> vocabulary = dl.data.Vocabulary.of_words("to be or not to be")
        >>> vocabulary.decode([1, 0], separator=" ")
        'to be'
        """
        values = checked_numbers("decode", numbers, len(self))
        if values.ndim != 1:
            raise DataError(f"decode: expected integers (T,), got shape {values.shape}")
        return separator.join(self.tokens[i] for i in values.tolist())

    def state_dict(self) -> dict[str, Any]:
        """The content of the vocabulary, for a checkpoint.

        Returns
        -------
        dict
            Tokens, counts and the unknown number.
        """
        return {"tokens": list(self.tokens), "counts": self.counts.tolist(), "unknown": self.unknown}

    @classmethod
    def from_state_dict(cls, state: dict[str, Any]) -> Vocabulary:
        """The vocabulary that ``state_dict`` described.

        Parameters
        ----------
        state : dict
            What ``state_dict`` returned.

        Returns
        -------
        Vocabulary
            An equal vocabulary.

        Raises
        ------
        DataError
            If this is not the state of a vocabulary.
        """
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
    """The runs of n tokens in a sequence.

    Parameters
    ----------
    tokens : sequence of str
        T tokens, or a string, which is a sequence of characters.
    n : int
        Tokens in a run.
    separator : str, default " "
        String between tokens; not used for the characters of a string.

    Returns
    -------
    list of str
        The T-n+1 runs, joined.

    Raises
    ------
    ConfigError
        If n is less than 1.

    Examples
    --------
    >>> dl.data.ngrams(["not", "to", "be"], 2)
    ['not to', 'to be']
    >>> dl.data.ngrams("abcd", 3)
    ['abc', 'bcd']
    """
    if n < 1:
        raise ConfigError(f"ngrams: n must be at least 1, got {n}")
    if isinstance(tokens, str):
        return [tokens[i : i + n] for i in range(len(tokens) - n + 1)]
    return [separator.join(tokens[i : i + n]) for i in range(len(tokens) - n + 1)]


def one_hot(numbers: ArrayLike, size: int, dtype: DTypeLike | None = None) -> HostArray:
    """Encode integers as vectors with a 1 at the number and 0 elsewhere.

    Parameters
    ----------
    numbers : array_like
        Integers (...) from 0 to size-1.
    size : int
        Length of the vectors.
    dtype : dtype, optional
        Dtype of the result, by default the default dtype.

    Returns
    -------
    numpy.ndarray
        Vectors (..., size).

    Raises
    ------
    DataError
        If a number is out of range or not an integer.

    Examples
    --------
    >>> dl.data.one_hot([2, 0], 3)
    array([[0., 0., 1.],
           [1., 0., 0.]], dtype=float32)
    """
    index = checked_numbers("one_hot", numbers, size)
    out = np.zeros((*index.shape, size), dtype=np.dtype(dtype or get_default_dtype()))
    np.put_along_axis(out, index[..., None], 1, axis=-1)
    return out


def bag_of_words(documents: Sequence[ArrayLike], size: int, dtype: DTypeLike | None = None) -> HostArray:
    """Count how often each number comes in each document.

    Parameters
    ----------
    documents : sequence of array_like
        N documents, integers (T_n,) from 0 to size-1.
    size : int
        Number of different words V.
    dtype : dtype, optional
        Dtype of the result, by default the default dtype.

    Returns
    -------
    numpy.ndarray
        Counts (N, V).

    Raises
    ------
    DataError
        If a number is out of range or not an integer.

    Examples
    --------
    >>> dl.data.bag_of_words([[0, 2, 2], [1]], 3)
    array([[1., 0., 2.],
           [0., 1., 0.]], dtype=float32)
    """
    rows = [np.bincount(checked_numbers("bag_of_words", d, size).ravel(), minlength=size) for d in documents]
    return np.array(rows, dtype=np.dtype(dtype or get_default_dtype())).reshape(len(documents), size)


def checked_numbers(name: str, numbers: ArrayLike, size: int) -> HostArray:
    """Convert to integers from 0 to ``size - 1``. Raises DataError."""
    index = np.asarray(numbers)
    if not index.size:
        return index.astype(np.int64)
    if index.dtype.kind not in "iu" or not 0 <= index.min() <= index.max() < size:
        raise DataError(f"{name}: expected integers from 0 to {size - 1}, got {index.dtype} from {index.min()} to {index.max()}")
    return index.astype(np.int64)
