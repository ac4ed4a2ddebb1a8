"""DataLoader: workers and none give the same batches, from any place on; and what it refuses."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dlengine as dl
from dlengine import data
from dlengine.errors import CheckpointError, ConfigError, ShapeError

X = np.arange(23 * 6, dtype=np.float32).reshape(23, 6)
SET = data.ArrayDataset(X, np.arange(23))


def noisy(x: np.ndarray[Any, Any], generator: dl.Generator) -> np.ndarray[Any, Any]:
    return x + data.host_random.normal(generator, x.shape, x.dtype)


class Noisy(data.Dataset):
    """Samples that draw their own random numbers."""

    def __len__(self) -> int:
        return 23

    def __getitem__(self, index: int) -> Any:
        generator = data.batch_generator()
        assert generator is not None
        return data.host_random.normal(generator, 3), index


class Stream(data.IterableDataset):
    """Random numbers that come in an order."""

    def __iter__(self) -> Iterator[Any]:
        generator = data.batch_generator()
        assert generator is not None
        for i in range(23):
            yield data.host_random.uniform(generator, 2), i


class Broken(data.Dataset):
    def __len__(self) -> int:
        return 10

    def __getitem__(self, index: int) -> Any:
        if index == 7:
            raise KeyError("sample seven")
        return np.zeros(2)


def listed(loader: Any) -> list[Any]:
    return [[part.tolist() if hasattr(part, "tolist") else part for part in batch] for batch in loader]


KINDS: list[dict[str, Any]] = [
    {"dataset": SET, "shuffle": True},
    {"dataset": SET, "shuffle": True, "transform": noisy, "drop_last": True},
    {"dataset": Noisy(), "shuffle": True},
    {"dataset": Stream()},
    {"dataset": SET, "sampler": lambda: data.ClassBalancedSampler(np.arange(23) % 3, generator=dl.Generator(3))},
    {"dataset": SET, "batch_sampler": lambda: data.BucketSampler(np.arange(23) % 5, 4, generator=dl.Generator(3))},
]


def make(workers: int = 0, kind: str = "thread", **options: Any) -> data.DataLoader:
    made = {k: v() if k.endswith("sampler") else v for k, v in options.items()}
    size = 1 if "batch_sampler" in made else 4
    dataset = made.pop("dataset")
    return data.DataLoader(dataset, size, num_workers=workers, worker_kind=kind, generator=dl.Generator(5), **made)


@pytest.mark.parametrize("options", KINDS)
def test_workers_change_nothing(options: dict[str, Any]) -> None:
    plain = make(**options)
    expected = [listed(plain) for _ in range(2)]
    assert expected[0] != expected[1]
    workers = 1 if isinstance(options["dataset"], Stream) else 3
    threaded = make(workers, **options)
    assert [listed(threaded) for _ in range(2)] == expected


@pytest.mark.parametrize("options", KINDS)
@pytest.mark.parametrize("stop", [0, 1, 4])
@pytest.mark.parametrize("workers", [0, 1])
def test_resumes_inside_an_epoch(options: dict[str, Any], stop: int, workers: int) -> None:
    """With batches made ahead too: what counts is what was given."""
    plain = make(**options)
    expected = [listed(plain) for _ in range(3)]
    loader = make(workers, **options)
    listed(loader)
    begun = listed(itertools.islice(loader, stop))
    state = json.loads(json.dumps(loader.state_dict()))
    again = make(workers, **options)
    again.load_state_dict(state)
    assert begun + listed(again) == expected[1]
    assert listed(again) == expected[2]


def test_spawned_workers_change_nothing() -> None:
    """Only what a fresh process can import goes there, so no class of this file."""
    noise = data.transforms.GaussianNoise(0.1)
    options: dict[str, Any] = {"dataset": data.digits(), "shuffle": True, "transform": noise}
    expected = [np.concatenate([x.numpy_copy() for x, _ in itertools.islice(make(**options), 20)])]
    with_processes = make(2, "spawn", **options)
    found = np.concatenate([x.numpy_copy() for x, _ in itertools.islice(with_processes, 20)])
    assert (found == expected[0]).all()
    first = with_processes._pool
    next(iter(with_processes))
    assert with_processes._pool is first
    with_processes.close()


def test_threads_make_batches_ahead() -> None:
    seen: set[int] = set()
    enough = threading.Event()

    class Watched(data.ArrayDataset):
        def batch(self, rows: Any) -> Any:
            seen.add(int(rows[0]))
            if len(seen) >= 5:
                enough.set()
            return super().batch(rows)

    loader = iter(data.DataLoader(Watched(np.arange(100)), 1, num_workers=2, prefetch_factor=2))
    next(loader)
    assert enough.wait(10)
    assert len(seen) <= 6


def test_threads_see_the_callers_backend() -> None:
    found = []

    class Asking(data.ArrayDataset):
        def batch(self, rows: Any) -> Any:
            found.append(dl.get_backend())
            return super().batch(rows)

    with dl.use_backend("numpy"):
        listed(data.DataLoader(Asking(np.arange(4)), 2, num_workers=1))
    assert found == ["numpy", "numpy"]


@pytest.mark.parametrize("workers", [0, 2])
def test_errors_of_samples_reach_the_caller_in_their_place(workers: int) -> None:
    loader = data.DataLoader(Broken(), 2, num_workers=workers)
    given = []
    with pytest.raises(KeyError, match="sample seven"):
        given.extend(loader)
    assert len(given) == 3


def test_what_cannot_be_sent_to_processes_is_refused() -> None:
    loader = data.DataLoader(SET, 2, num_workers=1, worker_kind="spawn", transform=lambda x, g: x)
    with pytest.raises(ConfigError, match="worker_kind='thread'"):
        next(iter(loader))


def test_a_dead_worker_is_an_error_and_not_a_wait(tmp_path: Path) -> None:
    """Without the guard every worker would begin the script again; Python ends it, and the loader says why."""
    script = tmp_path / "unguarded.py"
    script.write_text(
        "from dlengine import data\n"
        "loader = data.DataLoader(data.digits(), 64, num_workers=1, worker_kind='spawn')\n"
        "next(iter(loader))\n"
    )
    ended = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=120)
    assert "DataError: DataLoader: a worker process ended" in ended.stderr.splitlines()[-1]
    assert "__main__" in ended.stderr.splitlines()[-1]


def test_collate_pads_sequences() -> None:
    class Sequences(data.Dataset):
        def __len__(self) -> int:
            return 5

        def __getitem__(self, index: int) -> Any:
            return np.arange(index, dtype=np.int64), index, f"name {index}"

    loader = data.DataLoader(Sequences(), 3, collate_fn=data.PadCollate((0,), batch_first=True, padding_value=-1))
    (x, lengths, y, names), rest = loader
    assert x.tolist() == [[-1, -1], [0, -1], [0, 1]]
    assert lengths.tolist() == [0, 1, 2]
    assert y.tolist() == [0, 1, 2]
    assert names == ["name 0", "name 1", "name 2"]
    assert rest[0].shape == (2, 4)


def test_pad_sequence_takes_vectors_and_time_first() -> None:
    padded = data.pad_sequence([np.ones((2, 3)), np.ones((4, 3))], padding_value=7)
    assert padded.shape == (4, 2, 3)
    assert (padded[2:, 0] == 7).all()
    with pytest.raises(ShapeError, match="alike"):
        data.pad_sequence([np.ones((2, 3)), np.ones((2, 4))])
    with pytest.raises(ShapeError, match="parts"):
        data.PadCollate((1,))([np.ones(2)])


def test_given_samplers_may_be_any_iterable() -> None:
    assert listed(data.DataLoader(np.arange(5), 2, sampler=[4, 0, 2])) == [[[4, 0]], [[2]]]
    assert listed(data.DataLoader(np.arange(5), batch_sampler=[[4], [0, 2]])) == [[[4]], [[0, 2]]]


def test_manual_seed_sets_the_order() -> None:
    orders = []
    for _ in range(2):
        dl.manual_seed(11)
        orders.append(listed(data.DataLoader(SET, 4, shuffle=True)))
    assert orders[0] == orders[1]


@pytest.mark.parametrize(
    "options",
    [
        {"batch_size": 0},
        {"num_workers": -1},
        {"worker_kind": "fork"},
        {"shuffle": True, "sampler": [1]},
        {"batch_size": 2, "batch_sampler": [[1]]},
        {"dataset": Stream(), "shuffle": True},
        {"dataset": Stream(), "num_workers": 2},
    ],
)
def test_options_that_contradict_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="DataLoader"):
        data.DataLoader(options.pop("dataset", SET), **options)


@pytest.mark.parametrize("state", [{}, {"batches": 0}, {"generator": {}, "sampler": {}, "batches": 0}])
def test_bad_states_are_refused(state: dict[str, Any]) -> None:
    with pytest.raises(CheckpointError, match="DataLoader"):
        data.DataLoader(SET).load_state_dict(state)


def test_a_state_beyond_the_epoch_is_refused() -> None:
    loader = data.DataLoader(SET, 4)
    with pytest.raises(CheckpointError, match="batch 7"):
        loader.load_state_dict({**loader.state_dict(), "batches": 7})
