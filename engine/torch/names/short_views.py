"""Short ways of names that show a tensor's memory in another way, see short.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .engine import dl
from .short import Answer, Tools, Ways

_WHOLE, _PLACES = slice(None), np.dtype(np.int64)
_LONG = 1 << 16
"""Elements of a tensor times those of an index from which on the general way is as fast."""


def _shape(given: tuple[Any, ...]) -> tuple[int, ...] | None:
    """Sizes given one by one, or as one tuple or list of them; None for anything else."""
    if len(given) == 1 and type(given[0]) is not int:
        if not isinstance(given[0], (tuple, list)):
            return None
        given = tuple(given[0])
    for n in given:
        if type(n) is not int:
            return None
    return given


def _reshape(tools: Tools) -> Ways:
    held, view = tools.held, tools.view

    def answer(input: Any, *shape: Any) -> Any:
        a, wanted = held(input), _shape(shape)
        if a is None or not wanted or min(wanted) < -1 or not a.size or not a.flags.c_contiguous:
            return None
        return view(input, a.reshape(wanted))

    def recorded(input: Any, *shape: Any) -> Any:
        wanted = _shape(shape)
        return dl.reshape(input, wanted) if wanted and input.array.flags.c_contiguous else None

    return Ways(answer, recorded=recorded)


def _view_as(tools: Tools) -> Ways:
    held, view = tools.held, tools.view

    def answer(self: Any, other: Any) -> Any:
        a = held(self)
        return None if a is None or not a.size or not a.flags.c_contiguous else view(self, a.reshape(other.array.shape))

    def recorded(self: Any, other: Any) -> Any:
        return dl.reshape(self, other.array.shape) if self.array.flags.c_contiguous else None

    return Ways(answer, recorded=recorded)


def _flatten(tools: Tools) -> Ways:
    held, view = tools.held, tools.view

    def answer(input: Any, start_dim: Any = 0, end_dim: Any = -1) -> Any:
        a = held(input)
        if a is None or end_dim != -1 or type(start_dim) is not int or not 0 <= start_dim < a.ndim or not a.size:
            return None
        return view(input, a.reshape((*a.shape[:start_dim], -1))) if a.flags.c_contiguous else None

    def recorded(input: Any, start_dim: Any = 0, end_dim: Any = -1) -> Any:
        return dl.flatten(input, start_axis=start_dim, end_axis=end_dim) if input.array.ndim else None

    return Ways(answer, recorded=recorded)


def _unsqueeze(tools: Tools) -> Ways:
    held, view = tools.held, tools.view

    def answer(input: Any, dim: Any) -> Any:
        a = held(input)
        if a is None or type(dim) is not int:
            return None
        shape = a.shape
        at = dim if dim >= 0 else dim + len(shape) + 1
        return view(input, a.reshape((*shape[:at], 1, *shape[at:]))) if 0 <= at <= len(shape) else None

    def recorded(input: Any, dim: Any) -> Any:
        return dl.expand_dims(input, axis=dim)

    return Ways(answer, recorded=recorded)


def _squeeze(tools: Tools) -> Ways:
    held, view = tools.held, tools.view

    def answer(input: Any, dim: Any = None) -> Any:
        a = held(input)
        if a is None:
            return None
        if dim is None:
            return view(input, a.squeeze())
        if type(dim) is not int or not -a.ndim <= dim < a.ndim:
            return None
        return view(input, a.squeeze(dim) if a.shape[dim] == 1 else a[...])

    def recorded(input: Any, dim: Any = None) -> Any:
        shape = input.array.shape
        if dim is None:
            return dl.squeeze(input, axis=tuple([i for i, n in enumerate(shape) if n == 1]))
        return dl.squeeze(input, axis=(dim % len(shape),)) if type(dim) is int and shape[dim] == 1 else None

    return Ways(answer, recorded=recorded)


def _transpose(tools: Tools) -> Ways:
    held, view = tools.held, tools.view

    def answer(input: Any, dim0: Any, dim1: Any) -> Any:
        a = held(input)
        return None if a is None or not (a.ndim and type(dim0) is type(dim1) is int) else view(input, a.swapaxes(dim0, dim1))

    def recorded(input: Any, dim0: Any, dim1: Any) -> Any:
        rank = input.array.ndim
        if not rank:
            return None
        order = [*range(rank)]
        order[dim0], order[dim1] = order[dim1], order[dim0]
        return dl.permute_dims(input, tuple(order))

    return Ways(answer, recorded=recorded)


def _t(tools: Tools) -> Ways:
    held, view = tools.held, tools.view

    def answer(input: Any) -> Any:
        a = held(input)
        return None if a is None or a.ndim != 2 else view(input, a.T)

    def recorded(input: Any) -> Any:
        return dl.matrix_transpose(input) if input.array.ndim == 2 else None

    return Ways(answer, recorded=recorded)


def _permute(tools: Tools) -> Ways:
    held, view = tools.held, tools.view

    def answer(input: Any, *dims: Any) -> Any:
        a, order = held(input), _shape(dims)
        return None if a is None or order is None or len(order) != a.ndim or not order else view(input, a.transpose(order))

    def recorded(input: Any, *dims: Any) -> Any:
        order = _shape(dims)
        return dl.permute_dims(input, order) if order else None

    return Ways(answer, recorded=recorded)


def _expand(tools: Tools) -> Answer:
    shown = tools.shown

    def answer(input: Any, *shape: Any) -> Any:
        wanted = _shape(shape)
        return None if not wanted or wanted == input.array.shape else shown(input, wanted)

    return answer


def _expand_as(tools: Tools) -> Answer:
    shown = tools.shown

    def answer(input: Any, other: Any) -> Any:
        wanted = other.array.shape
        return None if wanted == input.array.shape else shown(input, wanted)

    return answer


def _parts(tools: Tools, length: Callable[[int, int], int]) -> Answer:
    """Views of consecutive parts; length: of a part, of the size of the axis and what is asked for."""
    held, view = tools.held, tools.view

    def answer(input: Any, asked: Any, dim: Any) -> Any:
        a = held(input)
        if a is None or not (type(asked) is type(dim) is int) or asked < 1 or not -a.ndim <= dim < a.ndim or not a.size:
            return None
        at = dim % a.ndim
        n, before = a.shape[at], (_WHOLE,) * at
        step = length(n, asked)
        return tuple([view(input, a[(*before, slice(i, i + step))]) for i in range(0, n, step)])

    return answer


def _split(tools: Tools) -> Answer:
    parts = _parts(tools, lambda n, size: size)

    def answer(tensor: Any, split_size: Any, dim: Any = 0) -> Any:
        return parts(tensor, split_size, dim)

    return answer


def _chunk(tools: Tools) -> Answer:
    parts = _parts(tools, lambda n, chunks: -(-n // chunks))

    def answer(input: Any, chunks: Any, dim: Any = 0) -> Any:
        return parts(input, chunks, dim)

    return answer


def _unbind(tools: Tools) -> Answer:
    held, view = tools.held, tools.view

    def answer(input: Any, dim: Any = 0) -> Any:
        a = held(input)
        if a is None or type(dim) is not int or not -a.ndim <= dim < a.ndim or not a.size:
            return None
        before = (_WHOLE,) * (dim % a.ndim)
        return tuple([view(input, a[(*before, i, ...)]) for i in range(a.shape[dim])])

    return answer


def _narrow(tools: Tools) -> Answer:
    held, view = tools.held, tools.view

    def answer(input: Any, dim: Any, start: Any, length: Any) -> Any:
        a = held(input)
        if a is None or not (type(dim) is type(start) is type(length) is int) or not -a.ndim <= dim < a.ndim:
            return None
        if not 0 <= start <= start + length <= a.shape[dim]:
            return None
        return view(input, a[(*(_WHOLE,) * (dim % a.ndim), slice(start, start + length))])

    return answer


_element: Any = dl.Tensor.__getitem__


def _plain_key(key: tuple[Any, ...]) -> bool:
    """Whether an index has integers, None, ... and slices forwards alone."""
    for p in key:
        part = type(p)
        if part is slice:
            if p.step is not None and p.step < 1:
                return False
        elif part is not int and p is not None and p is not ...:
            return False
    return True


def _getitem(tools: Tools) -> Ways:
    held, view, leaf = tools.held, tools.view, tools.leaf
    cls = type(leaf(np.zeros(1)))

    def answer(self: Any, key: Any) -> Any:
        kind = type(key)
        if kind is int:
            a = held(self)
            return None if a is None else view(self, a[key] if a.ndim > 1 else a[key, ...])
        if kind is tuple:
            a = held(self) if _plain_key(key) else None
            return None if a is None else view(self, a[key if ... in key else (*key, ...)])
        if kind is not slice:
            a = held(self) if kind is cls else None
            return None if a is None else by_tensor(a, held(key))
        if key.step is not None and key.step < 1:
            return None
        a = held(self)
        return None if a is None else view(self, a[key])

    def by_tensor(a: Any, k: Any) -> Any:
        if k is None or not k.ndim or not a.ndim or a.size * k.size > _LONG:
            return None
        if k.dtype.kind == "b":
            return leaf(a[k]) if k.ndim <= a.ndim and k.shape == a.shape[: k.ndim] and a.flags.c_contiguous else None
        return leaf(a.take(k, 0)) if k.dtype is _PLACES and a.flags.c_contiguous else None

    def recorded(self: Any, key: Any) -> Any:
        if type(key) is int:
            return _element(self, key if self.array.ndim > 1 else (key, ...))
        if type(key) is not tuple or not _plain_key(key) or ... in key:
            return None
        return _element(self, (*key, ...) if len(key) == self.array.ndim and {*map(type, key)} == {int} else key)

    return Ways(answer, recorded=recorded)


MAKERS: dict[str, Callable[[Tools], Any]] = {
    "reshape": _reshape, "view": _reshape, "view_as": _view_as, "reshape_as": _view_as, "flatten": _flatten,
    "unsqueeze": _unsqueeze, "squeeze": _squeeze, "transpose": _transpose, "t": _t, "permute": _permute, "expand": _expand,
    "expand_as": _expand_as, "split": _split, "Tensor.split": _split, "chunk": _chunk, "unbind": _unbind, "narrow": _narrow,
    "Tensor.__getitem__": _getitem,
}  # fmt: skip
"""By name."""
