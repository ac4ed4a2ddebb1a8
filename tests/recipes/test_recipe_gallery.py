"""The gallery page and the table of results in docs/recipes.md."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from dlengine import recipes
from dlengine.benchmarks import recipes as results
from dlengine.cli.main import main


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> recipes.Run:
    folder = tmp_path_factory.mktemp("runs") / "a"
    return recipes.train("digits-cnn", {"epochs": 1, "width": 2}, scale="quick", out=folder, progress=False)


def report(*arguments: object) -> object:
    with pytest.raises(SystemExit) as end:
        main(["report", *map(str, arguments)])
    return end.value.code


def test_the_page_holds_figures_and_pictures(run: recipes.Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert report(run.folder, "--html", tmp_path / "page.html") == 1  # two filters and one epoch miss the figure
    assert "(>= 96 %: missed)" in capsys.readouterr().out
    page = (tmp_path / "page.html").read_text()
    assert page.count("data:image/png;base64,") == 2
    assert "digits-cnn" in page
    assert "with epochs=1, width=2" in page


def test_unfinished_and_damaged_runs_are_named(run: recipes.Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "config.json").write_bytes((run.folder / "config.json").read_bytes())
    assert report(copy) == 2
    assert "not finished" in capsys.readouterr().err
    (copy / "results.json").write_text('{"loss": 1}')
    assert report(copy) == 2
    assert "results.json: damaged" in capsys.readouterr().err


def test_a_bad_folder_does_not_hide_the_others(run: recipes.Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert report(tmp_path, run.folder, "--html", tmp_path / "page.html") == 2
    told = capsys.readouterr()
    assert f"left out: {tmp_path}: not a run folder" in told.err
    assert str(run.folder) in told.out
    assert (tmp_path / "page.html").exists()


def test_the_table_is_made_from_the_results(run: recipes.Run, tmp_path: Path) -> None:
    entry = results.entry(run)
    assert [e["seed"] for e in results.merge([{**entry, "seed": 5}, {"recipe": "gone"}], [entry])] == [0]
    page = tmp_path / "recipes.md"
    page.write_text(f"before\n{results.START}\nold\n{results.END}\nafter\n")
    results.rewrite(page, results.table([entry]))
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert "old" not in text
    assert "| [`digits-cnn`](#recipe-digits-cnn) |" in text
    assert "(missed)" in text


def test_the_committed_table_is_that_of_the_committed_results() -> None:
    page = Path(__file__).parents[2] / "docs" / "recipes.md"
    kept = json.loads(results.RESULTS.read_text()) if results.RESULTS.exists() else []
    shown = page.read_text(encoding="utf-8").partition(results.START)[2].partition(results.END)[0].strip()
    assert shown == results.table(kept).strip()


def test_folders_with_undecodable_names_have_a_page(run: recipes.Run, tmp_path: Path) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/run-\xfe"))
    try:
        shutil.copytree(run.folder, folder)
    except OSError:
        pytest.skip("this file system refuses such names")
    assert "run-?" in recipes.gallery([folder], tmp_path / "page.html").read_text()
    assert "accuracy" in repr(run)
