"""Ranks with a GPU each, which is not there: the tests' fake CuPy and NCCL."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

sys.path.insert(0, str(Path(__file__).parents[1]))

import fake_cupy
import networks
import numpy as np
import pytest
from fake_nccl import nccl

import dlengine as dl
from dlengine import nn, optim, training
from dlengine.distributed import ShardedOptimizer
from dlengine.distributed.nccl import NCCLTransport


def collectives(world: dl.distributed.Communicator) -> None:
    r, n = world.rank, world.size
    x = dl.asarray([1.0 + r, 2.0], device=f"cuda:{r}").requires_grad_()
    y = world.all_reduce(x * 1.0)
    assert y.device == x.device
    assert y.tolist() == [sum(1.0 + k for k in range(n)), 2.0 * n]
    dl.sum(y * (r + 1.0)).backward()
    weights = sum(k + 1.0 for k in range(n))
    assert x.grad.tolist() == [weights, weights]
    assert world.all_gather(x.detach()).tolist() == [v for k in range(n) for v in (1.0 + k, 2.0)]
    rows = dl.arange(2 * n, dtype="float32", device=f"cuda:{r}") * (r + 1.0)
    assert world.reduce_scatter(rows).tolist() == [weights * 2 * r, weights * (2 * r + 1)]
    assert world.broadcast(x.detach(), n - 1).tolist() == [float(n), 2.0]
    with pytest.raises(dl.errors.DTypeError, match="NCCL does not send complex64"):
        world.all_reduce(dl.asarray(np.ones(2, np.complex64), device=f"cuda:{r}"))
    assert isinstance(world.device, NCCLTransport)


def trained(world: dl.distributed.Communicator | None, device: str) -> list[np.ndarray]:
    dl.manual_seed(2)
    model = nn.Sequential(nn.Linear(10, 8), nn.Tanh(), nn.Linear(8, 3))
    model.to(device)
    optimizer: optim.Optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    if world is not None:
        optimizer = ShardedOptimizer(optimizer, world)
    trainer = training.Trainer(
        model, nn.CrossEntropyLoss(), optimizer, batch_size=20, progress=False, distributed=world or False
    )
    x, y = networks.arrays("mlp")
    trainer.fit(dl.data.ArrayDataset(x.astype("f4"), y), 2)
    return [p.detach().to("cpu").numpy_copy() for p in model.parameters()]


def main() -> None:
    world = dl.distributed.init(timeout=30)
    patch = pytest.MonkeyPatch()
    with fake_cupy.installed(patch, devices=2):
        fake_cupy.cuda.nccl = nccl
        cuda = ModuleType("cupy.cuda")
        cuda.__dict__.update(vars(fake_cupy.cuda))
        patch.setitem(sys.modules, "cupy.cuda", cuda)
        with dl.use_backend("cuda"):
            collectives(world)
            alone = trained(None, "cuda:0")
            together = trained(world, f"cuda:{world.rank}")
            for one, other in zip(alone, together, strict=True):
                np.testing.assert_allclose(other, one, atol=1e-5)


if __name__ == "__main__":
    main()
