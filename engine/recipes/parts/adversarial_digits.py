"""Generative adversarial networks on digits: unconditional, conditional, and convolutional."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ... import models, nn, optim
from ..._tensor import Tensor
from ...autograd.base import no_grad
from ...data.host_random import normal
from ...generator import Generator
from ...ops.activation import sigmoid
from ...ops.conversion import asarray
from ...ops.creation import full
from ...ops.loss import binary_cross_entropy_with_logits
from ...ops.softmax import softmax
from ...show import COLOURS, label_axes
from ...training import Accuracy, Trainer
from ..experiment import HELD_OUT, Experiment, Stage
from ..recipe import Figure, Recipe, Scale, Setting
from . import pictures
from .images import image_sets, images_of, outputs


class AdversarialTraining(Trainer):
    """Each step trains the discriminator, then the generator.

    real: the target probability of real images for the discriminator (one-sided label smoothing). conditional: both networks
    also get the labels.
    """

    model: models.GAN
    real, conditional = 0.9, False

    def train_step(self, batch: Any) -> dict[str, float]:
        x, condition = batch[0], batch[1] if self.conditional else None
        judge, made = self.model.discriminator, self.model(x.shape[0], condition)
        on_real, on_made = judge(x, condition), judge(made.detach(), condition)
        d_loss = self.update(logits_loss(on_real, self.real) + logits_loss(on_made, 0.0), "discriminator")
        g_loss = self.update(logits_loss(judge(made, condition), 1.0), "generator")
        with no_grad():
            d_real, d_made = float(sigmoid(on_real).mean()), float(sigmoid(on_made).mean())
        return {"d_loss": d_loss, "g_loss": g_loss, "d_real": d_real, "d_made": d_made}


def logits_loss(logits: Tensor, target: float) -> Tensor:
    """Binary cross-entropy of logits with the same target for all."""
    return binary_cross_entropy_with_logits(logits, full(logits.shape, target, dtype=logits.dtype))


def optimizers_of(model: models.GAN, lr: float, handicap: float = 1.0) -> dict[str, optim.Optimizer]:
    """Adam with beta1 = 0.5 for both networks; handicap: the discriminator's learning rate as a part of the generator's."""
    return {
        "discriminator": optim.Adam(model.discriminator.parameters(), lr=handicap * lr, betas=(0.5, 0.999)),
        "generator": optim.Adam(model.generator.parameters(), lr=lr, betas=(0.5, 0.999)),
    }


class AdversarialDigits(Experiment):
    """Base of the recipes on digits. A classifier, the judge, is trained first; it counts the digits that are generated."""

    captions: ClassVar[Mapping[str, str]] = {
        "samples.png": "Images made from random noise.",
        "balance.png": "What the discriminator says of real and of made images, grey where it should end; which digits are made.",
        "walk.png": "From one noise vector to another, in four rows: what lies between are digits too.",
    }
    conditional: ClassVar[bool] = False

    def prepare(self) -> None:
        s = self.s
        self.train, self.test = image_sets(s.data, self.seed, s.limit)
        self.size = int(self.train.arrays[0].shape[2])
        self.judge = models.ConvNet(self.size, width=16, hidden=64, dropout=0.2)
        self.model = self.build()

    def build(self) -> models.GAN:
        """Make generator and discriminator."""
        classes = 10 if self.conditional else 0
        maker = models.DenseGenerator(self.s.noise, self.size, self.s.width, classes)
        critic = models.DenseDiscriminator(self.size, self.s.width // 2, classes, dropout=0.4, blur=self.s.blur)
        return models.GAN(maker, critic, self.s.noise)

    def stages(self) -> Iterator[Stage]:
        s = self.s
        adam = optim.Adam(self.judge.parameters(), lr=3e-3)
        judge = self.trainer(self.judge, nn.CrossEntropyLoss(), adam, metrics=[Accuracy()], batch_size=64)
        yield Stage(judge, self.train, s.judge_epochs, HELD_OUT, "judge")
        players = optimizers_of(self.model, s.lr, s.handicap)
        self.game = self.trainer(self.model, None, players, AdversarialTraining)
        self.game.conditional = self.conditional
        yield Stage(self.game, self.train, s.epochs, name="gan")

    def measure(self) -> dict[str, float]:
        x, y = images_of(self.test)
        last = self.game.history[-1]
        wanted = np.arange(1000) % 10
        self.made = self._made(1000, wanted)
        shares = outputs(self.judge, self.made, lambda i: softmax(self.judge(i), axis=1))
        found, sure = shares.argmax(axis=1), shares.max(axis=1) >= 0.9
        self.counts = np.bincount(found[sure], minlength=10) / len(found)
        results = {
            "modes": int((self.counts >= 0.01).sum()),
            "least_made": float(self.counts.min()),
            "d_real": last["d_real"],
            "d_made": last["d_made"],
            "mean_d": (last["d_real"] + last["d_made"]) / 2,
            "clear": float(sure.mean()),
            "judge_accuracy": float((outputs(self.judge, x).argmax(axis=1) == y).mean()),
        }
        return {**results, "as_asked": float((found == wanted).mean())} if self.conditional else results

    def _made(self, count: int, labels: Any, seed: int = 0, noise: Any = None) -> Any:
        """Generated images (count,1,S,S), from random or given noise."""
        condition = asarray(labels) if self.conditional else None
        drawn = normal(Generator(seed), (count, self.s.noise)) if noise is None else noise
        return outputs(self.model, drawn, lambda z: self.model.generator(z, condition), count)

    def draw(self, folder: Path) -> None:
        rows = [f"label {k}" for k in range(10)] if self.conditional else ()
        pictures.image_grid(folder / "samples.png", self._made(100, np.arange(100) // 10, seed=1), rows=rows)
        pictures.draw_axes(folder / "balance.png", (9.0, 3.6), 1, 2, self._balance)
        noise = np.concatenate([self._between(k, 10) for k in range(4)])
        pictures.image_grid(folder / "walk.png", self._made(40, np.arange(40) // 10 * 2 + 1, noise=noise))

    def _between(self, seed: int, steps: int) -> Any:
        ends, share = normal(Generator(seed), (2, self.s.noise)), np.linspace(0.0, 1.0, steps)[:, None]
        return (1 - share) * ends[0] + share * ends[1]

    def _balance(self, axes: Any) -> None:
        said = {"of real images": "d_real", "of made images": "d_made"}
        series = {name: [row[key] for row in self.game.history] for name, key in said.items()}
        axes[0, 0].axhspan(0.35, 0.65, color="#dddddd", alpha=0.5, lw=0)
        pictures.lines(axes[0, 0], series, xlabel="epoch", ylabel="D, mean", title="the discriminator says")
        axes[0, 0].set_ylim(0, 1)
        axes[0, 1].bar(range(10), 100 * self.counts, color=COLOURS[0])
        axes[0, 1].set_xticks(range(10))
        axes[0, 1].set_axisbelow(True)
        label_axes(axes[0, 1], "digit, where the judge is sure", "% of images", "what is made")

    def sample(self, *, count: int = 100, seed: int = 0) -> Any:
        """A figure of generated images; those of a conditional generator have the labels 0, 1, 2 ... in each row."""
        return pictures.image_grid(None, self._made(count, np.arange(count) % 10, seed))

    def interpolate(self, *, seed: int = 0, steps: int = 10, digit: int = 3) -> Any:
        """A figure of the images between two noise vectors; digit: the label for a conditional generator."""
        return pictures.image_grid(None, self._made(steps, np.full(steps, digit), noise=self._between(seed, steps)), steps)


BALANCED = (Figure("modes", at_least=10), Figure("d_real", at_most=0.65), Figure("d_made", at_least=0.35))
QUICK = (Figure("modes", at_least=6),)
SETTINGS: dict[str, Setting] = {
    "data": Setting("mnist", "which images", choices=("digits", "mnist", "fashion")),
    "limit": Setting(0, "training images used, 0 for all", low=0),
    "epochs": Setting(12, "passes over the images", low=1),
    "judge_epochs": Setting(1, "passes over the images for the judge", low=1),
    "batch_size": Setting(128, "samples in a step", low=1),
    "blur": Setting(0.4, "standard deviation of the noise that is added to the discriminator's input", low=0),
    "lr": Setting(4e-4, "learning rate of Adam for the generator", low=0),
    "handicap": Setting(0.5, "learning rate of the discriminator as a part of the generator's", low=0),
    "noise": Setting(64, "dimension of the generator's noise vector", low=1),
    "width": Setting(256, "units, or filters, of the narrower layers", low=1),
}
DIGITS = {"data": "digits", "handicap": 1.0, "blur": 0.05, "judge_epochs": 12, "batch_size": 64, "noise": 16, "width": 64}


def adversarial_recipe(
    name: str, title: str, experiment: type[AdversarialDigits], figures: tuple[Figure, ...] = BALANCED,
    quick: tuple[Figure, ...] = QUICK, full: Mapping[str, Any] | None = None, width: tuple[int, int] = (64, 64),
    quick_epochs: int = 34,
) -> Recipe:  # fmt: skip
    """Make the recipe of an experiment. full: changed settings at full scale. width: at the small and the quick scale."""
    small = {**DIGITS, "epochs": 200, "width": width[0]}
    return Recipe(
        name,
        title,
        experiment,
        SETTINGS,
        full=Scale(figures, full or {}, data=("mnist",)),
        small=Scale((Figure("modes", at_least=8), *figures[1:]), small),  # 1,797 images: some digits come rarely
        quick=Scale(quick, {**small, "epochs": quick_epochs, "lr": 2e-3, "width": width[1]}),
        shows=(AdversarialTraining, experiment.build, models.GAN),
    )
