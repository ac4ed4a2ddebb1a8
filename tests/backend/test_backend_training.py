"""Whole-training parity: one seed, the same weights and masks bit for bit, and curves that stay together."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import dlengine as dl
from dlengine import data, nn, optim

STEPS = 50
CLOSE = {"float32": 1e-4, "float64": 1e-8}


def training(backend: str, dtype: str) -> tuple[dict[str, Any], list[Any], list[float]]:
    """Initial weights, the dropout masks of the first steps, and the loss of each step, of the network of digits-cnn."""
    images = data.digits(dtype)
    masks = []
    with dl.use_backend(backend):
        dl.manual_seed(0)
        drop = nn.Dropout(0.3)
        model = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), drop, nn.Linear(64, 10),
        ).to(dtype)  # fmt: skip
        start = {k: v.numpy_copy() for k, v in model.state_dict().items()}
        drop.register_forward_hook(lambda m, args, y: masks.append((y.detach().numpy_copy() != 0) | (args[0].numpy_copy() == 0)))
        optimizer = optim.Adam(model.parameters(), lr=3e-3)
        loss = nn.CrossEntropyLoss()
        losses: list[float] = []
        loader = data.DataLoader(images, 32, shuffle=True, drop_last=True)
        while len(losses) < STEPS:
            for x, y in loader:
                optimizer.zero_grad()
                value = loss(model(x), y)
                value.backward()
                optimizer.step()
                losses.append(float(value.detach()))
    return start, masks[:1], losses[:STEPS]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_numpy_and_numba_train_alike(dtype: str) -> None:
    weights, masks, losses = training("numpy", dtype)
    weights2, masks2, losses2 = training("numba", dtype)
    for name, w in weights.items():
        np.testing.assert_array_equal(w, weights2[name])
    np.testing.assert_array_equal(masks, masks2)
    assert losses[-1] < 0.7 * losses[0]
    np.testing.assert_allclose(losses2, losses, rtol=CLOSE[dtype])


def test_dropout_masks_are_bit_equal_on_every_backend() -> None:
    x = dl.ones((7, 33))
    found = []
    for name in ("numpy", "numba"):
        with dl.use_backend(name):
            found.append([nn.Dropout(p, generator=dl.Generator(9))(x).numpy() for p in (0.1, 0.5, 0.9)])
    np.testing.assert_array_equal(found[0], found[1])
