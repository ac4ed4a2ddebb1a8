"""Depth against width at equal parameters, and dropout as a way to be uncertain."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from .. import data, nn, optim
from ..autograd.base import no_grad
from ..generator import Generator, manual_seed
from ..models import MLP
from ..ops.creation import asarray
from ..ops.softmax import softmax
from ..training import Accuracy
from .experiment import Experiment, Stage, dtype_of
from .images import image_sets, images_of, outputs
from .linear import BATCH
from .pictures import COLOURS, draw, dress, image_grid, lines, regions
from .recipe import Figure, Recipe, Scale, Setting, add


class DepthAgainstWidth(Experiment):
    """The same number of parameters, spent on one wide layer or on several narrow ones.

    A layer of n units that follows another reuses all its pieces, so the number of linear regions that a ReLU network can
    cut grows like a power of the depth, but only like a polynomial of the width (Montufar et al. 2014). The task is a
    spiral of several turns, three classes, of which few points are given: the wide network cuts it with straight lines,
    the deep one folds the plane. Three seeds; sizes are chosen so that the parameters agree within a few per cent.

    Source: Montufar, Pascanu, Cho, Bengio 2014, "On the number of linear regions of deep neural networks".
    """

    captions: ClassVar = {
        "regions.png": "What the wide and the deep network make of the plane; below, their test errors by seed."
    }

    def prepare(self) -> None:
        s = self.s
        self.models: dict[str, Any] = {}
        self.sets = {}
        wide = round(s.parameters / 6)
        # depth hidden layers of n units and 2 + 3 ends: about (depth - 1) n^2 + 8 n parameters
        a, b = s.depth - 1, s.depth + 5
        deep = round((-b + (b * b + 4 * a * s.parameters) ** 0.5) / (2 * a))
        for seed in range(s.seeds):
            source = Generator(1000 * self.seed + seed)
            points = [data.spirals(n, 3, turns=s.turns, noise=0.015, generator=source) for n in (s.points, 2000)]
            self.sets[seed] = points
            self.models[f"wide-{seed}"] = MLP((2, wide, 3))
            self.models[f"deep-{seed}"] = MLP((2, *[deep] * s.depth, 3))

    def stages(self) -> Iterator[Stage]:
        for name, model in self.models.items():
            train, test = self.sets[int(name[-1])]
            optimizer = optim.AdamW(model.parameters(), lr=self.s.lr, weight_decay=1e-4)
            slower = optim.CosineAnnealingLR(optimizer, self.s.epochs, eta_min=0.01 * self.s.lr)
            trainer = self.trainer(model, nn.CrossEntropyLoss(), optimizer, scheduler=slower, metrics=[Accuracy()])
            yield Stage(trainer, train, self.s.epochs, None, name)

    def _error(self, name: str) -> float:
        points, labels = self.sets[int(name[-1])][1].arrays
        return float((outputs(self.models[name], points).argmax(axis=1) != labels).mean())

    def measure(self) -> dict[str, float]:
        """Mean test errors, in how many seeds the deep network's is lower, and the numbers of parameters."""
        self.errors = {name: self._error(name) for name in self.models}
        wide, deep = ([self.errors[f"{kind}-{k}"] for k in range(self.s.seeds)] for kind in ("wide", "deep"))
        sizes = {k: sum(p.size for p in self.models[f"{k}-0"].parameters()) for k in ("wide", "deep")}
        return {
            "deep-over-wide": float(np.mean(deep)) / max(float(np.mean(wide)), 1e-9),
            "deep-error": float(np.mean(deep)),
            "wide-error": float(np.mean(wide)),
            "seeds-won": float(sum(d < w for d, w in zip(deep, wide, strict=True))),
            **{f"parameters {k}": float(v) for k, v in sizes.items()},
        }

    def draw(self, folder: Path) -> None:
        """Regions of the first seed, errors of all."""
        xy, labels = self.sets[0][0].arrays

        def fill(axes: Any) -> None:
            for place, kind in zip(axes[0], ("wide", "deep"), strict=False):
                model = self.models[f"{kind}-0"]

                def classify(p: Any, m: Any = model) -> Any:
                    return outputs(m, p.astype(dtype_of(m))).argmax(axis=1)

                regions(
                    place, classify, xy, labels,
                    title=f"{kind}: test error {100 * self.errors[f'{kind}-0']:.1f} %",
                )  # fmt: skip
            place = axes[0, 2]
            for k, kind in enumerate(("wide", "deep")):
                values = [100 * self.errors[f"{kind}-{n}"] for n in range(self.s.seeds)]
                place.bar(np.arange(self.s.seeds) + 0.4 * k - 0.2, values, 0.38, label=kind, color=COLOURS[k])
            place.set_xticks(range(self.s.seeds))
            dress(place, "seed", "test error, %")
            place.legend(frameon=False)

        draw(folder / "regions.png", (11, 3.8), 1, 3, fill)


class MonteCarloDropout(Experiment):
    """Dropout at test time: not one answer but a distribution of answers.

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
        yield Stage(trainer, self.train, self.s.epochs, self.test)

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
        """A turned digit; doubtful and certain images."""
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

        draw(folder / "uncertainty.png", (6.4, 3.8), 1, 1, fill)
        order = np.argsort(-self.entropy, kind="stable")
        chosen = np.concatenate([order[:10], order[-10:]])
        image_grid(
            folder / "doubtful.png", images[chosen], 10, rows=("doubtful", "certain"), titles=[str(k) for k in labels[chosen]]
        )


add(
    Recipe(
        "depth-vs-width",
        "the same number of parameters, wide or deep",
        DepthAgainstWidth,
        {
            "epochs": Setting(300, "passes over the points", low=1),
            "batch_size": BATCH,
            "lr": Setting(4e-3, "learning rate of AdamW", low=0),
            "parameters": Setting(1200, "of each network, about", low=100),
            "depth": Setting(4, "hidden layers of the deep network", low=2, high=20),
            "turns": Setting(2.0, "of the spiral", low=0.1),
            "points": Setting(600, "for training", low=30),
            "seeds": Setting(3, "repetitions", low=1, high=9),
        },
        full=Scale((Figure("deep-over-wide", at_most=0.9), Figure("seeds-won", at_least=3.0))),
        quick=Scale((Figure("deep-over-wide", at_most=0.9),), {"epochs": 60, "seeds": 1, "turns": 1.2}),
        shows=(MLP, data.spirals),
    )
)
add(
    Recipe(
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
)
