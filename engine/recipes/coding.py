"""Autoencoders of other kinds: convolutional, denoising."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from .. import models, nn, optim
from ..autograd.base import no_grad
from ..data import ArrayDataset
from ..generator import Generator
from ..ops.creation import asarray
from ..ops.elementwise import clip
from ..ops.random import randn
from . import pictures
from .experiment import Experiment, Stage, dtype_of
from .images import Reconstruction, alike, blurred, image_sets, images_of, nearest, one_of, outputs, principal_components
from .recipe import Figure, Recipe, Scale, Setting, add


class ConvAutoencoding(Experiment):
    """An autoencoder of convolutions: neighbouring pixels are looked at together, everywhere with the same filters.

    The encoder halves the image twice by convolutions of stride 2 and ends in a short code z = f(x); the decoder mirrors it
    with transposed convolutions, x' = g(z), and the loss is |x - x'|^2. The recipe compares the error with that of as many
    principal components, finds similar images by their codes, and walks from one image to another: g((1 - t) f(a) + t f(b)).

    Source: Masci, Meier, Ciresan, Schmidhuber 2011, "Stacked convolutional auto-encoders for hierarchical feature
    extraction".
    """

    captions: ClassVar[Mapping[str, str]] = {
        "reconstructions.png": "Test images, what the convolutional autoencoder makes of them, and what principal components do.",
        "walk.png": "From one test image to another in equal steps of the code; at both ends, the decoded images themselves.",
        "retrieval.png": "Test images, at the left, and the other test images whose codes are nearest.",
    }

    def prepare(self) -> None:
        train, test = image_sets(self.s.data, self.seed, self.s.limit)
        self.images, _ = images_of(train)
        self.train, self.test = train, test
        self.shown, self.truth = images_of(test)
        self.model = models.ConvAutoencoder(self.images.shape[2], self.s.code, self.s.width)

    def stages(self) -> Iterator[Stage]:
        adam = optim.Adam(self.model.parameters(), lr=self.s.lr)
        cosine = optim.CosineAnnealingLR(adam, self.s.epochs, eta_min=1e-5)
        trainer = self.trainer(self.model, nn.MSELoss(), adam, Reconstruction, scheduler=cosine)
        yield Stage(trainer, self.train, self.s.epochs, self.test)

    def measure(self) -> dict[str, float]:
        x, flat = self.shown, self.images.reshape(len(self.images), -1)
        mean, directions = principal_components(flat, self.s.code)
        self.by_components = (((x.reshape(len(x), -1) - mean) @ directions.T) @ directions + mean).reshape(x.shape)
        self.given, self.codes = outputs(self.model, x), outputs(self.model, x, self.model.encoder)
        return {
            "recon_mse": float(((self.given - x) ** 2).mean()),
            "pca_mse": float(((self.by_components - x) ** 2).mean()),
            "retrieval": alike(self.codes, self.truth),
            "retrieval_by_pixels": alike(x.reshape(len(x), -1), self.truth),
        }

    def draw(self, folder: Path) -> None:
        x = self.shown
        some = [int(np.flatnonzero(self.truth == k)[0]) for k in range(10)]
        rows = np.concatenate([x[some], self.given[some], self.by_components[some]])
        names = ("input", f"code of {self.s.code}", f"{self.s.code} components")
        pictures.image_grid(folder / "reconstructions.png", rows, rows=names)
        walks = np.concatenate([self._walk(x[some[a]], x[some[b]], 10) for a, b in ((1, 7), (3, 8), (4, 9), (0, 6))])
        pictures.image_grid(folder / "walk.png", walks)
        found = nearest(self.codes[some], self.codes, 9)
        pictures.image_grid(folder / "retrieval.png", x[found.reshape(-1)], 9, titles=("asked", *["found"] * 8))

    def interpolate(self, *, first: int = 0, second: int = 1, steps: int = 10) -> Any:
        """A picture of the way from one test image, given by its number, to another."""
        a, b = one_of(self.shown, "first", first), one_of(self.shown, "second", second)
        return pictures.image_grid(None, self._walk(a, b, steps), steps)

    def _walk(self, a: Any, b: Any, steps: int) -> Any:
        ends = outputs(self.model, np.stack([a, b]), self.model.encoder)
        share = np.linspace(0.0, 1.0, steps)[:, None]
        return outputs(self.model, ((1 - share) * ends[0] + share * ends[1]), self.model.decoder)


class Denoising(Reconstruction):
    """Noise in, clean out: the model sees x + N(0, std^2), cut to [0, 1], and is to give x."""

    std = 0.5

    def train_step(self, batch: Any) -> float:
        x = batch[0]
        return self.update(self.loss(self.forward(noisy(x, self.std)), x))

    def evaluate_step(self, batch: Any) -> float:
        x = batch[0]
        return float(self.loss(self.forward(noisy(x, self.std, Generator(1))), x))


def noisy(x: Any, std: float, generator: Generator | None = None) -> Any:
    """x with normal noise, cut to [0, 1]."""
    return clip(x + std * randn(x.shape, dtype=x.dtype, generator=generator), 0.0, 1.0)


class DenoisingAutoencoders(Experiment):
    """Noise in, clean out: x~ = x + noise, loss |x - g(f(x~))|^2. What cannot be copied must be understood.

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
            yield Stage(trainer, self.train, s.epochs, self.test, name)

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


DATA: dict[str, Setting] = {
    "data": Setting("mnist", "which images", choices=("digits", "mnist", "fashion")),
    "limit": Setting(0, "training images used, 0 for all", low=0),
    "epochs": Setting(8, "passes over the images", low=1),
    "batch_size": Setting(128, "samples in a step", low=1),
    "lr": Setting(1e-3, "learning rate of Adam at the start", low=0),
}

add(
    Recipe(
        "conv-autoencoder",
        "codes of images by convolutions: reconstruction, similar images, walks between images",
        ConvAutoencoding,
        {
            **DATA,
            "lr": Setting(2e-3, "learning rate of Adam at the start", low=0),
            "code": Setting(32, "numbers in the code", low=1),
            "width": Setting(16, "filters of the first convolution; the second has twice as many", low=1),
        },
        full=Scale((Figure("recon_mse", at_most=0.012), Figure("retrieval", at_least=0.9, percent=True)), data=("mnist",)),
        small=Scale(
            (Figure("recon_mse", at_most=0.012), Figure("retrieval", at_least=0.8, percent=True)),
            {"data": "digits", "epochs": 60, "batch_size": 32, "code": 16},
        ),
        quick=Scale(
            (Figure("recon_mse", at_most=0.025), Figure("retrieval", at_least=0.7, percent=True)),
            {"data": "digits", "epochs": 15, "batch_size": 32, "code": 16, "lr": 4e-3},
        ),
        shows=(models.ConvAutoencoder, nn.ConvTranspose2d),
    )
)

LEFT = (Figure("part_left", at_most=0.5, percent=True), Figure("part_left_long", at_most=0.5, percent=True))
add(
    Recipe(
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
)
