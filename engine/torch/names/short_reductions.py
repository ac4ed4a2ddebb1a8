"""Short ways of sums, extremes, products of matrices and their kin, see short.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...autograd.base import recording
from . import pairs
from .core import own
from .engine import dl
from .short import FLOATS, Answer, Tools, Ways

_INT = np.dtype(np.int64)
_WHOLE_NUMBERS = (np.dtype(bool), _INT)
_LONG = 1 << 12
"""Elements from which on the general way is as fast."""


def _reduced(name: str, integers: bool) -> Callable[[Tools], Ways]:
    """A reduction of floats; integers: and of booleans and int64 to int64."""
    function = getattr(dl, name)

    def make(tools: Tools) -> Ways:
        held, leaf, f, whole = tools.held, tools.leaf, tools.quietly(getattr(tools.xp, name)), tools.of(function.op)
        of_integers = getattr(np, name)

        def answer(input: Any, dim: Any = None, keepdim: Any = False) -> Any:
            if dim is None and keepdim is False and whole is not None:
                y = whole(input)
                if y is not None:
                    return y
            a = held(input)
            if a is None or not a.ndim or type(keepdim) is not bool or not 0 < a.size <= _LONG:
                return None
            if type(dim) is list or type(dim) is tuple:
                dim = tuple(dim) or None
            elif dim is not None and type(dim) is not int:
                return None
            if a.dtype in FLOATS:
                y = f(a, axis=dim, keepdims=keepdim)
            elif integers and a.dtype in _WHOLE_NUMBERS:
                y = of_integers(a, axis=dim, keepdims=keepdim, dtype=_INT)
            else:
                return None
            return leaf(y if type(y) is np.ndarray else np.asarray(y))

        def recorded(input: Any, dim: Any = None, keepdim: Any = False) -> Any:
            if input.array.dtype not in FLOATS or not input.array.ndim or (dim is not None and type(dim) is not int):
                return None
            return function(input, axis=dim, keepdims=keepdim)

        return Ways(answer, recorded=recorded)

    return make


def _extreme(name: str) -> Callable[[Tools], Ways]:
    """max and min: of all elements, or values and places along an axis."""
    pair, function = getattr(pairs, name), getattr(dl, name)

    def make(tools: Tools) -> Ways:
        held, leaf, xp, whole = tools.held, tools.leaf, tools.xp, tools.of(function.op)
        values, places = getattr(xp, name), getattr(xp, f"arg{name}")

        def answer(input: Any, dim: Any = None, keepdim: Any = False) -> Any:
            if dim is None:
                return None if whole is None or keepdim is not False else whole(input)
            a = held(input)
            if a is None or type(dim) is not int or not a.ndim or type(keepdim) is not bool or not 0 < a.size <= _LONG:
                return None
            if a.dtype not in FLOATS:
                return None
            found, at = values(a, axis=dim, keepdims=keepdim), places(a, axis=dim, keepdims=keepdim)
            return pair(leaf(found), leaf(at)) if type(found) is type(at) is np.ndarray else None

        def recorded(input: Any, dim: Any = None, keepdim: Any = False) -> Any:
            a = input.array
            if dim is None:
                return function(input) if a.dtype in FLOATS and keepdim is False else None
            if type(dim) is not int or type(keepdim) is not bool or a.dtype not in FLOATS or not (a.ndim and a.size):
                return None
            at = places(a, axis=dim, keepdims=True)
            if type(at) is not np.ndarray or not (input.needs_grad and recording.get()):
                return None
            found = dl.take_along_axis(input, leaf(at), axis=dim)
            if keepdim:
                return pair(own(found), leaf(at))
            return pair(own(dl.squeeze(found, axis=dim)), leaf(at.squeeze(dim)))

        return Ways(answer, recorded=recorded)

    return make


def _spread(name: str) -> Callable[[Tools], Ways]:
    """var and std, over n - 1 or n."""
    function = getattr(dl, name)

    def recorded(input: Any, dim: Any = None, unbiased: Any = None, keepdim: Any = False, *, correction: Any = None) -> Any:
        a = input.array
        if a.dtype not in FLOATS or not a.ndim or not a.size or type(keepdim) is not bool:
            return None
        if type(dim) is bool:
            dim, unbiased = None, dim
        if correction is None and (unbiased is None or type(unbiased) is bool):
            correction = 0 if unbiased is False else 1
        if type(correction) is not int or (dim is not None and type(dim) is not int):
            return None
        if (a.size if dim is None else a.shape[dim]) <= correction:
            return None
        return function(input, axis=dim, correction=float(correction), keepdims=keepdim)

    return lambda tools: Ways(None, recorded=recorded)


def _place(name: str) -> Callable[[Tools], Answer]:
    """argmax and argmin."""

    def make(tools: Tools) -> Answer:
        held, leaf, f = tools.held, tools.leaf, getattr(tools.xp, name)

        def answer(input: Any, dim: Any = None, keepdim: Any = False) -> Any:
            a = held(input)
            if a is None or not a.ndim or type(keepdim) is not bool or not 0 < a.size <= _LONG:
                return None
            if a.dtype not in FLOATS or (dim is not None and type(dim) is not int):
                return None
            y = f(a, axis=dim, keepdims=keepdim)
            return leaf(y if type(y) is np.ndarray else np.asarray(y))

        return answer

    return make


def _truth(name: str) -> Callable[[Tools], Answer]:
    """any and all of booleans."""
    ufunc: Any = np.logical_or if name == "any" else np.logical_and

    def make(tools: Tools) -> Answer:
        held, leaf, reduce = tools.held, tools.leaf, ufunc.reduce

        def answer(input: Any, dim: Any = None, keepdim: Any = False) -> Any:
            a = held(input)
            if a is None or a.dtype.kind != "b" or not a.ndim or type(keepdim) is not bool:
                return None
            if dim is not None and type(dim) is not int:
                return None
            y = reduce(a, dim, None, None, keepdim)
            return leaf(y if type(y) is np.ndarray else np.asarray(y))

        return answer

    return make


def _by_rows(name: str) -> Callable[[Tools], Ways]:
    """softmax and log_softmax along the last axis."""
    function = getattr(dl, name)

    def make(tools: Tools) -> Ways:
        held, leaf, f = tools.held, tools.leaf, getattr(tools.xp, name)

        def answer(input: Any, dim: Any) -> Any:
            a = held(input)
            if a is None or a.dtype not in FLOATS or type(dim) is not int or not 0 < a.size <= _LONG:
                return None
            last = a.ndim - 1
            return leaf(f(a, last)) if a.ndim and (dim == last or dim == -1) else None

        def recorded(input: Any, dim: Any) -> Any:
            return function(input, axis=dim) if input.array.ndim and type(dim) is int else None

        return Ways(answer, recorded=recorded)

    return make


def _matmul(*ranks: int) -> Callable[[Tools], Ways]:
    """A product of tensors of one dtype; ranks: the numbers of axes that both must have, if there are any."""

    def recorded(input: Any, other: Any) -> Any:
        a, b = input.array, other.array
        if a.dtype is not b.dtype or a.dtype not in FLOATS or (ranks and (a.ndim, b.ndim) != ranks):
            return None
        return dl.matmul(input, other)

    return lambda tools: Ways(tools.of(dl.matmul.op) if ranks in ((), (2, 2)) else None, recorded=recorded)


def _cumsum(tools: Tools) -> Answer | None:
    of_vectors, held, leaf, running = tools.of(dl.cumulative_sum.op), tools.held, tools.leaf, tools.xp.cumulative_sum

    def answer(input: Any, dim: Any) -> Any:
        a = held(input)
        if a is None or a.dtype not in FLOATS or type(dim) is not int or not -a.ndim <= dim < a.ndim or not 0 < a.size <= _LONG:
            return None
        if a.ndim == 1 and of_vectors is not None:
            return of_vectors(input)
        return leaf(running(a, axis=dim))

    return answer


MAKERS: dict[str, Callable[[Tools], Any]] = {
    "sum": _reduced("sum", True), "mean": _reduced("mean", False), "prod": _reduced("prod", True), "amax": _reduced("max", False),
    "amin": _reduced("min", False), "max": _extreme("max"), "min": _extreme("min"), "std": _spread("std"), "var": _spread("var"),
    "argmax": _place("argmax"), "argmin": _place("argmin"), "any": _truth("any"), "all": _truth("all"),
    "softmax": _by_rows("softmax"), "log_softmax": _by_rows("log_softmax"), "cumsum": _cumsum,
    "matmul": _matmul(), "mm": _matmul(2, 2), "bmm": _matmul(3, 3), "mv": _matmul(2, 1), "dot": _matmul(1, 1),
}  # fmt: skip
"""By name."""
