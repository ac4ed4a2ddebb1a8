"""`dlengine bench --ops`: its rows come from the op table, its inputs have the size asked for, its summary counts right."""

from __future__ import annotations

import io
import json
import math
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dlengine as dl
from dlengine.benchmarks import op_report, op_run, op_worker, run, with_dlengine
from dlengine.benchmarks.op_inputs import SHAPES, SIZES, inputs
from dlengine.benchmarks.op_rows import COMMON, LOOSE, SPELLED, OpRow, op_rows, public, select_ops
from dlengine.benchmarks.results import Result, Row, Timing
from dlengine.benchmarks.worker import Worker, serve
from dlengine.cli.main import main
from dlengine.errors import ConfigError
from dlengine.testing.table import CASES

OPS = sorted({row.op for row in op_rows()})


# ------------------------------------------------------------------ the rows


def test_every_public_op_of_the_table_has_a_row_at_every_size() -> None:
    wanted = {name for name, row in CASES.items() if "layer" not in row.tags and public(name) is not None}
    for elements in SIZES:
        assert {row.op for row in op_rows() if row.elements == elements and not row.backward} == wanted
    assert len(wanted) > 280
    assert {"relu", "matmul", "conv2d", "lstm", "einsum", "svd", "getitem"} <= wanted
    assert not {"sgd", "conv2d_input_grad", "nn.Linear"} & wanted


def test_the_lists_of_exceptions_name_ops_of_the_table() -> None:
    assert set(SHAPES) | set(LOOSE) | set(SPELLED) <= set(CASES)


def test_what_has_no_gradient_is_timed_forward_alone() -> None:
    names = {row.name for row in op_rows()}
    assert {"relu@16", "relu-fwd@16", "less-fwd@16", "argmax-fwd@16"} <= names
    assert not {"less@16", "argmax@16"} & names


def test_a_name_says_the_row() -> None:
    for row in op_rows():
        assert OpRow.of(row.name) == row


def test_select() -> None:
    assert select_ops(()) == list(op_rows())
    assert [row.name for row in select_ops(("relu*@16",))] == ["relu-fwd@16", "relu@16", "relu6-fwd@16", "relu6@16"]
    assert {row.elements for row in select_ops(("@1000",))} == {1000}
    common = select_ops(("common@16",))
    assert {row.op for row in common} == COMMON
    assert len(COMMON) == 30
    assert {row.elements for row in common} == {16}
    assert {row.backward for row in common} == {False, True}
    with pytest.raises(ConfigError, match="no op matches 'speed'"):
        select_ops(("speed",))


@pytest.mark.parametrize("name", OPS)
def test_every_op_runs_at_about_the_size(name: str) -> None:
    row = OpRow(name, 1000, backward=False)
    with dl.use_backend("numpy"):
        function = public(name)
        assert function is not None
        op_worker.built(with_dlengine, row, function)[0]()
    sizes = [a.size for a in op_worker.flat(inputs(row.case, 1000)) if isinstance(a, np.ndarray)]
    if sizes and name not in SHAPES and max(sizes) > 1 and "output_size" not in row.case.samples[0].consts:
        assert 300 <= max(sizes[:2]) <= 40_000


def test_inputs_are_the_same_in_every_process_and_stay_in_the_domain() -> None:
    first, second = inputs(CASES["log"], 131_072), inputs(CASES["log"], 131_072)
    assert first[0].shape == (131_072,)
    assert first[0].dtype == np.float32
    assert (first[0] > 0).all()
    assert len(np.unique(first[0])) > 5000
    assert np.array_equal(first[0], second[0])


def test_matrices_with_a_structure_are_stacked() -> None:
    (x,) = inputs(CASES["cholesky"], 1000)
    assert x.ndim == 3
    assert np.allclose(x, x.swapaxes(1, 2), atol=1e-6)


# ------------------------------------------------------------------ the numbers


def timed(name: str, ours: float, theirs: float | None) -> Row:
    asked = OpRow.of(name)
    row = Row(name, asked.kind, {"elements": asked.elements})
    row.timings["dlengine"] = Timing.of([ours, ours], first=1.0)
    if theirs is None:
        row.note = "torch has no such function"
        return row
    row.timings["torch"] = Timing.of([theirs, theirs], first=1.0)
    row.pair("dlengine", "torch")
    return row


def made(peer: bool = True) -> Result:
    facts = {"version": "1", "precision": {"dtype": "float32"}, "pools": []}
    names = ["dlengine", *(["torch"] if peer else [])]
    settings = {"backend": "numba", "against": "torch" if peer else None, "threads": 2}
    rows = [
        timed("relu-fwd@16", 1e-6, 2e-6 if peer else None),
        timed("exp-fwd@16", 1e-6, 0.5e-6 if peer else None),
        timed("log-fwd@16", 1e-6, 8e-6 if peer else None),
        timed("relu@1000", 1e-6, 0.25e-6 if peer else None),
        timed("maxout-fwd@16", 1e-6, None),
    ]
    return Result(settings, {"processor": "a"}, dict.fromkeys(names, facts), rows, "2026-01-02T03:04:05+00:00")


def test_the_mean_is_geometric_and_leaves_out_what_is_timed_alone() -> None:
    said = op_report.summary(made())
    assert said[0].startswith("geometric mean of torch / dlengine over 4 rows: 1.19")
    assert said[1] == "16 elements, forward: 2.00; the worst: exp 0.50, relu 2.00, log 8.00"
    assert said[2] == "1,000 elements, forward and backward: 0.25; the worst: relu 0.25"
    assert said[3] == "timed alone in at least one column, not in the mean: 1 ops: maxout"
    assert op_report.geometric_mean(made().rows) == pytest.approx(math.sqrt(math.sqrt(2 * 0.5 * 8 * 0.25)))
    assert op_report.geometric_mean([]) is None


def test_the_worst_come_first() -> None:
    assert [row.name for row in op_report.worst(made().rows, 2)] == ["relu@1000", "exp-fwd@16"]


@pytest.mark.parametrize("peer", [True, False])
def test_reports(peer: bool) -> None:
    from rich.console import Console

    result = made(peer)
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(op_report.table(result))
    assert ("2.00" in console.export_text()) == peer
    assert op_report.lines(result)[0] == ["relu", "2.00  1 us" if peer else "1 us", "0.25  1 us" if peer else "1 us"]
    assert op_report.picture(result).startswith(b"\x89PNG")
    assert "maxout" in op_report.page(result).html()
    if not peer:
        assert op_report.summary(result) == ["5 timed, without another library: no ratios"]


def test_a_compact_file_holds_the_same(tmp_path: Path) -> None:
    made().save_compact(tmp_path / "ops.json")
    assert Result.load(tmp_path / "ops.json") == made()
    assert len((tmp_path / "ops.json").read_text().splitlines()) < 40


# ------------------------------------------------------------------ the workers


@pytest.mark.parametrize(
    ("x", "y", "said"),
    [
        (np.ones(3), np.ones(3), ""),
        (np.array([np.nan, 1.0]), np.array([np.nan, 1.0]), ""),
        (np.ones(3), np.ones(4), "shapes (3,) and (4,)"),
        (np.array([np.nan, 1.0]), np.ones(2), "NaN in one alone"),
        (np.ones(3), np.full(3, 2.0), "5.0e-01 of the largest value"),
    ],
    ids=["same", "both nan", "shape", "nan", "values"],
)
def test_what_does_not_agree_is_told(x: Any, y: Any, said: str, tmp_path: Path) -> None:
    for name, array in (("a", x), ("b", y)):
        np.savez(tmp_path / f"{name}.npz", **{"relu-fwd@16/0": array})
    found = op_run.unlike(tmp_path / "a.npz", tmp_path / "b.npz", [OpRow.of("relu-fwd@16")])
    assert found == ({"relu-fwd@16": f"the results differ: {said}"} if said else {})


def test_a_failure_of_one_op_leaves_the_others_their_turns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(x: Any) -> Any:
        raise ValueError("no")

    functions = {"relu": dl.relu, "exp": failing, "log": None}
    monkeypatch.setattr(with_dlengine, "table_op", functions.__getitem__)
    with dl.use_backend("numpy"):
        worker = Worker(with_dlengine)
        names = [f"{name}@16" for name in functions]
        answers = io.StringIO()
        asked = [{"do": "prepare_ops", "rows": names, "path": str(tmp_path / "x.npz")}, {"do": "time_ops"}]
        serve(worker, io.StringIO("\n".join(map(json.dumps, asked)) + "\n"), answers)
    prepared, times = (json.loads(line) for line in answers.getvalue().splitlines())
    assert set(prepared["rows"]["relu@16"]) == {"first", "usual"}
    assert prepared["rows"]["exp@16"] == {"error": "ValueError: no"}
    assert prepared["rows"]["log@16"] == {"missing": "dlengine has no such function"}
    assert list(times["seconds"]) == ["relu@16"]


@pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed")
def test_a_run_of_three_ops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "PAUSE_SECONDS", 0.0)
    told: list[tuple[str, int, int]] = []
    settings = run.Settings("numpy", "torch", repeat=1, heap="both", threads=1)
    rows = [OpRow.of(name) for name in ("relu@16", "softmax-fwd@16", "maxout-fwd@16")]
    result = op_run.run_ops(settings, rows, lambda *state: told.append(state))
    assert told[-1] == ("done", 3, 3)
    relu, softmax, maxout = result.rows
    for row in (relu, softmax):
        assert (row.error, row.note, row.heap) == (None, "", "default")
        assert row.ratio == row.timings["torch"].turns[0] / row.timings["dlengine"].turns[0]
    assert (maxout.ratio, maxout.note) == (None, "torch has no such function")
    assert list(maxout.timings) == ["dlengine"]


@pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed")
@pytest.mark.filterwarnings("default")
def test_torch_computes_the_same_by_the_names() -> None:
    """The dictionary of other names says the same functions; in-place counterparts and other meanings would differ."""
    from dlengine.benchmarks import with_torch
    from dlengine.benchmarks.torch_functions import OTHERS

    assert set(OTHERS) <= {CASES[name].op.__name__ for name in OPS} | set(OPS)
    with dl.use_backend("numpy"):
        for name in sorted(set(OTHERS) & set(OPS) - set(LOOSE)):
            row = OpRow(name, 16, backward=False)
            both = []
            for fw in (with_dlengine, with_torch):
                function = fw.table_op(name)
                assert function is not None, name
                both.append(op_worker.built(fw, row, function)[1]())
            ours, theirs = (np.asarray(found["0"]) for found in both)
            assert ours.shape == theirs.shape, name
            np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5, err_msg=name)


# ------------------------------------------------------------------ the command


def command(*arguments: str) -> int | str | None:
    with pytest.raises(SystemExit) as end:
        main(("bench", "--ops", *arguments))
    return end.value.code


def test_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert command("--list", "--filter", "relu@*") == 0
    assert capsys.readouterr().out.split() == ["relu@16", "relu@1000", "relu@131072"]


def test_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    asked: list[run.Settings] = []

    def answer(settings: run.Settings, rows: Any, progress: Any) -> Result:
        asked.append(settings)
        return made()

    monkeypatch.setattr(op_run, "run_ops", answer)
    files = {name: tmp_path / f"ops.{name}" for name in ("json", "html", "picture")}
    options = [text for name, file in files.items() for text in (f"--{name}", str(file))]
    assert command("--threads", "1", "--backend", "numpy", *options) == 0
    assert asked[0].threads == 1
    assert Result.load(files["json"]) == made()
    assert files["picture"].read_bytes().startswith(b"\x89PNG")
    assert "the worst: exp 0.50" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--scaling",), "cannot be combined"),
        (("--compare", "old.json"), "--compare"),
        (("--against", "jax"), "--against torch alone"),
        (("--filter", "speed", "--list"), "no op matches"),
    ],
)
def test_bad_input_is_one_line(arguments: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(*arguments) == 2
    shown = capsys.readouterr().err
    assert said in shown
    assert shown.count("\n") == 1
