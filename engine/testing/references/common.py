"""What the references share: functions in extended precision, Python arithmetic per element, lines along axes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np


def array(values: Any, like: Any = None) -> Any:
    """Values (Python objects, extended precision) as bool, int64, float64 or complex128. like: an array of the kind to return."""
    x = np.asarray(values)
    kind = np.asarray(like).dtype.kind if like is not None else x.dtype.kind
    return x.astype({"b": bool, "i": np.int64, "u": np.int64, "c": np.complex128}.get(kind, np.float64))


def wide(x: Any) -> Any:
    """An array in the C library's extended precision (as wide as float64 where there is none); numbers unchanged."""
    if not hasattr(x, "dtype"):
        return x
    return np.asarray(x).astype(np.clongdouble if x.dtype.kind == "c" else np.longdouble)


def extended(f: Callable[..., Any]) -> Callable[..., Any]:
    """f in extended precision, rounded once; this uses the C library, and has digits to spare."""

    def call(*arrays: Any, **constants: Any) -> Any:
        return array(f(*map(wide, arrays), **constants))

    return call


def each(f: Callable[..., Any], kind: Any = None) -> Callable[..., Any]:
    """f of Python numbers for every element, broadcast. kind: of the result, as bool or 1.0; None: that of the arguments."""

    def call(*arrays: Any, **constants: Any) -> Any:
        result = np.frompyfunc(lambda *v: f(*v, **constants), len(arrays), 1)(*[_python(a) for a in arrays])
        return array(result, np.empty(0, np.result_type(*arrays)) if kind is None else kind)

    return call


def _python(a: Any) -> Any:
    """An array of Python numbers, not NumPy's."""
    return np.asarray(a).astype(object)


def axes(axis: Any, rank: int) -> tuple[int, ...]:
    """The axes that an argument names, counted from the front; None: all."""
    if axis is None:
        return tuple(range(rank))
    return tuple(a + rank if a < 0 else a for a in ((axis,) if isinstance(axis, int) else axis))


def reduced(f: Callable[[list[Any]], Any], kind: Any = None) -> Callable[..., Any]:
    """f of the list of elements that are reduced, for each element of the result. kind: as for each()."""

    def call(x: Any, axis: Any = None, keepdims: bool = False, **constants: Any) -> Any:
        gone = axes(axis, x.ndim)
        out = np.empty(tuple(1 if i in gone else n for i, n in enumerate(x.shape)), object)
        for at in np.ndindex(*out.shape):
            part = x[tuple(slice(None) if i in gone else n for i, n in enumerate(at))]
            out[at] = f(np.asarray(part).reshape(-1).tolist(), **constants)
        result = array(out, x if kind is None else kind)
        return result if keepdims else result.reshape([n for i, n in enumerate(x.shape) if i not in gone])

    return call


def along(f: Callable[[list[Any]], Sequence[Any]], kind: Any = None) -> Callable[..., Any]:
    """f of each line of x along an axis; the result may have another length. kind: as for each()."""

    def call(x: Any, axis: Any = -1, **constants: Any) -> Any:
        (at,) = axes(axis, x.ndim) if x.ndim > 1 else (0,)
        lines = np.moveaxis(x, at, -1)
        length = len(f([x.dtype.type(1).item()] * x.shape[at], **constants))
        out = np.empty((*lines.shape[:-1], length), object)
        for i in np.ndindex(*lines.shape[:-1]):
            out[i] = list(f(lines[i].tolist(), **constants))
        return np.moveaxis(array(out, x if kind is None else kind), -1, at)

    return call
