"""What a namespace of NumPy's arrays has in place of the array library's Fourier transforms: machine code for single precision.

Signals that the machine code (fourier.py) does not take are the library's, also those along some axes of several.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

import numpy as np

from ..late import imported
from ..types import Array
from .machine.compile import is_interpreted, thread_count

LEAST = 1024
"""Numbers from which on this is faster than the library."""

SHARED = 1 << 15
"""Numbers that each of the library's threads must have, which it takes some 10 us to begin with."""

_COMPLEX, _REAL = np.dtype(np.complex64), np.dtype(np.float32)


@cache
def _loops() -> Any:
    """The module of the machine code, imported when it is first needed."""
    return imported(f"{__package__}.fourier")


class FourierTransforms:
    """The namespace's fft. Functions are looked up when first called."""

    def __init__(self, own: Any, launches: Counter[str]) -> None:
        self._own, self._launches = own, launches

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        function = getattr(self._own, name)
        if name in _MADE:
            make, inverse = _MADE[name]
            function = _counted(name, make(self._own, inverse), function, self._launches)
        elif hasattr(function, "shared"):
            function = partial(_by_library, function)
        self.__dict__[name] = function
        return function


def _counted(name: str, ours: Callable[..., Any], library: Callable[..., Any], launches: Counter[str]) -> Callable[..., Any]:
    """The function `ours`, whose answers are counted, over the library's for what it leaves."""
    label = f"library:fft.{name}"

    def function(x: Any, /, **options: Any) -> Any:
        if type(x) is np.ndarray and x.size >= LEAST and not is_interpreted():
            y = ours(x, **options)
            if y is not None:
                launches[label] += 1
                return y
        return _by_library(library, x, **options)

    return function


def _by_library(function: Callable[..., Any], x: Array, **options: Any) -> Array:
    """What the library's function says, on all threads where there is much to do."""
    shared = getattr(function, "shared", None)
    threads = thread_count(x.size // SHARED) if shared is not None and type(x) is np.ndarray and not is_interpreted() else 1
    y: Array = function(x, **options) if threads == 1 or shared is None else shared(x, threads, **options)
    return y


def _along_one(own: Any, inverse: bool) -> Callable[..., Array | None]:
    def along(x: Array, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> Array | None:
        if x.dtype != _COMPLEX or n not in (None, x.shape[axis]):
            return None
        found: Array | None = _loops().transform(x, axis % x.ndim, inverse, norm)
        return found

    return along


def _over(own: Any, x: Array, axes: Sequence[int], inverse: bool, norm: str) -> tuple[Array, bool]:
    """The transform over axes, and whether any of it was machine code's."""
    y, left = x, []
    for axis in reversed(axes):
        z = _loops().transform(y, axis % x.ndim, inverse, norm)
        if z is None:
            left.append(axis)
        else:
            y = z
    if left:
        y = _by_library(own.ifftn if inverse else own.fftn, y, axes=tuple(left), norm=norm)
    return y, len(left) < len(axes)


def _distinct(x: Array, s: Any, axes: Any) -> bool:
    """Whether an array is transformed as it is, once along each of these axes."""
    return s is None and bool(axes) and {*map(type, axes)} == {int} and len({a % x.ndim for a in axes}) == len(axes)


def _along_several(own: Any, inverse: bool) -> Callable[..., Array | None]:
    def along(x: Array, *, s: Any = None, axes: Any = None, norm: str = "backward") -> Array | None:
        if x.dtype != _COMPLEX or not _distinct(x, s, axes):
            return None
        y, ours = _over(own, x, axes, inverse, norm)
        return y if ours else None

    return along


def _real_one(own: Any, inverse: bool) -> Callable[..., Array | None]:
    def along(x: Array, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> Array | None:
        size = x.shape[axis]
        if axis % x.ndim != x.ndim - 1 or x.dtype != (_COMPLEX if inverse else _REAL):
            return None
        if inverse:
            found: Array | None = _loops().real_inverse(x, 2 * (size - 1) if n is None else n, norm)
        else:
            found = _loops().real_transform(x, norm) if n in (None, size) else None
        return found

    return along


def _real_several(own: Any, inverse: bool) -> Callable[..., Array | None]:
    one = _real_one(own, inverse)

    def forward(x: Array, *, s: Any = None, axes: Any = None, norm: str = "backward") -> Array | None:
        if x.dtype != _REAL or not _distinct(x, s, axes):
            return None
        half = one(x, axis=axes[-1], norm=norm)
        y, ours = _over(own, _by_library(own.rfft, x, axis=axes[-1], norm=norm) if half is None else half, axes[:-1], False, norm)
        return y if ours or half is not None else None

    def backward(x: Array, *, s: Any = None, axes: Any = None, norm: str = "backward") -> Array | None:
        if x.dtype != _COMPLEX or not _distinct(x, s, axes):
            return None
        y, ours = _over(own, x, axes[:-1], True, norm)
        whole = one(y, axis=axes[-1], norm=norm)
        if whole is None:
            return _by_library(own.irfft, y, axis=axes[-1], norm=norm) if ours else None
        return whole

    return backward if inverse else forward


_MADE: dict[str, tuple[Callable[[Any, bool], Callable[..., Array | None]], bool]] = {
    "fft": (_along_one, False), "ifft": (_along_one, True),
    "fftn": (_along_several, False), "ifftn": (_along_several, True),
    "rfft": (_real_one, False), "irfft": (_real_one, True),
    "rfftn": (_real_several, False), "irfftn": (_real_several, True),
}  # fmt: skip
