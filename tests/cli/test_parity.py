"""`dlengine parity`: the table, both files, exit statuses, bad input."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from dlengine.cli.main import Settings as Options
from dlengine.cli.main import app, main
from dlengine.testing import Cell, parity
from dlengine.testing import report as reports


def invoke(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["parity", *arguments], obj=Options())
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def test_table_and_files(tmp_path: Path) -> None:
    page, data = tmp_path / "parity.html", tmp_path / "parity.json"
    status, text = invoke("--op", "softmax,tanh", "--backend", "numpy", "--json", str(data), "--html", str(page))
    assert status == 0
    assert "softmax" in text
    assert "numpy: 4 of 4 cells pass" in text
    assert "f32 f64" in text
    cells = json.loads(data.read_text())["cells"]
    assert {(c["op"], c["dtype"]) for c in cells} == {(o, d) for o in ("softmax", "tanh") for d in ("float32", "float64")}
    html = page.read_text()
    assert "data:image/png;base64," in html
    assert "All cells pass" in html
    assert not re.search(r"(src|href)=.(?!#|data:)", html), "a file of its own"


def test_verbose_lists_cells() -> None:
    status, text = invoke("--op", "tanh", "--backend", "numpy", "--dtype", "float32", "-v")
    assert status == 0
    assert text.count("float32") >= 1
    assert "float64" not in text.split("numpy:")[0]


def test_failures_are_last_loud_and_exit_1(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    bad = Cell("tanh", "numpy", "float32", "ulp", 9.0, 4.0, 0.1, 2.0, {}, {}, "fail", "sample 0, output 0: error 9 exceeds 4")
    good = Cell("exp", "numpy", "float32", "ulp", 1.0, 4.0)
    monkeypatch.setattr("dlengine.testing.parity", lambda *args, **kwargs: [bad, good])
    page = tmp_path / "page.html"
    status, text = invoke("-v", "--html", str(page))
    assert status == 1
    assert "FAIL tanh, float32, numpy: sample 0, output 0: error 9 exceeds 4" in text
    assert text.index("exp") < text.index("tanh")
    assert "1 of 2 cells fail" in page.read_text()


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--op", "softmux"], "did you mean softmax"),
        (["--dtype", "int3"], "dtype"),
        (["--backend", "abacus"], "unknown backend 'abacus'"),
        (["--backend", "numpy", "--emulate"], "--backend cuda"),
        (["--json", "no/such/folder/file"], "does not exist"),
    ],
)
def test_bad_input_is_one_line_and_2(arguments: list[str], line: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["parity", *arguments])
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert line in error
    assert error.count("\n") == 1


def test_fallbacks_are_told() -> None:
    cells = parity("matmul", backends=["numba"], dtypes=["float32"])  # some samples are complex, or integers
    assert all(any("matmul" in name for name in c.fallbacks) for c in cells)
    assert reports.summaries(cells)[0].fell_back == len(cells)
    assert "fell back: jit:matmul" in reports.kernels_text(cells[0])
