"""What a namespace of NumPy's arrays has in place of some functions of the array library: machine code for their common calls.

Each function here looks at a call in the array API's signature and answers it, or returns None: then NumPy does. They index,
add at places, run along an axis, or do for many small matrices what LAPACK does for one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import cache
from math import prod
from typing import Any

import numpy as np

from ..late import imported
from ..ranges import places_of
from ..types import Array
from .generated.copies import assemble, framed
from .machine.compile import LARGE, is_interpreted, laid_out

_INT, _SINGLE, _DOUBLE = np.dtype(np.int64), np.dtype(np.float32), np.dtype(np.float64)
_FLOATS = (_SINGLE, _DOUBLE)  # which `in` compares by identity first
_TAKEN = (*_FLOATS, _INT)
_WHOLE = slice(None)
_FAR = 1 << 31


@cache
def _module(name: str) -> Any:
    """A module with the loops, imported when a function of it is first called."""
    return imported(f".{name}", __package__)


def _take_along_axis(x: Array, indices: Array, /, *, axis: int = -1) -> Array | None:
    rank = x.ndim
    if x.dtype not in _TAKEN or indices.dtype != _INT or rank != indices.ndim or not -rank <= axis < rank or not x.size:
        return None
    at = axis % rank
    shape, wanted = x.shape, indices.shape
    if shape[:at] != wanted[:at] or shape[at + 1 :] != wanted[at + 1 :]:
        return None
    lines, side = prod(shape[:at]), prod(shape[at + 1 :])
    flat = indices.reshape(lines, wanted[at], side)
    y: Array = _module("along").take_along(x.reshape(lines, shape[at], side), flat)
    return y.reshape(wanted)


def _take(x: Array, indices: Array, /, *, axis: int | None = None) -> Array | None:
    """Along the last axis, number by number; rows NumPy copies as fast."""
    if type(indices) is not np.ndarray or indices.dtype != _INT or indices.ndim != 1 or x.dtype not in _TAKEN or not x.ndim:
        return None
    rank = x.ndim
    if (axis is None and rank > 1) or (axis is not None and axis not in (-1, rank - 1)) or x.size == 0:
        return None
    if indices.size * (x.size // x.shape[-1]) < _LOOKED_UP:
        return None
    found: Array | None = _module("gather").take_numbers(x, indices)
    return found


def _scatter_add(x: Array, indices: Array, updates: Array) -> Array | None:
    if x.dtype not in _FLOATS or updates.dtype != x.dtype or indices.dtype != _INT or not updates.size:
        return None
    out = laid_out(x)
    rows = out.shape[0]
    _module("gather").add_rows("scatter_add", out.reshape(1, rows, -1), indices, updates.reshape(1, indices.size, -1))
    return out


_BLOCKS = {slice, int}


def _put_at(gy: Array, *, key: Any, shape: tuple[int, ...]) -> Array | None:
    """Of an index of one vector among whole axes, of one integer array per axis, or of a block of a large array."""
    parts = key if type(key) is tuple else (key,)
    kinds = {*map(type, parts)}
    if kinds <= _BLOCKS:
        return _put_block(gy, parts, shape) if gy.nbytes >= LARGE and int not in kinds else None
    if gy.dtype not in _FLOATS or not gy.size:
        return None
    parts = parts[:-1] if parts and parts[-1] is ... else parts
    if not parts:
        return None
    lead = 0
    while lead < len(parts) and type(parts[lead]) is slice and parts[lead] == _WHOLE:
        lead += 1
    places: Any = parts[-1]
    if lead != len(parts) - 1 or type(places) is not np.ndarray or places.dtype != _INT or len(parts) > len(shape):
        return _put_at_points(gy, parts, shape)
    out = np.zeros((prod(shape[:lead]), shape[lead], prod(shape[lead + 1 :])), gy.dtype)
    _module("gather").add_rows("put_at", out, places, gy.reshape(out.shape[0], places.size, out.shape[2]))
    return out.reshape(shape)


def _put_block(gy: Array, key: tuple[slice, ...], shape: tuple[int, ...]) -> Array | None:
    if len(key) > len(shape) or len(shape) != gy.ndim:
        return None
    key = (*key, *[_WHOLE] * (len(shape) - len(key)))
    places = [part.indices(n) for part, n in zip(key, shape, strict=True)]
    if any([step != 1 for _, _, step in places]) or gy.shape != tuple([max(0, end - begin) for begin, end, _ in places]):
        return None
    pieces = framed((gy.shape, gy.strides), tuple([begin for begin, _, _ in places]), shape, gy.itemsize)
    return None if pieces is None else assemble(pieces, gy.dtype, [*[_zero(gy.dtype)] * (len(pieces.words) - 1), gy], alone=True)


@cache
def _zero(dtype: Any) -> Array:
    return np.zeros((), dtype)


def _put_at_points(gy: Array, parts: tuple[Any, ...], shape: tuple[int, ...]) -> Array | None:
    places = places_of(parts, shape)
    if places is None:
        return None
    out = np.zeros((1, prod(shape), 1), gy.dtype)
    _module("gather").add_rows("put_at", out, places, gy.reshape(1, places.size, 1))
    return out.reshape(shape)


def _nonzero(x: Array, /) -> tuple[Array, ...] | None:
    found: tuple[Array, ...] | None = _module("gather").nonzero(x) if x.dtype in _TAKEN and 1 <= x.ndim <= 2 and x.size else None
    return found


def _running(product: bool) -> Callable[..., Array | None]:
    def running(x: Array, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False) -> Array | None:
        at = 0 if axis is None and x.ndim == 1 else axis
        if type(at) is not int or not -x.ndim <= at < x.ndim or x.dtype not in _FLOATS:
            return None
        if dtype is not None and dtype != x.dtype:
            return None
        found: Array = _module("running").running(x, at % x.ndim, include_initial, product)
        return found

    return running


def _triangle(lower: bool) -> Callable[..., Array | None]:
    def triangle(x: Array, /, *, k: int = 0) -> Array | None:
        if x.dtype not in _FLOATS or x.ndim < 2 or type(k) is not int or abs(k) > _FAR:
            return None
        found: Array = _module("triangles").triangle(x, k, lower)
        return found

    return triangle


_LOOKED_UP = 4096
"""Numbers looked up from which on machine code is faster than NumPy, which begins 1.5 us sooner."""

_MANY, _FEWEST = 4096, 16
"""Numbers up to which NumPy finds the order as fast, or the places to insert them."""


def _argsort(x: Array, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Array | None:
    rank = x.ndim
    if x.dtype != _SINGLE or not -rank <= axis < rank or x.size < _MANY or x.shape[axis] > _FAR:
        return None
    found: Array = _module("ordering").argsort(x, axis % rank, descending)
    return found


def _sort(x: Array, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Array | None:
    """Equal numbers look alike, so they need not keep their order: NumPy then has vector code."""
    if x.dtype not in _TAKEN or not -x.ndim <= axis < x.ndim:
        return None
    y: Array = np.sort(x, axis)
    return np.flip(y, axis).copy() if descending else y


def _searchsorted(x1: Array, x2: Any, /, *, side: str = "left", sorter: Array | None = None) -> Array | None:
    alike = type(x2) is np.ndarray and x1.dtype in _TAKEN and x2.dtype == x1.dtype and x1.ndim == 1
    if not alike or sorter is not None or side not in ("left", "right") or not x1.size or x2.size < _FEWEST:
        return None
    found: Array = _module("ordering").searchsorted(x1, x2, side == "right")
    return found


def _isin(x1: Array, x2: Any, /) -> Array | None:
    if type(x2) is not np.ndarray or x1.dtype not in _TAKEN or x2.dtype != x1.dtype or x1.size > _ASKED:
        return None
    found: Array = _module("limits").among(x1, x2)
    return found


_ASKED = 1 << 15
"""Numbers beyond which NumPy, which sorts them all or makes a table of integers, may be faster."""


def _unique(inverse: bool, shown: tuple[int, ...]) -> Callable[..., Any]:
    def unique(x: Array, /) -> Any:
        found = _module("ordering").different(x, inverse) if x.dtype == _INT and x.size else None
        return None if found is None else found[shown[0]] if len(shown) == 1 else tuple([found[i] for i in shown])

    return unique


def _small(x: Array) -> bool:
    """Whether this is a stack of several square matrices that are small."""
    if x.dtype not in _FLOATS or x.ndim < 3:
        return False
    side = x.shape[-1]
    return bool(0 < side == x.shape[-2] <= _module("matrices").MOST and x.size > side * side)


def _det(x: Array, /) -> Array | None:
    return _module("matrices").determinants(x, False)[1] if _small(x) else None


def _slogdet(x: Array, /) -> tuple[Array, Array] | None:
    return _module("matrices").determinants(x, True) if _small(x) else None


def _inv(x: Array, /) -> Array | None:
    return _module("matrices").solutions(x, None) if _small(x) else None


def _solve(x1: Array, x2: Array, /) -> Array | None:
    if not _small(x1) or x2.dtype != x1.dtype or x2.shape[:-1] != x1.shape[:-1] or not x2.size:
        return None
    return _module("matrices").solutions(x1, x2)


def _few(x: Array) -> bool:
    """Whether this is a stack of several matrices of float32 that are small."""
    if x.dtype != _SINGLE or x.ndim < 3:
        return False
    most, longest = _module("spectra").MOST, _module("spectra").LONGEST
    (rows, columns), one = x.shape[-2:], x.shape[-2] * x.shape[-1]
    return bool(0 < min(rows, columns) <= most and max(rows, columns) <= longest and x.size > one)


def _cholesky(x: Array, /, *, upper: bool = False) -> Array | None:
    return _module("spectra").cholesky(x) if not upper and _small(x) else None


def _eigvalsh(x: Array, /) -> Array | None:
    return _module("spectra").eigenvalues(x) if _few(x) and _small(x) else None


def _svdvals(x: Array, /) -> Array | None:
    return _module("spectra").singular_values(x) if _few(x) else None


def _matrix_rank(x: Array, /, *, rtol: Any = None) -> Array | None:
    """As NumPy counts, with its tolerance."""
    values = _svdvals(x) if rtol is None else None
    if values is None:
        return None
    least = values[..., :1] * (max(x.shape[-2:]) * np.finfo(x.dtype).eps)
    return np.count_nonzero(values > least, axis=-1)


def _qr(x: Array, /, *, mode: str = "reduced") -> tuple[Array, Array] | None:
    return _module("spectra").qr(x) if mode == "reduced" and _few(x) else None


def _cross(x1: Array, x2: Array, /, *, axis: int = -1) -> Array | None:
    last = x1.ndim and x1.shape == x2.shape and x1.shape[-1] == 3 and axis in (-1, x1.ndim - 1) and x1.size
    return _module("matrices").cross(x1, x2) if last and x1.dtype in _FLOATS and x1.dtype == x2.dtype else None


def _outer(x1: Array, x2: Array, /) -> Array | None:
    if x1.ndim != 1 or x2.ndim != 1 or x1.dtype not in _FLOATS or x1.dtype != x2.dtype or not x1.size * x2.size:
        return None
    found: Array = _module("matrices").outer(x1, x2)
    return found


def copies(cls: type) -> Callable[[Any], Any] | None:
    """What copies small tensors of floats from tensor to tensor: NumPy's loop for `positive` takes one number after the other."""
    expression, machine, small_calls = (
        imported(f"dlengine.kernels.{name}")
        for name in ("generated.expression", "jit.generated.machine", "jit.generated.small_calls")
    )
    found = {}
    for dtype in _FLOATS:
        x = expression.argument(0, dtype.name)
        found[dtype.itemsize] = machine.Request((x,), x, "f", "copy").range(), small_calls.MOST, dtype
    made: Callable[[Any], Any] | None = small_calls.generated(found, cls, 1)
    return made


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "take": _take,
    "take_along_axis": _take_along_axis,
    "scatter_add": _scatter_add,
    "put_at": _put_at,
    "nonzero": _nonzero,
    "cumulative_sum": _running(False),
    "cumulative_prod": _running(True),
    "tril": _triangle(True),
    "triu": _triangle(False),
    "argsort": _argsort,
    "sort": _sort,
    "searchsorted": _searchsorted,
    "isin": _isin,
    "unique_values": _unique(False, (0,)),
    "unique_counts": _unique(False, (0, 1)),
    "unique_inverse": _unique(True, (0, 2)),
    "linalg.det": _det,
    "linalg.slogdet": _slogdet,
    "linalg.inv": _inv,
    "linalg.solve": _solve,
    "linalg.cholesky": _cholesky,
    "linalg.eigvalsh": _eigvalsh,
    "linalg.svdvals": _svdvals,
    "linalg.matrix_rank": _matrix_rank,
    "linalg.qr": _qr,
    "linalg.cross": _cross,
    "linalg.outer": _outer,
}


def answered(name: str, fallback: Callable[..., Any], launches: Counter[str]) -> Callable[..., Any]:
    """A function under its name in the array API; fallback: the library's, launches: where calls are counted."""
    own, label = FUNCTIONS[name], f"library:{name}"

    def function(*args: Any, **options: Any) -> Any:
        if type(args[0]) is np.ndarray and not is_interpreted():
            y = own(*args, **options)
            if y is not None:
                launches[label] += 1
                return y
        return fallback(*args, **options)

    return function


class LinearAlgebra:
    """The namespace's linalg: the library's own, and what is answered here. Functions are looked up when first called."""

    def __init__(self, own: Any, launches: Counter[str]) -> None:
        self._own, self._launches = own, launches

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        function, full = getattr(self._own, name), f"linalg.{name}"
        if full in FUNCTIONS:
            function = answered(full, function, self._launches)
        self.__dict__[name] = function
        return function
