"""What a definition reads beside its arguments: a formula keeps that as it was when it was read.

A user's definition may use a number of its module, or of the function around it, and that may change between two calls. So
such numbers are noted, and compared at every call, and so are the functions that it calls, which a notebook's cell may define
anew; a definition that reads anything else which may change (a list, an array, an object) is not made into a kernel.
Definitions of dlengine itself read constants only.
"""

from __future__ import annotations

from collections.abc import Iterator
from dis import get_instructions
from types import BuiltinFunctionType, CellType, CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

from .symbols import NotPointwise

_NUMBERS = (bool, int, float, str, type(None))
_MODULES = ("math", "cmath", "numpy")
"""Modules of which a definition may read what it likes (but numpy.random): nobody assigns to them."""


def captured(function: Any) -> tuple[Any, ...]:
    """The numbers and functions that a definition reads: (holder, name, value) each, as `unchanged` takes them.

    Raises
    ------
    NotPointwise
        If it reads what may change unnoticed.
    """
    found: list[Any] = []
    seen: set[int] = set()
    todo = [] if ours(function) else [function]
    while todo:
        f = todo.pop()
        if id(f) in seen:
            continue
        seen.add(id(f))
        for holder, name, value in _read_by(f):
            called = isinstance(value, FunctionType) and not ours(value)
            if called:
                todo.append(value)
            if called or isinstance(value, _NUMBERS):
                found.append((holder, None if isinstance(holder, CellType) else name, value))
            elif not _steady(value):
                raise NotPointwise(f"reads {name}, a {type(value).__name__} that may change")
    return tuple(found)


def unchanged(numbers: tuple[Any, ...]) -> bool:
    """Whether a definition would read the same as before."""
    for holder, name, value in numbers:
        try:
            now = holder.cell_contents if name is None else holder[name]
        except (ValueError, KeyError):
            return False
        if now is not value and (type(now) is not type(value) or repr(now) != repr(value)):
            return False
    return True


def _steady(value: Any) -> bool:
    """Whether what is reached through a name stays what it is."""
    if isinstance(value, ModuleType):
        return value.__name__ in _MODULES
    if isinstance(value, BuiltinFunctionType):  # not time.time, nor random.random
        return value.__module__ in ("math", "cmath", "builtins")
    return isinstance(value, np.ufunc) or (isinstance(value, type) and issubclass(value, np.generic))


def ours(function: Any) -> bool:
    """Whether a definition is one of dlengine itself."""
    return (getattr(function, "__module__", None) or "").startswith("dlengine.")


def _read_by(f: Any) -> Iterator[tuple[Any, Any, Any]]:
    """What a function reads from its module and from the functions around it."""
    if not isinstance(f, FunctionType):
        raise NotPointwise(f"is or calls a {type(f).__name__}")
    for default in (*(f.__defaults__ or ()), *(f.__kwdefaults__ or {}).values()):
        if not isinstance(default, _NUMBERS):
            raise NotPointwise(f"has a default of type {type(default).__name__}")
    for name, cell in zip(f.__code__.co_freevars, f.__closure__ or (), strict=True):
        try:
            yield cell, name, cell.cell_contents
        except ValueError:
            raise NotPointwise(f"reads {name}, which is not set yet") from None
    for code in _codes(f.__code__):
        if "random" in code.co_names:
            raise NotPointwise("reads something called random")
        read = [i.argval for i in get_instructions(code) if i.opname in ("LOAD_GLOBAL", "LOAD_NAME")]
        for name in dict.fromkeys(read):
            if name in f.__globals__:
                yield f.__globals__, name, f.__globals__[name]


def _codes(code: CodeType) -> Iterator[CodeType]:
    """The code of a function and of those inside it."""
    yield code
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _codes(inner)
