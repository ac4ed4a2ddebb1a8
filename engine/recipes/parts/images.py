"""Parts of the recipes on images: the data, training of autoencoders, and measures of codes and scores."""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import data
from ...autograd.base import no_grad
from ...data import ArrayDataset
from ...errors import ConfigError
from ...nn import Module
from ...ops.conversion import asarray
from ...training import Trainer
from ..experiment import dtype_of

Host = np.ndarray[Any, Any]


def image_sets(name: str, seed: int = 0, limit: int = 0) -> tuple[ArrayDataset, ArrayDataset]:
    """Training and test images with labels: "digits" (bundled, a fifth for the test), "mnist" or "fashion".

    limit: the number of training images, 0 for all.
    """
    if name == "digits":
        train, test = data.digits().split(0.8, seed=seed, stratified=True)
    else:
        read = {"mnist": data.mnist, "fashion": data.fashion_mnist}[name]
        train, test = read(True), read(False)
    return (train.subset(range(limit)) if limit else train), test


def images_of(samples: ArrayDataset, dtype: Any = None) -> tuple[Host, Host]:
    """All images (N,C,H,W), from 0 to 1, and all labels (N,)."""
    images, labels = samples.batch(range(len(samples)))
    return images if dtype is None else images.astype(dtype), labels


class Reconstruction(Trainer):
    """Trains an autoencoder: the loss compares model(x) with x, the first part of a batch."""

    def train_step(self, batch: Any) -> float:
        x = batch[0]
        return self.update(self.loss(self.forward(x), x))

    def evaluate_step(self, batch: Any) -> float:
        x = batch[0]
        return float(self.loss(self.forward(x), x))


def outputs(model: Module, inputs: Any, call: Any = None, batch: int = 500) -> Host:
    """The outputs of a model, or of one of its functions (call), for all inputs, in evaluation mode and without gradients."""
    mode, kind = model.training, dtype_of(model)
    model.eval()
    with no_grad():
        made = [
            (call or model)(asarray(inputs[i : i + batch].astype(kind) if inputs.dtype.kind == "f" else inputs[i : i + batch]))
            for i in range(0, len(inputs), batch)
        ]
    model.train(mode)
    return np.concatenate([m.numpy_copy() for m in made])


def checked_item(images: Any, name: str, number: int) -> Any:
    """The image with a number; name: the option that gave the number. Raises ConfigError if there is none."""
    if not 0 <= number < len(images):
        raise ConfigError(f"{name} must be from 0 to {len(images) - 1}, got {number}")
    return images[number]


def principal_components(x: Any, k: int) -> tuple[Host, Host]:
    """The mean (I,) and the first k principal components (k,I) of rows (N,I). Source: Pearson 1901."""
    values = np.asarray(x, dtype=np.float64)
    mean = values.mean(axis=0)
    _, vectors = np.linalg.eigh((values - mean).T @ (values - mean))
    return mean, np.ascontiguousarray(vectors[:, ::-1][:, :k].T)


def largest_angle(a: Any, b: Any) -> float:
    """The largest principal angle, in radians, between the row spaces of two matrices.

    Source: Bjoerck and Golub 1973, by the sine, which is exact for small angles.
    """
    p, q = (np.linalg.qr(np.asarray(m, dtype=np.float64).T)[0] for m in (a, b))
    sine = np.linalg.norm(q - p @ (p.T @ q), 2)
    return float(np.arcsin(min(1.0, float(sine))))


def area_under_curve(scores: Any, positive: Any) -> float:
    """The area under the ROC curve: the probability that a positive sample scores higher than another; ties count half."""
    values, flags = np.asarray(scores, dtype=np.float64), np.asarray(positive, dtype=bool)
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
    n, m = int(flags.sum()), int((~flags).sum())
    return float((ranks[flags].sum() - n * (n + 1) / 2) / (n * m))


def nearest(queries: Any, keys: Any, k: int, skip_self: bool = False) -> Host:
    """The indices (M,k) of the keys (N,D) nearest to each query (M,D); skip_self: leave key i out for query i."""
    q, table = np.asarray(queries, dtype=np.float64), np.asarray(keys, dtype=np.float64)
    far = (table * table).sum(axis=1) - 2 * (q @ table.T)
    if skip_self:
        far[np.arange(len(q)), np.arange(len(q))] = np.inf
    return np.argsort(far, axis=1, kind="stable")[:, :k]


def same_class_share(codes: Any, labels: Any, k: int = 10, queries: int = 1000) -> float:
    """The share of the k nearest neighbours by code that have the same class, over the first queries samples."""
    found = nearest(codes[:queries], codes, k, skip_self=True)
    return float((labels[found] == labels[:queries, None]).mean())


def blurred(images: Any, width: float) -> Any:
    """Images (N,H,W) after a Gaussian blur with a standard deviation of width pixels."""
    reach = int(np.ceil(3 * width))
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / width) ** 2)
    weights /= weights.sum()
    for axis in (1, 2):
        wide = np.pad(images, [(reach, reach) if a == axis else (0, 0) for a in range(3)])
        size = images.shape[axis]
        images = sum(w * np.take(wide, range(k, k + size), axis=axis) for k, w in enumerate(weights))
    return images
