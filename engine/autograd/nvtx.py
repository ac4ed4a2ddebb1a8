"""NVTX ranges: with DLENGINE_NVTX=1 a profiler such as Nsight Systems shows every op's forward and backward by name.

The texts of ops are wrapped when they are declared, or left as they are: what is off costs nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache, wraps
from typing import Any

ENABLED = os.environ.get("DLENGINE_NVTX") == "1"


@cache
def _nvtx() -> Any:
    from cupy.cuda import nvtx

    return nvtx


def ranged(text: Callable[..., Any], name: str) -> Callable[..., Any]:
    """An op text, and its pullbacks, inside a range of the op's name."""

    @wraps(text)
    def call(*args: Any, **consts: Any) -> Any:
        y, pull = within(name, text)(*args, **consts)
        if type(pull) is tuple:
            return y, tuple(p if p is None else within(f"{name} backward", p) for p in pull)
        return y, pull if pull is None else within(f"{name} backward", pull)

    return call


def within(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """A function inside a range."""

    def call(*args: Any, **options: Any) -> Any:
        _nvtx().RangePush(name)
        try:
            return function(*args, **options)
        finally:
            _nvtx().RangePop()

    return call
