"""Initial weights and batch normalization: the standard deviation of activations through a deep network."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ... import nn, optim
from ...autograd.base import no_grad
from ...ops.conversion import asarray
from ...training import Accuracy, ClipGradients
from ..experiment import HELD_OUT, Experiment, Stage, dtype_of
from ..parts.digit_vectors import BATCH, HOLDOUT, flat_digits
from ..parts.pictures import draw_axes, lines
from ..recipe import Figure, Recipe, Scale, Setting

GAINS = {"He": 1.0, "half of He": 0.5, "twice He": 2.0}


class DeepStack(nn.Module):
    """depth layers of linear map, optional batch normalisation and dropout, and ReLU; then scores. x: (N,64) -> (N,10).

    spread: standard deviation of the weights in units of He's, sqrt(2 / inputs), or "xavier" for Glorot's uniform bounds.
    """

    def __init__(self, depth: int, width: int, spread: float | str, norm: bool = False, dropout: float = 0.0) -> None:
        self.blocks: Any = nn.ModuleList()
        for k in range(depth):
            linear = nn.Linear(64 if k == 0 else width, width)
            if spread == "xavier":
                nn.init.xavier_uniform_(linear.weight)
            else:
                nn.init.normal_(linear.weight, std=float(spread) * (2.0 / linear.in_features) ** 0.5)
            if linear.bias is not None:
                nn.init.zeros_(linear.bias)
            parts = [linear, *([nn.BatchNorm1d(width)] if norm else []), nn.ReLU()]
            self.blocks.append(nn.Sequential(*parts, *([nn.Dropout(dropout)] if dropout else [])))
        self.head = nn.Linear(width, 10)

    def forward(self, x: Any) -> Any:
        for block in self.blocks:
            x = block(x)
        return self.head(x)

    def spreads(self, x: Any) -> list[float]:
        """The standard deviation of what enters each ReLU, layer by layer."""
        found = []
        with no_grad():
            for part in (part for block in self.blocks for part in block):
                if isinstance(part, nn.ReLU):
                    found.append(float(np.std(x.numpy_copy().astype(np.float64))))
                x = part(x)
        return found


class InitAndNorm(Experiment):
    """How large should the first weights be, and what does batch normalisation do about it?

    A unit adds up n inputs, so with weights of variance v its variance is n v times theirs; ReLU halves the second moment.
    He et al. take v = 2 / n, which keeps the spread the same through any number of layers; half that standard deviation
    shrinks it by 2 in each layer, twice makes it grow by 2. Xavier's U(-a, a) with a = sqrt(6 / (n_in + n_out)) does for
    tanh what He's does for ReLU. Batch normalisation, (h - mean) / sqrt(variance + eps) over the batch, makes the spread 1
    whatever the weights were. Dropout, which zeroes units at random and scales the rest up, leaves the mean as it was.

    The first picture follows the spread through the layers before any training; the second shows what training makes of
    each start: too small or too large, and nothing is learnt.

    Source: Glorot and Bengio 2010; He et al. 2015, arXiv:1502.01852; Ioffe and Szegedy 2015, arXiv:1502.03167.
    """

    captions: ClassVar = {
        "spread.png": "Standard deviation of the activations by layer, before training: He's weights keep it, others do not.",
        "learning.png": "Training loss from each start, 10 layers deep.",
    }

    def prepare(self) -> None:
        s = self.s
        self.train, self.test = flat_digits(s.holdout, self.seed)
        starts: dict[str, tuple[Any, bool, float]] = {
            **{name: (gain, False, 0.0) for name, gain in GAINS.items()},
            "Xavier": ("xavier", False, 0.0),
            "half of He, batch norm": (0.5, True, 0.0),
            "twice He, batch norm": (2.0, True, 0.0),
            "He, dropout": (1.0, False, 0.2),
        }
        self.models = {name: DeepStack(s.depth, s.width, *start) for name, start in starts.items()}
        images = self.train.arrays[0]
        centred = (images - images.mean(axis=0)) / (images.std(axis=0) + 0.1)
        x = asarray(centred[:512].astype(dtype_of(self.models["He"])))
        self.spreads = {name: model.spreads(x) for name, model in self.models.items() if "dropout" not in name}

    def stages(self) -> Iterator[Stage]:
        self.histories = {}
        for name, model in self.models.items():
            optimizer = optim.SGD(model.parameters(), lr=self.s.lr, momentum=0.9)
            trainer = self.trainer(model, nn.CrossEntropyLoss(), optimizer, callbacks=[ClipGradients(max_norm=1.0)])
            folder = name.lower().replace(", ", "-").replace(" ", "-")
            yield Stage(trainer, self.train, self.s.epochs, HELD_OUT, folder)
            self.histories[name] = trainer.history

    def measure(self) -> dict[str, float]:
        """Spread at the last layer over that at the first, per start; test accuracies."""
        last = {name: found[-1] / found[0] for name, found in self.spreads.items()}
        results = {
            "he": last["He"], "half-he": last["half of He"], "twice-he": last["twice He"], "xavier": last["Xavier"],
            "batch-norm-low": min(self.spreads[k][-1] for k in last if "norm" in k),
            "batch-norm-high": max(self.spreads[k][-1] for k in last if "norm" in k),
        }  # fmt: skip
        for name, model in self.models.items():
            judge = self.trainer(model, nn.CrossEntropyLoss(), optim.SGD(model.parameters(), lr=0.0))
            results[f"accuracy {name}"] = judge.evaluate(self.test, [Accuracy()])["accuracy"]
        return {"accuracy": results["accuracy He"], **results}

    def draw(self, folder: Path) -> None:
        """Spread over layers; training losses."""
        layers = range(1, self.s.depth + 1)
        draw_axes(
            folder / "spread.png", (6.4, 3.8), 1, 1,
            lambda axes: lines(axes[0, 0], self.spreads, x=layers, xlabel="layer", ylabel="standard deviation", log=True),
        )  # fmt: skip
        losses = {name: [row["loss"] for row in history] for name, history in self.histories.items()}
        draw_axes(
            folder / "learning.png", (6.4, 3.8), 1, 1,
            lambda axes: lines(axes[0, 0], losses, xlabel="epoch", ylabel="training loss", log=True),
        )  # fmt: skip


_FIGURES = (
    Figure("he", at_least=0.5),
    Figure("he", at_most=2.0),
    Figure("half-he", at_most=1e-2),
    Figure("twice-he", at_least=1e2),
    Figure("batch-norm-low", at_least=0.9),
    Figure("batch-norm-high", at_most=1.1),
)
RECIPE = Recipe(
    "init-and-norm",
    "initial weights, batch normalisation and dropout in a deep stack",
    InitAndNorm,
    {
        "epochs": Setting(15, "passes over the training set, per start", low=1),
        "batch_size": BATCH,
        "lr": Setting(0.02, "learning rate of SGD with momentum 0.9", low=0),
        "depth": Setting(10, "layers", low=2, high=100),
        "width": Setting(256, "units of a layer", low=8),
        "holdout": HOLDOUT,
    },
    full=Scale((*_FIGURES, Figure("accuracy", at_least=0.95, percent=True))),
    quick=Scale((*_FIGURES, Figure("accuracy", at_least=0.8, percent=True)), {"epochs": 5, "width": 128, "lr": 0.05}),
    shows=(nn.init.kaiming_normal_, nn.init.xavier_uniform_, nn.BatchNorm1d, nn.Dropout),
)
