"""How the matrices of an array lie, for the texts of products."""

from __future__ import annotations

import math
from typing import Any


def rows(xp: Any, a: Any) -> Any:
    """An array as a matrix of the rows along its last axis."""
    return a if a.ndim == 2 else xp.reshape(a, (math.prod(a.shape[:-1]), a.shape[-1]))


def turned(x: Any) -> bool:
    """Whether the columns of an array's matrices lie in rows of memory."""
    strides = getattr(x, "strides", None)
    return strides is not None and strides[-2] < strides[-1]
