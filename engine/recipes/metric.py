"""Metric learning: codes whose distance says whether two images are of one class, from pairs and from triplets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from .. import nn, optim
from ..data import Dataset, batch_generator
from ..data.draws import integers, uniform
from ..errors import ConfigError
from ..generator import Generator
from ..models import ConvNet
from ..training import Trainer
from .experiment import Experiment, Stage
from .images import alike, area_under_curve, image_sets, images_of, nearest, outputs, principal_components
from .pictures import COLOURS, draw, dress, image_grid, points
from .recipe import Figure, Recipe, Scale, Setting, add

SHOWN = 8


class Partners:
    """Draws for samples with labels (N,) another of the same class, and one of another class."""

    def __init__(self, labels: Any) -> None:
        self.labels = np.asarray(labels)
        self.members = [np.flatnonzero(self.labels == k) for k in range(int(self.labels.max()) + 1)]
        self.table = np.concatenate(self.members)
        self.sizes = np.array([len(m) for m in self.members])
        self.starts = np.cumsum(self.sizes) - self.sizes

    def of(self, classes: Any, source: Generator) -> Any:
        """A random sample of each of these classes (n,)."""
        return self.table[self.starts[classes] + integers(source, 0, self.sizes[classes], len(classes))]

    def alike_and_other(self, rows: Any, source: Generator) -> tuple[Any, Any]:
        """For the samples of these numbers (n,) one of the same class, and one of another."""
        own = self.labels[rows]
        turn = integers(source, 1, len(self.members), len(own))
        return self.of(own, source), self.of((own + turn) % len(self.members), source)

    def pairs(self, rows: Any, source: Generator) -> tuple[Any, Any]:
        """A partner of each sample (n,), and whether (n,) it is of the same class, which every second one is."""
        same = uniform(source, len(rows)) < 0.5
        positive, negative = self.alike_and_other(rows, source)
        return np.where(same, positive, negative), same


class PairSet(Dataset):
    """Pairs of images drawn anew at each visit: x1, x2 (N,C,H,W) and 1 where they are of one class, else 0."""

    def __init__(self, samples: Any) -> None:
        self.samples, self.partners = samples, Partners(samples.arrays[1])

    def __len__(self) -> int:
        return len(self.samples)

    def batch(self, rows: Any) -> tuple[Any, ...]:
        """Pairs whose first images have these numbers."""
        others, same = self.partners.pairs(np.asarray(rows), batch_generator() or Generator(0))
        first, second = self.samples.batch(rows)[0], self.samples.batch(others)[0]
        return first, second, same.astype(first.dtype)


class TripletSet(PairSet):
    """Triplets of images drawn anew at each visit: an anchor, one of its class, and one of another class."""

    def batch(self, rows: Any) -> tuple[Any, ...]:
        """Triplets whose anchors have these numbers."""
        found = self.partners.alike_and_other(np.asarray(rows), batch_generator() or Generator(0))
        return tuple(self.samples.batch(r)[0] for r in (rows, *found))


class PairTrainer(Trainer):
    """One network reads both images of a pair; the loss sees two codes and whether they are alike."""

    def train_step(self, batch: Any) -> float:
        first, second, same = batch
        return self.update(self.loss(self.forward(first), self.forward(second), same))


class TripletTrainer(Trainer):
    """One network reads all three images of a triplet."""

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
        """What the codes are trained by."""
        return nn.ContrastiveLoss(self.s.margin)

    def measure(self) -> dict[str, float]:
        """Verification of test pairs by codes and by pixels, area under the curve, neighbours of the same class."""
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
            "auc": area_under_curve(-apart["test"], same["test"]), "neighbours-alike": alike(self.codes, self.labels),
        }  # fmt: skip

    def draw(self, folder: Path) -> None:
        """Codes, distances, retrieval."""
        shown = slice(0, 2000)
        mean, axes2 = principal_components(self.codes, 2)
        flat = (self.codes - mean) @ axes2.T if self.s.codes > 2 else self.codes
        classes = self.test.classes or ()
        draw(
            folder / "codes.png", (6, 4.6), 1, 1,
            lambda axes: points(axes[0, 0], flat[shown], self.labels[shown], classes, title="codes of test images"),
        )  # fmt: skip
        draw(folder / "distances.png", (6, 3.6), 1, 1, self._draw_distances)
        rows = [int(np.flatnonzero(self.labels == k)[0]) for k in range(len(classes))]
        image_grid(folder / "retrieval.png", self._found(rows), SHOWN + 1, titles=("query", *["near"] * SHOWN), cell=0.7)

    def _draw_distances(self, axes: Any) -> None:
        apart, same, threshold = self.apart
        place, bins = axes[0, 0], np.linspace(0, float(np.quantile(apart, 0.999)), 60)
        place.hist(apart[same], bins, color=COLOURS[0], alpha=0.75, label="of one class")
        place.hist(apart[~same], bins, color=COLOURS[1], alpha=0.75, label="of two classes")
        place.axvline(threshold, color=COLOURS[5], lw=1.5, ls="--", label="threshold")
        dress(place, "distance of the two codes", "test pairs")
        place.legend(frameon=False)

    def _found(self, rows: list[int], count: int = SHOWN) -> Any:
        """The images of these numbers, each before the images that are nearest by code."""
        images = images_of(self.test)[0]
        near = nearest(self.codes[rows], self.codes, count + 1)
        others = [[j for j in line.tolist() if j != i][:count] for i, line in zip(rows, near, strict=True)]
        return images[[n for i, line in zip(rows, others, strict=True) for n in (i, *line)]]

    def neighbours(self, word: str, *, count: int = SHOWN) -> Any:
        """The test images most like the one of this number, which comes first."""
        if not word.isdigit() or int(word) >= len(self.test):
            raise ConfigError(f"neighbours: expected the number of a test image, 0 to {len(self.test) - 1}, got {word!r}")
        self.codes = outputs(self.model, images_of(self.test)[0])
        return image_grid(None, self._found([int(word)], count), count + 1, titles=("query", *["near"] * count))


class Triplet(Siamese):
    """One network reads three images: an anchor a, a positive p of its class, and a negative n of another.

    The triplet loss L = max(0, |f(a) - f(p)| - |f(a) - f(n)| + m) asks only for an order: the one of the same class nearer
    than the other by a margin m. Classes need not shrink to points, as the contrastive loss has it. Of the two distances
    from the negative, to the anchor and to the positive, the smaller counts (swap), since easy triplets teach nothing.

    Verification, retrieval and pictures are those of the recipe siamese.

    Source: Schroff, Kalenichenko, Philbin 2015, "FaceNet", arXiv:1503.03832; Balntas et al. 2016 for the swap.
    """

    samples: ClassVar[type[PairSet]] = TripletSet
    kind: ClassVar[type[Trainer]] = TripletTrainer

    def loss(self) -> nn.Module:
        """What the codes are trained by."""
        return nn.TripletMarginLoss(self.s.margin, swap=True)


def _fixed_pairs(labels: Any, seed: int, rounds: int = 2) -> tuple[Any, Any, Any]:
    """Pairs of sample numbers that depend on nothing but the labels: firsts, seconds, whether they are alike."""
    source = Generator(1000 + seed)
    rows = np.tile(np.arange(len(labels)), rounds)
    others, same = Partners(labels).pairs(rows, source)
    return rows, others, same


def _distances(codes: Any, first: Any, second: Any) -> Any:
    """Of pairs of rows, (P,)."""
    return np.sqrt(((codes[first].astype(np.float64) - codes[second]) ** 2).sum(axis=1))


def _threshold(apart: Any, same: Any) -> float:
    """The distance below which to call pairs alike is most often right."""
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
        "codes": Setting(16, "numbers that describe an image", low=2),
        "margin": Setting(1.0, "how far apart classes are pushed", low=0),
    }


for _name, _title, _experiment, _loss in (
    ("siamese", "codes from pairs of images, by the contrastive loss", Siamese, nn.ContrastiveLoss),
    ("triplet", "codes from an image, one of its class and another, by the triplet loss", Triplet, nn.TripletMarginLoss),
):
    add(
        Recipe(
            _name,
            _title,
            _experiment,
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
            shows=(_experiment.samples, _experiment.kind, _loss, ConvNet),
        )
    )
