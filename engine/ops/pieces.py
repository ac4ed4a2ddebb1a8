"""Elementwise pieces of op definitions that are more than elementwise: one kernel each, not a pass over memory per function."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any

from ..autograd.declaration import Op
from ..recording.answers import answer


def pointwise(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let an elementwise function ``(xp, *arrays)`` of an op's definition be generated code where the namespace has a generator.

    It is called as before; small arrays, other dtypes and namespaces of tensors and symbols get the function itself. Arrays
    broadcast, and one of them has the shape of the result.
    """

    def text(xp: Any, *arrays: Any) -> Any:
        return function(xp, *arrays), None

    text.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
    piece = Op(text, name=function.__name__.strip("_"))

    @wraps(function)
    def call(xp: Any, *arrays: Any) -> Any:
        number = getattr(xp, "generator", -1)
        found = answer(piece, arrays, {}, number) if number >= 0 else None
        return function(xp, *arrays) if found is None else found[0]

    return call
