"""Broadcasting: tensors of one shape from tensors of several."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..autograd.op import op
from ..autograd.short import short
from ..errors import ConfigError, ShapeError

if TYPE_CHECKING:
    from ..typing import Namespace, Tensor, ValueAndVJP
from .shape import reshape

__all__ = ["broadcast_arrays", "broadcast_shapes", "broadcast_to", "meshgrid"]


@op(needs="", view=True, complex=True)
def broadcast_to(xp: Namespace, x: Tensor, /, shape: tuple[int, ...]) -> ValueAndVJP:
    """Return a tensor repeated along axes of size 1 and new leading axes, without copying.

    Parameters
    ----------
    x : Tensor
        Any shape.
    shape : tuple of int
        The shape of the result.

    Returns
    -------
    Tensor
        A view, whose gradient is summed over what was repeated.

    Raises
    ------
    ShapeError
        If ``x`` does not broadcast to that shape.

    Examples
    --------
    >>> dl.broadcast_to(dl.asarray([1.0, 2.0]), (2, 2))
    tensor([[1., 2.],
            [1., 2.]])
    """
    return xp.broadcast_to(x, shape), lambda gy: gy


def broadcast_shapes(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape that arrays of some shapes broadcast to.

    Parameters
    ----------
    *shapes : tuple of int
        The shapes.

    Returns
    -------
    tuple of int
        The common shape.

    Raises
    ------
    ShapeError
        If they do not broadcast.

    Examples
    --------
    >>> dl.broadcast_shapes((3, 1), (4,))
    (3, 4)
    """
    out = [1] * max(map(len, shapes), default=0)
    for s in shapes:
        for i, n in enumerate(s, len(out) - len(s)):
            if n != out[i] and n != 1:
                if out[i] != 1:
                    axis = i - len(out)
                    raise ShapeError(f"broadcast_shapes: {', '.join(map(str, shapes))} differ in axis {axis}, where none is 1")
                out[i] = n
    return tuple(out)


@short("short_places")
def broadcast_arrays(*arrays: Tensor) -> tuple[Tensor, ...]:
    """Return tensors broadcast to the shape that they share.

    Parameters
    ----------
    *arrays : Tensor
        Any shapes that broadcast.

    Returns
    -------
    tuple of Tensor
        Views of one shape.

    Raises
    ------
    ShapeError
        If they do not broadcast.

    Examples
    --------
    >>> a, b = dl.broadcast_arrays(dl.zeros((3, 1)), dl.zeros(4))
    >>> a.shape, b.shape
    ((3, 4), (3, 4))
    """
    shapes = [a.shape for a in arrays]
    shape = broadcast_shapes(*shapes)
    return tuple([broadcast_to(a, shape) for a in arrays])


@short("short_places")
def meshgrid(*arrays: Tensor, indexing: str = "xy") -> tuple[Tensor, ...]:
    """Return the coordinates of a grid from one vector per axis.

    Parameters
    ----------
    *arrays : Tensor
        Vectors, or numbers.
    indexing : {"xy", "ij"}
        Whether the first two axes are swapped (``"xy"``, as in plots) or not (``"ij"``, as in matrices).

    Returns
    -------
    tuple of Tensor
        One tensor per vector, all of the grid's shape.

    Raises
    ------
    ConfigError
        If ``indexing`` is another word.
    ShapeError
        If an array has more than one axis.

    Examples
    --------
    >>> x, y = dl.meshgrid(dl.asarray([1, 2, 3]), dl.asarray([10, 20]))
    >>> x
    tensor([[1, 2, 3],
            [1, 2, 3]])
    >>> y
    tensor([[10, 10, 10],
            [20, 20, 20]])
    """
    if indexing not in ("xy", "ij"):
        raise ConfigError(f'meshgrid: indexing must be "xy" or "ij", got {indexing!r}')
    if any([a.ndim > 1 for a in arrays]):
        raise ShapeError("meshgrid: each array must have one axis at most")
    n = len(arrays)
    places = [1, 0, *range(2, n)] if indexing == "xy" and n > 1 else list(range(n))
    spread = [reshape(a, (1,) * p + (-1,) + (1,) * (n - 1 - p)) for a, p in zip(arrays, places, strict=True)]
    return broadcast_arrays(*spread)
