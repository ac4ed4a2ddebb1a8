"""Docstrings of methods that override one of a base class."""

from __future__ import annotations

from inspect import isfunction


def inherit_docstrings(cls: type) -> None:
    """Give each method of a class that has no docstring the docstring of the method that it overrides."""
    for name, member in vars(cls).items():
        if isfunction(member) and not member.__doc__:
            found = (vars(base)[name].__doc__ for base in cls.__mro__[1:] if name in vars(base))
            member.__doc__ = next((text for text in found if text), None)
