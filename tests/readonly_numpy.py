"""NumPy's namespace, except that new arrays cannot be written."""

from __future__ import annotations

from typing import Any

import array_api_compat.numpy as xp


def asarray(obj: Any, /, *, dtype: Any = None, copy: bool | None = None) -> Any:
    a = xp.asarray(obj, dtype=dtype, copy=copy)
    a = a[...] if a.flags.writeable else a
    a.flags.writeable = False
    return a


def __getattr__(name: str) -> Any:
    return getattr(xp, name)
