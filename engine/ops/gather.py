"""Gathering elements by integer tensors, scattering them, and one-hot vectors. No gradient flows to an index."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..autograd.op import op
from ..autograd.short import short
from ..default_dtype import get_default_dtype
from ..errors import DTypeError, ShapeError
from .fused import arguments, kernel_op
from .ids import check_ids, on_host
from .shape import axis_of, lines_along, reshape

if TYPE_CHECKING:
    from ..typing import DTypeLike, Namespace, Tensor, ValueAndVJP

__all__ = ["gather", "nonzero", "one_hot", "scatter_add", "take", "take_along_axis"]


def check_integers(xp: Any, name: str, argument: str, indices: Any) -> None:
    """DTypeError unless an argument is an integer array."""
    if not hasattr(indices, "dtype") or not xp.isdtype(indices.dtype, "integral"):
        raise DTypeError(f"{name}: {argument} must be an integer tensor, got {getattr(indices, 'dtype', type(indices).__name__)}")


@op(needs="indices", complex=True, arrays=2)
def take(xp: Namespace, x: Tensor, indices: Tensor | list[int], /, *, axis: int | None = None) -> ValueAndVJP:
    """Return slices of a tensor at indices along an axis.

    Parameters
    ----------
    x : Tensor
        Any shape.
    indices : Tensor
        Integers; negative ones count from the end.
    axis : int, optional
        The axis; it can be left out for a vector.

    Returns
    -------
    Tensor
        The axis is replaced by the shape of ``indices``.

    Raises
    ------
    BadIndexError
        On the CPU, if an index is out of range.
    ShapeError
        If ``axis`` is missing.
    DTypeError
        If ``indices`` are not integers.

    Examples
    --------
    >>> dl.take(dl.asarray([10, 20, 30]), dl.asarray([2, 0, 0]))
    tensor([30, 10, 10])
    """
    if axis is None and x.ndim != 1:
        raise ShapeError(f"take: x has {x.ndim} axes, name the one to take along: axis=...")
    places: Any = xp.asarray(indices, dtype=xp.int64) if isinstance(indices, list) else indices
    check_integers(xp, "take", "indices", places)
    at = axis_of("take", 0 if axis is None else axis, x.ndim)
    shape = x.shape
    check_ids("take", "indices", places, shape[at], negative=True, of=f"on axis {at}")

    def pull(gy, need):
        return xp.put_at(gy, key=(*(slice(None),) * at, places), shape=shape), None

    if places.ndim == 1:
        return xp.take(x, places, axis=at), pull
    y = xp.take(x, xp.reshape(places, (-1,)), axis=at)
    return xp.reshape(y, (*shape[:at], *places.shape, *shape[at + 1 :])), pull


def added_along(xp: Any, gy: Any, places: Any, at: int, shape: tuple[int, ...]) -> Any:
    """The adjoint of taking along an axis: zeros of a shape with gy added where places, which broadcast to it, say."""
    if gy.shape[:at] != shape[:at] or gy.shape[at + 1 :] != shape[at + 1 :]:  # x was broadcast beside the indices
        key = (xp.reshape(xp.arange(n), (-1,) + (1,) * (len(shape) - 1 - i)) for i, n in enumerate(shape))
        return xp.put_at(gy, key=tuple(places if i == at else k for i, k in enumerate(key)), shape=shape)
    lines = lines_along(gy.shape, at)
    places = places if places.shape == gy.shape else xp.broadcast_to(places, gy.shape)
    return xp.reshape(xp.add_along(xp.reshape(gy, lines), xp.reshape(places, lines), shape[at]), shape)


@short("short_places")
@op(needs=("indices", ""), complex=True, arrays=2)
def take_along_axis(xp: Namespace, x: Tensor, indices: Tensor, /, *, axis: int = -1) -> ValueAndVJP:
    """Return the elements of a tensor that indices name along an axis, one for each index.

    Parameters
    ----------
    x : Tensor
        Any shape.
    indices : Tensor
        Integers, with as many axes as ``x``; negative ones count from the end. Axes other than ``axis`` broadcast.
    axis : int
        The axis.

    Returns
    -------
    Tensor
        ``y[..., i, ...] = x[..., indices[..., i, ...], ...]``.

    Raises
    ------
    BadIndexError
        On the CPU, if an index is out of range.
    ShapeError
        If the numbers of axes differ.
    DTypeError
        If ``indices`` are not integers.

    Examples
    --------
    >>> dl.take_along_axis(dl.asarray([[1, 2], [3, 4]]), dl.asarray([[1], [0]]), axis=1)
    tensor([[2],
            [3]])
    """
    check_integers(xp, "take_along_axis", "indices", indices)
    if x.ndim != indices.ndim:
        raise ShapeError(f"take_along_axis: x has {x.ndim} axes and indices {indices.ndim}; they must have equally many")
    at = axis_of("take_along_axis", axis, x.ndim)
    shape = x.shape
    check_ids("take_along_axis", "indices", indices, shape[at], negative=True, of=f"on axis {at}")

    def pull(gy):
        return added_along(xp, gy, indices, at, shape)

    return xp.take_along_axis(x, indices, axis=axis), (pull, lambda gy: None)


gather = take_along_axis


@op(needs=("", "", "indices"), name="add_along_axis")
def add_along_axis(xp, x, indices, updates, /, *, axis):
    """x with updates of the shape of indices added where these say along an axis, counted from the front."""
    shape = x.shape

    def of_updates(gy):
        return xp.take_along_axis(gy, indices, axis=axis)

    return x + added_along(xp, updates, indices, axis, shape), (lambda gy: gy, lambda gy: None, of_updates)


@kernel_op("put_along", needs="places")
def put_along(x: Tensor, places: Tensor, values: Tensor) -> Tensor:
    """The kernel put_along, see its reference."""
    return arguments(x, places, values)


@kernel_op("weighted_places", needs="x places weights")
def weighted_places(x: Tensor, places: Tensor, weights: Tensor) -> Tensor:
    """The kernel weighted_places, see its reference."""
    return arguments(x, places, weights)


def put_along_axis(x: Tensor, indices: Tensor, values: Tensor, axis: int) -> Tensor:
    """x with values of the shape of indices where these say along an axis; the last one of equal places counts."""
    lines, places = lines_along(x.shape, axis), lines_along(indices.shape, axis)
    found = reshape(put_along(reshape(x, lines), reshape(indices, places), reshape(values, places)), x.shape)
    found._view = False  # of memory that nothing else has
    return found


@op(needs=("", "", "indices"), complex=True, linear=True)
def scatter_add(xp: Namespace, x: Tensor, indices: Tensor, updates: Tensor, /) -> ValueAndVJP:
    """Return a tensor with updates added to its rows at indices; repeated indices add up, in order.

    Parameters
    ----------
    x : Tensor
        (R, ...).
    indices : Tensor
        Integers from 0 to R - 1, any shape.
    updates : Tensor
        Shape ``indices.shape + x.shape[1:]``.

    Returns
    -------
    Tensor
        Shape and dtype of ``x``.

    Raises
    ------
    BadIndexError
        On the CPU, if an index is out of range; negative ones are.
    ShapeError
        If ``updates`` has another shape.
    DTypeError
        If ``indices`` are not integers.

    Examples
    --------
    >>> dl.scatter_add(dl.zeros(3), dl.asarray([0, 2, 0]), dl.asarray([1.0, 2.0, 3.0]))
    tensor([4., 0., 2.])
    """
    check_integers(xp, "scatter_add", "indices", indices)
    if tuple(updates.shape) != (*indices.shape, *x.shape[1:]):
        raise ShapeError(
            f"scatter_add: updates must have shape indices.shape + x.shape[1:] = {(*indices.shape, *x.shape[1:])}, "
            f"got {tuple(updates.shape)}"
        )
    check_ids("scatter_add", "indices", indices, x.shape[0], of="rows of x")

    def of_updates(gy):
        return xp.reshape(xp.take(gy, xp.reshape(indices, (-1,)), axis=0), updates.shape)

    return xp.scatter_add(x, indices, updates), (lambda gy: gy, lambda gy: None, of_updates)


@op(needs="")
def nonzero(xp: Namespace, x: Tensor, /) -> tuple[tuple[Tensor, ...], Any]:
    """Return the indices of the elements that are not zero.

    Parameters
    ----------
    x : Tensor
        At least one axis.

    Returns
    -------
    tuple of Tensor
        int64, one vector of indices per axis.

    Raises
    ------
    ShapeError
        If ``x`` has no axes.

    Examples
    --------
    >>> dl.nonzero(dl.asarray([0.0, 5.0, 6.0]))
    (tensor([1, 2]),)
    """
    if x.ndim == 0:
        raise ShapeError("nonzero: x has no axes; reshape it to (1,) first")
    return tuple(xp.nonzero(x)), None


@op(needs="")
def one_hot(xp: Namespace, x: Tensor, /, num_classes: int, *, dtype: DTypeLike | None = None) -> ValueAndVJP:
    """Return vectors with 1 at the class that each number names and 0 elsewhere.

    Parameters
    ----------
    x : Tensor
        Integers from 0 to ``num_classes - 1``, any shape.
    num_classes : int
        The number of classes.
    dtype : dtype, optional
        The default dtype if left out.

    Returns
    -------
    Tensor
        Shape ``x.shape + (num_classes,)``.

    Raises
    ------
    BadIndexError
        On the CPU, if a number is out of range; on a GPU its vector is all 0.
    DTypeError
        If ``x`` does not hold integers.

    Examples
    --------
    >>> dl.one_hot(dl.asarray([2, 0]), 3)
    tensor([[0., 0., 1.],
            [1., 0., 0.]])
    """
    check_integers(xp, "one_hot", "x", x)
    check_ids("one_hot", "x", x, num_classes, of="classes")
    dtype = xp.dtype(get_default_dtype()) if dtype is None else dtype
    if x.ndim == 1 and 0 < num_classes <= x.shape[0] and on_host(x) is not None:  # a GPU gives 0 for numbers of no class
        return xp.take(xp.eye(num_classes, dtype=dtype), x, axis=0), None
    # int64: in the type of x, the numbers of many classes could wrap around
    hot = xp.astype(x, xp.int64)[..., None] == xp.arange(num_classes, dtype=xp.int64)
    return xp.astype(hot, dtype), None
