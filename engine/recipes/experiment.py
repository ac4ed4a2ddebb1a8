"""Experiment: what a recipe builds, trains, measures and draws. Subclass it; Classifier is the common case."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar, TypeVar, overload

import numpy as np

from ..autograd.base import no_grad
from ..data import Dataset, read_image
from ..nn import Module
from ..ops.creation import asarray
from ..ops.softmax import softmax
from ..optim import Optimizer
from ..training import Accuracy, Callback, ConfusionMatrix, Trainer, plot_confusion

T = TypeVar("T", bound=Trainer)


@dataclass
class Stage:
    """One training of an experiment: a trainer and what it is fitted to, until so many epochs are done.

    train, validate: as Trainer.fit takes them. name: the subfolder of the run that holds its log and checkpoints; an
    experiment with one training leaves it empty. monitor: the column by which the best checkpoint is kept.
    """

    trainer: Trainer
    train: Any
    epochs: int
    validate: Any = None
    name: str = ""
    monitor: str | None = None


class Experiment:
    """Base. __init__ gets the settings, as attributes of self.s, and the seed, and makes data and models.

    stages() yields the trainings in order; what stands behind a yield may use what the training before it learnt. When a
    run is resumed or used, a training that is done is loaded in place of being done again: so everything that a stage
    changes must be in its trainer's model. measure() returns the results, numbers by name, among them every figure of
    the recipe. draw() writes pictures into the run folder; captions says what each of them shows.

    What a subclass can do beyond that is a method of a known name, and a command: sample, interpolate, attack,
    neighbours, predict. Each takes keyword arguments with defaults only (neighbours also the word, predict the paths) and
    returns text, or a picture (a matplotlib figure).
    """

    captions: ClassVar[Mapping[str, str]] = {}

    def __init__(self, settings: Mapping[str, Any], seed: int) -> None:
        self.s = SimpleNamespace(**settings)
        self.seed = seed
        self.prepare()

    def prepare(self) -> None:
        """Make data and models; all random numbers come from the seed."""

    def stages(self) -> Iterator[Stage]:
        """The trainings."""
        raise NotImplementedError(f"{type(self).__name__}: write stages(self)")

    def measure(self) -> dict[str, float]:
        """The results of the trained models."""
        raise NotImplementedError(f"{type(self).__name__}: write measure(self)")

    def draw(self, folder: Path) -> None:
        """Write the pictures of the trained models."""

    @overload
    def trainer(self, model: Module, loss: Any, optimizer: Any, **more: Any) -> Trainer: ...
    @overload
    def trainer(self, model: Module, loss: Any, optimizer: Any, kind: type[T], **more: Any) -> T: ...
    def trainer(self, model: Module, loss: Any, optimizer: Any, kind: type[Trainer] = Trainer, **more: Any) -> Trainer:
        """A Trainer (kind: which) with the recipe's batch_size; the run adds log, checkpoints and progress."""
        return kind(model, loss, optimizer, **{"batch_size": self.s.batch_size, "progress": False, **more})


@dataclass(frozen=True)
class Prediction:
    """The class of one image, and the probability that the model gives it."""

    path: Path
    label: str
    confidence: float


class Classifier(Experiment):
    """One model, one training, classes. prepare() sets the attributes below.

    model, loss, optimizer; train and test, data sets of (input, label); classes, their names. scheduler: stepped after each
    epoch; callbacks: of the training. Those of images are a PictureClassifier.
    """

    captions: ClassVar[Mapping[str, str]] = {"confusion.png": "Which classes are taken for which, on the test set."}

    model: Module
    loss: Any
    optimizer: Optimizer
    train: Dataset
    test: Dataset
    classes: Sequence[str]
    scheduler: Any = None
    callbacks: Sequence[Callback] = ()

    def stages(self) -> Iterator[Stage]:
        """The one training, validated on the test set."""
        trainer = self.trainer(
            self.model, self.loss, self.optimizer, scheduler=self.scheduler, metrics=[Accuracy()], callbacks=self.callbacks
        )
        yield Stage(trainer, self.train, self.s.epochs, self.test, monitor="val_loss")

    def measure(self) -> dict[str, float]:
        """Loss and accuracy on the test set, and its size."""
        confusion = ConfusionMatrix(len(self.classes))
        trainer = self.trainer(self.model, self.loss, self.optimizer)
        results = trainer.evaluate(self.test, [Accuracy(), confusion])
        self.confusion = results.pop("confusion")
        return {**results, "samples": int(self.confusion.sum())}

    def draw(self, folder: Path) -> None:
        """The confusion matrix."""
        plot_confusion(folder / "confusion.png", self.confusion, self.classes)


class PictureClassifier(Classifier):
    """A Classifier of grey images, which can name the class of a picture in a file. image_size (H,W): what the model reads."""

    image_size: tuple[int, int]

    def predict(self, paths: Sequence[str | Path]) -> list[Prediction]:
        """The class of each image file. All are read first. Raises DataError naming a file."""
        read = [read_image(path, self.image_size) for path in paths]
        self.model.eval()
        with no_grad():
            shares = softmax(self.model(asarray(np.stack(read).astype(dtype_of(self.model)))), axis=1).numpy_copy()
        best = shares.argmax(axis=1)
        return [Prediction(Path(p), self.classes[k], float(row[k])) for p, row, k in zip(paths, shares, best, strict=True)]


def dtype_of(model: Module) -> Any:
    """The NumPy dtype of a model's parameters."""
    return np.dtype(str(next(iter(model.parameters())).dtype).rpartition(".")[2])
