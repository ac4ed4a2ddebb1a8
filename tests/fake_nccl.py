"""NCCL between GPUs that are not there: what CuPy has as cupy.cuda.nccl, over MPI and the memory of fake devices.

Collectives run on their stream, as late as is allowed; a collective before its arrays are written finds garbage.
"""

from __future__ import annotations

import ctypes
from types import SimpleNamespace
from typing import Any

import numpy as np
from fake_cuda import Stream

KINDS = ("int8", "uint8", "int32", "uint32", "int64", "uint64", "float16", "float32", "float64")
OPERATIONS = ("SUM", "MAX", "MIN")


def _array(pointer: int, count: int, kind: int) -> Any:
    """The memory at an address."""
    dtype = np.dtype(KINDS[kind])
    content = (ctypes.c_char * (count * dtype.itemsize)).from_address(pointer)
    return np.frombuffer(content, dtype)


def _later(stream: int, work: Any) -> None:
    """Run on the stream with an address."""
    next(s for s in Stream.alive if id(s) == stream).later(work)


class NcclCommunicator:
    def __init__(self, ndev: int, commId: Any, rank: int) -> None:  # noqa: N803 - CuPy's name
        from mpi4py import MPI

        self.library, self.comm = MPI, MPI.COMM_WORLD.Dup()
        if (ndev, rank) != (self.comm.size, self.comm.rank) or len(commId) != 128:
            raise RuntimeError("NCCL_ERROR_INVALID_ARGUMENT: invalid argument")

    def _operation(self, number: int) -> Any:
        return getattr(self.library, OPERATIONS[number])

    def allReduce(self, source: int, target: int, count: int, kind: int, operation: int, stream: int) -> None:  # noqa: N802
        def work() -> None:
            given = _array(source, count, kind).copy()
            self.comm.Allreduce(given, _array(target, count, kind), op=self._operation(operation))

        _later(stream, work)

    def broadcast(self, source: int, target: int, count: int, kind: int, root: int, stream: int) -> None:
        def work() -> None:
            given = _array(source, count, kind).copy()
            self.comm.Bcast(given, root=root)
            _array(target, count, kind)[...] = given

        _later(stream, work)

    def allGather(self, source: int, target: int, count: int, kind: int, stream: int) -> None:  # noqa: N802
        def work() -> None:
            self.comm.Allgather(_array(source, count, kind).copy(), _array(target, count * self.comm.size, kind))

        _later(stream, work)

    def reduceScatter(self, source: int, target: int, count: int, kind: int, operation: int, stream: int) -> None:  # noqa: N802
        def work() -> None:
            given = _array(source, count * self.comm.size, kind).copy()
            self.comm.Reduce_scatter_block(given, _array(target, count, kind), op=self._operation(operation))

        _later(stream, work)


nccl = SimpleNamespace(
    NcclCommunicator=NcclCommunicator,
    get_unique_id=lambda: tuple(range(128)),
    **{f"NCCL_{name.upper()}": number for number, name in enumerate(KINDS)},
    **{f"NCCL_{name}": number for number, name in enumerate(OPERATIONS)},
)
