"""Programs on several ranks that check themselves: NAME."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import networks
import numpy as np
import pytest

import dlengine as dl
from dlengine import nn, optim, training
from dlengine.distributed import Communicator, DistributedDataParallel, ShardedOptimizer, SyncBatchNorm, sum_buffers


def collectives(world: Communicator) -> None:
    r, n = world.rank, world.size
    all_ranks = range(n)
    x = dl.asarray([1.0 + r, 2.0]).requires_grad_()
    y = world.all_reduce(x)
    assert y.tolist() == [sum(1.0 + k for k in all_ranks), 2.0 * n]
    dl.sum(y * dl.asarray([1.0, 2.0]) * (r + 1)).backward()
    assert x.grad.tolist() == [sum(k + 1 for k in all_ranks), 2 * sum(k + 1 for k in all_ranks)]
    assert world.all_reduce(dl.asarray([float(r)]), "mean").tolist() == [(n - 1) / 2]
    assert float(world.all_reduce(dl.asarray(float(r)), "max")) == n - 1
    assert float(world.all_reduce(dl.asarray(float(r)), "min")) == 0
    half = world.all_reduce(dl.asarray([float(r)], dtype="float16"))
    assert (str(half.dtype).rpartition(".")[2], half.tolist()) == ("float16", [sum(all_ranks)])
    column = dl.permute_dims(dl.asarray(np.arange(6.0).reshape(2, 3)), (1, 0))  # not contiguous
    assert world.all_reduce(column).tolist() == (np.arange(6.0).reshape(2, 3).T * n).tolist()

    x = (dl.ones((2, r + 1)) * r).requires_grad_()
    y = world.all_gather(x, axis=1)
    assert y[0].tolist() == [float(k) for k in all_ranks for _ in range(k + 1)]
    dl.sum(y * dl.arange(y.shape[1], dtype="float32") * (r + 1)).backward()
    start, weights = sum(range(r + 1)), sum(k + 1 for k in all_ranks)
    assert x.grad[0].tolist() == [weights * (start + k) for k in range(r + 1)]

    x = (dl.arange(2 * n, dtype="float32") * (r + 1)).requires_grad_()
    y = world.reduce_scatter(x)
    assert y.tolist() == [weights * (2.0 * r), weights * (2.0 * r + 1)]
    dl.sum(y * (r + 1)).backward()
    assert x.grad.tolist() == [float(k // 2 + 1) for k in range(2 * n)]

    x = dl.asarray([float(r)]).requires_grad_()
    y = world.broadcast(x, n - 1)
    assert y.tolist() == [n - 1.0]
    dl.sum(y * (r + 1)).backward()
    assert x.grad.tolist() == [float(weights) if r == n - 1 else 0.0]
    # A sum over ranks of squares: the second derivative goes through the collective twice.
    x = dl.asarray([1.0 + r], dtype="float64").requires_grad_()
    (first,) = dl.gradients(world.all_reduce(x * x), [x], dl.ones(1, dtype="float64"), create_graph=True)
    assert dl.gradients(first, x, dl.ones(1, dtype="float64")).tolist() == [2.0 * n]

    assert world.gather_objects({"r": r}) == [{"r": k} for k in all_ranks]
    assert world.broadcast_object("x" * r, 1) == "x"
    world.barrier()
    with pytest.raises(dl.errors.ShapeError, match="all_gather"):
        world.all_gather(dl.ones((2, r + 1)), axis=0)
    with pytest.raises(dl.errors.ShapeError, match="reduce_scatter"):
        world.reduce_scatter(dl.ones(2 * n + 1))
    with pytest.raises(dl.errors.ConfigError, match="operation"):
        world.all_reduce(dl.ones(2), "product")
    with pytest.raises(dl.errors.ConfigError, match="root"):
        world.broadcast(dl.ones(2), n)


class Net(nn.Module):
    """A network with an unused layer, a frozen one, a shared one, and batch normalisation."""

    def __init__(self) -> None:
        self.first = nn.Linear(4, 5, bias=False)
        self.norm = nn.BatchNorm1d(5)
        self.shared = nn.Linear(5, 5)
        self.unused = nn.Linear(5, 5)
        self.frozen = nn.Linear(5, 3)
        self.frozen.weight.requires_grad_(False)

    def forward(self, x: Any) -> Any:
        y = self.norm(self.first(x))
        return self.frozen(self.shared(dl.tanh(self.shared(y))))


def data_parallel(world: Communicator) -> None:
    """An own loop over batches of different sizes on each rank, against one process with all samples."""
    dl.set_default_dtype("float64")
    rng = np.random.default_rng(0)
    sizes = [3 + 2 * k for k in range(world.size)]
    steps = [[(rng.standard_normal((n, 4)), rng.integers(0, 3, n)) for n in sizes] for _ in range(6)]

    def make() -> Any:
        dl.manual_seed(1)
        model = Net()
        return model, optim.Adam([p for p in model.parameters() if p.requires_grad], lr=0.05)

    loss_of = nn.CrossEntropyLoss()
    alone, optimizer = make()
    for i, step in enumerate(steps):
        x, y = (dl.asarray(np.concatenate(parts)) for parts in zip(*step, strict=True))
        loss_of(alone(x), y).backward()
        if i % 2:
            optimizer.step()
            optimizer.zero_grad()
    model, optimizer = make()
    with dl.no_grad():
        model.first.weight[...] = model.first.weight * (1.0 + world.rank)  # rank 0's counts
    model = SyncBatchNorm.convert(model)
    parallel = DistributedDataParallel(model, bucket_bytes=200)
    for i, step in enumerate(steps):
        x, y = (dl.asarray(part) for part in step[world.rank])
        loss_of(parallel(x), y).backward()
        if i % 2:
            optimizer.step()
            optimizer.zero_grad()
    assert model.unused.weight.grad is None
    assert model.frozen.weight.grad is None
    for (name, a), b in zip(alone.state_dict().items(), model.state_dict().values(), strict=True):
        np.testing.assert_allclose(b.numpy(), a.numpy(), rtol=1e-12, atol=1e-13, err_msg=name)

    # Without a sum in the first of two backwards, the second one sums both, and sends once.
    x, y = (dl.asarray(part) for part in steps[0][world.rank])
    loss_of(parallel(x), y).backward()
    loss_of(parallel(x), y).backward()
    twice = {name: p.grad.numpy_copy() for name, p in model.named_parameters() if p.grad is not None}
    optimizer.zero_grad()
    sums = parallel._sum.sums
    model.eval()  # so that the forward in no_sync waits for nobody
    with parallel.no_sync():
        loss_of(parallel(x), y).backward()
    assert parallel._sum.sums == sums
    loss_of(parallel(x), y).backward()
    assert parallel._sum.sums == sums + 1
    kept = {name: p.grad.numpy_copy() for name, p in model.named_parameters() if p.grad is not None}
    optimizer.zero_grad()
    loss_of(parallel(x), y).backward()
    loss_of(parallel(x), y).backward()
    for name, p in model.named_parameters():
        if p.grad is not None:
            np.testing.assert_allclose(kept[name], p.grad.numpy(), rtol=1e-12, atol=1e-14, err_msg=name)
    assert set(twice) == set(kept)


class Plain(nn.Module):
    """Two layers and a scale that a hook in the middle of backward may refuse."""

    def __init__(self) -> None:
        self.first, self.second = nn.Linear(4, 5), nn.Linear(5, 3)
        self.fails = False

    def forward(self, x: Any) -> Any:
        y = dl.tanh(self.first(x))
        if y.requires_grad:
            y.register_hook(self.look)
        return self.second(y)

    def look(self, gradient: Any) -> Any:
        if self.fails:
            raise ValueError("the gradient is refused")
        return gradient


def buffers(world: Communicator) -> None:
    """Sums in shared memory and by messages: batches that change, a backward that fails, layers that are frozen midway."""
    held = Path("/proc/self/maps").read_text().splitlines() if sys.platform == "linux" else []
    named = [line for line in held if re.search("/dev/shm/mpich.*[^)]$", line)]
    assert not named, "ranks that are killed would leave this memory behind"
    dl.set_default_dtype("float64")
    rng = np.random.default_rng(0)
    sizes = [[2, 3, 2], [2, 3, 2], [5, 1, 4], [1, 1, 1], [1, 1, 1], [3, 2, 6], [3, 2, 6]]
    steps = [[(rng.standard_normal((n, 4)), rng.integers(0, 3, n)) for n in step[: world.size]] for step in sizes]
    loss_of = nn.CrossEntropyLoss()

    def after_each(parallel: Any, parts: Any) -> list[dict[str, Any]]:
        model = getattr(parallel, "module", parallel)
        optimizer = optim.SGD(model.parameters(), lr=0.3, momentum=0.9)
        found = []
        for number, step in enumerate(steps):
            x, y = (dl.asarray(a) for a in parts(step))
            if number == 3 and parallel is not model:
                model.fails = True
                with pytest.raises(ValueError, match="the gradient is refused"):
                    loss_of(parallel(x), y).backward()  # the sums of the second layer are on their way
                model.fails = False
            if number == 5:
                model.first.requires_grad_(False)
            optimizer.zero_grad()
            loss_of(parallel(x), y).backward()
            optimizer.step()
            found.append({name: p.numpy_copy() for name, p in model.named_parameters()})
        return found

    def make() -> Any:
        dl.manual_seed(1)
        return Plain()

    wanted = after_each(make(), lambda step: [np.concatenate(a) for a in zip(*step, strict=True)])
    for spare in (sum_buffers.SPARE, 1 << 60):  # with room in shared memory, and without
        sum_buffers.SPARE = spare
        parallel = DistributedDataParallel(make(), bucket_bytes=100)
        kinds = {type(bucket.sums) for bucket in parallel._sum._buckets}
        assert kinds == {sum_buffers.MessageBuffer if spare > 2 else sum_buffers.SharedBuffer}, kinds
        assert len(parallel._sum._buckets) > 1
        found = after_each(parallel, lambda step: step[world.rank])
        for number, (one, other) in enumerate(zip(wanted, found, strict=True)):
            for name in one:
                np.testing.assert_allclose(other[name], one[name], rtol=1e-12, atol=1e-13, err_msg=f"{name} after step {number}")
        world.require_same("the parameters", [a.tobytes() for a in found[-1].values()])
    for size, wanted_started in ((200, [True, False]), (1 << 20, [False])):
        net = nn.Sequential(nn.Linear(4, 5), nn.Linear(5, 5, bias=False))
        parallel, started = DistributedDataParallel(net, bucket_bytes=size), []

        def note(of: Any = parallel, found: Any = started) -> None:
            found += [bucket.started for bucket in of._sum._buckets]

        net[0].register_forward_hook(lambda layer, inputs, y, note=note: y.register_hook(lambda g: note()) and None)
        dl.sum(parallel(dl.ones((2, 4)))).backward()
        assert started == wanted_started, started


class OwnStep(training.Trainer):
    """A step that computes its gradients by itself."""

    def train_step(self, batch: Any) -> float:
        x, y = batch
        loss = self.loss(self.forward(x), y)
        loss.backward()
        self.optimizer.step()
        return float(loss.detach())


class Spoil(training.Callback):
    """Changes a parameter on one rank."""

    def on_step_end(self, trainer: Any, optimizer: Any) -> None:
        if trainer.rank == 1:
            with dl.no_grad():
                trainer.model[0].bias[0] += 1e-3


class Late(training.Callback):
    """Asks for the end on one rank, and remembers after how many batches a rank stopped."""

    def on_batch_end(self, trainer: Any, batch: int, values: dict[str, float]) -> None:
        if trainer.rank == 1 and trainer.batch == 2:
            trainer.stop = True
        self.batches = trainer.batch


def refusals(world: Communicator) -> None:
    """What the ranks find out together: each gets the error, and they go on together."""
    x, y = networks.arrays("mlp")
    with pytest.raises(dl.errors.RankError, match="the model differs between ranks: rank 0"):
        DistributedDataParallel(nn.Linear(2, 2 + world.rank))
    trainer, _ = networks.trainer_of("mlp", distributed=world)
    with pytest.raises(dl.errors.RankError, match="of a batch that has"):
        trainer.fit([(dl.asarray(x[: 20 + 10 * world.rank]), dl.asarray(y[: 20 + 10 * world.rank]))], 1)
    trainer, _ = networks.trainer_of("mlp", distributed=world)
    with pytest.raises(dl.errors.RankError, match="batches, samples"):
        trainer.fit(dl.data.ArrayDataset(x[: 20 + 10 * world.rank], y[: 20 + 10 * world.rank]), 1)
    trainer, loader = networks.trainer_of("mlp", distributed=world, callbacks=[Spoil()])
    with pytest.raises(dl.errors.RankError, match="the model after epoch 1"):
        trainer.fit(loader, 1)
    model = nn.Linear(10, 3)
    own = OwnStep(model, nn.CrossEntropyLoss(), optim.SGD(model.parameters(), lr=0.1), progress=False, distributed=True)
    with pytest.raises(dl.errors.ConfigError, match="OwnStep.train_step computes its gradients or steps by itself"):
        own.fit(dl.data.ArrayDataset(x, y), 1)
    parallel = DistributedDataParallel(nn.Linear(2, 1))  # it is watched for as long as this object lives
    loss = dl.sum(parallel(dl.ones((3, 2))))
    with pytest.raises(dl.errors.GradientError, match="create_graph"):
        loss.backward(create_graph=True)
    with pytest.raises(dl.errors.ConfigError, match="LBFGS has a step of its own"):
        ShardedOptimizer(optim.LBFGS(model.parameters()))
    late = Late()
    trainer, loader = networks.trainer_of("mlp", distributed=world, callbacks=[late])
    trainer.fit(loader, 4)
    assert (trainer.epoch, trainer.batch, late.batches) == (0, 3, 3), (trainer.epoch, trainer.batch)


def sharded(world: Communicator) -> None:
    """Each rank has the state of its parameters alone; the state that is saved is whole, and fits any number of ranks."""
    plain, loader = networks.trainer_of("mlp", distributed=world)
    plain.fit(loader, 2)
    parted, loader = networks.trainer_of("mlp", distributed=world, sharded=True)
    parted.fit(loader, 2)
    own = sum(bool(s) for s in parted.optimizer.state.values())
    assert own < len(plain.optimizer.state)
    assert sum(world.gather_objects(own)) == len(plain.optimizer.state)
    (name,) = plain.optimizers
    states = [t.state_dict()["optimizer"][name] for t in (plain, parted)]
    assert states[0]["param_groups"] == states[1]["param_groups"]
    for number, held in states[0]["state"].items():
        for key, value in held.items():
            np.testing.assert_array_equal(np.asarray(states[1]["state"][number][key]), np.asarray(value))
    again, loader = networks.trainer_of("mlp", distributed=world, sharded=True)
    again.load_state_dict(plain.state_dict())
    assert sum(bool(s) for s in again.optimizer.state.values()) == own


if __name__ == "__main__":
    dl.set_backend("numpy")
    globals()[sys.argv[1]](dl.distributed.init(timeout=20))
