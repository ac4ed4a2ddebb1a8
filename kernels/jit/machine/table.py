"""Many arrays for one call: a table of their addresses, so that a kernel treats a whole list of tensors at once.

A call for each of a network's parameters would cost more than the arithmetic on most of them. So the launcher notes where
the arrays lie, and the threads share out all elements, wherever one tensor ends and the next begins.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np
from llvmlite import ir
from numba import carray, types
from numba.extending import overload

from ...types import Array
from ..generated.addresses import noter
from .compile import dense, flat, intrinsic, jit


class PointerTable:
    """Lists of arrays of one dtype, a list per role (parameters, gradients ...), as kernels take them.

    addresses: (tensors, roles). ends: (tensors + 1,), 0 and where each tensor ends when all elements are counted through.
    written: the roles that the kernel writes; read-only arrays among them raise ValueError. like: an empty array of the
    dtype. An array that is no dense block of memory is copied; give_back() after the kernel.
    """

    def __init__(self, *roles: list[Array], written: Sequence[int] = ()) -> None:
        self.copies: list[tuple[Array, Array]] = []
        self.held = list(roles)  # kernels see addresses alone
        first = roles[0][0]
        count = len(roles[0])
        self.addresses, self.ends = np.empty((count, len(roles)), np.int64), np.empty(count + 1, np.int64)
        note = noter() if first.dtype.isnative else None
        if note is None or not note(self.addresses, self.ends, sum([1 << i for i in written if i < len(roles)]), *roles):
            self._look(written)
        self.size = int(self.ends[-1])
        self.like = np.empty(0, self.held[0][0].dtype)

    def _look(self, written: Sequence[int]) -> None:
        """Note the arrays one by one, after copies of those that are no dense blocks."""
        self.held = [[self._flat(a, i in written) for a in role] for i, role in enumerate(self.held)]
        self.ends[0] = 0
        for row, arrays in enumerate(zip(*self.held, strict=True)):
            _note(arrays, row, self.addresses, self.ends)

    def _flat(self, a: Array, written: bool) -> Array:
        flags = a.flags
        if not written:
            return flat(a)
        if not flags.writeable:
            raise ValueError("a tensor that is to be written in place is read-only")
        if flags.c_contiguous and flags.aligned and a.dtype.isnative:
            return a.reshape(-1)
        self.copies.append((a, dense(a.copy(order="C"))))
        return self.copies[-1][1].reshape(-1)

    def give_back(self) -> None:
        """Write what became of the copies into the arrays they were made of."""
        for a, copy in self.copies:
            a[...] = copy


@jit(parallel=False)
def _note(arrays: tuple[Array, ...], row: int, addresses: Array, ends: Array) -> None:
    for role in range(len(arrays)):
        addresses[row, role] = arrays[role].ctypes.data
    ends[row + 1] = ends[row] + arrays[0].size


def elements(address: int, begin: int, end: int, like: Array) -> Array:
    """Elements begin ... end of the array that lies at an address and has the dtype of like."""
    memory = ctypes.c_char * int((end - begin) * like.itemsize)
    return np.frombuffer(memoryview(memory.from_address(int(address + begin * like.itemsize))), like.dtype)


@intrinsic
def _pointer(typing_context: Any, address: Any) -> Any:
    def gen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.inttoptr(args[0], ir.IntType(8).as_pointer())

    return types.voidptr(types.int64), gen


@overload(elements, inline="always", strict=False)
def _elements_overload(address: Any, begin: Any, end: Any, like: Any) -> Any:
    return lambda address, begin, end, like: carray(_pointer(address + begin * like.itemsize), (end - begin,), like.dtype)
