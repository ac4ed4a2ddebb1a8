"""Linear support vector machines and softmax regression, with three penalties."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import numpy as np

from ... import nn, optim
from ...training import Accuracy, Trainer
from ..experiment import HELD_OUT, Experiment, Stage
from ..parts.digit_vectors import BATCH, EPOCHS, HOLDOUT, flat_digits
from ..parts.pictures import image_grid
from ..recipe import Figure, Recipe, Scale, Setting


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
            yield Stage(self._trainer(name), self.train, self.s.epochs, HELD_OUT, name)

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


RECIPE = Recipe(
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
)  # fmt: skip
