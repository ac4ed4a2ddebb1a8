"""What a device adds to the benchmark: event clocks, ceilings, rooflines, work by formula; fakes stand in for the device."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

import dlengine as dl
from dlengine.benchmarks import clocks, pictures, report, run, with_dlengine
from dlengine.benchmarks.ceilings import ceilings
from dlengine.benchmarks.results import Result, Row, Timing
from dlengine.benchmarks.rooflines import achieved, share_of_ceiling
from dlengine.benchmarks.worker import Worker
from dlengine.benchmarks.workloads import WORKLOADS, select


class Queue:
    """A device that has worked off its queue for milliseconds milliseconds; an event notes the time when recorded."""

    def __init__(self) -> None:
        self.milliseconds = 0.0
        self.waits = 0

    def event(self) -> SimpleNamespace:
        event = SimpleNamespace(at=-1.0)
        event.record = lambda: setattr(event, "at", self.milliseconds)
        return event

    def launch(self) -> None:
        self.milliseconds += 2.5

    def wait(self) -> None:
        self.waits += 1

    def clock(self) -> clocks.DeviceClock:
        return clocks.DeviceClock(self.event, lambda first, second: second.at - first.at, self.wait)


def test_device_seconds_come_from_events_and_host_seconds_from_the_host() -> None:
    queue = Queue()
    timed = queue.clock()(queue.launch, 7)
    assert timed.seconds == [0.0025] * 7
    assert timed.host is not None
    assert len(timed.host) == clocks.HOST_RUNS
    assert queue.waits == 2 + clocks.HOST_RUNS, "never between the runs that events time, after each that the host times"


def test_host_seconds_are_all_there_is_on_a_cpu() -> None:
    timed = clocks.host_clock(lambda: None, 4)
    assert len(timed.seconds) == 4
    assert timed.host is None


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> Queue:
    """dlengine believes that it is on a GPU whose library is this fake."""
    queue = Queue()
    pool = SimpleNamespace(used_bytes=lambda: 1 << 20, total_bytes=lambda: 3 << 20, free_all_blocks=lambda: None)
    runtime = SimpleNamespace(
        deviceSynchronize=queue.wait, driverGetVersion=lambda: 13000, runtimeGetVersion=lambda: 13020,
        getDeviceProperties=lambda number: {"name": b"Card", "major": 9, "minor": 0},
    )  # fmt: skip
    cuda: Any = ModuleType("cupy.cuda")
    cuda.Event, cuda.runtime, cuda.Device = queue.event, runtime, lambda: SimpleNamespace(id=0)
    cuda.get_elapsed_time = lambda first, second: second.at - first.at
    cupy: Any = ModuleType("cupy")
    cupy.cuda, cupy.get_default_memory_pool, cupy.__version__ = cuda, lambda: pool, "14"
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    monkeypatch.setitem(sys.modules, "cupy.cuda", cuda)
    monkeypatch.setattr(with_dlengine, "_on_cuda", lambda: True)
    return queue


def test_a_worker_on_a_device(device: Queue) -> None:
    with dl.use_backend("numpy"):
        worker = Worker(with_dlengine)
        ready = worker.answer({"do": "prepare", "workload": "softmax-xent", "sizes": {"N": 4}})
        worker.computation.run = device.launch  # type: ignore[union-attr]
        timed = worker.answer({"do": "time"})
        facts = worker.answer({"do": "describe"})
    assert ready["pool"] == {"used_mib": 1.0, "held_mib": 3.0}
    assert ready["peak_mib"] == 0.0
    assert set(ready["kernels"]) >= {"cross_entropy_mean", "cross_entropy_mean_grad"}
    assert timed["seconds"] == 0.0025
    assert timed["host"] >= 0
    assert (facts["card"], facts["capability"], facts["device"]) == ("Card", "9.0", "cuda")


def test_a_captured_step_is_replayed(device: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    captures: list[Callable[[], Any]] = []

    def capture(step: Callable[[], Any]) -> Callable[[], Any]:
        captures.append(step)
        return device.launch

    monkeypatch.setattr("dlengine.training.capture", capture)
    workload = WORKLOADS["mlp-mnist-captured"]
    with dl.use_backend("numpy"):
        computation = workload.build(with_dlengine, N=2, I=3, H=4)
        computation.run()
        computation.run()
    assert len(captures) == 1
    assert device.milliseconds == 5.0


def test_on_the_host_there_is_nothing_to_capture() -> None:
    def step() -> None:
        """Nothing."""

    assert with_dlengine.captured(step) is step


def test_ceilings_are_of_what_a_framework_has() -> None:
    with dl.use_backend("numpy"):
        found = ceilings(with_dlengine, size=8, elements=100, runs=2)
    assert {"copy", "highest"} <= set(found)
    assert all(rate > 0 for rate in found.values())


def test_the_better_of_two_sides_is_the_ceiling() -> None:
    workers = [SimpleNamespace(ask=lambda what, r=r: r) for r in ({"copy": 2.0, "highest": 3.0}, {"copy": 1.0, "high": 5.0})]
    assert run.ceilings(workers) == {"copy": 2.0, "highest": 3.0, "high": 5.0}


def on_a_card(against: str | None = "torch") -> Result:
    """A result as a run on a GPU would make it: half of each ceiling, the peer at twice our speed."""
    facts = {"version": "1", "card": "Card", "precision": {"dtype": "float32", "matmul": "highest"}}
    names = ["dlengine", *([against] if against else [])]
    settings = {"backend": "cuda", "against": against, "threads": 2, "precision": "highest"}
    result = Result(settings, {"processor": "x"}, {name: facts for name in names}, date="2026-01-02T03:04:05+00:00")
    result.ceilings = {"copy": 4e12, "highest": 5e13, "high": 4e14, "bfloat16": 8e14}
    for workload in select((), "cuda"):
        cost = workload.cost()
        row = Row(workload.name, workload.kind, workload.sizes, precision=workload.products)
        if cost is not None:
            row.flops, row.bytes = cost.flops, cost.bytes
            kind = {"tf32": "high", "bfloat16": "bfloat16"}.get(row.precision, "highest")
            ours = 2 * max(cost.flops / result.ceilings[kind], (cost.bytes or 0) / result.ceilings["copy"])
            row.timings["dlengine"] = Timing.of([ours], 1.0, 5.0, host=1e-5)
            if against:
                row.timings[against] = Timing.of([ours / 2], 1.0, 5.0, host=1e-5)
        else:
            row.timings = {name: Timing.of([1e-3], 1.0) for name in names}
        row.pair(*names)
        result.rows.append(row)
    return result


@pytest.mark.parametrize("against", ["torch", None])
def test_reports_of_a_device(against: str | None) -> None:
    result = on_a_card(against)
    row = next(row for row in result.rows if row.name == "conv-r14-bf16")
    assert achieved(row, "dlengine") == "400 TFLOP/s"
    assert share_of_ceiling(result, row, "dlengine") == pytest.approx(0.5)
    pool = next(row for row in result.rows if row.name == "maxpool")
    assert achieved(pool, "dlengine").endswith("GB/s")
    headings = [heading for heading, _ in report.columns(result)]
    assert {"host", "achieved", "of ceiling"} <= set(headings)
    assert report.table(result).row_count == len(result.rows)
    page = report.page(result).html()
    assert "Roofline of the device" in page
    assert "copy 4000 GB/s, highest 50.0 TFLOP/s" in page
    assert any("median 50%" in line for line in report.summary(result))
    assert pictures.roofline(result).startswith(b"\x89PNG")
    assert pictures.ratios(result).startswith(b"\x89PNG")


def test_a_cpu_has_one_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is asked for, a CPU computes in float32; the record says so, and a peer in less is refused."""
    with dl.use_matmul_precision("high"):
        assert with_dlengine.precision()["matmul"] == "highest"
        monkeypatch.setattr(with_dlengine, "_on_cuda", lambda: True)
        assert with_dlengine.precision()["matmul"] == "high"


# ------------------------------------------------------------------ work by formula


def test_every_workload_says_how_much_work_it_is() -> None:
    silent = {name for name, workload in WORKLOADS.items() if workload.cost() is None}
    assert silent == {"tiny-ops", "word2vec-epoch", "import"}
    for name, workload in WORKLOADS.items():
        cost = workload.cost()
        if cost is not None:
            assert cost.flops > 0, name
            network = workload.kind in ("step", "captured", "inference")
            assert (cost.bytes is None) == (network and workload.name != "adam-4m"), name


def test_a_convolution_by_hand() -> None:
    cost = WORKLOADS["conv-c64-fwd"].cost()
    assert cost is not None
    assert cost.flops == 2 * 32 * 64 * 28 * 28 * 64 * 9
    assert cost.bytes == 4 * (32 * 64 * 28 * 28 * 2 + 64 * 64 * 9)
    half = WORKLOADS["conv-c64-bf16"].cost()
    both = WORKLOADS["conv-c64"].cost()
    assert both is not None
    assert half is not None
    assert both.flops == 3 * cost.flops == half.flops
    assert both.bytes == 2 * (half.bytes or 0)


SMALL = {
    "mlp-mnist": {"N": 2, "I": 5, "H": 6, "classes": 3},
    "cnn-mnist": {"N": 2, "H": 10, "K": 2, "hidden": 5},
    "resnet20": {"N": 2, "H": 8, "width": 2, "blocks": 2},
    "autoencoder": {"N": 2, "I": 7, "H": 5, "D": 3},
    "vae": {"N": 2, "I": 7, "H": 5, "D": 3},
    "char-lstm": {"T": 3, "N": 2, "H": 4, "layers": 2, "V": 7},
    "unet": {"N": 2, "H": 8, "width": 2},
    "cnn-one": {"H": 10, "K": 2, "hidden": 5},
    "resnet20-one": {"H": 8, "width": 2, "blocks": 2},
}


@pytest.mark.parametrize("name", SMALL)
def test_steps_by_the_count_of_the_engine(name: str) -> None:
    """The engine counts the products of a forward pass; backward doubles them, less what the first layer's input needs not."""
    from dlengine.nn.flops import flops

    counted: list[int] = []

    def counting(kind: Any) -> Any:
        class Counted(kind):  # type: ignore[misc]
            def __call__(self, *args: Any) -> Any:
                y = super().__call__(*args)
                counted.append(flops(self, args, y))
                return y

        return Counted

    nn = SimpleNamespace(**vars(with_dlengine.nn))
    for name_of in ("Conv2d", "ConvTranspose2d", "Linear", "LSTM"):
        setattr(nn, name_of, counting(getattr(nn, name_of)))
    fw = SimpleNamespace(**{key: getattr(with_dlengine, key) for key in with_dlengine.__all__})
    fw.nn = nn
    with dl.use_backend("numpy"):
        WORKLOADS[name].build(fw, **SMALL[name]).run()
    cost = WORKLOADS[name].cost(**SMALL[name])
    assert cost is not None
    if WORKLOADS[name].kind == "inference":
        assert cost.flops == sum(counted)
        return
    assert cost.flops == 3 * sum(counted) - (0 if name == "char-lstm" else counted[0])
