"""Data of one's own for tests: digits as PNG, tables with gaps, texts, series and tones, written as a user has them."""

from __future__ import annotations

import csv
import wave
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from dlengine import data


def digit_folder(folder: Path, most: int | None = None) -> Path:
    """The bundled digits as PNG files by class."""
    images, labels = data.digits().arrays
    for i, (image, label) in enumerate(zip(images[:most], labels[:most], strict=True)):
        home = folder / str(label)
        home.mkdir(parents=True, exist_ok=True)
        Image.fromarray((image[0] * 255).astype(np.uint8)).save(home / f"{i:04d}.png")
    return folder


def table_file(path: Path, x: Any, target: Any, gaps: float = 0.05, category: int = 2) -> Path:
    """A CSV table with gaps, a column of categories made of a column, and the target."""
    rng = np.random.default_rng(0)
    bands = np.digitize(x[:, category], np.quantile(x[:, category], [0.25, 0.5, 0.75]))
    holes = rng.random(x.shape) < gaps
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*(f"f{k}" for k in range(x.shape[1])), "band", "target"])
        for row, hole, band, t in zip(x, holes, bands, target, strict=True):
            cells = ["" if h else f"{v:.6g}" for v, h in zip(row, hole, strict=True)]
            writer.writerow([*cells, "" if rng.random() < gaps else "abcd"[band], t])
    return path


def rows_file(path: Path, header: list[str], rows: Any) -> Path:
    """A CSV file of a header and rows."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def vowel(formants: tuple[int, int], rng: np.random.Generator, rate: int = 8000) -> Any:
    """A sung vowel: harmonics of a trembling tone that two formants emphasize, with noise."""
    n = int(rate * rng.uniform(0.35, 0.7))
    t = np.arange(n) / rate
    base = rng.uniform(100, 220) * (1 + 0.03 * np.sin(2 * np.pi * 5 * t))
    phase = 2 * np.pi * np.cumsum(base) / rate
    sound = np.zeros(n)
    shifted = [f * rng.uniform(0.95, 1.05) for f in formants]
    for h in range(1, int(3800 / base.mean()) + 1):
        strength = 0.02 + sum(np.exp(-(((h * base.mean() - f) / 150) ** 2)) for f in shifted)
        sound += strength * np.sin(h * phase + rng.uniform(0, 6))
    sound = sound / np.abs(sound).max() * rng.uniform(0.2, 0.8) * np.hanning(n) ** 0.3
    return sound + rng.normal(0, 0.02, n)


VOWELS = {"a": (700, 1200), "i": (300, 2300), "u": (320, 800), "o": (450, 900), "e": (450, 1900)}


def vowel_folder(folder: Path, each: int) -> Path:
    """Sung vowels as WAV files by class."""
    rng = np.random.default_rng(0)
    for name, formants in VOWELS.items():
        for i in range(each):
            (folder / name).mkdir(parents=True, exist_ok=True)
            sound_file(folder / name / f"{i:02d}.wav", vowel(formants, rng))
    return folder


def sound_file(path: Path, values: Any, rate: int = 8000) -> Path:
    """A WAV file of 16 bits."""
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes((np.asarray(values) * 32767).clip(-32768, 32767).astype("<i2").tobytes())
    return path
