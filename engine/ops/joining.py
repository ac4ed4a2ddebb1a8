"""Joining tensors and taking them apart along an axis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from ..autograd.base import TensorBase
from ..autograd.op import op
from ..autograd.promotion import promote
from ..autograd.short import short
from ..errors import ConfigError, DTypeError, ShapeError
from .logic import not_equal
from .pieces import pointwise
from .shape import axis_of, key_along

if TYPE_CHECKING:
    from ..typing import Namespace, Shape, Tensor, ValueAndVJP

__all__ = ["cat", "chunk", "concat", "diff", "split", "stack", "unstack"]


def _tensors(name: str, arrays: Any) -> None:
    if not arrays:
        raise ShapeError(f"{name}: needs one array at least")
    for i, a in enumerate(arrays):
        if not hasattr(a, "dtype"):
            raise DTypeError(f"{name}: arrays[{i}] must be a tensor, got {a!r}; make a tensor of it: dl.asarray(x)")


def _alike(xp: Any, name: str, arrays: Any) -> Any:
    """The arrays in dtypes that the array library joins as wanted."""
    dtype = getattr(arrays[0], "dtype", None) if arrays else None
    for a in arrays:
        if dtype is None or getattr(a, "dtype", None) is not dtype:
            _tensors(name, arrays)
            return promote(xp, list(arrays), "join")
    if not arrays:
        _tensors(name, arrays)
    return arrays


@op(needs="", complex=True)
def stack(xp: Namespace, arrays: Sequence[Tensor], /, *, axis: int = 0) -> ValueAndVJP:
    """Return tensors of one shape joined along a new axis.

    Parameters
    ----------
    arrays : sequence of Tensor
        One at least.
    axis : int
        The place of the new axis in the result.

    Returns
    -------
    Tensor
        One axis more than each of them.

    Raises
    ------
    ShapeError
        If the shapes differ.

    Examples
    --------
    >>> dl.stack([dl.asarray([1, 2]), dl.asarray([3, 4])], axis=1)
    tensor([[1, 3],
            [2, 4]])
    """
    arrays = _alike(xp, "stack", arrays)
    shapes = [a.shape for a in arrays]
    n = len(shapes)
    if shapes.count(shapes[0]) != n:
        raise ShapeError(f"stack: shapes must be equal, got {', '.join(str(tuple(s)) for s in shapes)}")
    at = axis_of("stack", axis, len(shapes[0]) + 1)
    return xp.stack(arrays, axis=axis), lambda gy: [gy[key_along(at, i)] for i in range(n)]


@op(needs="", complex=True)
def concat(xp: Namespace, arrays: Sequence[Tensor], /, *, axis: int | None = 0) -> ValueAndVJP:
    """Return tensors joined along an axis.

    Parameters
    ----------
    arrays : sequence of Tensor
        One at least; their shapes agree outside the axis.
    axis : int, optional
        The axis to join along; None joins them flattened.

    Returns
    -------
    Tensor
        The promoted dtype.

    Raises
    ------
    ShapeError
        If the shapes do not fit.

    Examples
    --------
    >>> dl.concat([dl.asarray([[1, 2]]), dl.asarray([[3, 4], [5, 6]])])
    tensor([[1, 2],
            [3, 4],
            [5, 6]])
    """
    arrays = _alike(xp, "concat", arrays)
    sizes = shapes = [a.shape for a in arrays]
    if axis is None:
        arrays, at = [xp.reshape(a, (-1,)) for a in arrays], 0
        sizes = [a.shape for a in arrays]
    else:
        at = axis_of("concat", axis, len(shapes[0]))
    first = sizes[0]
    for s in sizes:
        if s != first and (s[:at], s[at + 1 :]) != (first[:at], first[at + 1 :]):
            raise ShapeError(f"concat: shapes must agree outside axis {axis}, got {', '.join(str(tuple(s)) for s in shapes)}")

    def pull(gy):
        ends = [0, *accumulate([s[at] for s in sizes])]
        parts = [gy[key_along(at, slice(a, b))] for a, b in zip(ends, ends[1:], strict=False)]
        return [xp.reshape(p, s) for p, s in zip(parts, shapes, strict=True)] if axis is None else parts

    return xp.concat(arrays, axis=at), pull


cat = concat
"""concat under PyTorch's name."""


def _put_together(
    xp: Namespace, join: Any, parts: Sequence[Any], ends: Sequence[int], shape: tuple[int, ...], at: int
) -> Tensor:
    """The gradient of what was taken apart along an axis, from those of the parts: where one is None it is 0.

    join: what joins parts. ends: where each part begins, and where the last one ends.
    """
    given = [i for i, g in enumerate(parts) if g is not None]
    first, last = given[0], given[-1]
    one, within = parts[first], list(parts[first : last + 1])
    if len(within) > len(given):
        rest = list(one.shape)
        for i, g in enumerate(within, first):
            if g is None:
                if len(rest) == len(shape):
                    rest[at] = ends[i + 1] - ends[i]
                within[i - first] = xp.zeros(tuple(rest), dtype=one.dtype)
    y = join(within, axis=at)
    begin, end = ends[first], ends[last + 1]
    if begin == 0 and end == shape[at]:
        return y
    return xp.put_at(y, key=(*(slice(None),) * at, slice(begin, end)), shape=shape)


@op(needs="", view=True, complex=True, none_cotangents=True)
def unstack(xp: Namespace, x: Tensor, /, *, axis: int = 0) -> tuple[tuple[Tensor, ...], Any]:
    """Return the slices of a tensor along an axis.

    Parameters
    ----------
    x : Tensor
        Any shape but ().
    axis : int
        The axis that goes.

    Returns
    -------
    tuple of Tensor
        Views, one axis less each.

    Examples
    --------
    >>> a, b = dl.unstack(dl.asarray([[1, 2], [3, 4]]), axis=1)
    >>> a
    tensor([1, 3])
    """
    at = axis_of("unstack", axis, x.ndim)
    shape, before = x.shape, (slice(None),) * at
    ends = range(shape[at] + 1)
    parts = tuple([x[(*before, i, ...)] for i in ends[:-1]])
    return parts, lambda gy: _put_together(xp, xp.stack, gy, ends, shape, at)


@short("short_places")
@op(needs="", view=True, complex=True, none_cotangents=True)
def split(xp: Namespace, x: Tensor, /, sizes: Shape, *, axis: int = 0) -> tuple[tuple[Tensor, ...], Any]:
    """Return consecutive parts of a tensor along an axis.

    Parameters
    ----------
    x : Tensor
        Any shape but ().
    sizes : int or tuple of int
        The size of each part, or one size for all, where the last part may be smaller (as in PyTorch, not as in
        NumPy).
    axis : int
        The axis to split.

    Returns
    -------
    tuple of Tensor
        Views.

    Raises
    ------
    ShapeError
        If the sizes do not add up to that of the axis.

    Examples
    --------
    >>> [part.shape for part in dl.split(dl.zeros(7), 3)]
    [(3,), (3,), (1,)]
    >>> [part.shape for part in dl.split(dl.zeros(7), (2, 5))]
    [(2,), (5,)]
    """
    at = axis_of("split", axis, x.ndim)
    n = x.shape[at]
    if isinstance(sizes, int):
        if sizes < 1:
            raise ShapeError(f"split: sizes must be positive, got {sizes}")
        ends = [*range(0, n, sizes), n] if n else [0, 0]
    else:
        lengths = tuple(sizes)
        if math.fsum(lengths) != n or any(s < 0 for s in lengths):
            raise ShapeError(f"split: sizes {lengths} do not add up to the {n} of axis {axis}")
        ends = [0, *accumulate(lengths)] if lengths else [0]
    before = (slice(None),) * at
    shape = x.shape
    parts = tuple([x[(*before, slice(a, b), ...)] for a, b in zip(ends, ends[1:], strict=False)])
    return parts, lambda gy: _put_together(xp, xp.concat, gy, ends, shape, at)


@short("short_places")
def chunk(x: Tensor, chunks: int, /, *, axis: int = 0) -> tuple[Tensor, ...]:
    """Return at most a number of consecutive parts of equal size; the last may be smaller.

    Parameters
    ----------
    x : Tensor
        Any shape but ().
    chunks : int
        The number of parts.
    axis : int
        The axis to split.

    Returns
    -------
    tuple of Tensor
        Views.

    Raises
    ------
    ShapeError
        If ``chunks`` is not positive.

    Examples
    --------
    >>> [part.shape for part in dl.chunk(dl.zeros(7), 3)]
    [(3,), (3,), (1,)]
    """
    n = x.shape[axis_of("chunk", axis, x.ndim)]
    if chunks < 1:
        raise ShapeError(f"chunk: chunks must be positive, got {chunks}")
    return split(x, max(-(-n // chunks), 1), axis=axis)


@pointwise
def _less(xp, a, b):
    return xp.subtract(a, b)


@op(needs="", complex=True, name="diff")
def _difference(xp, x, /, *, axis):
    """The differences of neighbours along an axis that is counted from the front."""
    before, shape = (slice(None),) * axis, x.shape
    later, earlier = (*before, slice(1, None), ...), (*before, slice(None, -1), ...)

    def pull(gy):
        if not gy.shape[axis]:
            return xp.zeros(shape, dtype=gy.dtype)
        ends = gy[(*before, slice(None, 1), ...)], gy[(*before, slice(-1, None), ...)]
        return xp.concat([-ends[0], _less(xp, gy[earlier], gy[later]), ends[1]], axis=axis)

    return _less(xp, x[later], x[earlier]), pull


def diff(x: Tensor, /, *, axis: int = -1, n: int = 1, prepend: Tensor | None = None, append: Tensor | None = None) -> Tensor:
    """Return the differences of neighbours along an axis, taken ``n`` times.

    Parameters
    ----------
    x : Tensor
        Any shape but ().
    axis : int
        The axis to go along.
    n : int
        How many times.
    prepend : Tensor, optional
        What is joined before ``x`` first.
    append : Tensor, optional
        What is joined behind ``x`` first.

    Returns
    -------
    Tensor
        The axis is shorter by ``n``. Booleans have inequality as their difference.

    Raises
    ------
    ConfigError
        If ``n`` is negative.

    Examples
    --------
    >>> dl.diff(dl.asarray([1, 4, 9, 16]))
    tensor([3, 5, 7])
    """
    if n < 0:
        raise ConfigError(f"diff: n must not be negative, got {n}")
    at = axis_of("diff", axis, x.ndim)
    if n == 0:
        return x
    parts = [x] if prepend is None is append else [p for p in (prepend, x, append) if p is not None]
    if not all([isinstance(p, TensorBase) for p in parts]):
        raise DTypeError("diff: x, prepend and append must be tensors; make them with dl.asarray(x)")
    if len(parts) > 1:
        x = concat(parts, axis=at)
    if x.dtype.kind == "b":  # as NumPy: booleans have no difference but an inequality
        for _ in range(n):
            x = not_equal(x[key_along(at, slice(1, None))], x[key_along(at, slice(None, -1))])
        return x
    for _ in range(n):
        x = _difference(x, axis=at)
    return x
