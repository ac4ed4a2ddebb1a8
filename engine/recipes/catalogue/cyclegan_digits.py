"""Translation between two kinds of images without pairs: CycleGAN on digits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ... import data, models, nn, optim
from ...data import ArrayDataset, ImageDataset
from ...data.host_random import uniform
from ...default_dtype import get_default_dtype
from ...generator import Generator
from ...ops.creation import full
from ...ops.loss_regression import l1_loss, mse_loss
from ...training import Accuracy, Schedule, Trainer
from ..experiment import Experiment, Stage
from ..parts import pictures
from ..parts.images import outputs
from ..recipe import Figure, Recipe, Scale, Setting


class CycleTraining(Trainer):
    """A step of both translators, then one of both discriminators; a batch holds images of A and others of B."""

    model: models.CycleGAN
    cycle, same = 10.0, 2.0

    def train_step(self, batch: Any) -> dict[str, float]:
        (a, b), m = batch, self.model
        made_b, made_a = m.there(a), m.back(b)
        cycle = l1_loss(m.back(made_b), a) + l1_loss(m.there(made_a), b)
        fooled = _squared(m.judge_b(made_b), 1.0) + _squared(m.judge_a(made_a), 1.0)
        total = fooled + self.cycle * cycle
        if self.same:
            total = total + self.same * (l1_loss(m.there(b), b) + l1_loss(m.back(a), a))
        g_loss = self.update(total, "translators")
        d_loss = _squared(m.judge_a(a), 1.0) + _squared(m.judge_a(made_a.detach()), 0.0)
        d_loss = d_loss + _squared(m.judge_b(b), 1.0) + _squared(m.judge_b(made_b.detach()), 0.0)
        return {"g_loss": g_loss, "d_loss": self.update(0.5 * d_loss, "judges"), "cycle": float(cycle.detach()) / 2}


def _squared(scores: Any, wanted: float) -> Any:
    return mse_loss(scores, full(scores.shape, wanted, dtype=scores.dtype))


class CycleDigits(Experiment):
    """Two translators learn to turn digits on black (A) into digits on pictures (B) and back, from unpaired examples.

    No image of A has its counterpart in B. A discriminator on each side says whether an image belongs there, by least
    squares; and a translated image must come back to where it began:

        loss of G and F = (D_B(G(a)) - 1)^2 + (D_A(F(b)) - 1)^2 + 10 (|F(G(a)) - a| + |G(F(b)) - b|)

    with a smaller term that leaves images alone which are of the wanted kind already. cycle_l1 is the mean of both ways'
    |.| on the test set. Nothing tells the translators what a digit is: kept_there and kept_back are the parts of translated
    images that a classifier, trained first on both kinds, takes for the digit that they were.

    Source: Zhu, Park, Isola, Efros 2017, "Unpaired image-to-image translation using cycle-consistent adversarial networks";
    the digits on pictures are MNIST-M of Ganin et al. 2016.
    """

    captions: ClassVar[Mapping[str, str]] = {
        "translations.png": "Test images of both kinds, what they were translated to, and what became of that on the way back.",
        "return.png": "How far images come back from where they began, during training.",
    }

    def prepare(self) -> None:
        s = self.s
        self.a, self.b = (self._sides(train, s.limit if train else s.test_limit) for train in (True, False))
        (a, labels), (b, others) = self.a
        self.judged = ImageDataset(np.concatenate([a, b]), np.concatenate([labels, others]))
        self.pairs = _Pairs(a, b)
        self.judge = models.ConvNet(a.shape[2], 3, width=16, hidden=64, dropout=0.2)
        self.model = models.CycleGAN(3, s.width, s.blocks)

    def _sides(self, train: bool, limit: int) -> Any:
        """Images uint8 (N,3,S,S) of A and of B, with labels; no digit is on both sides."""
        if self.s.data == "digits":
            whole = data.digits().split(0.8, seed=self.seed, stratified=True)[0 if train else 1]
            ink, labels = (whole.arrays[0] * 255).astype(np.uint8), whole.arrays[1]
            patches = ImageDataset(colour_patches(1000, ink.shape[2], Generator(5)), np.zeros(1000, dtype=np.int64))
        else:
            ink, labels = data.mnist(train).arrays
            patches = data.cifar10(train)
        half = min(len(ink) // 2, limit or len(ink))
        blended = data.blended_digits(ImageDataset(ink[-half:], labels[-half:]), patches, Generator(6 + train))
        return (np.repeat(ink[:half], 3, axis=1), labels[:half]), blended.arrays

    def stages(self) -> Iterator[Stage]:
        s = self.s
        adam = optim.Adam(self.judge.parameters(), lr=2e-3)
        judge = self.trainer(self.judge, nn.CrossEntropyLoss(), adam, metrics=[Accuracy()], batch_size=64)
        yield Stage(judge, self.judged, s.judge_epochs, name="judge")
        m = self.model
        translators, judges = nn.ModuleList([m.there, m.back]), nn.ModuleList([m.judge_a, m.judge_b])
        optimizers = {
            "translators": optim.Adam(translators.parameters(), lr=s.lr, betas=(0.5, 0.999)),
            "judges": optim.Adam(judges.parameters(), lr=s.lr, betas=(0.5, 0.999)),
        }
        slower = [Schedule(optim.LambdaLR(o, self._rate), each="epoch") for o in optimizers.values()]
        self.game = self.trainer(m, None, optimizers, CycleTraining, callbacks=slower)
        self.game.same = s.same
        yield Stage(self.game, self.pairs, s.epochs, name="cycle")

    def _rate(self, epoch: int) -> float:
        """The part of the learning rate at an epoch: all of it in the first half, then down to nothing in a line."""
        epochs: int = self.s.epochs
        return min(1.0, 2.0 * (1.0 - epoch / epochs))

    def measure(self) -> dict[str, float]:
        (a, labels), (b, others) = self.b
        a, b, m = a / 255.0, b / 255.0, self.model
        made_b, made_a = outputs(m, a, m.there), outputs(m, b, m.back)
        back_a, back_b = outputs(m, made_b, m.back), outputs(m, made_a, m.there)
        self.shown = {"A": a, "to B": made_b, "and back": back_a, "B": b, "to A": made_a, "back again": back_b}
        ways = (float(np.abs(back_a - a).mean()), float(np.abs(back_b - b).mean()))
        return {
            "cycle_l1": sum(ways) / 2,
            "cycle_l1_a": ways[0],
            "cycle_l1_b": ways[1],
            "kept_there": self._right(made_b, labels),
            "kept_back": self._right(made_a, others),
            "judge_a": self._right(a, labels),
            "judge_b": self._right(b, others),
        }

    def _right(self, images: Any, labels: Any) -> float:
        return float((outputs(self.judge, images).argmax(axis=1) == labels).mean())

    def draw(self, folder: Path) -> None:
        some = np.concatenate([rows[:12] for rows in self.shown.values()])
        pictures.image_grid(folder / "translations.png", some, 12, rows=list(self.shown))
        series = {"cycle": [row["cycle"] for row in self.game.history]}
        heads: Any = {"xlabel": "epoch", "ylabel": "|F(G(a)) - a|, |G(F(b)) - b|, mean", "title": "there and back"}
        pictures.draw_axes(folder / "return.png", (6.0, 3.8), 1, 1, lambda axes: pictures.lines(axes[0, 0], series, **heads))


class _Pairs(ArrayDataset):
    """Images of A and of B, as numbers from 0 to 1, side by side only by chance."""

    def batch(self, rows: Any) -> Any:
        kind = np.dtype(get_default_dtype())
        return tuple(part.astype(kind) / kind.type(255) for part in super().batch(rows))


def colour_patches(n: int, size: int, generator: Generator) -> Any:
    """Pictures (n,3,size,size) uint8 of one dark random colour turning into another along a random direction."""
    ends = 0.5 * uniform(generator, (n, 2, 3))
    way = uniform(generator, (n, 2, 1, 1)) * 2 - 1
    grid = (np.arange(size) + 0.5) / size - 0.5
    share = np.clip(0.5 + way[:, 0] * grid[:, None] + way[:, 1] * grid, 0.0, 1.0)[:, None]
    first, second = ends[:, 0, :, None, None], ends[:, 1, :, None, None]
    return (255 * ((1 - share) * first + share * second)).astype(np.uint8)


KEPT = (
    Figure("cycle_l1", at_most=0.1),
    Figure("kept_there", at_least=0.9, percent=True),
    Figure("kept_back", at_least=0.9, percent=True),
)
RECIPE = Recipe(
    "cyclegan-digits",
    "digits on black to digits on pictures and back, learnt without pairs",
    CycleDigits,
    {
        "data": Setting("mnist", "mnist with CIFAR-10 behind, or the bundled digits", choices=("digits", "mnist")),
        "limit": Setting(15000, "training images of each kind, 0 for half of all", low=0),
        "test_limit": Setting(1000, "test images of each kind, 0 for half of all", low=0),
        "epochs": Setting(10, "passes over the images", low=1),
        "judge_epochs": Setting(4, "passes over the images for the judge", low=1),
        "batch_size": Setting(32, "images of each kind in a step", low=1),
        "lr": Setting(8e-4, "learning rate of Adam", low=0),
        "width": Setting(16, "filters of the first convolution", low=1),
        "blocks": Setting(3, "residual blocks", low=0),
        "same": Setting(2.0, "weight of leaving alone what is of the wanted kind", low=0),
    },
    full=Scale(KEPT, data=("mnist", "cifar10")),
    small=Scale(
        (Figure("cycle_l1", at_most=0.1), Figure("kept_there", at_least=0.8, percent=True)),
        {"data": "digits", "epochs": 40, "judge_epochs": 30, "limit": 0, "lr": 1e-3},
    ),
    quick=Scale(
        (Figure("cycle_l1", at_most=0.14), Figure("kept_there", at_least=0.5, percent=True)),
        {"data": "digits", "epochs": 8, "judge_epochs": 10, "limit": 0, "lr": 3e-3, "width": 8, "blocks": 1},
    ),
    shows=(CycleTraining, models.CycleGAN, models.ResidualTranslator, models.PatchDiscriminator),
)
