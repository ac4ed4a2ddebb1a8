"""Where the elements of an array are in memory.

NumPy says so in a dict of all that it knows of the array, which takes 1 us to make; attention asks six times in a call. An array
object keeps the address behind its head, where it is read here, once an array of this process has shown that it is there.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable

import numpy as np

from ...types import Array

_DATA_AT = 2 * ctypes.sizeof(ctypes.c_void_p)
_word = ctypes.c_size_t.from_address


def _asked(x: Array) -> int:
    return int(x.__array_interface__["data"][0])


def _read(x: Array) -> int:
    return _word(id(x) + _DATA_AT).value


def _way() -> Callable[[Array], int]:
    some = np.zeros((3, 5), np.float32)
    return _read if all(_read(x) == _asked(x) for x in (some, some[1:, 2], some.T)) else _asked


address: Callable[[Array], int] = _way()
"""The address of an array's first element."""
