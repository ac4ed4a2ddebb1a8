"""Small calls of views: from tensor to tensor, without what an op does in general.

Each function here takes an op's array and all its constants, and answers the commonest calls that record nothing; it returns None
for every other, and for all that the op might refuse.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

_ND = np.ndarray
Answer = Callable[..., Any]
Held = Callable[[Any], Any]
View = Callable[[Any, Any], Any]


def _reshape(xp: Any, held: Held, view: View) -> Answer:
    def small(x: Any, shape: Any, copy: Any) -> Any:
        a = held(x)
        if a is None or copy is not None or type(shape) is not tuple or not a.size:
            return None
        try:
            if prod(shape) != a.size and (shape.count(-1) != 1 or min(shape) < -1):
                return None
            return view(x, a.reshape(shape))
        except (TypeError, ValueError, IndexError):
            return None

    return small


def _flatten(xp: Any, held: Held, view: View) -> Answer:
    def small(x: Any, start_axis: Any, end_axis: Any) -> Any:
        a = held(x)
        if a is None or start_axis != 0 or end_axis != -1:
            return None
        return view(x, a.reshape(a.size))

    return small


def _permute_dims(xp: Any, held: Held, view: View) -> Answer:
    def small(x: Any, axes: Any) -> Any:
        a = held(x)
        if a is None or type(axes) is not tuple or len(axes) != a.ndim:
            return None
        try:
            return view(x, a.transpose(axes))
        except (TypeError, ValueError, IndexError):
            return None

    return small


def _matrix_transpose(xp: Any, held: Held, view: View) -> Answer:
    def small(x: Any) -> Any:
        a = held(x)
        return None if a is None or a.ndim < 2 else view(x, a.swapaxes(-1, -2))

    return small


def _expand_dims(xp: Any, held: Held, view: View) -> Answer:
    def small(x: Any, axis: Any) -> Any:
        a = held(x)
        if a is None or type(axis) is not int:
            return None
        shape = a.shape
        at = axis if axis >= 0 else axis + len(shape) + 1
        return view(x, a.reshape((*shape[:at], 1, *shape[at:]))) if 0 <= at <= len(shape) else None

    return small


def _squeeze(xp: Any, held: Held, view: View) -> Answer:
    def small(x: Any, axis: Any) -> Any:
        a = held(x)
        if a is None or type(axis) is not int or not -a.ndim <= axis < a.ndim or a.shape[axis] != 1:
            return None
        shape, at = a.shape, axis % a.ndim
        return view(x, a.reshape(shape[:at] + shape[at + 1 :]))

    return small


def _broadcast_to(xp: Any, held: Held, view: View) -> Answer:
    broadcast_to = xp.broadcast_to

    def small(x: Any, shape: Any) -> Any:
        a = held(x)
        if a is None or type(shape) is not tuple:
            return None
        try:
            return view(x, broadcast_to(a, shape))
        except (TypeError, ValueError):
            return None

    return small


def _real(xp: Any, held: Held, view: View) -> Answer:
    def small(x: Any) -> Any:
        a = held(x)
        return None if a is None or a.dtype.kind == "c" else view(x, a)

    return small


def _getitem(xp: Any, held: Held, view: View) -> Answer:
    def small(x: Any, key: Any) -> Any:
        a = held(x)
        if a is None or (type(key) is not int and type(key) is not slice):
            return None
        try:
            y = a[key]
        except (TypeError, ValueError, IndexError):
            return None
        return view(x, y if type(y) is _ND else np.asarray(y))

    return small


MAKERS: dict[str, Callable[[Any, Held, View], Answer]] = {
    "reshape": _reshape, "flatten": _flatten, "permute_dims": _permute_dims, "matrix_transpose": _matrix_transpose,
    "expand_dims": _expand_dims, "squeeze": _squeeze, "broadcast_to": _broadcast_to, "real": _real, "getitem": _getitem,
}  # fmt: skip
"""By the name of an op."""
