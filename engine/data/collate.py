"""How samples become a batch: stacked, or padded where they are sequences of different lengths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, NoReturn

import numpy as np

from ..autograd.base import TensorBase
from ..autograd.promotion import default_complex_dtype, get_default_dtype
from ..errors import DataError, DTypeError, RaggedError, ShapeError
from ..ops.creation import only_indexed
from .draws import HostArray

_NUMBERS = (bool, int, float, complex)


def collate(samples: Sequence[Any], numbers: Sequence[Any] | HostArray | None = None) -> Any:
    """One batch of samples of one structure, its arrays on the host.

    tuple, namedtuple or list: the same of batches, part by part; dict: a dict of batches, key by key. Numbers become an
    array (N,): bool, int64, the default dtype for Python's floats, NumPy's numbers their own. Arrays, and tensors of any
    library, of one shape (...) become an array (N,...), and so does a list of numbers. Strings and bytes stay a list.
    numbers: what to call the samples in a message, by default their places. Raises DataError that names the sample and
    the field where one does not fit the first: another shape, another type, None.
    """
    if not samples:
        raise DataError("collate: expected at least one sample")
    return _Collation(range(len(samples)) if numbers is None else numbers).of(samples, "")


def as_batch(collated: Any) -> Any:
    """What a loader gives: a tuple or dict as it is, of a list a tuple, anything else as a tuple of one."""
    if isinstance(collated, tuple | Mapping):
        return collated
    return tuple(collated) if isinstance(collated, list) else (collated,)


def batch_of(samples: Sequence[Any], numbers: Sequence[Any] | HostArray | None = None) -> Any:
    """The samples collated, as a loader gives them: a tuple of parts, or a dict."""
    collated = collate(samples, numbers)
    return (collated,) if isinstance(samples[0], str | bytes | bytearray) else as_batch(collated)


class _Collation:
    """The names of a batch's samples, for messages, on the way down through their structure."""

    def __init__(self, numbers: Sequence[Any] | HostArray) -> None:
        self.numbers = numbers

    def of(self, parts: Sequence[Any], field: str) -> Any:
        """The parts that the samples have in one field, as one."""
        first = parts[0]
        kind = self._kind(first, 0, field)
        for place, part in enumerate(parts) if len(set(map(type, parts))) > 1 else ():
            if self._kind(part, place, field) != kind:
                self._refuse(place, field, f"is {_said(part)}, but that of sample {self._name(0)} is {_said(first)}")
        if kind in ("a string", "bytes"):
            return list(parts)
        if kind == "a dict":
            return self._keyed(parts, field)
        if kind in ("an array", "a number") or (kind == "a list" and all(_numeric(part) for part in parts)):
            return self._stacked(parts, field)
        for place, part in enumerate(parts) if len(set(map(len, parts))) > 1 else ():
            if len(part) != len(first):
                self._refuse(place, field, f"has {len(part)} parts, but that of sample {self._name(0)} has {len(first)}")
        columns = [self.of(column, f"{field}[{k}]") for k, column in enumerate(zip(*parts, strict=True))]
        if kind == "a list":
            return columns
        return type(first)(*columns) if hasattr(first, "_fields") else tuple(columns)

    def _keyed(self, parts: Sequence[Any], field: str) -> dict[Any, Any]:
        for place, part in enumerate(parts):
            if part.keys() != parts[0].keys():
                theirs = f"the keys {list(part)}, but that of sample {self._name(0)} has {list(parts[0])}"
                self._refuse(place, field, f"has {theirs}")
        return {key: self.of([part[key] for part in parts], f"{field}[{key!r}]") for key in parts[0]}

    def _stacked(self, parts: Sequence[Any], field: str) -> HostArray:
        if all(type(part) in _NUMBERS for part in parts):
            with suppress(OverflowError):  # the loop below says which
                return host(list(parts))
        first = parts[0]
        if type(first) is np.ndarray and first.dtype.kind in "biufc":
            shape, dtype = first.shape, first.dtype
            if all(type(part) is np.ndarray and part.shape == shape and part.dtype == dtype for part in parts):
                return np.stack(parts)
        arrays: list[HostArray] = []
        for place, part in enumerate(parts):
            try:
                array = host(part)
            except (ValueError, TypeError, OverflowError, RuntimeError) as error:
                self._refuse(place, field, f"cannot become an array ({error})")
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
        """What a part is for collation, in words. Raises DataError for None and what no batch can be made of."""
        if isinstance(part, str):
            return "a string"
        if isinstance(part, bytes | bytearray):
            return "bytes"
        if isinstance(part, (*_NUMBERS, np.generic)):
            return "a number"
        if isinstance(part, Mapping):
            return "a dict"
        if isinstance(part, tuple):
            return f"a {type(part).__name__}" if hasattr(part, "_fields") else "a tuple"
        if isinstance(part, list):
            return "a list"
        if is_array(part):
            # A tensor without axes is a number: data sets mix them freely.
            return "an array" if len(getattr(part, "shape", (1,))) else "a number"
        if part is None:
            self._refuse(place, field, "is None", "leave such samples out, give a value in its place, or write a collate_fn")
        kinds = "arrays, tensors, numbers, strings, and tuples, lists and dicts of them"
        return self._refuse(place, field, f"is {_said(part)}", f"a batch can be made of {kinds}; for others write a collate_fn")

    def _name(self, place: int) -> Any:
        number = self.numbers[place]
        return int(number) if isinstance(number, np.integer) else number

    def _refuse(self, place: int, field: str, what: str, way_out: str = "make them alike, or write a collate_fn") -> NoReturn:
        raise DataError(f"DataLoader: {self._where(place, field)} {what}; {way_out}") from None

    def _where(self, place: int, field: str) -> str:
        return f"field {field} of sample {self._name(place)}" if field else f"sample {self._name(place)}"


def is_array(part: Any) -> bool:
    """Whether an object is an array or tensor of some library."""
    return hasattr(part, "__array__") or hasattr(part, "__array_interface__") or hasattr(part, "__cuda_array_interface__")


def host(part: Any) -> HostArray:
    """A number, list of numbers, array or tensor of any library as an array; Python's floats get the default dtype."""
    if isinstance(part, TensorBase):
        return part.numpy_copy()  # type: ignore[attr-defined, no-any-return]
    if isinstance(part, np.ndarray):
        return part
    if isinstance(part, (*_NUMBERS, list)) and not isinstance(part, np.generic):
        array = np.asarray(part)
        if array.dtype.kind == "f" and array.size and _integral(part):
            raise OverflowError("integers beyond int64")
        if array.dtype.kind in "fc" and not _typed(part):
            array = array.astype(get_default_dtype() if array.dtype.kind == "f" else default_complex_dtype())
        if array.dtype.kind == "O" or (array.dtype == np.uint64 and not _typed(part)):
            raise OverflowError("not numbers of equal lists, or integers beyond int64")
        return array if array.size else array.astype(get_default_dtype())
    if only_indexed(part):
        raise DTypeError("it gives items by number, which may have no end; a data set goes to DataLoader as it is")
    if hasattr(part, "detach") and hasattr(part, "cpu"):  # PyTorch's: out of its graph and off its device
        part = part.detach().cpu()
        part = part.float() if str(part.dtype) == "torch.bfloat16" else part  # NumPy has none; the values are the same
    if hasattr(part, "__cuda_array_interface__") and hasattr(part, "get"):  # CuPy's
        part = part.get()
    return np.asarray(part)


def _numeric(part: Any) -> bool:
    """Whether a list holds numbers alone, or such lists of one length: then it is an array and no structure."""
    if not isinstance(part, list):
        return False
    if all(isinstance(p, (*_NUMBERS, np.generic)) for p in part):
        return True
    return all(isinstance(p, list) and len(p) == len(part[0]) and _numeric(p) for p in part)


def _integral(part: Any) -> bool:
    """Whether there are integers alone: NumPy makes floating numbers of them where they are too large."""
    return all(map(_integral, part)) if isinstance(part, list) else isinstance(part, int)


def _typed(part: Any) -> bool:
    """Whether the first number of a list is NumPy's, whose dtype then counts."""
    while isinstance(part, list) and part:
        part = part[0]
    return isinstance(part, np.generic)


def _said(part: Any) -> str:
    if is_array(part) and hasattr(part, "shape"):
        return f"of type {type(part).__name__} and shape {tuple(part.shape)}"
    return f"of type {type(part).__name__}"


def pad_sequence(sequences: Sequence[Any], batch_first: bool = False, padding_value: float = 0) -> HostArray:
    """Sequences (T_n, ...) of different lengths as one array (T,N,...), or (N,T,...) if batch_first, T the longest.

    Raises ShapeError if they differ in more than their length.
    """
    arrays = [host(s) for s in sequences]
    if not arrays or arrays[0].ndim == 0 or {a.shape[1:] for a in arrays} != {arrays[0].shape[1:]}:
        raise ShapeError(f"pad_sequence: expected sequences (T_n, ...) alike but for T_n, got {[a.shape for a in arrays]}")
    longest = max(len(a) for a in arrays)
    dtype = np.result_type(*{a.dtype for a in arrays})
    padded = np.full((len(arrays), longest, *arrays[0].shape[1:]), padding_value, dtype=dtype)
    for row, a in zip(padded, arrays, strict=True):
        row[: len(a)] = a
    return padded if batch_first else np.ascontiguousarray(padded.swapaxes(0, 1))


class PadCollate:
    """For DataLoader(collate_fn=...): pads the parts of the samples that are sequences, and gives their lengths.

    sequences: the numbers of these parts, or, of samples that are dicts, their keys. Each becomes (T,N,...) or, batch_first,
    (N,T,...); its lengths (N,), int64 as recurrent layers take them, follow it, in a dict under KEY_lengths. The other parts
    are stacked.
    """

    def __init__(self, sequences: Sequence[Any] = (0,), batch_first: bool = False, padding_value: float = 0) -> None:
        self.sequences, self.batch_first, self.padding_value = frozenset(sequences), batch_first, padding_value

    def __call__(self, samples: Sequence[Any]) -> Any:
        if isinstance(samples[0], Mapping):
            return self._keyed(samples)
        items = [tuple(s) if isinstance(s, tuple) or (isinstance(s, list) and not _numeric(s)) else (s,) for s in samples]
        widths = {len(item) for item in items}
        if len(widths) != 1 or not self.sequences <= set(range(max(widths))):
            wanted = ", ".join(sorted(map(str, self.sequences)))
            raise ShapeError(f"PadCollate: samples have {sorted(widths)} parts, sequences are parts {wanted}")
        batch: list[Any] = []
        for k, parts in enumerate(zip(*items, strict=True)):
            batch += self._padded(parts) if k in self.sequences else [collate(parts)]
        return tuple(batch)

    def _keyed(self, samples: Sequence[Mapping[Any, Any]]) -> dict[Any, Any]:
        first = samples[0]
        if not self.sequences <= first.keys():
            raise ShapeError(f"PadCollate: samples have the keys {list(first)}, sequences are {sorted(map(str, self.sequences))}")
        batch = collate([{k: v for k, v in sample.items() if k not in self.sequences} for sample in samples])
        for key in first:
            if key in self.sequences:
                batch[key], batch[f"{key}_lengths"] = self._padded([sample[key] for sample in samples])
        return dict(batch)

    def _padded(self, parts: Sequence[Any]) -> list[Any]:
        lengths = np.array([len(p) for p in parts], dtype=np.int64)
        return [pad_sequence(parts, self.batch_first, self.padding_value), lengths]
