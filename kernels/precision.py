"""How exactly kernels multiply float32: one setting, read by matrix products, convolutions and recurrent networks alike.

Only kernels with another way to multiply obey it (those of CUDA, from sm_80); sums are kept in float32 in any case.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

NUMBERS = {"highest": "float32", "high": "tf32", "medium": "bfloat16"}
"""Precision -> what the factors of a float32 product are rounded to: 24, 11 or 8 significant bits."""

_scoped: ContextVar[str | None] = ContextVar("dlengine_precision", default=None)
default = ["highest"]


def current() -> str:
    """The precision in force: highest, high or medium."""
    return _scoped.get() or default[0]


def multiply_dtype(dtype: str) -> str:
    """What arrays of a dtype are multiplied as: "tf32" or "bfloat16" for float32 where the precision says so, else the dtype."""
    return NUMBERS[current()] if dtype == "float32" else dtype


@contextmanager
def in_force(name: str) -> Iterator[None]:
    """This precision inside a block, for this thread or task alone."""
    token = _scoped.set(name)
    try:
        yield
    finally:
        _scoped.reset(token)
