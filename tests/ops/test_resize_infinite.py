"""Resizing beside infinite values: what lies outside an output's window does not reach it, and nothing moves at one size."""

from __future__ import annotations

import numpy as np
import pytest

import dlengine as dl
from dlengine import nn


@pytest.mark.parametrize(("shape", "size"), [((1, 2, 7, 5), (3, 4)), ((2, 1, 4, 6), (5, 5)), ((1, 1, 5, 9), (2, 7))])
def test_area_is_the_mean_of_the_window(backend: str, shape: tuple[int, ...], size: tuple[int, int]) -> None:
    x = np.random.default_rng(0).standard_normal(shape)
    x[0, 0, 3, 2] = np.inf
    y = nn.functional.interpolate(dl.asarray(x), size=size, mode="area").numpy()
    for i, j in np.ndindex(*size):
        rows = slice(i * shape[2] // size[0], -(-(i + 1) * shape[2] // size[0]))
        columns = slice(j * shape[3] // size[1], -(-(j + 1) * shape[3] // size[1]))
        np.testing.assert_allclose(y[..., i, j], x[..., rows, columns].mean(axis=(2, 3)), rtol=1e-13)


@pytest.mark.parametrize("mode", ["nearest", "bilinear", "bicubic", "area"])
def test_the_same_size_is_the_same_image(backend: str, mode: str) -> None:
    x = np.random.default_rng(1).standard_normal((1, 2, 4, 3))
    x[0, 1, 2, 1], x[0, 0, 0, 0] = -np.inf, np.nan
    np.testing.assert_array_equal(nn.functional.interpolate(dl.asarray(x), size=(4, 3), mode=mode).numpy(), x)
    tall = nn.functional.interpolate(dl.asarray(x), size=(8, 3), mode="nearest").numpy()
    np.testing.assert_array_equal(tall, np.repeat(x, 2, axis=2))
