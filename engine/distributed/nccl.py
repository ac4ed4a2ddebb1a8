"""Collectives of NCCL on the arrays of GPUs, through CuPy: one GPU for each rank. Not yet run on GPUs.

MPI starts the ranks and hands out NCCL's address; from then on device arrays go from GPU to GPU. Collectives run on a stream of
their own, beside the kernels of backward.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import backend
from ..errors import BackendUnavailable, DTypeError
from . import mpi

if TYPE_CHECKING:
    from .communicator import Communicator
    from .waiting import Waiting

INSTALL = "pip install nvidia-nccl-cu13"


class DeviceWork:
    """A collective on a stream: wait() lets the host wait for its end, and what follows on the current stream too."""

    def __init__(self, event: Any, waiting: Waiting, what: str, *arrays: Any) -> None:
        waiting.begun += 1
        self.event, self.waiting, self.what, self.arrays = event, waiting, what, arrays
        self.number = waiting.begun

    def wait(self) -> None:
        """Wait for its end: on the host, so that a rank that does not come is noticed."""
        import cupy

        self.waiting.until(lambda: bool(self.event.done), f"{self.what} on a GPU", self.number)
        cupy.cuda.get_current_stream().wait_event(self.event)


class NCCLTransport:
    """NCCL on CuPy arrays.

    Parameters
    ----------
    communicator : Communicator
        The ranks. Each uses the GPU with the number of the rank on its machine; where there are fewer GPUs, NCCL refuses.
    """

    def __init__(self, communicator: Communicator) -> None:
        try:
            from cupy.cuda import nccl as found
        except ImportError:
            raise BackendUnavailable(f"distributed: CuPy finds no NCCL for arrays on GPUs: {INSTALL}") from None
        import cupy

        nccl: Any = found
        self.nccl, self.waiting, self.size = nccl, communicator._waiting, communicator.size
        number = mpi.launched().local_rank % int(cupy.cuda.runtime.getDeviceCount())
        self.device = cupy.cuda.Device(number)
        address = communicator.broadcast_object(nccl.get_unique_id() if communicator.rank == 0 else None)
        with self.device:
            self.comm = nccl.NcclCommunicator(communicator.size, address, communicator.rank)
            self.stream = cupy.cuda.Stream(non_blocking=True)
        self.operations = {"sum": nccl.NCCL_SUM, "max": nccl.NCCL_MAX, "min": nccl.NCCL_MIN}
        self.kinds = {
            "int8": nccl.NCCL_INT8, "uint8": nccl.NCCL_UINT8, "int32": nccl.NCCL_INT32, "uint32": nccl.NCCL_UINT32,
            "int64": nccl.NCCL_INT64, "uint64": nccl.NCCL_UINT64, "float16": nccl.NCCL_FLOAT16, "float32": nccl.NCCL_FLOAT32,
            "float64": nccl.NCCL_FLOAT64,
        }  # fmt: skip

    def start_reduce(self, array: Any, operation: str, what: str) -> DeviceWork:
        kind, chosen = self._kind(array), self.operations[operation]
        pointer = array.data.ptr
        return self._run(lambda s: self.comm.allReduce(pointer, pointer, array.size, kind, chosen, s), what, array)

    def broadcast(self, array: Any, root: int) -> None:
        kind, pointer = self._kind(array), array.data.ptr
        self._run(lambda s: self.comm.broadcast(pointer, pointer, array.size, kind, root, s), "broadcast", array).wait()

    def all_gather(self, array: Any) -> Any:
        found: Any = backend.space_of(array).zeros((self.size, *array.shape), dtype=array.dtype)
        kind, source, target = self._kind(array), array.data.ptr, found.data.ptr
        self._run(lambda s: self.comm.allGather(source, target, array.size, kind, s), "all_gather", array, found).wait()
        return found

    def reduce_scatter(self, array: Any) -> Any:
        own: Any = backend.space_of(array).zeros(array.shape[1:], dtype=array.dtype)
        kind, source, target, add = self._kind(array), array.data.ptr, own.data.ptr, self.operations["sum"]
        work = self._run(lambda s: self.comm.reduceScatter(source, target, own.size, kind, add, s), "reduce_scatter", array, own)
        work.wait()
        return own

    def _kind(self, array: Any) -> int:
        """NCCL's number of a dtype. Raises DTypeError for one that it does not send."""
        name = np.dtype(array.dtype).name
        if name not in self.kinds:
            raise DTypeError(f"distributed: NCCL does not send {name}; it sends {', '.join(self.kinds)}")
        return int(self.kinds[name])

    def _run(self, start: Any, what: str, *arrays: Any) -> DeviceWork:
        """Start a collective after what the current stream has to do."""
        import cupy

        self.stream.wait_event(cupy.cuda.get_current_stream().record())
        start(self.stream.ptr)
        return DeviceWork(self.stream.record(cupy.cuda.Event(disable_timing=True)), self.waiting, what, *arrays)
