"""Character language models with an RNN, an LSTM and a GRU."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ... import data
from ...autograd.base import no_grad
from ...models import LanguageModel
from ...ops.conversion import asarray
from ...ops.softmax import softmax
from ...training import TruncatedBPTT
from ..recipe import Figure, Recipe, Scale, Setting
from .text_pictures import plot_next, plot_texts
from .writing import Reader, generate

TEMPERATURES = (0.3, 0.7, 1.0)


class Characters(Reader):
    """A recurrent network reads a text character by character and learns to say which comes next.

    The state h_t holds what it has read: RNN h_t = tanh(U x_t + W h_{t-1}); LSTM: gates f, i, o = sigmoid(...) decide what
    the memory c_t = f c_{t-1} + i g forgets and takes in, h_t = o tanh(c_t); GRU: h_t = (1 - z) n + z h_{t-1}. The scores
    V h_t give p(next) = softmax(V h_t), and the loss is its cross-entropy -log p in nats per character. A uniform guess
    among 65 characters costs 4.17 nats, a table of character pairs about 2.5.

    Truncated back-propagation through time: the text is read in long stretches, the state is carried along, but gradients
    go back only `steps` characters. They are clipped, since a recurrent net's can explode. To write, a character is drawn
    from softmax(V h_t / temperature) and read in turn: a low temperature writes what is likely, a high one is bold.

    data=hello is the smallest of such tasks: from h, e, l, l to e, l, l, o, where after an l only the state can tell
    whether l or o follows.

    next.png shows the probabilities after each character of a passage that was not trained on; samples.png what the model
    writes. Source: Elman 1990; Hochreiter & Schmidhuber 1997; Cho et al. 2014; Karpathy 2015, "The unreasonable
    effectiveness of recurrent neural networks".
    """

    captions: ClassVar = {
        "next.png": "After each character of an unseen passage: how likely each next one is; the frame marks the true one.",
        "samples.png": "What the model writes: cautious at a low temperature, bold at a high one.",
    }
    cell: ClassVar[str]

    def prepare(self) -> None:
        s = self.s
        if s.data == "hello":
            self.vocabulary = data.Vocabulary.of_characters("hello")
            numbers = self.vocabulary.encode("hello")
            self.passage = numbers
            copies = np.tile(numbers, (16 * s.batch_size, 1))
            self.train: Any = data.ArrayDataset(copies[:, :-1], copies[:, 1:])
            self.valid: Any = data.ArrayDataset(copies[:1, :-1], copies[:1, 1:])
        else:
            text = data.tiny_shakespeare() if s.data == "shakespeare" else data.builtin_text()
            self.vocabulary = data.Vocabulary.of_characters(text)
            train, valid = data.chronological_split(self.vocabulary.encode(text), 0.9)
            train, valid = train[: s.characters], valid[: s.characters]
            stretch = min(s.stretch, len(valid) - 1)
            self.passage = valid[:400]
            self.train, self.valid = data.TextWindows(train, stretch), data.TextWindows(valid, stretch)
        self.counted = train if s.data != "hello" else numbers
        self.model = LanguageModel(len(self.vocabulary), s.embedding, s.hidden, s.layers, self.cell, s.dropout)

    def measure(self) -> dict[str, float]:
        """Nats and bits per character on the held-out tenth of the text, and those of a bigram model."""
        nats = self.loss_per_token()
        return {"nats_per_char": nats, "bits_per_char": nats / np.log(2), "bigram_nats_per_char": self._bigram()}

    def _bigram(self) -> float:
        """Cross-entropy on the unseen text of p(b|a) = (count(ab) + 0.1) / (count(a) + 0.1 V)."""
        size = len(self.vocabulary)
        counts = np.full((size, size), 0.1)
        np.add.at(counts, (self.counted[:-1], self.counted[1:]), 1)
        x, y = self.valid.batch(np.arange(len(self.valid)))
        return float(-np.log((counts / counts.sum(axis=1, keepdims=True))[x, y]).mean())

    def draw(self, folder: Path) -> None:
        """The predicted next characters at each step, and samples."""
        tokens = self.vocabulary.tokens
        shown = self.passage[-37:]
        self.model.eval()
        with no_grad():
            shares = softmax(self.model(asarray(self.passage[None, :-1]))[0], axis=1).numpy_copy()[0].T
        read, following = ([tokens[i] for i in part] for part in (shown[:-1], shown[1:]))
        plot_next(folder / "next.png", read, following, shares[-len(read) :], tokens, f"{self.cell.upper()}: what comes next?")
        length = 4 if self.s.data == "hello" else 500
        plot_texts(
            folder / "samples.png",
            [(f"temperature {t:g}", self.sample(length=length, temperature=t)) for t in TEMPERATURES],
        )

    def sample(self, *, prompt: str = "", length: int = 500, temperature: float = 0.7, seed: int = 0) -> str:
        """Text that begins with the prompt; without one, with "The ", or the h of hello."""
        start = prompt or ("h" if self.s.data == "hello" else "The ")
        found = generate(self.model, self.vocabulary.encode(start), length, temperature, seed)
        return start + self.vocabulary.decode(found)


SETTINGS = {
    "data": Setting(
        "shakespeare", "the text: the help on Python's topics, tiny Shakespeare, or hello",
        choices=("builtin", "shakespeare", "hello"),
    ),
    "epochs": Setting(5, "passes over the text", low=1),
    "batch_size": Setting(32, "sequences in a batch", low=1),
    "stretch": Setting(1024, "characters of a sequence, over which the state is carried", low=2),
    "steps": Setting(64, "characters over which gradients are propagated back", low=1),
    "characters": Setting(10_000_000, "at most so many characters of the text", low=1000),
    "lr": Setting(4e-3, "learning rate of Adam at the start", low=0),
    "embedding": Setting(64, "dimension of the embedding of a character", low=1),
    "hidden": Setting(256, "units of a layer", low=1),
    "layers": Setting(1, "recurrent layers", low=1, high=8),
    "dropout": Setting(0.0, "part dropped between the layers", low=0, high=0.9),
    "clip": Setting(1.0, "largest norm of the gradient", low=0),
}  # fmt: skip
SMALL = {"data": "builtin", "hidden": 128, "epochs": 6}
QUICK = {**SMALL, "characters": 40_000, "hidden": 64, "epochs": 4, "stretch": 256, "batch_size": 16, "steps": 32, "lr": 1e-2}


def character_recipe(kind: type[Characters], shows: Any, small: float, quick: float) -> Recipe:
    """Make the recipe of one kind of cell; small and quick: its bounds at those scales."""
    cell = kind.cell
    return Recipe(
        f"char-{cell}",
        f"the next character of a text by {'a' if cell == 'gru' else 'an'} {cell.upper()}, which then writes texts of its own",
        kind,
        SETTINGS,
        full=Scale((Figure("nats_per_char", at_most=1.80),), data=("tiny-shakespeare",)),
        small=Scale((Figure("nats_per_char", at_most=small),), SMALL),
        quick=Scale((Figure("nats_per_char", at_most=quick),), QUICK),
        shows=(LanguageModel, TruncatedBPTT, generate, shows),
    )
