"""Ten perceptrons learn digits by the perceptron rule."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from ... import nn, optim
from ...ops.gather import one_hot
from ...ops.reduce import sum as total
from ...training import Accuracy, Trainer
from ..experiment import HELD_OUT, Experiment, Stage
from ..parts.digit_vectors import EPOCHS, HOLDOUT, flat_digits
from ..parts.pictures import image_grid
from ..recipe import Figure, Recipe, Scale, Setting


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
        yield Stage(self.rule, self.train, self.s.epochs, HELD_OUT)

    def measure(self) -> dict[str, float]:
        """Accuracy on the test set."""
        return {"accuracy": self.rule.evaluate(self.test)["accuracy"]}

    def draw(self, folder: Path) -> None:
        """The weights as images."""
        weights = self.model.weight.numpy_copy().reshape(10, 8, 8)
        image_grid(folder / "weights.png", weights, 5, titles=[str(d) for d in range(10)], cell=1.4, diverging=True)


RECIPE = Recipe(
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
