"""Data made by rule: their rules, and that they are the same bits everywhere."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import dlengine as dl
from dlengine import data
from dlengine.data import drawings, synthetic
from dlengine.errors import ConfigError, ShapeError

SETS: dict[str, Callable[[dl.Generator], Any]] = {
    "adding": lambda g: data.adding_problem(50, 21, g).arrays,
    "copy": lambda g: data.sequence_copy(50, 5, 7, generator=g).arrays,
    "addition": lambda g: data.addition_strings(50, 4, g).sources,
    "moons": lambda g: data.two_moons(50, generator=g).arrays,
    "spirals": lambda g: data.spirals(50, generator=g, dtype="float64").arrays,
    "shapes": lambda g: (drawn := data.shapes_with_captions(50, generator=g)).captions + (drawn.images,),
}
SUMS = {
    "adding": "1e0bd05ca215811f",
    "copy": "d0f85105b3604935",
    "addition": "c7a02a627f2c606e",
    "moons": "ce4741a430e00fe1",
    "spirals": "5f9a0b2ab304ec81",
    "shapes": "08bb8145f6a8c760",
}


def digest(parts: Any) -> str:
    total = hashlib.sha256()
    for part in parts:
        total.update(part.encode() if isinstance(part, str) else part.tobytes())
    return total.hexdigest()[:16]


@pytest.mark.parametrize("name", SETS)
def test_bits_are_the_same_everywhere(name: str) -> None:
    """Digests of little-endian arrays, taken once."""
    assert digest(SETS[name](dl.Generator(1))) == SUMS[name]


@pytest.mark.parametrize("name", SETS)
@pytest.mark.backends("numpy", "numba")
def test_seeds_and_backends(name: str, backend: str) -> None:
    assert digest(SETS[name](dl.Generator(1))) == SUMS[name]
    assert digest(SETS[name](dl.Generator(2))) != SUMS[name]


def test_adding_problem() -> None:
    x, y = data.adding_problem(500, 9, dl.Generator(0)).arrays
    assert (x.shape, y.shape, x.dtype) == ((500, 9, 2), (500, 1), np.float32)
    marks = x[:, :, 1]
    assert set(np.unique(marks)) == {0, 1}
    assert (marks[:, :4].sum(1) == 1).all()
    assert (marks[:, 4:].sum(1) == 1).all()
    np.testing.assert_allclose((x[:, :, 0] * marks).sum(1), y[:, 0], rtol=1e-6)
    assert ((y - 1) ** 2).mean() == pytest.approx(1 / 6, rel=0.15)


def test_sequence_copy() -> None:
    x, y = data.sequence_copy(20, 5, 7, symbols=3, generator=dl.Generator(0)).arrays
    assert x.shape == y.shape == (20, 17)
    assert ((x[:, :5] >= 1) & (x[:, :5] <= 3)).all()
    assert (x[:, 11] == 4).all()
    assert (np.delete(x[:, 5:], 6, axis=1) == 0).all()
    assert (y[:, 12:] == x[:, :5]).all()
    assert (y[:, :12] == 0).all()


def test_addition_strings() -> None:
    pairs = data.addition_strings(300, 3, dl.Generator(0))
    assert all(sum(map(int, a.split("+"))) == int(b) for a, b in pairs)
    lengths = np.bincount([len(a.split("+")[0]) for a in pairs.sources])
    assert (lengths[1:] > 60).all()


def test_moons_and_spirals_are_where_they_should_be() -> None:
    x, y = data.two_moons(100, 0.0, dl.Generator(0), dtype="float64").arrays
    assert np.bincount(y).tolist() == [50, 50]
    centre = np.where(y == 0, 0.0, 1.0), np.where(y == 0, 0.0, 0.5)
    np.testing.assert_allclose(np.hypot(x[:, 0] - centre[0], x[:, 1] - centre[1]), 1)
    x, y = data.spirals(90, 3, noise=0, generator=dl.Generator(0), dtype="float64").arrays
    assert np.bincount(y).tolist() == [30, 30, 30]
    turned = (np.arctan2(x[:, 1], x[:, 0]) / (2 * np.pi) - y / 3 - 0.75 * np.hypot(*x.T)) % 1
    assert np.minimum(turned, 1 - turned).max() < 1e-9


def test_cosine_and_sine() -> None:
    turns = np.linspace(-2, 3, 10_001)
    cos, sin = synthetic.cos_sin(turns)
    np.testing.assert_allclose(cos, np.cos(2 * np.pi * turns), atol=1e-14)
    np.testing.assert_allclose(sin, np.sin(2 * np.pi * turns), atol=1e-14)


def test_captions_describe_the_drawings() -> None:
    drawn = data.shapes_with_captions(300, 32, dl.Generator(0))
    assert drawn.images.shape == (300, 3, 32, 32)
    for image, caption in zip(drawn.images, drawn.captions, strict=True):
        words = caption.split()
        found = {tuple(p) for p in image.reshape(3, -1).T.tolist()} - {(0, 0, 0)}
        assert found == {drawings.COLOURS[w] for w in words if w in drawings.COLOURS}
        shown = [w for w in words if w in drawings.COLOURS]
        if len(shown) == 2 and shown[0] != shown[1]:
            first, second = (
                np.argwhere((image == np.array(drawings.COLOURS[c])[:, None, None]).all(0)).mean(0) for c in shown
            )
            dy, dx = first - second
            relation = " ".join(words[4:-4])
            assert {"left of": dx < -4, "right of": dx > 4, "above": dy < -4, "below": dy > 4}[relation], caption
    alone = {c: i for i, c in zip(drawn.images, drawn.captions, strict=True) if len(c.split()) == 4}
    area = {c: int((i.max(0) > 0).sum()) for c, i in alone.items()}
    assert min(n for c, n in area.items() if "large" in c and "circle" in c) > 350
    assert max(n for c, n in area.items() if "small" in c) < 200


def test_blended_digits() -> None:
    digits = data.ImageDataset(np.full((5, 1, 4, 4), 200, np.uint8), np.arange(5))
    patches = data.ImageDataset(np.full((2, 3, 6, 6), 50, np.uint8), np.zeros(2, int))
    found = data.blended_digits(digits, patches, dl.Generator(0))
    assert found.arrays[0].shape == (5, 3, 4, 4)
    assert (found.arrays[0] == 150).all()
    assert found.arrays[1].tolist() == list(range(5))
    with pytest.raises(ShapeError, match="blended_digits"):
        data.blended_digits(patches, digits)


@pytest.mark.parametrize(
    "make",
    [
        lambda: data.adding_problem(3, 1),
        lambda: data.sequence_copy(3, 0, 1),
        lambda: data.addition_strings(3, 16),
        lambda: data.two_moons(-1),
        lambda: data.spirals(3, 0),
        lambda: data.shapes_with_captions(3, 8),
    ],
)
def test_impossible_sizes_are_refused(make: Callable[[], Any]) -> None:
    with pytest.raises(ConfigError):
        make()
