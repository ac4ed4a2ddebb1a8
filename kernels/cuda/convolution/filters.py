"""Filters in another order, made once for both directions of a convolution."""

from __future__ import annotations

from collections.abc import Callable, Hashable

from ... import kept
from ...types import Array


def prepared(
    w: Array, name: Hashable, exchanged: bool, new: Callable[[bool], Array], launch: Callable[[Array | None, Array | None], None]
) -> Array:
    """The filters for one direction. The forward's launch makes those of the input gradient as well, where one may follow.

    name: under which these are kept beside w. exchanged: whether they are for the input gradient, whose rows are channels.
    new: exchanged -> an empty array for them. launch: fills what is no None of both.
    """
    if exchanged and (found := kept.take(w, name)) is not None:
        return found
    forward = None if exchanged else new(False)
    backward = new(True) if exchanged or kept.wanted() else None
    launch(forward, backward)
    if forward is None:
        return backward
    if backward is not None:
        kept.keep(w, name, backward)
    return forward
