"""Sequence labelling: a label for each frame of a clip of moving digits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ... import data, nn, optim
from ...autograd.base import no_grad
from ...data.host_random import integers, uniform
from ...default_dtype import get_default_dtype
from ...generator import Generator, default_generator
from ...models import FrameLabeller
from ...ops.conversion import asarray
from ...training import Accuracy
from ..experiment import HELD_OUT, Experiment, Stage
from ..parts.pictures import image_grid
from ..recipe import Figure, Recipe, Scale, Setting

NAMES = {"alone": "alone", "memory": "LSTM"}


def moving_digits(
    images: Any, labels: Any, n: int, frames: int, size: int, hidden: float, generator: Generator
) -> data.ArrayDataset:
    """Clips (n,frames,1,size,size) of digits that fly about, and labels (n,frames) int64.

    images (M,1,8,8). A digit bounces off the walls; in the middle of the clip another takes its place. Of the frames a part
    `hidden` shows noise only, never the first nor the one at which the digit changes; their label is that of the digit
    behind the noise.
    """
    change = integers(generator, frames // 3, frames - frames // 3 + 1, n)
    which = integers(generator, 0, len(images), (n, 2))
    place = integers(generator, 0, size - 8 + 1, (n, 2))
    speed = integers(generator, 1, 3, (n, 2)) * (1 - 2 * integers(generator, 0, 2, (n, 2)))
    gone = uniform(generator, (n, frames)) < hidden
    gone[:, 0] = gone[np.arange(n), change] = False
    clips = 0.3 * uniform(generator, (n, frames, size, size))
    found = np.empty((n, frames), dtype=np.int64)
    side, all_clips = np.arange(8), np.arange(n)
    for t in range(frames):
        shown = which[all_clips, (t >= change).astype(np.int64)]
        found[:, t] = labels[shown]
        rows, columns = place[:, :1, None] + side[:, None], place[:, 1:, None] + side
        ink = images[shown, 0] * ~gone[:, t, None, None]
        clips[all_clips[:, None, None], t, rows, columns] = np.maximum(clips[all_clips[:, None, None], t, rows, columns], ink)
        place = place + speed
        bounced = np.abs(np.where(place > size - 8, 2 * (size - 8) - place, place))
        speed = np.where(bounced == place, speed, -speed)
        place = bounced
    return data.ArrayDataset(clips[:, :, None].astype(get_default_dtype()), found, classes=[str(d) for d in range(10)])


class MovingDigits(Experiment):
    """Which digit is on the screen in each frame of a clip? As many answers as inputs: many to many, synchronous.

    A small convolutional network turns each frame into features x_t = CNN(frame_t); an LSTM goes through them, and from
    its state at each step come the scores of that frame, y_t = V h_t. The loss is the mean cross-entropy of all frames.

    In every third frame the digit is lost in noise, and in the middle of the clip another digit takes its place. A network
    that sees each frame alone must guess the lost ones; it is trained beside the other for comparison. The LSTM remembers
    what it last saw, and joins the evidence of several frames of a badly written digit.

    frames.png shows unseen clips and the answer of both networks below each frame, wrong ones marked.
    Source: Donahue et al. 2015, "Long-term recurrent convolutional networks"; moving digits after Srivastava, Mansimov,
    Salakhutdinov 2015, "Unsupervised learning of video representations using LSTMs".
    """

    captions: ClassVar = {
        "frames.png": "Unseen clips with what each network says of each frame; x marks what is wrong. Noise frames need a memory."
    }

    def prepare(self) -> None:
        s = self.s
        train, test = data.digits().split(0.8, seed=self.seed, stratified=True)
        self.train, self.test = (
            moving_digits(part.arrays[0], part.arrays[1], n, s.frames, s.size, s.hidden_frames, default_generator)
            for part, n in ((train, s.samples), (test, 500))
        )
        self.models = {
            name: FrameLabeller(s.size, 10, s.filters, s.hidden, memory=name == "memory") for name in ("alone", "memory")
        }

    def _trainer(self, name: str) -> Any:
        s = self.s
        optimizer = optim.Adam(self.models[name].parameters(), lr=s.lr)
        schedule = optim.CosineAnnealingLR(optimizer, s.epochs, eta_min=0.02 * s.lr)
        return self.trainer(self.models[name], nn.CrossEntropyLoss(), optimizer, scheduler=schedule, metrics=[Accuracy()])

    def stages(self) -> Iterator[Stage]:
        for name in self.models:
            yield Stage(self._trainer(name), self.train, self.s.epochs, HELD_OUT, name, monitor="val_loss")

    def measure(self) -> dict[str, float]:
        """The part of the frames of unseen clips, of digits by other hands, that get the right label."""
        found = {name: self._trainer(name).evaluate(self.test)["accuracy"] for name in self.models}
        return {"frame_accuracy": found["memory"], "frame_alone_accuracy": found["alone"]}

    def draw(self, folder: Path) -> None:
        """Four clips and the answers."""
        clips, labels = self.test.batch(range(4))
        answers = {}
        for name, model in self.models.items():
            model.eval()
            with no_grad():
                answers[name] = model(asarray(clips)).numpy_copy().argmax(axis=1)
        titles = []
        for k, row in enumerate(labels):
            for t, label in enumerate(row.tolist()):
                said = [(int(answers[name][k, t]), name) for name in self.models]
                titles.append(
                    "\n".join(f"{'LSTM' if n == 'memory' else 'alone'}: {a}{'' if a == label else ' x'}" for a, n in said)
                )
        image_grid(folder / "frames.png", clips.reshape(-1, *clips.shape[3:]), self.s.frames, titles=titles, cell=0.95)


RECIPE = Recipe(
    "sequence-frames",
    "clips of moving digits, a label for every frame: convolutions that see, an LSTM that remembers",
    MovingDigits,
    {
        "samples": Setting(5000, "clips to train on", low=1),
        "frames": Setting(12, "frames of a clip", low=6),
        "size": Setting(16, "pixels of a frame's side", choices=(12, 16, 20, 24)),
        "hidden_frames": Setting(0.33, "part of the frames that show noise only", low=0, high=0.9),
        "epochs": Setting(10, "passes over the clips", low=1),
        "batch_size": Setting(32, "clips in a step", low=1),
        "filters": Setting(16, "filters of the first convolution; the second has twice as many", low=1),
        "hidden": Setting(64, "features of a frame, and units of the LSTM", low=1),
        "lr": Setting(3e-3, "learning rate of Adam at the start", low=0),
    },
    full=Scale((Figure("frame_accuracy", at_least=0.95, percent=True),)),
    quick=Scale(
        (Figure("frame_accuracy", at_least=0.75, percent=True),),
        {"samples": 600, "frames": 8, "size": 12, "epochs": 6, "filters": 8, "batch_size": 8, "lr": 5e-3},
    ),
    shows=(FrameLabeller, moving_digits, nn.Conv2d, nn.LSTM),
)
