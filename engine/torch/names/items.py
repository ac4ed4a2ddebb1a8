"""Reading and writing by index: x[...] and x[...] = value."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ... import backend
from ...autograd.base import recording, written
from ...autograd.fp_errors import QUIET, SET, restore_fp_errors
from .core import Plain, assign, is_tensor, kind_of, own
from .engine import dl

_BOUNDS = {int, type(None)}


def index_of(x: Any, given: Any) -> tuple[Any, Any]:
    """PyTorch's index as NumPy's: a tensor to index and an index for it.

    PyTorch takes numbers first and then the tensors; NumPy counts a number beside a tensor among the tensors, which puts the
    result's axes elsewhere. Slices of lists, and NumPy arrays, are as tensors are.
    """
    if isinstance(given, bool):
        return x, (None, dl.asarray([given])) if x.ndim == 0 else given
    if isinstance(given, (int, slice)) or given is None or given is ...:
        _check_step(given)
        return x, given
    parts = list(given) if isinstance(given, tuple) else [given]
    dots = [i for i, p in enumerate(parts) if p is ...]
    parts = [part_of(p) for i, p in enumerate(parts) if i not in dots[1:]]  # the first ... takes all axes that are left
    for p in parts:
        _check_step(p)
    if any(isinstance(p, int) and not isinstance(p, bool) for p in parts) and any(is_tensor(p) for p in parts):
        first, rest = _numbers_first(x, parts)
        return x[first], tuple(rest)
    return x, tuple(parts)


def _check_step(p: Any) -> None:
    if isinstance(p, slice) and p.step is not None and p.step <= 0:
        raise ValueError("step must be greater than zero")


def part_of(p: Any) -> Any:
    if isinstance(p, np.integer):
        return int(p)
    if isinstance(p, (list, range, np.ndarray)):
        return dl.asarray(np.asarray(p) if len(p) else np.zeros(0, np.int64))
    if is_tensor(p):
        if p.dtype == np.uint8:
            return dl.astype(p, "bool")
        if p.ndim == 0 and kind_of(p.dtype) == 1:
            return int(p.item())
        if kind_of(p.dtype) > 1:
            raise IndexError("tensors used as indices must be long, int, byte or bool tensors")
    if isinstance(p, slice) and any(is_tensor(v) for v in (p.start, p.stop, p.step)):
        return slice(*(int(v) if is_tensor(v) else v for v in (p.start, p.stop, p.step)))
    return p


def _numbers_first(x: Any, parts: list[Any]) -> tuple[tuple[Any, ...], list[Any]]:
    """The index of the numbers alone, and what is left for the tensors."""
    used = sum(p.ndim if is_tensor(p) and p.dtype == np.bool_ else 1 for p in parts if p is not None and p is not ...)
    first: list[Any] = []
    rest: list[Any] = []
    for p in parts:
        if p is ...:
            first += [slice(None)] * (x.ndim - used)
            rest += [slice(None)] * (x.ndim - used)
        elif isinstance(p, int) and not isinstance(p, bool):
            first.append(p)
        else:
            rest.append(p)
            if p is not None:
                index: Any = p
                first += [slice(None)] * (index.ndim if is_tensor(index) and index.dtype == np.bool_ else 1)
    return tuple(first), rest


def get_item(self: Any, given: Any) -> Any:
    """x[...]."""
    kind = type(given)
    if kind is int or (kind is slice and given.step is None):
        return own(Plain.__getitem__(self, (given, ...) if self.array.ndim == 1 else given))
    x, k = (self, given) if kind is tuple and _is_simple(given) else index_of(self, given)
    if type(k) is tuple and len(k) == x.array.ndim and {*map(type, k)} <= {int}:
        k = (*k, ...)  # NumPy then gives a view and no number
    return own(Plain.__getitem__(x, k))


def _is_simple(parts: tuple[Any, ...]) -> bool:
    """Whether an index has integers, slices forwards, None and ... alone, which mean here what they mean to NumPy."""
    dots = 0
    for p in parts:
        kind = type(p)
        if p is ...:
            dots += 1
        elif kind is slice:
            if p.step is not None or type(p.start) not in _BOUNDS or type(p.stop) not in _BOUNDS:
                return False
        elif kind is not int and p is not None:
            return False
    return dots < 2


def set_item(self: Any, given: Any, value: Any) -> None:
    """x[...] = value."""
    a, kind = self.array, type(value)
    if type(a) is np.ndarray and (type(given) is int or (type(given) is tuple and _is_simple(given))) and a.flags.writeable:
        b = value if kind is float or kind is int else value.array if isinstance(value, Plain) else None
        needs = self.needs_grad or (b is not value and b is not None and value.needs_grad)
        plain = (b is value and a.dtype.kind == "f") or (type(b) is np.ndarray and b.dtype is a.dtype)
        if plain and not (needs and recording.get()) and _written_at(a, given, b):
            written(self)
            return
    if isinstance(value, (np.ndarray, list, tuple)):
        value = dl.asarray(value, dtype=self.dtype)
    if isinstance(value, Plain) and value.array.ndim == 0 and value.device != self.device:
        value = value.to(self.device)
    if dl.is_grad_enabled() and self.is_leaf and self.requires_grad:
        raise RuntimeError("a view of a leaf Variable that requires grad is being used in an in-place operation.")
    x, k = (self, given) if type(given) is int or given is ... else index_of(self, given)
    if x is self:
        Plain.__setitem__(self, k, _fitting(self, k, value))
    elif dl.is_grad_enabled() and (self.requires_grad or (is_tensor(value) and value.requires_grad)):
        places = dl.reshape(dl.arange(math.prod(self.shape), device=self.device), self.shape)
        chosen = index_of(places, given)
        at = Plain.__getitem__(*chosen)
        flat = dl.reshape(self, (-1,))
        value = dl.broadcast_to(value, at.shape) if is_tensor(value) else value
        new = dl.set_at(flat, value if not is_tensor(value) else dl.reshape(value, (-1,)), key=dl.reshape(at, (-1,)))
        assign(self, dl.reshape(new, self.shape), "__setitem__")
    else:
        Plain.__setitem__(x, k, _fitting(x, k, value))


def _written_at(a: Any, key: Any, value: Any) -> bool:
    """Write to an array, or say that it cannot be, and why is to be found."""
    backend.space_of(a)  # refuses where a step is recorded
    token = SET(QUIET)
    try:
        a[key] = value
    except (IndexError, OverflowError, TypeError, ValueError):
        return False
    finally:
        restore_fp_errors(token)
    return True


def _fitting(x: Any, k: Any, value: Any) -> Any:
    """A value without leading axes of size 1 that its place has not, which PyTorch drops; of the tensor's dtype."""
    if not is_tensor(value):
        return value
    if value.dtype != x.dtype and kind_of(value.dtype) == 3 and kind_of(x.dtype) < 3:
        raise RuntimeError("value cannot be converted to type without overflow")
    return value
