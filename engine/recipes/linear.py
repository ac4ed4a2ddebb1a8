"""Linear classifiers: the perceptron rule, and support vector machines beside softmax regression."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from .. import data, nn, optim
from ..ops.index import one_hot
from ..ops.reduce import sum as total
from ..training import Accuracy, Trainer
from .experiment import Experiment, Stage
from .pictures import image_grid
from .recipe import Figure, Recipe, Scale, Setting, add

EPOCHS = Setting(20, "passes over the training set", low=1)
BATCH = Setting(32, "samples in a step", low=1)
HOLDOUT = Setting(0.2, "part of the images kept for the test", low=0.01, high=0.9)


def flat_digits(holdout: float, seed: int) -> tuple[data.ArrayDataset, data.ArrayDataset]:
    """The bundled digits as vectors (N,64): training and test set."""
    images, labels = data.digits().arrays
    vectors = data.ArrayDataset(images.reshape(-1, 64), labels, classes=[str(d) for d in range(10)])
    return vectors.split(1.0 - holdout, seed=seed, stratified=True)


class _Rule(Trainer):
    """Trains by the perceptron rule in place of a gradient; the loss is the number of wrong units per example."""

    model: Any

    def train_step(self, batch: Any) -> float:
        x, y = batch
        self.measure(self.model.activation(x), y)  # before the correction, after which this very sample mostly fits
        wrong = self.model.learn(x, one_hot(y, 10))
        return float(wrong / y.shape[0])

    def evaluate_step(self, batch: Any) -> float:
        x, y = batch
        self.measure(self.model.activation(x), y)
        return float(total(abs(self.model(x) - one_hot(y, 10, dtype=x.dtype)))) / int(y.shape[0])


class PerceptronDigits(Experiment):
    """Ten perceptrons, one for each digit, learn by correcting mistakes.

    A unit answers y = 1 where w.x + b >= 0 and 0 elsewhere. For each example with target t the rule is
    w <- w + (t - y) x, b <- b + (t - y): nothing happens where the answer is right. On separable classes the number of
    corrections is finite (Novikoff 1962). The digit is that of the unit with the largest w.x + b. The picture shows the
    weights of each unit: what it likes in red, what it dislikes in blue.

    Source: Rosenblatt 1958, "The perceptron: a probabilistic model for information storage and organization in the brain".
    """

    captions: ClassVar = {"weights.png": "The weights of the ten units: ink on red speaks for the digit, ink on blue against it."}

    def prepare(self) -> None:
        self.train, self.test = flat_digits(self.s.holdout, self.seed)
        self.model = nn.Perceptron(64, 10)
        idle = optim.SGD(self.model.parameters(), lr=0.0)  # the rule needs none
        self.rule = self.trainer(self.model, None, idle, _Rule, metrics=[Accuracy()])

    def stages(self) -> Iterator[Stage]:
        yield Stage(self.rule, self.train, self.s.epochs, self.test)

    def measure(self) -> dict[str, float]:
        """Accuracy on the test set."""
        return {"accuracy": self.rule.evaluate(self.test)["accuracy"]}

    def draw(self, folder: Path) -> None:
        """The weights as images."""
        weights = self.model.weight.numpy_copy().reshape(10, 8, 8)
        image_grid(folder / "weights.png", weights, 5, titles=[str(d) for d in range(10)], cell=1.4, diverging=True)


class LinearClassifiers(Experiment):
    """The same linear scores s = W x + b under two losses and three penalties.

    hinge (multi-class SVM): sum over wrong classes j of max(0, s_j - s_y + 1): no longer interested once the right class
    leads by a margin. softmax: -log(exp(s_y) / sum_j exp(s_j)): never quite content. Penalties on W choose between
    weights of equal scores: L2, sum W^2, spreads them out; L1, sum |W|, sets many to zero; elastic, sum (b W^2 + |W|),
    does some of both. The picture shows the weights of one digit under each.

    Source: Weston and Watkins 1999; Tibshirani 1996; Zou and Hastie 2005.
    """

    captions: ClassVar = {
        "weights.png": "Weights for the digits 0 to 4 under each loss and penalty: L1 leaves few pixels, L2 uses all a little."
    }
    KINDS: ClassVar = {
        "hinge": (nn.MultiMarginLoss, None),
        "hinge-l2": (nn.MultiMarginLoss, nn.L2Penalty),
        "hinge-l1": (nn.MultiMarginLoss, nn.L1Penalty),
        "hinge-elastic": (nn.MultiMarginLoss, nn.ElasticNetPenalty),
        "softmax-l2": (nn.CrossEntropyLoss, nn.L2Penalty),
    }

    def prepare(self) -> None:
        self.train, self.test = flat_digits(self.s.holdout, self.seed)
        self.models = {name: nn.Linear(64, 10) for name in self.KINDS}

    def stages(self) -> Iterator[Stage]:
        for name in self.KINDS:
            yield Stage(self._trainer(name), self.train, self.s.epochs, self.test, name)

    def _trainer(self, name: str) -> Trainer:
        kind, penalty = self.KINDS[name]
        model, base = self.models[name], kind()
        cost = (lambda: 0.0) if penalty is None else penalty([model.weight], self.s.penalty)
        optimizer = optim.Adam(model.parameters(), lr=self.s.lr)
        return self.trainer(model, lambda scores, y: base(scores, y) + cost(), optimizer, metrics=[Accuracy()])

    def measure(self) -> dict[str, float]:
        """Test accuracies, and the part of the weights below 1 % of the largest."""
        results = {}
        for name, model in self.models.items():
            results[f"accuracy-{name}"] = self._trainer(name).evaluate(self.test)["accuracy"]
            weights = np.abs(model.weight.numpy_copy())
            results[f"near-zero-{name}"] = float((weights < 0.01 * weights.max()).mean())
        return {"accuracy": min(v for k, v in results.items() if k.startswith("accuracy")), **results}

    def draw(self, folder: Path) -> None:
        """The weights of five digits under each loss and penalty."""
        images = np.concatenate([m.weight.numpy_copy()[:5].reshape(5, 8, 8) for m in self.models.values()])
        image_grid(folder / "weights.png", images, 5, rows=list(self.models), cell=1.2, diverging=True)


add(
    Recipe(
        "perceptron",
        "ten perceptrons learn digits by the rule of 1958",
        PerceptronDigits,
        {
            "epochs": EPOCHS,
            "batch_size": Setting(1, "samples in a step: the rule takes one at a time", low=1),
            "holdout": HOLDOUT,
        },
        full=Scale((Figure("accuracy", at_least=0.90, percent=True),)),
        quick=Scale((Figure("accuracy", at_least=0.80, percent=True),), {"epochs": 8}),
        shows=(nn.Perceptron, nn.Perceptron.learn),
    )
)
add(
    Recipe(
        "linear-svm",
        "linear classifiers: hinge and softmax loss, L1, L2 and elastic penalties",
        LinearClassifiers,
        {
            "epochs": EPOCHS, "batch_size": BATCH, "holdout": HOLDOUT,
            "lr": Setting(0.01, "learning rate of Adam", low=0),
            "penalty": Setting(2e-4, "strength of the penalties", low=0),
        },
        full=Scale((Figure("accuracy", at_least=0.93, percent=True),)),
        quick=Scale((Figure("accuracy", at_least=0.93, percent=True),), {"epochs": 8}),
        shows=(nn.MultiMarginLoss, nn.CrossEntropyLoss, nn.L1Penalty, nn.L2Penalty, nn.ElasticNetPenalty),
    )
)  # fmt: skip
