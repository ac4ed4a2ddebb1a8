"""Embedding: rows of a table, the deterministic sum that is its gradient, and sums, means and maxima of bags of rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..autograd.base import must_be_tensors
from ..autograd.short import short
from ..errors import BadIndexError, ConfigError, DTypeError, ShapeError
from . import primitives
from .conversion import asarray
from .counting import any, argmax
from .elementwise import maximum, where
from .gather import take, take_along_axis
from .ids import check_ids
from .index import put_at
from .shape import reshape

if TYPE_CHECKING:
    from ..typing import Tensor

__all__ = ["embedding", "embedding_bag"]


@short("short_places")
def embedding(weight: Tensor, ids: Tensor) -> Tensor:
    """Return rows of a table.

    Parameters
    ----------
    weight : Tensor
        (V, D), the table.
    ids : Tensor
        Integers from 0 to V - 1, any shape.

    Returns
    -------
    Tensor
        (..., D). The gradient of the table adds up over repeated ids, in order.

    Raises
    ------
    ShapeError
        If ``weight`` is no matrix.
    DTypeError
        If ``ids`` are not integers.
    BadIndexError
        On the CPU, if an id is out of range, negative ones included; on a GPU its row is NaN.

    Examples
    --------
    >>> dl.embedding(dl.asarray([[1.0, 2.0], [3.0, 4.0]]), dl.asarray([1, 0, 1]))
    tensor([[3., 4.],
            [1., 2.],
            [3., 4.]])
    """
    must_be_tensors("embedding", weight=weight, ids=ids)
    if weight.ndim != 2:
        raise ShapeError(f"embedding: weight must be (V,D), got shape {weight.shape}")
    if ids.dtype.kind not in "iu":
        raise DTypeError(f"embedding: ids must be integers, got {ids.dtype}; use astype(dl.int64)")
    if type(ids.array) is np.ndarray:  # at which the kernel looks; what is wrong with one is said below
        try:
            return primitives.embedding(weight, ids)
        except BadIndexError:
            pass
    check_ids("embedding", "ids", ids, weight.shape[0], of="rows of weight (V,D)")
    return primitives.embedding(weight, ids)


def embedding_bag(
    weight: Tensor, ids: Tensor, offsets: Tensor | None = None, mode: str = "mean", per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False, padding_idx: int | None = None,
) -> Tensor:  # fmt: skip
    """Return sums, means or maxima of rows of a table, one for each bag of ids.

    Parameters
    ----------
    weight : Tensor
        (V, D), the table.
    ids : Tensor
        Integers from 0 to V - 1: (B, L), each row a bag, or (M,), where `offsets` says which bag begins where.
    offsets : Tensor, optional
        (B,) integers in rising order, the first one 0. Equal neighbours make an empty bag.
    mode : {"mean", "sum", "max"}
        What becomes of the rows of a bag; of equal maxima the first gets the gradient.
    per_sample_weights : Tensor, optional
        The shape of `ids`: what each row is multiplied by, for ``mode="sum"``.
    include_last_offset : bool
        Whether `offsets` has one entry more, where the last bag ends.
    padding_idx : int, optional
        A row that does not count in its bags.

    Returns
    -------
    Tensor
        (B, D); zeros for an empty bag.

    Raises
    ------
    ShapeError
        If shapes disagree, or the offsets do not divide the ids into bags.
    DTypeError
        If `ids` are not integers.
    ConfigError
        If `mode` is another word, or weights come with another mode than "sum".
    BadIndexError
        On the CPU, if an id is out of range.

    Examples
    --------
    >>> table = dl.asarray([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    >>> dl.embedding_bag(table, dl.asarray([0, 2, 1]), offsets=dl.asarray([0, 2]), mode="sum")
    tensor([[6., 8.],
            [3., 4.]])
    """
    if mode not in ("mean", "sum", "max"):
        raise ConfigError(f"embedding_bag: mode must be 'mean', 'sum' or 'max', got {mode!r}")
    if per_sample_weights is not None and mode != "sum":
        raise ConfigError(f"embedding_bag: per_sample_weights are for mode='sum', got mode={mode!r}")
    must_be_tensors("embedding_bag", weight=weight, ids=ids)
    bags, count = _bags(ids, offsets, include_last_offset)
    flat = reshape(ids, (-1,))[: bags.size]
    rows = embedding(weight, flat)
    if per_sample_weights is not None:
        if per_sample_weights.shape != ids.shape:
            raise ShapeError(f"embedding_bag: per_sample_weights must have the shape of ids {ids.shape}, got "
                             f"{per_sample_weights.shape}")  # fmt: skip
        rows = rows * reshape(per_sample_weights, (-1, 1))[: bags.size]
    counts = None if padding_idx is None else (flat != padding_idx % weight.shape[0])[:, None]
    if mode == "max":
        return _maxima(rows, bags, count, counts)
    if counts is not None:
        rows = where(counts, rows, 0.0)
    places = asarray(bags, device=weight.device)
    y = put_at(rows, key=places, shape=(count, weight.shape[1]))
    if mode == "sum":
        return y
    ones = asarray(np.ones((bags.size, 1)), dtype=y.dtype, device=weight.device) if counts is None else counts.astype(y.dtype)
    return y / maximum(put_at(ones, key=places, shape=(count, 1)), 1.0)


def _bags(ids: Tensor, offsets: Tensor | None, include_last_offset: bool) -> tuple[Any, int]:
    """The bag of each id, as a NumPy array, and the number of bags."""
    if ids.ndim == 2:
        if offsets is not None:
            raise ShapeError("embedding_bag: ids (B,L) are bags already, and take no offsets")
        return np.repeat(np.arange(ids.shape[0]), ids.shape[1]), ids.shape[0]
    if ids.ndim != 1 or offsets is None or offsets.ndim != 1:
        got = None if offsets is None else offsets.shape
        raise ShapeError(f"embedding_bag: expected ids (B,L), or (M,) with offsets (B,), got {ids.shape} with offsets {got}")
    starts = offsets.numpy_copy()
    ends = starts[1:] if include_last_offset else np.append(starts[1:], ids.shape[0])
    starts = starts[: ends.size]
    if (starts.size and starts[0] != 0) or np.any(ends < starts) or np.any(ends > ids.shape[0]):
        raise ShapeError(f"embedding_bag: offsets must rise from 0 to {ids.shape[0]} at most, the number of ids, got {offsets}")
    return np.repeat(np.arange(starts.size), ends - starts), starts.size


def _maxima(rows: Tensor, bags: Any, count: int, counts: Tensor | None) -> Tensor:
    """The largest value of each column in each bag; rows that do not count, and places without a row, are -Inf."""
    sizes = np.bincount(bags, minlength=count)
    longest = int(sizes.max(initial=0))
    if longest == 0:
        return put_at(rows, key=asarray(bags, device=rows.device), shape=(count, rows.shape[1]))
    inside = np.arange(longest) < sizes[:, None]
    table = np.where(inside, (np.cumsum(sizes) - sizes)[:, None] + np.arange(longest), 0)
    at = asarray(table.reshape(-1), device=rows.device)
    shape = (count, longest, rows.shape[1])
    there = asarray(inside[:, :, None], device=rows.device)
    if counts is not None:
        there = there & reshape(take(counts, at, axis=0), (count, longest, 1))
    seen = where(there, reshape(take(rows, at, axis=0), shape), -np.inf)
    y = take_along_axis(seen, argmax(seen.detach(), axis=1, keepdims=True), axis=1)[:, 0]
    return where(any(there, axis=1), y, 0.0)
