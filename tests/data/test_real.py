"""The real data sets, where DLENGINE_DATA names a folder that holds them; nothing is downloaded here."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from dlengine import data
from dlengine.data import corpora, pictures, series, sources
from dlengine.data.sources import DataFile, available, content
from dlengine.errors import DataError


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(url: str) -> bytes:
        raise OSError("tests use no network")

    monkeypatch.setattr(sources, "fetch", refuse)


def need(*files: DataFile) -> None:
    if not os.environ.get("DLENGINE_DATA"):
        pytest.skip("DLENGINE_DATA names no folder of data sets")
    missing = [file.name for file in files if not available(file)]
    if missing:
        pytest.skip(f"not in DLENGINE_DATA: {', '.join(missing)}")


IMAGES: list[tuple[str, tuple[DataFile, ...], Callable[[], data.ImageDataset], tuple[int, ...], list[int]]] = [
    ("mnist", pictures.MNIST[True], data.mnist, (60000, 1, 28, 28), [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]),
    (
        "mnist test",
        pictures.MNIST[False],
        lambda: data.mnist(False),
        (10000, 1, 28, 28),
        [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009],
    ),
    ("fashion", pictures.FASHION_MNIST[True], data.fashion_mnist, (60000, 1, 28, 28), [6000] * 10),
    ("fashion test", pictures.FASHION_MNIST[False], lambda: data.fashion_mnist(False), (10000, 1, 28, 28), [1000] * 10),
    ("usps", pictures.USPS[True], data.usps, (7291, 1, 16, 16), [1194, 1005, 731, 658, 652, 556, 664, 645, 542, 644]),
    ("cifar10", pictures.CIFAR10_TRAIN, data.cifar10, (50000, 3, 32, 32), [5000] * 10),
    ("omniglot", pictures.OMNIGLOT[True], data.omniglot, (19280, 1, 28, 28), [20] * 964),
]


@pytest.mark.parametrize(("name", "files", "read", "shape", "counts"), IMAGES, ids=[row[0] for row in IMAGES])
def test_images(name: str, files: tuple[DataFile, ...], read: Any, shape: tuple[int, ...], counts: list[int]) -> None:
    need(*files)
    found = read()
    assert found.arrays[0].shape == shape
    assert np.bincount(found.arrays[1]).tolist() == counts
    image, label = found[0]
    assert (image.dtype, image.min() >= 0, image.max() <= 1) == (np.float32, True, True)
    assert label == found.arrays[1][0]


@pytest.mark.parametrize(("read", "mean", "std"), [(data.mnist, 0.1307, 0.3081), (data.fashion_mnist, 0.2860, 0.3530)])
def test_the_usual_statistics(read: Callable[[], data.ImageDataset], mean: float, std: float) -> None:
    need(*(pictures.MNIST if read is data.mnist else pictures.FASHION_MNIST)[True])
    pixels = read().arrays[0] / 255
    assert pixels.mean() == pytest.approx(mean, abs=5e-5)
    assert pixels.std() == pytest.approx(std, abs=5e-5)


def test_cifar10_for_testing() -> None:
    need(pictures.CIFAR10_TEST_1000)
    found = data.cifar10(train=False)
    assert len(found) in (1000, 10000)
    assert [found.classes[i] for i in found.arrays[1][:4]] == ["cat", "ship", "ship", "airplane"]


def test_omniglot_evaluation_classes_are_others() -> None:
    need(*pictures.OMNIGLOT[False])
    found = data.omniglot(False)
    assert (found.arrays[1].min(), found.arrays[1].max(), len(found)) == (964, 1622, 13180)
    assert len(np.unique(data.omniglot(False, label="alphabet").arrays[1])) == 20


@pytest.mark.parametrize("file", [f for files in pictures.USPS.values() for f in files], ids=lambda f: f.name)
def test_the_official_usps_text_gives_the_same(file: DataFile) -> None:
    official = replace(file, places=file.places[2:])
    need(official)
    assert len(content(official)) == file.size


@pytest.mark.slow
@pytest.mark.parametrize("file", [f for files in pictures.OMNIGLOT.values() for f in files], ids=lambda f: f.name)
def test_the_official_omniglot_zip_gives_the_same(file: DataFile) -> None:
    official = replace(file, places=file.places[2:])
    need(official)
    assert len(content(official)) == file.size


def test_texts() -> None:
    need(corpora.TINY_SHAKESPEARE, corpora.ENGLISH_FRENCH, corpora.WORD_ANALOGIES)
    text = data.tiny_shakespeare()
    assert (len(text), len(data.Vocabulary(text))) == (1_115_394, 65)
    pairs = data.english_french()
    assert (len(pairs), pairs[0]) == (142_787, ("Go.", "Va !"))
    analogies = data.word_analogies()
    assert (len(analogies), sum(map(len, analogies.values()))) == (14, 19_544)
    assert ("athens", "greece", "baghdad", "iraq") in analogies["capital-common-countries"]


def test_wikipedia() -> None:
    need(corpora.WIKIPEDIA)
    tokens = data.wikipedia().split()
    assert (len(tokens), tokens[:3]) == (6_786_633, ["anarchism", "is", "a"])


def test_series() -> None:
    need(series.AIRLINE, series.SUNSPOTS, series.TEMPERATURES)
    found = [data.airline(), data.sunspots(), data.temperatures()]
    assert [len(s) for s in found] == [144, 2820, 3650]
    assert [(s.values.min(), s.values.max()) for s in found[:1]] == [(104, 622)]
    assert (found[2].times[0], found[2].times[-1]) == ("1981-01-01", "1990-12-31")


def test_without_a_network_there_is_one_clear_error(tmp_path: Any) -> None:
    with pytest.raises(DataError, match="mnist/train-images.*tests use no network.*--data-dir, DLENGINE_DATA"):
        data.mnist(data_dir=tmp_path)
