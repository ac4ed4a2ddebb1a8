"""What may go wrong on several ranks: KIND."""

from __future__ import annotations

import sys
import time

import networks
import numpy as np

import dlengine as dl


def main(kind: str) -> None:
    dl.set_backend("numpy")
    world = dl.distributed.init(timeout=1.5)
    if kind == "raises":
        if world.rank == 1:
            raise ValueError("the disk of rank 1 is full")
        world.barrier()
    elif kind == "all raise":
        raise ValueError("no rank finds the file")
    elif kind == "hangs":
        if world.rank == 1:
            time.sleep(30)
        world.all_reduce(dl.ones(3))
    elif kind == "other collective":
        other = world.separate()
        if world.rank == 0:
            world.barrier()
        else:
            other.all_reduce(dl.ones(2))
    elif kind == "not finite":
        trainer, _ = networks.trainer_of("mlp", distributed=world)
        x, y = networks.arrays("mlp")
        x[-1] = np.nan
        trainer.fit([(dl.asarray(x), dl.asarray(y))], 1)


if __name__ == "__main__":
    main(sys.argv[1])
