"""Transfer learning: features of five digits for classifying the other five."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import numpy as np

from ... import nn, optim
from ...data import ArrayDataset
from ...models import ConvNet
from ...training import Accuracy
from ..experiment import HELD_OUT, Experiment, Stage
from ..parts.images import image_sets, images_of, outputs
from ..parts.pictures import draw_axes, lines
from ..parts.transfer_settings import BATCH, DATA
from ..recipe import Figure, Recipe, Scale, Setting


class Transfer(Experiment):
    """What was learnt on the digits 0-4 helps with 5-9, of which only 100 labels are given.

    The source network is trained on plenty of images of 0-4. Its features f(x), everything before the last layer, then
    serve the new task in two ways: frozen, with only a new last layer trained (feature extraction); or as the starting
    point from which all weights go on at a smaller rate (fine-tuning). A network that starts from scratch on the same 100
    labels is the comparison. Early layers find strokes, which all digits have, so they transfer; the scores do not.

    Source: Yosinski, Clune, Bengio, Lipson 2014, "How transferable are features in deep neural networks?".
    """

    captions: ClassVar = {"transfer.png": "Test accuracy on the digits 5-9 by epoch, from 100 labels: three ways to start."}

    def prepare(self) -> None:
        s = self.s
        train, test = image_sets(s.data, self.seed)
        size = train[0][0].shape[-1]
        self.source = [_half(samples, 0) for samples in (train, test)]
        many, self.target_test = _half(train, 5), _half(test, 5)
        labels = many.arrays[1]
        few = np.concatenate([np.flatnonzero(labels == k)[: s.labels // 5] for k in range(5)])
        self.few = many.subset(few)
        self.base = ConvNet(size, width=s.width, classes=5, dropout=0.25)
        self.ways = {
            name: ConvNet(size, width=s.width, classes=5, dropout=0.25) for name in ("scratch", "features", "fine-tuning")
        }

    def stages(self) -> Iterator[Stage]:
        s, loss = self.s, nn.CrossEntropyLoss()
        adam = optim.Adam(self.base.parameters(), lr=s.lr)
        yield Stage(self.trainer(self.base, loss, adam), self.source[0], s.epochs, HELD_OUT, "source")
        self.curves = {}
        learnt = {k: v for k, v in self.base.state_dict().items() if k.startswith("features.")}
        for name, model in self.ways.items():
            if name != "scratch":
                model.load_state_dict({**model.state_dict(), **learnt})
            last = list(model.head.parameters())
            rest = [p for p in model.parameters() if all(p is not q for q in last)]
            groups = {
                "scratch": [{"params": [*rest, *last]}],
                "features": [{"params": last}],
                "fine-tuning": [{"params": rest, "lr": 0.3 * s.lr}, {"params": last}],
            }
            trainer = self.trainer(model, loss, optim.Adam(groups[name], lr=s.lr), metrics=[Accuracy()])
            yield Stage(trainer, self.few, s.target_epochs, self.target_test, name)
            self.curves[name] = [row["val_accuracy"] for row in trainer.history]

    def measure(self) -> dict[str, float]:
        """Test accuracies on the new digits, and what transfer gains over scratch, in parts of 1."""
        images, labels = images_of(self.target_test)
        found = {k: float((outputs(m, images).argmax(axis=1) == labels).mean()) for k, m in self.ways.items()}
        gain = max(found["features"], found["fine-tuning"]) - found["scratch"]
        return {"gain": gain, **{f"accuracy-{k}": v for k, v in found.items()}}

    def draw(self, folder: Path) -> None:
        """Accuracy by epoch."""
        draw_axes(
            folder / "transfer.png", (6, 3.8), 1, 1,
            lambda axes: lines(axes[0, 0], self.curves, xlabel="epoch on 100 labels", ylabel="test accuracy, digits 5-9"),
        )  # fmt: skip


def _half(samples: ArrayDataset, first: int) -> ArrayDataset:
    """The images of five digits from first, labelled from 0."""
    images, labels = images_of(samples)
    chosen = (labels >= first) & (labels < first + 5)
    return ArrayDataset(images[chosen], labels[chosen] - first)


# The bundled source has 720 images only: what is learnt there serves, but does not lead.
_BUNDLED = (Figure("accuracy-features", at_least=0.75, percent=True), Figure("accuracy-fine-tuning", at_least=0.8, percent=True))
RECIPE = Recipe(
    "transfer",
    "features of the digits 0-4 help with 5-9 and 100 labels",
    Transfer,
    {
        "data": DATA,
        "epochs": Setting(8, "passes over the source's images", low=1),
        "target_epochs": Setting(40, "passes over the 100 labels", low=1),
        "batch_size": BATCH,
        "labels": Setting(100, "of the new digits", low=5),
        "lr": Setting(1e-3, "learning rate of Adam", low=0),
        "width": Setting(16, "filters of the first convolution", low=1),
    },
    full=Scale(
        (Figure("gain", at_least=0.05, percent=True), Figure("accuracy-fine-tuning", at_least=0.85, percent=True)),
        data=("mnist",),
    ),
    small=Scale(
        (Figure("gain", at_least=0.02, percent=True),),
        {"data": "digits", "epochs": 12, "labels": 25, "lr": 3e-3, "target_epochs": 80},
    ),
    quick=Scale(
        _BUNDLED,
        {"data": "digits", "epochs": 8, "labels": 25, "lr": 3e-3, "target_epochs": 60},
    ),
    shows=(Transfer.stages, ConvNet),
)
