"""Sentiment of reviews: a bag of words compared with an LSTM."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ... import data, nn, optim
from ...autograd.base import no_grad
from ...generator import default_generator
from ...models import ReviewClassifier
from ...ops.conversion import asarray
from ...ops.softmax import softmax
from ...training import Accuracy, ClipGradients
from ..experiment import HELD_OUT, Experiment, Stage
from ..parts.pictures import draw_axes
from ..parts.reviews import reviews
from ..recipe import Figure, Recipe, Scale, Setting

SENTENCES = (
    "the plot was good",
    "the plot was not good",
    "the plot was dull",
    "the plot was never dull",
    "the plot was by no means weak",
    "the plot was good , but the acting was bad ; the ending was never stale",
    "the plot was great , and the acting was not great ; the pace was hardly fresh",
)


class Reviews(Experiment):
    """Is a review good or bad? Its words alone do not tell: "not good" and "not bad" want to be read in order.

    Generated reviews judge one or three things, and a third of the judgements are negated ("the plot was never dull"); the
    review's label is that of the majority. A bag of words counts words and adds their weights, s = sum_w n_w v_w: it must
    give "not" one weight, whether it stands before "good" or before "bad", so it cannot do much better than to ignore it.
    The LSTM reads in order, x_t a word's vector, and its state can hold that a negation is open and how the count stands;
    the answer is V h_T (many to one). Both are trained with the cross-entropy on the same reviews.

    reviews.png shows what both make of a few sentences that differ in a word or two.
    Source: Hochreiter & Schmidhuber 1997; negation as the limit of bags of words: Pang, Lee, Vaithyanathan 2002, "Thumbs up?".
    """

    captions: ClassVar = {"reviews.png": "How good both hold the same sentences to be: only the LSTM notices what is negated."}

    def prepare(self) -> None:
        s = self.s
        texts, labels = reviews(s.samples + 1000, default_generator)
        words = [text.split() for text in texts]
        self.vocabulary = data.Vocabulary((w for text in words for w in text), specials=("<end>",))
        numbers = [self.vocabulary.encode(text) for text in words]
        tokens = data.pad_sequence(numbers, batch_first=True)
        bags = data.bag_of_words(numbers, len(self.vocabulary))
        train, test = slice(0, s.samples), slice(s.samples, None)
        self.sets = {
            name: (data.ArrayDataset(x[train], labels[train]), data.ArrayDataset(x[test], labels[test]))
            for name, x in (("bag-of-words", bags), ("lstm", tokens))
        }
        self.models = {
            "bag-of-words": nn.Linear(len(self.vocabulary), 2),
            "lstm": ReviewClassifier(len(self.vocabulary), s.embedding, s.hidden, 2),
        }

    def _trainer(self, name: str) -> Any:
        optimizer = optim.Adam(self.models[name].parameters(), lr=self.s.lr)
        return self.trainer(
            self.models[name], nn.CrossEntropyLoss(), optimizer, metrics=[Accuracy()], callbacks=[ClipGradients(1.0)]
        )

    def stages(self) -> Iterator[Stage]:
        for name, (train, _) in self.sets.items():
            yield Stage(self._trainer(name), train, self.s.epochs, HELD_OUT, name, monitor="val_loss")

    def measure(self) -> dict[str, float]:
        """The accuracy of both on unseen reviews."""
        found = {name: self._trainer(name).evaluate(test)["accuracy"] for name, (_, test) in self.sets.items()}
        return {"lstm_accuracy": found["lstm"], "bag_of_words_accuracy": found["bag-of-words"]}

    def draw(self, folder: Path) -> None:
        """The probability of "good" for some sentences, by both."""
        numbers = [self.vocabulary.encode(text.split()) for text in SENTENCES]
        inputs = {
            "bag-of-words": data.bag_of_words(numbers, len(self.vocabulary)),
            "lstm": data.pad_sequence(numbers, batch_first=True),
        }
        shares = {}
        for name, model in self.models.items():
            model.eval()
            with no_grad():
                shares[name] = softmax(model(asarray(inputs[name])), axis=1).numpy_copy()[:, 1]

        def fill(axes: Any) -> None:
            place, rows = axes[0, 0], np.arange(len(SENTENCES))
            for name, shift, colour in (("bag-of-words", -0.19, "#8d6a9f"), ("lstm", 0.19, "#2a6f97")):
                label = {"bag-of-words": "bag of words", "lstm": "LSTM"}[name]
                place.barh(rows + shift, shares[name], 0.36, color=colour, label=label)
            place.set_yticks(rows, SENTENCES)
            place.invert_yaxis()
            place.set_xlim(0, 1)
            place.axvline(0.5, color="#777777", lw=1, ls="--")
            place.set_xlabel("probability that the review is good")
            place.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2)

        draw_axes(folder / "reviews.png", (10.5, 4.6), 1, 1, fill)


RECIPE = Recipe(
    "sequence-reviews",
    "good or bad review? negation defeats a bag of words, not an LSTM",
    Reviews,
    {
        "samples": Setting(6000, "reviews to train on", low=1),
        "epochs": Setting(10, "passes over them", low=1),
        "batch_size": Setting(32, "reviews in a step", low=1),
        "embedding": Setting(32, "numbers that describe a word", low=1),
        "hidden": Setting(64, "units of the LSTM", low=1),
        "lr": Setting(3e-3, "learning rate of Adam", low=0),
    },
    full=Scale(
        (
            Figure("lstm_accuracy", at_least=0.95, percent=True),
            Figure("bag_of_words_accuracy", at_most=0.80, percent=True),
        )
    ),
    quick=Scale(
        (
            Figure("lstm_accuracy", at_least=0.90, percent=True),
            Figure("bag_of_words_accuracy", at_most=0.80, percent=True),
        ),
        {"samples": 2500, "epochs": 5, "hidden": 32, "lr": 1e-2},
    ),
    shows=(ReviewClassifier, data.bag_of_words, reviews),
)
