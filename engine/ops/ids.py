"""Numbers that name rows, classes or positions: one check for all ops that take them.

On the CPU a number that names nothing is refused before anything is computed, alike on every backend. On a GPU nothing is
read back: what an op gives there for such a number is said in its docstring.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from dlengine.kernels.ranges import in_range

from .. import backend
from ..backend.arguments import first_place
from ..errors import BadIndexError


def on_host(ids: Any) -> Any:
    """The array of a tensor (or an array itself) if it lies on the CPU, else None."""
    a = getattr(ids, "array", ids)
    if type(a) is np.ndarray:
        return a
    return a if hasattr(a, "dtype") and backend.device_of(a) == "cpu" else None


def within(a: Any, size: int) -> bool:
    """Whether all of an integer array on the CPU lies in 0 ... size - 1."""
    if isinstance(a, np.ndarray):
        return in_range(a, size)
    return bool(backend.space_of(a).in_range(a, size))


def check_ids(name: str, argument: str, ids: Any, size: int, *, negative: bool = False, of: str = "") -> None:
    """BadIndexError unless every id on the CPU is in 0 ... size - 1, or with negative in -size ... size - 1.

    name, argument: what the message calls the op and the ids. of: what they number, for the message.
    """
    a = on_host(ids)
    if a is None or within(a, size):
        return
    low = -size if negative else 0
    host = np.asarray(a)
    bad = (host < low) | (host >= size)
    if not bad.any():
        return
    at = first_place(bad)
    raise BadIndexError(f"{name}: {argument}{list(at)} is {int(a[at])}, expected {low} <= {argument} < {size}{of and ' '}{of}")
