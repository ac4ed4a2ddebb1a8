"""Data sets, splits, loaders, and image files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import dlengine as dl
from dlengine import data
from dlengine.data import bundled
from dlengine.errors import CheckpointError, ConfigError, DataError, ShapeError

DIGITS = data.digits()


def test_digits_are_the_real_ones() -> None:
    images, labels = DIGITS.arrays
    assert (images.shape, images.dtype, labels.shape, labels.dtype) == ((1797, 1, 8, 8), np.float32, (1797,), np.int64)
    assert (images.min(), images.max()) == (0, 1)
    assert np.bincount(labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert data.digits("float64").arrays[0].dtype == np.float64
    assert DIGITS.classes == tuple("0123456789")
    image, label = DIGITS[0]
    assert image.shape == (1, 8, 8)
    assert label == 0


@pytest.mark.parametrize("damage", ["truncated", "flipped", "missing", "other"])
def test_a_damaged_file_is_named(damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import gzip

    content = bytearray(bundled.FILE.read_bytes())
    path = tmp_path / "digits.csv.gz"
    if damage == "truncated":
        path.write_bytes(content[:-1000])
    elif damage == "flipped":
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    elif damage == "other":
        path.write_bytes(gzip.compress(b"1,2\n"))
    monkeypatch.setattr(bundled, "FILE", path)
    with pytest.raises(DataError, match="digits.csv.gz: "):
        data.digits()


def test_splits_are_disjoint_complete_and_repeatable() -> None:
    a, b = DIGITS.split(0.8, seed=0)
    assert (len(a), len(b)) == (1438, 359)
    again, _ = DIGITS.split(0.8, seed=0)
    other, _ = DIGITS.split(0.8, seed=1)
    np.testing.assert_array_equal(a.arrays[1], again.arrays[1])
    assert (a.arrays[1] != other.arrays[1]).any()
    rows = data.ArrayDataset(np.arange(10))
    c, d = rows.split(0.5)
    assert sorted([*c.arrays[0], *d.arrays[0]]) == list(range(10))


def test_stratified_split_keeps_the_classes_in_proportion() -> None:
    labels = np.array([0] * 10 + [1] * 5 + [2] * 3)
    a, b = data.ArrayDataset(np.arange(18), labels).split(2 / 3, stratified=True)
    assert np.bincount(a.arrays[1]).tolist() == [7, 3, 2]
    assert np.bincount(b.arrays[1]).tolist() == [3, 2, 1]
    _, test = DIGITS.split(0.8, seed=0, stratified=True)
    assert np.abs(np.bincount(test.arrays[1]) - np.bincount(DIGITS.arrays[1]) * 0.2).max() <= 1


def test_splits_that_cannot_be() -> None:
    with pytest.raises(DataError, match="fraction must be between"):
        DIGITS.split(1.0)
    with pytest.raises(DataError, match="leaves a part empty"):
        data.ArrayDataset(np.arange(3)).split(0.01)
    with pytest.raises(DataError, match="needs integer labels"):
        data.ArrayDataset(np.zeros((4, 2))).split(0.5, stratified=True)
    with pytest.raises(ShapeError, match="must have one length"):
        data.ArrayDataset(np.zeros(3), np.zeros(4))
    with pytest.raises(DataError, match="at least one array"):
        data.ArrayDataset()


def test_loader_gives_batches_of_tensors() -> None:
    loader = data.DataLoader(data.ArrayDataset(np.arange(10.0, dtype="f4"), dl.arange(10)), 4)
    batches = list(loader)
    assert [x.shape for x, _ in batches] == [(4,), (4,), (2,)]
    assert (batches[0][0].dtype, batches[0][1].dtype) == (np.float32, np.int64)
    assert len(loader) == 3
    full = data.DataLoader(loader.dataset, 4, drop_last=True)
    assert len(full) == len(list(full)) == 2
    assert len(list(data.DataLoader(np.zeros((3, 2)), 2))) == 2


def order(loader: data.DataLoader) -> list[int]:
    return [int(v) for (batch,) in loader for v in batch]


def test_shuffling_follows_its_generator() -> None:
    dl.manual_seed(5)
    loader = data.DataLoader(np.arange(20), 3, shuffle=True)
    first, second = order(loader), order(loader)
    assert first != second
    assert sorted(first) == list(range(20))
    dl.manual_seed(5)
    again = data.DataLoader(np.arange(20), 3, shuffle=True)
    dl.rand(100)  # what else draws numbers does not change the order
    assert order(again) == first
    assert order(data.DataLoader(np.arange(20), 3, shuffle=True, generator=dl.Generator(5))) != first


@pytest.mark.parametrize("after", [0, 1, 4, 7])
def test_loader_resumes_after_any_batch(after: int) -> None:
    def make() -> data.DataLoader:
        return data.DataLoader(np.arange(20), 3, shuffle=True, generator=dl.Generator(1))

    loader = make()
    batches = iter(loader)
    for _ in range(after):
        next(batches)
    state = loader.state_dict()
    rest = [int(v) for (batch,) in batches for v in batch]
    resumed = make()
    resumed.load_state_dict(state)
    assert order(resumed) == rest
    assert order(resumed) == order(loader)


def test_loader_refuses_nonsense() -> None:
    loader = data.DataLoader(np.arange(4), 2)
    with pytest.raises(ConfigError, match="batch_size"):
        data.DataLoader(np.arange(4), 0)
    with pytest.raises(CheckpointError, match="not the state of a loader"):
        loader.load_state_dict({})
    with pytest.raises(CheckpointError, match="is at batch 9"):
        loader.load_state_dict({"generator": dl.Generator(0).state_dict(), "batches": 9})


class Squares(data.Dataset):
    def __len__(self) -> int:
        return 5

    def __getitem__(self, index: int) -> Any:
        return np.full(2 if index < 4 else 3, index), index**2


def test_any_dataset_is_stacked() -> None:
    x, y = next(iter(data.DataLoader(Squares(), 3)))
    assert x.shape == (3, 2)
    assert y.numpy().tolist() == [0, 1, 4]
    with pytest.raises(ShapeError, match="different shapes"):
        Squares().batch([3, 4])
    with pytest.raises(NotImplementedError):
        len(data.Dataset())


def test_images_from_png_and_npy(tmp_path: Path) -> None:
    image = np.arange(64, dtype=np.uint8).reshape(8, 8) * 4
    Image.fromarray(image).save(tmp_path / "a.png")
    np.save(tmp_path / "b.npy", image)
    np.save(tmp_path / "c.npy", image[None].astype("f8") / 255)
    for name in ("a.png", "b.npy", "c.npy"):
        np.testing.assert_allclose(data.read_image(tmp_path / name, (8, 8)), image[None] / 255, atol=1e-6)
    Image.fromarray(np.kron(image, np.ones((4, 4), np.uint8))).convert("RGB").save(tmp_path / "large.png")
    np.testing.assert_allclose(data.read_image(tmp_path / "large.png", (8, 8)), image[None] / 255, atol=1e-6)


def test_images_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64)).astype(np.uint8)).save(tmp_path / "cut.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "cut.png").read_bytes()[:500])
    np.save(tmp_path / "cut.npy", np.zeros((8, 8)))
    (tmp_path / "cut.npy").write_bytes((tmp_path / "cut.npy").read_bytes()[:200])
    (tmp_path / "text.png").write_text("no picture")
    np.save(tmp_path / "pickled.npy", np.array([object()]), allow_pickle=True)
    np.save(tmp_path / "line.npy", np.zeros(64))
    np.save(tmp_path / "nan.npy", np.full((8, 8), np.nan))
    np.save(tmp_path / "sixteen.npy", np.full((8, 8), 16.0))
    np.save(tmp_path / "words.npy", np.array([["a"]]))
    for name, words in (
        ("cut.png", "not a readable image"),
        ("cut.npy", "not a readable NPY"),
        ("text.png", "not a readable image"),
        ("pickled.npy", "not a readable NPY"),
        ("line.npy", r"got shape \(64,\)"),
        ("nan.npy", "not finite"),
        ("sixteen.npy", "must be from 0 to 1"),
        ("words.npy", "one array of numbers"),
        ("absent.png", "no such image"),
    ):
        with pytest.raises(DataError, match=rf"{name}: .*{words}"):
            data.read_image(tmp_path / name, (8, 8))
