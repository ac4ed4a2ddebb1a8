"""A 1-D convolutional network that classifies tones in noise."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ... import nn, optim
from ...data import ArrayDataset
from ...data.host_random import integers, normal, uniform
from ...data.synthetic import cos_sin
from ...default_dtype import get_default_dtype
from ...generator import Generator
from ...models import ToneNet
from ...show import label_axes
from ..experiment import Classifier
from ..parts.pictures import draw_axes
from ..recipe import Figure, Recipe, Scale, Setting

KINDS = ("low", "middle", "high", "rising", "falling", "chord")
RATE = 2000
"""Samples per second."""


def tones(n: int, noise: float, source: Generator, length: int = 1024) -> ArrayDataset:
    """Waveforms (n,1,length) of half a second and their kind (n,): low, middle, high, rising, falling, chord, in noise.

    noise: standard deviation of the noise, where a tone's amplitude is 1. Frequencies, phases and the moment at which the
    tone begins are drawn anew for each.
    """
    labels = integers(source, 0, len(KINDS), n)
    base = np.choose(labels, [100.0, 240.0, 500.0, 150.0, 450.0, 120.0]) * (0.85 + 0.3 * uniform(source, n))
    slope = np.choose(labels, [0.0, 0.0, 0.0, 300.0, -300.0, 0.0])
    t = np.arange(length) / RATE
    turns = base[:, None] * t + slope[:, None] * t * t + uniform(source, n)[:, None]
    wave = cos_sin(turns)[1]
    chord = (cos_sin(1.25 * turns)[1] + cos_sin(1.5 * turns)[1] + wave) / 1.7
    wave = np.where((labels == 5)[:, None], chord, wave)
    wave *= t >= 0.2 * uniform(source, n)[:, None]
    heard = wave + noise * normal(source, wave.shape)
    return ArrayDataset(heard[:, None].astype(str(get_default_dtype())), labels.astype(np.int64), classes=KINDS)


class AudioCNN(Classifier):
    """A 1-D convolutional network hears tones through noise that is louder than they are.

    A 1-D convolution slides filters over the waveform, y[k,t] = sum over c,p of w[k,c,p] x[c, s t + p]; a filter that
    resembles a wave answers to its frequency, whatever the phase, once ReLU and the mean over time have followed. So the
    first layer learns a filter bank much like a short-time Fourier transform, shown in the picture.

    Source: after Dai, Dai, Qu, Li, Das 2017, "Very deep convolutional neural networks for raw waveforms".
    """

    captions: ClassVar = {
        **Classifier.captions,
        "filters.png": "Filters of the first layer, sorted by the frequency that they answer to most: their spectra.",
        "waves.png": "A sample of each class, as the network hears it.",
    }

    model: Any

    def prepare(self) -> None:
        s = self.s
        self.train = tones(s.samples, s.noise, Generator(2 * self.seed))
        self.test = tones(1000, s.noise, Generator(2 * self.seed + 1))
        self.classes = KINDS
        self.model = ToneNet(len(KINDS), s.width)
        self.loss = nn.CrossEntropyLoss()
        self.optimizer = optim.Adam(self.model.parameters(), lr=s.lr)
        self.scheduler = optim.CosineAnnealingLR(self.optimizer, s.epochs, eta_min=0.02 * s.lr)

    def draw(self, folder: Path) -> None:
        """The confusion matrix, the spectra of the first filters, and waveforms."""
        super().draw(folder)
        filters = self.model.features[0].weight.numpy_copy()[:, 0].astype(np.float64)
        spectra = np.abs(np.fft.rfft(filters, 512, axis=1))
        spectra = spectra[np.argsort(spectra.argmax(axis=1), kind="stable")]
        spectra /= spectra.max(axis=1, keepdims=True)

        def bank(axes: Any) -> None:
            axes[0, 0].imshow(spectra, aspect="auto", cmap="magma", extent=(0, RATE / 2, len(spectra), 0))
            label_axes(axes[0, 0], "Hz", "filter")
            axes[0, 0].grid(visible=False)

        draw_axes(folder / "filters.png", (6, 3.8), 1, 1, bank)
        waves, labels = self.test.batch(range(200))

        def heard(axes: Any) -> None:
            for place, (k, name) in zip(axes.flat, enumerate(KINDS), strict=True):
                wave = waves[int(np.flatnonzero(labels == k)[0]), 0]
                place.plot(np.arange(len(wave)) / RATE, wave, lw=0.5, color="#2a6f97")
                label_axes(place, title=name)

        draw_axes(folder / "waves.png", (10, 4), 2, 3, heard)


RECIPE = Recipe(
    "audio-cnn",
    "a 1-D convolutional network hears tones in noise",
    AudioCNN,
    {
        "samples": Setting(3000, "for training", low=10),
        "epochs": Setting(12, "passes over them", low=1),
        "batch_size": Setting(32, "samples in a step", low=1),
        "lr": Setting(3e-3, "learning rate of Adam at the start", low=0),
        "width": Setting(16, "filters of the first layer", low=1),
        "noise": Setting(1.0, "standard deviation of the noise; a tone's amplitude is 1", low=0),
    },
    full=Scale((Figure("accuracy", at_least=0.95, percent=True),)),
    quick=Scale((Figure("accuracy", at_least=0.85, percent=True),), {"samples": 600, "epochs": 5, "noise": 0.7}),
    shows=(ToneNet, nn.Conv1d, tones),
)
