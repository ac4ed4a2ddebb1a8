"""Optimizers on a ravine: paths of gradient descent, momentum, Nesterov, RMSprop and Adam."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ... import nn, optim
from ...ops.conversion import asarray
from ...ops.reduce import sum as total
from ...show import COLOURS, label_axes
from ...training import Callback, Trainer, TrainerView
from ..experiment import Experiment, Stage
from ..parts.pictures import draw_axes, lines
from ..recipe import Figure, Recipe, Scale, Setting

START = (-9.0, 2.0)


class Ravine(nn.Module):
    """A point p in the plane, at first at START; its height is (p1^2 + steepness p2^2) / 2."""

    def __init__(self, steepness: float) -> None:
        self.p = nn.Parameter(asarray(START))
        self.curvature = asarray([1.0, steepness])

    def forward(self) -> Any:
        return 0.5 * total(self.curvature * self.p * self.p)


class _Descent(Trainer):
    """A step is one evaluation of the height and one update; the data are only counted."""

    model: Any

    def __init__(self, model: Ravine, optimizer: Any, **more: Any) -> None:
        super().__init__(model, None, optimizer, progress=False, **more)
        self.path = [START]

    def train_step(self, batch: Any) -> float:
        value = self.update(self.model())
        self.path.append(tuple(self.model.p.detach().numpy_copy().tolist()))
        return value

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "path": [list(p) for p in self.path]}

    def load_state_dict(self, state: Any) -> None:
        super().load_state_dict(state)
        self.path = [tuple(p) for p in state["path"]]


class _Anneal(Callback):
    """Momentum from 0.5 to 0.99 in the first steps."""

    def __init__(self, steps: int = 300) -> None:
        self.steps = steps

    def on_batch_end(self, trainer: TrainerView, batch: int, values: dict[str, float]) -> None:
        share = min(1.0, (batch + 1) / self.steps)
        trainer.optimizer.param_groups[0]["momentum"] = 0.5 + share * 0.49


class Optimizers(Experiment):
    """Five ways down the same ravine f(p) = (p1^2 + k p2^2) / 2, k = 100 times steeper across than along.

    Gradient descent, p <- p - lr g, must keep lr below 2 / k or it climbs the walls, and then crawls along the floor.
    Momentum, v <- mu v + g, p <- p - lr v, adds up what the gradients agree on: the best mu makes the number of steps grow
    with sqrt(k), not with k. Annealed momentum begins with mu = 0.5 and raises it. Nesterov looks at the gradient where the
    momentum is about to carry it. RMSprop divides each coordinate by the root of its mean square, Adam does so with the
    mean gradient, both corrected for their start.

    The figure counts the steps until f <= 1e-3 of its start.

    Source: Polyak 1964; Nesterov 1983; Sutskever et al. 2013; Hinton 2012 (RMSprop); Kingma and Ba 2015.
    """

    captions: ClassVar = {
        "paths.png": "The ravine from above, and the first 60 steps of each optimizer.",
        "heights.png": "Height over the start's, by steps.",
    }

    def prepare(self) -> None:
        s = self.s
        self.models = {name: Ravine(s.steepness) for name in ("SGD", "momentum", "annealed", "Nesterov", "RMSprop", "Adam")}
        step = 1.8 / s.steepness
        makers: dict[str, Any] = {
            "SGD": lambda p: optim.SGD(p, lr=step),
            "momentum": lambda p: optim.SGD(p, lr=step, momentum=s.momentum),
            "annealed": lambda p: optim.SGD(p, lr=step, momentum=0.5),
            "Nesterov": lambda p: optim.SGD(p, lr=step / 1.8, momentum=s.momentum, nesterov=True),
            "RMSprop": lambda p: optim.RMSprop(p, lr=0.05),
            "Adam": lambda p: optim.Adam(p, lr=0.5),
        }
        self.runs = {
            name: _Descent(model, makers[name]([model.p]), callbacks=[_Anneal()] if name == "annealed" else [])
            for name, model in self.models.items()
        }

    def stages(self) -> Iterator[Stage]:
        ticks = [asarray(np.zeros((1, 1)))] * self.s.steps
        for name, run in self.runs.items():
            yield Stage(run, ticks, 1, None, name.lower())

    def _heights(self, name: str) -> Any:
        path = np.array(self.runs[name].path)
        height = path[:, 0] ** 2 + self.s.steepness * path[:, 1] ** 2
        return height / height[0]

    def measure(self) -> dict[str, float]:
        """Steps of each until 1e-3 of the first height, the number of steps made if never; momentum's over SGD's."""
        needed = {}
        for name in self.runs:
            low = np.flatnonzero(self._heights(name) <= 1e-3)
            needed[name] = float(low[0]) if len(low) else float(self.s.steps)
        best = min(needed["momentum"], needed["annealed"])
        arrived = float(best < self.s.steps)
        steps = {f"steps {k}": v for k, v in needed.items()}
        return {"momentum-over-sgd": best / needed["SGD"], "momentum-arrived": arrived, **steps}

    def draw(self, folder: Path) -> None:
        """Paths on the contour lines, heights over the steps."""
        x, y = np.meshgrid(np.linspace(-10, 4, 200), np.linspace(-2.6, 2.6, 200))

        def fill(axes: Any) -> None:
            for place, (name, run), colour in zip(axes.flat, self.runs.items(), COLOURS, strict=False):
                place.contour(
                    x, y, x**2 + self.s.steepness * y**2, levels=np.geomspace(0.5, 900, 12), colors="#cccccc", linewidths=0.7
                )
                path = np.array(run.path[:61])
                place.plot(path[:, 0], path[:, 1], "-o", ms=2.2, lw=1.1, color=colour)
                place.plot(0, 0, "k+", ms=8)
                place.set_xlim(-10, 4)
                place.set_ylim(-2.6, 2.6)
                label_axes(place, title=name)

        draw_axes(folder / "paths.png", (10, 5.4), 2, 3, fill)
        heights = {name: np.maximum(self._heights(name)[:300], 1e-12) for name in self.runs}
        draw_axes(
            folder / "heights.png", (6.4, 3.8), 1, 1,
            lambda axes: lines(
                axes[0, 0], heights, x=range(len(heights["SGD"])), xlabel="step", ylabel="height over the start's", log=True
            ),
        )  # fmt: skip


_SCALE = Scale((Figure("momentum-over-sgd", at_most=1 / 3), Figure("momentum-arrived", at_least=1.0)))
RECIPE = Recipe(
    "optimizers",
    "SGD, momentum, Nesterov, RMSprop and Adam on a ravine",
    Optimizers,
    {
        "steps": Setting(600, "steps of each optimizer", low=10),
        "steepness": Setting(100.0, "how many times steeper the ravine is across than along", low=1.0),
        "momentum": Setting(0.9, "mu of momentum and Nesterov", low=0.0, high=0.999),
    },
    full=_SCALE,
    quick=Scale(_SCALE.figures, {"steps": 300}),
    shows=(Ravine, optim.SGD, optim.RMSprop, optim.Adam),
)
