"""Five walks of a new user: one command from raw data to a model, and a prediction by another process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import own_data as own
import pytest

import dlengine as dl
from dlengine import data
from dlengine.fitting import divide
from dlengine.recipes.parts.reviews import reviews

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
MINUTES = 5


def dlengine(folder: Path, *arguments: object) -> str:
    command = [sys.executable, "-m", "dlengine.cli", *map(str, arguments)]
    environment = {**os.environ, "DLENGINE_BACKEND": "numba"}
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60 * MINUTES, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def figures(folder: Path, name: str = "this model") -> dict[str, float]:
    found = json.loads((folder / "report.json").read_text())["figures"][name]
    return {f["name"]: f["value"] for f in found}


def predictions(folder: Path, *arguments: object) -> list[dict[str, Any]]:
    return [json.loads(line) for line in dlengine(folder, "predict", *arguments, "--json").splitlines()]


def test_digits_as_png(tmp_path: Path) -> None:
    path = own.digit_folder(tmp_path / "digits")
    dlengine(tmp_path, "fit", "digits", "--out", "model", "--time", "4m")
    assert figures(tmp_path / "model")["accuracy"] >= 0.97
    assert {"bundle.safetensors", "report.txt", "report.json", "curves.png", "confusion.png"} == {
        p.name for p in (tmp_path / "model").iterdir()
    }
    samples = data.read(path)
    test = divide(samples).test[:20]
    found = predictions(tmp_path, "model", *(samples.places[i] for i in test))
    right = [p["prediction"] == str(samples.targets[i]) for p, i in zip(found, test, strict=True)]  # type: ignore[index]
    assert sum(right) >= 18


@pytest.mark.parametrize("name", ["breast_cancer", "diabetes"])
def test_a_table_with_gaps_and_categories(name: str, tmp_path: Path) -> None:
    """Not below scikit-learn's gradient boosting by more than 2 points on the same rows."""
    datasets = pytest.importorskip("sklearn.datasets")
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.preprocessing import OrdinalEncoder

    held = getattr(datasets, f"load_{name}")()
    target = np.array(held.target_names)[held.target] if name == "breast_cancer" else held.target
    path = own.table_file(tmp_path / "table.csv", held.data, target)
    dlengine(tmp_path, "fit", "table.csv", "--out", "model", "--time", "4m")

    samples = data.read_table(path)
    columns = samples.inputs.columns
    bands = OrdinalEncoder().fit_transform(np.array([str(v) for v in columns["band"]])[:, None])
    x = np.hstack([np.stack([columns[c] for c in columns if c != "band"], axis=1), bands])
    assert samples.targets is not None
    division, y = divide(samples), samples.targets
    rows = np.concatenate([division.train, division.validation])
    boosting = HistGradientBoostingClassifier if name == "breast_cancer" else HistGradientBoostingRegressor
    other = boosting(random_state=0).fit(x[rows], y[rows]).score(x[division.test], y[division.test])
    assert figures(tmp_path / "model")["accuracy" if name == "breast_cancer" else "R2"] >= other - 0.02
    found = predictions(tmp_path, "model", "table.csv")
    assert len(found) == len(samples)


def test_sentiment_of_short_texts(tmp_path: Path) -> None:
    texts, good = reviews(1500, dl.Generator(1))
    own.rows_file(
        tmp_path / "reviews.csv", ["text", "sentiment"], [(t, "good" if g else "bad") for t, g in zip(texts, good, strict=True)]
    )
    dlengine(tmp_path, "fit", "reviews.csv", "--out", "model", "--time", "4m")
    assert figures(tmp_path / "model")["accuracy"] >= 0.85
    found = predictions(tmp_path, "model", "--text", "the film was really brilliant", "--text", "the plot was never moving")
    assert [p["prediction"] for p in found] == ["good", "bad"]


def test_language_of_short_texts(tmp_path: Path) -> None:
    if not data.held("english-french"):
        pytest.skip("the sentences are not in the data folder")
    pairs = data.english_french()
    kept = range(0, len(pairs), max(1, len(pairs) // 600))
    rows = [row for i in kept for row in ((pairs.sources[i], "english"), (pairs.targets[i], "french"))]
    own.rows_file(tmp_path / "sentences.csv", ["text", "language"], rows)
    dlengine(tmp_path, "fit", "sentences.csv", "--out", "model", "--time", "4m")
    assert figures(tmp_path / "model")["accuracy"] >= 0.95


@pytest.mark.parametrize("name", ["airline", "temperatures", "made"])
def test_a_series_against_naive_forecasts(name: str, tmp_path: Path) -> None:
    if name == "made":
        t = np.arange(400)
        noise = np.random.default_rng(0).normal(size=400)
        times = np.datetime64("1990-01") + t
        values = 50 + 0.05 * t + 10 * np.sin(2 * np.pi * t / 12) + 2 * noise
    else:
        if not data.held(name):
            pytest.skip("the series is not in the data folder")
        series = getattr(data, name)()
        times, values = series.times, series.values
    own.rows_file(tmp_path / "series.csv", ["time", "value"], list(zip(times, values, strict=True)))
    dlengine(tmp_path, "fit", "series.csv", "--out", "model", "--time", "4m")
    simple = [n for n in json.loads((tmp_path / "model" / "report.json").read_text())["figures"] if n != "this model"]
    assert len(simple) == 2
    own_error = figures(tmp_path / "model")["mean absolute error"]
    assert all(own_error < figures(tmp_path / "model", n)["mean absolute error"] for n in simple)
    [follows], [again] = predictions(tmp_path, "model"), predictions(tmp_path, "model", "series.csv")
    assert len(follows["prediction"]) == 12
    assert follows["prediction"] == pytest.approx(again["prediction"], rel=1e-4)


def test_vowels_as_wav(tmp_path: Path) -> None:
    own.vowel_folder(tmp_path / "vowels", 50)
    dlengine(tmp_path, "fit", "vowels", "--out", "model", "--time", "4m")
    assert figures(tmp_path / "model")["accuracy"] >= 0.95
    rng = np.random.default_rng(7)
    files = [own.sound_file(tmp_path / f"{v}.wav", own.vowel(own.VOWELS[v], rng), 8000) for v in own.VOWELS]
    found = predictions(tmp_path, "model", *files)
    assert sum(p["prediction"] == v for p, v in zip(found, own.VOWELS, strict=True)) >= 4
