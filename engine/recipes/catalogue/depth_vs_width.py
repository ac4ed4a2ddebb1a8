"""Deep and wide networks with the same number of parameters."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ... import data, nn, optim
from ...generator import Generator
from ...models import MLP
from ...show import COLOURS, label_axes
from ...training import Accuracy
from ..experiment import Experiment, Stage, dtype_of
from ..parts.digit_vectors import BATCH
from ..parts.images import outputs
from ..parts.pictures import draw_axes, regions
from ..recipe import Figure, Recipe, Scale, Setting


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
            label_axes(place, "seed", "test error, %")
            place.legend()

        draw_axes(folder / "regions.png", (11, 3.8), 1, 3, fill)


RECIPE = Recipe(
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
