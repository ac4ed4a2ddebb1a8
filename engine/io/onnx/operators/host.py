"""Operators on NumPy arrays, for the arithmetic of shapes and constants, which stays on the host."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ....errors import OnnxError
from ..table import on_host
from ..values import ints
from .indexing import counted
from .shaping import resolved, span

for _name, _function in {
    "Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Neg": np.negative, "Abs": np.abs, "Equal": np.equal,
    "Greater": np.greater, "Less": np.less, "GreaterOrEqual": np.greater_equal, "LessOrEqual": np.less_equal,
    "And": np.logical_and, "Or": np.logical_or, "Not": np.logical_not, "Where": np.where, "Floor": np.floor, "Ceil": np.ceil,
    "Sqrt": np.sqrt,
}.items():  # fmt: skip

    def _call(*xs, _f=_function, **attributes):
        if attributes:
            raise OnnxError("its old attributes are not supported for constants")
        with np.errstate(all="ignore"):
            return np.asarray(_f(*xs))

    on_host(_name)(_call)


@on_host("Div")
def divide(x, y):
    """Integers are divided towards zero; by zero, like NumPy, they give 0."""
    with np.errstate(all="ignore"):
        if x.dtype.kind not in "iu":
            return np.asarray(x / y, x.dtype)
        quotient = x // y
        return np.asarray(quotient + ((quotient * y != x) & ((x < 0) != (y < 0))), x.dtype)


@on_host("Mod")
def mod(x, y, fmod=0):
    with np.errstate(all="ignore"):
        return np.asarray(np.fmod(x, y) if fmod else np.mod(x, y))


@on_host("Max")
def maximum(*xs):
    return np.asarray(np.maximum.reduce(np.broadcast_arrays(*xs)))


@on_host("Min")
def minimum(*xs):
    return np.asarray(np.minimum.reduce(np.broadcast_arrays(*xs)))


@on_host("Gather")
def gather(x, indices, axis=0):
    return np.asarray(np.take(x, counted(indices, x.shape[axis]), axis=axis))


@on_host("Concat")
def concat(*xs, axis=1):
    return np.concatenate(xs, axis)


@on_host("Slice")
def slices(x, starts: Any = None, ends: Any = None, axes: Any = None, steps: Any = None):
    axes = range(len(starts)) if axes is None else ints(axes)
    key = [slice(None)] * x.ndim
    for k, axis in enumerate(axes):
        key[axis] = span(int(starts[k]), int(ends[k]), 1 if steps is None else int(steps[k]), x.shape[axis])
    return x[tuple(key)]


@on_host("Reshape")
def reshape(x, sizes=None, shape=None, allowzero=0):
    return x.reshape(resolved(ints(sizes) if shape is None else shape, x.shape, allowzero))


@on_host("Unsqueeze")
def unsqueeze(x, axes):
    return np.expand_dims(x, tuple(ints(axes)))


@on_host("Squeeze")
def squeeze(x, axes=None):
    return np.squeeze(x, None if axes is None else tuple(ints(axes)))


@on_host("Transpose")
def transpose(x, perm=None):
    return np.transpose(x, perm)


@on_host("Expand")
def expand(x, sizes):
    return np.broadcast_to(x, np.broadcast_shapes(x.shape, ints(sizes)))


@on_host("ReduceProd")
def product(x, axes=None, keepdims=1, noop_with_empty_axes=0):
    return reduced(np.prod, x, axes, keepdims, noop_with_empty_axes)


@on_host("ReduceSum")
def total(x, axes=None, keepdims=1, noop_with_empty_axes=0):
    return reduced(np.sum, x, axes, keepdims, noop_with_empty_axes)


def reduced(function, x, axes, keepdims, noop):
    given = () if axes is None else ints(axes)
    if not given and noop:
        return x
    return np.asarray(function(x, axis=given or None, keepdims=bool(keepdims), dtype=x.dtype))


@on_host("Split")
def split(x, sizes=None, axis=0, split=None, num_outputs=None, outputs=1):
    sizes = split if sizes is None else ints(sizes)
    if sizes is None:
        count = num_outputs or outputs
        each = math.ceil(x.shape[axis] / count)
        ends = [min(each * k, x.shape[axis]) for k in range(1, count)]
    else:
        ends = np.cumsum(sizes)[:-1].tolist()
    return tuple(np.split(x, ends, axis))


@on_host("Flatten")
def flatten(x, axis=1):
    start = axis + x.ndim if axis < 0 else axis
    return x.reshape(math.prod(x.shape[:start]), -1 if x.size else 0)
