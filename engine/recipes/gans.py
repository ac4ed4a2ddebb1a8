"""Adversarial nets on digits: a generator against a discriminator, with and without labels, with convolutions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from .. import models, nn, optim
from ..autograd.base import no_grad
from ..data.draws import normal
from ..generator import Generator
from ..models.gan import small_normal
from ..ops.activation import sigmoid
from ..ops.creation import asarray, full
from ..ops.loss import binary_cross_entropy_with_logits
from ..ops.softmax import softmax
from ..training import Accuracy, Trainer
from . import pictures
from .experiment import Experiment, Stage
from .images import image_sets, images_of, outputs
from .recipe import Figure, Recipe, Scale, Setting, add


class AdversarialTraining(Trainer):
    """A step of the discriminator, then one of the generator. real: what the discriminator is to say of real images.

    conditional: both also get the labels.
    """

    model: models.GAN
    real, conditional = 0.9, False

    def train_step(self, batch: Any) -> dict[str, float]:
        x, condition = batch[0], batch[1] if self.conditional else None
        judge, made = self.model.discriminator, self.model(x.shape[0], condition)
        on_real, on_made = judge(x, condition), judge(made.detach(), condition)
        d_loss = self.update(against(on_real, self.real) + against(on_made, 0.0), "discriminator")
        g_loss = self.update(against(judge(made, condition), 1.0), "generator")
        with no_grad():
            d_real, d_made = float(sigmoid(on_real).mean()), float(sigmoid(on_made).mean())
        return {"d_loss": d_loss, "g_loss": g_loss, "d_real": d_real, "d_made": d_made}


def against(scores: Any, wanted: float) -> Any:
    """Cross-entropy of the probabilities sigmoid(scores) with one that is wanted of all."""
    return binary_cross_entropy_with_logits(scores, full(scores.shape, wanted, dtype=scores.dtype))


def tuned(model: Any, lr: float, handicap: float = 1.0) -> dict[str, optim.Optimizer]:
    """Adam with little momentum for both players; handicap: the discriminator's learning rate as a part of the other's."""
    return {
        "discriminator": optim.Adam(model.discriminator.parameters(), lr=handicap * lr, betas=(0.5, 0.999)),
        "generator": optim.Adam(model.generator.parameters(), lr=lr, betas=(0.5, 0.999)),
    }


class AdversarialDigits(Experiment):
    """Base of the recipes on digits: a judge is trained first, a classifier that counts what the generator makes."""

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
        """The two players."""
        classes = 10 if self.conditional else 0
        maker = models.DenseGenerator(self.s.noise, self.size, self.s.width, classes)
        critic = models.DenseDiscriminator(self.size, self.s.width // 2, classes, dropout=0.4, blur=self.s.blur)
        return models.GAN(maker, critic, self.s.noise)

    def stages(self) -> Iterator[Stage]:
        s = self.s
        adam = optim.Adam(self.judge.parameters(), lr=3e-3)
        judge = self.trainer(self.judge, nn.CrossEntropyLoss(), adam, metrics=[Accuracy()], batch_size=64)
        yield Stage(judge, self.train, s.judge_epochs, self.test, "judge")
        players = tuned(self.model, s.lr, s.handicap)
        self.game = self.trainer(self.model, None, players, AdversarialTraining)
        self.game.conditional = self.conditional
        yield Stage(self.game, self.train, s.epochs, name="gan")

    def measure(self) -> dict[str, float]:
        x, y = images_of(self.test)
        last = self.game.history[-1]
        asked = np.arange(1000) % 10
        self.made = self._made(1000, asked)
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
        return {**results, "as_asked": float((found == asked).mean())} if self.conditional else results

    def _made(self, count: int, labels: Any, seed: int = 0, noise: Any = None) -> Any:
        """Images (count,1,S,S) from random noise, or from given."""
        condition = asarray(labels) if self.conditional else None
        drawn = normal(Generator(seed), (count, self.s.noise)) if noise is None else noise
        return outputs(self.model, drawn, lambda z: self.model.generator(z, condition), count)

    def draw(self, folder: Path) -> None:
        rows = [f"asked: {k}" for k in range(10)] if self.conditional else ()
        pictures.image_grid(folder / "samples.png", self._made(100, np.arange(100) // 10, seed=1), rows=rows)
        pictures.draw(folder / "balance.png", (9.0, 3.6), 1, 2, self._balance)
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
        axes[0, 1].bar(range(10), 100 * self.counts, color=pictures.COLOURS[0])
        axes[0, 1].set_xticks(range(10))
        axes[0, 1].set_axisbelow(True)
        pictures.dress(axes[0, 1], "digit, where the judge is sure", "% of images", "what is made")

    def sample(self, *, count: int = 100, seed: int = 0) -> Any:
        """A picture of new images; a conditional generator is asked for 0, 1, 2 ... in each row."""
        return pictures.image_grid(None, self._made(count, np.arange(count) % 10, seed))

    def interpolate(self, *, seed: int = 0, steps: int = 10, digit: int = 3) -> Any:
        """A picture of the way from one noise vector to another; digit: what a conditional generator is asked for."""
        return pictures.image_grid(None, self._made(steps, np.full(steps, digit), noise=self._between(seed, steps)), steps)


class PlainGAN(AdversarialDigits):
    """Two players: the generator G makes images of noise, the discriminator D says how likely an image is real.

        D maximises  E log D(x) + E log(1 - D(G(z)))        G maximises  E log D(G(z))

    When what G makes cannot be told from real images, D can only answer 1/2. So the figures: what D says of real and of
    made images, mean over the last epoch, is near 1/2, and G makes all ten digits (a generator that makes only some has
    collapsed), as counted by a classifier that was trained first and is at least 90 % sure. Or D would win: it is taught to
    say 0.9, not 1, of real images (one-sided label smoothing), forgets a part of what it sees (dropout), sees it through
    noise, and learns more slowly.

    Source: Goodfellow et al. 2014, "Generative adversarial nets"; Salimans et al. 2016 for the smoothing,
    Arjovsky and Bottou 2017 for the noise.
    """


class ConditionalGAN(AdversarialDigits):
    """A GAN that is told which digit to make: both players get the label y as a row of zeros with a one.

        D maximises  E log D(x|y) + E log(1 - D(G(z|y)|y))        G maximises  E log D(G(z|y)|y)

    D sees real digits with their labels, so a good image of the wrong digit is not real to it, and G learns to obey. The
    figure as_asked is the part of made images that a classifier, trained first, takes for the digit asked for.

    Source: Mirza and Osindero 2014, "Conditional generative adversarial nets".
    """

    conditional: ClassVar[bool] = True


class ConvolutionalGAN(AdversarialDigits):
    """A GAN of convolutions: D halves the image by convolutions of stride 2, G doubles it by transposed ones.

    No pooling, batch normalisation in both, ReLU in G and leaky ReLU in D, weights from N(0, 0.02^2), Adam with momentum
    0.5: with these rules convolutional nets play the game of the recipe gan without one player running away. Figures and
    judge are those of gan.

    Source: Radford, Metz, Chintala 2015, "Unsupervised representation learning with deep convolutional generative
    adversarial networks".
    """

    def build(self) -> models.GAN:
        maker = models.ConvGenerator(self.s.noise, self.size, 1, self.s.width)
        critic = models.ConvDiscriminator(self.size, 1, self.s.width, dropout=0.25, blur=self.s.blur)
        return models.GAN(maker, critic, self.s.noise).apply(small_normal)


BALANCED = (Figure("modes", at_least=10), Figure("d_real", at_most=0.65), Figure("d_made", at_least=0.35))
ASKED = (*BALANCED, Figure("as_asked", at_least=0.9, percent=True))
QUICK = (Figure("modes", at_least=6),)
SETTINGS: dict[str, Setting] = {
    "data": Setting("mnist", "which images", choices=("digits", "mnist", "fashion")),
    "limit": Setting(0, "training images used, 0 for all", low=0),
    "epochs": Setting(12, "passes over the images", low=1),
    "judge_epochs": Setting(1, "passes over the images for the judge", low=1),
    "batch_size": Setting(128, "samples in a step", low=1),
    "blur": Setting(0.4, "standard deviation of the noise on what the discriminator sees", low=0),
    "lr": Setting(4e-4, "learning rate of Adam for the generator", low=0),
    "handicap": Setting(0.5, "learning rate of the discriminator as a part of the generator's", low=0),
    "noise": Setting(64, "numbers the generator starts from", low=1),
    "width": Setting(256, "units, or filters, of the narrower layers", low=1),
}
DIGITS = {"data": "digits", "handicap": 1.0, "blur": 0.05, "judge_epochs": 12, "batch_size": 64, "noise": 16, "width": 64}

for name, title, experiment, figures, quick, changes in (
    ("gan", "adversarial nets: a generator of digits against a discriminator", PlainGAN, BALANCED, QUICK, {}),
    (
        "cgan", "adversarial nets that make the digit asked for", ConditionalGAN, ASKED,
        (*QUICK, Figure("as_asked", at_least=0.6, percent=True)), {"blur": 0.2, "epochs": 16},
    ),
    (
        "dcgan", "adversarial nets of convolutions", ConvolutionalGAN, BALANCED, QUICK,
        {"epochs": 4, "width": 24, "batch_size": 64},
    ),
):  # fmt: skip
    small: dict[str, Any] = {**DIGITS, "epochs": 200} | ({"width": 32} if name == "dcgan" else {})
    add(
        Recipe(
            name,
            title,
            experiment,
            SETTINGS,
            full=Scale(figures, changes, data=("mnist",)),
            small=Scale((Figure("modes", at_least=8), *figures[1:]), small),  # 1,797 images: some digits come rarely
            quick=Scale(
                quick, {**small, "epochs": 22 if name == "dcgan" else 34, "lr": 2e-3, "width": 16 if name == "dcgan" else 64}
            ),
            shows=(AdversarialTraining, experiment.build, models.GAN),
        )
    )
