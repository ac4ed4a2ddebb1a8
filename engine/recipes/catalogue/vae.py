"""A variational autoencoder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ... import models, optim
from ...data import ArrayDataset
from ...data.host_random import normal
from ...generator import Generator
from ...models.vae import negative_elbo
from ...ops.activation import sigmoid
from ...training import Trainer
from ..experiment import HELD_OUT, Experiment, Stage
from ..parts import pictures
from ..parts.images import checked_item, image_sets, images_of, outputs
from ..recipe import Figure, Recipe, Scale, Setting


class Variational(Trainer):
    """Minimises the negative bound; tests with noise of its own, the same each time."""

    def train_step(self, batch: Any) -> dict[str, float]:
        return self._parts(batch[0], None)

    def evaluate_step(self, batch: Any) -> dict[str, float]:
        return self._parts(batch[0], Generator(1))

    def _parts(self, x: Any, generator: Generator | None) -> dict[str, float]:
        logits, mean, log_var = self.model(x, generator)
        error, divergence = negative_elbo(logits, x, mean, log_var)
        total = error + divergence
        value = self.update(total) if generator is None else float(total)
        return {"loss": value, "error": float(error.detach()), "divergence": float(divergence.detach())}


class VariationalAutoencoder(Experiment):
    """An autoencoder whose codes fill a known space, so that any point of it can be decoded into something new.

    The encoder gives a Gaussian q(z|x) = N(m, s^2) in place of a point, and the decoder a probability for each pixel. The
    evidence lower bound on log p(x), in nats, is

        ELBO = E_q[log p(x|z)] - KL(q(z|x) | N(0, I)),    KL = 1/2 sum(m^2 + s^2 - 1 - log s^2).

    The first part wants the image back, the second keeps the codes near N(0, I), from which new ones are drawn. So that
    gradients pass through the draw, it is written z = m + s * noise (reparameterisation). The figure is -ELBO on the test
    set, one draw for each image; pixels between 0 and 1 count as probabilities.

    Source: Kingma and Welling 2014, "Auto-encoding variational Bayes".
    """

    captions: ClassVar[Mapping[str, str]] = {
        "samples.png": "New images, decoded from codes drawn from N(0, I).",
        "walk.png": "Walks from the code of one test image to that of another.",
        "latent.png": "Each row changes one number of the same code from -2.5 to 2.5; the numbers that are used most.",
        "reconstructions.png": "Test images and their reconstructions.",
    }

    def prepare(self) -> None:
        s = self.s
        (x, _), (self.shown, self.truth) = map(images_of, image_sets(s.data, self.seed, s.limit))
        self.side = x.shape[2]
        self.train = ArrayDataset(x.reshape(len(x), -1))
        self.shown = self.shown.reshape(len(self.shown), -1)
        self.model = models.VAE(self.side**2, s.hidden, s.code)

    def stages(self) -> Iterator[Stage]:
        adam = optim.Adam(self.model.parameters(), lr=self.s.lr)
        trainer = self.trainer(self.model, None, adam, Variational)
        yield Stage(trainer, self.train, self.s.epochs, HELD_OUT, monitor="val_loss")

    def measure(self) -> dict[str, float]:
        trainer = self.trainer(self.model, None, optim.Adam(self.model.parameters()), Variational, batch_size=500)
        found = trainer.evaluate(ArrayDataset(self.shown))
        self.codes = outputs(self.model, self.shown, lambda x: self.model.encode(x)[0])
        used = self.codes.var(axis=0) > 0.05
        return {"neg_elbo": found["loss"], "error": found["error"], "divergence": found["divergence"], "used": int(used.sum())}

    def draw(self, folder: Path) -> None:
        self._grid(folder / "samples.png", self._decoded(self._random(100)), 10)
        some = [int(np.flatnonzero(self.truth == k)[0]) for k in range(10)]
        pairs = ((1, 7), (3, 8), (4, 9), (0, 6), (5, 2))
        walks = [self._walk(self.codes[some[a]], self.codes[some[b]], 11) for a, b in pairs]
        self._grid(folder / "walk.png", np.concatenate(walks), 11)
        order = np.argsort(-self.codes.var(axis=0), kind="stable")[:6]
        steps = np.linspace(-2.5, 2.5, 11)
        codes = np.repeat(self.codes[some[3]][None], 6 * 11, axis=0)
        for row, k in enumerate(order):
            codes[11 * row : 11 * row + 11, k] = steps
        titles = [f"{v:g}" for v in steps]
        self._grid(folder / "latent.png", self._decoded(codes), 11, titles=titles, rows=[f"code[{k}]" for k in order])
        rows = np.concatenate([self.shown[some], self._decoded(self.codes[some])])
        self._grid(folder / "reconstructions.png", rows, 10, rows=("input", "decoded"))

    def sample(self, *, count: int = 100, seed: int = 0, temperature: float = 1.0) -> Any:
        """A figure of generated images; temperature: the standard deviation of their codes."""
        return self._grid(None, self._decoded(temperature * self._random(count, seed)), 10)

    def interpolate(self, *, first: int = 0, second: int = 1, steps: int = 11) -> Any:
        """A figure of the decoded codes between two test images, given by their numbers."""
        ends = np.stack([checked_item(self.shown, "first", first), checked_item(self.shown, "second", second)])
        codes = outputs(self.model, ends, lambda x: self.model.encode(x)[0])
        return self._grid(None, self._walk(codes[0], codes[1], steps), steps)

    def _random(self, count: int, seed: int = 0) -> Any:
        return normal(Generator(seed), (count, self.s.code))

    def _decoded(self, codes: Any) -> Any:
        return outputs(self.model, codes, lambda z: sigmoid(self.model.decoder(z)))

    def _walk(self, a: Any, b: Any, steps: int) -> Any:
        share = np.linspace(0.0, 1.0, steps)[:, None]
        return self._decoded((1 - share) * a + share * b)

    def _grid(self, path: Path | None, images: Any, columns: int, **more: Any) -> Any:
        return pictures.image_grid(path, images.reshape(-1, self.side, self.side), columns, **more)


RECIPE = Recipe(
    "vae",
    "a variational autoencoder: images from random codes, walks through the space of codes",
    VariationalAutoencoder,
    {
        "data": Setting("mnist", "which images", choices=("digits", "mnist", "fashion")),
        "limit": Setting(0, "training images used, 0 for all", low=0),
        "epochs": Setting(10, "passes over the images", low=1),
        "batch_size": Setting(128, "samples in a step", low=1),
        "lr": Setting(1e-3, "learning rate of Adam", low=0),
        "hidden": Setting(400, "units of the hidden layers", low=1),
        "code": Setting(20, "numbers in the code", low=1),
    },
    full=Scale((Figure("neg_elbo", at_most=107.0),), data=("mnist",)),
    small=Scale((Figure("neg_elbo", at_most=24.5),), {"data": "digits", "epochs": 100, "batch_size": 32}),
    quick=Scale(
        (Figure("neg_elbo", at_most=26.5),),
        {"data": "digits", "epochs": 15, "batch_size": 32, "lr": 3e-3, "hidden": 128},
    ),
    shows=(models.VAE.forward, negative_elbo),
)  # fmt: skip
