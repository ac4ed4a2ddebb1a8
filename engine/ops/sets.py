"""Sets: unique values and membership. Values only; NaN is unequal to itself here."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..autograd.op import op

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
def unique_all(xp, x, /):
    """The sorted different values of x, the index of their first places, of each element among them, and their counts."""
    return tuple(xp.unique_all(x)), None


@op(needs="", result=UniqueCounts)
def unique_counts(xp, x, /):
    """The sorted different values of x and how often each is there."""
    return tuple(xp.unique_counts(x)), None


@op(needs="", result=UniqueInverse)
def unique_inverse(xp, x, /):
    """The sorted different values of x and the index of each element among them."""
    return tuple(xp.unique_inverse(x)), None


@op(needs="")
def unique_values(xp, x, /):
    """The sorted different values of x."""
    return xp.unique_values(x), None


@op(needs="")
def isin(xp, x1, x2, /, *, invert=False):
    """Whether each element of x1 is one of x2 (invert: is none)."""
    found = xp.isin(x1, x2)
    return xp.logical_not(found) if invert else found, None
