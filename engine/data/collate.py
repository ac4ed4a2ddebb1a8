"""How samples become a batch: stacked, or padded where they are sequences of different lengths."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..autograd.base import TensorBase
from ..errors import ShapeError
from .draws import HostArray


def stack(samples: Sequence[Any]) -> tuple[Any, ...]:
    """Samples of equal shapes, stacked part by part; parts that are strings stay lists."""
    items = [s if isinstance(s, tuple) else (s,) for s in samples]
    try:
        return tuple(_stacked(parts) for parts in zip(*items, strict=True))
    except ValueError as error:
        raise ShapeError(f"samples of one batch have different shapes or parts ({error})") from None


def _stacked(parts: Sequence[Any]) -> Any:
    return list(parts) if isinstance(parts[0], str) else np.stack([_host(p) for p in parts])


def _host(part: Any) -> HostArray:
    return part.numpy_copy() if isinstance(part, TensorBase) else np.asarray(part)  # type: ignore[attr-defined]


def pad_sequence(sequences: Sequence[Any], batch_first: bool = False, padding_value: float = 0) -> HostArray:
    """Sequences (T_n, ...) of different lengths as one array (T,N,...), or (N,T,...) if batch_first, T the longest.

    Raises ShapeError if they differ in more than their length.
    """
    arrays = [_host(s) for s in sequences]
    if not arrays or {a.shape[1:] for a in arrays} != {arrays[0].shape[1:]} or arrays[0].ndim == 0:
        raise ShapeError(f"pad_sequence: expected sequences (T_n, ...) alike but for T_n, got {[a.shape for a in arrays]}")
    longest = max(len(a) for a in arrays)
    dtype = np.result_type(*{a.dtype for a in arrays})
    padded = np.full((len(arrays), longest, *arrays[0].shape[1:]), padding_value, dtype=dtype)
    for row, a in zip(padded, arrays, strict=True):
        row[: len(a)] = a
    return padded if batch_first else np.ascontiguousarray(padded.swapaxes(0, 1))


class PadCollate:
    """For DataLoader(collate_fn=...): pads the parts of the samples that are sequences, and gives their lengths.

    sequences: the numbers of these parts. Each becomes (T,N,...) or, batch_first, (N,T,...), followed by its lengths (N,)
    int64 as recurrent layers take them. The other parts are stacked.
    """

    def __init__(self, sequences: Sequence[int] = (0,), batch_first: bool = False, padding_value: float = 0) -> None:
        self.sequences, self.batch_first, self.padding_value = frozenset(sequences), batch_first, padding_value

    def __call__(self, samples: Sequence[Any]) -> tuple[Any, ...]:
        items = [s if isinstance(s, tuple) else (s,) for s in samples]
        widths = {len(item) for item in items}
        if len(widths) != 1 or not self.sequences <= set(range(max(widths))):
            raise ShapeError(f"PadCollate: samples have {sorted(widths)} parts, sequences are parts {sorted(self.sequences)}")
        batch: list[Any] = []
        for k, parts in enumerate(zip(*items, strict=True)):
            if k not in self.sequences:
                batch.append(_stacked(parts))
                continue
            batch.append(pad_sequence(parts, self.batch_first, self.padding_value))
            batch.append(np.array([len(p) for p in parts], dtype=np.int64))
        return tuple(batch)
