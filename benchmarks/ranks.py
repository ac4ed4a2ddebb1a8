"""Data parallel training: two ranks beside one, and beside PyTorch's DistributedDataParallel on gloo.

    python -m dlengine.benchmarks.ranks OUT.json [--repeat 3]

Every rank trains on batches of one size: more ranks do more work in a step. Each measurement is a process, or two, of its own,
and they take turns. The step is forward, backward with the sum over ranks, and SGD with momentum, in float32.
"""

from __future__ import annotations

import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np

from .scaling_model import Link, fitted, slowest, step_seconds

SECONDS = 1.5
"""The time that a measurement takes after it has warmed up."""


class Workload(NamedTuple):
    """A network's batch on one rank, and the numbers of its inputs."""

    batch: int
    shape: tuple[int, ...]
    classes: int
    tokens: int = 0


WORKLOADS = {
    "mlp": Workload(512, (784,), 10),
    "cnn": Workload(64, (1, 28, 28), 10),
    "lstm": Workload(32, (64,), 64, 64),
}


class Variant(NamedTuple):
    """A library on so many ranks with so many threads each, which add their gradients or not."""

    library: str
    ranks: int
    threads: int
    sums: bool = True

    @property
    def name(self) -> str:
        text = f"{self.library}, {self.ranks} rank{'s' * (self.ranks > 1)} x {self.threads} thread{'s' * (self.threads > 1)}"
        return text if self.sums else f"{text}, no sums"


VARIANTS = (
    Variant("dlengine", 1, 1),
    Variant("dlengine", 2, 1),
    Variant("dlengine", 1, 2),
    Variant("torch", 1, 1),
    Variant("torch", 2, 1),
    Variant("dlengine", 2, 1, sums=False),  # what the machine gives two processes
)
MESSAGES = (8, 1 << 14, 1 << 16, 1 << 18, 1 << 20, 1 << 22)
"""Bytes of the all-reduces that are timed."""


def network(nn: Any, name: str) -> Any:
    """The same network from the layers of either library; of the LSTM its parts."""
    if name == "mlp":
        return nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 256), nn.ReLU(), nn.Linear(256, 10))
    if name == "cnn":
        return nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(),
            nn.MaxPool2d(2), nn.Flatten(), nn.Linear(32 * 49, 10),
        )  # fmt: skip

    class CharLSTM(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.embed, self.lstm, self.scores = nn.Embedding(64, 64), nn.LSTM(64, 128, batch_first=True), nn.Linear(128, 64)

        def forward(self, x: Any) -> Any:
            y, _ = self.lstm(self.embed(x))
            return self.scores(y.reshape(-1, 128))

    return CharLSTM()


def batch_of(name: str, rank: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """The batch of a rank."""
    w, rng = WORKLOADS[name], np.random.default_rng(rank)
    if w.tokens:
        return rng.integers(0, w.tokens, (w.batch, *w.shape)), rng.integers(0, w.classes, w.batch * w.shape[0])
    return rng.standard_normal((w.batch, *w.shape)).astype(np.float32), rng.integers(0, w.classes, w.batch)


def dlengine_step(name: str) -> tuple[Callable[[], Any], Callable[[], Any], int]:
    """A step on all ranks, a barrier, and the number of this rank."""
    import dlengine as dl

    world = dl.distributed.init()
    dl.manual_seed(0)
    model = network(dl.nn, name)
    sums = world.size > 1 and os.environ["DLENGINE_BENCH_SUMS"] == "1"
    runs = dl.distributed.DistributedDataParallel(model) if sums else model
    optimizer = dl.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    x, y = (dl.asarray(a) for a in batch_of(name, world.rank))
    loss_of = dl.nn.CrossEntropyLoss()

    def step() -> None:
        optimizer.zero_grad()
        loss_of(runs(x), y).backward()
        optimizer.step()

    return step, world.barrier, world.rank


def torch_step(name: str) -> tuple[Callable[[], Any], Callable[[], Any], int]:
    """The same in PyTorch, on gloo."""
    import torch
    import torch.distributed as td

    threads = int(os.environ["OMP_NUM_THREADS"])
    torch.set_num_threads(threads)
    ranks, rank = int(os.environ["WORLD_SIZE"]), int(os.environ["RANK"])
    torch.manual_seed(0)
    model = network(torch.nn, name)
    runs = model
    if ranks > 1:
        td.init_process_group("gloo")
        runs = torch.nn.parallel.DistributedDataParallel(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    x, y = (torch.from_numpy(a) for a in batch_of(name, rank))
    loss_of = torch.nn.CrossEntropyLoss()

    def step() -> None:
        optimizer.zero_grad()
        loss_of(runs(x), y).backward()
        optimizer.step()

    return step, td.barrier if ranks > 1 else lambda: None, rank


def worker(library: str, name: str) -> None:
    """Time steps; rank 0 prints the seconds of a step, as a median over rounds of steps, and of the longer of two steps."""
    step, barrier, rank = (dlengine_step if library == "dlengine" else torch_step)(name)
    for _ in range(10):
        step()
    barrier()
    start = time.perf_counter()
    for _ in range(5):
        step()
    barrier()
    each = (time.perf_counter() - start) / 5
    # All ranks must take equally many steps: rank 0's estimate goes to the others through a file that the driver named.
    rounds, steps = 8, _agreed(rank, max(int(SECONDS / 8 / each), 1), barrier)
    seconds, longer = [], []
    for _ in range(rounds):
        barrier()
        marks = [time.perf_counter()]
        for _ in range(steps):
            step()
            marks.append(time.perf_counter())
        seconds.append((marks[-1] - marks[0]) / steps)
        longer.append(slowest(np.diff(marks).tolist(), 2))
    barrier()
    if rank == 0:
        print(json.dumps({"seconds": statistics.median(seconds), "longer of two": statistics.median(longer)}), flush=True)


def time_messages() -> None:
    """Time sums of gradients' buckets, and print pairs (bytes, seconds)."""
    import dlengine as dl
    from dlengine.distributed.sum_buffers import sum_buffer

    world, found = dl.distributed.init(), []
    for size in MESSAGES:
        buffer, times = sum_buffer(np.ones(1, np.float32), size // 4, world), []
        for _ in range(60):
            world.barrier()
            start = time.perf_counter()
            buffer.start("benchmark")
            buffer.take()
            times.append(time.perf_counter() - start)
        found.append((size, statistics.median(times)))
    if world.rank == 0:
        print(json.dumps(found), flush=True)


def _agreed(rank: int, steps: int, barrier: Callable[[], Any]) -> int:
    path = Path(os.environ["DLENGINE_BENCH_STEPS"])
    if rank == 0:
        path.write_text(str(steps))
    barrier()
    return int(path.read_text())


def measured_link() -> list[tuple[float, float]]:
    """The seconds of all-reduces of two ranks here."""
    from dlengine.distributed import launch

    command = launch.command(2, [sys.executable, "-m", "dlengine.benchmarks.ranks", "--worker", "messages", ""])
    done = subprocess.run(command, env=launch.environment(2, os.environ), capture_output=True, text=True, check=True)
    return [(size, seconds) for size, seconds in json.loads(done.stdout.splitlines()[-1])]


def gradient_bytes(name: str) -> int:
    """The bytes of a network's gradients."""
    import dlengine as dl

    return 4 * sum(int(p.size) for p in network(dl.nn, name).parameters())


def measure(variant: Variant, name: str, folder: Path) -> dict[str, float]:
    """What ``worker`` prints for a variant, in processes of its own."""
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
    threads = dict.fromkeys(names, str(variant.threads))
    env = {k: v for k, v in os.environ.items() if k != "OPENBLAS_CORETYPE"}
    env |= threads | {"DLENGINE_BACKEND": "numba", "DLENGINE_PIN": "0", "DLENGINE_BENCH_STEPS": str(folder / "steps")}
    env["DLENGINE_BENCH_SUMS"] = str(int(variant.sums))
    words = [sys.executable, "-m", "dlengine.benchmarks.ranks", "--worker", variant.library, name]
    if variant.library == "dlengine":
        from dlengine.distributed import launch

        command = launch.command(variant.ranks, words) if variant.ranks > 1 else words
        done = subprocess.run(command, env=launch.environment(variant.ranks, env), capture_output=True, text=True, check=True)
        return dict(json.loads(done.stdout.splitlines()[-1]))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    env |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": str(variant.ranks)}
    started = [
        subprocess.Popen(words, env=env | {"RANK": str(r)}, stdout=subprocess.PIPE, text=True) for r in range(variant.ranks)
    ]
    outputs = [process.communicate()[0] for process in started]
    if any(process.returncode for process in started):
        raise click.ClickException(f"{variant.name} on {name} has failed; what it printed is above")
    return dict(json.loads(outputs[0].splitlines()[-1]))


def summary(found: dict[str, dict[str, list[dict[str, float]]]], link: Link) -> dict[str, Any]:
    """For each workload samples per second, the ratios of interest, and what the model of scaling says."""
    rows: dict[str, Any] = {}
    for name, turns in found.items():
        times = {variant: [turn["seconds"] for turn in own] for variant, own in turns.items()}
        waits = statistics.median(turn["longer of two"] for turn in turns[VARIANTS[-1].name])
        batch, size = WORKLOADS[name].batch, gradient_bytes(name)
        seconds = {v: statistics.median(times[v.name]) for v in VARIANTS}
        one, two, threads, torch_one, torch_two, apart = (seconds[v] for v in VARIANTS)
        rows[name] = {
            "samples/s": {v.name: round(v.ranks * batch / s, 1) for v, s in seconds.items()},
            "2 ranks over 1 rank, of 2": round(one / two, 3),
            "2 ranks over 2 processes without sums": round(apart / two, 3),
            "torch, 2 ranks over 1 rank, of 2": round(torch_one / torch_two, 3),
            "2 ranks over 1 rank of 2 threads": round(2 * threads / two, 3),
            "2 ranks over torch DDP": round(torch_two / two, 3),
            "step on one rank": min(times[VARIANTS[0].name]),  # other work on the machine only adds to it
            "gradient bytes": size,
            "model": {"seconds of 2 ranks": step_seconds(waits, size, 2, link, overlap=False), "measured": two},
            "seconds": times,
        }
    return rows


@click.command()
@click.argument("out", required=False, type=click.Path(path_type=Path))
@click.option("--repeat", default=3, show_default=True, help="Turns.")
@click.option("--worker", "work", nargs=2, hidden=True)
def main(out: Path | None, repeat: int, work: Sequence[str] | None) -> None:
    """Measure data parallel training, and write the results as JSON."""
    if work:
        priority = os.environ.get("DLENGINE_BENCH_AUTOGROUP")
        if priority:  # on a machine that others share: mpiexec starts sessions, which Linux ranks by themselves
            Path("/proc/self/autogroup").write_text(priority)
        time_messages() if work[0] == "messages" else worker(*work)
        return
    found: dict[str, dict[str, list[dict[str, float]]]] = {name: {v.name: [] for v in VARIANTS} for name in WORKLOADS}
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        for _ in range(repeat):
            for name in WORKLOADS:
                for variant in VARIANTS:
                    found[name][variant.name].append(measure(variant, name, Path(folder)))
                    click.echo(f"{name}, {variant.name}: {1e3 * found[name][variant.name][-1]['seconds']:.2f} ms")
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    messages = measured_link()
    link = fitted(messages)
    result = {
        "date": date.today().isoformat(), "cores": os.cpu_count(), "load": load, "messages": messages,
        "link": {"latency": link.latency, "bandwidth": link.bandwidth}, "workloads": summary(found, link),
    }  # fmt: skip
    text = json.dumps(result, indent=1)
    click.echo(text)
    if out is not None:
        out.write_text(text + "\n")


if __name__ == "__main__":
    main()
