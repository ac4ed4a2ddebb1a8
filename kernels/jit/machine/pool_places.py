"""Whether the places that a maximum pooling chose lie in its windows. `s`: the integers of the pooling, see pool.Sizes."""

from __future__ import annotations

from typing import Any

from ...types import Array
from .compile import inner


@inner()
def in_window(place: int, top: int, left: int, s: Any) -> Any:
    """Whether a place of the plane is one that the window which begins at (top, left) looks at."""
    row, ahead = top, place - (top * s.W + left)
    for _ in range(1, s.KH):  # to the row of the window that the place can lie in: a division would take longer
        if left + ahead < s.W:  # a window may be wider than the plane, so its own width says nothing
            break
        row, ahead = row + s.DH, ahead - s.DH * s.W
    column = left + ahead
    inside = 0 <= ahead <= (s.KW - 1) * s.DW and 0 <= row < s.H and 0 <= column < s.W
    return inside and (s.DW == 1 or ahead % s.DW == 0)


@inner()
def strays(places: Array, first: int, s: Any) -> int:
    """How many places of a row of dense windows of up to three rows, all inside the plane, lie outside their windows.

    A loop of comparisons alone becomes vector code, where in_window() for each place took three times as long as the sums.
    """
    count = 0
    for ow in range(places.size):
        ahead = places[ow] - (first + ow * s.SW)
        inside = (ahead >= 0) & (ahead < s.KW)
        if s.KH > 1:
            inside |= (ahead >= s.W) & (ahead < s.W + s.KW)
        if s.KH > 2:
            inside |= (ahead >= 2 * s.W) & (ahead < 2 * s.W + s.KW)
        count += 0 if inside else 1
    return count
