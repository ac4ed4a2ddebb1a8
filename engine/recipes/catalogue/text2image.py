"""Images from captions by a conditional GAN."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ... import data, models, nn, optim
from ...autograd.base import no_grad
from ...data import ArrayDataset, ImageDataset
from ...data.drawings import COLOURS, SHAPES, SIZES
from ...data.host_random import normal
from ...errors import ConfigError
from ...generator import Generator
from ...ops.activation import sigmoid
from ...ops.conversion import asarray
from ...ops.rearrange import roll
from ...show import label_axes
from ...show.figures import FIRST
from ...training import Accuracy
from ..experiment import Experiment, Stage
from ..parts import pictures
from ..parts.adversarial_digits import AdversarialTraining, logits_loss, optimizers_of
from ..parts.images import outputs
from ..recipe import Figure, Recipe, Scale, Setting

PARTS = {"size": tuple(SIZES), "colour": tuple(COLOURS), "shape": SHAPES}
WORDS = ("", "a", *PARTS["size"], *PARTS["colour"], *PARTS["shape"])
"""The vocabulary; number 0 stands for no word."""


class CaptionTraining(AdversarialTraining):
    """The discriminator also learns to refuse a real image beside the caption of another."""

    conditional = True

    def train_step(self, batch: Any) -> dict[str, float]:
        (x, words), judge = batch, self.model.discriminator
        made = self.model(x.shape[0], words)
        on_real, on_made = judge(x, words), judge(made.detach(), words)
        refused = logits_loss(on_made, 0.0) + logits_loss(judge(x, roll(words, 1, axis=0)), 0.0)
        d_loss = self.update(logits_loss(on_real, self.real) + 0.5 * refused, "discriminator")
        g_loss = self.update(logits_loss(judge(made, words), 1.0), "generator")
        with no_grad():
            d_real, d_made = float(sigmoid(on_real).mean()), float(sigmoid(on_made).mean())
        return {"d_loss": d_loss, "g_loss": g_loss, "d_real": d_real, "d_made": d_made}


class TextToImage(Experiment):
    """A generator reads a caption, "a large red circle", and paints what it says; a discriminator reads it too.

    Each player has a GRU that turns the caption t into a vector c(t). The generator gets it beside the noise, G(z, c). The
    discriminator adds (A c) . f to its score of the image's features f, and is to refuse three things: images that are not
    real, and, so that it reads at all, real images with the caption of another (half the weight each):

        D maximises  log D(x, t) + 1/2 log(1 - D(x, t')) + 1/2 log(1 - D(G(z, t), t))        G maximises  log D(G(z, t), t)

    as_asked is the part of images whose size, colour and shape are all as asked, as seen by a classifier trained first.
    variety says how much images for one caption differ, as a part of how much drawings of it do: little in the game makes
    the generator use its noise.

    Source: Reed, Akata, Yan, Logeswaran, Schiele, Lee 2016, "Generative adversarial text to image synthesis".
    """

    captions: ClassVar[Mapping[str, str]] = {
        "paintings.png": "Captions, and what the generator paints for each from different noise.",
        "judged.png": "Which part of the captions is obeyed, and what the discriminator says of real and of made images.",
    }

    def prepare(self) -> None:
        s = self.s
        drawn = data.shapes_with_captions(2 * s.images, s.size)
        single = [i for i, text in enumerate(drawn.captions) if len(text.split()) == 4]  # those of one shape
        images, words = drawn.images[single], np.array([numbers(drawn.captions[i]) for i in single])
        self.train = Captioned(images, words)
        self.kinds = ImageDataset(images, kind_of(words))
        self.judge = models.ConvNet(s.size, 3, width=16, hidden=64, classes=40, dropout=0.0)
        maker = models.CaptionedGenerator(len(WORDS), s.noise, s.size, s.width)
        self.model = models.GAN(maker, models.CaptionedDiscriminator(len(WORDS), s.size, s.width), s.noise)

    def stages(self) -> Iterator[Stage]:
        s = self.s
        adam = optim.Adam(self.judge.parameters(), lr=3e-3)
        judge = self.trainer(self.judge, nn.CrossEntropyLoss(), adam, metrics=[Accuracy()], batch_size=32)
        yield Stage(judge, self.kinds, s.judge_epochs, name="judge")
        players = optimizers_of(self.model, s.lr, s.handicap)
        self.game = self.trainer(self.model, None, players, CaptionTraining)
        yield Stage(self.game, self.train, s.epochs, name="gan")

    def measure(self) -> dict[str, float]:
        asked = np.arange(1000) % 40
        words = np.array([numbers(caption_of(int(k))) for k in asked])
        found = outputs(self.judge, self._made(words, 3)).argmax(axis=1)
        self.right = {part: float((a == b).mean()) for part, a, b in zip(PARTS, parts_of(found), parts_of(asked), strict=True)}
        real, kinds = self.kinds.batch(range(min(1000, len(self.kinds))))
        known = float((outputs(self.judge, real).argmax(axis=1) == kinds).mean())
        many = self._made(np.repeat([numbers("a large red circle")], 64, axis=0), 4)
        alike = real[kinds == kind_of(np.array([numbers("a large red circle")]))[0]]
        variety = float(many.std(axis=0).mean() / alike.std(axis=0).mean())
        return {"as_asked": float((found == asked).mean()), **self.right, "judge_accuracy": known, "variety": variety}

    def _made(self, words: Any, seed: int) -> Any:
        """Images (N,3,S,S) for captions (N,4)."""
        noise, captions = normal(Generator(seed), (len(words), self.s.noise)), asarray(words)
        return outputs(self.model, noise, lambda z: self.model.generator(z, captions), len(words))

    def draw(self, folder: Path) -> None:
        texts = [caption_of(k) for k in (0, 5, 10, 19, 21, 26, 33, 38)]
        images = self._made(np.repeat([numbers(text) for text in texts], 8, axis=0), 1)
        pictures.image_grid(folder / "paintings.png", images, 8, rows=texts)
        pictures.draw_axes(folder / "judged.png", (9.0, 3.6), 1, 2, self._judged)

    def _judged(self, axes: Any) -> None:
        axes[0, 0].bar(list(self.right), [100 * v for v in self.right.values()], color=FIRST)
        axes[0, 0].set_ylim(0, 100)
        axes[0, 0].set_axisbelow(True)
        label_axes(axes[0, 0], "", "% right", "as asked")
        said = {"of real images": "d_real", "of made images": "d_made"}
        series = {name: [row[key] for row in self.game.history] for name, key in said.items()}
        pictures.lines(axes[0, 1], series, xlabel="epoch", ylabel="D, mean", title="the discriminator says")
        axes[0, 1].set_ylim(0, 1)

    def sample(self, *, caption: str = "a large red circle", count: int = 8, seed: int = 0) -> Any:
        """A figure of generated images for a caption."""
        images = self._made(np.repeat([numbers(caption)], count, axis=0), seed)
        return pictures.image_grid(None, images, min(count, 8), rows=[caption])


class Captioned(ArrayDataset):
    """Images uint8 (N,3,S,S), given as numbers from 0 to 1, and captions (N,T) as word numbers."""

    def batch(self, rows: Any) -> Any:
        images, words = super().batch(rows)
        return ImageDataset(images, words[:, 0]).read()[0], words


def numbers(caption: str) -> list[int]:
    """A caption as word numbers. Raises ConfigError for an unknown word."""
    words = caption.split()
    unknown = [word for word in words if word not in WORDS]
    if unknown or len(words) != 4:
        raise ConfigError(f"caption: expected like 'a large red circle' with words among {', '.join(WORDS[1:])}; got {caption!r}")
    return [WORDS.index(word) for word in words]


def parts_of(kinds: Any) -> tuple[Any, Any, Any]:
    """Size, colour and shape, as numbers, of kinds from 0 to 39."""
    return kinds // 20, kinds // 4 % 5, kinds % 4


def kind_of(words: Any) -> Any:
    """The kinds, from 0 to 39, of captions (N,4)."""
    return 20 * (words[:, 1] - 2) + 4 * (words[:, 2] - 4) + (words[:, 3] - 9)


def caption_of(kind: int) -> str:
    """The caption of a kind."""
    return " ".join(["a", *(names[k] for names, k in zip(PARTS.values(), parts_of(kind), strict=True))])


RECIPE = Recipe(
    "text2image",
    "shapes painted from captions by adversarial nets that read",
    TextToImage,
    {
        "images": Setting(4000, "about so many drawings of one shape", low=400),
        "size": Setting(32, "pixels along a side, a multiple of 4", low=16),
        "epochs": Setting(12, "passes over the drawings", low=1),
        "judge_epochs": Setting(4, "passes over the drawings for the judge", low=1),
        "batch_size": Setting(64, "drawings in a step", low=1),
        "lr": Setting(1e-3, "learning rate of Adam for the generator", low=0),
        "handicap": Setting(0.5, "learning rate of the discriminator as a part of the generator's", low=0),
        "noise": Setting(16, "numbers the generator starts from", low=1),
        "width": Setting(24, "filters of the layer next to the image", low=1),
    },
    full=Scale((Figure("as_asked", at_least=0.8, percent=True),)),
    quick=Scale(
        (Figure("as_asked", at_least=0.5, percent=True),),
        {"images": 800, "size": 16, "epochs": 12, "judge_epochs": 8, "batch_size": 32, "lr": 3e-3, "width": 16},
    ),
    shows=(CaptionTraining, models.CaptionEncoder, models.CaptionedGenerator, models.CaptionedDiscriminator),
)
