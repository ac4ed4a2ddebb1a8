"""Shapes: reshape, permute, broadcast, join, split, pad. None of these compute, and most return views."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ..autograd.call import no_integer
from ..autograd.op import op
from ..errors import BadIndexError, ShapeError
from .reduce import axes_of

if TYPE_CHECKING:
    from ..typing import Namespace, Shape, Tensor, ValueAndVJP

__all__ = ["expand_dims", "flatten", "matrix_transpose", "moveaxis", "permute_dims", "reshape", "squeeze"]


def refuse_flag(name: str, argument: str, value: Any) -> None:
    """DTypeError for True and False, which Python would take for 1 and 0."""
    if value is True or value is False:
        raise no_integer(name, argument, value)


def axis_of(name: str, axis: int, rank: int) -> int:
    """An axis counted from the front; ShapeError if there is no such axis, DTypeError for True and False."""
    refuse_flag(name, "axis", axis)
    if not -rank <= axis < rank:
        raise ShapeError(f"{name}: axis {axis} does not exist, the array has {rank} axes")
    return axis % rank


def key_along(axis: int, *key: Any) -> tuple[Any, ...]:
    return (*(slice(None),) * axis, *key, ...)


def lines_along(shape: tuple[int, ...], at: int) -> tuple[int, int, int]:
    """A shape with all axes before one put together, and all behind it."""
    return math.prod(shape[:at]), shape[at], math.prod(shape[at + 1 :])


# ---------------------------------------------------------------------- one array, other axes
@op(needs="", view=True, complex=True)
def reshape(xp: Namespace, x: Tensor, /, shape: Shape, *, copy: bool | None = None) -> ValueAndVJP:
    """Return the elements in another shape.

    Parameters
    ----------
    x : Tensor
        Any shape.
    shape : int or tuple of int
        The sizes of the axes, whose product is the size of ``x``. One may be -1: it is worked out.
    copy : bool, optional
        True: always copy. False: never copy, and raise where that is impossible. None: copy if needed.

    Returns
    -------
    Tensor
        A view where possible.

    Raises
    ------
    ShapeError
        If the sizes do not fit.

    Examples
    --------
    >>> dl.reshape(dl.arange(6), (2, -1))
    tensor([[0, 1, 2],
            [3, 4, 5]])
    """
    before, size = x.shape, x.size
    if type(shape) is not tuple:
        shape = (shape,) if isinstance(shape, int) else tuple(shape)
    known = math.prod(shape)
    if known != size and (known >= 0 or shape.count(-1) != 1 or size % known):
        raise ShapeError(f"reshape: x has {size} elements (shape {tuple(before)}), which do not make shape {shape}")
    y = xp.reshape(x, shape) if copy is None else xp.reshape(x, shape, copy=copy)
    return y, lambda gy: xp.reshape(gy, before)


@op(needs="", view=True, complex=True)
def flatten(xp: Namespace, x: Tensor, /, *, start_axis: int = 0, end_axis: int = -1) -> ValueAndVJP:
    """Return a tensor with some neighbouring axes joined into one.

    Parameters
    ----------
    x : Tensor
        Any shape.
    start_axis : int
        The first axis to join.
    end_axis : int
        The last axis to join.

    Returns
    -------
    Tensor
        A view where possible.

    Examples
    --------
    >>> dl.flatten(dl.zeros((2, 3, 4)), start_axis=1).shape
    (2, 12)
    """
    before = x.shape
    if start_axis == 0 and end_axis == -1:  # the commonest case of what follows
        return xp.reshape(x, (x.size,)), lambda gy: xp.reshape(gy, before)
    rank = len(before) or 1
    first, last = axis_of("flatten", start_axis, rank), axis_of("flatten", end_axis, rank)
    shape = (*before[:first], math.prod(before[first : last + 1]), *before[last + 1 :])
    return xp.reshape(x, shape), lambda gy: xp.reshape(gy, before)


@lru_cache(maxsize=1024)
def _inverse(axes: tuple[int, ...], rank: int) -> tuple[int, ...]:
    """The order that takes axes back; ShapeError if they are none."""
    if sorted([a % rank for a in axes] if rank else axes) != list(range(rank)):
        raise ShapeError(f"permute_dims: axes {axes} is not an order of the {rank} axes of x")
    return tuple(sorted(range(rank), key=lambda i: axes[i] % rank))


@op(needs="", view=True, complex=True)
def permute_dims(xp: Namespace, x: Tensor, /, axes: tuple[int, ...]) -> ValueAndVJP:
    """Return a tensor with its axes in another order.

    Parameters
    ----------
    x : Tensor
        Any shape.
    axes : tuple of int
        All axes in their new order.

    Returns
    -------
    Tensor
        A view.

    Raises
    ------
    ShapeError
        If ``axes`` does not name every axis once.

    Examples
    --------
    >>> dl.permute_dims(dl.zeros((2, 3, 4)), (2, 0, 1)).shape
    (4, 2, 3)
    """
    axes = tuple(axes)
    inverse = _inverse(axes, x.ndim)
    return xp.permute_dims(x, axes), lambda gy: xp.permute_dims(gy, inverse)


@op(needs="", view=True, complex=True)
def matrix_transpose(xp: Namespace, x: Tensor, /) -> ValueAndVJP:
    """Return a tensor with its last two axes exchanged.

    Parameters
    ----------
    x : Tensor
        (..., M, N).

    Returns
    -------
    Tensor
        (..., N, M), a view.

    Raises
    ------
    ShapeError
        If there are fewer than two axes.

    Examples
    --------
    >>> dl.matrix_transpose(dl.zeros((2, 3, 4))).shape
    (2, 4, 3)
    """
    if x.ndim < 2:
        raise ShapeError(f"matrix_transpose: x must have two axes at least, it has shape {tuple(x.shape)}")
    return xp.matrix_transpose(x), lambda gy: xp.matrix_transpose(gy)


def moveaxis(x: Tensor, source: Shape, destination: Shape, /) -> Tensor:
    """Return a tensor with some axes moved to other places; the others keep their order.

    Parameters
    ----------
    x : Tensor
        Any shape.
    source : int or tuple of int
        The axes to move.
    destination : int or tuple of int
        Their places in the result.

    Returns
    -------
    Tensor
        A view.

    Raises
    ------
    ShapeError
        If the two name different numbers of axes, or one twice.

    Examples
    --------
    >>> dl.moveaxis(dl.zeros((2, 3, 4)), 0, -1).shape
    (3, 4, 2)
    """
    rank = x.ndim
    if type(source) is int and type(destination) is int and -rank <= source < rank and -rank <= destination < rank:
        axes = list(range(rank))  # the commonest case of what follows
        axes.insert(destination % rank, axes.pop(source))
        return permute_dims(x, tuple(axes))
    sources = [axis_of("moveaxis", a, rank) for a in ((source,) if isinstance(source, int) else source)]
    places = [axis_of("moveaxis", a, rank) for a in ((destination,) if isinstance(destination, int) else destination)]
    if len(sources) != len(places) or len(set(sources)) != len(sources) or len(set(places)) != len(places):
        raise ShapeError(f"moveaxis: source {source} and destination {destination} must be equally many different axes")
    order = [a for a in range(rank) if a not in sources]
    for place, a in sorted(zip(places, sources, strict=True)):
        order.insert(place, a)
    return permute_dims(x, tuple(order))


@op(needs="", view=True, complex=True)
def expand_dims(xp: Namespace, x: Tensor, /, axis: Shape) -> ValueAndVJP:
    """Return a tensor with new axes of size 1.

    Parameters
    ----------
    x : Tensor
        Any shape.
    axis : int or tuple of int
        The places of the new axes in the result.

    Returns
    -------
    Tensor
        A view.

    Raises
    ------
    BadIndexError
        If there is no such place.

    Examples
    --------
    >>> dl.expand_dims(dl.zeros((2, 3)), (0, -1)).shape
    (1, 2, 3, 1)
    """
    before = x.shape
    if type(axis) is int and -len(before) - 1 <= axis <= len(before):  # the commonest case of what follows
        at = axis if axis >= 0 else axis + len(before) + 1
        return xp.reshape(x, before[:at] + (1,) + before[at:]), lambda gy: xp.reshape(gy, before)
    new = (axis,) if isinstance(axis, int) else tuple(axis)
    rank = len(before) + len(new)
    if any(not -rank <= a < rank for a in new):
        raise BadIndexError(f"expand_dims: axis {axis} is no place in a result of {rank} axes")
    places = {a % rank for a in new}
    if len(places) != len(new):
        raise ShapeError(f"expand_dims: axis {axis} names a place twice")
    rest = iter(before)
    return (
        xp.reshape(x, tuple(1 if i in places else next(rest) for i in range(rank))),
        lambda gy: xp.reshape(gy, before),
    )


@op(needs="", view=True, complex=True)
def squeeze(xp: Namespace, x: Tensor, /, axis: Shape) -> ValueAndVJP:
    """Return a tensor without some axes of size 1.

    Parameters
    ----------
    x : Tensor
        Any shape.
    axis : int or tuple of int
        The axes to remove.

    Returns
    -------
    Tensor
        A view.

    Raises
    ------
    ShapeError
        If one of them has another size.

    Examples
    --------
    >>> dl.squeeze(dl.zeros((1, 3, 1)), 0).shape
    (3, 1)
    """
    before = x.shape
    if type(axis) is int and -len(before) <= axis < len(before) and before[axis] == 1:  # the commonest case of what follows
        at = axis if axis >= 0 else axis + len(before)
        return xp.reshape(x, before[:at] + before[at + 1 :]), lambda gy: xp.reshape(gy, before)
    for a in (axis,) if isinstance(axis, int) else axis:
        if before[axis_of("squeeze", a, len(before))] != 1:
            raise ShapeError(f"squeeze: axis {a} has size {before[a]}, not 1 (x has shape {tuple(before)})")
    gone = axes_of(axis, len(before))
    shape = tuple(n for i, n in enumerate(before) if i not in gone)
    return xp.reshape(x, shape), lambda gy: xp.reshape(gy, before)


# ---------------------------------------------------------------------- several arrays


# ---------------------------------------------------------------------- repeating and bordering
