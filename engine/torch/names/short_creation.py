"""Short ways of names that make tensors, and of those that change dtypes, see short.py."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ...default_dtype import get_default_dtype
from .short import Answer, Tools
from .short_views import _shape

_CPU = frozenset(("cpu", None))
_INT = np.dtype(np.int64)
_USUAL = frozenset(map(np.dtype, ("float32", "float64", "int64", "int32", "bool")))


def _filled(make_array: Callable[..., Any]) -> Callable[[Tools], Answer]:
    """zeros, ones and empty."""

    def make(tools: Tools) -> Answer:
        leaf = tools.leaf

        def answer(*size: Any, dtype: Any = None, device: Any = None, requires_grad: Any = False) -> Any:
            shape = _shape(size)
            if shape is None or device not in _CPU or (dtype is not None and type(dtype) not in _DTYPES):
                return None
            t = leaf(make_array(shape, get_default_dtype() if dtype is None else dtype))
            return t.requires_grad_() if requires_grad else t

        return answer

    return make


_DTYPES = frozenset(map(type, _USUAL))


def _full(tools: Tools) -> Answer:
    leaf = tools.leaf

    def answer(size: Any, fill_value: Any) -> Any:
        shape = _shape((size,))
        return None if shape is None or type(fill_value) is not float else leaf(np.full(shape, fill_value, get_default_dtype()))

    return answer


def _like(make_array: Callable[..., Any]) -> Callable[[Tools], Answer]:
    """zeros_like, ones_like and empty_like."""

    def make(tools: Tools) -> Answer:
        leaf = tools.leaf

        def answer(input: Any) -> Any:
            a = input.array
            return leaf(make_array(a.shape, a.dtype)) if type(a) is np.ndarray and a.dtype in _USUAL else None

        return answer

    return make


def _fresh(make_array: Callable[..., Any]) -> Callable[[Tools], Answer]:
    """new_zeros and its kin."""

    def make(tools: Tools) -> Answer:
        leaf = tools.leaf

        def answer(self: Any, *size: Any) -> Any:
            a, shape = self.array, _shape(size)
            return leaf(make_array(shape, a.dtype)) if shape is not None and type(a) is np.ndarray and a.dtype in _USUAL else None

        return answer

    return make


def _arange(tools: Tools) -> Answer:
    leaf = tools.leaf

    def answer(start: Any, end: Any = None, step: Any = 1, *, device: Any = None) -> Any:
        if type(start) is float or type(step) is float or type(end) is float:
            return fractions(start, end, step, device)
        if type(start) is not int or type(step) is not int or step < 1 or device not in _CPU:
            return None
        if end is None:
            start, end = 0, start
        return leaf(np.arange(start, end, step, dtype=_INT)) if type(end) is int and start <= end else None

    def fractions(start: Any, end: Any, step: Any, device: Any) -> Any:
        if device not in _CPU or step == 0:
            return None
        if end is None:
            start, end = 0, start
        for n in (start, end, step):
            if type(n) is not float and type(n) is not int:
                return None
        if (end - start) * step < 0:
            return None
        n = max(0, math.ceil((end - start) / step))
        return leaf((start + np.arange(n, dtype=np.float64) * step).astype(get_default_dtype()))

    return answer


_NUMBERS = (frozenset((float,)), frozenset((float, int)), frozenset((int,)))


def _tensor(tools: Tools) -> Answer:
    leaf = tools.leaf

    def answer(data: Any, *, dtype: Any = None, requires_grad: Any = False) -> Any:
        kinds = {type(data)}
        if type(data) is list:
            kinds = {*map(type, data)}
            if kinds == {list}:
                kinds = {type(v) for row in data for v in row}
        wanted = dtype
        if wanted is None:
            wanted = _INT if kinds == _NUMBERS[2] else get_default_dtype()
        if kinds not in _NUMBERS or wanted not in _FROM_NUMBERS or (wanted is _INT and kinds != _NUMBERS[2]):
            return None
        t = leaf(np.array(data, wanted))
        return t.requires_grad_() if requires_grad else t

    return answer


_FROM_NUMBERS = (np.dtype("float32"), np.dtype("float64"), _INT)


def _from_numpy(tools: Tools) -> Answer:
    leaf = tools.leaf

    def answer(ndarray: Any) -> Any:
        usual = type(ndarray) is np.ndarray and ndarray.flags.writeable and ndarray.dtype in _USUAL
        return leaf(ndarray) if usual else None

    return answer


def _cast(dtype: np.dtype[Any]) -> Callable[[Tools], Answer]:
    """float, double, long, int and bool."""

    def make(tools: Tools) -> Answer:
        held, leaf = tools.held, tools.leaf

        def answer(self: Any) -> Any:
            a = self.array
            if type(a) is np.ndarray and a.dtype is dtype:
                return self
            a = held(self)
            if a is None or a.dtype not in _USUAL or (a.dtype.kind == "f" and dtype.kind != "f"):
                return None
            return leaf(a.astype(dtype)) if dtype.kind != "f" or a.dtype.kind != "f" or dtype.itemsize > 4 else None

        return answer

    return make


def _to(tools: Tools) -> Answer:
    casts = {dtype: _cast(dtype)(tools) for dtype in _USUAL}

    def answer(self: Any, where: Any) -> Any:
        a = self.array
        if type(a) is not np.ndarray:
            return None
        if type(where) in _DTYPES:
            cast = casts.get(where)
            return None if cast is None else cast(self)
        return self if isinstance(where, str) and where == "cpu" else None

    return answer


MAKERS: dict[str, Callable[[Tools], Any]] = {
    "zeros": _filled(np.zeros), "ones": _filled(np.ones), "empty": _filled(np.zeros), "full": _full,
    "zeros_like": _like(np.zeros), "ones_like": _like(np.ones), "empty_like": _like(np.zeros),
    "new_zeros": _fresh(np.zeros), "new_ones": _fresh(np.ones), "new_empty": _fresh(np.zeros), "arange": _arange,
    "tensor": _tensor, "from_numpy": _from_numpy, "as_tensor": _from_numpy, "float": _cast(np.dtype("float32")),
    "double": _cast(np.dtype("float64")), "long": _cast(_INT), "int": _cast(np.dtype("int32")), "to": _to,
}  # fmt: skip
"""By name."""
