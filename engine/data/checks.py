"""Checks of integer arguments."""

from __future__ import annotations

from ..errors import ConfigError


def require_integer(name: str, argument: str, value: int, least: int = 1) -> int:
    """Check that an argument is an integer of at least some value. Raises ConfigError."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ConfigError(f"{name}: {argument} must be an integer of at least {least}, got {value!r}")
    return value


def require_integers(name: str, **arguments: tuple[int, int]) -> None:
    """Check several arguments, each given with its least value. Raises ConfigError."""
    for argument, (value, least) in arguments.items():
        require_integer(name, argument, value, least)
