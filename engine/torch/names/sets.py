"""Where values are, and sets of them: nonzero, searchsorted, unique."""

from __future__ import annotations

from typing import Any

import numpy as np

from .core import define, is_tensor
from .engine import dl


@define("nonzero")
def nonzero(input: Any, *, as_tuple: bool = False) -> Any:
    if input.ndim == 0:
        n = int(bool(input.item()))
        return (dl.zeros(n, dtype="int64"),) if as_tuple else dl.zeros((n, 0), dtype="int64")
    found = dl.nonzero(input)
    return tuple(found) if as_tuple else dl.stack(list(found), axis=-1)


@define("argwhere")
def _argwhere(input: Any) -> Any:
    return nonzero(input)


@define("searchsorted", method=False)
def _searchsorted(sorted_sequence: Any, input: Any, *, out_int32: bool = False, right: bool = False, side: Any = None,
                  sorter: Any = None) -> Any:  # fmt: skip
    where_ = "right" if right or side == "right" else "left"
    values = input if is_tensor(input) else dl.full((), input, dtype=sorted_sequence.dtype)
    keys = sorted_sequence.numpy_copy()
    if sorter is not None:
        keys = np.take_along_axis(keys, sorter.numpy_copy(), axis=-1)
    v = values.numpy_copy()
    if not v.size or not keys.size:
        found = np.zeros(v.shape)
    elif keys.ndim == 1:
        found = np.asarray(np.searchsorted(keys, v, side=where_))  # type: ignore[call-overload]
    else:
        rows = [np.searchsorted(k, u, side=where_) for k, u in zip(  # type: ignore[call-overload]
            keys.reshape(-1, keys.shape[-1]), v.reshape(-1, v.shape[-1]), strict=True)]  # fmt: skip
        found = np.asarray(rows).reshape(v.shape)
    return dl.asarray(found.astype(np.int32 if out_int32 else np.int64), device=sorted_sequence.device)


@define("bucketize", method=False)
def _bucketize(input: Any, boundaries: Any, *, out_int32: bool = False, right: bool = False) -> Any:
    return _searchsorted(boundaries, input, out_int32=out_int32, right=right)


@define("isin", method=False)
def _isin(elements: Any, test_elements: Any, *, assume_unique: bool = False, invert: bool = False) -> Any:
    a = elements if is_tensor(elements) else dl.asarray(elements)
    b = test_elements if is_tensor(test_elements) else dl.asarray(test_elements)
    return dl.isin(a, b, invert=invert)


def _sets(input: Any, f: Any, inverse: bool, counts: bool) -> Any:
    values, back, n = f(input)
    out = [dl.asarray(values, device=input.device)]
    if inverse:
        out.append(dl.asarray(back, device=input.device))
    if counts:
        out.append(dl.asarray(n, device=input.device))
    return tuple(out) if len(out) > 1 else out[0]


@define("unique")
def _unique(input: Any, sorted: bool = True, return_inverse: bool = False, return_counts: bool = False, dim: Any = None) -> Any:
    if dim is None and not (return_inverse and return_counts):
        found = (dl.unique_inverse if return_inverse else dl.unique_counts if return_counts else dl.unique_values)(input)
        return tuple(found) if return_inverse or return_counts else found

    def values(t: Any) -> Any:
        v, back, n = np.unique(t.numpy_copy(), return_inverse=True, return_counts=True, axis=dim, equal_nan=False)
        return v, back.reshape(t.shape if dim is None else (-1,)), n

    return _sets(input, values, return_inverse, return_counts)


@define("unique_consecutive")
def _unique_consecutive(input: Any, return_inverse: bool = False, return_counts: bool = False, dim: Any = None) -> Any:
    def values(t: Any) -> Any:
        a = t.numpy_copy()
        lines = a.reshape(-1) if dim is None else np.moveaxis(a, dim, 0)
        rows = lines.reshape(len(lines), int(np.prod(lines.shape[1:])))
        new = np.ones(len(rows), dtype=bool)
        if len(rows):
            new[1:] = (rows[1:] != rows[:-1]).any(axis=1)
        back = np.cumsum(new) - 1
        v = lines[new] if dim is None else np.moveaxis(lines[new], 0, dim)
        n = np.diff(np.append(np.nonzero(new)[0], len(rows)))
        return v, back.reshape(a.shape if dim is None else (-1,)).astype(np.int64), n.astype(np.int64)

    return _sets(input, values, return_inverse, return_counts)
