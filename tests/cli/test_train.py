"""`dlengine train`, `eval` and `predict`: a run from start to end with tiny settings, and bad input in one line."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dlengine import data, io
from dlengine.cli.main import main
from dlengine.data import bundled

TINY = ("--backend", "numpy", "--set", "epochs=2", "--set", "width=4", "--set", "batch_size=128", "--set", "lr=0.01")
FILES = {
    "config.json", "log.csv", "last.safetensors", "best.safetensors", "results.json", "curves.png", "confusion.png"
}  # fmt: skip


def run(*arguments: object) -> int | str | None:
    with pytest.raises(SystemExit) as end:
        main([str(a) for a in arguments])
    return end.value.code


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "a" / "run"
    assert run("train", "digits-cnn", *TINY, "--out", out) == 0
    return out


def test_a_run_leaves_its_files(folder: Path) -> None:
    assert {p.name for p in folder.iterdir()} == FILES
    config = json.loads((folder / "config.json").read_text())
    assert config["settings"]["width"] == 4
    assert (config["backend"], config["seed"], config["dtype"]) == ("numpy", 0, "float32")
    assert len((folder / "log.csv").read_text().splitlines()) == 3


def test_eval_measures_the_same(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("eval", folder, "--backend", "numpy") == 0
    results = json.loads((folder / "results.json").read_text())
    assert f"accuracy {100 * results['accuracy']:.2f} %" in capsys.readouterr().out


def test_predict_names_class_and_confidence(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = data.digits()[0][0][0]
    np.save(tmp_path / "d.npy", image)
    Image.fromarray((image * 255).astype(np.uint8)).resize((32, 32), Image.Resampling.NEAREST).save(tmp_path / "d.png")
    assert run("predict", folder, tmp_path / "d.npy", tmp_path / "d.png", "--backend", "numpy") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(": ")[1].split()[0] for line in lines] == [lines[0].split(": ")[1].split()[0]] * 2
    assert lines[0].endswith("%)")


def test_float64_and_the_next_free_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        assert run("train", "digits-cnn", *TINY, "--set", "epochs=1", "--dtype", "float64") == 0
    assert sorted(p.name for p in (tmp_path / "runs").iterdir()) == ["digits-cnn", "digits-cnn-2"]


def test_recipes_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("recipes") == 0
    assert "digits-cnn" in capsys.readouterr().out
    assert run("explain", "digits-cnn") == 0
    assert "epochs=20" in capsys.readouterr().out
    assert run("train") == 2
    assert "`dlengine recipes` lists them" in capsys.readouterr().err


BAD = [
    (("digits-cn",), "unknown recipe 'digits-cn'; did you mean 'digits-cnn'?"),
    (("zzz",), "unknown recipe 'zzz'; known: "),
    (("digits-cnn", "--set", "epoch=3"), "no setting 'epoch'; did you mean 'epochs'?"),
    (("digits-cnn", "--set", "epochs=many"), "epochs: expected an integer, got 'many'"),
    (("digits-cnn", "--set", "epochs=0"), "epochs: expected at least 1, got 0"),
    (("digits-cnn", "--set", "lr=nan"), "lr: expected a finite number, got 'nan'"),
    (("digits-cnn", "--set", "dropout=2"), "dropout: expected at least 0 and at most 0.95, got 2.0"),
    (("digits-cnn", "--set", "epochs"), "--set expects key=value, got 'epochs'"),
    (("digits-cnn", "--dtype", "int8"), "dtype: expected one of float32, float64, got 'int8'"),
    (("digits-cnn", "--backend", "nump"), "unknown backend 'nump'"),
    (("digits-cnn", "--emulate", "--backend", "numpy"), "got backend 'numpy', expected 'cuda'"),
    (("digits-cnn", "--seed", "-1"), "seed: expected an integer with 0 <= seed"),
    (("digits-cnn", "--sede", "1"), "No such option"),
]


@pytest.mark.parametrize(("arguments", "words"), BAD, ids=[w for _, w in BAD])
def test_bad_input_is_one_line_and_leaves_nothing(
    arguments: tuple[str, ...], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("train", *arguments, "--out", tmp_path / "run") == 2
    shown = capsys.readouterr().err
    assert words.lower() in shown.lower()
    assert shown.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_folders_that_cannot_be_used(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    assert run("train", "digits-cnn", *TINY, "--out", folder) == 2
    assert "is not empty" in capsys.readouterr().err
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / "file" / "run"):
        assert run("train", "digits-cnn", *TINY, "--out", out) == 2
        assert "cannot be written" in capsys.readouterr().err
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "mine.txt").write_text("kept")
    assert run("train", "digits-cnn", *TINY, "--set", "epochs=1", "--out", tmp_path / "run", "--overwrite") == 0
    assert {p.name for p in (tmp_path / "run").iterdir()} == FILES | {"mine.txt"}


def test_damaged_data_leave_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "digits.csv.gz").write_bytes(bundled.FILE.read_bytes()[:999])
    monkeypatch.setattr(bundled, "FILE", tmp_path / "digits.csv.gz")
    assert run("train", "digits-cnn", *TINY, "--out", tmp_path / "run") == 2
    assert "digits.csv.gz: damaged or cut short" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_run_that_fails_in_its_first_epoch_leaves_no_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("train", "digits-cnn", *TINY, "--set", "lr=1e38", "--out", tmp_path / "run") == 2
    assert "the loss became" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def trained(folder: Path) -> dict[str, bytes]:
    """The numbers of a run, without those that measure time."""
    state = io.load(folder / "last.safetensors")
    values = {k: v.numpy_copy().tobytes() for k, v in state["model"].items()}
    rows = [{k: v for k, v in row.items() if k != "seconds"} for row in state["history"]]
    return {**values, "history": json.dumps(rows).encode()}


@pytest.mark.parametrize("killed", ["before the first checkpoint", "after an epoch", "inside an epoch", "at the end"])
def test_resume_ends_as_if_nothing_had_happened(
    killed: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"

    class Kill(BaseException):
        pass

    def kill(*where: str) -> None:
        def replace(source: object, target: object) -> None:
            write(source, target)
            if str(target).endswith(where):
                raise Kill

        monkeypatch.setattr(os, "replace", replace)

    write = os.replace
    if killed == "before the first checkpoint":
        kill("config.json")
    elif killed != "at the end":
        kill("last.safetensors")
        monkeypatch.setattr("dlengine.recipes.run_training.CHECKPOINT_SECONDS", 0.0 if killed == "inside an epoch" else 60.0)
    try:
        main(["train", "digits-cnn", *TINY, "--out", str(out)])
    except (Kill, SystemExit):
        monkeypatch.undo()
    (out / ".last.safetensors.77.tmp").write_bytes(b"half")
    capsys.readouterr()
    assert run("train", "--resume", out) == 0
    assert f"run folder: {out}" in capsys.readouterr().out
    assert trained(out) == trained(folder)
    assert {p.name for p in out.iterdir()} == FILES
    if killed == "at the end":
        assert run("train", "--resume", out, "--backend", "numba") == 0


def test_an_interrupted_run_says_how_it_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ctrl-C after the first epoch, and again after the run was taken up."""
    out, write = tmp_path / "run", os.replace

    def interrupted(source: object, target: object) -> None:
        write(source, target)
        if str(target).endswith("last.safetensors"):
            raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    for command in (("digits-cnn", *TINY, "--out", out), ("--resume", out)):
        assert run("train", *command) == 130
        assert f"interrupted; dlengine train --resume {out} goes on" in capsys.readouterr().err.replace("\n", "")
    monkeypatch.undo()
    assert run("train", "--resume", out) == 0


def test_resume_refuses_what_it_cannot_continue(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, words in (
        ((tmp_path,), "not a run folder"),
        ((folder, "--seed", "1"), "leave out --seed"),
        ((folder, "--quick"), "leave out --quick"),
        ((folder, "digits-cnn"), "leave out NAME"),
        ((folder, "--set", "epochs=9"), "leave out --set"),
    ):
        assert run("train", "--resume", *arguments) == 2
        assert words in capsys.readouterr().err
    copy = tmp_path / "run"
    copy.mkdir()
    (copy / "config.json").write_text((folder / "config.json").read_text().replace('"width": 4', '"width": 5'))
    (copy / "last.safetensors").write_bytes((folder / "last.safetensors").read_bytes())
    assert run("train", "--resume", copy) == 2
    assert "last.safetensors: load_state_dict: the state does not fit" in capsys.readouterr().err


@pytest.mark.parametrize("damage", ["absent", "config", "recipe", "checkpoint", "shape"])
def test_damaged_runs_are_named(damage: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy = tmp_path / "run"
    if damage != "absent":
        copy.mkdir()
        for name in ("config.json", "last.safetensors"):
            (copy / name).write_bytes((folder / name).read_bytes())
    config = copy / "config.json"
    words = {
        "absent": "not a run folder",
        "config": "config.json: damaged",
        "recipe": "unknown recipe 'digits'",
        "checkpoint": "last.safetensors: damaged or cut short",
        "shape": "last.safetensors: load_state_dict: the state does not fit",
    }[damage]
    if damage == "config":
        config.write_text(config.read_text()[:50])
    elif damage == "recipe":
        config.write_text(config.read_text().replace("digits-cnn", "digits"))
    elif damage == "checkpoint":
        (copy / "last.safetensors").write_bytes((copy / "last.safetensors").read_bytes()[:-9])
    elif damage == "shape":
        config.write_text(config.read_text().replace('"width": 4', '"width": 5'))
    assert run("eval", copy) == 2
    shown = capsys.readouterr().err
    assert words in shown
    assert shown.count("\n") == 1


def test_a_damaged_image_is_named(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "cut.png").write_bytes(b"\x89PNG\r\n\x1a\n123")
    assert run("predict", folder, tmp_path / "cut.png") == 2
    assert "cut.png: not a readable image" in capsys.readouterr().err
    assert run("predict", folder) == 2


def test_data_dir_is_where_data_are_looked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = data.data_folder()
    run("train", "digits-cnn", "--set", "epochs=0", "--data-dir", tmp_path / "absent", "--out", tmp_path / "run")
    assert "absent" in capsys.readouterr().err
    assert run("train", "nosuch", "--data-dir", tmp_path) == 2
    assert data.data_folder() == before
