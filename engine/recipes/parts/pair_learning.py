"""Metric learning from pairs and triplets: the distance of two codes tells whether the images have the same class."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ... import nn, optim
from ...data import Dataset, batch_generator
from ...data.host_random import integers, uniform
from ...errors import ConfigError
from ...generator import Generator
from ...models import ConvNet
from ...show import COLOURS, label_axes
from ...training import Trainer
from ..experiment import Experiment, Stage
from ..recipe import Figure, Recipe, Scale, Setting
from .images import area_under_curve, image_sets, images_of, nearest, outputs, principal_components, same_class_share
from .pictures import draw_axes, image_grid, points

SHOWN = 8


class PairSampler:
    """Draws for samples with labels (N,) a sample of the same class, and a sample of another class."""

    def __init__(self, labels: Any) -> None:
        self.labels = np.asarray(labels)
        self.members = [np.flatnonzero(self.labels == k) for k in range(int(self.labels.max()) + 1)]
        self.table = np.concatenate(self.members)
        self.sizes = np.array([len(m) for m in self.members])
        self.starts = np.cumsum(self.sizes) - self.sizes

    def of(self, classes: Any, source: Generator) -> Any:
        """A random sample of each of the classes (n,)."""
        return self.table[self.starts[classes] + integers(source, 0, self.sizes[classes], len(classes))]

    def positive_and_negative(self, rows: Any, source: Generator) -> tuple[Any, Any]:
        """For each sample index (n,) a sample of the same class, and a sample of another class."""
        own = self.labels[rows]
        turn = integers(source, 1, len(self.members), len(own))
        return self.of(own, source), self.of((own + turn) % len(self.members), source)

    def pairs(self, rows: Any, source: Generator) -> tuple[Any, Any]:
        """A partner of each sample (n,), and whether (n,) it has the same class, as every second one has."""
        same = uniform(source, len(rows)) < 0.5
        positive, negative = self.positive_and_negative(rows, source)
        return np.where(same, positive, negative), same


class PairSet(Dataset):
    """Pairs of images, drawn again in every epoch: x1, x2 (N,C,H,W) and 1 if they have the same class, otherwise 0."""

    def __init__(self, samples: Any) -> None:
        self.samples, self.partners = samples, PairSampler(samples.arrays[1])

    def __len__(self) -> int:
        return len(self.samples)

    def batch(self, rows: Any) -> tuple[Any, ...]:
        """Pairs whose first images have the given indices."""
        others, same = self.partners.pairs(np.asarray(rows), batch_generator() or Generator(0))
        first, second = self.samples.batch(rows)[0], self.samples.batch(others)[0]
        return first, second, same.astype(first.dtype)


class TripletSet(PairSet):
    """Triplets of images, drawn again in every epoch: an anchor, an image of its class, and one of another class."""

    def batch(self, rows: Any) -> tuple[Any, ...]:
        """Triplets whose anchors have the given indices."""
        found = self.partners.positive_and_negative(np.asarray(rows), batch_generator() or Generator(0))
        return tuple(self.samples.batch(r)[0] for r in (rows, *found))


class PairTrainer(Trainer):
    """Trains one network on both images of a pair; the loss takes two codes and whether the classes are the same."""

    def train_step(self, batch: Any) -> float:
        first, second, same = batch
        return self.update(self.loss(self.forward(first), self.forward(second), same))


class TripletTrainer(Trainer):
    """Trains one network on the three images of a triplet."""

    def train_step(self, batch: Any) -> float:
        return self.update(self.loss(*(self.forward(x) for x in batch)))


class Siamese(Experiment):
    """Two copies of one network, with the same weights, read two images; the distance of their codes says if they are alike.

    With d = |f(x1) - f(x2)| and t = 1 for two images of a class, 0 otherwise, the contrastive loss is
    L = t d^2 + (1 - t) max(0, m - d)^2: images of a class are drawn together, others pushed apart until they are m apart.
    Two images are then taken to be of one class if d is below a threshold, found on training pairs. Nothing in it says how
    many classes there are: codes serve for verification, for retrieval of similar images, and for classes never seen.

    The pictures show the codes in a plane, the distances within and between classes with the threshold, and what is found
    for some images among all others. The figure is the part of test pairs, half of them alike, that is judged rightly.

    Source: Bromley et al. 1993, "Signature verification using a siamese time delay neural network"; Hadsell, Chopra,
    LeCun 2006, "Dimensionality reduction by learning an invariant mapping".
    """

    captions: ClassVar = {
        "codes.png": "Codes of test images in a plane (their two principal components), coloured by class.",
        "distances.png": "Distances of test pairs: what is left of the threshold is taken to be of one class.",
        "retrieval.png": "A test image, left, and the others whose codes are nearest to its own.",
    }
    samples: ClassVar[type[PairSet]] = PairSet
    kind: ClassVar[type[Trainer]] = PairTrainer

    def prepare(self) -> None:
        s = self.s
        self.train, self.test = image_sets(s.data, self.seed)
        size = self.train[0][0].shape[-1]
        self.model = ConvNet(size, width=s.width, classes=s.codes, dropout=0.0)

    def stages(self) -> Iterator[Stage]:
        s = self.s
        optimizer = optim.Adam(self.model.parameters(), lr=s.lr)
        slower = optim.CosineAnnealingLR(optimizer, s.epochs, eta_min=0.02 * s.lr)
        trainer = self.trainer(self.model, self.loss(), optimizer, self.kind, scheduler=slower, metrics=[])
        yield Stage(trainer, self.samples(self.train), s.epochs)

    def loss(self) -> nn.Module:
        """The loss of the codes."""
        return nn.ContrastiveLoss(self.s.margin)

    def measure(self) -> dict[str, float]:
        """Accuracy on test pairs by codes and by pixels, area under the ROC curve, and neighbours of the same class."""
        few = self.train.subset(range(min(len(self.train), 5000)))
        sets = {"train": images_of(few), "test": images_of(self.test)}
        codes = {name: outputs(self.model, images) for name, (images, _) in sets.items()}
        pixels = {name: images.reshape(len(images), -1) for name, (images, _) in sets.items()}
        pairs = {name: _fixed_pairs(labels, seed) for seed, (name, (_, labels)) in enumerate(sets.items())}
        found = {}
        for what, vectors in (("pixels", pixels), ("codes", codes)):
            apart = {name: _distances(vectors[name], *pairs[name][:2]) for name in sets}
            same = {name: pairs[name][2] for name in sets}
            threshold = _threshold(apart["train"], same["train"])
            found[what] = float(((apart["test"] < threshold) == same["test"]).mean())
        self.codes, self.labels, self.apart = codes["test"], sets["test"][1], (apart["test"], same["test"], threshold)
        return {
            "verification": found["codes"], "verification-by-pixels": found["pixels"],
            "auc": area_under_curve(-apart["test"], same["test"]), "neighbours-alike": same_class_share(self.codes, self.labels),
        }  # fmt: skip

    def draw(self, folder: Path) -> None:
        """The codes, the distances, and retrieved images."""
        shown = slice(0, 2000)
        mean, axes2 = principal_components(self.codes, 2)
        flat = (self.codes - mean) @ axes2.T if self.s.codes > 2 else self.codes
        classes = self.test.classes or ()
        draw_axes(
            folder / "codes.png", (6, 4.6), 1, 1,
            lambda axes: points(axes[0, 0], flat[shown], self.labels[shown], classes, title="codes of test images"),
        )  # fmt: skip
        draw_axes(folder / "distances.png", (6, 3.6), 1, 1, self._draw_distances)
        rows = [int(np.flatnonzero(self.labels == k)[0]) for k in range(len(classes))]
        image_grid(folder / "retrieval.png", self._found(rows), SHOWN + 1, titles=("query", *["near"] * SHOWN), cell=0.7)

    def _draw_distances(self, axes: Any) -> None:
        apart, same, threshold = self.apart
        place, bins = axes[0, 0], np.linspace(0, float(np.quantile(apart, 0.999)), 60)
        place.hist(apart[same], bins, color=COLOURS[0], alpha=0.75, label="of one class")
        place.hist(apart[~same], bins, color=COLOURS[1], alpha=0.75, label="of two classes")
        place.axvline(threshold, color=COLOURS[5], lw=1.5, ls="--", label="threshold")
        label_axes(place, "distance of the two codes", "test pairs")
        place.legend()

    def _found(self, rows: list[int], count: int = SHOWN) -> Any:
        """The images with some indices, each followed by the images with the nearest codes."""
        images = images_of(self.test)[0]
        near = nearest(self.codes[rows], self.codes, count + 1)
        others = [[j for j in line.tolist() if j != i][:count] for i, line in zip(rows, near, strict=True)]
        return images[[n for i, line in zip(rows, others, strict=True) for n in (i, *line)]]

    def neighbours(self, word: str, *, count: int = SHOWN) -> Any:
        """A figure of the test image with a number, followed by the images with the nearest codes."""
        if not word.isdigit() or int(word) >= len(self.test):
            raise ConfigError(f"neighbours: expected the number of a test image, 0 to {len(self.test) - 1}, got {word!r}")
        self.codes = outputs(self.model, images_of(self.test)[0])
        return image_grid(None, self._found([int(word)], count), count + 1, titles=("query", *["near"] * count))


def _fixed_pairs(labels: Any, seed: int, rounds: int = 2) -> tuple[Any, Any, Any]:
    """Fixed pairs of sample indices: first, second, and whether the classes are the same."""
    source = Generator(1000 + seed)
    rows = np.tile(np.arange(len(labels)), rounds)
    others, same = PairSampler(labels).pairs(rows, source)
    return rows, others, same


def _distances(codes: Any, first: Any, second: Any) -> Any:
    """The distances (P,) of pairs of rows."""
    return np.sqrt(((codes[first].astype(np.float64) - codes[second]) ** 2).sum(axis=1))


def _threshold(apart: Any, same: Any) -> float:
    """The threshold of the distance with the best accuracy."""
    order = np.argsort(apart, kind="stable")
    right = np.cumsum(np.where(same[order], 1, -1))
    best = int(right.argmax())
    return float(apart[order[best : best + 2]].mean())


def _settings(epochs: int, lr: float) -> dict[str, Setting]:
    return {
        "data": Setting("mnist", "the images", choices=("digits", "mnist")),
        "epochs": Setting(epochs, "passes over the training images, each with new partners", low=1),
        "batch_size": Setting(64, "pairs or triplets in a step", low=1),
        "lr": Setting(lr, "learning rate of Adam at the start", low=0),
        "width": Setting(16, "filters of the first convolution", low=1),
        "codes": Setting(16, "dimension of the code of an image", low=2),
        "margin": Setting(1.0, "how far apart classes are pushed", low=0),
    }


def pair_recipe(name: str, title: str, experiment: type[Siamese], loss: type[nn.Module]) -> Recipe:
    """Make the recipe of one loss."""
    return Recipe(
        name,
        title,
        experiment,
        _settings(4, 1.5e-3),
        full=Scale((Figure("verification", at_least=0.96, percent=True),), data=("mnist",)),
        small=Scale(
            (Figure("verification", at_least=0.92, percent=True),),
            {"data": "digits", "epochs": 25, "lr": 3e-3, "batch_size": 32},
        ),
        quick=Scale(
            (Figure("verification", at_least=0.9, percent=True),),
            {"data": "digits", "epochs": 8, "lr": 4e-3, "batch_size": 32},
        ),
        shows=(experiment.samples, experiment.kind, loss, ConvNet),
    )
