"""Joining tensors and cutting them."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from .core import METHODS, aliasing, define, is_tensor
from .engine import dl
from .shaping import at_least, key


def joined(tensors: Any) -> list[Any]:
    """Tensors of one dtype, as PyTorch promotes them where they are joined."""
    parts = list(tensors)
    dtypes = {getattr(t, "array", t).dtype for t in parts}
    if len(dtypes) > 1:
        floats = [d for d in dtypes if d.kind in "fc"]
        whole = [dl.zeros(1, dtype=d) for d in dtypes if d != np.bool_]
        dtype = np.result_type(*floats) if floats else dl.result_type(*whole)
        parts = [dl.astype(t, dtype) for t in parts]
    return parts


@define("cat", "concat", "concatenate", method=False)
def cat(tensors: Any, dim: int = 0) -> Any:
    parts = joined(tensors)
    if not parts:
        raise RuntimeError("torch.cat(): expected a non-empty list of Tensors")
    ranks = {getattr(t, "array", t).ndim for t in parts}
    if 0 in ranks:
        raise RuntimeError("zero-dimensional tensor (at position 0) cannot be concatenated")
    if len(ranks) > 1:
        parts = [t for t in parts if t.shape != (0,)]  # PyTorch leaves empty vectors out beside anything
    return dl.concat(parts, axis=dim)


@define("stack", method=False)
def stack(tensors: Any, dim: int = 0) -> Any:
    return dl.stack(joined(tensors), axis=dim)


def _atleast(rank: int, tensors: Any) -> list[Any]:
    return [at_least(rank, (t,)) for t in tensors]


define("hstack", method=False)(lambda tensors: cat(ts := _atleast(1, tensors), 0 if ts[0].ndim == 1 else 1))
define("vstack", "row_stack", method=False)(lambda tensors: cat(_atleast(2, tensors), 0))
define("dstack", method=False)(lambda tensors: cat(_atleast(3, tensors), 2))
define("column_stack", method=False)(
    lambda tensors: cat([dl.reshape(t, (-1, 1)) if t.ndim < 2 else t for t in tensors], 1)
)


@define("block_diag", method=False)
def _block_diag(*tensors: Any) -> Any:
    blocks = joined(at_least(2, (t,)) for t in tensors)
    width = sum(b.shape[1] for b in blocks)
    rows, left = [], 0
    for b in blocks:
        rows.append(dl.pad(b, ((0, 0), (left, width - left - b.shape[1]))))
        left += b.shape[1]
    return dl.concat(rows, axis=0)


# ---------------------------------------------------------------------- cutting
def _parts(input: Any, sizes_: Any, dim: int) -> tuple[Any, ...]:
    if sum(sizes_) != input.shape[dim]:
        raise RuntimeError(f"split_with_sizes expects split_sizes to sum exactly to {input.shape[dim]}, but got {list(sizes_)}")
    out, start = [], 0
    for n in sizes_:
        out.append(input[key(dim, input.ndim, slice(start, start + n))])
        start += n
    return tuple(out)


@define("split", "unsafe_split")
def split(tensor: Any, split_size_or_sections: Any, dim: int = 0) -> Any:
    if not isinstance(split_size_or_sections, int):
        return _parts(tensor, list(split_size_or_sections), dim)
    n, step = tensor.shape[dim], split_size_or_sections
    if step == 0 and n:
        raise RuntimeError("split expects split_size be non-negative, but got split_size=0")
    return _parts(tensor, [min(step, n - i) for i in range(0, n, step)] if n else [0], dim)


_split: Any = split
METHODS["split"] = lambda self, split_size, dim=0: _split(self, split_size, dim)
METHODS["split_with_sizes"] = lambda self, split_sizes, dim=0: _split(self, split_sizes, dim)


@define("split_with_sizes")
def _split_with_sizes(input: Any, split_sizes: Any, dim: int = 0) -> Any:
    return _parts(input, list(split_sizes), dim)


@define("chunk", "unsafe_chunk")
def chunk(input: Any, chunks: int, dim: int = 0) -> Any:
    n = input.shape[dim]
    step = -(-n // chunks)
    if not n:
        return tuple(input[key(dim, input.ndim, slice(0, 0))] for _ in range(chunks))
    return _parts(input, [min(step, n - i) for i in range(0, n, step)], dim)


@define("tensor_split")
def tensor_split(input: Any, indices_or_sections: Any, dim: int = 0) -> Any:
    n = input.shape[dim]
    if is_tensor(indices_or_sections):
        indices_or_sections = indices_or_sections.tolist()
    if isinstance(indices_or_sections, int):
        m = indices_or_sections
        return _parts(input, [n // m + (i < n % m) for i in range(m)], dim)
    ends = [0, *indices_or_sections, n]
    return tuple(input[key(dim, input.ndim, slice(a, b))] for a, b in itertools.pairwise(ends))


define("hsplit")(lambda input, indices_or_sections: tensor_split(input, indices_or_sections, 0 if input.ndim == 1 else 1))
define("vsplit")(lambda input, indices_or_sections: tensor_split(input, indices_or_sections, 0))
define("dsplit")(lambda input, indices_or_sections: tensor_split(input, indices_or_sections, 2))


@define("unbind")
def unbind(input: Any, dim: int = 0) -> Any:
    if input.ndim == 1:
        return tuple(dl.Tensor.__getitem__(input, (i, ...)) for i in range(input.shape[0]))
    return tuple(dl.unstack(input, axis=dim))


@define("narrow")
def _narrow(input: Any, dim: int, start: Any, length: int) -> Any:
    start, n = int(start), input.shape[dim]
    start = start + n if start < 0 else start
    if start + length > n:
        raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({n}).")
    return input[key(dim, input.ndim, slice(start, start + length))]


@define("select")
def _select(input: Any, dim: int, index: int) -> Any:
    return input[key(dim, input.ndim, int(index))]


@define("unfold", function=False)
def _windows(input: Any, dimension: int, size: int, step: int) -> Any:
    if input.ndim == 0:
        return dl.reshape(input, (1,))[:size]
    n = input.shape[dimension]
    starts = np.arange(0, n - size + 1, step)
    rows = dl.asarray(starts[:, None] + np.arange(size), device=input.device)
    found = dl.take(input, dl.reshape(rows, (-1,)), axis=dimension)
    at = dimension % input.ndim
    found = dl.reshape(found, (*input.shape[:at], len(starts), size, *input.shape[at + 1 :]))
    return aliasing(dl.moveaxis(found, at + 1, -1), input, None)
