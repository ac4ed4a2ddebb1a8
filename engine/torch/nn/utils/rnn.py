"""torch.nn.utils.rnn: sequences of different lengths, padded and packed."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...names.core import is_tensor, own
from ...names.engine import dl


class PackedSequence:
    """Sequences of different lengths, the longest first, written step by step without padding."""

    def __init__(self, data: Any, batch_sizes: Any = None, sorted_indices: Any = None, unsorted_indices: Any = None) -> None:
        self.data, self.batch_sizes = data, batch_sizes
        self.sorted_indices, self.unsorted_indices = sorted_indices, unsorted_indices

    def _replace(self, **changes: Any) -> PackedSequence:
        return PackedSequence(*(changes.get(k, getattr(self, k)) for k in ("data", "batch_sizes", "sorted_indices",
                                                                            "unsorted_indices")))  # fmt: skip

    def to(self, *args: Any, **options: Any) -> PackedSequence:
        """The same on another device or in another dtype."""
        return self._replace(data=self.data.to(*args, **options))

    def __iter__(self) -> Any:
        return iter((self.data, self.batch_sizes, self.sorted_indices, self.unsorted_indices))

    def __getitem__(self, i: int) -> Any:
        return tuple(self)[i]


def lengths_of(packed: PackedSequence) -> Any:
    """The lengths in the packed (descending) order."""
    sizes = packed.batch_sizes.numpy_copy()
    return (np.arange(int(sizes[0]))[None, :] < sizes[:, None]).sum(axis=0)


def _places(lengths: Any) -> Any:
    """Step and sequence of every packed element, for lengths that descend."""
    steps = np.arange(int(lengths.max(initial=0)))
    there = lengths[None, :] > steps[:, None]
    return np.nonzero(there)


def pack_padded_sequence(input: Any, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True) -> PackedSequence:
    """Pack a padded batch."""
    n = np.asarray(lengths.numpy_copy() if is_tensor(lengths) else lengths, dtype=np.int64)
    if n.size and n.min() <= 0:
        raise RuntimeError("Length of all samples has to be greater than 0, but found an element in 'lengths' that is <= 0")
    order = None
    x = dl.moveaxis(input, 0, 1) if batch_first else input
    if enforce_sorted:
        if (np.diff(n) > 0).any():
            raise RuntimeError("`lengths` array must be sorted in decreasing order when `enforce_sorted` is True.")
    else:
        order = np.argsort(-n, kind="stable")
        x, n = dl.take(x, dl.asarray(order, device=input.device), axis=1), n[order]
    step, sequence = (dl.asarray(p, device=input.device) for p in _places(n))
    data = own(dl.Tensor.__getitem__(x, (step, sequence)))
    sizes = own(dl.asarray((n[None, :] > np.arange(int(n.max()))[:, None]).sum(axis=1).astype(np.int64)))
    back = None if order is None else own(dl.asarray(np.argsort(order)))
    return PackedSequence(data, sizes, None if order is None else own(dl.asarray(order)), back)


def padded_of(packed: PackedSequence, padding_value: float = 0.0) -> tuple[Any, Any]:
    """The padded batch (T,N,...) in packed order, and the lengths."""
    n = lengths_of(packed)
    step, sequence = _places(n)
    shape = (int(n.max(initial=0)), len(n), *packed.data.shape[1:])
    full = dl.full(shape, padding_value, dtype=packed.data.dtype, device=packed.data.device)
    key = tuple(dl.asarray(p, device=packed.data.device) for p in (step, sequence))
    return dl.set_at(full, packed.data, key=key), n


def pad_packed_sequence(sequence: PackedSequence, batch_first: bool = False, padding_value: float = 0.0,
                        total_length: Any = None) -> Any:  # fmt: skip
    """Unpack to a padded batch and the lengths, in the order before packing."""
    x, n = padded_of(sequence, padding_value)
    if total_length is not None and total_length > x.shape[0]:
        more = dl.full((total_length - x.shape[0], *x.shape[1:]), padding_value, dtype=x.dtype, device=x.device)
        x = dl.concat([x, more], axis=0)
    if sequence.unsorted_indices is not None:
        back = sequence.unsorted_indices
        x, n = dl.take(x, back, axis=1), n[back.numpy_copy()]
    return own(dl.moveaxis(x, 0, 1) if batch_first else x), own(dl.asarray(n))


def pad_sequence(sequences: Any, batch_first: bool = False, padding_value: float = 0.0, padding_side: str = "right") -> Any:
    """Sequences of different lengths as one padded batch."""
    longest = max(s.shape[0] for s in sequences)
    rows = []
    for s in sequences:
        gap = longest - s.shape[0]
        border = (0, gap) if padding_side == "right" else (gap, 0)
        rows.append(dl.pad(s, [border, *[(0, 0)] * (s.ndim - 1)], value=padding_value) if gap else s)
    return own(dl.stack(rows, axis=0 if batch_first else 1))


def pack_sequence(sequences: Any, enforce_sorted: bool = True) -> PackedSequence:
    """Pack a list of sequences."""
    return pack_padded_sequence(pad_sequence(sequences), [s.shape[0] for s in sequences], enforce_sorted=enforce_sorted)


def unpad_sequence(padded_sequences: Any, lengths: Any, batch_first: bool = False) -> list[Any]:
    """The sequences of a padded batch, each of its length."""
    x = padded_sequences if batch_first else dl.moveaxis(padded_sequences, 0, 1)
    n = lengths.tolist() if is_tensor(lengths) else lengths
    return [own(x[i][: n[i]]) for i in range(x.shape[0])]


def run_packed(forward: Any, layer: Any, input: Any, hx: Any) -> Any:
    """A recurrent layer's forward on a tensor, or on packed sequences, which come back packed."""
    if not isinstance(input, PackedSequence):
        return forward(input, hx)
    x, n = padded_of(input)
    if hx is not None and input.sorted_indices is not None:
        hx = _reordered(hx, input.sorted_indices)
    y, last = forward(dl.moveaxis(x, 0, 1) if layer.batch_first else x, hx, lengths=dl.asarray(n))
    y = dl.moveaxis(y, 0, 1) if layer.batch_first else y
    key = tuple(dl.asarray(p, device=y.device) for p in _places(n))
    packed = input._replace(data=own(dl.Tensor.__getitem__(y, key)))
    return packed, last if input.unsorted_indices is None else _reordered(last, input.unsorted_indices)


def _reordered(state: Any, order: Any) -> Any:
    if isinstance(state, tuple | list):
        return tuple(_reordered(s, order) for s in state)
    return own(dl.take(state, order, axis=1))
