"""Monte Carlo dropout: an estimate of a classifier's uncertainty."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ... import data, nn, optim
from ...autograd.base import no_grad
from ...generator import manual_seed
from ...ops.conversion import asarray
from ...ops.softmax import softmax
from ..experiment import HELD_OUT, Experiment, Stage, dtype_of
from ..parts.images import image_sets, images_of, outputs
from ..parts.pictures import draw_axes, image_grid, lines
from ..recipe import Figure, Recipe, Scale, Setting


class MonteCarloDropout(Experiment):
    """Dropout at test time gives a distribution of predictions.

    Training with dropout zeroes units at random, so it trains many thinned networks at once. The usual test multiplies by
    the mean mask; averaging softmax over T sampled masks instead, p(y|x) = 1/T sum_t softmax(f(x; mask_t)), approximates
    Bayesian model averaging, and the entropy of the average is large where the networks disagree: on odd and turned
    images. Compared here by the negative log-likelihood on the test set; the picture turns a digit step by step.

    Source: Srivastava et al. 2014; Gal and Ghahramani 2016, arXiv:1506.02142.
    """

    captions: ClassVar = {
        "uncertainty.png": "A digit 1 is turned: the probability of each answer, its spread over 20 masks shaded.",
        "doubtful.png": "The test images with the largest and the smallest entropy of the averaged answer; above: their class.",
    }

    def prepare(self) -> None:
        s = self.s
        self.train, self.test = image_sets(s.data, self.seed, s.images)
        size = self.test[0][0].shape[-1] ** 2
        drop = nn.Dropout
        self.model = nn.Sequential(
            nn.Flatten(), nn.Linear(size, s.units), nn.ReLU(), drop(s.dropout), nn.Linear(s.units, s.units), nn.ReLU(),
            drop(s.dropout), nn.Linear(s.units, 10),
        )  # fmt: skip

    def stages(self) -> Iterator[Stage]:
        optimizer = optim.Adam(self.model.parameters(), lr=self.s.lr)
        slower = optim.CosineAnnealingLR(optimizer, self.s.epochs, eta_min=0.02 * self.s.lr)
        trainer = self.trainer(self.model, nn.CrossEntropyLoss(), optimizer, scheduler=slower)
        yield Stage(trainer, self.train, self.s.epochs, HELD_OUT)

    def sampled(self, images: Any) -> Any:
        """Probabilities (T,N,10) of images under T masks; the masks come from the recipe's seed alone."""
        manual_seed(self.seed + 1)
        self.model.train()  # keeps dropout on
        x = asarray(images.astype(dtype_of(self.model)))
        with no_grad():
            found = np.stack([softmax(self.model(x), axis=1).numpy_copy() for _ in range(self.s.masks)])
        self.model.eval()
        return found.astype(np.float64)

    def measure(self) -> dict[str, float]:
        """Negative log-likelihoods and accuracies of one averaged network and of the average of answers."""
        images, labels = images_of(self.test)
        rows = np.arange(len(labels))
        scores = outputs(self.model, images).astype(np.float64)
        shifted = scores - scores.max(axis=1, keepdims=True)
        plain = np.exp(shifted) / np.exp(shifted).sum(axis=1, keepdims=True)
        mean = self.sampled(images).mean(axis=0)
        self.entropy = -(mean * np.log(mean + 1e-12)).sum(axis=1)
        nll = {k: float(-np.log(p[rows, labels] + 1e-12).mean()) for k, p in (("plain", plain), ("mc", mean))}
        hits = {k: float((p.argmax(axis=1) == labels).mean()) for k, p in (("plain", plain), ("mc", mean))}
        wrong = mean.argmax(axis=1) != labels
        return {
            "mc-over-plain-nll": nll["mc"] / nll["plain"],
            "accuracy": hits["mc"],
            "plain-accuracy": hits["plain"],
            "mc-nll": nll["mc"],
            "plain-nll": nll["plain"],
            "entropy where right": float(self.entropy[~wrong].mean()),
            "entropy where wrong": float(self.entropy[wrong].mean()) if wrong.any() else 0.0,
        }

    def draw(self, folder: Path) -> None:
        """A rotated digit, and images of high and low uncertainty."""
        images, labels = images_of(self.test)
        one = images[int(np.flatnonzero(labels == 1)[0])][None]
        degrees = np.arange(0, 181, 10)
        turned = data.transforms.rotate(np.repeat(one, len(degrees), axis=0), degrees)
        found = self.sampled(turned)
        top = np.argsort(-found.mean(axis=(0, 1)), kind="stable")[:4]

        def fill(axes: Any) -> None:
            place = axes[0, 0]
            lines(place, {f"says {k}": found[:, :, k].mean(axis=0) for k in top}, x=degrees, xlabel="degrees")
            for k, line in zip(top, place.get_lines(), strict=True):
                low, high = np.quantile(found[:, :, k], [0.1, 0.9], axis=0)
                place.fill_between(degrees, low, high, color=line.get_color(), alpha=0.2, lw=0)
            place.set_ylabel("probability")

        draw_axes(folder / "uncertainty.png", (6.4, 3.8), 1, 1, fill)
        order = np.argsort(-self.entropy, kind="stable")
        chosen = np.concatenate([order[:10], order[-10:]])
        image_grid(
            folder / "doubtful.png", images[chosen], 10, rows=("doubtful", "certain"), titles=[str(k) for k in labels[chosen]]
        )


RECIPE = Recipe(
    "mc-dropout",
    "averaging 20 dropout masks at test time, and the doubt they show",
    MonteCarloDropout,
    {
        "data": Setting("mnist", "the images", choices=("digits", "mnist")),
        "images": Setting(5000, "training images, 0 for all: with few of them the network becomes too sure", low=0),
        "epochs": Setting(60, "passes over the training set", low=1),
        "batch_size": Setting(64, "samples in a step", low=1),
        "lr": Setting(1e-3, "learning rate of Adam", low=0),
        "units": Setting(512, "of each of the two hidden layers", low=1),
        "dropout": Setting(0.2, "part of the hidden units dropped", low=0.01, high=0.95),
        "masks": Setting(20, "sampled at test time", low=2),
    },
    full=Scale((Figure("mc-over-plain-nll", at_most=1.0), Figure("accuracy", at_least=0.94, percent=True)), data=("mnist",)),
    small=Scale(
        (Figure("mc-over-plain-nll", at_most=1.0), Figure("accuracy", at_least=0.92, percent=True)),
        {"data": "digits", "images": 700, "epochs": 80, "units": 256, "batch_size": 32, "lr": 2e-3},
    ),
    quick=Scale(
        (Figure("mc-over-plain-nll", at_most=1.0), Figure("accuracy", at_least=0.88, percent=True)),
        {"data": "digits", "images": 500, "epochs": 60, "units": 128, "batch_size": 32, "lr": 3e-3},
    ),
    shows=(nn.Dropout, MonteCarloDropout.sampled),
)
