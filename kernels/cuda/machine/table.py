"""Many arrays for one launch: a table in device memory of where they lie, which table.cuh reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from ...graph_capture import current_capture
from ...types import Array
from .in_place import require_writable

CHUNK = 2048
"""Elements that a block treats at a time; the chunks of all tensors are counted through."""


class PointerTable:
    """Lists of contiguous arrays of one dtype, a list per role (parameters, gradients ...), as a launch takes them.

    A row of the table holds a tensor's first chunk, its size, and an address for each role. written: roles that the kernel
    writes. chunks: of all tensors.
    """

    def __init__(self, roles: Sequence[Sequence[Array]], written: Sequence[int]) -> None:
        self.roles, self._written = roles, frozenset(written)
        self.tensors, self.columns = len(roles[0]), 2 + len(roles)
        self.dtype = str(roles[0][0].dtype)
        changed = [a for role, arrays in enumerate(roles) if role in self._written for a in arrays]
        require_writable(changed)
        firsts = np.cumsum([0, *(-(-a.size // CHUNK) for a in roles[0])])
        self._firsts, self.chunks = firsts[:-1], int(firsts[-1])

    @property
    def first(self) -> Array:
        return self.roles[0][0]

    def rows(self, address: Callable[[Array, bool], int]) -> Array:
        """The table, (tensors, columns) int64, with addresses from a function of an array and whether it is written."""
        columns = [self._firsts, [a.size for a in self.roles[0]]]
        columns += [[address(a, role in self._written) for a in arrays] for role, arrays in enumerate(self.roles)]
        return np.ascontiguousarray(np.array(columns, np.int64).T)

    def on_device(self) -> Array:
        """The table in the memory of the arrays' device."""
        rows = self.rows(lambda a, _: int(a.data.ptr))
        step = current_capture.get()
        if step is not None:  # nothing can be copied while a step is captured
            return step.constant(rows)
        return _copied(rows.tobytes(), self.first.device.id)


@lru_cache(maxsize=256)
def _copied(rows: bytes, device: int) -> Any:
    """Kept: the allocator gives a training step the same addresses again and again.

    With shapes that change at each step nothing is found here, and a step copies a table of some 10 KB: the driver takes so
    little into its own buffer at once, so neither side waits.
    """
    import cupy

    with cupy.cuda.Device(device):
        return cupy.asarray(np.frombuffer(rows, np.int64))
