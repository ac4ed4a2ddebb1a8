"""Sequences, which are lists here, and optional values, which may be None."""

from __future__ import annotations

import numpy as np

from ....errors import OnnxError
from .. import namespace as dl
from ..table import operator
from ..values import Host, Raw, ints, is_host, tensor
from .control import stacked


@operator("SequenceConstruct")
def construct(*values: Raw):
    return list(values)


@operator("SequenceEmpty", folds=False)
def empty(*, dtype=1):
    return []


@operator("SequenceInsert")
def insert(sequence: Raw, value: Raw, position: Host = None):
    place = len(sequence) if position is None else int(position.item())
    place = place + len(sequence) if place < 0 else place
    return [*sequence[:place], value, *sequence[place:]]


@operator("SequenceErase")
def erase(sequence: Raw, position: Host = None):
    place = (len(sequence) - 1 if position is None else int(position.item())) % len(sequence)
    return [v for k, v in enumerate(sequence) if k != place]


@operator("SequenceAt")
def at(sequence: Raw, position: Host):
    place = int(position.item())
    if not -len(sequence) <= place < len(sequence):
        raise OnnxError(f"SequenceAt: the position {place} is outside a sequence of {len(sequence)}")
    return sequence[place]


@operator("SequenceLength")
def length(sequence: Raw):
    return np.asarray(len(sequence), np.int64)


@operator("ConcatFromSequence")
def concat(sequence: Raw, *, axis, new_axis=0):
    if new_axis:
        return stacked(sequence, axis)
    if all(is_host(v) for v in sequence):
        return np.concatenate(sequence, axis)
    return dl.concat([tensor(v) for v in sequence], axis=axis)


@operator("SplitToSequence")
def split(x: Raw, sizes: Host = None, *, axis=0, keepdims=1):
    whole = x.shape[axis]
    axis %= len(x.shape)
    if sizes is None:
        return [x[(slice(None),) * axis + (slice(k, k + 1) if keepdims else k,)] for k in range(whole)]
    each = list(ints(sizes))
    if not sizes.ndim:
        each = [min(each[0], whole - k) for k in range(0, whole, each[0])]
    ends = np.cumsum(each)
    return [x[(slice(None),) * axis + (slice(int(e - n), int(e)),)] for e, n in zip(ends, each, strict=True)]


@operator("SequenceMap")
def sequence_map(sequence: Raw, *others: Raw, body):
    rows = [body(v, *(o[k] if isinstance(o, list) else o for o in others)) for k, v in enumerate(sequence)]
    count = len(body.graph.outputs)
    return tuple([row[k] for row in rows] for k in range(count))


@operator("Optional")
def optional(value: Raw = None, *, type=None):
    return value


@operator("OptionalHasElement")
def has_element(value: Raw = None):
    return np.asarray(value is not None)


@operator("OptionalGetElement")
def get_element(value: Raw):
    if value is None:
        raise OnnxError("OptionalGetElement: the value is absent")
    return value


