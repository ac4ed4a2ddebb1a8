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
        self.dtype = roles[0][0].dtype
        if isinstance(roles[0][0], np.ndarray):
            require_writable(a for role in self._written if role < len(roles) for a in roles[role])
        self._sizes = tuple([a.size for a in roles[0]])
        self.chunks = _chunks_of(self._sizes)[1]

    @property
    def first(self) -> Array:
        return self.roles[0][0]

    def rows(self, address: Callable[[Array, bool], int]) -> Array:
        """The table, (tensors, columns) int64, with addresses from a function of an array and whether it is written."""
        return _rows(self._sizes, [address(a, role in self._written) for role, arrays in enumerate(self.roles) for a in arrays])

    def on_device(self) -> Array:
        """The table in the memory of the arrays' device."""
        pointers = tuple([a.data.ptr for arrays in self.roles for a in arrays])
        step = current_capture.get()
        if step is not None:  # nothing can be copied while a step is captured
            return step.constant(_rows(self._sizes, pointers))
        return _copied(self._sizes, pointers, self.first.device.id)


@lru_cache(maxsize=256)
def _chunks_of(sizes: tuple[int, ...]) -> tuple[Any, int]:
    """The first chunk of each tensor, and the chunks of all."""
    firsts = np.cumsum([0, *(-(-n // CHUNK) for n in sizes)])
    return firsts[:-1], int(firsts[-1])


def _rows(sizes: tuple[int, ...], addresses: Sequence[int]) -> Array:
    """The table of tensors of these sizes; addresses: role by role."""
    columns = [_chunks_of(sizes)[0], np.array(sizes), *np.array(addresses, np.int64).reshape(-1, len(sizes))]
    return np.ascontiguousarray(np.array(columns, np.int64).T)


@lru_cache(maxsize=256)
def _copied(sizes: tuple[int, ...], pointers: tuple[int, ...], device: int) -> Any:
    """Kept: the allocator gives a training step the same addresses again and again.

    With shapes that change at each step nothing is found here, and a step copies a table of some 10 KB: the driver takes so
    little into its own buffer at once, so neither side waits.
    """
    import cupy

    with cupy.cuda.Device(device):
        return cupy.asarray(_rows(sizes, pointers).reshape(-1))
