"""Reductions over axes."""

from __future__ import annotations

import numpy as np

from .. import namespace as dl
from ..table import operator
from ..values import Host, ints


def largest(x, axis, keepdims):
    """The maximum; of nothing, the smallest value of the dtype."""
    return extreme(dl.max, x, axis, keepdims, -np.inf, lambda dtype: np.iinfo(dtype).min)


def smallest(x, axis, keepdims):
    """The minimum; of nothing, the largest value of the dtype."""
    return extreme(dl.min, x, axis, keepdims, np.inf, lambda dtype: np.iinfo(dtype).max)


def extreme(function, x, axis, keepdims, infinite, bound):
    if x.dtype.kind == "b":
        return dl.astype(extreme(function, dl.astype(x, "uint8"), axis, keepdims, infinite, bound), "bool")
    if all(x.shape[k] for k in axis):
        return function(x, axis=axis, keepdims=keepdims)
    value = infinite if x.dtype.kind not in "iu" else bound(x.dtype)
    shape = tuple(1 if k in axis else n for k, n in enumerate(x.shape) if keepdims or k not in axis)
    return dl.full(shape, value, dtype=x.dtype, device=x.device)


def total(x, axis, keepdims):
    return dl.sum(x, axis=axis, keepdims=keepdims, dtype=x.dtype)


def product(x, axis, keepdims):
    return dl.prod(x, axis=axis, keepdims=keepdims, dtype=x.dtype)


def average(x, axis, keepdims):
    if x.dtype.kind in "iu":
        return dl.astype(dl.mean(dl.astype(x, "float64"), axis=axis, keepdims=keepdims), x.dtype)
    return dl.mean(x, axis=axis, keepdims=keepdims)


def norm2(x, axis, keepdims):
    wide = x if x.dtype.kind == "f" else dl.astype(x, "float64")
    return dl.astype(dl.sqrt(dl.sum(wide * wide, axis=axis, keepdims=keepdims)), x.dtype)


def log_of(function):
    def run(x, axis, keepdims):
        wide = x if x.dtype.kind == "f" else dl.astype(x, "float64")
        return dl.astype(function(wide, axis, keepdims), x.dtype)

    return run


REDUCTIONS = {
    "ReduceSum": total, "ReduceProd": product, "ReduceMax": largest, "ReduceMin": smallest, "ReduceMean": average,
    "ReduceL1": lambda x, axis, keepdims: total(dl.abs(x), axis, keepdims), "ReduceL2": norm2,
    "ReduceSumSquare": lambda x, axis, keepdims: total(x * x, axis, keepdims),
    "ReduceLogSum": log_of(lambda x, axis, keepdims: dl.log(total(x, axis, keepdims))),
    "ReduceLogSumExp": log_of(lambda x, axis, keepdims: logsumexp(x, axis, keepdims)),
}  # fmt: skip


def logsumexp(x, axis, keepdims):
    if all(x.shape[k] for k in axis):
        return dl.logsumexp(x, axis=axis, keepdims=keepdims)
    return dl.log(total(dl.exp(x), axis, keepdims))


def by_attribute(function):
    def run(x, *, axes=None, keepdims=1):
        axis = tuple(range(x.ndim)) if axes is None else tuple(k % x.ndim for k in axes)
        return function(x, axis, bool(keepdims))

    return run


def by_input(function):
    def run(x, axes: Host = None, *, keepdims=1, noop_with_empty_axes=0):
        given = () if axes is None else ints(axes)
        if not given and noop_with_empty_axes:
            return function(dl.expand_dims(x, axis=0), (0,), False)
        axis = tuple(k % x.ndim for k in given) if given else tuple(range(x.ndim))
        return function(x, axis, bool(keepdims))

    return run


for _name, _function in REDUCTIONS.items():
    operator(_name)(by_attribute(_function))
    operator(_name, since=13 if _name == "ReduceSum" else 18)(by_input(_function))
