"""Sums of gradients that a gradient's kernel may add to, where a weight is used several times: in every step of a loop, say.

    offer(Offer("lstm_grad", totals), pull, gy)     # the walk; pull calls the kernel lstm_grad
    for total in taken("lstm_grad").totals: ...     # the kernel; nothing is there unless it was offered for this call of it

A kernel that takes an offer adds the gradient to the array and returns that array; so the gradient is neither written to memory
of its own nor read again. It may as well return a new array, which is then added. None stands for a gradient of which there is
no sum yet. The results are those of adding afterwards, bit for bit: only whole gradients are added. A kernel of several gradients
also learns here that nobody wants that of its first array, for which it may return None.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from .types import Array

Totals = Sequence[Array | None]


class Offer(NamedTuple):
    """kernel: whose offer it is. totals: sums, one for each gradient that the op says can be added, or none. first: whether that
    of the first array is wanted."""

    kernel: str = ""
    totals: Totals = ()
    first: bool = True


NOTHING = Offer()


class _Offered(threading.local):
    now: Offer = NOTHING


_offered = _Offered()


def offer(what: Offer, pull: Callable[..., Any], *args: Any) -> Any:
    """What pull(*args) returns, whose kernel may take the offer."""
    _offered.now = what
    try:
        return pull(*args)
    finally:
        _offered.now = NOTHING


def taken(kernel: str) -> Offer:
    """What has been offered to a kernel, which is then gone."""
    now = _offered.now
    if now.kernel != kernel:
        return NOTHING
    _offered.now = NOTHING
    return now


def fits(total: Array | None, shape: tuple[int, ...], like: Array) -> bool:
    """Whether a gradient of this shape and of an array's dtype can be added to what was offered, which is dense."""
    return total is not None and total.shape == shape and total.dtype == like.dtype and total.flags.carray
