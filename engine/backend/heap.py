"""The host buffer pool: freed memory stays with the process, so that a training step does not page in the same buffers again.

A step frees and allocates the same large arrays over and over. Handed back to the system each time, their pages must be
mapped and cleared again, which on many machines costs more than the arithmetic. So the C library's heap is told to keep
up to a limit of freed memory. It serves every array, NumPy's own results and ours alike, and it can never hand out memory
that anything still sees, since an array's buffer is freed only with its last view.

$DLENGINE_POOL: the limit in MiB, or "off". Settings of one's own (MALLOC_..., GLIBC_TUNABLES) are left alone. Where the C
library is not glibc, nothing is changed.
"""

from __future__ import annotations

import ctypes
import os
from functools import cache
from typing import Any

from ..errors import ConfigError

LIMIT_MIB, MOST_MIB = 1024, 2047
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # mallopt's names for its parameters


class _Mallinfo2(ctypes.Structure):
    _fields_ = [
        (name, ctypes.c_size_t)
        for name in "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()
    ]


def limit() -> int:
    """MiB of freed memory that may be kept: $DLENGINE_POOL, 0 for "off". Raises ConfigError."""
    text = os.environ.get("DLENGINE_POOL", str(LIMIT_MIB))
    if text == "off":
        return 0
    if not text.isdecimal() or int(text) > MOST_MIB:
        raise ConfigError(f'DLENGINE_POOL must be "off" or a number of MiB up to {MOST_MIB}, got {text!r}')
    return int(text)


def _glibc() -> Any:
    """The C library, if it is one whose heap can be asked to keep memory."""
    try:
        library = ctypes.CDLL(None)
        return library if hasattr(library, "gnu_get_libc_version") and hasattr(library, "mallopt") else None
    except (OSError, TypeError):
        return None


@cache
def keep() -> str:
    """Turn the pool on, once in a process. Returns what came of it, in words."""
    size = limit()
    if not size:
        return "off ($DLENGINE_POOL)"
    if any(name.startswith("MALLOC_") for name in os.environ) or "glibc.malloc" in os.environ.get("GLIBC_TUNABLES", ""):
        return "left to the settings of malloc in the environment"
    library = _glibc()
    if library is None:
        return "not on this system's C library"
    kept = all(library.mallopt(name, size << 20) for name in (_MMAP_THRESHOLD, _TRIM_THRESHOLD))
    return f"keeps up to {size} MiB ($DLENGINE_POOL)" if kept else "refused by the C library"


def usage() -> str:
    """How much memory the heap holds now, in use and free; empty where the C library does not tell."""
    library = _glibc()
    if library is None or not hasattr(library, "mallinfo2"):
        return ""
    library.mallinfo2.restype = _Mallinfo2
    now = library.mallinfo2()
    return f"{(now.uordblks + now.hblkhd) >> 20} MiB in use, {now.fordblks >> 20} MiB kept free"
