"""The table from functions of the array namespace, and kernels, to ONNX nodes.

    @primitive("square")
    def square(e, outs, x):
        return e.node("Mul", [e.name(x), e.name(x)])

e is the `Emitter`, outs are the values to be made, and the rest are the call's arguments. The function returns the names of outs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

PRIMITIVES: dict[str, Callable[..., Any]] = {}
"""Every function of the namespace that has a counterpart."""


def primitive(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Enter a function into the table."""

    def enter(function: Callable[..., Any]) -> Callable[..., Any]:
        PRIMITIVES.update(dict.fromkeys(names, function))
        return function

    return enter
