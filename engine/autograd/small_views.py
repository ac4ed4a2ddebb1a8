"""Small calls of views, of joining and of choosing: from tensors to tensor, without what an op does in general.

Each function here takes an op's array and all its constants, and answers the commonest calls that record nothing; it returns None
for every other, and for all that the op might refuse.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from math import prod
from typing import Any

import numpy as np

from dlengine.kernels.late import imported

from ..backend import plain
from .base import tensor_class
from .fp_errors import QUIET, SET, restore_fp_errors

_ND, _BOOL = np.ndarray, np.dtype("bool")
_FLOATS = (np.dtype("float32"), np.dtype("float64"))
Answer = Callable[..., Any]
Held = Callable[[Any], Any]
View = Callable[[Any, Any], Any]


def _reshape(xp: Any, held: Held, view: View) -> Answer:
    reshape = xp.reshape

    def small(x: Any, shape: Any, copy: Any) -> Any:
        a = held(x)
        if type(shape) is list:
            shape = tuple(shape)
        if a is None or copy is not None or type(shape) is not tuple or not a.size:
            return None
        try:
            if prod(shape) != a.size and (shape.count(-1) != 1 or min(shape) < -1):
                return None
            return view(x, a.reshape(shape) if a.flags.c_contiguous else reshape(a, shape))
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
    shown = imported("dlengine.kernels.jit.generated.small_calls").broadcast(tensor_class[0])

    def small(x: Any, shape: Any) -> Any:
        return shown(x, tuple(shape) if type(shape) is list else shape)

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


def _arrays(held: Held, tensors: Any) -> list[Any] | None:
    """The arrays of a list of tensors, floats of one dtype; else None."""
    if type(tensors) is not list and type(tensors) is not tuple:
        return None
    arrays: list[Any] = []
    for t in tensors:
        a = held(t)
        if a is None or a.dtype not in _FLOATS or (arrays and a.dtype is not arrays[0].dtype):
            return None
        arrays.append(a)
    return arrays or None


FEW = 4096
"""Elements up to which arrays are joined by NumPy, without asking who joins large ones."""


def _concat(xp: Any, held: Held, view: View) -> Answer:
    concat = xp.concat

    def small(tensors: Any, axis: Any) -> Any:
        arrays = _arrays(held, tensors) if type(axis) is int else None
        if arrays is None:
            return None
        try:
            y = np.concatenate(arrays, axis) if arrays[0].size * len(arrays) <= FEW else concat(arrays, axis=axis)
        except (TypeError, ValueError, IndexError):
            return None
        return view(tensors[0], y)

    return small


def _stack(xp: Any, held: Held, view: View) -> Answer:
    stack = xp.stack

    def small(tensors: Any, axis: Any) -> Any:
        arrays = _arrays(held, tensors) if type(axis) is int else None
        if arrays is None:
            return None
        shape = arrays[0].shape
        for a in arrays:
            if a.shape != shape:
                return None
        if not -len(shape) - 1 <= axis <= len(shape):
            return None
        if arrays[0].size * len(arrays) > FEW:
            return view(tensors[0], stack(arrays, axis=axis))
        return view(tensors[0], np.array(arrays) if axis == 0 else plain.stack(arrays, axis=axis))

    return small


CHOSEN = 2048
"""Elements up to which NumPy chooses as fast as generated code; 131,072 take it 75 to 130 us, by how often the choice changes."""


def _where(xp: Any, held: Held, view: View) -> Answer:
    where = xp.where

    def small(condition: Any, x1: Any, x2: Any) -> Any:
        c, a, b = held(condition), held(x1), held(x2)
        if a is None or b is None or c is None or c.dtype is not _BOOL or a.size > CHOSEN:
            return None
        if a.dtype is not b.dtype or a.dtype not in _FLOATS or not c.shape == a.shape == b.shape:
            return None
        return view(condition, where(c, a, b))

    return small


CLIPPED = 1024
"""Elements up to which NumPy clips as fast as generated code; 131,072 take it 100 us, and generated code 17."""


def _clipping(clip: Callable[..., Any]) -> Callable[..., Any]:
    """NumPy's elementwise function that clips in one pass, without what np.clip does around it; if it gives other bits, clip."""
    try:
        once: Callable[..., Any] = import_module("numpy._core.umath").clip
    except (ImportError, AttributeError):
        return clip
    for dtype in _FLOATS:
        x = np.array([np.nan, -np.inf, -1.0, -0.0, 0.0, 0.25, 1.0, np.inf] * 5, dtype)
        for bounds in ((-0.5, 0.5), (0.1, 0.1), (-1.0, np.inf), (np.nan, 1.0), (0.1, np.nan)):
            y, wanted = once(x, *bounds), clip(x, *bounds)
            if y.dtype is not x.dtype or y.tobytes() != wanted.tobytes():
                return clip
    return once


def _clip(xp: Any, held: Held, view: View) -> Answer:
    clip, once = xp.clip, _clipping(xp.clip)

    def small(x: Any, least: Any, most: Any) -> Any:
        a = held(x)
        if a is None or a.dtype not in _FLOATS or type(least) is not float or type(most) is not float or not a.ndim:
            return None
        if a.size > CLIPPED:
            return None
        least = min(least, most)
        token = SET(QUIET)
        try:
            return view(x, (once if least and most else clip)(a, least, most))  # a bound of 0 may meet a zero of another sign
        finally:
            restore_fp_errors(token)

    return small


def _place(name: str) -> Callable[[Any, Held, View], Answer]:
    def make(xp: Any, held: Held, view: View) -> Answer:
        def small(x: Any) -> Any:
            a = held(x)
            if a is None or a.dtype not in _FLOATS or not a.size:
                return None
            return view(x, np.asarray(getattr(a, name)()))

        return small

    return make


MAKERS: dict[str, Callable[[Any, Held, View], Answer]] = {
    "reshape": _reshape, "flatten": _flatten, "permute_dims": _permute_dims, "matrix_transpose": _matrix_transpose,
    "expand_dims": _expand_dims, "squeeze": _squeeze, "broadcast_to": _broadcast_to, "real": _real, "getitem": _getitem,
    "concat": _concat, "stack": _stack, "where": _where, "clip": _clip, "argmax": _place("argmax"), "argmin": _place("argmin"),
}  # fmt: skip
"""By the name of an op."""
