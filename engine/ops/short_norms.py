"""Small calls of normalisations, see dlengine.autograd.short."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from ..autograd.base import TensorBase
from ..autograd.small_kernels import Answer, Leaf, floats

_DOUBLE = np.dtype(np.float64)


def _vectors(x: Any, shape: tuple[int, ...], tensors: tuple[Any, ...]) -> list[Any] | None:
    """The arrays of a shape of tensors beside an array, of its dtype; None for None. None if one is another."""
    found: list[Any] = []
    for t in tensors:
        a = None if t is None else floats(t)
        if t is not None and (a is None or a.dtype is not x.dtype or a.shape != shape):
            return None
        found.append(a)
    return found


def _in_range(rstd: Any) -> bool:
    """Whether the squares of float32 were in its range, see in_range of norm.py."""
    return bool(rstd.dtype is _DOUBLE or (rstd.size and rstd.item(rstd.argmin()) > 0))


def _layer_norm(xp: Any, leaf: Leaf) -> Answer:
    kernel, launches = xp.kernels.load("layer_norm"), xp.kernels.launches

    def small(x: Any, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: Any = 1e-5) -> Any:
        a = floats(x)
        if a is None or type(eps) is not float:
            return None
        shape = (normalized_shape,) if type(normalized_shape) is int else tuple(normalized_shape)
        rank, whole = len(shape), a.shape
        if not 0 < rank <= a.ndim or whole[-rank:] != shape or not a.size:
            return None
        w = b = None
        if weight is not None:
            w = floats(weight)
            if w is None or w.dtype is not a.dtype or w.shape != shape:
                return None
        if bias is not None:
            b = floats(bias)
            if b is None or b.dtype is not a.dtype or b.shape != shape:
                return None
        if rank > 1:
            w, b = w if w is None else w.reshape(-1), b if b is None else b.reshape(-1)
        if a.ndim != 2 or rank != 1:
            a = a.reshape(-1, prod(shape))
        y, _, rstd = kernel(a, w, b, eps)
        if not (rstd.dtype is _DOUBLE or rstd.item(rstd.argmin()) > 0):  # as _in_range, without a call
            return None
        launches["layer_norm"] += 1
        return leaf(y if y.shape == whole else y.reshape(whole))

    return small


def _group_norm(xp: Any, leaf: Leaf) -> Answer:
    kernel, launches = xp.kernels.load("group_norm"), xp.kernels.launches

    def small(x: Any, num_groups: Any, weight: Any = None, bias: Any = None, eps: Any = 1e-5) -> Any:
        a = floats(x)
        if a is None or a.ndim < 2 or not a.size or type(eps) is not float or type(num_groups) is not int:
            return None
        given = _vectors(a, a.shape[1:2], (weight, bias))
        if given is None or num_groups < 1 or a.shape[1] % num_groups:
            return None
        y, _, rstd = kernel(a, *given, num_groups, eps)
        if not _in_range(rstd):
            return None
        launches["group_norm"] += 1
        return leaf(y)

    return small


def _batch_norm_inference(xp: Any, leaf: Leaf) -> Answer:
    kernel, launches = xp.kernels.load("batch_norm_inference"), xp.kernels.launches

    def small(x: Any, mean: Any, variance: Any, weight: Any = None, bias: Any = None, eps: Any = 1e-5) -> Any:
        a = floats(x)
        if a is None or a.ndim < 2 or type(eps) is not float:
            return None
        if not (isinstance(mean, TensorBase) and isinstance(variance, TensorBase)):
            return None
        given = _vectors(a, a.shape[1:2], (mean, variance, weight, bias))
        if given is None:
            return None
        launches["batch_norm_inference"] += 1
        return leaf(kernel(a, *given, eps))

    return small


MAKERS: dict[str, Callable[[Any, Leaf], Answer]] = {
    "layer_norm": _layer_norm, "group_norm": _group_norm, "batch_norm_inference": _batch_norm_inference,
}  # fmt: skip
"""By the name of a function."""
