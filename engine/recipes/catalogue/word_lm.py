"""A word language model, compared with a Kneser-Ney trigram model."""

from __future__ import annotations

from math import exp
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ... import data
from ...autograd.base import no_grad
from ...generator import Generator
from ...models import LanguageModel
from ...ops.conversion import asarray
from ...ops.sampling import randperm
from ...ops.softmax import softmax
from ...training import TruncatedBPTT
from ..parts.ngrams import KneserNey
from ..parts.pictures import draw_axes
from ..parts.writing import Reader, generate
from ..recipe import Figure, Recipe, Scale, Setting

UNKNOWN = "<unk>"


class WordModel(Reader):
    """An LSTM reads a text word by word and learns which word comes next.

    Each word is a vector x_t, a row of a table; the LSTM's state h_t sums up all words before; the same table scores the
    next word: p(w) = softmax(E h_t)_w. The loss is the cross-entropy, and its exponential the perplexity: among how many
    equally likely words the model still wavers. Words seen once are one word, <unk>, as in the other model.

    That other model counts: p(w | u v) from how often the triple u v w came, discounted and mixed with shorter contexts
    (Kneser-Ney). It sees two words back and knows no likeness between words; the LSTM sees the whole sentence, and similar
    words have similar vectors. Half of the numbers are dropped while it learns, since the text is small.

    continuations.png shows the likeliest next words after some unseen passages, by both models.
    Source: Bengio et al. 2003, "A neural probabilistic language model"; Zaremba et al. 2014, "Recurrent neural network
    regularization"; Kneser & Ney 1995, "Improved backing-off for m-gram language modeling".
    """

    captions: ClassVar = {
        "continuations.png": "The likeliest next words by the LSTM, which has read 60 words, and by trigrams, which see two; "
        "red: the true one."
    }

    def prepare(self) -> None:
        s = self.s
        text = {"shakespeare": data.tiny_shakespeare, "english": _english, "builtin": data.builtin_text}[s.data]()
        tokens = data.words(text)[: s.words]
        cut = round(0.9 * len(tokens))
        self.vocabulary = data.Vocabulary(tokens[:cut], min_count=2, specials=(UNKNOWN,), unknown=UNKNOWN)
        numbers = self.vocabulary.encode(tokens)
        self.numbers, self.unseen = numbers[:cut], numbers[cut:]
        stretch = min(s.stretch, len(self.unseen) - 1)
        self.train, self.valid = data.TextWindows(self.numbers, stretch), data.TextWindows(self.unseen, stretch)
        self.trigrams = KneserNey(self.numbers, len(self.vocabulary))
        self.model = LanguageModel(len(self.vocabulary), s.hidden, s.hidden, s.layers, "lstm", s.dropout, tied=True)

    def measure(self) -> dict[str, float]:
        """The perplexity of both models on the unseen tenth of the text, and their ratio."""
        ours, theirs = exp(self.loss_per_token()), self.trigrams.perplexity(self.unseen)
        return {
            "perplexity": ours, "trigram_perplexity": theirs, "ratio_to_trigram": ours / theirs,
            "vocabulary": len(self.vocabulary), "words": len(self.numbers),
        }  # fmt: skip

    def draw(self, folder: Path) -> None:
        """The likeliest next words after four passages of the unseen text, by both models."""
        places = self._places()

        def fill(axes: Any) -> None:
            for row, place in zip(axes, places, strict=True):
                before, true = self.unseen[max(0, place - 60) : place], int(self.unseen[place])
                told = " ".join(self.vocabulary.tokens[i] for i in before[-6:].tolist())
                for panel, shares, who in zip(row, self._shares(before), ("LSTM", "trigrams"), strict=True):
                    best = np.argsort(-shares, kind="stable")[:7]
                    colours = ["#d1495b" if i == true else "#2a6f97" if who == "LSTM" else "#8d6a9f" for i in best]
                    panel.barh([self.vocabulary.tokens[i] for i in best][::-1], shares[best][::-1], color=colours[::-1])
                    panel.set_title(f"{who}: ... {told} ...", fontsize=9)
                    panel.set_xlabel(f"probability; in truth: {self.vocabulary.tokens[true]}, {100 * shares[true]:.2g} %")

        draw_axes(folder / "continuations.png", (10.5, 2.4 * len(places)), len(places), 2, fill)

    def _places(self) -> list[int]:
        """Places in the unseen text, far from one another, at which a known word of some length follows known words."""
        tokens = [self.vocabulary.tokens[i] for i in self.unseen.tolist()]
        good = [
            k
            for k in range(60, len(tokens))
            if len(tokens[k]) > 3 and tokens[k].isalpha() and UNKNOWN not in tokens[k - 6 : k + 1]
        ]
        return [good[len(good) * (2 * i + 1) // 8] for i in range(4)]

    def _shares(self, before: Any) -> tuple[Any, Any]:
        self.model.eval()
        with no_grad():
            ours = softmax(self.model(asarray(before[None]))[0], axis=1).numpy_copy()[0, :, -1]
        u, v = before[-2:].tolist()
        return ours, np.array([self.trigrams.probability(u, v, w) for w in range(len(self.vocabulary))])

    def sample(self, *, prompt: str = "the", length: int = 60, temperature: float = 0.8, seed: int = 0) -> str:
        """Words that continue a prompt."""
        start = data.words(prompt) or ["the"]
        found = generate(self.model, self.vocabulary.encode(start), length, temperature, seed)
        return " ".join([*start, *(self.vocabulary.tokens[i] for i in found)])


def _english() -> str:
    """The English sentences of the translation data, each once, in the order of a seeded shuffle."""
    sentences = list(dict.fromkeys(data.english_french().sources))
    order = randperm(len(sentences), device="cpu", generator=Generator(0)).numpy()
    return "\n".join(sentences[i] for i in order.tolist())


RECIPE = Recipe(
    "word-lm",
    "the next word of a text by an LSTM, against a smoothed trigram model",
    WordModel,
    {
        "data": Setting(
            "shakespeare", "the text: the help on Python's topics, tiny Shakespeare, or English sentences",
            choices=("builtin", "shakespeare", "english"),
        ),
        "epochs": Setting(5, "passes over the text", low=1),
        "batch_size": Setting(20, "stretches read side by side", low=1),
        "stretch": Setting(350, "words over which the state is carried", low=2),
        "steps": Setting(35, "words that gradients go back", low=1),
        "words": Setting(10_000_000, "at most so many words of the text", low=1000),
        "lr": Setting(3e-3, "learning rate of Adam at the start", low=0),
        "hidden": Setting(256, "numbers that describe a word, and units of a layer", low=1),
        "layers": Setting(1, "recurrent layers", low=1, high=8),
        "dropout": Setting(0.5, "part of the numbers dropped between the layers", low=0, high=0.9),
        "clip": Setting(1.0, "largest norm of the gradient", low=0),
    },
    full=Scale((Figure("ratio_to_trigram", at_most=0.99),), data=("tiny-shakespeare",)),
    small=Scale((Figure("perplexity", at_most=20.0),), {"data": "builtin", "hidden": 192}),
    quick=Scale(
        (Figure("perplexity", at_most=130.0),),
        {"data": "builtin", "words": 12_000, "hidden": 64, "epochs": 6, "dropout": 0.1, "lr": 1e-2, "stretch": 105},
    ),
    shows=(LanguageModel, KneserNey, TruncatedBPTT, generate),
)  # fmt: skip
