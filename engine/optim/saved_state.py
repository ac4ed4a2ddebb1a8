"""Checks of the entries of a saved optimizer state."""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING, Any

from ..errors import CheckpointError, DLEngineError
from ..ops.conversion import asarray
from ..states import real_for, saved_count, saved_number

if TYPE_CHECKING:
    from .._tensor import Tensor

READERS = {"count": saved_count, "number": saved_number}
"""The readers of numbers, by the kinds that Optimizer.keeps names."""


def read_number(what: str, kind: str, value: Any) -> float:
    """Read a count or a number of a state. what: the entry, for the message of the CheckpointError."""
    try:
        return READERS[kind](value)
    except ValueError as error:
        raise CheckpointError(f"{what} is {value!r:.60}, expected {error}") from None


def read_array(what: str, value: Any, shape: tuple[int, ...], like: Tensor) -> Tensor:
    """Read an array of a state: a copy with the dtype and on the device of like."""
    if tuple(value.shape) != shape:
        raise CheckpointError(f"{what} is {tuple(value.shape)}, expected {shape}")
    try:
        found: Tensor = asarray(real_for(like, value), dtype=like.dtype, device=like.device, copy=True)
        return found
    except (DLEngineError, TypeError, ValueError) as error:
        raise CheckpointError(f"{what} cannot be read as {like.dtype}: {error}") from None


def read_setting(name: str, key: str, current: Any, value: Any) -> Any:
    """Read a setting of a state, which must be of the kind of the current one; lists, as JSON has them, become tuples."""

    def fits(own: Any, given: Any) -> bool:
        if isinstance(own, bool) or isinstance(given, bool):
            return isinstance(own, bool) and isinstance(given, bool)
        if isinstance(own, tuple | list):
            return isinstance(given, tuple | list) and len(own) == len(given) and all(map(fits, own, given))
        return isinstance(given, Real) if isinstance(own, Real) else given is None or isinstance(given, str | Real)

    if not fits(current, value):
        raise CheckpointError(f"{name}: {key} of the state is {value!r:.60}, expected a value like {current!r}")
    return tuple(value) if isinstance(value, list) else value
