"""Whose code is running: the user's, or dlengine's own. Messages name the user's line."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import CodeType
from typing import Any

_FOLDERS = tuple([
    os.path.join(folder, "")
    for folder in (Path(__file__).parents[1], Path(sys.modules["dlengine.kernels"].__file__ or "").parent)
])  # fmt: skip
_LIBRARIES = frozenset(("numpy", "cupy", "cupyx", "array_api_compat"))
_inside: dict[CodeType, bool] = {}
_OWN_TEXTS = (" has it>", " declared>", ")>")
"""How the names of code that dlengine writes itself end: of ops, and of their calls (autograd/direct.py)."""


def where() -> str:
    """The line of the user's code that is running."""
    frame: Any = sys._getframe(1)
    while frame is not None:
        if is_users(frame.f_code):
            return f"{frame.f_code.co_filename}:{frame.f_lineno}"
        frame = frame.f_back
    return ""


def place_of(error: BaseException) -> str:
    """The op and the user's line where an error was raised, to follow its text."""
    trace, op, line = error.__traceback__, None, ""
    while trace is not None:
        frame = trace.tb_frame
        op = getattr(frame.f_locals.get("op"), "name", op) if frame.f_code.co_name == "call" else op
        if is_users(frame.f_code) and frame.f_globals.get("__name__", "").partition(".")[0] not in _LIBRARIES:
            line = f"{frame.f_code.co_filename}:{trace.tb_lineno}"
        trace = trace.tb_next
    return (f" ({op})" if op else "") + (f" at {line}" if line else "")


def is_users(code: CodeType) -> bool:
    """Whether code is the user's, and not that of dlengine."""
    ours = _inside.get(code)
    if ours is None:
        ours = code.co_filename.startswith(_FOLDERS) or code.co_filename.endswith(_OWN_TEXTS)
        _inside[code] = ours
    return not ours
