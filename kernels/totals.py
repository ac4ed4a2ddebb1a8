"""Sums of gradients that a gradient's kernel may add to, where a weight is used several times: in every step of a loop, say.

    offer([total], pull, gy)        # the walk; pull calls a kernel
    for total in taken(): ...       # the kernel; nothing is there unless it was offered for this call

A kernel that takes an offer adds the gradient to the array and returns that array; so the gradient is neither written to memory
of its own nor read again. It may as well return a new array, which is then added. None stands for a gradient of which there is
no sum yet. The results are those of adding afterwards, bit for bit: only whole gradients are added.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from .types import Array

Totals = Sequence[Array | None]


class _Offered(threading.local):
    totals: Totals = ()


_offered = _Offered()


def offer(totals: Totals, pull: Callable[..., Any], *args: Any) -> Any:
    """What pull(*args) returns, whose kernel may take these sums, one for each gradient that the op says can be added."""
    _offered.totals = totals
    try:
        return pull(*args)
    finally:
        _offered.totals = ()


def taken() -> Totals:
    """What has been offered, which is then gone."""
    totals = _offered.totals
    if totals:
        _offered.totals = ()
    return totals


def fits(total: Array | None, shape: tuple[int, ...], like: Array) -> bool:
    """Whether a gradient of this shape and of an array's dtype can be added to what was offered, which is dense."""
    return total is not None and total.shape == shape and total.dtype == like.dtype and total.flags.carray
