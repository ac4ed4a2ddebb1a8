"""English to French: an encoder and a decoder, with attention and without."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ... import data
from ...autograd.base import no_grad
from ...data.host_random import permutation
from ...generator import Generator, default_generator
from ...models import Seq2Seq
from ...models.seq2seq import BEGIN, UNKNOWN
from ...ops.conversion import asarray
from ...training import BLEU, TeacherForcing
from ..experiment import HELD_OUT, Experiment, Stage
from ..parts.pairs import Pairs, pad, teacher_forcing, vocabulary
from ..parts.pictures import draw_axes
from ..parts.text_pictures import plot_attention
from ..parts.toy_french import toy_french
from ..parts.writing import beam_search, greedy
from ..recipe import Figure, Recipe, Scale, Setting

NAMES = ("attention", "plain")
_TOKEN = re.compile(r"\w+'?|[^\w\s]")


class Translation(Experiment):
    """Translate short sentences: a bidirectional LSTM reads the English one, another LSTM writes the French one.

    Without attention the decoder gets the encoder's last state and nothing else: the whole sentence must fit into it. With
    attention it looks back at each step: the weights a_ts = softmax_s(h_t W m_s) say how much the word s of the source
    matters for the word t, the context sum_s a_ts m_s joins the state, h~_t = tanh(C [context; h_t]), and the scores of
    the next word are V h~_t. Nobody tells which words belong together: the weights learn it from the translations.

    Trained with teacher forcing and cross-entropy. To translate, beam search keeps the `beam` best beginnings at each
    length and takes the finished sentence of the best mean log-probability. BLEU compares runs of one to four words with
    human translations, all that the data has for a sentence. Sentences of the test were never seen in training.

    attention.png shows the weights: mostly word by word in order, with crossings where French turns the order round.
    translations.png shows what both write. Source: Bahdanau, Cho, Bengio 2015; Luong, Pham, Manning 2015; Sutskever,
    Vinyals, Le 2014; Papineni et al. 2002.
    """

    captions: ClassVar = {
        "attention.png": "Where the decoder looks (columns: English) while it writes each French word (rows).",
        "translations.png": "Unseen sentences, a human translation, and what the two networks write.",
    }

    def prepare(self) -> None:
        s = self.s
        pairs = _short(data.english_french(), s.longest) if s.data == "english-french" else toy_french(s.pairs, default_generator)
        self.known = _references(pairs)
        sentences = list(self.known)
        order = permutation(Generator(self.seed), len(sentences))
        unseen = min(s.tests, len(sentences) // 5)
        self.unseen = [sentences[i] for i in order[:unseen].tolist()]
        hidden = set(self.unseen)
        kept = [(a, b) for a, b in pairs if a not in hidden][: s.pairs]
        self.source = vocabulary([a for a, _ in kept], s.min_count)
        self.target = vocabulary([b for _, b in kept], s.min_count)
        self.train = self._numbers(kept)
        self.test = self._numbers([(a, self.known[a][0]) for a in self.unseen])
        self.models = {
            name: Seq2Seq(len(self.source), len(self.target), s.embedding, s.hidden, name == "attention", s.dropout)
            for name in NAMES
        }

    def _numbers(self, pairs: list[Any]) -> Pairs:
        return Pairs([self.source.encode(a) for a, _ in pairs], [self.target.encode(b) for _, b in pairs])

    def stages(self) -> Iterator[Stage]:
        for name in NAMES:
            yield Stage(self._trainer(name), self.train, self.s.epochs, HELD_OUT, name, monitor="val_loss")

    def _trainer(self, name: str) -> TeacherForcing:
        return teacher_forcing(self.models[name], self.s)

    def _translate(self, name: str, sentences: list[tuple[str, ...]], beam: int) -> list[list[str]]:
        """The translations, by beam search, or with beam 1 greedily, all at once."""
        model, limit = self.models[name], 2 * self.s.longest
        model.eval()
        with no_grad():
            inputs = [self.source.encode(sentence) for sentence in sentences]
            if beam == 1:
                found = greedy(model.decoder, *model.encode(asarray(pad(inputs))), limit=limit)
            else:
                encoded = (model.encode(asarray(x[None])) for x in inputs)
                found = [beam_search(model.decoder, *parts, limit=limit, width=beam) for parts in encoded]
        return [[self.target.tokens[i] for i in row] for row in found]

    def measure(self) -> dict[str, float]:
        """BLEU on unseen sentences with attention and without, greedy and by beam search."""
        results: dict[str, float] = {"sentences_trained_on": len(self.train), "french_words": len(self.target)}
        for name in NAMES:
            for beam, suffix in ((1, "_greedy"), (self.s.beam, "")):
                bleu = BLEU()
                bleu.update(self._translate(name, self.unseen, beam), [[list(t) for t in self.known[a]] for a in self.unseen])
                results[f"{name}_bleu{suffix}"] = bleu.compute()
        gain = results["attention_bleu"] - results["plain_bleu"]
        return {"bleu": results["attention_bleu"], "bleu_gain": gain, **results}

    def draw(self, folder: Path) -> None:
        """Attention over two sentences, and some translations."""
        order = sorted(range(len(self.unseen)), key=lambda k: (-len(self.unseen[k]), k))
        order = [k for k in order if UNKNOWN not in self.source.encode(self.unseen[k])] or order
        shown = [self.unseen[order[i * min(len(order) - 1, 30)]] for i in range(2)]
        written = self._translate("attention", shown, self.s.beam)
        weights = [self._weights(a, b) for a, b in zip(shown, written, strict=True)]
        plot_attention(folder / "attention.png", shown, [[*b, "<end>"] for b in written], weights)
        some = self.unseen[:9]
        columns = [[" ".join(w) for w in self._translate(name, some, self.s.beam)] for name in NAMES]
        rows = [
            (" ".join(a), " ".join(self.known[a][0]), *said) for a, *said in zip(some, *columns, strict=True)
        ]  # fmt: skip

        def fill(axes: Any) -> None:
            place = axes[0, 0]
            place.axis("off")
            place.set_xlim(0, 10)
            place.set_ylim(len(rows), -0.2)
            for k, row in enumerate(rows):
                for i, (head, text) in enumerate(zip(("English", "reference", "attention", "no attention"), row, strict=True)):
                    place.text(0, k + 0.22 * i, head, fontsize=8, color="#777777", va="top")
                    weight = "normal" if i else "bold"
                    place.text(1.1, k + 0.22 * i, text[:95], fontsize=9, va="top", fontweight=weight).set_in_layout(False)

        draw_axes(folder / "translations.png", (8.5, 0.95 * len(rows)), 1, 1, fill)

    def _weights(self, source: tuple[str, ...], written: list[str]) -> Any:
        """Attention (T,S) while these words are written, the end mark included."""
        model = self.models["attention"]
        tokens = np.array([[BEGIN, *self.target.encode(written).tolist()]])
        with no_grad():
            return model.decoder(asarray(tokens), *model.encode(asarray(self.source.encode(source)[None])))[2].numpy_copy()[0]

    def sample(self, *, sentence: str = "", beam: int = 4) -> str:
        """The translation of an English sentence; without one, of five that were not trained on."""
        given = [tokens(sentence)] if sentence else self.unseen[:5]
        found = self._translate("attention", given, beam)
        return "\n".join(f"{' '.join(a)} -> {' '.join(b)}" for a, b in zip(given, found, strict=True))


def tokens(sentence: str) -> tuple[str, ...]:
    """Lower-case words and marks; what stands before an apostrophe is a word with it: je n' ai."""
    return tuple(_TOKEN.findall(sentence.lower().replace("\u2019", "'")))


def _short(pairs: data.StringPairs, longest: int) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Pairs as words, both sides at most so long, in a fixed random order."""
    split = [(tokens(a), tokens(b)) for a, b in zip(pairs.sources, pairs.targets, strict=True)]
    kept = [(a, b) for a, b in split if len(a) <= longest and len(b) <= longest + 2]
    return [kept[i] for i in permutation(Generator(1), len(kept)).tolist()]


def _references(pairs: list[Any]) -> dict[tuple[str, ...], list[tuple[str, ...]]]:
    """All translations of each sentence."""
    found: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
    for a, b in pairs:
        found.setdefault(a, []).append(b)
    return found


TOY = {"data": "toy", "pairs": 6000, "epochs": 6, "embedding": 48, "hidden": 96, "min_count": 1, "dropout": 0.0, "tests": 200}
RECIPE = Recipe(
    "seq2seq-translation",
    "English to French by encoder and decoder: what attention adds",
    Translation,
    {
        "data": Setting("english-french", "sentences of tatoeba.org, or a toy grammar", choices=("toy", "english-french")),
        "pairs": Setting(30_000, "sentence pairs to train on, at most", low=100),
        "longest": Setting(7, "words of an English sentence, punctuation included, at most", low=2),
        "min_count": Setting(3, "how often a word must come to be known", low=1),
        "tests": Setting(300, "sentences kept for the test, at most", low=10),
        "epochs": Setting(6, "passes over the pairs", low=1),
        "batch_size": Setting(64, "pairs in a step", low=1),
        "embedding": Setting(128, "numbers that describe a word", low=1),
        "hidden": Setting(160, "units of encoder and decoder", low=2),
        "dropout": Setting(0.2, "part of the numbers dropped at words and before the scores", low=0, high=0.9),
        "lr": Setting(3e-3, "learning rate of Adam at the start", low=0),
        "beam": Setting(4, "beginnings that the search keeps", low=1),
    },
    full=Scale((Figure("bleu_gain", at_least=0.001),), data=("english-french",)),
    small=Scale((Figure("bleu_gain", at_least=0.001), Figure("bleu", at_least=0.8)), {**TOY, "longest": 16}),
    quick=Scale(
        (Figure("bleu", at_least=0.5),),
        {**TOY, "longest": 16, "pairs": 1500, "epochs": 5, "lr": 1e-2, "tests": 40, "batch_size": 32, "hidden": 64},
    ),
    shows=(Seq2Seq, beam_search, greedy, BLEU, TeacherForcing),
)
