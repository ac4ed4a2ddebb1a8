"""Sums as text: an encoder reads "17+208", a decoder writes "225"."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ... import data
from ...autograd.base import no_grad
from ...data.host_random import permutation
from ...errors import ConfigError
from ...generator import default_generator
from ...models import Seq2Seq
from ...ops.conversion import asarray
from ...ops.softmax import softmax
from ...training import TeacherForcing
from ..experiment import HELD_OUT, Experiment, Stage
from ..parts.pairs import Pairs, pad, teacher_forcing, vocabulary
from ..parts.pictures import draw_axes
from ..parts.writing import greedy
from ..recipe import Figure, Recipe, Scale, Setting


class Addition(Experiment):
    """Learn to add from examples alone: characters in, characters out, and nothing said about numbers.

    Two recurrent networks: the encoder reads the question, h_t = LSTM(x_t, h_{t-1}), and its last state is all that the
    decoder gets. The decoder begins with that state and writes the answer character by character: p(y_t | y_<t, question)
    = softmax(V h_t). While it learns it reads the true characters so far (teacher forcing), and the loss is the mean
    -log p of the next; when it answers it reads what it wrote itself, taking the likeliest each time, up to an end mark.

    The sums on which it is measured were not trained on; an answer counts only if every character is right.

    answers.png shows for some unseen sums the probability of each character at each place of the answer: the carry is
    what it is least sure of. Source: Sutskever, Vinyals, Le 2014; Zaremba & Sutskever 2014, "Learning to execute".
    """

    captions: ClassVar = {"answers.png": "For each place of the answer the probability of each character; - is the end mark."}

    def prepare(self) -> None:
        s = self.s
        drawn = data.addition_strings(s.samples, s.digits)
        known = list(dict.fromkeys(zip(drawn.sources, drawn.targets, strict=True)))
        # Short sums come early, since they come often; the unseen ones are to be like all others.
        sums = [known[i] for i in permutation(default_generator, len(known)).tolist()]
        self.vocabulary = vocabulary(["0123456789+"])
        unseen = min(1000, len(sums) // 10)
        self.train, self.test = (
            Pairs([self.vocabulary.encode(q) for q, _ in part], [self.vocabulary.encode(a) for _, a in part])
            for part in (sums[unseen:], sums[:unseen])
        )
        self.questions = sums[:unseen]
        self.model = Seq2Seq(len(self.vocabulary), len(self.vocabulary), s.embedding, s.hidden, attention=False)

    def stages(self) -> Iterator[Stage]:
        yield Stage(self._trainer(), self.train, self.s.epochs, HELD_OUT, monitor="val_loss")

    def _trainer(self) -> TeacherForcing:
        return teacher_forcing(self.model, self.s)

    def _answers(self, questions: list[str]) -> list[str]:
        self.model.eval()
        with no_grad():
            encoded = self.model.encode(asarray(pad([self.vocabulary.encode(q) for q in questions])))
            written = greedy(self.model.decoder, *encoded, limit=self.s.digits + 3)
        return [self.vocabulary.decode(np.array(row, dtype=np.int64)) for row in written]

    def measure(self) -> dict[str, float]:
        """The part of unseen sums whose whole answer is right, and the part of the right characters."""
        answers = self._answers([q for q, _ in self.questions])
        right = sum(found == wanted for found, (_, wanted) in zip(answers, self.questions, strict=True))
        characters = self._trainer().evaluate(self.test)["accuracy"]
        return {"exact": right / len(answers), "character_accuracy": characters, "sums_trained_on": len(self.train)}

    def draw(self, folder: Path) -> None:
        """The probabilities of the characters of eight answers."""
        rows = sorted(range(len(self.questions)), key=lambda k: (-len(self.questions[k][0]), k))[:8]
        inputs, targets = (asarray(part) for part in self.test.batch(rows))
        with no_grad():
            shares = softmax(self.model(inputs, targets[:, :-1]), axis=1).numpy_copy()
        names = [*"0123456789", "-"]
        chosen = [self.vocabulary[t] for t in "0123456789"] + [2]

        def fill(axes: Any) -> None:
            for place, row, share in zip(axes.flat, rows, shares, strict=True):
                question, answer = self.questions[row]
                said = [names[i] for i in share[chosen].argmax(axis=0)][: len(answer) + 1]
                place.imshow(share[chosen][:, : len(answer) + 1], cmap="Blues", vmin=0, vmax=1, aspect="auto")
                place.set_title(f"{question} = {answer}")
                place.set_yticks(range(len(names)), names, fontsize=8)
                place.set_xticks(range(len(said)), said)
            for place in axes[:, 0]:
                place.set_ylabel("character")

        draw_axes(folder / "answers.png", (10.0, 6.4), 2, 4, fill)

    def sample(self, *, sum: str = "17+25") -> str:
        """The answer to a sum, such as 17+25."""
        if not sum or set(sum) - set("0123456789+"):
            raise ConfigError(f"sample: expected a sum such as 17+25, got {sum!r}")
        return f"{sum} = {self._answers([sum])[0]}"


RECIPE = Recipe(
    "seq2seq-addition",
    "an encoder reads a sum as text, a decoder writes the answer",
    Addition,
    {
        "digits": Setting(2, "digits of the two numbers, at most", low=1, high=9),
        "samples": Setting(100_000, "sums drawn; each is used once", low=100),
        "epochs": Setting(30, "passes over them", low=1),
        "batch_size": Setting(64, "sums in a step", low=1),
        "embedding": Setting(32, "numbers that describe a character", low=1),
        "hidden": Setting(128, "units of encoder and decoder", low=2),
        "lr": Setting(4e-3, "learning rate of Adam at the start", low=0),
    },
    full=Scale((Figure("exact", at_least=0.99, percent=True),)),
    quick=Scale(
        (Figure("character_accuracy", at_least=0.60, percent=True),),
        {"samples": 8_000, "epochs": 6, "hidden": 96, "lr": 6e-3, "batch_size": 32},
    ),
    shows=(Seq2Seq, TeacherForcing, greedy, data.addition_strings),
)
