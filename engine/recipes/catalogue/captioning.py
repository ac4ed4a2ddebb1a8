"""Captions for drawings by a convolutional encoder and an LSTM decoder, with and without attention."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ... import data
from ...autograd.base import no_grad
from ...default_dtype import get_default_dtype
from ...models import Captioner
from ...models.seq2seq import BEGIN
from ...ops.conversion import asarray
from ...training import TeacherForcing
from ..experiment import HELD_OUT, Experiment, Stage
from ..parts.pairs import Pairs, teacher_forcing, vocabulary
from ..parts.pictures import draw_axes, image_grid
from ..parts.writing import greedy
from ..recipe import Figure, Recipe, Scale, Setting

SIZE = 32
NAMES = ("plain", "attention")


class Captions(Experiment):
    """One picture in, a sentence out: "a small blue square left of a large green cross".

    A convolutional network turns the picture into a 4 x 4 grid of features; an LSTM writes word by word: one to many.
    p(y_t | y_<t, picture) = softmax(V h~_t), h~_t = tanh(C [what it sees; h_t]). Without attention it sees the same at every
    word, the whole grid merged into one vector. With attention it looks: a_t = softmax(grid W h_t) weighs the places, and it
    sees sum_l a_tl grid_l.

    Trained with teacher forcing and cross-entropy. On unseen drawings the likeliest word is taken each time, and a caption
    counts only if every word is right: size, colour, shape, and how two things stand to each other. "A left of B" and
    "B right of A" are both right.

    captions.png shows unseen drawings with what was written; attention.png where it looked for each word.
    Source: Vinyals et al. 2015, "Show and tell"; Xu et al. 2015, "Show, attend and tell".
    """

    captions: ClassVar = {
        "captions.png": "Unseen drawings and the captions that the network with attention writes.",
        "attention.png": "Where it looks while it writes each word: bright places weigh most.",
    }

    def prepare(self) -> None:
        s = self.s
        drawn = data.shapes_with_captions(s.samples + 500, SIZE)
        images = drawn.images.astype(get_default_dtype()) / 255
        texts = [caption.split() for caption in drawn.captions]
        self.vocabulary = vocabulary(texts)
        numbers = [self.vocabulary.encode(text) for text in texts]
        self.train = Pairs(images[: s.samples], numbers[: s.samples])
        self.test = Pairs(images[s.samples :], numbers[s.samples :])
        self.texts = [" ".join(text) for text in texts[s.samples :]]
        self.models = {
            name: Captioner(SIZE, len(self.vocabulary), s.embedding, s.hidden, s.filters, name == "attention") for name in NAMES
        }

    def stages(self) -> Iterator[Stage]:
        for name in NAMES:
            yield Stage(self._trainer(name), self.train, self.s.epochs, HELD_OUT, name, monitor="val_loss")

    def _trainer(self, name: str) -> TeacherForcing:
        return teacher_forcing(self.models[name], self.s)

    def _written(self, name: str, images: Any) -> list[list[str]]:
        model = self.models[name]
        model.eval()
        with no_grad():
            found = greedy(model.decoder, *model.encode(asarray(images)), limit=14)
        return [[self.vocabulary.tokens[i] for i in row] for row in found]

    def measure(self) -> dict[str, float]:
        """The part of unseen drawings whose whole caption is right, and the part of right words, of both networks."""
        results = {}
        for name in NAMES:
            found = [" ".join(words) for words in self._written(name, self.test.inputs)]
            results[f"{name}_exact"] = float(np.mean([a in descriptions(b) for a, b in zip(found, self.texts, strict=True)]))
            results[f"{name}_word_accuracy"] = self._trainer(name).evaluate(self.test)["accuracy"]
        return results

    def draw(self, folder: Path) -> None:
        """Eight captions, and the attention weights of two."""
        written = self._written("attention", self.test.inputs[:8])
        titles = [_broken(words, 4) for words in written]
        image_grid(folder / "captions.png", self.test.inputs[:8], 4, titles=titles, cell=2.2)
        long = [k for k, text in enumerate(self.texts) if len(text.split()) > 8][:2]
        width = max(len(self.texts[k].split()) for k in long) + 1

        def fill(axes: Any) -> None:
            for row, k in zip(axes, long, strict=True):
                words, maps = self._maps(self.test.inputs[k])
                picture = self.test.inputs[k].transpose(1, 2, 0)
                for place in row:
                    place.set_axis_off()
                row[0].imshow(picture)
                for place, word, share in zip(row[1:], words, maps, strict=False):
                    spread = np.kron(share.reshape(4, 4), np.ones((SIZE // 4, SIZE // 4)))[..., None]
                    place.imshow(np.clip(picture * 0.45 + spread / max(share.max(), 1e-9) * 0.55, 0, 1))
                    place.set_title(word, fontsize=10)

        draw_axes(folder / "attention.png", (1.15 * width, 1.5 * len(long)), len(long), width, fill)

    def _maps(self, image: Any) -> tuple[list[str], Any]:
        """The words written for one image, and the weights (T,L) of the places at each."""
        model, words = self.models["attention"], self._written("attention", image[None])[0]
        tokens = np.array([[BEGIN, *self.vocabulary.encode(words).tolist()]])
        with no_grad():
            weights = model.decoder(asarray(tokens), *model.encode(asarray(image[None])))[2]
        return words, weights.numpy_copy()[0]

    def sample(self, *, count: int = 8) -> Any:
        """A figure of test drawings with their captions."""
        some = self.test.inputs[: max(1, count)]
        titles = [_broken(words, 4) for words in self._written("attention", some)]
        return image_grid(None, some, min(4, len(some)), titles=titles, cell=2.2)


def descriptions(caption: str) -> set[str]:
    """All captions that say the same: A left of B is B right of A."""
    for relation, inverse in (("left of", "right of"), ("above", "below")):
        for one, other in ((relation, inverse), (inverse, relation)):
            first, found, second = caption.partition(f" {one} ")
            if found:
                return {caption, f"{second} {other} {first}"}
    return {caption}


def _broken(words: list[str], each: int) -> str:
    """Words broken into lines of a given length."""
    return "\n".join(" ".join(words[i : i + each]) for i in range(0, len(words), each))


RECIPE = Recipe(
    "captioning",
    "captions for drawings of shapes: convolutions see, an LSTM writes and looks where it needs",
    Captions,
    {
        "samples": Setting(8000, "drawings to train on", low=10),
        "epochs": Setting(10, "passes over them", low=1),
        "batch_size": Setting(32, "drawings in a step", low=1),
        "embedding": Setting(32, "numbers that describe a word", low=1),
        "hidden": Setting(96, "features of a place, and units of the LSTM", low=2),
        "filters": Setting(16, "filters of the first convolution; the second has twice as many", low=1),
        "lr": Setting(3e-3, "learning rate of Adam at the start", low=0),
    },
    full=Scale((Figure("attention_exact", at_least=0.95, percent=True),)),
    quick=Scale(
        (Figure("attention_word_accuracy", at_least=0.62, percent=True),),
        {"samples": 1200, "epochs": 4, "filters": 8, "hidden": 48, "batch_size": 32, "lr": 1e-2},
    ),
    shows=(Captioner, TeacherForcing, greedy, data.shapes_with_captions),
)
