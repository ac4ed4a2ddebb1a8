"""Shapes, pieces and joints, new arrays, and reading and writing at indices."""

from __future__ import annotations

from typing import Any

import numpy as np

from ....errors import OnnxError
from ....recording.instructions import Value
from .graph import MAX
from .merging import Vary
from .table import primitive


def listed(x):
    return list(x) if isinstance(x, tuple | list) and not isinstance(x, Vary) else [x]


@primitive("reshape")
def reshape(e, outs, x, shape, **_):
    shape = listed(shape)
    if e.zeros.issuperset({x}):
        e.zeros.update(outs)
    if sum(isinstance(n, Vary) for n in shape) == 1 and -1 not in shape:
        shape = [-1 if isinstance(n, Vary) else n for n in shape]
    return e.node("Reshape", [e.name(x), e.sizes(shape)], allowzero=1 if 0 in shape else None)


@primitive("ravel", "flatten")
def ravel(e, outs, x, *_, **__):
    return e.node("Reshape", [e.name(x), e.ints([-1])])


@primitive("permute_dims")
def permute_dims(e, outs, x, axes=None):
    return e.node("Transpose", [e.name(x)], perm=None if axes is None else [a % len(x.shape) for a in axes])


@primitive("transpose")
def transpose(e, outs, x, *axes):
    return permute_dims(e, outs, x, listed(axes[0]) if len(axes) == 1 and not isinstance(axes[0], int) else axes or None)


@primitive("matrix_transpose")
def matrix_transpose(e, outs, x):
    rank = len(x.shape)
    return e.node("Transpose", [e.name(x)], perm=[*range(rank - 2), rank - 1, rank - 2])


@primitive("moveaxis")
def moveaxis(e, outs, x, source, destination):
    rank = len(x.shape)
    given: list[list[Any]] = [list(listed(v)) for v in (source, destination)]
    sources, places = ([a % rank for a in axes] for axes in given)
    order = [a for a in range(rank) if a not in sources]
    for place, axis in sorted(zip(places, sources, strict=True)):
        order.insert(place, axis)
    return e.node("Transpose", [e.name(x)], perm=order)


@primitive("expand_dims")
def expand_dims(e, outs, x, axis):
    return e.node("Unsqueeze", [e.name(x), e.ints(listed(axis))])


@primitive("squeeze")
def squeeze(e, outs, x, axis=None):
    return e.node("Squeeze", [e.name(x), *([] if axis is None else [e.ints(listed(axis))])])


@primitive("broadcast_to")
def broadcast_to(e, outs, x, shape):
    return e.node("Expand", [e.name(x), e.sizes(listed(shape))])


@primitive("broadcast_arrays", "meshgrid")
def broadcast_arrays(e, outs, *xs, **_):
    return [e.node("Expand", [e.name(x), e.sizes(e.merged.shape(y))]) for x, y in zip(xs, outs, strict=True)]


@primitive("concat")
def concat(e, outs, xs, axis=0):
    if axis is None:
        xs, axis = [e.node("Reshape", [e.name(x, outs[0].dtype), e.ints([-1])]) for x in xs], 0
        return e.node("Concat", xs, axis=0)
    return e.node("Concat", [e.name(x, outs[0].dtype) for x in xs], axis=axis)


@primitive("stack")
def stack(e, outs, xs, axis=0):
    axis %= len(outs[0].shape)
    parts = [e.node("Unsqueeze", [e.name(x, outs[0].dtype), e.ints([axis])]) for x in xs]
    return parts[0] if len(parts) == 1 else e.node("Concat", parts, axis=axis)


@primitive("unstack")
def unstack(e, outs, x, axis=0):
    return [e.node("Gather", [e.name(x), e.number(k, np.int64)], axis=axis) for k in range(len(outs))]


@primitive("flip")
def flip(e, outs, x, axis=None):
    axes = list(range(len(x.shape))) if axis is None else listed(axis)
    n = len(axes)
    return e.node("Slice", [e.name(x), e.ints([-1] * n), e.ints([-MAX] * n), e.ints(axes), e.ints([-1] * n)])


@primitive("roll")
def roll(e, outs, x, shift, axis=None):
    name = e.name(x)
    if axis is None:
        raise OnnxError("roll over all axes at once is not written; name the axis")
    for by, a in zip(listed(shift), listed(axis), strict=True):
        if isinstance(by, Vary) or isinstance(e.merged.shape(x)[a], Vary) and by > 1:
            raise OnnxError("roll along a dynamic axis is written for a shift of one")
        size = e.merged.shape(x)[a]
        cut = -(by % size) if not isinstance(size, Vary) else -by
        if cut:
            ends = e.node("Slice", [name, e.ints([cut]), e.ints([MAX]), e.ints([a])])
            name = e.node("Concat", [ends, e.node("Slice", [name, e.ints([-MAX]), e.ints([cut]), e.ints([a])])], axis=a)
    return name


@primitive("tile")
def tile(e, outs, x, repetitions):
    more = len(repetitions) - len(x.shape)
    name = e.name(x)
    if more > 0:
        name = e.node("Unsqueeze", [name, e.ints(range(more))])
    return e.node("Tile", [name, e.sizes([*([1] * -more), *repetitions])])


@primitive("tril", "triu")
def tril(e, outs, x, k=0, upper=0):
    if x.dtype == bool:
        return e.cast(e.node("Trilu", [e.name(x, np.int32), e.number(k, np.int64)], upper=upper), bool)
    return e.node("Trilu", [e.name(x), e.number(k, np.int64)], upper=upper)


@primitive("triu")
def triu(e, outs, x, k=0):
    return tril(e, outs, x, k, 1)


# ---------------------------------------------------------------------- new arrays
def filled(e, out, value):
    tensor = e.onnx.numpy_helper.from_array(np.full(1, value, out.dtype))
    return e.node("ConstantOfShape", [e.sizes(e.merged.shape(out))], value=tensor)


@primitive("zeros", "empty", "zeros_like", "empty_like")
def zeros(e, outs, *_, **__):
    e.zeros.update(outs)
    return filled(e, outs[0], 0)


@primitive("ones", "ones_like")
def ones(e, outs, *_, **__):
    return filled(e, outs[0], 1)


@primitive("full", "full_like")
def full(e, outs, like, fill_value, **_):
    if isinstance(fill_value, Value | Vary):
        return e.node("Expand", [e.name(fill_value, outs[0].dtype), e.sizes(e.merged.shape(outs[0]))])
    return filled(e, outs[0], fill_value)


@primitive("arange")
def arange(e, outs, start, stop=None, step=1, **_):
    if stop is None:
        start, stop = 0, start
    return e.node("Range", [e.number(v, outs[0].dtype) for v in (start, stop, step)])


@primitive("eye")
def eye(e, outs, *_, k=0, **__):
    return e.node("EyeLike", [filled(e, outs[0], 0)], k=k)


# ---------------------------------------------------------------------- indices
@primitive("take")
def take(e, outs, x, indices, axis=None, **_):
    return e.node("Gather", [e.name(x), e.name(indices)], axis=axis or 0)


@primitive("take_along_axis")
def take_along_axis(e, outs, x, indices, axis=-1):
    names = [e.name(x), e.name(indices)]
    shapes = [e.merged.shape(x), e.merged.shape(indices)]
    for k in (0, 1):  # other axes of size 1 broadcast
        both = enumerate(zip(shapes[k], shapes[1 - k], strict=True))
        wanted = [a if j == axis % len(x.shape) or a != 1 else b for j, (a, b) in both]
        if wanted != shapes[k]:
            names[k] = e.node("Expand", [names[k], e.sizes(wanted)])
    return e.node("GatherElements", names, axis=axis)


@primitive("put_along")
def put_along(e, outs, x, places, values):
    return e.node("ScatterElements", [e.name(x), e.name(places), e.name(values, x.dtype)], axis=1)


@primitive("weighted_places")
def weighted_places(e, outs, x, places, weights):
    """One row of places serves all channels; what they read is weighted and added."""
    channels, several = e.merged.shape(x)[1], e.merged.shape(places)[1]
    row = e.node("Reshape", [e.name(places), e.ints([0, 1, -1])])
    read = e.node("GatherElements", [e.name(x), e.node("Expand", [row, e.sizes([1, channels, 1])])], axis=2)
    read = e.node("Reshape", [read, e.sizes([0, channels, several, -1])])
    product = e.node("Mul", [read, e.node("Unsqueeze", [e.name(weights), e.ints([1])])])
    return e.node("ReduceSum", [product, e.ints([2])], keepdims=0)


def expanded(key, rank):
    """An index as one entry per axis, and the positions of new axes in the result."""
    parts = listed(key) if isinstance(key, tuple) else [key]
    given = sum(1 for p in parts if p is not None and p is not Ellipsis)
    if Ellipsis not in [p if not isinstance(p, Value) else 0 for p in parts]:
        parts = [*parts, Ellipsis]
    place = next(k for k, p in enumerate(parts) if p is Ellipsis)
    return [*parts[:place], *[slice(None)] * (rank - given), *parts[place + 1 :]]


def is_mask(p):
    return isinstance(p, Value) and np.dtype(p.dtype).kind == "b"


def is_index(p):
    return isinstance(p, Value) or isinstance(p, list)


@primitive("getitem", "get_at")
def getitem(e, outs, x, key):
    parts = expanded(key, len(x.shape))
    if x in e.zeros:
        e.zeros.update(outs)
    name, axis = e.name(x), 0
    starts, ends, axes, steps = [], [], [], []
    for p in parts:
        if isinstance(p, slice) and (p.start, p.stop, p.step) != (None, None, None):
            step = 1 if p.step is None else p.step
            starts.append((MAX if step < 0 else 0) if p.start is None else p.start)
            ends.append((-MAX if step < 0 else MAX) if p.stop is None else p.stop)
            axes.append(axis)
            steps.append(step)
        axis += p is not None
    if axes:
        name = e.node("Slice", [name, e.sizes(starts), e.sizes(ends), e.ints(axes), e.sizes(steps)])
    arrays = [(k, p) for k, p in enumerate(q for q in parts if q is not None) if is_index(p)]
    if len(arrays) > 1:
        return gathered(e, name, parts, arrays)
    axis = 0
    for p in parts:
        if p is None:
            name = e.node("Unsqueeze", [name, e.ints([axis])])
            axis += 1
        elif isinstance(p, int | Vary):
            name = e.node("Gather", [name, e.number(p, np.int64)], axis=axis)
        elif is_index(p):
            if is_mask(p):
                raise OnnxError("the shape of a selection by a mask depends on values; use dl.where")
            name = e.node("Gather", [name, e.name(p) if isinstance(p, Value) else e.ints(p)], axis=axis)
            axis += len(p.shape or ()) if isinstance(p, Value) else 1
        else:
            axis += 1
    return name


def gathered(e, name, parts, arrays):
    """Several index arrays, along the leading axes."""
    leading = all(k == j for j, (k, _) in enumerate(arrays)) and all(isinstance(p, slice) for p in parts[len(arrays) :])
    if not leading or any(is_mask(p) for _, p in arrays):
        raise OnnxError("this index is not written; index the leading axes, or one axis, by integers")
    rank = max(len(p.shape) for _, p in arrays)
    names = [e.node("Unsqueeze", [e.name(p), e.ints([*range(rank - len(p.shape)), -1])]) for _, p in arrays]
    total = names[0]
    for n in names[1:]:
        total = e.node("Add", [total, n])
    shape = e.node("Shape", [total])
    return e.node("GatherND", [name, e.node("Concat", [e.node("Expand", [n, shape]) for n in names], axis=-1)])


@primitive("set_at")
def set_at(e, outs, x, value, key):
    return setitem(e, outs, x, key, value)


@primitive("setitem")
def setitem(e, outs, x, key, value):
    """A copy with values written at an index of integers and slices, or at one index array along the first axis."""
    parts = expanded(key, len(x.shape))
    shape = e.merged.shape(x)
    indices = [p for p in parts if is_index(p)]
    if indices:
        if len(indices) > 1 or not is_index(parts[0]) or is_mask(indices[0]) or any(p != slice(None) for p in parts[1:]):
            raise OnnxError("writing at this index is not written; use dl.where")
        places = e.node("Unsqueeze", [e.name(indices[0]), e.ints([-1])])
        wanted = e.node("Concat", [e.node("Shape", [e.name(indices[0])]), e.sizes(shape[1:])], axis=0)
        return e.node("ScatterND", [e.name(x), places, e.node("Expand", [e.name(value, x.dtype), wanted])])
    if None in parts or any(isinstance(p, slice) and p.step not in (None, 1) for p in parts):
        raise OnnxError("writing with new axes or steps is not written; use dl.where")
    name, left = e.name(value, x.dtype), len(value.shape or ()) if isinstance(value, Value) else 0
    new = []  # where the value lacks the axes that an integer picks
    for k, p in enumerate(reversed(parts)):
        if not left:
            break
        if isinstance(p, slice):
            left -= 1
        else:
            new.append(-1 - k)
    return _written(e, e.name(x), parts, shape, e.node("Unsqueeze", [name, e.ints(new)]) if new else name, 0)


@primitive("put_at")
def put_at(e, outs, value, *, key, shape):
    """Zeros with values written at an index of slices."""
    parts = expanded(key, len(shape))
    if not all(isinstance(p, slice) and p.step in (None, 1) for p in parts):
        raise OnnxError("writing into zeros at this index is not written; use dl.where")
    return _written(e, filled(e, outs[0], 0), parts, e.merged.shape(outs[0]), e.name(value), 0)


def _written(e, name, parts, shape, value, axis):
    """x[parts] = value along the axes from one on: what lies before, the inner part, what lies behind, joined."""
    if axis == len(parts):
        return e.node("Expand", [value, e.node("Shape", [name])])
    p = parts[axis]
    if isinstance(p, slice) and p.start in (None, 0) and (p.stop is None or p.stop == shape[axis]):
        return _written(e, name, parts, shape, value, axis + 1)
    one = not isinstance(p, slice)
    if one:
        start, stop = p, Vary(n + 1 for n in p) if isinstance(p, Vary) else MAX if p == -1 else p + 1
    else:
        start, stop = p.start or 0, p.stop
    begin, end = e.size(start), e.size(MAX if stop is None else stop)
    along = e.ints([axis])
    inner = _written(e, e.node("Slice", [name, begin, end, along]), parts, shape, value, axis + 1)
    joined = [] if start == 0 else [e.node("Slice", [name, e.ints([0]), begin, along])]
    joined.append(inner)
    if stop not in (None, MAX):
        joined.append(e.node("Slice", [name, end, e.ints([MAX]), along]))
    return inner if len(joined) == 1 else e.node("Concat", joined, axis=axis)


@primitive("scatter_add")
def scatter_add(e, outs, x, indices, updates):
    places = e.node("Unsqueeze", [e.name(indices), e.ints([-1])])
    return e.node("ScatterND", [e.name(x), places, e.name(updates, x.dtype)], reduction="add")
