"""Domain adaptation: labels in one domain, images without labels in another, and features that do not tell them apart."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ... import data, nn, optim
from ...data import Dataset, ImageDataset, batch_generator
from ...data.host_random import integers, uniform
from ...generator import Generator
from ...models import DANN
from ...ops.joining import concat
from ...training import Trainer
from ..experiment import Experiment, Stage
from ..parts.images import images_of, outputs, principal_components
from ..parts.pictures import draw_axes, image_grid, lines, points
from ..recipe import Figure, Recipe, Scale, Setting


class Domains(Dataset):
    """Labelled images of one or more source domains, each with an image of the target whose label nobody sees.

    A batch: source images (N,3,H,W), their classes (N,), their domains (N,) from 0, and as many target images.
    """

    def __init__(self, sources: list[ImageDataset], target: ImageDataset) -> None:
        self.images = np.concatenate([s.arrays[0] for s in sources])
        self.source = ImageDataset(self.images, np.concatenate([s.arrays[1] for s in sources]), dtype=target.dtype)
        self.domains = np.repeat(np.arange(len(sources)), [len(s) for s in sources])
        self.target = target

    def __len__(self) -> int:
        return len(self.source)

    def batch(self, rows: Any) -> tuple[Any, ...]:
        """The source images of these numbers, and random ones of the target."""
        drawn = integers(batch_generator() or Generator(0), 0, len(self.target), len(rows))
        return *self.source.batch(rows), self.domains[rows], self.target.batch(drawn)[0]


class Adversarial(Trainer):
    """Classes are learnt from the source; with weight > 0 domains from all images, their gradient reversed in the features."""

    model: Any
    weight = 1.0

    def train_step(self, batch: Any) -> dict[str, float]:
        x, classes, domains, unlabelled = batch
        if not self.weight:
            loss = self.loss(self.model(x), classes)
            return {"loss": self.update(loss)}
        done = (self.epoch + self.batch / len(self.train_loader)) / self.epochs
        self.model.reversal.alpha = self.weight * optim.dann_ramp(done)
        n = x.shape[0]
        scores, origin = self.model.both(concat([x, unlabelled]))
        label = self.loss(scores[:n], classes)
        target = 0 * domains + (origin.shape[1] - 1)
        where = self.loss(origin, concat([domains, target]))
        self.update(label + where)
        return {"loss": float(label.detach()), "domain": float(where.detach())}

    def evaluate_step(self, batch: Any) -> dict[str, float]:
        x, classes = batch
        scores = self.model(x)
        right = float((scores.argmax(axis=1) == classes).astype(scores.dtype).mean())
        return {"loss": float(self.loss(scores, classes)), "accuracy": right}


class DomainAdversarial(Experiment):
    """Digits on white paper have labels, digits blended into pictures have none; the second kind is to be read all the same.

    Features f(x) feed two heads: one for the digit, trained on the source; one for the domain, trained on both. Between
    features and domain head stands a reversal of gradients, the identity forward and -a times the gradient backward. So the
    domain head learns to tell the domains apart while the features learn to make that impossible:
    min over f, y and max over d of L_label(y(f(x_s))) - a L_domain(d(f(x))). What is left in the features is what both
    domains share, and the head for digits reads it in both. a rises from 0 to 1: 2 / (1 + exp(-10 p)) - 1, p the progress.

    Without the large data the source's paper has tints that give the digit away, and the target's has none: who relies on
    the tint fails there, and the reversal takes it out of the features.

    A network trained on the source alone is the comparison; the figure is what the reversal gains in test accuracy on the
    target, mean over several runs. A second source domain (USPS, 16x16 scans) gives the domain head three classes.

    Source: Ganin & Lempitsky 2015, arXiv:1409.7495; Ganin et al. 2016, JMLR 17.
    """

    captions: ClassVar = {
        "images.png": "Digits in each domain: only those of the sources have labels.",
        "accuracy.png": "Test accuracy on the target by epoch: from the source alone, and with the gradient reversed.",
        "features.png": "Features of test images on two principal components: the reversal brings the domains together.",
    }

    def prepare(self) -> None:
        s = self.s
        domains = _mnist(s.images, self.seed) if s.data == "mnist" else _digits(self.seed)
        self.first, self.second, self.target, self.source_test, self.test = domains
        size = self.test.arrays[0].shape[-1]
        self.ways = {}
        for run in range(1, s.runs + 1):
            for name in ("source-only", "dann"):
                self.ways[f"{name}-{run}"] = (DANN(size, s.width), [self.first], s.weight * (name == "dann"))
        self.ways["two-sources"] = (DANN(size, s.width, domains=3), [self.first, self.second], s.weight)

    def stages(self) -> Iterator[Stage]:
        s = self.s
        self.curves = {}
        for name, (model, sources, weight) in self.ways.items():
            optimizer = optim.Adam(model.parameters(), lr=s.lr)
            slower = optim.CosineAnnealingLR(optimizer, s.epochs, eta_min=0.02 * s.lr)
            trainer = self.trainer(model, nn.CrossEntropyLoss(), optimizer, Adversarial, scheduler=slower, metrics=[])
            trainer.weight = weight
            yield Stage(trainer, Domains(sources, self.target), s.epochs, self.test, name)
            self.curves[name] = [row["val_accuracy"] for row in trainer.history]

    def measure(self) -> dict[str, float]:
        """Test accuracies on the target, means over the runs, and what the reversal gains, in parts of 1."""
        images, labels = images_of(self.test)
        found = {n: float((outputs(way[0], images).argmax(axis=1) == labels).mean()) for n, way in self.ways.items()}
        runs = range(1, self.s.runs + 1)
        gains = [found[f"dann-{r}"] - found[f"source-only-{r}"] for r in runs]
        mean = {n: float(np.mean([found[f"{n}-{r}"] for r in runs])) for n in ("source-only", "dann")}
        return {
            "gain": float(np.mean(gains)), "accuracy-dann": mean["dann"], "accuracy-source-only": mean["source-only"],
            "accuracy-two-sources": found["two-sources"], "smallest-gain": min(gains),
        }  # fmt: skip

    def draw(self, folder: Path) -> None:
        """Images of the domains, accuracy by epoch, features."""
        kinds = {"source": self.first, "second source": self.second, "target": self.target}
        tiles = np.concatenate([images_of(k.subset(range(10)))[0] for k in kinds.values()])
        image_grid(folder / "images.png", tiles, 10, rows=list(kinds), cell=0.8)
        draw_axes(
            folder / "accuracy.png", (7, 3.8), 1, 1,
            lambda axes: lines(axes[0, 0], self.curves, xlabel="epoch", ylabel="test accuracy on the target"),
        )  # fmt: skip
        draw_axes(folder / "features.png", (10.5, 4.4), 1, 2, self._draw_features)

    def _draw_features(self, axes: Any) -> None:
        count = min(400, len(self.test))
        shown = np.concatenate([images_of(d.subset(range(count)))[0] for d in (self.source_test, self.test)])
        domain = np.repeat([0, 1], count)
        for place, name in zip(axes[0], ("source-only", "dann"), strict=True):
            model = self.ways[f"{name}-1"][0]
            features = outputs(model, shown, lambda x, m=model: m.features(2 * x - 1))
            mean, plane = principal_components(features, 2)
            last = name == "dann"
            points(place, (features - mean) @ plane.T, domain, ("source", "target"), title=name, legend=last)


def _coloured(images: Any) -> Any:
    """Grey images (N,1,H,W) in three channels."""
    return np.ascontiguousarray(np.repeat(images, 3, axis=1))


def _mnist(limit: int, seed: int) -> tuple[ImageDataset, ...]:
    """MNIST, USPS at 28x28, MNIST on pieces of CIFAR pictures; test images of the first and of the last."""
    train, test, crops, envelopes = data.mnist(), data.mnist(False), data.cifar10(), data.usps()
    pieces = (crops.subset(range(40000)), crops.subset(range(40000, 50000)))
    target, unseen = (
        data.blended_digits(d, p, Generator(seed + k)) for k, (d, p) in enumerate(zip((train, test), pieces, strict=True))
    )
    if limit:
        train, target = train.subset(range(limit)), target.subset(range(len(train) - limit, len(train)))
    # Each pixel of the 16x16 scans twice; the border of 32x32 is left out.
    wide = np.kron(envelopes.arrays[0], np.ones((1, 1, 2, 2), np.uint8))[:, :, 2:30, 2:30]
    first, second, known = (
        ImageDataset(_coloured(i), labels, train.classes)
        for i, labels in (train.arrays, (wide, envelopes.arrays[1]), test.arrays)
    )
    return first, second, target, known, unseen


def _digits(seed: int) -> tuple[ImageDataset, ...]:
    """Bundled digits on paper whose tint gives nine in ten of them away; on paper of any tint; on black, the target; tests."""
    source = Generator(seed)
    tints = 120 * uniform(Generator(0), (10, 3, 1, 1))
    plain = []
    for part in data.digits().split(0.8, seed=seed, stratified=True):
        images = np.rint(255 * part.arrays[0]).astype(np.uint8)
        plain.append(ImageDataset(_coloured(images), part.arrays[1], part.classes))

    def tinted(d: ImageDataset, told: float) -> ImageDataset:
        images, labels = d.arrays
        chosen = np.where(uniform(source, len(d)) < told, labels, integers(source, 0, 10, len(d)))
        return ImageDataset(np.maximum(images, tints[chosen]).astype(np.uint8), labels, d.classes)

    return tinted(plain[0], 0.9), tinted(plain[0], 0.0), plain[0], tinted(plain[1], 0.9), plain[1]


RECIPE = Recipe(
    "dann",
    "digits read on coloured pictures without a label there, by reversing a gradient",
    DomainAdversarial,
    {
        "data": Setting("mnist", "MNIST, USPS and CIFAR pictures, or bundled digits", choices=("digits", "mnist")),
        "images": Setting(20000, "images of the source and of the target, 0 for all", low=0),
        "runs": Setting(3, "pairs of networks, with and without the reversal", low=1),
        "epochs": Setting(12, "passes over the source's images", low=1),
        "batch_size": Setting(64, "source images in a step, and as many of the target", low=1),
        "lr": Setting(3e-4, "learning rate of Adam at the start", low=0),
        "weight": Setting(1.0, "the reversal's factor at the end", low=0),
        "width": Setting(16, "filters of the first convolution", low=1),
    },
    full=Scale((Figure("gain", at_least=0.15, percent=True),), data=("mnist", "usps", "cifar10")),
    small=Scale(
        (Figure("gain", at_least=0.05, percent=True), Figure("accuracy-dann", at_least=0.8, percent=True)),
        {"data": "digits", "images": 0, "epochs": 20, "lr": 2e-3, "width": 8, "batch_size": 32},
    ),
    quick=Scale(
        (Figure("gain", at_least=0.02, percent=True), Figure("accuracy-dann", at_least=0.7, percent=True)),
        {"data": "digits", "images": 0, "runs": 1, "epochs": 14, "lr": 2e-3, "width": 8, "batch_size": 32},
    ),
    shows=(DANN, Adversarial.train_step, nn.GradientReversal, optim.dann_ramp, data.blended_digits),
)
