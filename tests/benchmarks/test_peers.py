"""The libraries beside dlengine: which workloads each has, what is said where one is missing, and that all compute the same."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bench_made import small

import dlengine as dl
from dlengine.benchmarks import peers, run, with_dlengine
from dlengine.benchmarks.peers import PEERS, missing_peer, module_of
from dlengine.benchmarks.workloads import KINDS, WORKLOADS, Workload


def there(name: str) -> bool:
    return all(find_spec(package) is not None for package in PEERS[name].packages)


def test_peers_name_workloads_and_kinds_of_the_table() -> None:
    for peer in PEERS.values():
        assert set(peer.kinds) <= set(KINDS)
        assert set(peer.workloads or ()) <= set(WORKLOADS)
        assert (Path(run.__file__).parent / f"with_{peer.module}.py").is_file()
    assert all(PEERS["torch"].has(workload) for workload in WORKLOADS.values())
    assert module_of("torch.compile") == "with_torch_compile"
    assert module_of("dlengine") == "with_dlengine"


def test_a_workload_that_the_peer_lacks_is_timed_alone() -> None:
    names = ["dlengine", "onnxruntime"]
    assert run.sides(WORKLOADS["gpt-one"], names) == names
    assert run.sides(WORKLOADS["gpt"], names) == ["dlengine"]
    assert run.sides(WORKLOADS["char-lstm"], ["dlengine", "jax"]) == ["dlengine"]


def test_a_missing_peer_gives_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "find_spec", lambda name: None)
    assert missing_peer("jax") == (
        "jax is not installed (mend: pip install 'dlengine-xp[bench-jax]', or pip install jax): timing dlengine alone"
    )
    said = missing_peer("onnxruntime")
    assert said is not None
    assert said.startswith("onnxruntime and onnx and torch are not installed")
    monkeypatch.setattr(peers, "find_spec", lambda name: object())
    assert missing_peer("jax") is None


def test_a_run_says_what_the_peer_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    def measured(workload: Workload, pool: Any, names: list[str], scratch: Path, advance: Any) -> list[run.Row]:
        return [run.new_row(workload, "default")]

    class Worker:
        def ask(self, what: str) -> dict[str, Any]:
            return {"precision": {"dtype": "float32"}}

    monkeypatch.setattr(run, "measure", measured)
    monkeypatch.setattr(run.Workers, "worker", lambda self, name, heap: Worker())
    settings = run.Settings("numpy", "onnxruntime", repeat=1, heap="default", threads=1)
    result = run.run(settings, [WORKLOADS["gpt"], WORKLOADS["gpt-one"]], lambda *state: None)
    assert [row.note for row in result.rows] == ["onnxruntime has no definition of it: timed alone", ""]


def agrees(name: str, workload: Workload, folder: Path) -> None:
    peer = import_module(f"dlengine.benchmarks.{module_of(name)}")
    with dl.use_backend("numpy"):
        for fw in (with_dlengine, peer):
            np.savez(folder / f"{fw.NAME}.npz", **workload.build(fw, check=True, **small(workload)).results())
    assert run.agreement(folder / "dlengine.npz", folder / f"{name}.npz") <= workload.tolerance


@pytest.mark.skipif(not there("jax"), reason="jax is not installed")
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("workload", peers.IN_JAX)
def test_jax_computes_the_same(workload: str, tmp_path: Path) -> None:
    agrees("jax", WORKLOADS[workload], tmp_path)


@pytest.mark.skipif(not there("onnxruntime"), reason="onnxruntime is not installed")
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("workload", [name for name, row in WORKLOADS.items() if row.kind == "inference"])
def test_onnxruntime_computes_the_same(workload: str, tmp_path: Path) -> None:
    agrees("onnxruntime", WORKLOADS[workload], tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(not there("torch.compile"), reason="torch is not installed")
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("workload", ["mlp-mnist", "gpt-one", "pointwise-chain"])
def test_torch_compile_computes_the_same(workload: str, tmp_path: Path) -> None:
    agrees("torch.compile", WORKLOADS[workload], tmp_path)


@pytest.mark.parametrize(("ours", "error"), [(1.0, None), (3.0, "the results differ by 2.0e")])
def test_a_peer_that_computes_something_else_is_checked_against_its_reference(
    ours: float, error: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What ours must agree with is then PyTorch itself; the row has times, says so, and does not count in the mean."""
    found = {"dlengine": ours, "torch.compile": 0.0, "torch": 1.0}

    class Worker:
        def __init__(self, name: str) -> None:
            self.name = name

        def ask(self, what: str, **given: str) -> dict[str, Any]:
            if what == "check":
                np.savez(given["path"], gradient=np.full(3, found[self.name], np.float32))
            told = {"first": 1.0, "dtypes": ["float32"], "precision": {"dtype": "float32"}, "told": {}, "host": None}
            return {**told, "usual": 9.0, "seconds": 1.0, "fallbacks": [], "kernels": [], "peak_mib": 1.0}

    monkeypatch.setattr(run, "PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(run, "step_memory", lambda *given: {})
    monkeypatch.setattr(run.Workers, "worker", lambda self, name, heap: Worker(name))
    settings = run.Settings("numpy", "torch.compile", repeat=1, heap="both", threads=1)
    result = run.run(settings, [WORKLOADS["cnn-mnist"]], lambda *state: None)
    assert len(result.rows) == 2
    for row in result.rows:
        if error is not None:
            assert row.error is not None
            assert row.error.startswith(error)
            continue
        assert row.note == "the results of torch.compile differ from torch's by 1.0e+00: checked against torch"
        assert (row.error, row.difference, row.peer_difference, row.ratio) == (None, 0.0, 1.0, 1.0)
    assert result.geometric_means == {}


@pytest.mark.skipif(not there("torch"), reason="PyTorch is not installed")
def test_pytorch_computes_in_the_precision_that_is_asked_for_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Convolutions have a switch of their own, which is on by default: float32 against TF32 would be no comparison."""
    from dlengine.benchmarks import with_torch

    torch: Any = with_torch.torch
    held = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    monkeypatch.setattr(with_torch, "DEVICE", "cuda")
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "a card")
    try:
        for name, allowed in (("highest", False), ("high", True), ("medium", True)):
            with_torch.set_precision(name)
            told = with_torch.describe()
            assert told["TF32 convolutions"] is allowed
            assert told["precision"]["matmul"] == ("high" if allowed else "highest")
    finally:
        torch.set_float32_matmul_precision(held[0])
        torch.backends.cudnn.allow_tf32 = held[1]
