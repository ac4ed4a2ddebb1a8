"""Fourier transforms of NumPy arrays: SciPy's, in the precision of their argument and a cache line at a time.

An fftn of 256 x 512 complex64 values takes NumPy 9 ms or more, since it walks down columns one value after the other, and
SciPy 0.6. SciPy computes four transforms at once in the lanes of vectors, but one alone in no vectors; so a long one is cut into
many short ones, twice (Bailey, "FFTs in external or hierarchical memory", 1990): 131,072 complex64 values take 0.6 ms, not 1.6.
Without SciPy, and for what it does not know, the array API's namespace answers.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from importlib import import_module
from math import isqrt
from typing import Any

import numpy as np

_OURS = frozenset(("fft", "ifft", "fftn", "ifftn", "rfft", "irfft", "rfftn", "irfftn", "hfft", "ihfft"))

LONG, LONGEST = 4096, 1 << 20
"""Sizes from which on and up to which a single transform is cut."""

NARROW = 16
"""The least number of short transforms to cut into."""


class Transforms:
    """What op texts call xp.fft. Functions are looked up when they are first called."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        own = getattr(import_module("array_api_compat.numpy").fft, name)
        function = own
        if name in _OURS:
            try:
                better = getattr(import_module("scipy.fft"), name)
            except ImportError:
                pass
            else:
                better = _straight(name, better)
                function = _chosen(own, _cut(better, name == "ifft") if name in ("fft", "ifft") else better)
        self.__dict__[name] = function
        return function


_SCALES = {"backward": 0, "ortho": 1, "forward": 2}
"""SciPy's numbers of what a forward transform is scaled by; of an inverse one they count from the other end."""


def _straight(name: str, public: Callable[..., Any]) -> Callable[..., Any]:
    """One of SciPy's functions that calls its machine code at once, without what looks at arguments (5 us), for an array that is
    transformed as it is; the function itself for all else, and where the machine code is not as it was."""
    try:
        code = import_module("scipy.fft._pocketfft.pypocketfft")
        c2c, r2c, c2r = code.c2c, code.r2c, code.c2r
    except (ImportError, AttributeError):
        return public
    forward, several, given = not name.startswith("i"), name.endswith("n"), _REALS if name.startswith("r") else _COMPLEX
    kind = "r2c" if name.startswith("r") else "c2r" if name.startswith("ir") else "c2c"

    def straight(x: Any, /, *, norm: str = "backward", workers: int | None = None, **over: Any) -> Any:
        scale = _SCALES.get(norm) if x.dtype in given and x.flags.aligned else None
        found = _several(x, **over) if several else _one(x, **over)
        if found is None or scale is None:
            return public(x, norm=norm, workers=workers, **over)
        (axes, size), threads = found, 1 if workers is None else workers
        last = x.shape[axes[-1]]
        if kind == "c2r":
            real = 2 * (last - 1) if size is None else size
            if real > 0 and real // 2 + 1 == last:
                return c2r(x, axes, real, False, 2 - scale, None, threads)
        elif size is None or size == last:
            if kind == "r2c":
                return r2c(x, axes, True, scale, None, threads)
            return c2c(x, axes, forward, scale if forward else 2 - scale, None, threads)
        return public(x, norm=norm, workers=workers, **over)

    over = {"axes": (0, 1, 2)} if several else {"axis": 1}
    return straight if _agree(straight, public, given, over) else public


def _one(x: Any, n: int | None = None, axis: int = -1) -> tuple[tuple[int, ...], int | None] | None:
    """The axis of a transform, and its size if that is given; None for what SciPy must look at."""
    return ((axis,), n) if type(axis) is int and -x.ndim <= axis < x.ndim and (n is None or type(n) is int) else None


def _several(x: Any, s: Any = None, axes: Any = None) -> tuple[tuple[int, ...], int | None] | None:
    """The same of several axes."""
    if s is not None or type(axes) is not tuple or not axes or {*map(type, axes)} != {int}:
        return None
    found = tuple([a + x.ndim if a < 0 else a for a in axes])
    return (found, None) if len({*found}) == len(found) and min(found) >= 0 and max(found) < x.ndim else None


def _agree(straight: Callable[..., Any], public: Callable[..., Any], given: Any, over: dict[str, Any]) -> bool:
    """Whether the machine code gives what SciPy gives."""
    try:
        for dtype in given:
            x = (np.arange(60) % 7 - 2.5 + (1j if dtype.kind == "c" else 0)).astype(dtype).reshape(3, 5, 4)
            for norm in _SCALES:
                a, b = straight(x, norm=norm, **over), public(x, norm=norm, **over)
                if a.dtype != b.dtype or a.shape != b.shape or a.tobytes() != b.tobytes():
                    return False
    except (TypeError, ValueError):
        return False
    return True


_REALS, _COMPLEX = ((np.dtype(a), np.dtype(b)) for a, b in (("f4", "f8"), ("c8", "c16")))


def _chosen(own: Any, better: Any) -> Any:
    """A function whose attribute `shared` is the same with a number of threads: SciPy gives each some of many transforms."""

    def transform(x: Any, /, **options: Any) -> Any:
        return (better if _known(x) else own)(x, **options)

    def shared(x: Any, threads: int, /, **options: Any) -> Any:
        return better(x, workers=threads, **options) if _known(x) else own(x, **options)

    made: Any = transform
    made.shared = shared
    return made


def _known(x: Any) -> bool:
    """Whether these are numbers of single or double precision."""
    return bool(x.size) and x.dtype.kind in "fc" and x.dtype.itemsize // (2 if x.dtype.kind == "c" else 1) in (4, 8)


def _cut(short: Callable[..., Any], inverse: bool) -> Callable[..., Any]:
    """fft or ifft, of which a single long one of complex64 values is made of short ones: of columns, then of rows."""

    def transform(x: Any, /, *, n: int | None = None, axis: int = -1, norm: str = "backward", workers: int | None = None) -> Any:
        size = x.shape[axis] if n is None else n
        if x.dtype.char == "F" and LONG <= size <= LONGEST and x.size == x.shape[axis] == size:
            columns = _columns(size)
            if columns:
                grid = short(x.reshape(columns, size // columns), axis=0, norm=norm)
                np.multiply(grid, _twiddles(columns, size, inverse), out=grid)
                return short(grid.T, axis=0, norm=norm).reshape(x.shape)
        return short(x, n=n, axis=axis, norm=norm, workers=workers)

    return transform


@lru_cache(maxsize=64)
def _columns(size: int) -> int:
    """The factor of a size next to its root; 0 where it is too small for both factors to be worth it."""
    found = next(d for d in range(isqrt(size), 0, -1) if size % d == 0)
    return found if found >= NARROW else 0


@lru_cache(maxsize=8)
def _twiddles(columns: int, size: int, inverse: bool) -> Any:
    """By what the first transforms are turned before the second ones, (columns, size // columns)."""
    turns = np.outer(np.arange(columns), np.arange(size // columns)) * ((2 if inverse else -2) * np.pi / size)
    table = np.exp(1j * turns).astype(np.complex64)
    table.flags.writeable = False  # many calls share it
    return table
