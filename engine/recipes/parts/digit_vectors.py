"""The bundled digits as vectors, and settings of recipes that use them."""

from __future__ import annotations

from ... import data
from ..recipe import Setting

EPOCHS = Setting(20, "passes over the training set", low=1)


BATCH = Setting(32, "samples in a step", low=1)


HOLDOUT = Setting(0.2, "part of the images kept for the test", low=0.01, high=0.9)


def flat_digits(holdout: float, seed: int) -> tuple[data.ArrayDataset, data.ArrayDataset]:
    """The bundled digits as vectors (N,64): training and test set."""
    images, labels = data.digits().arrays
    vectors = data.ArrayDataset(images.reshape(-1, 64), labels, classes=[str(d) for d in range(10)])
    return vectors.split(1.0 - holdout, seed=seed, stratified=True)
