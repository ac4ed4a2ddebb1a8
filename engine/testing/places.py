"""Messages of failures: where two results differ, both values there, and the inputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .calls import flat

LONGEST = 300
"""The largest number of characters for the arguments in a message."""


def at(place: tuple[int, ...], got: Any, want: Any) -> str:
    """The index and both values there, as text."""
    return f"at {[int(i) for i in place]} got {got[place]!s}, wanted {want[place]!s}"


def inputs(arrays: Sequence[Any], place: tuple[int, ...] | None, shape: tuple[int, ...] | None) -> str:
    """The inputs at a place of the result, if the arguments broadcast to its shape, and all arguments, shortened."""
    given = flat(list(arrays))
    there = ""
    if place is not None and shape is not None and all(isinstance(a, np.ndarray) or np.isscalar(a) for a in given):
        try:
            fits = np.broadcast_shapes(*(np.shape(a) for a in given)) == tuple(shape)
        except ValueError:
            fits = False
        if fits:
            there = "; inputs there: " + ", ".join(str(np.broadcast_to(np.asarray(a), shape)[place]) for a in given)
    return there + f"; arguments: {shortened(arrays)}"


def shortened(arrays: Sequence[Any]) -> str:
    """The arguments as text, cut to LONGEST characters."""
    shown = [_shown(a) for a in arrays]
    text = ", ".join(shown)
    return text if len(text) <= LONGEST else text[: LONGEST - 4] + " ..."


def _shown(a: Any) -> str:
    if isinstance(a, (list, tuple)):
        return "[" + ", ".join(_shown(b) for b in a) + "]"
    if not isinstance(a, np.ndarray):
        return repr(a)[:80]
    if a.size > 6:
        first = ", ".join(map(str, a.reshape(-1)[:3]))
        return f"{a.dtype.name} {a.shape} [{first}, ...]"
    return " ".join(np.array2string(a, separator=", ").split())
