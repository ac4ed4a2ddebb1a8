"""How the time of a data parallel step grows with the ranks: compute, bytes, latency and bandwidth of the link, overlap.

    python -m dlengine.benchmarks.scaling_model benchmarks/results/RECORD.json PICTURE.png
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, log2
from pathlib import Path
from typing import Any

import click
import numpy as np

from dlengine.show import new_figure, save_figure

BUCKET = 4 << 20


@dataclass(frozen=True)
class Link:
    """A network between ranks: seconds of latency of a message, and bytes per second."""

    name: str
    latency: float
    bandwidth: float


LINKS = (
    Link("1 Gbit/s Ethernet", 50e-6, 0.117e9),
    Link("25 Gbit/s Ethernet", 20e-6, 2.9e9),
    Link("200 Gbit/s InfiniBand", 2e-6, 24e9),
)
"""Links as they are commonly measured between two hosts; those of your own come from an all-reduce of 8 bytes and of 64 MiB."""


def all_reduce_seconds(size: float, ranks: int, link: Link) -> float:
    """An all-reduce: up and down a tree, or around a ring, whichever is faster, as MPI and NCCL choose.

    Each rank sends ``2 (N - 1) / N`` of the bytes around a ring, in ``2 (N - 1)`` messages; along a tree it sends all of them
    ``2 log2(N)`` times.
    """
    if ranks < 2:
        return 0.0
    ring = 2 * (ranks - 1) * link.latency + 2 * (ranks - 1) / ranks * size / link.bandwidth
    tree = 2 * ceil(log2(ranks)) * (link.latency + size / link.bandwidth)
    return min(ring, tree)


def buckets_of(size: float, bucket: float = BUCKET) -> list[float]:
    """The bytes of each message, for gradients of ``size`` bytes."""
    count = max(ceil(size / bucket), 1)
    return [size / count] * count


def step_seconds(
    compute: float, size: float, ranks: int, link: Link, *, overlap: bool = True, backward: float = 2 / 3, bucket: float = BUCKET
) -> float:
    """The seconds of a step.

    Parameters
    ----------
    compute : float
        Seconds of a step on one rank.
    size : float
        Bytes of all gradients.
    ranks : int
        The number of ranks, each with a batch as large as that of the one.
    link : Link
        The link.
    overlap : bool
        Whether messages travel while backward computes: with NCCL, and with MPI over a network card. In shared memory the
        processor itself copies and adds, so that compute and messages take turns.
    backward : float
        The part of the compute in which gradients come out, evenly.
    bucket : float
        The most bytes in a message.
    """
    messages = buckets_of(size, bucket)
    if not overlap:
        return compute + sum(all_reduce_seconds(m, ranks, link) for m in messages)
    end, first = 0.0, compute * (1 - backward)
    for number, message in enumerate(messages, 1):
        ready = first + compute * backward * number / len(messages)
        end = max(ready, end) + all_reduce_seconds(message, ranks, link)
    return max(compute, end)


def efficiency(compute: float, size: float, ranks: int, link: Link, **options: Any) -> float:
    """The part of N times the speed of one rank that N ranks reach."""
    return compute / step_seconds(compute, size, ranks, link, **options)


def slowest(times: Sequence[float], ranks: int) -> float:
    """The mean of the longest of ``ranks`` steps, each drawn from measured times: ranks that add gradients wait for that one.

    The k-th smallest of n times is the longest of N draws with probability (k^N - (k - 1)^N) / n^N.
    """
    n = len(times)
    weights = np.diff((np.arange(n + 1) / n) ** ranks)
    return float(weights @ np.sort(np.asarray(times)))


def fitted(times: Sequence[tuple[float, float]]) -> Link:
    """The link whose latency and bandwidth explain measured all-reduces of two ranks, pairs (bytes, seconds)."""
    ordered = sorted(times)
    latency = ordered[0][1] / 2
    rates = [size / max(seconds - ordered[0][1], 1e-9) for size, seconds in ordered if size >= 1 << 18]
    return Link("measured here", latency, float(np.median(rates)))


def picture(record: dict[str, Any], path: Path) -> None:
    """Draw efficiency over ranks, a panel for each network and a line for each link."""
    ranks = [2**k for k in range(11)]
    with new_figure(11, 3.6) as figure:
        for place, (name, row) in enumerate(record["workloads"].items(), 1):
            axes = figure.add_subplot(1, len(record["workloads"]), place)
            compute, size = row["step on one rank"], row["gradient bytes"]
            for link in LINKS:
                axes.plot(ranks, [efficiency(compute, size, n, link) for n in ranks], label=link.name)
            axes.set_xscale("log", base=2)
            axes.set_ylim(0, 1.05)
            axes.set_title(f"{name}: {1e3 * compute:.1f} ms, {size / 1e6:.2f} MB of gradients", fontsize=9)
            axes.set_xlabel("ranks")
            axes.grid(alpha=0.3)
            if place == 1:
                axes.set_ylabel("efficiency")
                axes.legend(fontsize=8)
        save_figure(figure, path)


@click.command()
@click.argument("record", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
def main(record: Path, out: Path) -> None:
    """Draw the curves of the networks in a record of dlengine.benchmarks.ranks."""
    picture(json.loads(record.read_text()), out)


if __name__ == "__main__":
    main()
