"""Train networks on all ranks and on one, and compare: DTYPE EPOCHS BOUND NETWORK ..."""

from __future__ import annotations

import sys

import networks

import dlengine as dl
from dlengine import data


def main(dtype: str, epochs: int, bound: float, names: list[str]) -> None:
    dl.set_backend("numpy")
    dl.set_default_dtype(dtype)
    world = dl.distributed.init(timeout=60)
    for name in names:
        kind, *wishes = name.split("+")
        options = {"accumulate": 3} if "accumulate" in wishes else {"capture": True} if "capture" in wishes else {}
        alone, loader = networks.trainer_of(kind, **options)
        alone.fit(loader, epochs, validate=data.ArrayDataset(*networks.arrays(kind)))
        together, loader = networks.trainer_of(kind, distributed=True, sharded="sharded" in wishes, **options)
        together.fit(loader, epochs, validate=data.ArrayDataset(*networks.arrays(kind)))
        assert together.rank == world.rank
        found = networks.difference(alone, together)
        worst = float(world.sum_numbers([found], "max")[0])
        if world.rank == 0:
            print(f"{name} {dtype} {world.size} ranks: {worst:.2e}", flush=True)
        assert worst <= bound, f"{name}: {worst}"


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), sys.argv[4:])
