"""Sorting and searching."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ..autograd.op import op
from ..autograd.short import short
from ..errors import ConfigError, ShapeError
from .gather import added_along
from .index import plain
from .shape import axis_of, lines_along

if TYPE_CHECKING:
    from ..typing import Namespace, Tensor, TensorLike, ValueAndVJP

__all__ = ["argsort", "searchsorted", "sort", "topk"]


@op(save=True, needs="")
def sort(
    xp: Namespace, save: bool, x: Tensor, /, *, axis: int = -1, descending: bool = False, stable: bool = True
) -> ValueAndVJP:
    """Return the elements in order along an axis.

    Parameters
    ----------
    x : Tensor
        Any shape, real; a single number is in order already.
    axis : int
        The axis to sort along.
    descending : bool
        Whether the largest come first.
    stable : bool
        Whether equal elements keep their order; it decides which of them gets a gradient.

    Returns
    -------
    Tensor
        Shape and dtype of ``x``.

    See Also
    --------
    argsort : The indices that sort.

    Examples
    --------
    >>> dl.sort(dl.asarray([3.0, 1.0, 2.0]), descending=True)
    tensor([3., 2., 1.])
    """
    if x.ndim == 0 and axis_of("sort", axis, 1) == 0:
        return xp.asarray(x, copy=True), lambda gy: gy
    if not save:
        return xp.sort(x, axis=axis, descending=descending, stable=stable), None
    order = xp.argsort(x, axis=axis, descending=descending, stable=True)
    return (
        xp.take_along_axis(x, order, axis=axis),
        lambda gy: added_along(xp, gy, order, axis % x.ndim, x.shape),
    )


@op(needs="")
def argsort(xp: Namespace, x: Tensor, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> ValueAndVJP:
    """Return the indices that sort along an axis.

    Parameters
    ----------
    x : Tensor
        Any shape, real.
    axis : int
        The axis to sort along.
    descending : bool
        Whether the largest come first.
    stable : bool
        Whether equal elements keep their order.

    Returns
    -------
    Tensor
        int64, shape of ``x``.

    Examples
    --------
    >>> dl.argsort(dl.asarray([3.0, 1.0, 2.0]))
    tensor([1, 2, 0])
    """
    if x.ndim == 0 and axis_of("argsort", axis, 1) == 0:
        return xp.zeros((), dtype=xp.int64), None
    return xp.argsort(x, axis=axis, descending=descending, stable=stable), None


class TopK(NamedTuple):
    """The chosen values and where they are."""

    values: Any
    indices: Any


@short("short_places")
@op(needs="y1", arrays=1, result=TopK)
def topk(xp: Namespace, x: Tensor, k: int, /, *, axis: int = -1, largest: bool = True) -> tuple[Any, Any]:
    """Return the ``k`` largest (or smallest) elements along an axis and their indices.

    Parameters
    ----------
    x : Tensor
        Any shape, real.
    k : int
        How many.
    axis : int
        The axis to choose along.
    largest : bool
        Whether the largest are chosen, or the smallest.

    Returns
    -------
    TopK
        ``values`` in order and their ``indices``, int64; of equal elements those with the smaller index come first.

    Raises
    ------
    ShapeError
        If the axis has fewer than ``k`` elements.

    Examples
    --------
    >>> values, indices = dl.topk(dl.asarray([3.0, 1.0, 2.0]), 2)
    >>> values
    tensor([3., 2.])
    >>> indices
    tensor([0, 2])
    """
    at = axis_of("topk", axis, x.ndim)
    shape = x.shape
    if not 0 <= k <= shape[at]:
        raise ShapeError(f"topk: k={k}, but axis {axis} of x has {shape[at]} elements")
    values, order = xp.top_k(xp.reshape(x, lines_along(shape, at)), k, largest)
    chosen = (*shape[:at], k, *shape[at + 1 :])
    values, order = xp.reshape(values, chosen), xp.reshape(order, chosen)
    return (values, order), lambda gy: added_along(xp, gy[0], order, at, shape)


@op(needs="")
def searchsorted(
    xp: Namespace, x1: Tensor, x2: TensorLike, /, *, side: str = "left", sorter: Tensor | None = None
) -> ValueAndVJP:
    """Return where to insert values into a sorted vector so that it stays sorted.

    Parameters
    ----------
    x1 : Tensor
        (N,), sorted in ascending order.
    x2 : Tensor or number
        Any shape, the values to insert.
    side : {"left", "right"}
        Before (``"left"``) or after equal values.
    sorter : Tensor, optional
        (N,), integers: the order that sorts ``x1``, where it is not sorted itself.

    Returns
    -------
    Tensor
        int64, shape of ``x2``.

    Raises
    ------
    ShapeError
        If ``x1`` is no vector.
    ConfigError
        If ``side`` is another word.

    Examples
    --------
    >>> dl.searchsorted(dl.asarray([1.0, 3.0, 5.0]), dl.asarray([0.0, 3.0, 9.0]))
    tensor([0, 1, 3])
    """
    if side not in ("left", "right"):
        raise ConfigError(f'searchsorted: side must be "left" or "right", got {side!r}')
    if x1.ndim != 1:
        raise ShapeError(f"searchsorted: x1 must be a vector, it has shape {tuple(x1.shape)}")
    return xp.searchsorted(x1, x2, side=side, sorter=plain(sorter)), None
