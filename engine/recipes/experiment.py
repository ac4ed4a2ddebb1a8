"""Experiment: what a recipe builds, trains, measures and draws. Subclass it; Classifier is the common case."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias, TypeVar, overload

import numpy as np

from ..autograd.base import no_grad
from ..data import DataLoader, Dataset, random_split, read_image, stratified_split
from ..errors import ConfigError, DataError
from ..generator import Generator
from ..nn import Module
from ..ops.conversion import asarray
from ..ops.softmax import softmax
from ..optim import Optimizer
from ..optim.scheduler import Scheduler
from ..training import Accuracy, Callback, ConfusionMatrix, Trainer, plot_confusion

if TYPE_CHECKING:
    from .._tensor import Tensor

T = TypeVar("T", bound=Trainer)
TrainingData: TypeAlias = Dataset | DataLoader | Iterable[Any]
"""What ``Trainer.fit`` takes: a data set, a loader, or batches."""
Loss: TypeAlias = "Callable[..., Tensor] | None"
Optimizers: TypeAlias = Optimizer | Mapping[str, Optimizer]


HELD_OUT = 0.1
"""The share of the training data that recipes validate on after each epoch."""


@dataclass
class Stage:
    """One training of an experiment.

    Parameters
    ----------
    trainer : Trainer
        The trainer; everything that the stage changes must be in its model, so that a checkpoint holds it.
    train : Dataset, DataLoader or iterable of batches
        The training data.
    epochs : int
        The number of epochs after which the stage is finished.
    validate : Dataset, DataLoader, iterable of batches, float or None, optional
        Data that the model is evaluated on after each epoch; or a share of the training data, which is held out for this. Then
        the test set is looked at once, when the experiment is measured.
    name : str, optional
        The subfolder of the run for the log and the checkpoints; an experiment with one stage leaves it empty.
    monitor : str or None, optional
        The column of the log whose lowest value decides which epoch's checkpoint is kept as the best.

    Examples
    --------
    >>> model = dl.nn.Linear(1, 1)
    >>> trainer = dl.training.Trainer(model, dl.nn.MSELoss(), dl.optim.SGD(model.parameters(), lr=0.1), progress=False)
    >>> data = dl.data.ArrayDataset(np.ones((8, 1), "float32"), np.ones((8, 1), "float32"))
    >>> stage = dl.recipes.Stage(trainer, data, epochs=2)
    >>> [row["epoch"] for row in stage.trainer.fit(stage.train, stage.epochs)]
    [1, 2]
    """

    trainer: Trainer
    train: TrainingData
    epochs: int
    validate: TrainingData | float | None = None
    name: str = ""
    monitor: str | None = None

    def parts(self, seed: int) -> tuple[TrainingData, TrainingData | None]:
        """The data to train on and the data to validate on; each class keeps its share where there are classes.

        Parameters
        ----------
        seed : int
            The seed of the random choice of what is held out.

        Returns
        -------
        train : Dataset, DataLoader or iterable of batches
            The training data.
        validation : Dataset, DataLoader, iterable of batches or None
            The validation data.

        Examples
        --------
        >>> model = dl.nn.Linear(1, 1)
        >>> trainer = dl.training.Trainer(model, dl.nn.MSELoss(), dl.optim.SGD(model.parameters(), lr=0.1), progress=False)
        >>> data = dl.data.ArrayDataset(np.ones((30, 1), "float32"), np.ones((30, 1), "float32"))
        >>> [len(part) for part in dl.recipes.Stage(trainer, data, epochs=1, validate=0.1).parts(seed=0)]
        [27, 3]
        """
        if not isinstance(self.validate, float | int):
            return self.train, self.validate
        if not isinstance(self.train, Dataset):
            kind = type(self.train).__name__
            raise ConfigError(f"Stage: a share of {kind} cannot be held out; give a Dataset, or data to validate on")
        fractions, generator = [1.0 - self.validate, self.validate], Generator(seed)
        try:
            train, validation = stratified_split(self.train, fractions, generator=generator)
        except DataError:  # no classes, or one with too few samples
            train, validation = random_split(self.train, fractions, generator)
        return train, validation


class Experiment:
    """Base class of experiments: a subclass defines ``prepare``, ``stages``, ``measure`` and, for pictures, ``draw``.

    The docstring of a subclass explains the idea; ``dlengine explain`` and the gallery show it.

    A subclass may also have the methods ``predict``, ``sample``, ``interpolate``, ``attack`` and ``neighbours``, which are
    commands of ``dlengine`` for a trained run. They take keyword arguments with defaults (``neighbours`` also the word,
    ``predict`` the paths) and return text or a matplotlib figure.

    Parameters
    ----------
    settings : mapping
        The value of each setting by name.
    seed : int
        The seed of all random numbers.

    Attributes
    ----------
    s : SimpleNamespace
        The settings as attributes.
    seed : int
        The seed.
    captions : dict of str
        What each picture that ``draw`` writes shows, by file name.

    Examples
    --------
    >>> from dlengine.recipes import Experiment, Stage
    >>> class Line(Experiment):
    ...     def prepare(self):
    ...         x = np.linspace(-1.0, 1.0, 32, dtype="float32")[:, None]
    ...         self.data = dl.data.ArrayDataset(x, 2.0 * x)
    ...         self.model = dl.nn.Linear(1, 1)
    ...         optimizer = dl.optim.SGD(self.model.parameters(), lr=self.s.lr)
    ...         self.fitting = self.trainer(self.model, dl.nn.MSELoss(), optimizer)
    ...
    ...     def stages(self):
    ...         yield Stage(self.fitting, self.data, epochs=50)
    ...
    ...     def measure(self):
    ...         return {"slope": float(self.model.weight.item())}
    >>> line = Line({"lr": 0.5, "batch_size": 8}, seed=0)
    >>> for stage in line.stages():
    ...     history = stage.trainer.fit(stage.train, stage.epochs)
    >>> round(line.measure()["slope"], 3)
    2.0
    """

    captions: ClassVar[Mapping[str, str]] = {}

    def __init__(self, settings: Mapping[str, Any], seed: int) -> None:
        self.s = SimpleNamespace(**settings)
        self.seed = seed
        self.prepare()

    def prepare(self) -> None:
        """Make the data and the models; all random numbers come from the seed."""

    def stages(self) -> Iterator[Stage]:
        """Yield the trainings in their order.

        The code after a ``yield`` may use what that training learnt. When a run is resumed or used, a finished training is
        loaded from its checkpoint in place of being repeated.

        Yields
        ------
        Stage
            A training.
        """
        raise NotImplementedError(f"{type(self).__name__}: write stages(self)")

    def measure(self) -> dict[str, float]:
        """Measure the trained models.

        Returns
        -------
        dict of float
            The results by name, among them every figure of the recipe.
        """
        raise NotImplementedError(f"{type(self).__name__}: write measure(self)")

    def draw(self, folder: Path) -> None:
        """Write the pictures of the trained models.

        Parameters
        ----------
        folder : Path
            The run folder.
        """

    @overload
    def trainer(self, model: Module, loss: Loss, optimizer: Optimizers, **more: Any) -> Trainer: ...
    @overload
    def trainer(self, model: Module, loss: Loss, optimizer: Optimizers, kind: type[T], **more: Any) -> T: ...
    def trainer(
        self, model: Module, loss: Loss, optimizer: Optimizers, kind: type[Trainer] = Trainer, **more: Any
    ) -> Trainer:
        """Make a trainer with the batch size of the settings; a run adds the log, the checkpoints and the progress bar.

        Parameters
        ----------
        model : Module
            The model.
        loss : callable or None
            The loss.
        optimizer : Optimizer or mapping of Optimizer
            The optimizer, or several by name.
        kind : type, optional
            The class of the trainer.
        **more : Any
            Further arguments of that class.

        Returns
        -------
        Trainer
            The trainer.
        """
        return kind(model, loss, optimizer, **{"batch_size": self.s.batch_size, "progress": False, **more})


@dataclass(frozen=True)
class Prediction:
    """The class that a model gives an image.

    Parameters
    ----------
    path : Path
        The file of the image.
    label : str
        The name of the class.
    confidence : float
        The probability that the model gives that class.

    Examples
    --------
    >>> from pathlib import Path
    >>> prediction = dl.recipes.Prediction(Path("seven.png"), "7", 0.98)
    >>> f"{prediction.path}: {prediction.label} ({prediction.confidence:.0%})"
    'seven.png: 7 (98%)'
    """

    path: Path
    label: str
    confidence: float


class Classifier(Experiment):
    """An experiment that trains one model to tell classes apart; ``prepare`` sets the attributes.

    Parameters
    ----------
    settings : mapping
        The value of each setting by name, ``epochs`` and ``batch_size`` among them.
    seed : int
        The seed of all random numbers.

    Attributes
    ----------
    model : Module
        The model; its outputs are the logits of the classes.
    loss : callable
        The loss.
    optimizer : Optimizer
        The optimizer.
    train, test : Dataset
        The data, samples (input, label).
    classes : sequence of str
        The names of the classes.
    scheduler : Scheduler or None
        A schedule of the learning rate that is stepped after each epoch.
    callbacks : sequence of Callback
        The callbacks of the training.

    Examples
    --------
    >>> class Softmax(dl.recipes.Classifier):
    ...     def prepare(self):
    ...         images, labels = dl.data.digits().arrays
    ...         pixels = dl.data.ArrayDataset(images.reshape(-1, 64), labels)
    ...         self.train, self.test = pixels.split(0.8, seed=self.seed)
    ...         self.classes = list("0123456789")
    ...         self.model = dl.nn.Linear(64, 10)
    ...         self.loss = dl.nn.CrossEntropyLoss()
    ...         self.optimizer = dl.optim.Adam(self.model.parameters(), lr=self.s.lr)
    >>> softmax = Softmax({"lr": 0.01, "batch_size": 32, "epochs": 3}, seed=0)
    >>> for stage in softmax.stages():
    ...     history = stage.trainer.fit(stage.train, stage.epochs)
    >>> softmax.measure()["accuracy"] > 0.8
    True
    """

    captions: ClassVar[Mapping[str, str]] = {"confusion.png": "Which classes are taken for which, on the test set."}

    model: Module
    loss: Callable[..., Tensor]
    optimizer: Optimizer
    train: Dataset
    test: Dataset
    classes: Sequence[str]
    scheduler: Scheduler | None = None
    callbacks: Sequence[Callback] = ()

    def stages(self) -> Iterator[Stage]:
        """Yield the one training, validated on a part of the training data."""
        trainer = self.trainer(
            self.model, self.loss, self.optimizer, scheduler=self.scheduler, metrics=[Accuracy()], callbacks=self.callbacks
        )
        yield Stage(trainer, self.train, self.s.epochs, HELD_OUT, monitor="val_loss")

    def measure(self) -> dict[str, float]:
        """Measure the model on the test set.

        Returns
        -------
        dict of float
            ``"loss"``, ``"accuracy"`` and the number of ``"samples"``.
        """
        confusion = ConfusionMatrix(len(self.classes))
        trainer = self.trainer(self.model, self.loss, self.optimizer)
        results = trainer.evaluate(self.test, [Accuracy(), confusion])
        self.confusion = results.pop("confusion")
        return {**results, "samples": int(self.confusion.sum())}

    def draw(self, folder: Path) -> None:
        """Write the confusion matrix as ``confusion.png``.

        Parameters
        ----------
        folder : Path
            The run folder.
        """
        plot_confusion(folder / "confusion.png", self.confusion, self.classes)


class PictureClassifier(Classifier):
    """A Classifier of grey images, which can also classify the image in a file.

    Attributes
    ----------
    image_size : tuple of int
        The height and width (H, W) that the model takes.
    """

    image_size: tuple[int, int]

    def predict(self, paths: Sequence[str | Path]) -> list[Prediction]:
        """Classify image files; all are read before the first is classified.

        Parameters
        ----------
        paths : sequence of str or Path
            The files.

        Returns
        -------
        list of Prediction
            The class of each.

        Raises
        ------
        DataError
            If a file cannot be read; it is named.
        """
        read = [read_image(path, self.image_size) for path in paths]
        self.model.eval()
        with no_grad():
            shares = softmax(self.model(asarray(np.stack(read).astype(dtype_of(self.model)))), axis=1).numpy_copy()
        best = [int(row.argmax()) for row in shares]
        return [Prediction(Path(p), self.classes[k], float(row[k])) for p, row, k in zip(paths, shares, best, strict=True)]


def dtype_of(model: Module) -> np.dtype[Any]:
    """The NumPy dtype of a model's parameters."""
    return np.dtype(str(next(iter(model.parameters())).dtype).rpartition(".")[2])
