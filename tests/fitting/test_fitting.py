"""fit and bundles in small: tasks that are found, splits without leaks, honest reports, files that hold no code."""

from __future__ import annotations

import itertools
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import own_data as own
import pytest
from PIL import Image

import dlengine as dl
from dlengine import data, fitting
from dlengine.cli.main import main
from dlengine.errors import CheckpointError, ConfigError, DataError, DLEngineError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 3))
SIDES = np.where(X[:, 0] > X[:, 1], "left", "right")


def run(*arguments: object) -> int | str | None:
    with pytest.raises(SystemExit) as end, dl.use_backend("numpy"):
        main([str(a) for a in arguments])
    return end.value.code


@pytest.fixture(scope="module")
def sides() -> fitting.Bundle:
    with dl.use_backend("numpy"):
        return dl.fit(X, SIDES, progress=False)


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, fitting.Bundle]:
    path = own.digit_folder(tmp_path_factory.mktemp("own") / "digits", 250)
    with dl.use_backend("numpy"):
        return path, dl.fit(path, time=20, progress=False)


def test_arrays_in_a_line(sides: fitting.Bundle) -> None:
    assert sides.task == "classification"
    assert sides.classes == ("left", "right")
    found = sides.predict([[3.0, -3.0, 0.0], [-3.0, 3.0, 0.0]])
    assert [p.value for p in found] == ["left", "right"]
    assert sum(found[0].probabilities.values()) == pytest.approx(1)
    assert sides.report.figures["this model"][0].value > 0.8
    assert set(sides.report.figures) == {"this model", "most frequent class", "logistic regression"}


def test_progress_is_said_line_by_line() -> None:
    lines: list[str] = []
    with dl.use_backend("numpy"):
        dl.fit(X, 2 * X[:, 0] + 5, progress=lines.append)
    text = "\n".join(lines)
    for words in ("120 rows", "split: 78 train, 18 validate, 24 test", "2 hidden layers", "the best is epoch", "R2"):
        assert words in text


def test_the_same_seed_gives_the_same_bundle_and_leaves_the_generator_alone() -> None:
    with dl.use_backend("numpy"):
        dl.manual_seed(5)
        expected = float(dl.rand(()))
        dl.manual_seed(5)
        first = dl.fit(X, SIDES, progress=False)
        assert float(dl.rand(())) == expected
        second = dl.fit(X, SIDES, progress=False)
    assert [p.probabilities for p in first.predict(X[:9])] == [p.probabilities for p in second.predict(X[:9])]


def test_a_bundle_is_one_file_that_predicts_the_same(sides: fitting.Bundle, tmp_path: Path) -> None:
    path = sides.save(tmp_path / "sides.safetensors")
    again = dl.load(path)
    assert [p.as_dict() for p in again.predict(X[:20])] == [p.as_dict() for p in sides.predict(X[:20])]
    assert str(again.report) == str(sides.report)
    assert sides.save(tmp_path).name == "bundle.safetensors"
    assert dl.load(tmp_path).classes == sides.classes


def test_a_damaged_bundle_is_refused(sides: fitting.Bundle, tmp_path: Path) -> None:
    path = sides.save(tmp_path / "sides.safetensors")
    content = path.read_bytes()
    for k in range(60):
        rng = np.random.default_rng(k)
        changed = bytearray(content[: int(rng.integers(0, len(content)))] if k % 2 else content)
        for place in rng.integers(0, max(1, len(changed)), 8):
            if changed:
                changed[place] ^= 1 + k
        path.write_bytes(bytes(changed))
        with pytest.raises(CheckpointError, match="sides.safetensors"):
            dl.load(path)
    state = dl.io.load(sides.save(path))
    for key, value in (
        ("network", {"name": "evil", "settings": {}}),
        ("version", 99),
        ("bundle", "other"),
        ("weights", {}),
        ("report", 3),
    ):
        dl.io.save(path, {**state, key: value})
        with pytest.raises(CheckpointError):
            dl.load(path)
    wide = {**state["network"], "settings": {**state["network"]["settings"], "width": 10**9}}
    dl.io.save(path, {**state, "network": wide})
    with pytest.raises(CheckpointError, match="width is 1000000000"):
        dl.load(path)


def test_duplicates_and_groups_stay_in_one_part() -> None:
    inputs = np.repeat(np.arange(60.0), 3)[:, None]
    samples = data.samples_of_arrays(np.hstack([inputs, inputs]), np.repeat(["a", "b"], 90))
    division = fitting.divide(samples)
    parts = [set(inputs[rows, 0]) for rows in (division.train, division.validation, division.test)]
    assert not parts[0] & parts[1] | parts[0] & parts[2] | parts[1] & parts[2]
    assert sorted(np.concatenate([division.train, division.validation, division.test])) == list(range(180))
    frame = {"x": list(range(200)), "who": [f"p{k // 10}" for k in range(200)], "y": [k % 2 for k in range(200)]}
    grouped = data.samples_of_arrays({**frame, "z": [k * k % 17 for k in range(200)]}, target="y", group="who")
    division = fitting.divide(grouped)
    assert grouped.groups is not None
    found = [set(grouped.groups[rows]) for rows in (division.train, division.validation, division.test)]
    assert all(found)
    assert not found[0] & found[2]
    assert "20 groups stay whole" in division.reason


@pytest.mark.parametrize("seed", range(5))
def test_classes_keep_their_share(seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.choice(["a", "b", "c"], 300, p=[0.7, 0.2, 0.1])
    division = fitting.divide(data.samples_of_arrays(rng.normal(size=(300, 2)), labels), seed)
    for rows, share in zip((division.train, division.validation, division.test), (0.65, 0.15, 0.2), strict=True):
        for name in "abc":
            assert abs((labels[rows] == name).sum() - share * (labels == name).sum()) <= 1.5


def test_rows_in_the_order_of_time_are_cut_by_time(tmp_path: Path) -> None:
    days = np.datetime64("2024-01-01") + np.arange(100)
    own.rows_file(
        tmp_path / "t.csv", ["day", "x", "who", "y"], [(d, k % 7, "ab"[k % 2], k % 3 * 1.5) for k, d in enumerate(days)]
    )
    samples = data.read(tmp_path / "t.csv", task="regression")
    division = fitting.divide(samples)
    assert division.train.max() < division.validation.min() <= division.validation.max() < division.test.min()


def test_digits_from_files_arrays_and_paper(digits: tuple[Path, fitting.Bundle], tmp_path: Path) -> None:
    folder, bundle = digits
    file = next((folder / "3").iterdir())
    grey = Image.open(file)
    ink = Image.fromarray(255 - np.asarray(grey)).resize((80, 80)).convert("RGB")
    grey.save(tmp_path / "grey.png")
    ink.save(tmp_path / "ink.jpg")
    np.save(tmp_path / "array.npy", np.asarray(grey))
    with dl.use_backend("numpy"):
        white, dark, array = bundle.predict([tmp_path / "grey.png", tmp_path / "ink.jpg", tmp_path / "array.npy"])
        direct = bundle.predict(np.asarray(grey))[0]
        noise = bundle.predict(RNG.integers(0, 256, (8, 8)).astype(np.uint8))[0]
        evaluated = bundle.evaluate(bundle.read_with_targets(folder))
    assert white.value == dark.value == array.value == direct.value
    assert white.probabilities == pytest.approx(array.probabilities, abs=1e-5)
    assert white.probabilities == pytest.approx(direct.probabilities, abs=1e-5)
    assert "dark on light, inverted" in dark.warnings
    assert not white.warnings
    assert any("unlike the training data" in w for w in noise.warnings)
    assert evaluated[0].value > 0.8


def test_tables_are_checked_row_by_row(tmp_path: Path) -> None:
    rows = [(k % 9 + 0.5, ("red", "blue")[k % 2], f"2024-{k % 12 + 1:02d}-03", ("no", "yes")[k % 2]) for k in range(80)]
    path = own.rows_file(tmp_path / "t.csv", ["size", "colour", "day", "sold"], rows)
    with dl.use_backend("numpy"):
        model = dl.fit(path, target="sold", progress=False)
        one = model.predict({"size": 3, "colour": "red", "day": "2024-05-01"})
        several = model.predict(
            [{"size": 3, "colour": "green", "day": None}, {"size": 300, "colour": "blue", "day": "2024-05-01"}]
        )
        from_file = model.predict(path)
    assert one[0].value == "no"
    assert not one[0].warnings
    assert several[0].warnings == ("colour 'green' is unknown", "day is missing, as in no row of the training data")
    assert several[1].warnings == ("size 300 is outside of 0.5 to 8.5",)
    assert [p.value for p in from_file].count("no") == 40
    assert from_file[0].place == f"{path}: line 2"
    with pytest.raises(DataError, match="missing columns: 'colour', 'day'"):
        model.predict({"size": 3})
    bad = own.rows_file(tmp_path / "bad.csv", ["size", "colour", "day"], [(1, "red", "2024-01-01"), ("big", "red", "2024-01-01")])
    with pytest.raises(DataError, match=r"bad.csv: line 3: 'size' must be a number, got 'big'"):
        model.predict(bad)


def test_text_beside_other_columns_is_used(tmp_path: Path) -> None:
    judged = ("a lovely quiet room number", "a noisy dirty room number")
    rows = [(k % 5, f"{judged[k % 2]} {k}", ("good", "bad")[k % 2]) for k in range(120)]
    with dl.use_backend("numpy"):
        model = dl.fit(own.rows_file(tmp_path / "t.csv", ["stars", "review", "label"], rows), progress=False)
        said = model.predict([{"stars": 2, "review": "a dirty place"}, {"stars": 2, "review": None}])
    assert model.encoder.kind == "table"
    assert model.report.figures["this model"][0].value > 0.9
    assert said[0].value == "bad"
    assert said[1].warnings == ("review is missing, as in no row of the training data",)


def test_predictions_of_numbers_come_with_an_error() -> None:
    with dl.use_backend("numpy"):
        model = dl.fit(X, 100 + 7 * X[:, 0], progress=False)
        said = model.predict(X[:50])
    right = [abs(p.value - (100 + 7 * x)) <= (p.error or 0) for p, x in zip(said, X[:50, 0], strict=True)]
    assert sum(right) > 30


def test_a_text_is_continued(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    things = ["the cat sat on the mat. ", "a dog ran to the house. "]
    path = tmp_path / "tale.txt"
    path.write_text("".join(things[int(k)] for k in rng.integers(0, 2, 80)))
    with dl.use_backend("numpy"):
        model = dl.fit(path, progress=False)
        again = dl.load(model.save(tmp_path / "tale.safetensors"))
        said = again.predict(["the cat sat on", "the dog ran €"])
        measured = again.evaluate(again.read_with_targets(path))
    figures = {name: f[0].value for name, f in model.report.figures.items()}
    assert figures["this model"] < 0.7 * figures["characters by frequency"]
    assert figures["the last three characters"] < figures["characters by frequency"]
    assert len(said[0].value) == 200
    assert set(said[0].value) <= set("".join(things))
    assert [p.value for p in said] == [p.value for p in model.predict(["the cat sat on", "the dog ran €"])]
    assert said[1].warnings == ("characters that the training text does not have: €",)
    assert measured[0].value == pytest.approx(figures["this model"], rel=0.3)
    (tmp_path / "short.txt").write_text("too short")
    with pytest.raises(DataError, match="too few"):
        dl.fit(tmp_path / "short.txt", progress=False)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: dl.fit("absent"), "no such file"),
        (lambda: dl.fit(X), "targets are missing"),
        (lambda: dl.fit(X, SIDES[:5]), "120 inputs and 5 targets"),
        (lambda: dl.fit(X, SIDES, task="forecasting"), "forecasting takes a series alone"),
        (lambda: dl.fit(X, SIDES, horizon=-1), "horizon"),
        (lambda: dl.fit(X, SIDES, colour=1), "no option 'colour'"),
        (lambda: dl.fit(X, ["a"] * 120), "there is nothing to learn"),
        (lambda: dl.fit(X, ["a"] * 119 + ["b"]), "class 'b' has less than 3 samples"),
        (lambda: dl.fit(X[:5], SIDES[:5]), "5 samples are too few"),
        (lambda: dl.fit(X, np.full(120, np.nan)), "target 0 is nan"),
        (lambda: dl.fit(X, np.eye(3)[np.arange(120) % 3]), "argmax"),
        (lambda: dl.fit(np.arange(9.0)), "too few"),
        (lambda: dl.fit(X, SIDES, time="soon"), "time must be"),
        (lambda: dl.fit(X, SIDES, time=-1), "time must be"),
    ],
)
def test_what_cannot_be_is_said(call: Any, words: str) -> None:
    with pytest.raises(DLEngineError, match=words):
        call()


@pytest.mark.parametrize(("a_look", "ended"), [(0.01, "the time is over"), (1.0, "no time for an epoch")])
def test_time_is_kept(a_look: float, ended: str, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = itertools.count()
    monkeypatch.setattr(time, "monotonic", lambda: a_look * next(looks))  # each look at the clock takes so many seconds
    many = RNG.normal(size=(3000, 20))
    with dl.use_backend("numpy"):
        model = dl.fit(many, many[:, 0] > RNG.normal(size=3000), time="3s", progress=False)
    assert ended in str(model.report)


def test_time_is_more_than_nothing() -> None:
    with pytest.raises(ConfigError):
        dl.fit(X, SIDES, time="0s")


def test_command_line_from_fit_to_eval(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [(a, b, c, s) for (a, b, c), s in zip(X.round(4), SIDES, strict=True)]
    own.rows_file(tmp_path / "sides.csv", ["a", "b", "c", "side"], rows)
    for _ in range(2):
        assert run("fit", "sides.csv") == 0
    assert "model: fitted/sides-2/bundle.safetensors" in capsys.readouterr().out
    assert run("predict", "fitted/sides", "sides.csv", "--csv") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "input,prediction,confidence,error,warnings"
    assert len(lines) == 121
    assert run("predict", "fitted/sides", "sides.csv", "--json") == 0
    assert json.loads(capsys.readouterr().out.splitlines()[0])["input"] == "sides.csv: line 2"
    assert run("eval", "fitted/sides", "sides.csv") == 0
    assert capsys.readouterr().out.startswith("accuracy ")
    for arguments in (
        ("fit", "absent.csv"), ("fit", "sides.csv", "--target", "d"), ("fit", "sides.csv", "--out", "fitted"),
        ("eval", "fitted/sides"),
        ("predict", "fitted/sides"), ("predict", "fitted/sides", "absent.csv"), ("predict", "absent", "sides.csv"),
    ):  # fmt: skip
        assert run(*arguments) == 2, arguments
        assert len(capsys.readouterr().err.strip().splitlines()) == 1
    assert {p.name for p in (tmp_path / "fitted").iterdir()} == {"sides", "sides-2"}


def test_large_data_are_cut_so_that_the_time_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a clock that moves 10 ms with every look, fewer rows and files are read than there are, at random, and it is said."""
    rows = RNG.normal(size=(12_000, 3)).round(3)
    own.rows_file(tmp_path / "many.csv", ["a", "b", "c", "side"], [(*r, "left" if r[0] > r[1] else "right") for r in rows])
    own.digit_folder(tmp_path / "digits", 200)
    looks = itertools.count()
    monkeypatch.setattr(time, "monotonic", lambda: 0.01 * next(looks))
    table, images = (data.read(tmp_path / name, seconds=0.5) for name in ("many.csv", "digits"))
    for samples, most in ((table, 12_000), (images, 200)):
        assert 0 < len(samples) < most
        assert any(note.startswith("cut short") for note in samples.notes)
    assert len(images.classes) == 10
    assert len(data.read(tmp_path / "many.csv")) == 12_000
    with dl.use_backend("numpy"):
        lines, begun = list[str](), time.monotonic()
        dl.fit(tmp_path / "many.csv", time="1s", progress=lines.append)
    assert sum("cut short" in line for line in lines) >= 2
    assert time.monotonic() < begun + 3


def test_a_simple_model_that_is_better_is_named() -> None:
    def report(own: float, other: float, name: str) -> str:
        figures = {"this model": own, "mean": other}
        return str(fitting.Report((), (), {k: [fitting.Measured(name, v, v, v)] for k, v in figures.items()}))

    assert "mean is better than this model" in report(0.8, 0.9, "accuracy")
    assert "better" not in report(0.9, 0.8, "accuracy")
    assert "mean is better than this model" in report(2.0, 1.0, "mean absolute error")
    assert "better" not in report(1.0, 2.0, "bits per character")


def test_times_that_a_series_leaves_out_are_filled(tmp_path: Path) -> None:
    days = [d for d in range(300) if d % 25 != 7]
    own.rows_file(tmp_path / "s.csv", ["day", "value"], [(np.datetime64("2022-01-01") + d, 2.0 * d) for d in days])
    samples = data.read(tmp_path / "s.csv")
    assert samples.kind == "series"
    np.testing.assert_allclose(samples.inputs, 2.0 * np.arange(300))
    assert samples.settings["times"][7].startswith("2022-01-08")
    assert "12 times that the file leaves out were filled" in samples.describe()
    assert samples.places[8] == f"{tmp_path / 's.csv'}: line 9"
    own.rows_file(tmp_path / "w.csv", ["day", "value"], [(np.datetime64("2022-01-03") + d, d) for d in range(300) if d % 7 < 5])
    assert len(data.read_series(tmp_path / "w.csv")) == 215


def test_intervals_of_many_samples_are_those_of_the_theory() -> None:
    truth = RNG.normal(size=50_000)
    said = truth + RNG.normal(size=50_000)
    r2, mae, _ = fitting.measure("regression", truth, said)
    error = np.abs(said - truth)
    assert mae.value == pytest.approx(error.mean())
    assert (mae.high - mae.low) / 2 == pytest.approx(1.96 * error.std() / 50_000**0.5, rel=0.15)
    assert r2.value == pytest.approx(1 - ((said - truth) ** 2).sum() / ((truth - truth.mean()) ** 2).sum())
    names = np.array(["a", "b"])[(RNG.random(50_000) < 0.3).astype(int)]
    guess = np.where(RNG.random(50_000) < 0.8, names, "a")
    balanced = fitting.measure("classification", names, guess)[1]
    share = (guess == "b")[names == "b"].mean()
    assert balanced.value == pytest.approx((1 + share) / 2)
    half = 0.98 * (share * (1 - share) / (names == "b").sum()) ** 0.5
    assert (balanced.high - balanced.low) / 2 == pytest.approx(half, rel=0.15)
