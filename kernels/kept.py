"""What a kernel leaves for the gradient's kernel, beside an array that both are given: filters in another order, for one.

    keep(weight, "exchanged", packed)           # in the forward kernel, where wanted() says that a gradient may follow
    packed = take(weight, "exchanged")          # in the gradient's; None if nothing was left, or the array was written since

What is left is as old as the array's values: a write to any view of its memory that the engine sees drops it, a second forward
replaces it, and it goes with the array. Nothing is left beside memory that belongs to another library.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any
from weakref import ref

import numpy as np

from .types import Array

_held: dict[int, dict[int, tuple[ref[Any], dict[Hashable, Any]]]] = {}  # by memory, then by array

recording: list[Callable[[], bool]] = [lambda: False]
"""Says whether gradients are being recorded; the engine sets it."""


def wanted() -> bool:
    """Whether a gradient's kernel may follow."""
    return recording[0]()


def keep(array: Array, name: Hashable, value: Any) -> None:
    """Leave a value under a name. Host arrays keep nothing: their owner may write to them unseen."""
    if isinstance(array, np.ndarray) or type(array.data.mem).__name__ == "UnownedMemory":
        return
    memory, number = id(array.data.mem), id(array)

    def gone(_: Any) -> None:
        arrays = _held.get(memory)
        if arrays is not None:
            arrays.pop(number, None)
            if not arrays:
                _held.pop(memory, None)

    arrays = _held.setdefault(memory, {})
    held = arrays.get(number)
    if held is None or held[0]() is not array:
        held = arrays[number] = ref(array, gone), {}
    held[1][name] = value


def take(array: Array, name: Hashable) -> Any:
    """What was left, which is then gone from here."""
    if not _held or isinstance(array, np.ndarray):
        return None
    held = _held.get(id(array.data.mem), {}).get(id(array))
    return None if held is None or held[0]() is not array else held[1].pop(name, None)


def forget(array: Array) -> None:
    """The memory of an array was written."""
    if _held and not isinstance(array, np.ndarray):
        _held.pop(id(array.data.mem), None)


def forget_all() -> None:
    """Drop everything, as at the end of a capture, whose memory is its own."""
    _held.clear()
