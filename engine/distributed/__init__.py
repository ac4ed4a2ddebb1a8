"""Training on several processes and machines: data parallel, on MPI for host arrays and NCCL for GPUs.

    mpiexec -n 4 python program.py

Every rank runs the same program. ``Trainer(..., distributed=True)`` divides each batch among them; N ranks compute what one
would. Needs mpi4py and MPI: ``pip install mpi4py mpich``.
"""

from __future__ import annotations

from .communicator import Communicator
from .data_parallel import DistributedDataParallel
from .faults import abort
from .launch import run
from .sharded import ShardedOptimizer
from .sync_batch_norm import SyncBatchNorm
from .world import init, rank, size

__all__ = [
    "Communicator", "DistributedDataParallel", "ShardedOptimizer", "SyncBatchNorm", "abort", "init", "rank", "run", "size",
]  # fmt: skip
