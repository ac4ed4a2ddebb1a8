"""The adding problem: long-term dependencies in an RNN, an IRNN, an LSTM and a GRU."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ... import data, nn, optim
from ...autograd.base import no_grad
from ...generator import Generator
from ...models import ManyToOne, identity_rnn, states_over_time
from ...ops.conversion import asarray
from ...ops.creation import full
from ...ops.elementwise import square
from ...training import ClipGradients, GradientFlow, Trainer
from ...training.trainer_arguments import pair
from ..experiment import HELD_OUT, Experiment, Stage
from ..parts.pictures import draw_axes, lines
from ..recipe import Figure, Recipe, Scale, Setting

CELLS = ("rnn", "irnn", "lstm", "gru")
NAMES = {"rnn": "tanh RNN", "irnn": "IRNN", "lstm": "LSTM", "gru": "GRU"}
CHANCE = 1 / 6
LONG = 100
"""The least number of time steps over which gradients are measured."""
NEVER = 1e30
LOST = 1e30
"""A loss above which a training is given up as diverged."""
NAMES_OF_CLIPPING = {"unclipped": "as it is: units dead", "clipped": "clipped to norm 1"}


class NormTrainer(Trainer):
    """A Trainer that reports the norm of the gradient before clipping, and makes no more steps once the loss exceeds LOST."""

    def __init__(self, *args: Any, max_norm: float, **options: Any) -> None:
        self.clip = ClipGradients(max_norm)
        super().__init__(*args, callbacks=[self.clip], **options)

    def train_step(self, batch: Any) -> dict[str, float]:
        inputs, targets = pair(batch)
        with np.errstate(all="ignore"):  # it is meant to overflow
            loss = self.loss(self.forward(inputs), targets)
            if not float(loss.detach()) < LOST:
                return {"loss": LOST, "gradient_norm": LOST}
            return {"loss": self.update(loss), "gradient_norm": min(float(self.clip.norm), LOST)}


class AddingProblem(Experiment):
    """Two numbers of a long sequence are marked; at its end the network must give their sum.

    Input at each step: a number from [0, 1) and a mark, 0 or 1; the loss is the squared error at the end. Always answering
    1 has the error 1/6 = 0.167, the variance of the sum. To do better, the gradient must reach the marked numbers, which
    stand up to T steps back: dL/dh_t = dL/dh_T times the product of dh_{k+1}/dh_k, whose norm is about
    (|W| |tanh'|)^(T-t). Below 1 it vanishes, so a tanh RNN stays at 0.167. The IRNN begins with W = I, b = 0 and ReLU, where
    it neither grows nor shrinks. LSTM and GRU add to their memory, c_t = f c_{t-1} + i g: dc_t/dc_{t-1} = f, a gate near 1.

    The same product explodes if W is large. Two more trainings, of an RNN with ReLU on 30 steps, begin with W >= 0 of spectral
    radius 1.5. As it is, the first step throws the weights so far that all units are dead, and only the last bias still
    learns. With gradients clipped, g <- g min(1, 1 / |g|), the steps stay small and bring the radius down.

    learning.png shows the error of each network over its training, vanishing.png the norm of dL/dh_t over t before and
    after it, exploding.png gradients at several spectral radii and the training with and without clipping.

    Source: Hochreiter & Schmidhuber 1997, "Long short-term memory"; Bengio, Simard, Frasconi 1994; Le, Jaitly, Hinton
    2015; Pascanu, Mikolov, Bengio 2013, "On the difficulty of training recurrent neural networks".
    """

    captions: ClassVar = {
        "learning.png": "The error on unseen sequences: 0.167 is what always answering 1 costs.",
        "vanishing.png": "How much of the gradient reaches each earlier step of a long sequence, before and after training.",
        "exploding.png": "At a spectral radius above 1 gradients grow with every step back; unclipped, one step kills all units.",
    }

    def prepare(self) -> None:
        s = self.s
        self.train = data.adding_problem(s.samples, s.length)
        self.test = data.adding_problem(1000, s.length)
        # Ten steps show nothing that vanishes: gradients are measured on long sequences, whatever those of the training.
        self.long = self.test if s.length >= LONG else data.adding_problem(32, LONG, generator=Generator(self.seed))
        made: dict[str, Any] = {
            "rnn": nn.RNN(2, s.hidden, batch_first=True),
            "irnn": identity_rnn(2, s.hidden),
            "lstm": nn.LSTM(2, s.hidden, batch_first=True),
            "gru": nn.GRU(2, s.hidden, batch_first=True),
        }
        with no_grad():  # remember by default: forget gates that begin near sigmoid(1)
            made["lstm"].bias_ih_l0[s.hidden : 2 * s.hidden] = 1.0
        self.models = {name: ManyToOne(recurrent, 1) for name, recurrent in made.items()}
        self.fresh = {name: self._gradients(name) for name in CELLS}
        self.shorter = data.adding_problem(200, 30)
        for name in NAMES_OF_CLIPPING:
            rnn = _positive(nn.RNN(2, s.hidden, nonlinearity="relu", batch_first=True), self.seed)
            self.models[name] = ManyToOne(scale_radius(rnn, 1.5), 1)
        self.models["clipped"].load_state_dict(self.models["unclipped"].state_dict())
        self.trainers = {name: self._trainer(name) for name in self.models}

    def _trainer(self, name: str) -> Trainer:
        s, model = self.s, self.models[name]
        if name in CELLS:
            lr = s.lr * (0.1 if name == "irnn" else 1.0)
            optimizer: optim.Optimizer = optim.Adam(model.parameters(), lr=lr)
            schedule = optim.CosineAnnealingLR(optimizer, s.epochs, eta_min=0.05 * lr)
            return self.trainer(model, nn.MSELoss(), optimizer, callbacks=[ClipGradients(1.0)], scheduler=schedule)
        limit = 1.0 if name == "clipped" else NEVER
        optimizer = optim.SGD(model.parameters(), lr=0.03)
        return self.trainer(model, nn.MSELoss(), optimizer, NormTrainer, max_norm=limit, batch_size=50)

    def stages(self) -> Iterator[Stage]:
        for name in CELLS:
            yield Stage(self.trainers[name], self.train, self.s.epochs, HELD_OUT, name, monitor="val_loss")
        for name in NAMES_OF_CLIPPING:
            yield Stage(self.trainers[name], self.shorter, 15, name=name)

    def measure(self) -> dict[str, float]:
        """The squared error of each network on unseen sequences; from radius 1.5 the last one in training, and the live units."""
        found = {f"{name}_mse": self.trainers[name].evaluate(self.test)["loss"] for name in CELLS}
        for name in NAMES_OF_CLIPPING:
            found[f"radius_1.5_{name}_mse"] = self.trainers[name].history[-1]["loss"]
            with no_grad():
                states = self.models[name].recurrent(asarray(self.shorter.arrays[0]))[0].numpy_copy()
            found[f"radius_1.5_{name}_live_units"] = float((states > 0).any(axis=(0, 1)).mean())
        return found

    def _gradients(self, name: str) -> list[float]:
        """The norm of dL/dh_t over t, as a part of that at the last step."""
        model, flow = self.models[name], GradientFlow()
        x, y = (asarray(part) for part in self.long.batch(range(32)))
        states = states_over_time(model.recurrent, x)
        flow.watch(states, name)
        nn.MSELoss()(model.head(states[-1][-1]), y).backward()
        for p in model.parameters():
            p.grad = None
        norms = np.asarray(flow.steps[name])
        return [float(v) for v in np.maximum(norms / norms[-1], 1e-30)]

    def draw(self, folder: Path) -> None:
        """Errors over the training, gradients over time, and exploding gradients."""

        def learning(axes: Any) -> None:
            errors = {NAMES[c]: [row["val_loss"] for row in self.trainers[c].history] for c in CELLS}
            lines(axes[0, 0], errors, xlabel="epoch", log=True, title=f"error on sequences of {self.s.length} steps")
            reached = [value for row in errors.values() for value in row]
            axes[0, 0].set_ylim(min(*reached, CHANCE) / 1.5, 2 * max(*reached, CHANCE))
            axes[0, 0].axhline(CHANCE, color="#777777", lw=1, ls="--")
            axes[0, 0].text(1, CHANCE * 1.12, "always answering 1", color="#777777", fontsize=9)

        def vanishing(axes: Any) -> None:
            after = {name: self._gradients(name) for name in CELLS}
            for place, norms, when in zip(axes[0], (self.fresh, after), ("before training", "after training"), strict=True):
                lines(place, {NAMES[c]: norms[c] for c in CELLS}, xlabel="time step t", log=True, title=when)
                place.set_ylim(1e-14, 1e6)
            axes[0, 0].set_ylabel("|dL/dh(t)| / |dL/dh(T)|")

        draw_axes(folder / "learning.png", (6.2, 4.0), 1, 1, learning)
        draw_axes(folder / "vanishing.png", (10.5, 4.0), 1, 2, vanishing)
        draw_axes(folder / "exploding.png", (13.5, 4.0), 1, 3, self._exploding)

    def _exploding(self, axes: Any) -> None:
        radii = {f"spectral radius {r:g}": relu_norms(r, self.seed) for r in (0.8, 1.0, 1.2)}
        lines(axes[0, 0], radii, xlabel="time step t", log=True, title="ReLU RNN without inputs: |dL/dh(t)|")
        for place, column, title in (
            (axes[0, 1], "gradient_norm", "training from radius 1.5: gradient norm"),
            (axes[0, 2], "loss", "training from radius 1.5: loss"),
        ):
            series = {t: [row[column] for row in self.trainers[name].history] for name, t in NAMES_OF_CLIPPING.items()}
            lines(place, series, xlabel="epoch of 4 steps", log=True, title=title)


def scale_radius(rnn: Any, radius: float) -> Any:
    """Scale the recurrent matrix of an RNN's first layer to a spectral radius: the largest |eigenvalue|."""
    weight = rnn.weight_hh_l0.numpy_copy()
    with no_grad():
        rnn.weight_hh_l0[...] = asarray(weight * (radius / np.abs(np.linalg.eigvals(weight)).max()).astype(weight.dtype))
    return rnn


def relu_norms(radius: float, seed: int, hidden: int = 5, steps: int = 50) -> list[float]:
    """The norm over time of the gradient of |h_T|^2 / 2 in a ReLU RNN that gets no inputs: h_t = relu(W h_{t-1}), W >= 0."""
    rnn = scale_radius(_positive(nn.RNN(1, hidden, nonlinearity="relu", bias=False, batch_first=True), seed), radius)
    start, flow = full((1, 1, hidden), 1.0), GradientFlow()
    state, states = start, []
    for _ in range(steps):
        _, state = rnn(full((1, 1, 1), 0.0), state)
        states.append(state)
    flow.watch(states, "h")
    (square(states[-1]).sum() / 2).backward()
    return flow.steps["h"]


def _positive(rnn: Any, seed: int) -> Any:
    with no_grad():
        nn.init.uniform_(rnn.weight_hh_l0, 0.0, 1.0, generator=Generator(seed))
    return rnn


RECIPE = Recipe(
    "adding-problem",
    "vanishing and exploding gradients: RNN, IRNN, LSTM and GRU add two far numbers",
    AddingProblem,
    {
        "length": Setting(100, "steps of a sequence", low=2),
        "samples": Setting(10_000, "sequences to train on", low=1),
        "epochs": Setting(16, "passes over them", low=1),
        "batch_size": Setting(50, "sequences in a step", low=1),
        "hidden": Setting(64, "units of each network", low=1),
        "lr": Setting(3e-3, "learning rate of Adam; the IRNN gets a tenth", low=0),
    },
    full=Scale((Figure("lstm_mse", at_most=0.01), Figure("rnn_mse", at_least=0.14), Figure("rnn_mse", at_most=0.19))),
    quick=Scale(
        (Figure("lstm_mse", at_most=0.1), Figure("gru_mse", at_most=0.1)),
        {"length": 10, "samples": 1_500, "epochs": 8, "batch_size": 25, "hidden": 24, "lr": 1e-2},
    ),
    shows=(nn.RNN, nn.LSTM, nn.GRU, identity_rnn, scale_radius, states_over_time, GradientFlow, ClipGradients),
)
