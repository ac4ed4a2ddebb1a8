"""A deep network with and without residual connections."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ... import data, nn, optim
from ...data import ImageDataset
from ...models import PlainNet, ResNet
from ...ops.conversion import asarray
from ...show import COLOURS, label_axes
from ...training import Accuracy, ClipGradients
from ..experiment import HELD_OUT, Experiment, Stage
from ..parts.images import image_sets
from ..parts.pictures import draw_axes, lines
from ..recipe import Figure, Recipe, Scale, Setting


class Residual(Experiment):
    """A deep network is harder to train than a shallow one; with skip links it is not.

    In the plain network each pair of convolutions computes y = f(x); in the residual one y = x + f(x), so that f has only to
    say what to change, and doing nothing is easy. Going back, dL/dx = dL/dy (1 + f'(x)): the 1 brings the gradient past any
    number of layers as it is, while a plain network multiplies all the f', and the gradient grows or shrinks with each. Both
    have the same layers, batch norm and initial weights of the same spread, and are trained alike.

    The figure is the training loss: how far the residual network's mean over the last epoch is below the plain one's.
    It is not a matter of overfitting, as the plain network fits its own training set worse. The second picture shows the
    gradient's size by layer before training.

    Source: He, Zhang, Ren, Sun 2016, "Deep residual learning for image recognition", arXiv:1512.03385.
    """

    captions: ClassVar = {
        "losses.png": "Training loss by epoch: with skip links the same number of layers is trained faster and further.",
        "gradients.png": "Gradients in the weights of each layer before training: with skip links they differ less.",
    }

    def prepare(self) -> None:
        s = self.s
        self.train, self.test = _sets(s.data, s.images, self.seed)
        channels = self.train[0][0].shape[0]
        self.models = {
            "residual": ResNet(s.units, s.width, s.stages, channels), "plain": PlainNet(s.units, s.width, s.stages, channels)
        }  # fmt: skip
        self.layers = 2 * s.units * s.stages + 2
        self.gradients = {name: self._gradients(model) for name, model in self.models.items()}

    def stages(self) -> Iterator[Stage]:
        s = self.s
        self.histories = {}
        for name, model in self.models.items():
            optimizer = optim.SGD(model.parameters(), lr=s.lr, momentum=0.9, weight_decay=1e-4)
            slower = optim.CosineAnnealingLR(optimizer, s.epochs, eta_min=0.02 * s.lr)
            trainer = self.trainer(
                model, nn.CrossEntropyLoss(), optimizer, scheduler=slower, metrics=[Accuracy()], callbacks=[ClipGradients(5.0)]
            )
            yield Stage(trainer, self.train, s.epochs, HELD_OUT, name)
            self.histories[name] = trainer.history

    def measure(self) -> dict[str, float]:
        """How far the residual training loss is below the plain one, as a part of it; losses and test accuracies."""
        last = {name: history[-1] for name, history in self.histories.items()}
        judges = {n: self.trainer(m, nn.CrossEntropyLoss(), optim.SGD(m.parameters(), lr=1.0)) for n, m in self.models.items()}
        return {
            "below-plain": 1 - last["residual"]["loss"] / last["plain"]["loss"], "layers": self.layers,
            **{f"loss-{name}": row["loss"] for name, row in last.items()},
            **{f"accuracy-{name}": judge.evaluate(self.test)["accuracy"] for name, judge in judges.items()},
        }  # fmt: skip

    def _gradients(self, model: Any) -> list[float]:
        """The root mean square of the gradient in the weights of each convolution of a pair, for one batch."""
        x, labels = (asarray(part) for part in self.train.batch(range(min(64, len(self.train)))))
        kept = {name: value.numpy_copy() for name, value in model.state_dict().items()}
        nn.CrossEntropyLoss()(model(x), labels).backward()
        found = [
            float(np.sqrt((p.grad.numpy_copy().astype(np.float64) ** 2).mean()))
            for p in model.body.parameters()
            if p.ndim == 4 and p.shape[2] == 3
        ]
        for p in model.parameters():
            p.grad = None
        model.load_state_dict(kept)  # a pass in training mode has moved the means of batch norm
        return found

    def draw(self, folder: Path) -> None:
        """Losses by epoch, gradients by layer."""
        curves = {name: [row["loss"] for row in history] for name, history in self.histories.items()}
        draw_axes(
            folder / "losses.png", (6, 3.8), 1, 1,
            lambda axes: lines(axes[0, 0], curves, xlabel="epoch", ylabel=f"training loss, {self.layers} layers"),
        )  # fmt: skip
        draw_axes(folder / "gradients.png", (6.5, 3.6), 1, 1, self._draw_gradients)

    def _draw_gradients(self, axes: Any) -> None:
        place = axes[0, 0]
        for (name, sizes), colour in zip(self.gradients.items(), COLOURS, strict=False):
            place.plot(range(1, len(sizes) + 1), sizes, "o-", ms=3, lw=1.3, color=colour, label=name)
        place.set_yscale("log")
        label_axes(place, "convolution", "gradient, root mean square")
        place.legend()


def _sets(name: str, limit: int, seed: int) -> tuple[Any, Any]:
    """Bundled digits, or part of CIFAR-10's first batches and 1,000 images of the last."""
    if name == "digits":
        return image_sets("digits", seed)
    images, labels = data.cifar10().arrays
    # The last of the five training batches is held out: the official test set is not always at hand whole.
    train, test = slice(0, min(limit or 40000, 40000)), slice(40000, 41000)
    classes = [str(k) for k in range(10)]
    return ImageDataset(images[train], labels[train], classes), ImageDataset(images[test], labels[test], classes)


RECIPE = Recipe(
    "resnet",
    "a deep network with skip links against the same without them",
    Residual,
    {
        "data": Setting("cifar10", "the images", choices=("digits", "cifar10")),
        "images": Setting(4000, "training images of CIFAR-10, 0 for all 40,000", low=0),
        "epochs": Setting(10, "passes over the training images", low=1),
        "batch_size": Setting(64, "images in a step", low=1),
        "lr": Setting(0.05, "learning rate of SGD with momentum 0.9 at the start", low=0),
        "units": Setting(5, "pairs of convolutions in each of the stages; 5 in 3 stages make 32 layers", low=1),
        "stages": Setting(3, "stages, each at half the size and twice the width", low=1, high=5),
        "width": Setting(8, "filters in the first stage; 16 in the paper", low=1),
    },
    full=Scale((Figure("below-plain", at_least=0.2, percent=True),), data=("cifar10",)),
    small=Scale(
        (Figure("below-plain", at_least=0.2, percent=True), Figure("accuracy-residual", at_least=0.9, percent=True)),
        {"data": "digits", "epochs": 12, "lr": 0.03, "stages": 2, "units": 9, "batch_size": 32},
    ),
    quick=Scale(
        (Figure("below-plain", at_least=0.2, percent=True), Figure("accuracy-residual", at_least=0.8, percent=True)),
        {"data": "digits", "epochs": 5, "lr": 0.03, "stages": 1, "units": 14, "width": 6, "batch_size": 32},
    ),
    shows=(ResNet, PlainNet, nn.Residual),
)
