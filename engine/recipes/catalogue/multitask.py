"""One network for two tasks: hard, soft and alternating sharing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ... import nn, optim
from ...models import ConvNet
from ...ops.loss import cross_entropy
from ...show import COLOURS, label_axes
from ...training import Trainer
from ..experiment import HELD_OUT, Experiment, Stage
from ..parts.images import image_sets
from ..parts.pictures import draw_axes
from ..parts.transfer_settings import BATCH, DATA
from ..recipe import Figure, Recipe, Scale, Setting


class SharedNet(nn.Module):
    """Two tasks on one image: its digit, and whether it is even.

    sharing: "hard", one trunk under two heads; "soft", a trunk for each task, kept near each other by a penalty; "single",
    a trunk and head for one task alone (task 0 or 1). x: (N,1,S,S). Returns scores (N,10) and (N,2).
    """

    def __init__(self, size: int, width: int, sharing: str) -> None:
        self.sharing = sharing
        count = 1 if sharing == "hard" else 2
        self.trunks = nn.ModuleList([ConvNet(size, width=width, hidden=64, classes=32, dropout=0.25) for _ in range(count)])
        self.heads = nn.ModuleList([nn.Linear(32, 10), nn.Linear(32, 2)])

    def forward(self, x: Any) -> Any:
        codes = [nn.functional.relu(trunk(x)) for trunk in self.trunks]
        return self.heads[0](codes[0]), self.heads[1](codes[-1])

    def apart(self) -> Any:
        """Half the squared distance of the two trunks' weights."""
        pairs = zip(self.trunks[0].parameters(), self.trunks[-1].parameters(), strict=True)
        return 0.5 * sum(((p - q) ** 2).sum() for p, q in pairs)


TASKS = ("digit", "even")


class _Both(Trainer):
    """Trains on two tasks. loss: a MultiTaskLoss of theirs; alternate: only one of them counts in a batch, in turn."""

    model: Any
    alternate = False
    closeness = 0.0

    def _trained(self, values: Any, kind: str) -> dict[str, float]:
        """The values of the tasks that count, by name."""
        named = zip(TASKS, values, self.loss.weights, strict=True)
        return {f"{task}_{kind}": float(value) for task, value, weight in named if weight}

    def _losses(self, batch: Any) -> Any:
        x, digit = batch
        scores = self.forward(x)
        return scores, [cross_entropy(scores[0], digit), cross_entropy(scores[1], digit % 2)]

    def train_step(self, batch: Any) -> dict[str, float]:
        _, losses = self._losses(batch)
        total = losses[self.batch % 2] if self.alternate else self.loss(*losses)
        if self.closeness:
            total = total + self.closeness * self.model.apart()
        self.update(total)
        return {"loss": float(total.detach()), **self._trained([part.detach() for part in losses], "loss")}

    def evaluate_step(self, batch: Any) -> dict[str, float]:
        scores, losses = self._losses(batch)
        digit = batch[1]
        right = [(scores[0].argmax(axis=1) == digit), (scores[1].argmax(axis=1) == digit % 2)]
        hits = [r.astype(losses[0].dtype).mean() for r in right]
        return {"loss": float(self.loss(*losses)), **self._trained(hits, "accuracy")}


class MultiTask(Experiment):
    """One network for two tasks: which digit it is, and whether it is even.

    Hard sharing: one trunk, two heads, loss L = L_digit + a L_even. Soft sharing: a trunk for each, and the penalty
    b ||w1 - w2||^2 / 2 pulls them together. Alternating: one task's loss per batch, in turn, for twice as many epochs.
    Compared with two networks that learn one task each. Related tasks do not lose by sharing, and hard sharing needs half
    of the weights.

    Source: Caruana 1997, "Multitask learning"; Ruder 2017, arXiv:1706.05098.
    """

    captions: ClassVar = {"tasks.png": "Test errors of both tasks under each way of sharing."}
    WAYS: ClassVar = {
        "single-digit": ("hard", (1.0, 0.0), False),
        "single-even": ("hard", (0.0, 1.0), False),
        "hard": ("hard", (1.0, 0.5), False),
        "soft": ("soft", (1.0, 0.5), False),
        "alternating": ("hard", (1.0, 1.0), True),
    }

    def prepare(self) -> None:
        s = self.s
        self.train, self.test = image_sets(s.data, self.seed, s.images)
        size = self.train[0][0].shape[-1]
        self.models = {name: SharedNet(size, s.width, way[0]) for name, way in self.WAYS.items()}
        self.trainers: dict[str, _Both] = {}

    def stages(self) -> Iterator[Stage]:
        s = self.s
        for name, (sharing, weights, alternate) in self.WAYS.items():
            model = self.models[name]
            optimizer = optim.Adam(model.parameters(), lr=s.lr)
            epochs = 2 * s.epochs if alternate else s.epochs  # as many batches of each task as one gets alone
            slower = optim.CosineAnnealingLR(optimizer, epochs, eta_min=0.02 * s.lr)
            trainer = self.trainer(model, nn.MultiTaskLoss(*weights), optimizer, _Both, scheduler=slower)
            trainer.alternate = alternate
            trainer.closeness = s.closeness if sharing == "soft" else 0.0
            self.trainers[name] = trainer
            yield Stage(trainer, self.train, epochs, HELD_OUT, name)

    def measure(self) -> dict[str, float]:
        """Test accuracies, and how much the joint networks lose on the single ones at worst, in parts of 1."""
        found = {name: trainer.evaluate(self.test) for name, trainer in self.trainers.items()}
        self.errors = {"single": [1 - found[f"single-{task}"][f"{task}_accuracy"] for task in TASKS]}
        for way in ("hard", "soft", "alternating"):
            self.errors[way] = [1 - found[way][f"{task}_accuracy"] for task in TASKS]
        loss = {k: max(e[0] - self.errors["single"][0], e[1] - self.errors["single"][1]) for k, e in self.errors.items()}
        return {
            "loss-hard": loss["hard"],
            "loss-soft": loss["soft"],
            "loss-alternating": loss["alternating"],
            "accuracy": found["hard"]["digit_accuracy"],
            **{f"{k} {task}": 1 - e[i] for k, e in self.errors.items() for i, task in enumerate(TASKS)},
        }

    def draw(self, folder: Path) -> None:
        """Errors of both tasks."""

        def fill(axes: Any) -> None:
            place, ways = axes[0, 0], list(self.errors)
            for i, task in enumerate(("digit", "even or odd")):
                values = [100 * self.errors[k][i] for k in ways]
                place.bar(np.arange(len(ways)) + 0.4 * i - 0.2, values, 0.38, color=COLOURS[i], label=task)
            place.set_xticks(range(len(ways)), ways)
            label_axes(place, "", "test error, %")
            place.legend()

        draw_axes(folder / "tasks.png", (6, 3.8), 1, 1, fill)


RECIPE = Recipe(
    "multitask",
    "one network for two tasks: hard, soft and alternating sharing",
    MultiTask,
    {
        "data": DATA,
        "images": Setting(30000, "training images, 0 for all", low=0),
        "epochs": Setting(8, "passes over the training set", low=1),
        "batch_size": BATCH,
        "lr": Setting(1e-3, "learning rate of Adam", low=0),
        "width": Setting(8, "filters of the first convolution", low=1),
        "closeness": Setting(1e-3, "strength of soft sharing's penalty", low=0),
    },
    full=Scale(
        (
            Figure("loss-hard", at_most=0.003, percent=True),
            Figure("loss-soft", at_most=0.003, percent=True),
            Figure("loss-alternating", at_most=0.003, percent=True),
        ),
        data=("mnist",),
    ),
    small=Scale(
        (Figure("loss-hard", at_most=0.02, percent=True), Figure("accuracy", at_least=0.95, percent=True)),
        {"data": "digits", "images": 0, "epochs": 20, "lr": 3e-3},
    ),
    quick=Scale(
        (Figure("loss-hard", at_most=0.06, percent=True), Figure("accuracy", at_least=0.9, percent=True)),
        {"data": "digits", "images": 0, "epochs": 7, "lr": 4e-3},
    ),
    shows=(SharedNet, nn.MultiTaskLoss),
)
