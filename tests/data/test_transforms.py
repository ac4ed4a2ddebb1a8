"""Transforms of image batches against NumPy's and Pillow's own, and their random numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

import dlengine as dl
from dlengine.data import transforms as t
from dlengine.errors import ConfigError, DLEngineError, DTypeError, ShapeError

IMAGES = np.random.default_rng(0).random((16, 3, 9, 11)).astype(np.float32)
ALL = t.Compose(
    [
        t.RandomCrop((8, 10), padding=2),
        t.RandomHorizontalFlip(),
        t.RandomVerticalFlip(),
        t.RandomRotation(20),
        t.GaussianNoise(0.1),
        t.Resize(6),
        t.CenterCrop(5),
        t.Normalize((0.1, 0.2, 0.3), (0.5, 0.6, 0.7)),
    ]
)


def test_composition_repeats_with_its_generator() -> None:
    before = IMAGES.copy()
    first, second, other = (ALL(IMAGES, dl.Generator(s)) for s in (1, 1, 2))
    assert (first.shape, first.dtype) == ((16, 3, 5, 5), np.float32)
    assert (first == second).all()
    assert (first != other).any()
    assert (IMAGES == before).all()
    dl.manual_seed(1)
    assert (ALL(IMAGES) == ALL(IMAGES, dl.Generator(1))).any()
    assert ALL(IMAGES[:0]).shape == (0, 3, 5, 5)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtypes_stay(dtype: str) -> None:
    assert ALL(IMAGES.astype(dtype)).dtype == dtype


def test_normalize_by_channel_statistics() -> None:
    mean, std = t.channel_statistics(IMAGES)
    again = t.channel_statistics(t.Normalize(mean, std)(IMAGES))
    np.testing.assert_allclose(again, ([0.0] * 3, [1.0] * 3), atol=1e-6)
    np.testing.assert_allclose(t.Normalize(0.5, 2.0)(IMAGES), (IMAGES - 0.5) / 2)


def test_crops_are_windows_of_the_padded_image() -> None:
    numbered = np.arange(5 * 6, dtype=np.float32).reshape(1, 1, 5, 6).repeat(200, 0) + 1
    wide = np.pad(numbered[0, 0], 1)
    windows = {wide[i : i + 5, j : j + 6].tobytes() for i in range(3) for j in range(3)}
    found = t.RandomCrop((5, 6), padding=1)(numbered, dl.Generator(0))
    assert {image.tobytes() for image in found} == windows
    assert t.CenterCrop(3)(numbered)[0, 0].tolist() == numbered[0, 0, 1:4, 1:4].tolist()


@pytest.mark.parametrize(("flip", "axis"), [(t.RandomHorizontalFlip, 3), (t.RandomVerticalFlip, 2)])
def test_flips(flip: Any, axis: int) -> None:
    turned = np.flip(IMAGES, axis)
    assert (flip(1.0)(IMAGES) == turned).all()
    assert (flip(0.0)(IMAGES) == IMAGES).all()
    found = flip(0.5)(IMAGES, dl.Generator(0))
    flipped = [(f == a).all() for f, a in zip(found, turned, strict=True)]
    assert 3 < sum(flipped) < 13
    assert all((found[i] == IMAGES[i]).all() for i, f in enumerate(flipped) if not f)


def test_quarter_turns_are_exact() -> None:
    square = IMAGES[:4, :, :9, :9].astype(np.float64)
    for quarters in range(4):
        np.testing.assert_allclose(t.rotate(square, 90.0 * quarters), np.rot90(square, quarters, (2, 3)), atol=1e-12)


def test_rotation_is_pillows() -> None:
    image = IMAGES[0, 0]
    expected = np.asarray(Image.fromarray(image).rotate(17, Image.Resampling.BILINEAR))
    found = t.rotate(IMAGES[:1, :1], 17)[0, 0]
    inside = (expected != 0) & (np.abs(found - expected) < 1e-3)
    assert inside[2:-2, 2:-2].all()  # at the border Pillow does not interpolate with the outside


def test_rotations_stay_in_the_range() -> None:
    square = IMAGES[:, :, :9, :9]
    np.testing.assert_allclose(t.RandomRotation((90, 90))(square), np.rot90(square, 1, (2, 3)), atol=1e-5)
    assert np.abs(t.RandomRotation(0)(IMAGES) - IMAGES).max() < 1e-6


def test_noise_has_its_deviation() -> None:
    noise = t.GaussianNoise(0.25)(np.zeros((50, 1, 40, 40)), dl.Generator(0))
    assert abs(noise.std() - 0.25) < 0.003
    assert abs(noise.mean()) < 0.003


@pytest.mark.parametrize("size", [(9, 11), (5, 7), (18, 22), (4, 25), (1, 1)])
def test_resize_is_pillows(size: tuple[int, int]) -> None:
    expected = np.asarray(Image.fromarray(IMAGES[0, 0]).resize((size[1], size[0]), Image.Resampling.BILINEAR))
    np.testing.assert_allclose(t.Resize(size)(IMAGES)[0, 0], expected, atol=2e-6)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: t.Normalize(0, 0), ConfigError, "std"),
        (lambda: t.Normalize((0, 0), (1, 1))(IMAGES), ShapeError, "C=3"),
        (lambda: t.RandomCrop(12)(IMAGES), ShapeError, "12x12"),
        (lambda: t.Resize(0)(IMAGES), ConfigError, "size"),
        (lambda: t.Resize(3)(IMAGES[0]), ShapeError, r"\(N,C,H,W\)"),
        (lambda: t.GaussianNoise(1)(np.zeros((1, 1, 2, 2), np.uint8)), DTypeError, "divide by 255"),
        (lambda: t.rotate(np.zeros((2, 2)), 3), ShapeError, r"\(N,C,H,W\)"),
        (lambda: t.channel_statistics(np.zeros(3)), ShapeError, r"\(N,C,H,W\)"),
    ],
)
def test_what_does_not_fit_is_refused(make: Callable[[], Any], error: type[DLEngineError], message: str) -> None:
    with pytest.raises(error, match=message):
        make()
