"""Many to one: a digit read row by row, and reviews whose negations a bag of words cannot see."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from .. import data, nn, optim
from ..autograd.base import no_grad
from ..generator import default_generator
from ..models import ReviewClassifier, RowClassifier
from ..ops.creation import asarray
from ..ops.softmax import softmax
from ..training import Accuracy, ClipGradients
from .experiment import Experiment, PictureClassifier, Stage
from .pictures import draw as draw_axes
from .recipe import Figure, Recipe, Scale, Setting, add
from .reviews import reviews

SENTENCES = (
    "the plot was good",
    "the plot was not good",
    "the plot was dull",
    "the plot was never dull",
    "the plot was by no means weak",
    "the plot was good , but the acting was bad ; the ending was never stale",
    "the plot was great , and the acting was not great ; the pace was hardly fresh",
)


class DigitRows(PictureClassifier):
    """An LSTM reads an image row by row from the top, and says at the bottom which digit it was: many to one.

    At step t the input x_t is the t-th row of pixels. The LSTM's gates decide what its memory keeps of the strokes,
    c_t = f c_{t-1} + i g, h_t = o tanh(c_t); the scores of the ten classes are V h_T, from the last state alone, and the
    loss is their cross-entropy. No convolution: the order of the rows is all that it knows of the plane.

    confusion.png shows which digits are taken for which; rows.png how the probabilities of the classes change with every
    row that is read: the longer it has read, the surer it is.

    Source: Hochreiter & Schmidhuber 1997; rows as steps: Le, Jaitly, Hinton 2015, arXiv:1504.00941, for single pixels.
    """

    captions: ClassVar = {
        **PictureClassifier.captions,
        "rows.png": "The probability of each class after each row: some digits are clear early, some only at their foot.",
    }

    def prepare(self) -> None:
        s = self.s
        if s.data == "mnist":
            self.train, self.test = data.mnist(), data.mnist(train=False)
        else:
            self.train, self.test = data.digits().split(0.8, seed=self.seed, stratified=True)
        self.classes = [str(d) for d in range(10)]
        width = self.test.batch([0])[0].shape[3]
        self.image_size = (width, width)
        self.model = RowClassifier(width, s.hidden, 10)
        self.callbacks = (ClipGradients(1.0),)
        self.loss = nn.CrossEntropyLoss()
        self.optimizer = optim.Adam(self.model.parameters(), lr=s.lr)
        self.scheduler = optim.CosineAnnealingLR(self.optimizer, s.epochs, eta_min=0.02 * s.lr)

    def draw(self, folder: Path) -> None:
        """The confusion matrix, and the probabilities after each row of six digits."""
        super().draw(folder)
        _, labels = self.test.batch(range(200))
        chosen = [int(np.flatnonzero(labels == d)[0]) for d in (0, 2, 4, 5, 7, 9)]
        images = self.test.batch(chosen)[0]
        model: Any = self.model
        model.eval()
        with no_grad():
            shares = softmax(model.read.at_each_step(asarray(images)[:, 0]), axis=2).numpy_copy()

        def fill(axes: Any) -> None:
            for k, (image, share) in enumerate(zip(images, shares, strict=True)):
                axes[0, k].imshow(image[0], cmap="gray_r", aspect="auto")
                axes[0, k].set_axis_off()
                axes[1, k].imshow(share, cmap="Blues", vmin=0, vmax=1, aspect="auto")
                axes[1, k].set_xticks(range(10))
                axes[1, k].set_yticks([])
                axes[1, k].set_xlabel("class")
            axes[1, 0].set_ylabel("rows read, downwards")

        draw_axes(folder / "rows.png", (11.0, 4.6), 2, 6, fill)


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
        for name, (train, test) in self.sets.items():
            yield Stage(self._trainer(name), train, self.s.epochs, test, name, monitor="val_loss")

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
            place.legend(frameon=False, loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2)

        draw_axes(folder / "reviews.png", (10.5, 4.6), 1, 1, fill)


add(
    Recipe(
        "sequence-rows",
        "digits read row by row by an LSTM: many inputs, one answer",
        DigitRows,
        {
            "data": Setting("mnist", "MNIST, or the 1,797 bundled digits of 8 x 8", choices=("digits", "mnist")),
            "epochs": Setting(7, "passes over the training set", low=1),
            "batch_size": Setting(100, "images in a step", low=1),
            "hidden": Setting(128, "units of the LSTM", low=1),
            "lr": Setting(3e-3, "learning rate of Adam at the start", low=0),
        },
        full=Scale((Figure("accuracy", at_least=0.98, percent=True),), data=("mnist",)),
        small=Scale((Figure("accuracy", at_least=0.95, percent=True),), {"data": "digits", "epochs": 30, "batch_size": 32}),
        quick=Scale(
            (Figure("accuracy", at_least=0.90, percent=True),),
            {"data": "digits", "epochs": 8, "batch_size": 32, "hidden": 64, "lr": 1e-2},
        ),
        shows=(RowClassifier, nn.LSTM, nn.CrossEntropyLoss),
    )
)
add(
    Recipe(
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
)
