"""The multi-layer perceptron: digits, a curve, and what units and weight decay do to decision boundaries."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ... import data, nn, optim
from ...default_dtype import get_default_dtype
from ...generator import Generator
from ...models import MLP
from ...training import Accuracy
from ..experiment import HELD_OUT, Experiment, Stage
from ..parts.digit_vectors import BATCH, HOLDOUT, flat_digits
from ..parts.images import outputs
from ..parts.pictures import draw_axes, lines, regions
from ..recipe import Figure, Recipe, Scale, Setting

UNITS, DECAYS = (3, 6, 20), (0.0001, 0.001, 0.01)
STEPS = 20
"""Steps in a pass over the points of the plane, each with all of them."""


class Perceptrons(Experiment):
    """Layers of units, each a weighted sum and a bend: f(x) = W2 act(W1 x + b1) + b2.

    With enough hidden units one such layer comes as close as one likes to any continuous function (Cybenko 1989): the
    second training fits y = sin(3 x) + 0.3 sin(9 x) on [-1, 1] with one hidden layer of 64 tanh units, whose bends are
    spread over the interval at the start. More units can bend a boundary around single points that are only noise;
    weight decay, which adds strength times the sum of the squared weights to the loss, keeps it smooth. The boundary
    pictures show the same two noisy half moons under 3, 6 and 20 units, and 20 units under three strengths of decay.

    Source: Rumelhart, Hinton, Williams 1986, "Learning representations by back-propagating errors".
    """

    captions: ClassVar = {
        "curve.png": "One hidden layer of 64 units approximates a curve that it has seen at 200 points.",
        "boundaries.png": (
            "Above: more hidden units bend the boundary around single noisy points. Below: 20 units under a growing weight "
            "decay, at last almost a straight line."
        ),
    }

    def prepare(self) -> None:
        s = self.s
        self.train, self.test = flat_digits(s.holdout, self.seed)
        self.digits = MLP((64, s.units, 10), s.activation)
        self.curve = MLP((1, 64, 1), "tanh")
        bends = next(m for m in self.curve.modules() if isinstance(m, nn.Linear))
        nn.init.uniform_(bends.weight, -8.0, 8.0)  # unit k bends where w_k x + b_k = 0, mostly inside [-1, 1]
        if bends.bias is not None:
            nn.init.uniform_(bends.bias, -8.0, 8.0)
        kind = get_default_dtype()
        x = np.linspace(-1.0, 1.0, 200)[:, None]
        self.samples = data.ArrayDataset(x.astype(str(kind)), wave(x).astype(str(kind)))
        self.cloud = data.two_moons(120, noise=0.3, generator=Generator(self.seed))
        self.planes = {f"units-{n}": MLP((2, n, 2), "tanh") for n in UNITS}
        self.planes |= {f"decay-{d:g}": MLP((2, 20, 2), "tanh") for d in DECAYS}

    def stages(self) -> Iterator[Stage]:
        s = self.s
        adam = optim.Adam(self.digits.parameters(), lr=s.lr)
        self.judge = self.trainer(self.digits, nn.CrossEntropyLoss(), adam)
        yield Stage(self.judge, self.train, s.epochs, HELD_OUT, "digits")
        fit = optim.Adam(self.curve.parameters(), lr=1e-2)
        slower = optim.CosineAnnealingLR(fit, s.curve_epochs, eta_min=1e-5)
        yield Stage(self.trainer(self.curve, nn.MSELoss(), fit, scheduler=slower), self.samples, s.curve_epochs, None, "curve")
        points = data.DataLoader(self.cloud, batch_sampler=[range(len(self.cloud))] * STEPS)
        for name, model in self.planes.items():
            adam = optim.Adam(model.parameters(), lr=0.05)
            trainer = self.trainer(model, self._cost(name, model), adam, metrics=[Accuracy()])
            yield Stage(trainer, points, s.plane_epochs, None, name)

    @staticmethod
    def _cost(name: str, model: nn.Module) -> Any:
        """Cross-entropy, for the decays with the squared weights (not biases) added."""
        base, (kind, _, value) = nn.CrossEntropyLoss(), name.partition("-")
        if kind == "units":
            return base
        decay = nn.L2Penalty([m.weight for m in model.modules() if isinstance(m, nn.Linear)], float(value))
        return lambda scores, y: base(scores, y) + decay()

    def measure(self) -> dict[str, float]:
        """Accuracy on the digits, mean squared error on the curve between the points seen, training accuracy in the plane."""
        x = np.linspace(-1.0, 1.0, 1999)[:, None]
        results = {
            "accuracy": self.judge.evaluate(self.test, [Accuracy()])["accuracy"],
            "curve-mse": float(np.mean((outputs(self.curve, x) - wave(x)) ** 2)),
        }
        xy, labels = self.cloud.arrays
        return results | {k: float(np.mean(self._class(m, xy) == labels)) for k, m in self.planes.items()}

    def draw(self, folder: Path) -> None:
        """The curve, and the decision boundaries."""
        x = np.linspace(-1.0, 1.0, 500)[:, None]
        series = {"the curve": wave(x)[:, 0], "the network": outputs(self.curve, x)[:, 0]}
        draw_axes(folder / "curve.png", (6, 3.6), 1, 1, lambda axes: lines(axes[0, 0], series, x=x[:, 0], xlabel="x"))

        def fill(axes: Any) -> None:
            for place, (name, model) in zip(axes.flat, self.planes.items(), strict=True):
                kind, _, value = name.partition("-")
                title = f"{value} units" if kind == "units" else f"20 units, decay {value}"
                regions(place, partial(self._class, model), *self.cloud.arrays, title=title)

        draw_axes(folder / "boundaries.png", (9, 6.2), 2, 3, fill)

    @staticmethod
    def _class(model: nn.Module, xy: Any) -> Any:
        return outputs(model, xy).argmax(axis=1)


def wave(x: Any) -> Any:
    """The curve that is to be learnt."""
    return np.sin(3.0 * x) + 0.3 * np.sin(9.0 * x)


RECIPE = Recipe(
    "mlp",
    "a multi-layer perceptron: digits, a curve, decision boundaries",
    Perceptrons,
    {
        "epochs": Setting(30, "passes over the digits", low=1),
        "batch_size": BATCH,
        "lr": Setting(2e-3, "learning rate of Adam on the digits", low=0),
        "units": Setting(256, "hidden units for the digits", low=1),
        "activation": Setting("relu", "of the hidden units", choices=("sigmoid", "tanh", "relu", "maxout")),
        "curve_epochs": Setting(800, "passes over the curve's 200 points", low=1),
        "plane_epochs": Setting(30, f"times {STEPS} steps over all points in the plane", low=1),
        "holdout": HOLDOUT,
    },
    full=Scale((Figure("accuracy", at_least=0.97, percent=True), Figure("curve-mse", at_most=1e-3))),
    quick=Scale(
        (Figure("accuracy", at_least=0.93, percent=True), Figure("curve-mse", at_most=2e-2)),
        {"epochs": 12, "curve_epochs": 150},
    ),
    shows=(MLP, nn.Linear, nn.Maxout, nn.L2Penalty),
)
