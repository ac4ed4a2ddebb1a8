"""Bundles as ONNX models: another program gives the same answers from the same inputs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import own_data as own
import pytest

import dlengine as dl
from dlengine import fitting
from dlengine.cli.main import main

onnxruntime = pytest.importorskip("onnxruntime")
RNG = np.random.default_rng(0)


def outputs(path: Path, x: Any) -> Any:
    return onnxruntime.InferenceSession(str(path)).run(None, {"inputs": x})[0]


@pytest.fixture(autouse=True)
def numpy_backend() -> Any:
    with dl.use_backend("numpy"):
        yield


def test_images_go_in_as_pixels(tmp_path: Path) -> None:
    path = own.digit_folder(tmp_path / "digits", 120)
    model = dl.fit(path, time=4, progress=False)
    model.save(tmp_path / "model.safetensors")
    with pytest.raises(SystemExit) as end:
        main(["export", str(tmp_path / "model.safetensors"), str(tmp_path / "digits.onnx")])
    assert end.value.code == 0
    about = json.loads((tmp_path / "digits.json").read_text())
    assert about["inputs"]["shape"] == ["batch", 1, 8, 8]
    assert about["outputs"]["classes"] == list(model.classes)
    samples = dl.data.read(path)
    for n in (1, 2, 5):
        pixels = samples.inputs[:n].astype(np.float32)
        expected = model.values(samples.take(range(n)))[1]
        np.testing.assert_allclose(outputs(tmp_path / "digits.onnx", pixels), expected, atol=1e-5)
    assert np.abs(outputs(tmp_path / "digits.onnx", pixels) - outputs(tmp_path / "digits.onnx", 255 - pixels)).max() > 0.01


@pytest.mark.parametrize("kind", ["classes", "numbers", "texts"])
def test_rows_and_texts_go_in_as_encoded(kind: str, tmp_path: Path) -> None:
    x: Any = RNG.normal(size=(120, 3))
    y: Any = np.where(x[:, 0] > x[:, 1], "left", "right") if kind != "numbers" else 3 * x[:, 0] + 100
    if kind == "texts":
        x = [f"go {side} at the {place}" for side, place in zip(y, ["bridge", "house", "gate", "tree"] * 30, strict=True)]
    model = dl.fit(x, y, time=20, progress=False)
    model.export(tmp_path / "model.onnx")
    samples = model.encoder.read(x[:5])
    values, probabilities = model.values(samples)
    expected = values if probabilities is None else probabilities
    for n in (1, 2, 5):
        found = outputs(tmp_path / "model.onnx", model.encoder.encode(samples)[:n])
        np.testing.assert_allclose(found, expected[:n], rtol=1e-5, atol=1e-5)


def test_series_and_texts_that_go_on(tmp_path: Path) -> None:
    series = dl.fit(50 + 10 * np.sin(np.arange(200) / 2), progress=False, time=20)
    series.export(tmp_path / "series.onnx")
    assert isinstance(series, fitting.Bundle)
    encoder: Any = series.encoder
    values = encoder.read(50 + 10 * np.sin(np.arange(150) / 2))
    features, base = encoder.at_end(values)
    found = encoder.unscaled(base + outputs(tmp_path / "series.onnx", features))[0]
    np.testing.assert_allclose(found, series.predict(values)[0].value, rtol=1e-5)
    (tmp_path / "tale.txt").write_text("the cat sat on the mat and the dog lay by the log. " * 30)
    writer = dl.fit(tmp_path / "tale.txt", time=4, progress=False)
    writer.export(tmp_path / "tale.onnx")
    for n, length in ((1, 9), (2, 30), (5, 9)):
        tokens = RNG.integers(0, 10, (n, length))
        found = outputs(tmp_path / "tale.onnx", tokens)
        np.testing.assert_allclose(found, writer.model(dl.asarray(tokens)).numpy_copy(), atol=1e-5)
