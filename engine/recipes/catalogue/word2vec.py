"""Word vectors: skip-grams and CBOW with negative sampling, tested with analogies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from time import perf_counter
from typing import Any, ClassVar

import numpy as np

from ... import data, optim
from ...data import Dataset, batch_generator
from ...data.host_random import integers
from ...errors import ConfigError
from ...generator import Generator
from ...models import Word2Vec, negative_sampling_loss
from ...ops.conversion import asarray
from ...optim import skipgram_step_
from ...show import COLOURS, label_axes
from ...training import Trainer
from ..experiment import Experiment, Stage
from ..parts.analogies import Questions, bag_of_words_vectors, bigram_vectors, count_right, known_questions, unit
from ..parts.images import principal_components
from ..parts.pictures import draw_axes
from ..parts.toy_words import toy_analogies, toy_words
from ..recipe import Figure, Recipe, Scale, Setting

GENSIM = 0.1795
"""Part of the questions that gensim 4.4 answers rightly at the settings of the full scale: see benchmarks/word_analogies.py."""
NOISE = 1 << 22
"""Places of the table from which negatives are drawn."""


class Windows(Dataset):
    """A text (T,) in blocks; a block, when it is read, is sub-sampled and cut into windows, and negatives are drawn.

    A batch: centres (P,) or with cbow contexts (P,2 window), and the words to be told apart (P,1+negatives), the true one first.
    """

    def __init__(
        self, numbers: Any, counts: Any, block: int, window: int, negatives: int, threshold: float, cbow: bool = False
    ) -> None:
        self.blocks = np.array_split(numbers, max(1, len(numbers) // block))
        self.counts, self.window, self.negatives, self.threshold, self.cbow = counts, window, negatives, threshold, cbow
        shares = np.cumsum(data.NegativeSampler(counts, generator=Generator(0)).probabilities)
        places = np.searchsorted(shares, (np.arange(NOISE) + 0.5) / NOISE)
        self.noise = np.minimum(places, len(counts) - 1)

    def __len__(self) -> int:
        return len(self.blocks)

    def batch(self, rows: Any) -> tuple[Any, ...]:
        """The windows of the blocks of these numbers."""
        source = batch_generator() or Generator(0)
        block = np.concatenate([self.blocks[i] for i in rows])
        kept = data.subsample(block, self.counts, self.threshold, source)
        if self.cbow:
            given, true = data.cbow_windows(kept if len(kept) > 2 * self.window else block, self.window)
        else:
            given, true = data.skipgram_pairs(kept, self.window, source)
        drawn = self.noise[integers(source, 0, NOISE, (len(true), self.negatives))]
        return given, np.concatenate([true[:, None], drawn], axis=1)


class Vectors(Trainer):
    """SGD on the sum over the pairs, at a rate that falls in a line; in_turn: pair after pair, as word2vec does."""

    model: Any
    in_turn = False
    start, end = 0.025, 1e-4

    def train_step(self, batch: Any) -> float:
        done = (self.epoch + self.batch / len(self.train_loader)) / self.epochs
        rate = max(self.end, self.start * (1.0 - done))
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        given, seen = batch
        if self.in_turn:
            return float(skipgram_step_(self.model.words.weight, self.model.contexts.weight, given, seen, rate))
        return self.update(negative_sampling_loss(self.forward(given, seen))) / max(1, int(given.shape[0]))


class WordVectors(Experiment):
    """Vectors of words are learnt by telling true neighbours from randomly drawn words.

    Every word w has a vector h_w as input and a vector u_w as what is predicted. Skip-gram: the vector of the word in the
    middle predicts each word around it. CBOW: the mean of the vectors around predicts the word in the middle. With true
    neighbour c and n words k drawn with probability proportional to count^0.75, the loss of a pair is
    L = -log sigmoid(h u_c) - sum over k of log sigmoid(-h u_k), which spares the softmax over all words. Frequent words are
    left out at random, a word of frequency f with probability 1 - sqrt(t / f): they say little and take most of the time.

    Words in like company get like vectors, and differences between vectors carry meaning: king - man + woman is near queen.
    The figure is the part of questions "a is to b as c is to ?" for which the word nearest to b - a + c by cosine is the
    right one. Two ways to count are the baselines: how often each frequent word stands near a word (a bag of words), and
    directly before or behind it (bigrams).

    Source: Mikolov, Chen, Corrado, Dean 2013, arXiv:1301.3781; Mikolov et al. 2013, arXiv:1310.4546.
    """

    captions: ClassVar = {
        "map.png": "Pairs of words that differ in the same way, on two principal components: the arrows are nearly parallel.",
        "analogies.png": "Questions answered rightly, by kind, by learnt vectors and by counting.",
    }

    def prepare(self) -> None:
        s = self.s
        toy = s.data == "toy"
        tokens = toy_words(s.sentences, Generator(self.seed)) if toy else data.wikipedia().split()
        self.vocabulary = data.Vocabulary(tokens, min_count=s.min_count)
        known = self.vocabulary.numbers
        self.numbers = np.array([known[t] for t in tokens if t in known], dtype=np.int64)
        self.questions: Questions = known_questions(toy_analogies() if toy else data.word_analogies(), known)
        self.models = {name: Word2Vec(len(known), s.size) for name in ("skip-gram", "cbow")}

    def stages(self) -> Iterator[Stage]:
        s, counts = self.s, self.vocabulary.counts
        for name, model in self.models.items():
            cbow = name == "cbow"
            trainer = Vectors(
                model, negative_sampling_loss, optim.SGD(model.parameters(), lr=s.lr), metrics=[], batch_size=1, progress=False
            )
            trainer.in_turn, trainer.start = s.in_turn and not cbow, s.cbow_lr if cbow else s.lr
            windows = Windows(self.numbers, counts, s.cbow_block if cbow else s.block, s.window, s.negatives, s.threshold, cbow)
            yield Stage(trainer, windows, s.cbow_epochs if cbow else s.epochs, name=name)

    def measure(self) -> dict[str, float]:
        """The part of analogies solved by each kind of vectors, and how many pairs a second skip-gram takes in turn."""
        counted = {
            "bag-of-words": bag_of_words_vectors(self.numbers, len(self.vocabulary), self.s.window),
            "bigrams": bigram_vectors(self.numbers, len(self.vocabulary)),
        }
        learnt = {name: self._vectors(name) for name in self.models}
        self.found = {name: count_right(vectors, self.questions) for name, vectors in {**learnt, **counted}.items()}
        total = sum(len(q) for q in self.questions.values())
        rates = {name: sum(right.values()) / total for name, right in self.found.items()}
        results = {
            "analogies": rates.pop("skip-gram"), **{f"analogies-{k}": v for k, v in rates.items()},
            "questions": total, "words": len(self.numbers), "vocabulary": len(self.vocabulary),
        }  # fmt: skip
        if self.s.in_turn:
            results["pairs-per-second"] = round(self._speed())
        if self.s.data == "wikipedia":
            results |= {"analogies-gensim": GENSIM, "below-gensim": GENSIM - results["analogies"]}
        return results

    def _vectors(self, name: str) -> Any:
        """The vectors (V,D) of a model, each of length 1."""
        return unit(self.models[name].words.weight.numpy_copy())

    def _speed(self) -> float:
        """Pairs a second in skipgram_step_ alone, on copies of the tables."""
        s, model = self.s, self.models["skip-gram"]
        windows = Windows(self.numbers, self.vocabulary.counts, s.block, s.window, s.negatives, s.threshold)
        words, contexts = asarray(model.words.weight.numpy_copy()), asarray(model.contexts.weight.numpy_copy())
        batches = [tuple(map(asarray, windows.batch([i]))) for i in range(min(4, len(windows)))]
        start = perf_counter()
        for given, seen in batches:
            skipgram_step_(words, contexts, given, seen, s.lr)
        return sum(int(given.shape[0]) for given, _ in batches) / (perf_counter() - start)

    def draw(self, folder: Path) -> None:
        """Map of word pairs, analogies by section."""
        vectors = self._vectors("skip-gram")
        sections = [
            name for name in ("family", "capitals", "capital-common-countries", "gram3-comparative") if name in self.questions
        ]

        def fill(axes: Any) -> None:
            for place, name in zip(axes[0], sections, strict=True):
                self._draw_pairs(place, name, vectors)

        draw_axes(folder / "map.png", (5.4 * len(sections), 4.6), 1, len(sections), fill)
        draw_axes(folder / "analogies.png", (7.5, 1.2 + 0.42 * len(self.questions)), 1, 1, self._draw_sections)

    def _draw_pairs(self, place: Any, section: str, vectors: Any) -> None:
        """Arrows from the first to the second word of the most frequent pairs of a section."""
        firsts = np.unique(self.questions[section][:, :2], axis=0)
        pairs = firsts[np.argsort(firsts.max(axis=1), kind="stable")][:10]
        mean, plane = principal_components(vectors[pairs.ravel()], 2)
        xy = ((vectors[pairs] - mean) @ plane.T).reshape(-1, 2, 2)
        for (a, b), words in zip(xy, pairs, strict=True):
            place.annotate("", b, a, arrowprops={"arrowstyle": "->", "color": COLOURS[0], "lw": 1.2, "shrinkA": 1, "shrinkB": 1})
            for number, at, left, colour in ((words[0], a, a[0] < b[0], COLOURS[1]), (words[1], b, a[0] >= b[0], COLOURS[5])):
                side = {"ha": "right" if left else "left", "va": "center", "fontsize": 9, "color": colour}
                place.text(*at, f" {self.vocabulary.tokens[number]} ", **side)
        place.margins(0.22, 0.08)
        place.plot(*xy.reshape(-1, 2).T, ".", ms=1, color="white")
        place.set_xticks([])
        place.set_yticks([])
        label_axes(place, "", "", section)

    def _draw_sections(self, axes: Any) -> None:
        place, names = axes[0, 0], list(self.questions)
        height = 0.8 / len(self.found)
        for i, (kind, right) in enumerate(self.found.items()):
            shares = [100 * right[n] / len(self.questions[n]) for n in names]
            place.barh(np.arange(len(names)) + height * (i - 1.5), shares, height, color=COLOURS[i], label=kind)
        place.set_yticks(range(len(names)), names)
        place.invert_yaxis()
        place.set_xlim(0, 100)
        label_axes(place, "questions answered rightly, %")
        place.grid(axis="x", color="#dddddd", lw=0.7)
        place.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))

    def neighbours(self, word: str, *, count: int = 10, model: str = "skip-gram") -> str:
        """The words whose vectors are nearest to a word's by cosine; or of "king - man + woman", to the sum."""
        if model not in self.models:
            raise ConfigError(f"neighbours: model must be one of {', '.join(self.models)}, got {model!r}")
        vectors, signs = self._vectors(model), {"+": 1.0, "-": -1.0}
        sign, total, given = 1.0, np.zeros(self.s.size), list[Any]()
        for part in word.lower().split():
            if part in signs:
                sign = signs[part]
                continue
            number = self._number(part)
            total, sign, given = total + sign * vectors[number], 1.0, [*given, number]
        likeness = vectors @ (total / max(1e-12, float(np.linalg.norm(total))))
        likeness[given] = -np.inf
        best = np.argsort(-likeness, kind="stable")[:count]
        return "\n".join(f"{likeness[i]:.3f}  {self.vocabulary.tokens[i]}" for i in best.tolist())

    def _number(self, word: str) -> int:
        if word not in self.vocabulary:
            close: Sequence[str] = get_close_matches(word, self.vocabulary.tokens, n=3)
            hint = f"; did you mean {' or '.join(close)}?" if close else ""
            raise ConfigError(f"neighbours: {word!r} is not among the {len(self.vocabulary)} words{hint}")
        return int(self.vocabulary[word])


_TOY: Mapping[str, Any] = {
    "data": "toy", "min_count": 1, "size": 24, "threshold": 0.03, "window": 4, "cbow_block": 256,
}  # fmt: skip
RECIPE = Recipe(
    "word2vec",
    "word vectors by skip-grams and CBOW, and the analogies they solve",
    WordVectors,
    {
        "data": Setting("wikipedia", "the text: 40 MB of Wikipedia, or made up", choices=("toy", "wikipedia")),
        "sentences": Setting(20000, "of the made-up text", low=100),
        "min_count": Setting(5, "leave out words that come less often", low=1),
        "size": Setting(100, "numbers that describe a word", low=2),
        "window": Setting(5, "words to each side", low=1),
        "negatives": Setting(5, "drawn words beside each true one", low=1),
        "threshold": Setting(1e-3, "frequency from which words are left out at random", low=0),
        "epochs": Setting(5, "passes over the text by skip-grams", low=1),
        "lr": Setting(0.025, "step of skip-grams at the start; it falls in a line", low=0),
        "block": Setting(20000, "words whose pairs are one step of skip-grams", low=50),
        "in_turn": Setting(True, "skip-grams pair after pair as in word2vec; else a block's pairs are one mini-batch"),
        "cbow_epochs": Setting(3, "passes over the text by CBOW", low=1),
        "cbow_lr": Setting(0.05, "step of CBOW at the start", low=0),
        "cbow_block": Setting(2048, "words whose windows are one mini-batch of CBOW", low=50),
    },
    full=Scale(
        (Figure("below-gensim", at_most=0.01, percent=True),),
        data=("wikipedia", "word-analogies"),
    ),
    small=Scale(
        (Figure("analogies", at_least=0.9, percent=True), Figure("analogies-cbow", at_least=0.9, percent=True)),
        {**_TOY, "block": 1000, "epochs": 5, "cbow_epochs": 8},
    ),
    quick=Scale(
        (Figure("analogies", at_least=0.8, percent=True), Figure("analogies-cbow", at_least=0.8, percent=True)),
        {**_TOY, "sentences": 5000, "in_turn": False, "block": 100, "epochs": 3, "cbow_epochs": 5},
    ),
    shows=(Word2Vec, negative_sampling_loss, skipgram_step_, data.subsample, data.NegativeSampler),
)
