"""Beyond one label for a picture: tones in noise, and a label for every pixel."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from .. import nn, optim
from ..autograd.promotion import get_default_dtype
from ..data import ArrayDataset
from ..data.draws import integers, normal, uniform
from ..data.synthetic import COLOURS as INKS
from ..data.synthetic import SHAPES, cos_sin, shapes_with_captions
from ..generator import Generator
from ..models import ToneNet, UNet
from .experiment import Classifier, Experiment, Stage
from .images import images_of, outputs
from .pictures import draw, dress, image_grid
from .recipe import Figure, Recipe, Scale, Setting, add

KINDS = ("low", "middle", "high", "rising", "falling", "chord")
RATE = 2000
"""Samples a second."""


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
        """Confusions, spectra of the first filters, waves."""
        super().draw(folder)
        filters = self.model.features[0].weight.numpy_copy()[:, 0].astype(np.float64)
        spectra = np.abs(np.fft.rfft(filters, 512, axis=1))
        spectra = spectra[np.argsort(spectra.argmax(axis=1), kind="stable")]
        spectra /= spectra.max(axis=1, keepdims=True)

        def bank(axes: Any) -> None:
            axes[0, 0].imshow(spectra, aspect="auto", cmap="magma", extent=(0, RATE / 2, len(spectra), 0))
            dress(axes[0, 0], "Hz", "filter")
            axes[0, 0].grid(visible=False)

        draw(folder / "filters.png", (6, 3.8), 1, 1, bank)
        waves, labels = self.test.batch(range(200))

        def heard(axes: Any) -> None:
            for place, (k, name) in zip(axes.flat, enumerate(KINDS), strict=True):
                wave = waves[int(np.flatnonzero(labels == k)[0]), 0]
                place.plot(np.arange(len(wave)) / RATE, wave, lw=0.5, color="#2a6f97")
                dress(place, title=name)

        draw(folder / "waves.png", (10, 4), 2, 3, heard)


CLASSES = ("nothing", *SHAPES)


def labelled_shapes(n: int, size: int, source: Generator) -> ArrayDataset:
    """Drawings (n,3,size,size) of one or two shapes on a noisy ground, and the class of each pixel (n,size,size)."""
    drawn = shapes_with_captions(n, size, source)
    ink = drawn.images.astype(np.int64)
    labels = np.zeros((n, size, size), dtype=np.int64)
    for i, caption in enumerate(drawn.captions):
        words = caption.split()
        things = [(words[k - 1], w) for k, w in enumerate(words) if w in SHAPES]
        second = _second_half(size, caption)
        for k, (colour, shape) in enumerate(things):
            mask = (ink[i] == np.array(INKS[colour])[:, None, None]).all(axis=0)
            if len(things) == 2:
                mask &= second == (k == 1)
            labels[i][mask] = CLASSES.index(shape)
    pixels = ink / 255.0 * (0.6 + 0.4 * uniform(source, (n, 1, 1, 1))) + 0.12 * normal(source, ink.shape)
    kind = str(get_default_dtype())
    return ArrayDataset(np.clip(pixels, 0, 1).astype(kind), labels, classes=CLASSES)


def _second_half(size: int, caption: str) -> Any:
    """Where the second of two shapes has its half of the picture, True, from the words between them."""
    row, column = np.mgrid[:size, :size]
    for words, where in (
        ("left of", column >= size / 2), ("right of", column < size / 2), ("above", row >= size / 2), ("below", row < size / 2)
    ):  # fmt: skip
        if words in caption:
            return where
    return np.zeros((size, size), dtype=bool)


class Segmentation(Experiment):
    """Every pixel gets a class: an encoder-decoder with skips finds shapes in noise.

    The way down halves the maps, so that deep units see the whole shape; the way up doubles them by transposed
    convolutions; skip connections hand the fine maps of the way down across, without which edges blur. The loss is the
    mean cross-entropy over pixels; the figure is the mean over classes of intersection over union,
    IoU = |found and true| / |found or true|.

    Source: Long, Shelhamer, Darrell 2015; Ronneberger, Fischer, Brox 2015, arXiv:1505.04597.
    """

    captions: ClassVar = {
        "masks.png": "Test drawings, the true classes of their pixels, and those found: circles blue, squares red, triangles "
        "green, crosses yellow."
    }

    def prepare(self) -> None:
        s = self.s
        self.train = labelled_shapes(s.samples, s.size, Generator(2 * self.seed))
        self.test = labelled_shapes(s.test_samples, s.size, Generator(2 * self.seed + 1))
        self.model = UNet(3, len(CLASSES), s.width)

    def stages(self) -> Iterator[Stage]:
        s = self.s
        optimizer = optim.Adam(self.model.parameters(), lr=s.lr)
        slower = optim.CosineAnnealingLR(optimizer, s.epochs, eta_min=0.02 * s.lr)
        trainer = self.trainer(self.model, nn.CrossEntropyLoss(), optimizer, metrics=[], scheduler=slower)
        yield Stage(trainer, self.train, s.epochs, self.test, monitor="val_loss")

    def measure(self) -> dict[str, float]:
        """Intersection over union of each class over the test set, their mean, and the accuracy of pixels."""
        images, labels = images_of(self.test)
        self.found = outputs(self.model, images, batch=50).argmax(axis=1)
        each = {}
        for k, name in enumerate(CLASSES):
            both = ((self.found == k) & (labels == k)).sum()
            either = ((self.found == k) | (labels == k)).sum()
            each[f"IoU {name}"] = float(both / max(1, either))
        return {"iou": float(np.mean(list(each.values()))), "pixel-accuracy": float((self.found == labels).mean()), **each}

    def draw(self, folder: Path) -> None:
        """Drawings, truth, answer."""
        images, labels = images_of(self.test.subset(range(8)))
        palette = np.array([(0, 0, 0), (42, 111, 151), (209, 73, 91), (102, 161, 130), (237, 174, 73)]) / 255.0
        shown = [images, palette[labels].transpose(0, 3, 1, 2), palette[self.found[:8]].transpose(0, 3, 1, 2)]
        image_grid(folder / "masks.png", np.concatenate(shown), 8, rows=("drawing", "true", "found"), cell=1.1)


add(
    Recipe(
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
)
add(
    Recipe(
        "segmentation",
        "a class for every pixel: an encoder-decoder with skips",
        Segmentation,
        {
            "samples": Setting(2000, "drawings for training", low=10),
            "test_samples": Setting(300, "drawings for the test", low=10),
            "epochs": Setting(10, "passes over them", low=1),
            "batch_size": Setting(32, "drawings in a step", low=1),
            "lr": Setting(3e-3, "learning rate of Adam at the start", low=0),
            "width": Setting(16, "channels at full size", low=1),
            "size": Setting(32, "pixels of a side, divisible by 4", low=16),
        },
        full=Scale((Figure("iou", at_least=0.9),)),
        quick=Scale(
            (Figure("iou", at_least=0.5),),
            {"samples": 400, "test_samples": 100, "epochs": 10, "width": 8, "batch_size": 16, "lr": 6e-3},
        ),
        shows=(UNet, nn.ConvTranspose2d, labelled_shapes),
    )
)
