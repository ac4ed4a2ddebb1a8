"""Words for failures: where two results differ, what was got and wanted there, and from which inputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .calls import flat

LONGEST = 300
"""Characters of a failure's line that the arguments may take."""


def at(place: tuple[int, ...], got: Any, want: Any) -> str:
    """The index, and both values there."""
    return f"at {[int(i) for i in place]} got {got[place]!s}, wanted {want[place]!s}"


def inputs(arrays: Sequence[Any], place: tuple[int, ...] | None, shape: tuple[int, ...] | None) -> str:
    """The inputs at a place of a result of some shape, where the arguments broadcast to it; and all arguments in short."""
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
    """The arguments, short enough for a line."""
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
