"""Convolutional classifiers of MNIST and Fashion-MNIST, and figures of their filters."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ... import nn, optim
from ...models import ConvNet
from ...ops.conv import conv2d
from ...ops.conversion import asarray
from ..experiment import PictureClassifier
from ..recipe import Figure, Recipe, Scale, Setting
from .images import image_sets, images_of, outputs
from .pictures import image_grid

CLASSIC = {
    "identity": ((0, 0, 0), (0, 1, 0), (0, 0, 0)),
    "sharpen": ((0, -1, 0), (-1, 5, -1), (0, -1, 0)),
    "edges": ((-1, -1, -1), (-1, 8, -1), (-1, -1, -1)),
    "vertical edges": ((-1, 0, 1), (-2, 0, 2), (-1, 0, 1)),
    "blur": ((1 / 9,) * 3,) * 3,
}
SHOWN = 8


class ImageClassifier(PictureClassifier):
    """A convolutional network reads small pictures.

    Each convolution slides K filters over its input, y[k,i,j] = b[k] + sum over c,p,q of w[k,c,p,q] x[c,i+p,j+q]; ReLU
    keeps max(0, y); max-pooling keeps the strongest of each 2x2 window. Filters of the first layer see 3x3 pixels and find
    strokes and edges; those of the second see 8x8 pixels of the picture and find their combinations. A hidden layer with
    dropout turns the maps into ten scores, trained by cross-entropy.

    The pictures show the filters learnt, the maps that one image gives, for each filter the patches of the test images
    that excite it most, and for comparison what filters made by hand do to the same image.

    Source: LeCun, Bottou, Bengio, Haffner 1998; Srivastava et al. 2014 for dropout.
    """

    captions: ClassVar = {
        **PictureClassifier.captions,
        "filters.png": "The filters of the first layer, from 0, eight in a row: red weights are positive, blue ones negative.",
        "maps.png": "One image, and what the first filters of each layer answer to it.",
        "patches.png": "The patches that excite a filter most, a row each: strokes in layer 1, combinations in layer 2.",
        "classic.png": "Filters made by hand, applied to the same images.",
    }

    model: Any
    train: Any
    test: Any

    def prepare(self) -> None:
        s = self.s
        self.train, self.test = image_sets(s.data, self.seed)
        self.classes = self.test.classes or ()
        size = self.test[0][0].shape[-1]
        self.image_size = (size, size)
        self.model = ConvNet(size, width=s.width, hidden=s.hidden, dropout=s.dropout)
        self.loss = nn.CrossEntropyLoss()
        self.optimizer = optim.Adam(self.model.parameters(), lr=s.lr)
        self.scheduler = optim.CosineAnnealingLR(self.optimizer, s.epochs, eta_min=0.02 * s.lr)

    def draw(self, folder: Path) -> None:
        """The confusion matrix, filters, feature maps, patches, and classic filters."""
        super().draw(folder)
        images = images_of(self.test.subset(range(min(2000, len(self.test)))))[0]
        features = list(self.model.features)
        filters = features[0].weight.numpy_copy()
        image_grid(folder / "filters.png", filters, 8, diverging=True, cell=0.8, title="filters of layer 1")
        first, second = nn.Sequential(*features[:2]), nn.Sequential(*features[:5])
        maps = [outputs(part, images) for part in (first, second)]
        self._draw_maps(folder, images[0, 0], maps)
        self._draw_patches(folder, images[:, 0], maps)
        kernels = asarray(np.array(list(CLASSIC.values()), dtype=images.dtype)[:, None])
        made = conv2d(asarray(images[:4]), kernels, padding=1).numpy_copy()
        image_grid(
            folder / "classic.png", made.reshape(-1, *made.shape[2:]), len(CLASSIC), titles=list(CLASSIC), cell=1.2,
            title="filters made by hand",
        )  # fmt: skip

    @staticmethod
    def _draw_maps(folder: Path, image: Any, maps: Any) -> None:
        rows = [np.concatenate([image[None], np.full((SHOWN - 1, *image.shape), np.nan)])]
        for found in maps:
            chosen = found[0][np.argsort(-found[0].max(axis=(1, 2)), kind="stable")[:SHOWN]]
            big = np.kron(chosen, np.ones((image.shape[0] // chosen.shape[1],) * 2))
            rows.append(big / max(1e-9, float(big.max())))
        names, title = ("image", "layer 1", "layer 2"), "feature maps of one image"
        image_grid(folder / "maps.png", np.concatenate(rows), SHOWN, rows=names, cell=1.0, title=title)

    @staticmethod
    def _draw_patches(folder: Path, images: Any, maps: Any) -> None:
        """For four filters of each layer the receptive fields of their eight largest activations."""
        patches, names = [], []
        for layer, (found, reach, step) in enumerate(zip(maps, (3, 8), (1, 2), strict=True), 1):
            padded = np.pad(images, ((0, 0), (reach, reach), (reach, reach)))
            lively = np.argsort(-found.max(axis=(2, 3)).mean(axis=0), kind="stable")[:4]
            for k in lively:
                peak = found[:, k].reshape(len(found), -1)
                best = np.argsort(-peak.max(axis=1), kind="stable")[:SHOWN]
                names.append(f"layer {layer}, filter {k}")
                for n in best:
                    i, j = divmod(int(peak[n].argmax()), found.shape[3])
                    top, left = step * i + reach - reach // 2 + (step - 1), step * j + reach - reach // 2 + (step - 1)
                    patch = padded[n, top : top + reach, left : left + reach]
                    patches.append(np.kron(patch, np.ones((24 // reach,) * 2)))
        title = "patches that excite a filter most"
        image_grid(folder / "patches.png", np.stack(patches), SHOWN, rows=names, cell=0.8, title=title)


_BUNDLED = {"data": "digits", "batch_size": 32}
_SMALL = Scale((Figure("accuracy", at_least=0.97, percent=True),), {**_BUNDLED, "epochs": 20})
_QUICK = Scale((Figure("accuracy", at_least=0.94, percent=True),), {**_BUNDLED, "epochs": 8, "width": 16, "lr": 3e-3})


def _settings(data: str, epochs: int) -> dict[str, Setting]:
    return {
        "data": Setting(data, "the images", choices=("digits", "mnist", "fashion")),
        "epochs": Setting(epochs, "passes over the training set", low=1),
        "batch_size": Setting(64, "samples in a step", low=1),
        "lr": Setting(1.5e-3, "learning rate of Adam at the start", low=0),
        "width": Setting(32, "filters of the first convolution; the second has twice as many", low=1, high=1024),
        "hidden": Setting(128, "units of the hidden layer", low=1),
        "dropout": Setting(0.4, "part of the hidden units dropped", low=0, high=0.95),
    }


def image_recipe(name: str, title: str, data: str, held: str, epochs: int, accuracy: float) -> Recipe:
    """Make the recipe of a data set. held: its name in the data folder. accuracy: the bound at full scale."""
    return Recipe(
        name,
        title,
        ImageClassifier,
        _settings(data, epochs),
        full=Scale((Figure("accuracy", at_least=accuracy, percent=True),), data=(held,)),
        small=_SMALL,
        quick=_QUICK,
        shows=(ConvNet, nn.Conv2d, nn.MaxPool2d, nn.Dropout),
    )
