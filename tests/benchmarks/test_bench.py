"""The benchmark: its table is consistent, its workers answer, its results survive a file; nothing here is judged by time."""

from __future__ import annotations

import io
import json
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bench_made import Scripted, Staff, made, small

import dlengine as dl
from dlengine.benchmarks import import_time, peers, profile, run, with_dlengine
from dlengine.benchmarks.memory import peak_memory
from dlengine.benchmarks.process import WorkerFailed, WorkerProcess, environment
from dlengine.benchmarks.results import Result, Row
from dlengine.benchmarks.worker import Worker, serve
from dlengine.benchmarks.workloads import KINDS, WORKLOADS, Workload, select
from dlengine.cli.main import main
from dlengine.errors import BackendUnavailable, ConfigError

IN_WORKERS = [workload for workload in WORKLOADS.values() if workload.definition is not None]


# ------------------------------------------------------------------ the table


def test_every_row_has_a_known_kind_and_sizes() -> None:
    for name, workload in WORKLOADS.items():
        assert workload.name == name
        assert workload.kind in KINDS
        assert all(size > 0 for size in workload.sizes.values())


def test_convolutions_and_recurrent_nets_are_timed_forward_alone_too() -> None:
    for name in ("conv-mnist1", "conv-mnist2", "lstm-small"):
        assert WORKLOADS[f"{name}-fwd"].kind == "forward"
        assert WORKLOADS[f"{name}-fwd"].sizes == WORKLOADS[name].sizes


@pytest.mark.parametrize("workload", IN_WORKERS, ids=lambda workload: workload.name)
def test_a_body_runs_and_returns_finite_float32(workload: Workload) -> None:
    with dl.use_backend("numpy"):
        results = workload.build(with_dlengine, check=True, **small(workload)).results()
        workload.build(with_dlengine, **small(workload)).run()
    assert results
    for array in results.values():
        assert array.dtype == np.float32
        assert np.isfinite(array).all()


@pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed")
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("workload", [w for w in IN_WORKERS if w.compared], ids=lambda workload: workload.name)
def test_both_sides_compute_the_same(workload: Workload, tmp_path: Path) -> None:
    from dlengine.benchmarks import with_torch

    for fw in (with_dlengine, with_torch):
        fw.set_precision("highest")
        np.savez(tmp_path / f"{fw.NAME}.npz", **workload.build(fw, check=True, **small(workload)).results())
    assert run.agreement(tmp_path / "dlengine.npz", tmp_path / "torch.npz") <= workload.tolerance


def test_both_sides_have_the_same_names() -> None:
    if find_spec("torch") is None:
        pytest.skip("torch is not installed")
    from dlengine.benchmarks import with_torch

    assert with_torch.__all__ == with_dlengine.__all__
    assert all(hasattr(fw, name) for fw in (with_torch, with_dlengine) for name in fw.__all__)


def test_select() -> None:
    assert select(()) == [workload for workload in WORKLOADS.values() if "cpu" in workload.places]
    assert {"conv-c64", "conv-c64-tf32", "mlp-mnist-captured"} <= {workload.name for workload in select((), "cuda")}
    assert "import" not in {workload.name for workload in select((), "cuda")}
    assert [w.name for w in select(("conv-mnist1",))] == ["conv-mnist1", "conv-mnist1-fwd"]
    assert [w.name for w in select(("tiny*", "import"))] == ["tiny-ops", "import"]
    with pytest.raises(ConfigError, match="no workload matches 'speed'"):
        select(("tiny-ops", "speed"))


# ------------------------------------------------------------------ the runner and its workers


def test_a_run_through_a_real_worker(tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    settings = run.Settings("numpy", repeat=1, threads=1)
    result = run.run(settings, select(("tiny-ops", "embedding")), lambda *state: told.append(state))
    assert told[-1] == ("done", 2, 2)
    tiny = result.rows[0]
    assert (tiny.error, tiny.ratio, tiny.dtypes) == (None, None, ["float32"])
    assert len(tiny.timings["dlengine"].turns) == 1
    assert result.frameworks["dlengine"]["backend"] == "numpy"
    assert result.frameworks["dlengine"]["precision"]["dtype"] == "float32"
    result.save(tmp_path / "result.json")
    raw = json.loads((tmp_path / "result.json").read_text())
    assert set(raw) == {
        "schema", "date", "settings", "machine", "frameworks", "rows", "ceilings", "geometric_means"
    }  # fmt: skip
    assert {"median", "low", "high", "turns", "first", "peak_mib", "host"} == set(raw["rows"][0]["timings"]["dlengine"])
    assert Result.load(tmp_path / "result.json") == result
    assert [path.name for path in tmp_path.iterdir()] == ["result.json"]


def test_workers_get_one_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    env = environment("numba", 3, "default")
    assert "OPENBLAS_CORETYPE" not in env
    assert {env[f"{pool}_NUM_THREADS"] for pool in ("OMP", "MKL", "OPENBLAS", "NUMBA")} == {"3"}
    assert env["DLENGINE_BACKEND"] == "numba"
    assert "MALLOC_TRIM_THRESHOLD_" not in env
    assert "MALLOC_TRIM_THRESHOLD_" in environment("numba", 3, "warm")


def test_a_worker_that_ends_is_named_with_what_it_said() -> None:
    with WorkerProcess("dlengine", environment("nonsense", 1, "default")) as worker, pytest.raises(WorkerFailed) as failed:
        worker.ask("check", workload="tiny-ops", path="unused.npz")
    assert "unknown backend 'nonsense'" in str(failed.value)


def test_errors_are_answers() -> None:
    requests = io.StringIO('{"do": "time"}\n{"do": "check", "workload": "import", "path": ""}\nnot json\n')
    answers = io.StringIO()
    serve(Worker(with_dlengine), requests, answers)
    errors = [json.loads(line)["error"] for line in answers.getvalue().splitlines()]
    assert len(errors) == 3
    assert "nothing is prepared" in errors[0]
    assert "not run inside a worker" in errors[1]


def test_requests_in_turn(tmp_path: Path) -> None:
    """The whole protocol in this process, where coverage sees it."""
    file = tmp_path / "results.npz"
    with dl.use_backend("numpy"):
        worker = Worker(with_dlengine)
        assert worker.answer({"do": "check", "workload": "tiny-ops", "path": str(file)})["dtypes"] == ["float32"]
        assert worker.answer({"do": "prepare", "workload": "tiny-ops"})["fallbacks"] == []
        assert worker.answer({"do": "time"})["seconds"] > 0
        assert worker.answer({"do": "describe"})["backend"] == "numpy"
    with np.load(file) as saved:
        assert saved["y"].shape == ()


def test_peak_memory_sees_what_is_freed_again() -> None:
    with peak_memory() as peak:
        np.ones(1 << 24, np.uint8).sum()
    if not peak:
        pytest.skip("only Linux tells")
    assert peak[0] > 15


def measured(*workers: Scripted, path: Path, monkeypatch: pytest.MonkeyPatch, heap: str = "default") -> list[Row]:
    monkeypatch.setattr(run, "PAUSE_SECONDS", 0.0)
    return run.measure(WORKLOADS["tiny-ops"], Staff(*workers, heap=heap), ["dlengine", "torch"], path, lambda: None)


def test_ratios_are_of_pairs_on_each_heap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    y = {"y": np.ones(3, np.float32)}
    workers = Scripted("dlengine", y, 0.5), Scripted("torch", y, 0.75)
    rows = measured(*workers, path=tmp_path, monkeypatch=monkeypatch, heap="both")
    assert [row.heap for row in rows] == ["default", "warm"]
    for row in rows:
        assert (row.ratio, row.ratio_low, row.ratio_high) == (1.5, 1.5, 1.5)
        assert (row.difference, row.error, row.note) == (0.0, None, "run by the reference: cuda:lstm")
        assert row.kernels == ["lstm"]
        assert len(row.timings["dlengine"].turns) == 3


def test_slow_workloads_get_fewer_turns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    y = {"y": np.ones(3, np.float32)}
    workers = Scripted("dlengine", y, 5.0, usual=5.0), Scripted("torch", y, 0.75)
    (row,) = measured(*workers, path=tmp_path, monkeypatch=monkeypatch)
    assert [len(timing.turns) for timing in row.timings.values()] == [2, 2]


@pytest.mark.parametrize(
    ("theirs", "why"),
    [
        ({"y": np.full(3, 1.1, np.float32)}, "results differ by 9.1e-02"),
        ({"y": np.full(3, np.nan, np.float32)}, "results differ by nan"),
        ({"y": np.ones(3)}, "cannot compare y: float32.* and float64"),
        ({"y": np.ones(4, np.float32)}, r"cannot compare y: .*\(3,\) and .*\(4,\)"),
        ({"z": np.ones(3, np.float32)}, "return different results"),
    ],
    ids=["values", "nan", "precision", "shape", "names"],
)
def test_what_does_not_agree_is_not_timed(
    theirs: dict[str, Any], why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workers = Scripted("dlengine", {"y": np.ones(3, np.float32)}, 0.5), Scripted("torch", theirs, 0.75)
    for row in measured(*workers, path=tmp_path, monkeypatch=monkeypatch, heap="both"):
        assert not row.timings
        assert row.error is not None
        assert re.search(why, row.error)


def test_products_of_unlike_precision_are_not_timed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    y = {"y": np.ones(3, np.float32)}
    workers = Scripted("dlengine", y, 0.5), Scripted("torch", y, 0.75)
    workers[1].precision = {"dtype": "float32", "matmul": "high"}
    (row,) = measured(*workers, path=tmp_path, monkeypatch=monkeypatch)
    assert row.error is not None
    assert "different precision" in row.error


def test_unlike_precision_is_refused() -> None:
    result = made({"dtype": "float32", "matmul": "highest"})
    result.frameworks["torch"]["precision"] = {"dtype": "float32", "matmul": "high"}
    with pytest.raises(ConfigError, match="different precision"):
        run.require_same_precision(result)


def test_import_row() -> None:
    row = import_time.measure(["dlengine", "json"], 1)
    assert row.kind == "import"
    assert row.ratio == row.timings["json"].turns[0] / row.timings["dlengine"].turns[0]
    assert re.fullmatch(r"numpy 0\.\d+ s, with dlengine 0\.\d+ s: \d+\.\d\d times", row.note)


def test_an_import_that_fails_is_an_error_of_its_row() -> None:
    row = run.measure_import(["no_such_module_of_dlengine"], 1, lambda: None)
    assert row.error is not None
    assert "no_such_module_of_dlengine" in row.error


def test_profile_knows_ops_by_their_texts() -> None:
    with dl.use_backend("numpy"):
        computation = WORKLOADS["pointwise-chain"].build(with_dlengine, elements=100)
        shares = profile.shares(computation.run, 2)
    calls = {(share["op"], share["phase"]): share["calls"] for share in shares}
    assert calls["tanh", "forward"] == 1
    assert calls["multiply", "forward"] == 2
    assert ("tanh", "backward") in calls
    assert shares[-1]["op"] == profile.REST
    assert profile.table("pointwise-chain", shares).row_count == len(shares)
    assert profile.picture({"pointwise-chain": shares}, "title").startswith(b"\x89PNG")


# ------------------------------------------------------------------ the command


def command(*arguments: str) -> int | str | None:
    with pytest.raises(SystemExit) as end:
        main(("bench", *arguments))
    return end.value.code


def test_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert command("--list", "--filter", "conv") == 0
    shown = capsys.readouterr().out
    assert "conv-mnist1-fwd" in shown
    assert "N=64 C=1 H=28 K=32 kernel=3" in shown
    assert "tiny-ops" not in shown


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--filter", "speed"), "no workload matches 'speed'"),
        (("--backend", "tpu"), "'tpu'"),
        (("--against", "theano"), "'theano'"),
        (("--repeat", "0"), "--repeat"),
        (("--compare", "no-such.json"), "no-such.json"),
        (("--json", "no-such-folder/result.json"), "no-such-folder"),
        (("--html", "."), "."),
        (("--profile", "--json", "x.json"), "--profile"),
        (("--profile", "--scaling"), "--scaling"),
        (("--scaling", "--against", "jax"), "--against torch"),
        (("--scaling", "--html", "x.html"), "--scaling"),
        (("--scaling", "--filter", "speed"), "no curve matches 'speed'"),
        (("--precision", "high"), "--backend cuda"),
        (("--roofline", "x.png"), "--backend cuda"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_bad_input_is_one_line(
    arguments: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert command(*arguments) == 2
    shown = capsys.readouterr()
    assert said in shown.err
    assert shown.err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_backend_that_is_not_there(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(*arguments: Any, **options: Any) -> Any:
        raise BackendUnavailable("backend cuda: there is no GPU; mend: buy one")

    monkeypatch.setattr("dlengine.benchmarks.run.use_backend", absent)
    assert command("--backend", "cuda") == 2
    assert capsys.readouterr().err == "dlengine: backend cuda: there is no GPU; mend: buy one\n"


@pytest.fixture
def prepared(monkeypatch: pytest.MonkeyPatch) -> list[run.Settings]:
    """run.run gives a prepared result; the settings that it got."""
    asked: list[run.Settings] = []

    def answer(settings: run.Settings, workloads: list[Workload], progress: Any, keep: Any) -> Result:
        asked.append(settings)
        progress("tiny-ops", 1, 2)
        keep(made(theirs=0.007))
        return made(theirs=0.003 if settings.against else None)

    monkeypatch.setattr(run, "run", answer)
    return asked


def test_files_are_written_and_a_failed_row_is_a_failure(
    prepared: list[run.Settings], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peers, "missing_peer", lambda name: None)
    files = {name: tmp_path / f"result.{name}" for name in ("json", "html", "picture")}
    made().save(tmp_path / "old.json")
    options = [text for name, file in files.items() for text in (f"--{name}", str(file))]
    assert command("--against", "torch", "--compare", str(tmp_path / "old.json"), *options) == 1
    assert prepared[0].against == "torch"
    assert Result.load(files["json"]) == made()
    assert files["html"].read_text().startswith("<!doctype html>")
    assert files["picture"].read_bytes().startswith(b"\x89PNG")
    shown = capsys.readouterr().out
    assert "tiny-ops" in shown
    assert "gain" in shown
    assert "failed: out of memory" in shown


def test_without_torch_dlengine_is_timed_alone(
    prepared: list[run.Settings], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peers, "find_spec", lambda name: None)
    command("--against", "torch")
    assert prepared[0].against is None
    assert "torch is not installed" in capsys.readouterr().out


def test_profile_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = tmp_path / "profile.png"
    arguments = ("--profile", "--backend", "numpy", "--filter", "tiny-ops", "--filter", "import", "--picture", str(picture))
    assert command(*arguments) == 0
    assert "multiply" in capsys.readouterr().out
    assert picture.read_bytes().startswith(b"\x89PNG")
