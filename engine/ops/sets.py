"""Sets: unique values and membership. Values only; NaN is unequal to itself here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ..autograd.op import op

if TYPE_CHECKING:
    from ..typing import Namespace, Tensor, TensorLike, ValueAndVJP

__all__ = ["isin", "unique_all", "unique_counts", "unique_inverse", "unique_values"]


class UniqueAll(NamedTuple):
    """The sorted values, where each first is, which one each element is, and how often each is there."""

    values: Any
    indices: Any
    inverse_indices: Any
    counts: Any


class UniqueCounts(NamedTuple):
    """The sorted values and how often each is there."""

    values: Any
    counts: Any


class UniqueInverse(NamedTuple):
    """The sorted values and which one each element is."""

    values: Any
    inverse_indices: Any


@op(needs="", result=UniqueAll)
def unique_all(xp: Namespace, x: Tensor, /) -> tuple[Any, Any]:
    """Return the different values, their first places, the place of each element among them, and their counts.

    Parameters
    ----------
    x : Tensor
        Any shape.

    Returns
    -------
    UniqueAll
        ``values`` in ascending order, ``indices`` of their first places in the flattened ``x``, ``inverse_indices``
        of the shape of ``x``, and ``counts``. NaN is unequal to itself here.

    Examples
    --------
    >>> dl.unique_all(dl.asarray([2, 1, 2])).counts
    tensor([1, 2])
    """
    return tuple(xp.unique_all(x)), None


@op(needs="", result=UniqueCounts)
def unique_counts(xp: Namespace, x: Tensor, /) -> tuple[Any, Any]:
    """Return the different values and how often each is there.

    Parameters
    ----------
    x : Tensor
        Any shape.

    Returns
    -------
    UniqueCounts
        ``values`` in ascending order, and ``counts``.

    Examples
    --------
    >>> values, counts = dl.unique_counts(dl.asarray([2, 1, 2]))
    >>> values, counts
    (tensor([1, 2]), tensor([1, 2]))
    """
    return tuple(xp.unique_counts(x)), None


@op(needs="", result=UniqueInverse)
def unique_inverse(xp: Namespace, x: Tensor, /) -> tuple[Any, Any]:
    """Return the different values and the place of each element among them.

    Parameters
    ----------
    x : Tensor
        Any shape.

    Returns
    -------
    UniqueInverse
        ``values`` in ascending order, and ``inverse_indices`` of the shape of ``x``.

    Examples
    --------
    >>> values, inverse = dl.unique_inverse(dl.asarray([2, 1, 2]))
    >>> values[inverse]
    tensor([2, 1, 2])
    """
    return tuple(xp.unique_inverse(x)), None


@op(needs="")
def unique_values(xp: Namespace, x: Tensor, /) -> ValueAndVJP:
    """Return the different values in ascending order.

    Parameters
    ----------
    x : Tensor
        Any shape.

    Returns
    -------
    Tensor
        (number of different values,), dtype of ``x``.

    Examples
    --------
    >>> dl.unique_values(dl.asarray([2, 1, 2]))
    tensor([1, 2])
    """
    return xp.unique_values(x), None


@op(needs="")
def isin(xp: Namespace, x1: TensorLike, x2: TensorLike, /, *, invert: bool = False) -> ValueAndVJP:
    """Return whether each element of ``x1`` is one of the values of ``x2``.

    Parameters
    ----------
    x1 : Tensor or number
        The elements to look for.
    x2 : Tensor or number
        The values, any shape.
    invert : bool
        Whether to return the contrary.

    Returns
    -------
    Tensor
        Booleans of the shape of ``x1``.

    Examples
    --------
    >>> dl.isin(dl.asarray([1, 2, 3]), dl.asarray([1, 3]))
    tensor([ True, False,  True])
    """
    found = xp.isin(x1, x2)
    return xp.logical_not(found) if invert else found, None
