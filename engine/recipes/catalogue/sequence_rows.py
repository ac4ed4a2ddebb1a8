"""Sequence classification: an LSTM reads a digit row by row."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ... import data, nn, optim
from ...autograd.base import no_grad
from ...models import RowClassifier
from ...ops.conversion import asarray
from ...ops.softmax import softmax
from ...training import ClipGradients
from ..experiment import PictureClassifier
from ..parts.pictures import draw_axes
from ..recipe import Figure, Recipe, Scale, Setting


class DigitRows(PictureClassifier):
    """An LSTM reads an image row by row from the top, and says at the bottom which digit it was: many to one.

    At step t the input x_t is the t-th row of pixels. The LSTM's gates decide what its memory keeps of the strokes,
    c_t = f c_{t-1} + i g, h_t = o tanh(c_t); the scores of the ten classes are V h_T, from the last state alone, and the
    loss is their cross-entropy. No convolution: the order of the rows is all that it knows of the plane.

    confusion.png shows which digits are taken for which; rows.png how the probabilities of the classes change with every
    row that is read: the longer it has read, the surer it is.

    Source: Hochreiter & Schmidhuber 1997; rows as steps: Le, Jaitly, Hinton 2015, arXiv:1504.00941, for single pixels.
    """

    captions: ClassVar = {
        **PictureClassifier.captions,
        "rows.png": "The probability of each class after each row: some digits are clear early, some only at their foot.",
    }

    def prepare(self) -> None:
        s = self.s
        if s.data == "mnist":
            self.train, self.test = data.mnist(), data.mnist(train=False)
        else:
            self.train, self.test = data.digits().split(0.8, seed=self.seed, stratified=True)
        self.classes = [str(d) for d in range(10)]
        width = self.test.batch([0])[0].shape[3]
        self.image_size = (width, width)
        self.model = RowClassifier(width, s.hidden, 10)
        self.callbacks = (ClipGradients(1.0),)
        self.loss = nn.CrossEntropyLoss()
        self.optimizer = optim.Adam(self.model.parameters(), lr=s.lr)
        self.scheduler = optim.CosineAnnealingLR(self.optimizer, s.epochs, eta_min=0.02 * s.lr)

    def draw(self, folder: Path) -> None:
        """The confusion matrix, and the probabilities after each row of six digits."""
        super().draw(folder)
        _, labels = self.test.batch(range(200))
        chosen = [int(np.flatnonzero(labels == d)[0]) for d in (0, 2, 4, 5, 7, 9)]
        images = self.test.batch(chosen)[0]
        model: Any = self.model
        model.eval()
        with no_grad():
            shares = softmax(model.read.at_each_step(asarray(images)[:, 0]), axis=2).numpy_copy()

        def fill(axes: Any) -> None:
            for k, (image, share) in enumerate(zip(images, shares, strict=True)):
                axes[0, k].imshow(image[0], cmap="gray_r", aspect="auto")
                axes[0, k].set_axis_off()
                axes[1, k].imshow(share, cmap="Blues", vmin=0, vmax=1, aspect="auto")
                axes[1, k].set_xticks(range(10))
                axes[1, k].set_yticks([])
                axes[1, k].set_xlabel("class")
            axes[1, 0].set_ylabel("rows read, downwards")

        draw_axes(folder / "rows.png", (11.0, 4.6), 2, 6, fill)


RECIPE = Recipe(
    "sequence-rows",
    "digits read row by row by an LSTM: many inputs, one answer",
    DigitRows,
    {
        "data": Setting("mnist", "MNIST, or the 1,797 bundled digits of 8 x 8", choices=("digits", "mnist")),
        "epochs": Setting(7, "passes over the training set", low=1),
        "batch_size": Setting(100, "images in a step", low=1),
        "hidden": Setting(128, "units of the LSTM", low=1),
        "lr": Setting(3e-3, "learning rate of Adam at the start", low=0),
    },
    full=Scale((Figure("accuracy", at_least=0.98, percent=True),), data=("mnist",)),
    small=Scale((Figure("accuracy", at_least=0.95, percent=True),), {"data": "digits", "epochs": 30, "batch_size": 32}),
    quick=Scale(
        (Figure("accuracy", at_least=0.90, percent=True),),
        {"data": "digits", "epochs": 8, "batch_size": 32, "hidden": 64, "lr": 1e-2},
    ),
    shows=(RowClassifier, nn.LSTM, nn.CrossEntropyLoss),
)
