"""Readers of data of one's own: what each finds in good files of every form."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Any

import numpy as np
import own_data as own
import pytest
from PIL import Image

from dlengine import data
from dlengine.errors import ConfigError, DataError

RNG = np.random.default_rng(0)


def wav(path: Path, values: Any, width: int, channels: int = 1, rate: int = 8000) -> Path:
    top = 2 ** (8 * width - 1)
    whole = (np.asarray(values) * (top - 1)).astype(np.int64) + (128 if width == 1 else 0)
    content = b"".join(int(v).to_bytes(width, "little", signed=width > 1) for v in whole.reshape(-1))
    with wave.open(str(path), "wb") as file:
        file.setparams((channels, width, rate, 0, "NONE", ""))
        file.writeframes(content)
    return path


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_wav_of_every_width(width: int, tmp_path: Path) -> None:
    values = np.sin(np.arange(400) / 9) * 0.8
    found, rate = data.load_sound(wav(tmp_path / "a.wav", values, width))
    assert rate == 8000
    assert np.abs(found - values).max() < (0.02 if width == 1 else 1e-4)


def test_stereo_is_averaged_and_rates_are_changed(tmp_path: Path) -> None:
    t = np.arange(1600)
    left, right = np.sin(t / 9) * 0.5, np.zeros(1600)
    path = wav(tmp_path / "a.wav", np.stack([left, right], axis=1), 2, channels=2, rate=16000)
    assert np.abs(data.load_sound(path)[0] - left / 2).max() < 1e-4
    halved, rate = data.load_sound(path, 8000)
    assert (len(halved), rate) == (800, 8000)
    assert np.abs(halved[50:-50] - left[::2][50:-50] / 2).max() < 5e-3


def test_flac_and_floating_wav(tmp_path: Path) -> None:
    soundfile = pytest.importorskip("soundfile")
    values = (np.sin(np.arange(4000) / 7) * 0.7).astype(np.float32)
    soundfile.write(tmp_path / "a.flac", values, 8000, subtype="PCM_24")
    soundfile.write(tmp_path / "b.wav", values, 8000, subtype="FLOAT")
    for name in ("a.flac", "b.wav"):
        found, rate = data.load_sound(tmp_path / name)
        assert rate == 8000
        assert np.abs(found - values).max() < 1e-5


def test_log_mel_tells_high_from_low() -> None:
    t = np.arange(8000) / 8000
    low, high = (data.log_mel(np.sin(2 * np.pi * f * t), 8000).mean(axis=1).argmax() for f in (200, 3000))
    assert low < high
    assert np.isfinite(data.log_mel(np.zeros(10), 8000)).all()


def test_images_of_every_form(tmp_path: Path) -> None:
    grey = RNG.integers(0, 256, (10, 12)).astype(np.uint8)
    colour = RNG.integers(0, 256, (10, 12, 3)).astype(np.uint8)
    Image.fromarray(grey).save(tmp_path / "grey.png")
    Image.fromarray(grey.astype(np.uint16) * 257).save(tmp_path / "deep.png")
    Image.fromarray(colour).save(tmp_path / "colour.bmp")
    Image.fromarray(colour).save(tmp_path / "colour.webp", lossless=True)
    assert np.array_equal(data.load_image(tmp_path / "grey.png")[0], grey)
    assert np.abs(data.load_image(tmp_path / "deep.png")[0].astype(int) - grey).max() <= 1
    for name in ("colour.bmp", "colour.webp"):
        assert np.array_equal(data.load_image(tmp_path / name), colour.transpose(2, 0, 1))
    clear = np.dstack([colour, np.zeros((10, 12), dtype=np.uint8)])
    Image.fromarray(clear).save(tmp_path / "clear.png")
    assert (data.load_image(tmp_path / "clear.png") == 255).all()
    turned = Image.Exif()
    turned[0x0112] = 6  # the camera was held upright
    Image.fromarray(colour).save(tmp_path / "turned.png", exif=turned)
    assert data.load_image(tmp_path / "turned.png").shape == (3, 12, 10)
    assert data.load_image(tmp_path / "grey.png", (5, 6)).shape == (3, 5, 6)


def test_a_folder_is_grey_if_all_images_are(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
        Image.new("RGB", (200, 100), (9, 9, 9)).save(tmp_path / name / "1.jpg")
    samples = data.read(tmp_path)
    assert samples.inputs.shape == (2, 1, 32, 64)
    assert "grey, read from 200 x 100" not in samples.describe()
    assert "read from 100 x 200" in samples.describe()
    Image.new("RGB", (64, 32), (200, 9, 9)).save(tmp_path / "b" / "2.png")
    assert data.read(tmp_path).inputs.shape[1] == 3


@pytest.mark.parametrize(
    ("texts", "kind"),
    [
        (["1", "2.5", "", "-3e2"], "number"), (["1,5", "2", "3", "4"], "category"),
        (["red", "blue", "red", ""], "category"),
        (["2024-01-31", "2024-02-29", "", "2023-12-01"], "date"),
        (["31.01.2024", "29.02.2024", "01.02.2023", "02.03.2020"], "date"),
        (["1/31/2024", "2/28/2024", "12/1/2023", "3/4/2020"], "date"), (["2024-01", "2024-02", "2024-03", "2024-05"], "date"),
        (["2024-01-31T12:30:00Z", "2024-02-01 07:00", "2024-02-02", "2024-02-03"], "date"),
        (["a long text of words", "another long text", "some more words here", "and again words"], "text"),
    ],
)  # fmt: skip
def test_kinds_of_columns(texts: list[str], kind: str, tmp_path: Path) -> None:
    rows = [[t, k % 3 * 1.5, "yn"[k % 2]] for k, t in enumerate(texts)]
    found = data.read_table(own.rows_file(tmp_path / "t.csv", ["c", "x", "target"], rows))
    assert found.inputs.kinds["c"] == kind
    assert any("the frequent words are used: c" in note for note in found.notes) == (kind == "text")


def test_month_and_day_are_told_apart(tmp_path: Path) -> None:
    rows = [[d, k, "yn"[k % 2]] for k, d in enumerate(["1/31/2024", "2/3/2024", "12/1/2023"])]
    found = data.read_table(own.rows_file(tmp_path / "t.csv", ["day", "x", "target"], rows)).inputs.columns["day"]
    assert [str(d)[:10] for d in found] == ["2024-01-31", "2024-02-03", "2023-12-01"]


def test_targets_and_tasks(tmp_path: Path) -> None:
    rows = [[k % 4, k * 0.5, k % 2, f"c{k % 3}"] for k in range(40)]
    path = own.rows_file(tmp_path / "t.csv", ["a", "price", "label", "kind"], rows)
    assert data.read_table(path).settings["target"] == "label"
    assert data.read_table(path, "kind").classes == ["c0", "c1", "c2"]
    assert data.read_table(path, "price").task == "regression"
    assert data.read_table(path, "label", task="regression").task == "regression"
    with pytest.raises(DataError, match=r"t.csv: line 2: target 'kind' must be a number, got 'c0'"):
        data.read_table(path, "kind", task="regression")
    with pytest.raises(ConfigError, match="no column 'prices'"):
        data.read_table(path, "prices")


def test_a_file_without_a_header(tmp_path: Path) -> None:
    path = tmp_path / "iris.data.csv"
    path.write_text("".join(f"{5 + k % 7 / 10:.1f},{3 + k % 5 / 10:.1f},kind-{k % 2}\n" for k in range(30)))
    samples = data.read_table(path)
    assert len(samples) == 30
    assert samples.settings["target"] == "column3"


def test_what_says_nothing_is_left_out(tmp_path: Path) -> None:
    rows = [[k, "", "same", f"id{k}", k % 5 + 0.5, "ab"[k % 2]] for k in range(40)]
    samples = data.read_table(own.rows_file(tmp_path / "t.csv", ["row", "empty", "same", "key", "x", "target"], rows))
    assert list(samples.inputs.columns) == ["x"]
    text = samples.describe()
    for words in ("empty: empty", "constant: same", "different in each row: row, key"):
        assert words in text


def test_parquet(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    columns = {"x": [1.0, None, 3.0] * 5, "colour": ["red", "blue", None] * 5, "target": ["a", "b", "b"] * 5}
    parquet.write_table(arrow.table(columns), tmp_path / "t.parquet")
    samples = data.read(tmp_path / "t.parquet")
    assert samples.inputs.gaps() == {"x": 5, "colour": 5}
    assert samples.classes == ["a", "b"]
    (tmp_path / "bad.parquet").write_bytes((tmp_path / "t.parquet").read_bytes()[:-30])
    with pytest.raises(DataError, match="bad.parquet"):
        data.read(tmp_path / "bad.parquet")


def test_series_with_gaps_and_out_of_order(tmp_path: Path) -> None:
    days = np.datetime64("2024-01-01") + np.arange(40)
    rows = [[d, "" if k == 7 else k * 1.5, 3] for k, d in enumerate(days)]
    path = own.rows_file(tmp_path / "s.csv", ["day", "value", "other"], rows)
    samples = data.read_series(path, "value")
    assert samples.inputs[7] == pytest.approx(10.5)
    assert samples.settings["step"] == "day"
    assert "1 missing values were filled" in samples.describe()
    assert data.read(path, task="forecasting").settings["target"] == "other"
    rows[5], rows[6] = rows[6], rows[5]
    with pytest.raises(DataError, match=r"s.csv: line 8: 2024-01-06T00:00:00 is earlier than the line before"):
        data.read_series(own.rows_file(path, ["day", "value", "other"], rows))
    with pytest.raises(ConfigError, match="horizon"):
        data.read_series(path, horizon=0)


def test_arrays_in_memory() -> None:
    labels = np.arange(12) % 2
    assert data.samples_of_arrays(np.zeros((12, 6, 7, 3)), labels).inputs.shape == (12, 3, 6, 7)
    assert data.samples_of_arrays(np.zeros((12, 6, 7), dtype=np.int64), labels).inputs.dtype == np.uint8
    assert data.samples_of_arrays(["a b"] * 12, labels).kind == "texts"
    assert data.samples_of_arrays(np.zeros(12), labels).kind == "table"
    assert data.samples_of_arrays([{"a": 1, "b": "x", "y": 0.5}, {"a": 2, "b": "y", "y": 1.5}], target="y").task == "regression"
    for wrong in (np.zeros((2, 2, 2, 2, 2)), np.zeros((12, 2), dtype=complex), np.array([{}] * 12), np.zeros((0, 3))):
        with pytest.raises(DataError):
            data.samples_of_arrays(wrong, labels[: len(wrong)])
