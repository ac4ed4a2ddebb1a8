"""Paired translation: the edges of a digit to the digit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ... import models, optim
from ...data import ArrayDataset
from ...ops.creation import full
from ...ops.joining import concat
from ...ops.loss import binary_cross_entropy_with_logits
from ...ops.loss_regression import l1_loss
from ...training import Trainer
from ..experiment import HELD_OUT, Experiment, Stage
from ..parts import pictures
from ..parts.images import blurred, image_sets, images_of, outputs
from ..recipe import Figure, Recipe, Scale, Setting


class PairedTraining(Trainer):
    """A step of the discriminator, which sees input and output side by side, then one of the translator."""

    model: models.Pix2Pix
    near = 100.0

    def train_step(self, batch: Any) -> dict[str, float]:
        (x, y), m = batch, self.model
        made = m(x)
        on_real, on_made = m.judge(concat([x, y], axis=1)), m.judge(concat([x, made.detach()], axis=1))
        d_loss = self.update(0.5 * (_against(on_real, 1.0) + _against(on_made, 0.0)), "judge")
        distance = l1_loss(made, y)
        fooled = _against(m.judge(concat([x, made], axis=1)), 1.0)
        g_loss = self.update(fooled + self.near * distance, "translator")
        return {"g_loss": g_loss, "d_loss": d_loss, "l1": float(distance.detach())}

    def evaluate_step(self, batch: Any) -> dict[str, float]:
        return {"l1": float(l1_loss(self.model(batch[0]), batch[1]))}


def _against(scores: Any, wanted: float) -> Any:
    return binary_cross_entropy_with_logits(scores, full(scores.shape, wanted, dtype=scores.dtype))


def edges_of(images: Any) -> Any:
    """How steep images (N,1,S,S) are at each pixel, at most 1: the length of the differences of its neighbours."""
    wide = np.pad(images, ((0, 0), (0, 0), (1, 1), (1, 1)))
    across = wide[:, :, 1:-1, 2:] - wide[:, :, 1:-1, :-2]
    down = wide[:, :, 2:, 1:-1] - wide[:, :, :-2, 1:-1]
    return np.minimum(np.sqrt(across * across + down * down), 1.0).astype(images.dtype)


class EdgesToDigits(Experiment):
    """A translator learns from pairs: from the edges x of a digit it paints the digit y.

    The translator G is a U-Net, whose links carry fine detail across; the discriminator D sees x beside y, or beside G(x),
    and judges patches. G minimises

        -log D(x, G(x)) + 100 |G(x) - y|

    The second part alone would give the median of all that might be right, which is blurred; the first wants it sharp. The
    figure is |G(x) - y| on the test set as a part of the same for the best that a blur of the edges, times a factor, can do.

    Source: Isola, Zhu, Zhou, Efros 2017, "Image-to-image translation with conditional adversarial networks".
    """

    captions: ClassVar[Mapping[str, str]] = {
        "translations.png": "Edges, the digit that the network paints, the real one, and the blurred edges.",
    }

    def prepare(self) -> None:
        train, test = image_sets(self.s.data, self.seed, self.s.limit)
        (y, _), (self.digits, self.truth) = images_of(train), images_of(test)
        self.edges = edges_of(self.digits)
        self.train, self.test = ArrayDataset(edges_of(y), y), ArrayDataset(self.edges, self.digits)
        self.model = models.Pix2Pix(1, 1, self.s.width)

    def stages(self) -> Iterator[Stage]:
        s, m = self.s, self.model
        optimizers = {
            "translator": optim.Adam(m.translator.parameters(), lr=s.lr, betas=(0.5, 0.999)),
            "judge": optim.Adam(m.judge.parameters(), lr=s.lr, betas=(0.5, 0.999)),
        }
        trainer = self.trainer(m, None, optimizers, PairedTraining)
        yield Stage(trainer, self.train, s.epochs, HELD_OUT)

    def measure(self) -> dict[str, float]:
        self.made = outputs(self.model, self.edges)
        found = {}
        for width in (0.4, 0.6, 0.8, 1.0, 1.4, 2.0):
            blur = blurred(self.edges[:, 0], width)[:, None]
            for factor in (0.6, 0.8, 1.0, 1.2, 1.5):
                found[width, factor] = float(np.abs(np.minimum(factor * blur, 1.0) - self.digits).mean())
        width, factor = min(found, key=lambda key: found[key])
        self.blur = np.minimum(factor * blurred(self.edges[:, 0], width)[:, None], 1.0)
        l1, baseline = float(np.abs(self.made - self.digits).mean()), found[width, factor]
        return {"l1": l1, "blur_l1": baseline, "part_of_blur": l1 / baseline}

    def draw(self, folder: Path) -> None:
        some = [int(np.flatnonzero(self.truth == k)[0]) for k in range(10)]
        rows = np.concatenate([part[some] for part in (self.edges, self.made, self.digits, self.blur)])
        pictures.image_grid(folder / "translations.png", rows, rows=("edges", "painted", "real digit", "best blur"))


RECIPE = Recipe(
    "pix2pix-digits",
    "from the edges of a digit to the digit, learnt from pairs",
    EdgesToDigits,
    {
        "data": Setting("mnist", "which images", choices=("digits", "mnist", "fashion")),
        "limit": Setting(8000, "training images used, 0 for all", low=0),
        "epochs": Setting(3, "passes over the images", low=1),
        "batch_size": Setting(32, "pairs in a step", low=1),
        "lr": Setting(1e-3, "learning rate of Adam", low=0),
        "width": Setting(12, "filters of the first convolution", low=1),
    },
    full=Scale((Figure("part_of_blur", at_most=1.0, percent=True),), data=("mnist",)),
    small=Scale((Figure("part_of_blur", at_most=0.3, percent=True),), {"data": "digits", "limit": 0, "epochs": 30}),
    quick=Scale(
        (Figure("part_of_blur", at_most=0.6, percent=True),),
        {"data": "digits", "limit": 0, "epochs": 5, "width": 8, "lr": 3e-3},
    ),
    shows=(PairedTraining, models.SkipTranslator, models.PatchDiscriminator, edges_of),
)
