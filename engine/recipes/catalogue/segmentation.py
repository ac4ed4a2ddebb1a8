"""A class for every pixel, by an encoder-decoder with skips."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ... import nn, optim
from ...data import ArrayDataset
from ...data.drawings import COLOURS as INKS
from ...data.drawings import SHAPES
from ...data.host_random import normal, uniform
from ...data.synthetic import shapes_with_captions
from ...default_dtype import get_default_dtype
from ...generator import Generator
from ...models import UNet
from ..experiment import HELD_OUT, Experiment, Stage
from ..parts.images import images_of, outputs
from ..parts.pictures import image_grid
from ..recipe import Figure, Recipe, Scale, Setting

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
        yield Stage(trainer, self.train, s.epochs, HELD_OUT, monitor="val_loss")

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
        """Drawings, true classes and predictions."""
        images, labels = images_of(self.test.subset(range(8)))
        palette = np.array([(0, 0, 0), (42, 111, 151), (209, 73, 91), (102, 161, 130), (237, 174, 73)]) / 255.0
        shown = [images, palette[labels].transpose(0, 3, 1, 2), palette[self.found[:8]].transpose(0, 3, 1, 2)]
        image_grid(folder / "masks.png", np.concatenate(shown), 8, rows=("drawing", "true", "found"), cell=1.1)


RECIPE = Recipe(
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
