"""Reading what state_dict() gave: every entry is checked before anything changes, and an error names it.

A reader returns the value of an entry, or raises ValueError saying what it expected.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import inf, isfinite, prod
from numbers import Integral, Real
from typing import Any

from .errors import CheckpointError, DLEngineError


def real_for(own: Any, value: Any) -> Any:
    """A value to be loaded into an array: a cast of complex numbers to real ones would drop their imaginary parts in silence."""
    if "complex" in str(getattr(value, "dtype", "")) and "complex" not in str(own.dtype):
        raise ValueError(f"{value.dtype} does not become {own.dtype}")
    return value


def read_state(name: str, kind: str, state: Any, readers: Mapping[str, Callable[[Any], Any]]) -> list[Any]:
    """The entries of a state in the order of their readers. name: of the class that loads it, kind: "a schedule" or the like."""
    if not isinstance(state, Mapping):
        raise CheckpointError(f"{name}: not the state of {kind}: expected a mapping, got {type(state).__name__}")
    missing = [key for key in readers if key not in state]
    if missing:
        has = ", ".join(map(str, state)) or "nothing"
        raise CheckpointError(f"{name}: not the state of {kind}: it lacks {', '.join(missing)}; it has {has}")
    found = []
    for key, reader in readers.items():
        try:
            found.append(reader(state[key]))
        except DLEngineError:
            raise
        except ValueError as error:
            raise CheckpointError(f"{name}: {key} of the state: expected {error}, got {state[key]!r:.80}") from None
    return found


def count(value: Any) -> int:
    """A whole number of at least 0."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 0:
        raise ValueError("a whole number of at least 0")
    return int(value)


def number(value: Any) -> float:
    """Any number, infinity included."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise ValueError("a number")
    return float(value)


def saved_count(value: Any) -> int:
    """A count that may also be a whole float or a 0-d array or tensor, as PyTorch saves steps."""
    found = _scalar(value)
    return count(int(found) if isinstance(found, float) and found.is_integer() else found)


def saved_number(value: Any) -> float:
    """A finite number that may also be a 0-d array or tensor."""
    found = _scalar(value)
    if isinstance(found, bool) or not isinstance(found, Real) or not isfinite(found):
        raise ValueError("a finite number")
    return float(found)


def _scalar(value: Any) -> Any:
    """The Python number of an array or tensor of one element; anything else as it is."""
    return value.item() if hasattr(value, "item") and prod(getattr(value, "shape", (0,))) == 1 else value


def positive(value: Any) -> float:
    """A finite number above 0."""
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 < float(value) < inf:
        raise ValueError("a finite number above 0")
    return float(value)


def rates(value: Any) -> list[float]:
    """A list of finite numbers, none negative."""
    if not isinstance(value, list | tuple) or any(isinstance(v, bool) or not isinstance(v, Real) for v in value):
        raise ValueError("a list of finite numbers, none negative")
    if not all(0 <= v < inf for v in value):
        raise ValueError("a list of finite numbers, none negative")
    return [float(v) for v in value]


def mapping(value: Any) -> Mapping[Any, Any]:
    """A mapping."""
    if not isinstance(value, Mapping):
        raise ValueError("a mapping")
    return value


def listed(value: Any) -> list[Any]:
    """A list."""
    if not isinstance(value, list | tuple):
        raise ValueError("a list")
    return list(value)
