"""Stacked autoencoder: layers learnt one by one from images without labels, then fine-tuned with few labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ... import models, nn, optim
from ...autograd.base import no_grad
from ...data import ArrayDataset
from ...ops.joining import stack
from ...ops.random import bernoulli
from ...training import Trainer
from ..experiment import Experiment, Stage
from ..parts import pictures
from ..parts.images import image_sets, images_of, outputs
from ..recipe import Figure, Recipe, Scale, Setting


class LayerTraining(Trainer):
    """Trains one layer of several networks side by side to give back, from a part of its inputs, all of them."""

    model: Any
    depth, masked = 0, 0.0

    def train_step(self, batch: Any) -> float:
        losses = []
        for network in self.model.children():
            with no_grad():
                below = network.encode(batch[0], self.depth)
            seen = below * bernoulli(1 - self.masked, below.shape).astype(below.dtype)
            losses.append(self.loss(network.layers[self.depth](seen), below))
        return self.update(stack(losses).sum()) / len(losses)


class SideBySide(Trainer):
    """Trains several classifiers at once, the k-th on parts 2k and 2k+1 of a batch; tests each on the same samples."""

    def train_step(self, batch: Any) -> dict[str, float]:
        scores = [network(batch[2 * k]) for k, network in enumerate(self.model.children())]
        losses = [self.loss(score, batch[2 * k + 1]) for k, score in enumerate(scores)]
        right = np.mean([_right(score, batch[2 * k + 1]) for k, score in enumerate(scores)])
        return {"loss": self.update(stack(losses).sum()) / len(losses), "accuracy": float(right)}

    def evaluate_step(self, batch: Any) -> dict[str, float]:
        scores = [network(batch[0]) for network in self.model.children()]
        right = np.mean([_right(score, batch[1]) for score in scores])
        return {"loss": float(np.mean([float(self.loss(s, batch[1])) for s in scores])), "accuracy": float(right)}


def _right(scores: Any, labels: Any) -> float:
    return float((scores.numpy_copy().argmax(axis=1) == labels.numpy()).mean())


class StackedAutoencoders(Experiment):
    """A deep network whose layers are first taught, one after the other, to give back what they get: no labels needed.

    Layer l is an autoencoder with tied weights, h = sigmoid(W x + b), x' = sigmoid(W^T h + c), trained with the
    cross-entropy of x' and x while a part of its inputs is set to zero; then its h are the inputs of the next layer. At
    last a layer for the classes is put on top, and the whole network is fine-tuned with the few labels there are.

    The recipe does so for three networks with different initial weights and different labelled images, and trains three
    more of the same kind from random weights only: gain is how much more of the test set the first get right, on average,
    and wins how many of the three.

    Source: Bengio, Lamblin, Popovici, Larochelle 2007, "Greedy layer-wise training of deep networks"; Vincent et al. 2010,
    "Stacked denoising autoencoders".
    """

    captions: ClassVar[Mapping[str, str]] = {
        "accuracy.png": "Test accuracy while fine-tuning with few labels, the mean over three networks each.",
        "filters.png": "Weights of units of the first layer: after pre-training and fine-tuning, and without pre-training.",
    }

    def prepare(self) -> None:
        s = self.s
        train, test = image_sets(s.data, self.seed)
        images, labels = images_of(train)
        self.side, flat = images.shape[2], images.reshape(len(images), -1)
        self.unlabelled = ArrayDataset(flat[: s.unlabelled] if s.unlabelled else flat)
        pool, share = ArrayDataset(flat, labels), s.labels / len(flat)
        parts = [pool.split(share, seed=3 * self.seed + k, stratified=True)[0] for k in range(3)]
        self.labelled = ArrayDataset(*[array for part in parts for array in part.arrays])
        images, self.truth = images_of(test)
        self.test = ArrayDataset(images.reshape(len(images), -1), self.truth)
        sizes = [flat.shape[1], *[s.units] * s.layers]
        self.taught, self.raw = (nn.ModuleList(models.StackedAutoencoder(sizes) for _ in range(3)) for _ in range(2))

    def stages(self) -> Iterator[Stage]:
        s = self.s
        for depth in range(s.layers):
            adam = optim.Adam(self.taught.parameters(), lr=s.lr)
            layer = self.trainer(self.taught, nn.BCELoss(), adam, LayerTraining)
            layer.depth, layer.masked = depth, s.masked
            yield Stage(layer, self.unlabelled, s.epochs, name=f"layer{depth + 1}")
        self.tuning = {}
        for name, networks in (("fine-tuned", self.taught), ("from-random", self.raw)):
            adam = optim.Adam(networks.parameters(), lr=s.lr)
            self.tuning[name] = self.trainer(networks, nn.CrossEntropyLoss(), adam, SideBySide, metrics=[], batch_size=50)
            yield Stage(self.tuning[name], self.labelled, s.tuning_epochs, self.test, name)

    def measure(self) -> dict[str, float]:
        x, y = self.test.arrays
        taught, raw = (
            np.array([float((outputs(n, x).argmax(axis=1) == y).mean()) for n in networks])
            for networks in (self.taught, self.raw)
        )
        return {
            "accuracy": float(taught.mean()),
            "accuracy_from_random": float(raw.mean()),
            "gain": float((taught - raw).mean()),
            "wins": int((taught > raw).sum()),
            "labels": len(self.labelled),
        }

    def draw(self, folder: Path) -> None:
        names = {"fine-tuned": "pre-trained", "from-random": "random weights"}
        curves = {names[k]: [100 * row["val_accuracy"] for row in t.history] for k, t in self.tuning.items()}
        title = f"three networks each, {len(self.labelled)} labels"
        heads: Any = {"xlabel": "epoch of fine-tuning", "ylabel": "test accuracy, %", "title": title}
        pictures.draw_axes(folder / "accuracy.png", (6.0, 3.8), 1, 1, lambda axes: pictures.lines(axes[0, 0], curves, **heads))
        weights = [networks[0].layers[0].linear.weight.numpy_copy()[:24] for networks in (self.taught, self.raw)]
        images = np.concatenate(weights).reshape(-1, self.side, self.side)
        rows = ("pre-trained", "", "random weights", "")
        pictures.image_grid(folder / "filters.png", images, 12, rows=rows, diverging=True)


DIGITS = {"data": "digits", "unlabelled": 0, "batch_size": 50}
RECIPE = Recipe(
    "stacked-autoencoder",
    "layers learnt one by one without labels, then fine-tuned with few",
    StackedAutoencoders,
    {
        "data": Setting("mnist", "which images", choices=("digits", "mnist", "fashion")),
        "unlabelled": Setting(20_000, "images used without labels, 0 for all", low=0),
        "labels": Setting(1000, "images used with labels", low=10),
        "layers": Setting(3, "layers below the one for the classes", low=1),
        "units": Setting(400, "units in each layer", low=1),
        "masked": Setting(0.25, "part of a layer's inputs set to zero while it is pre-trained", low=0, high=0.95),
        "epochs": Setting(6, "passes over the images for each layer", low=1),
        "tuning_epochs": Setting(40, "passes over the labelled images", low=1),
        "batch_size": Setting(100, "samples in a step of pre-training", low=1),
        "lr": Setting(1e-3, "learning rate of Adam", low=0),
    },
    full=Scale((Figure("gain", at_least=0.005, percent=True), Figure("wins", at_least=3)), data=("mnist",)),
    small=Scale(
        (Figure("gain", at_least=0.005, percent=True), Figure("accuracy", at_least=0.85, percent=True)),
        DIGITS | {"labels": 200, "units": 150, "epochs": 40, "tuning_epochs": 150},
    ),
    quick=Scale(
        (Figure("gain", at_least=0.01, percent=True), Figure("accuracy", at_least=0.7, percent=True)),
        DIGITS | {"labels": 100, "layers": 2, "units": 100, "epochs": 15, "lr": 3e-3, "tuning_epochs": 40},
    ),
    shows=(models.TiedLayer, models.StackedAutoencoder, LayerTraining),
)  # fmt: skip
