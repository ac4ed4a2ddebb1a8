"""Autoencoders: codes of images, two-dimensional maps, principal components, and anomaly detection."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ... import models, nn, optim
from ...data import ArrayDataset, DataLoader, trajectories
from ...ops.conversion import asarray
from ...ops.joining import stack
from ...show import COLOURS, label_axes
from ...training import Trainer
from ..experiment import HELD_OUT, Experiment, Stage
from ..parts import pictures
from ..parts.images import (
    Reconstruction,
    area_under_curve,
    image_sets,
    images_of,
    largest_angle,
    nearest,
    outputs,
    principal_components,
    same_class_share,
)
from ..recipe import Figure, Recipe, Scale, Setting


class OneForEach(Trainer):
    """Trains one autoencoder per class, each on the samples of its own class only: the model is a list of them."""

    def train_step(self, batch: Any) -> float:
        x, labels = batch[0], batch[1].numpy()
        own = [(expert, x[np.flatnonzero(labels == k)]) for k, expert in enumerate(self.model.children()) if k in labels]
        return self.update(stack([self.loss(expert(part), part) for expert, part in own]).mean())


class Autoencoders(Experiment):
    """A network that gives back its input, through a code too short to copy it: x' = g(f(x)), loss |x - x'|^2.

    What comes through the code is what the training images have in common, so the code can stand for the image:

      code       a deep encoder f and decoder g, compared with as many principal components; similar images are found by
                 the distance of their codes
      map        a code of two numbers, drawn as a map on which digits whose labels the network never saw lie apart
      linear     without ReLU, x' = V W x. The best V spans the space of the largest principal components (Baldi and Hornik
                 1989); subspace_angle is the largest angle, in radians, between the two spaces
      one-class  an autoencoder that has seen one digit only gives others back badly: its error tells what is unusual.
                 anomaly_auc is the area under the ROC curve, the mean over ten such networks
      motion     the same on time series: windows of paths are mapped to two numbers

    Source: Hinton and Salakhutdinov 2006, "Reducing the dimensionality of data with neural networks".
    """

    captions: ClassVar[Mapping[str, str]] = {
        "reconstructions.png": "Test images, what a deep autoencoder makes of them, and what as many principal components do.",
        "map.png": "Test images by their code of two numbers. The labels, shown as colours, were not used for training.",
        "components.png": "Images as principal components give them back, and as the linear autoencoder does: the same.",
        "retrieval.png": "Test images, at the left, and the other test images whose codes are nearest.",
        "anomalies.png": "What the network that has seen one digit only finds most usual and most unusual in the test set.",
        "motion.png": "Paths of a vehicle, and the code of two numbers that the autoencoder gives to each.",
    }

    def prepare(self) -> None:
        s = self.s
        (self.images, self.labels), (self.shown, self.truth) = (
            (x.reshape(len(x), -1), y) for x, y in map(images_of, image_sets(s.data, self.seed, s.limit))
        )
        self.train, self.test = ArrayDataset(self.images, self.labels), ArrayDataset(self.shown, self.truth)
        n = self.images.shape[1]
        self.coder = models.Autoencoder([n, s.hidden, s.hidden // 2, s.code])
        self.mapper = models.Autoencoder([n, s.hidden, s.hidden // 2, s.hidden // 8, 2])
        self.experts = nn.ModuleList(models.Autoencoder([n, s.hidden // 4, s.one_class_code]) for _ in range(10))
        self.few = self.images[:2000]
        self.mean, self.components = principal_components(self.few, s.components)
        self.linear = models.LinearAutoencoder(asarray(self.mean.astype(self.images.dtype)), s.components)
        self.paths, self.drives = trajectories(s.paths).split(0.8, seed=self.seed)
        self.mover = nn.Sequential(nn.Flatten(), models.Autoencoder([64, 64, 32, 2], bounded=False), nn.Unflatten(1, (32, 2)))

    def stages(self) -> Iterator[Stage]:
        s = self.s
        yield Stage(self._trainer(self.coder, s.epochs), self.train, s.epochs, HELD_OUT, "code")
        yield Stage(self._trainer(self.mapper, s.epochs), self.train, s.epochs, HELD_OUT, "map")
        # All at once and often: what is left of the angle is then not the chance of batches.
        whole = DataLoader(ArrayDataset(self.few), batch_sampler=[range(len(self.few))] * 40)
        yield Stage(self._trainer(self.linear, s.linear_epochs, lr=0.01), whole, s.linear_epochs, None, "linear")
        one_for_each = self._trainer(self.experts, s.one_class_epochs, kind=OneForEach, batch_size=10 * s.batch_size)
        yield Stage(one_for_each, self.train, s.one_class_epochs, None, "one-class")
        yield Stage(self._trainer(self.mover, s.motion_epochs), self.paths, s.motion_epochs, self.drives, "motion")

    def _trainer(
        self, model: nn.Module, epochs: int, *, lr: float = 0.0, kind: type[Trainer] = Reconstruction, batch_size: int = 0
    ) -> Trainer:
        """A trainer with Adam and a cosine schedule."""
        adam = optim.Adam(model.parameters(), lr=lr or self.s.lr)
        cosine = optim.CosineAnnealingLR(adam, epochs, eta_min=1e-6)
        size = batch_size or self.s.batch_size
        return self.trainer(model, nn.MSELoss(), adam, kind, scheduler=cosine, batch_size=size)

    def measure(self) -> dict[str, float]:
        s, x, y = self.s, self.shown, self.truth
        self.given = outputs(self.coder, x)
        mean, directions = principal_components(self.images, s.code)
        self.by_components = ((x - mean) @ directions.T) @ directions + mean
        self.codes, self.map = outputs(self.coder, x, self.coder.encoder), outputs(self.mapper, x, self.mapper.encoder)
        self.errors = np.stack([((outputs(e, x) - x) ** 2).mean(axis=1) for e in self.experts])
        self.moves = outputs(self.mover, self.drives.arrays[0], lambda p: self.mover[1].encoder(self.mover[0](p)))
        curves = [area_under_curve(error, y != k) for k, error in enumerate(self.errors)]
        return {
            "recon_mse": float(((self.given - x) ** 2).mean()),
            "pca_mse": float(((self.by_components - x) ** 2).mean()),
            "subspace_angle": largest_angle(self.linear.decoder.weight.numpy_copy().T, self.components),
            "anomaly_auc": float(np.mean(curves)),
            "anomaly_auc_worst": min(curves),
            "retrieval": same_class_share(self.codes, y),
            "retrieval_by_pixels": same_class_share(x, y),
            "map_neighbours": same_class_share(self.map, y),
            "motion_neighbours": same_class_share(self.moves, self.drives.arrays[1]),
        }

    def draw(self, folder: Path) -> None:
        s, x, y = self.s, self._squares(self.shown), self.truth
        some = [int(np.flatnonzero(y == k)[0]) for k in range(10)]
        rows = np.concatenate([x[some], self._squares(self.given)[some], self._squares(self.by_components)[some]])
        pictures.image_grid(folder / "reconstructions.png", rows, rows=("input", f"code of {s.code}", f"{s.code} components"))
        flat = self.shown[some]
        by_components = ((flat - self.mean) @ self.components.T) @ self.components + self.mean
        rows = np.concatenate([x[some], self._squares(by_components), self._squares(outputs(self.linear, flat))])
        pictures.image_grid(folder / "components.png", rows, rows=("input", f"{s.components} components", "linear network"))
        found = nearest(self.codes[some], self.codes, 9)
        pictures.image_grid(folder / "retrieval.png", x[found.reshape(-1)], 9, titles=("asked", *["found"] * 8))
        order = [np.argsort(error, kind="stable") for error in self.errors]
        rows = np.concatenate([x[np.concatenate([order[k][:5], order[k][-5:]])] for k in (0, 3, 8)])
        heads = ("usual", *[""] * 4, "unusual")
        pictures.image_grid(folder / "anomalies.png", rows, rows=("saw 0 only", "saw 3 only", "saw 8 only"), titles=heads)
        many = slice(3000)
        points, labels = self.map[many], y[many]
        pictures.draw_axes(folder / "map.png", (6.4, 5.0), 1, 1, lambda axes: _map(axes[0, 0], points, labels, "0123456789"))
        pictures.draw_axes(folder / "motion.png", (10.4, 4.4), 1, 2, self._motion)

    def _squares(self, rows: Any) -> Any:
        side = int(np.sqrt(rows.shape[-1]))
        return rows.reshape(-1, side, side)

    def _motion(self, axes: Any) -> None:
        paths, kinds = self.drives.arrays
        for k in range(5):
            for path in paths[kinds == k][:12]:
                axes[0, 0].plot(*path.T, color=COLOURS[k], lw=1.0, alpha=0.8)
        label_axes(axes[0, 0], "x, ahead", "y, to the left", "windows of paths")
        _map(axes[0, 1], self.moves, kinds, self.drives.classes or ())


def _map(axes: Any, codes: Any, labels: Any, classes: Any) -> None:
    pictures.points(axes, codes, labels, classes, title="the code")
    axes.set_xlabel("first number")
    axes.set_ylabel("second number")
    for k, name in enumerate(classes):
        x, y = np.median(codes[labels == k], axis=0)
        box = {"boxstyle": "round,pad=0.2", "fc": "white", "ec": COLOURS[k], "alpha": 0.9}
        axes.text(x, y, name, ha="center", va="center", fontsize=9, fontweight="bold", bbox=box)


DIGITS = {"data": "digits", "hidden": 128, "code": 16, "one_class_code": 12, "batch_size": 32, "components": 4}
RECIPE = Recipe(
    "autoencoder",
    "codes, a map, principal components, anomalies: a network that gives back its input",
    Autoencoders,
    {
        "data": Setting("mnist", "which images", choices=("digits", "mnist", "fashion")),
        "limit": Setting(0, "training images used, 0 for all", low=0),
        "epochs": Setting(20, "passes over the images", low=1),
        "one_class_epochs": Setting(12, "passes of the networks that see one class", low=1),
        "linear_epochs": Setting(15, "times 40 steps of the linear network", low=1),
        "motion_epochs": Setting(20, "passes over the paths", low=1),
        "batch_size": Setting(128, "samples in a step", low=1),
        "lr": Setting(1e-3, "learning rate of Adam at the start", low=0),
        "hidden": Setting(512, "units of the first layer; deeper ones have fewer", low=16),
        "code": Setting(32, "numbers in the code", low=1),
        "one_class_code": Setting(32, "numbers in the code of a network that sees one class", low=1),
        "components": Setting(6, "numbers in the code of the linear network", low=1),
        "paths": Setting(5000, "windows of paths", low=100),
    },
    full=Scale(
        (
            Figure("recon_mse", at_most=0.012),
            Figure("subspace_angle", at_most=0.01),
            Figure("anomaly_auc", at_least=0.93),
            Figure("retrieval", at_least=0.9, percent=True),
            Figure("motion_neighbours", at_least=0.9, percent=True),
        ),
        data=("mnist",),
    ),
    small=Scale(
        (
            Figure("recon_mse", at_most=0.012),
            Figure("subspace_angle", at_most=0.01),
            Figure("anomaly_auc", at_least=0.95),
            Figure("retrieval", at_least=0.8, percent=True),
            Figure("motion_neighbours", at_least=0.9, percent=True),
        ),
        DIGITS | {"epochs": 150, "one_class_epochs": 100, "hidden": 256, "lr": 2e-3},
    ),
    quick=Scale(
        (
            Figure("recon_mse", at_most=0.033),
            Figure("subspace_angle", at_most=0.01),
            Figure("anomaly_auc", at_least=0.93),
            Figure("motion_neighbours", at_least=0.7, percent=True),
        ),
        DIGITS | {"epochs": 14, "one_class_epochs": 12, "linear_epochs": 20, "lr": 3e-3, "paths": 1000, "motion_epochs": 10},
    ),
    shows=(models.Autoencoder, models.LinearAutoencoder, OneForEach, principal_components),
)
