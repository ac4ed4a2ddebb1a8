"""Combine samples into a batch: stack them, or pad sequences of different lengths."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, NoReturn

import numpy as np

from ..errors import DataError, RaggedError, ShapeError
from .host_arrays import NUMBERS, HostArray, convert, is_array, is_number_list, to_host

ALIKE = "make them alike, or write a collate_fn"
"""What to do about samples that do not fit together."""


def collate(samples: Sequence[Any], numbers: Sequence[Any] | HostArray | None = None) -> Any:
    """Combine samples of one structure into one batch of arrays on the host.

    Tuples, named tuples and lists give the same structure of batches, part by part; dicts give a dict of batches, key by key.
    Numbers become an array (N,): bool, int64, the default dtype for Python's floats; NumPy's numbers keep their dtype. Arrays,
    and tensors of any library, of one shape (...) become an array (N, ...), and so do lists of numbers. Strings and bytes
    stay a list. ``numbers`` are the sample numbers for error messages, by default 0, 1, 2 ... Raises DataError that names the
    sample and the field if one does not fit the first: another shape, another type, or None.
    """
    if not samples:
        raise DataError("collate: expected at least one sample")
    return _Collator(range(len(samples)) if numbers is None else numbers).of(samples, "")


def as_batch(collated: Any) -> Any:
    """A batch as a loader returns it: tuples and dicts as they are, a list as a tuple, anything else as a tuple of one."""
    if isinstance(collated, tuple | Mapping):
        return collated
    return tuple(collated) if isinstance(collated, list) else (collated,)


def collate_batch(samples: Sequence[Any], numbers: Sequence[Any] | HostArray | None = None) -> Any:
    """Collate samples into the form that a loader returns: a tuple of parts, or a dict."""
    collated = collate(samples, numbers)
    return (collated,) if isinstance(samples[0], str | bytes | bytearray) else as_batch(collated)


class _Collator:
    """Combines samples recursively and knows their numbers, for error messages."""

    def __init__(self, numbers: Sequence[Any] | HostArray) -> None:
        self.numbers = numbers

    def of(self, parts: Sequence[Any], field: str) -> Any:
        """Combine the values that the samples have in one field."""
        first = parts[0]
        kind = self._kind(first, 0, field)
        for place, part in enumerate(parts) if len(set(map(type, parts))) > 1 else ():
            if self._kind(part, place, field) != kind:
                self._refuse(place, field, f"is {_type_of(part)}, but that of sample {self._name(0)} is {_type_of(first)}")
        if kind in ("a string", "bytes"):
            return list(parts)
        if kind == "a dict":
            return self._keyed(parts, field)
        if kind in ("an array", "a number") or (kind == "a list" and all(is_number_list(part) for part in parts)):
            return self._stacked(parts, field)
        for place, part in enumerate(parts) if len(set(map(len, parts))) > 1 else ():
            if len(part) != len(first):
                self._refuse(place, field, f"has {len(part)} parts, but that of sample {self._name(0)} has {len(first)}")
        columns = [self.of(column, f"{field}[{k}]") for k, column in enumerate(zip(*parts, strict=True))]
        if kind == "a list":
            return columns
        return type(first)(*columns) if hasattr(first, "_fields") else tuple(columns)

    def _keyed(self, parts: Sequence[Any], field: str) -> dict[Any, Any]:
        """Combine dicts key by key."""
        for place, part in enumerate(parts):
            if part.keys() != parts[0].keys():
                theirs = f"the keys {list(part)}, but that of sample {self._name(0)} has {list(parts[0])}"
                self._refuse(place, field, f"has {theirs}")
        return {key: self.of([part[key] for part in parts], f"{field}[{key!r}]") for key in parts[0]}

    def _stacked(self, parts: Sequence[Any], field: str) -> HostArray:
        """Stack arrays, numbers or lists of numbers along a new first axis."""
        if all(type(part) in NUMBERS for part in parts):
            with suppress(OverflowError):  # the loop below names the number that is too large
                return to_host(list(parts))
        first = parts[0]
        if type(first) is np.ndarray and first.dtype.kind in "biufc":
            shape, dtype = first.shape, first.dtype
            if all(type(part) is np.ndarray and part.shape == shape and part.dtype == dtype for part in parts):
                return np.stack(parts)
        arrays: list[HostArray] = []
        for place, part in enumerate(parts):
            array = convert(part, f"DataLoader: {self._where(place, field)}", ALIKE)
            if array.dtype.kind not in "biufcUS" and array.dtype.name != "bfloat16":
                self._refuse(place, field, f"is an array of {array.dtype}, of which no tensor can be made")
            if arrays and array.shape != arrays[0].shape:
                raise RaggedError(
                    f"DataLoader: samples of one batch have different shapes: {self._where(0, field)} {arrays[0].shape}, "
                    f"{self._where(place, field)} {array.shape}; pad them with pad_sequence or PadCollate, or write a collate_fn"
                )
            if arrays and (array.dtype.kind in "US") != (arrays[0].dtype.kind in "US"):
                self._refuse(place, field, f"is {array.dtype}, but that of sample {self._name(0)} is {arrays[0].dtype}")
            arrays.append(array)
        return np.stack(arrays)

    def _kind(self, part: Any, place: int, field: str) -> str:
        """The kind of a value, in words. Raises DataError for None and for values that cannot be in a batch."""
        if isinstance(part, str):
            return "a string"
        if isinstance(part, bytes | bytearray):
            return "bytes"
        if isinstance(part, (*NUMBERS, np.generic)):
            return "a number"
        if isinstance(part, Mapping):
            return "a dict"
        if isinstance(part, tuple):
            return f"a {type(part).__name__}" if hasattr(part, "_fields") else "a tuple"
        if isinstance(part, list):
            return "a list"
        if is_array(part):
            # A tensor without axes counts as a number, since data sets mix the two.
            return "an array" if len(getattr(part, "shape", (1,))) else "a number"
        if part is None:
            self._refuse(place, field, "is None", "leave such samples out, give a value in its place, or write a collate_fn")
        kinds = "arrays, tensors, numbers, strings, and tuples, lists and dicts of them"
        hint = f"a batch can be made of {kinds}; for others write a collate_fn"
        return self._refuse(place, field, f"is {_type_of(part)}", hint)

    def _name(self, place: int) -> Any:
        """The number of a sample, for messages."""
        number = self.numbers[place]
        return int(number) if isinstance(number, np.integer) else number

    def _refuse(self, place: int, field: str, what: str, hint: str = ALIKE) -> NoReturn:
        """Raise a DataError about one field of one sample."""
        raise DataError(f"DataLoader: {self._where(place, field)} {what}; {hint}") from None

    def _where(self, place: int, field: str) -> str:
        """The field and the sample, for messages."""
        return f"field {field} of sample {self._name(place)}" if field else f"sample {self._name(place)}"


def _type_of(part: Any) -> str:
    """The type of a value, and the shape of an array, for messages."""
    if is_array(part) and hasattr(part, "shape"):
        return f"of type {type(part).__name__} and shape {tuple(part.shape)}"
    return f"of type {type(part).__name__}"


def pad_sequence(sequences: Sequence[Any], batch_first: bool = False, padding_value: float = 0) -> HostArray:
    """Stack sequences of different lengths into one array, padded at their ends.

    Parameters
    ----------
    sequences : sequence of array_like
        N sequences (T_n, ...) that differ only in their length.
    batch_first : bool, default False
        Return (N, T, ...) instead of (T, N, ...).
    padding_value : float, default 0
        Value of the added entries.

    Returns
    -------
    numpy.ndarray
        Array (T, N, ...) or (N, T, ...); T is the longest length.

    Raises
    ------
    ShapeError
        If the sequences differ in more than their length.

    Examples
    --------
    >>> dl.data.pad_sequence([[1, 2, 3], [4]], batch_first=True)
    array([[1, 2, 3],
           [4, 0, 0]])
    """
    arrays = [to_host(s) for s in sequences]
    if not arrays or arrays[0].ndim == 0 or {a.shape[1:] for a in arrays} != {arrays[0].shape[1:]}:
        raise ShapeError(f"pad_sequence: expected sequences (T_n, ...) alike but for T_n, got {[a.shape for a in arrays]}")
    longest = max(len(a) for a in arrays)
    dtype = np.result_type(*{a.dtype for a in arrays})
    padded = np.full((len(arrays), longest, *arrays[0].shape[1:]), padding_value, dtype=dtype)
    for row, a in zip(padded, arrays, strict=True):
        row[: len(a)] = a
    return padded if batch_first else np.ascontiguousarray(padded.swapaxes(0, 1))


class PadCollate:
    """Collate function that pads sequences and returns their lengths, for ``DataLoader(collate_fn=...)``.

    Each sequence part becomes an array (T, N, ...), or (N, T, ...) with ``batch_first``. Its lengths (N,), int64 as recurrent
    layers take them, follow it; in a dict they have the key ``KEY_lengths``. The other parts are stacked.

    Parameters
    ----------
    sequences : sequence of int or of keys, default (0,)
        Which parts of a sample are sequences: positions in a tuple, or keys of a dict.
    batch_first : bool, default False
        Return (N, T, ...) instead of (T, N, ...).
    padding_value : float, default 0
        Value of the added entries.

    Examples
    --------
    >>> samples = [([1, 2, 3], 0), ([4, 5], 1)]
    >>> loader = dl.data.DataLoader(samples, batch_size=2, collate_fn=dl.data.PadCollate(batch_first=True))
    >>> tokens, lengths, labels = next(iter(loader))
    >>> tokens.numpy()
    array([[1, 2, 3],
           [4, 5, 0]])
    >>> lengths.numpy()
    array([3, 2])
    """

    def __init__(self, sequences: Sequence[Any] = (0,), batch_first: bool = False, padding_value: float = 0) -> None:
        self.sequences, self.batch_first, self.padding_value = frozenset(sequences), batch_first, padding_value

    def __call__(self, samples: Sequence[Any]) -> Any:
        if isinstance(samples[0], Mapping):
            return self._keyed(samples)
        items = [tuple(s) if isinstance(s, tuple) or (isinstance(s, list) and not is_number_list(s)) else (s,) for s in samples]
        widths = {len(item) for item in items}
        if len(widths) != 1 or not self.sequences <= set(range(max(widths))):
            wanted = ", ".join(sorted(map(str, self.sequences)))
            raise ShapeError(f"PadCollate: samples have {sorted(widths)} parts, sequences are parts {wanted}")
        batch: list[Any] = []
        for k, parts in enumerate(zip(*items, strict=True)):
            batch += self._padded(parts) if k in self.sequences else [collate(parts)]
        return tuple(batch)

    def _keyed(self, samples: Sequence[Mapping[Any, Any]]) -> dict[Any, Any]:
        """Collate samples that are dicts."""
        first = samples[0]
        if not self.sequences <= first.keys():
            raise ShapeError(f"PadCollate: samples have the keys {list(first)}, sequences are {sorted(map(str, self.sequences))}")
        batch = collate([{k: v for k, v in sample.items() if k not in self.sequences} for sample in samples])
        for key in first:
            if key in self.sequences:
                batch[key], batch[f"{key}_lengths"] = self._padded([sample[key] for sample in samples])
        return dict(batch)

    def _padded(self, parts: Sequence[Any]) -> list[Any]:
        """The padded sequences and their lengths."""
        lengths = np.array([len(p) for p in parts], dtype=np.int64)
        return [pad_sequence(parts, self.batch_first, self.padding_value), lengths]


class SingleSample:
    """The collate function for ``batch_size=None``: returns the one sample, converted if a function is given."""

    def __init__(self, convert: Callable[[Any], Any] | None) -> None:
        self.convert = convert

    def __call__(self, samples: list[Any]) -> Any:
        return samples[0] if self.convert is None else self.convert(samples[0])
