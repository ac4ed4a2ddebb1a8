"""A denoising autoencoder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ... import models, nn, optim
from ...autograd.base import no_grad
from ...data import ArrayDataset
from ...generator import Generator
from ...ops.conversion import asarray
from ...ops.elementwise import clip
from ...ops.random import randn
from ..experiment import HELD_OUT, Experiment, Stage, dtype_of
from ..parts import pictures
from ..parts.code_settings import DATA
from ..parts.images import Reconstruction, blurred, image_sets, images_of, outputs
from ..recipe import Figure, Recipe, Scale, Setting


class Denoising(Reconstruction):
    """Trains the model to return x from x + N(0, std^2), clipped to [0, 1]."""

    std = 0.5

    def train_step(self, batch: Any) -> float:
        x = batch[0]
        return self.update(self.loss(self.forward(noisy(x, self.std)), x))

    def evaluate_step(self, batch: Any) -> float:
        x = batch[0]
        return float(self.loss(self.forward(noisy(x, self.std, Generator(1))), x))


def noisy(x: Any, std: float, generator: Generator | None = None) -> Any:
    """x with normal noise, clipped to [0, 1]."""
    return clip(x + std * randn(x.shape, dtype=x.dtype, generator=generator), 0.0, 1.0)


class DenoisingAutoencoders(Experiment):
    """Noise in, clean out: x~ = x + noise, loss |x - g(f(x~))|^2. Since the input is not the target, copying it does not help.

    Two networks: one with a short code, and one whose code has more numbers than the image has pixels. Without noise the
    second could simply copy; with noise even it must learn what images look like, and its filters become strokes. A figure
    is the error of the network's output as a part of the error of the noisy image; a blur, the best of several widths, is
    measured beside it.

    Source: Vincent, Larochelle, Bengio, Manzagol 2008, "Extracting and composing robust features with denoising
    autoencoders".
    """

    captions: ClassVar[Mapping[str, str]] = {
        "denoised.png": "Test images, the same with noise, what both networks make of it, and the best blur.",
        "filters.png": "Weights from the pixels to some units of the long code: red is positive, blue negative.",
    }

    def prepare(self) -> None:
        s = self.s
        train, test = image_sets(s.data, self.seed, s.limit)
        images, labels = images_of(train)
        self.train = ArrayDataset(images.reshape(len(images), -1), labels)
        images, self.truth = images_of(test)
        self.side, self.shown = images.shape[2], images.reshape(len(images), -1)
        self.test = ArrayDataset(self.shown, self.truth)
        n = self.shown.shape[1]
        self.short = models.Autoencoder([n, s.hidden, s.code])
        self.long = models.Autoencoder([n, s.wide * n])

    def stages(self) -> Iterator[Stage]:
        s = self.s
        for name, model in (("short", self.short), ("long", self.long)):
            adam = optim.Adam(model.parameters(), lr=s.lr)
            cosine = optim.CosineAnnealingLR(adam, s.epochs, eta_min=1e-5)
            trainer = self.trainer(model, nn.MSELoss(), adam, Denoising, scheduler=cosine)
            trainer.std = s.noise
            yield Stage(trainer, self.train, s.epochs, HELD_OUT, name)

    def measure(self) -> dict[str, float]:
        x = self.shown
        with no_grad():
            self.noisy = noisy(asarray(x.astype(dtype_of(self.short))), self.s.noise, Generator(self.seed + 1)).numpy_copy()
        self.cleaned = {"short": outputs(self.short, self.noisy), "long": outputs(self.long, self.noisy)}
        blurs = [blurred(self.noisy.reshape(-1, self.side, self.side), width) for width in (0.4, 0.6, 0.8, 1.0, 1.4)]
        errors = [float(((b.reshape(x.shape) - x) ** 2).mean()) for b in blurs]
        self.blur = blurs[int(np.argmin(errors))]
        before = float(((self.noisy - x) ** 2).mean())
        after = {name: float(((y - x) ** 2).mean()) for name, y in self.cleaned.items()}
        return {
            "noisy_mse": before,
            "blur_mse": min(errors),
            "denoised_mse": after["short"],
            "denoised_mse_long": after["long"],
            "part_left": after["short"] / before,
            "part_left_long": after["long"] / before,
        }

    def draw(self, folder: Path) -> None:
        some = [int(np.flatnonzero(self.truth == k)[0]) for k in range(10)]
        rows = [self.shown, self.noisy, self.cleaned["short"], self.cleaned["long"], self.blur.reshape(self.shown.shape)]
        images = np.concatenate([r[some] for r in rows]).reshape(-1, self.side, self.side)
        units = len(self.long.encoder[0].bias)
        names = ("clean", "with noise", f"code of {self.s.code}", f"code of {units}", "best blur")
        pictures.image_grid(folder / "denoised.png", images, rows=names)
        weights = self.long.encoder[0].weight.numpy_copy()
        strongest = np.argsort(-np.abs(weights).sum(axis=1), kind="stable")[:60]
        pictures.image_grid(folder / "filters.png", weights[strongest].reshape(-1, self.side, self.side), 12, diverging=True)


LEFT = (Figure("part_left", at_most=0.5, percent=True), Figure("part_left_long", at_most=0.5, percent=True))
RECIPE = Recipe(
    "denoising-autoencoder",
    "noise in, clean out, with a short code and with one longer than the image",
    DenoisingAutoencoders,
    {
        **DATA,
        "noise": Setting(0.5, "standard deviation of the noise", low=0.01),
        "hidden": Setting(256, "units of the layer before the short code", low=1),
        "code": Setting(64, "numbers in the short code", low=1),
        "wide": Setting(2, "the long code has so many times the numbers of the image", low=1),
    },
    full=Scale(LEFT, {"epochs": 4}, data=("mnist",)),
    small=Scale(LEFT, {"data": "digits", "epochs": 60, "batch_size": 32, "hidden": 128, "code": 24}),
    quick=Scale(LEFT, {"data": "digits", "epochs": 12, "batch_size": 32, "lr": 3e-3, "hidden": 128, "code": 24}),
    shows=(models.Autoencoder, Denoising, noisy),
)
