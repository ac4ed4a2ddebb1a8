"""A convolutional autoencoder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ... import models, nn, optim
from ..experiment import HELD_OUT, Experiment, Stage
from ..parts import pictures
from ..parts.code_settings import DATA
from ..parts.images import (
    Reconstruction,
    checked_item,
    image_sets,
    images_of,
    nearest,
    outputs,
    principal_components,
    same_class_share,
)
from ..recipe import Figure, Recipe, Scale, Setting


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
        yield Stage(trainer, self.train, self.s.epochs, HELD_OUT)

    def measure(self) -> dict[str, float]:
        x, flat = self.shown, self.images.reshape(len(self.images), -1)
        mean, directions = principal_components(flat, self.s.code)
        self.by_components = (((x.reshape(len(x), -1) - mean) @ directions.T) @ directions + mean).reshape(x.shape)
        self.given, self.codes = outputs(self.model, x), outputs(self.model, x, self.model.encoder)
        return {
            "recon_mse": float(((self.given - x) ** 2).mean()),
            "pca_mse": float(((self.by_components - x) ** 2).mean()),
            "retrieval": same_class_share(self.codes, self.truth),
            "retrieval_by_pixels": same_class_share(x.reshape(len(x), -1), self.truth),
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
        """A figure of the decoded codes between two test images, given by their numbers."""
        a, b = checked_item(self.shown, "first", first), checked_item(self.shown, "second", second)
        return pictures.image_grid(None, self._walk(a, b, steps), steps)

    def _walk(self, a: Any, b: Any, steps: int) -> Any:
        ends = outputs(self.model, np.stack([a, b]), self.model.encoder)
        share = np.linspace(0.0, 1.0, steps)[:, None]
        return outputs(self.model, ((1 - share) * ends[0] + share * ends[1]), self.model.decoder)


RECIPE = Recipe(
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
