"""Calls that make tensors of numbers in the default dtype, see dlengine.autograd.short."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..autograd.small_kernels import Answer, Leaf
from ..default_dtype import get_default_dtype


def _usual(dtype: Any, device: Any, requires_grad: Any) -> bool:
    return dtype is None and device is None and requires_grad is False


def _filled(name: str) -> Callable[[Any, Leaf], Answer]:
    """zeros and ones."""

    def make(xp: Any, leaf: Leaf) -> Answer:
        filled = getattr(xp, name)

        def small(shape: Any, *more: Any, dtype: Any = None, device: Any = None, requires_grad: Any = False) -> Any:
            if more or not _usual(dtype, device, requires_grad):
                return None
            return leaf(filled(shape, dtype=get_default_dtype()))

        return small

    return make


def _full(xp: Any, leaf: Leaf) -> Answer:
    full = xp.full

    def small(shape: Any, fill_value: Any, *, dtype: Any = None, device: Any = None, requires_grad: Any = False) -> Any:
        if type(fill_value) is not float or not _usual(dtype, device, requires_grad):
            return None
        return leaf(full(shape, fill_value, dtype=get_default_dtype()))

    return small


def _eye(xp: Any, leaf: Leaf) -> Answer:
    eye = xp.eye

    def small(
        n_rows: Any, n_cols: Any = None, /, *, k: Any = 0, dtype: Any = None, device: Any = None, requires_grad: Any = False
    ) -> Any:
        if type(n_rows) is not int or not _usual(dtype, device, requires_grad):
            return None
        return leaf(eye(n_rows, n_cols, k=k, dtype=get_default_dtype()))

    return small


def _linspace(xp: Any, leaf: Leaf) -> Answer:
    linspace = xp.linspace

    def small(
        start: Any, stop: Any, /, num: Any, *, dtype: Any = None, device: Any = None, endpoint: Any = True,
        requires_grad: Any = False,
    ) -> Any:  # fmt: skip
        real = type(start) in _REAL and type(stop) in _REAL and type(num) is int
        if not real or not _usual(dtype, device, requires_grad):
            return None
        return leaf(linspace(start, stop, num, dtype=get_default_dtype(), endpoint=endpoint))

    return small


_REAL = (int, float)

MAKERS: dict[str, Callable[[Any, Leaf], Answer]] = {
    "zeros": _filled("zeros"), "ones": _filled("ones"), "full": _full, "eye": _eye, "linspace": _linspace,
}  # fmt: skip
"""By the name of a function."""
