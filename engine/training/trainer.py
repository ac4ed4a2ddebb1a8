"""Trainer: the loop over epochs and batches, with callbacks around it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from .. import backend
from ..errors import ConfigError, DataError, GradientError
from ..nn import CrossEntropyLoss, Module, NLLLoss
from ..optim import Optimizer
from ..optim.scheduler import step_schedule
from .callback import Callback
from .classification import Accuracy
from .metric import Metric, add_to, means
from .precision import MixedPrecision
from .progress import Progress
from .trainer_arguments import (
    describe,
    fit_arguments,
    named_optimizers,
    require_all,
    require_counts,
    require_loss,
    require_model,
    require_scheduler,
)
from .trainer_evaluation import TrainerEvaluation
from .trainer_state import Resume, loader_state


class Trainer(TrainerEvaluation):
    """Train a model on batches (input, target).

    For other batches or several losses, override ``train_step`` (and ``evaluate_step``) in a subclass.

    Parameters
    ----------
    model : Module
        The model.
    loss : callable
        A function or module of outputs and targets that returns a tensor of one number. None if ``train_step`` needs none.
    optimizer : Optimizer or dict of Optimizer
        The optimizer; or several by name, as for GANs: then ``train_step`` calls ``update(loss, name)`` for each.
    metrics : sequence of Metric or None
        The metrics; None is the accuracy for a loss of classes (cross-entropy), and no metric for other losses.
    scheduler : Scheduler or ReduceLROnPlateau or None
        A schedule that is stepped after each epoch; the callback ``Schedule`` steps one after each batch.
    callbacks : sequence of Callback
        The callbacks, in the order in which they are called.
    batch_size : int
        The number of samples in a batch, for data sets that come without a loader.
    accumulate : int
        The number of batches whose gradients make one step, weighted by their samples, as if they were one batch.
    mixed : bool or MixedPrecision
        Run the model in half precision, where the device computes that faster.
    progress : bool
        Show a table with a row per epoch and a progress bar.
    capture : bool
        Record forward, loss and gradients once for each shape of batches and replay them; see ``capture``. Not together with
        mixed precision that is on, or with overridden methods for one batch. On a GPU, where the step becomes a CUDA graph, the
        host waits for no step: loss and metrics are read, and the loss checked, while the next one runs.
    distributed : bool or Communicator
        Train on all ranks that mpiexec started, or on those of a communicator. Each computes a part of every batch, and N ranks
        get the result of one: ``batch_size`` is that of all together, every rank gives the same data, batch normalisation takes
        the statistics of all, and random numbers go by the sample. Log, progress bar and checkpoints are rank 0's.

    Attributes
    ----------
    history : list of dict
        One row per epoch: ``"epoch"``, ``"loss"``, the metrics, the same with ``"val_"`` before, ``"lr"`` and ``"seconds"``.
    epoch : int
        The number of finished epochs.
    epochs : int
        The number of epochs that ``fit`` was called for.
    batch : int
        The number of finished batches of the current epoch.
    stop : bool
        Whether the training is to end; callbacks set it.
    train_loader : iterable
        The batches of the training data.
    rank : int
        The number of this rank; 0 where the training is not distributed.

    See Also
    --------
    Callback : What runs at the events of a training.

    Examples
    --------
    >>> x = dl.asarray([[-2.0], [-1.0], [1.0], [2.0]])
    >>> y = dl.asarray([0, 0, 1, 1])
    >>> model = dl.nn.Linear(1, 2)
    >>> optimizer = dl.optim.SGD(model.parameters(), lr=1.0)
    >>> trainer = dl.training.Trainer(model, dl.nn.CrossEntropyLoss(), optimizer, progress=False)
    >>> history = trainer.fit(dl.data.ArrayDataset(x, y), epochs=3)
    >>> [(row["epoch"], row["accuracy"]) for row in history][-1]
    (3, 1.0)
    >>> sorted(trainer.evaluate([(x, y)]))
    ['accuracy', 'loss']
    >>> trainer
    Trainer(Linear of 4 parameters, CrossEntropyLoss, SGD; 3 epochs done)
    """

    def __init__(
        self,
        model: Module,
        loss: Callable[..., Any] | None,
        optimizer: Optimizer | Mapping[str, Optimizer],
        *,
        metrics: Sequence[Metric] | None = None,
        scheduler: Any = None,
        callbacks: Sequence[Callback] = (),
        batch_size: int = 64,
        accumulate: int = 1,
        mixed: bool | MixedPrecision = False,
        progress: bool = True,
        capture: bool = False,
        distributed: Any = False,
    ) -> None:
        require_model(model)
        if loss is not None or type(self).train_step is Trainer.train_step:
            require_loss(loss)
        optimizers = named_optimizers(optimizer)
        require_counts(batch_size=batch_size, accumulate=accumulate)
        require_scheduler(scheduler)
        if not optimizers or (accumulate > 1 and len(optimizers) > 1):
            raise ConfigError("Trainer: needs an optimizer; accumulate must be at least 1, and 1 with several optimizers")
        if metrics is None:
            metrics = [Accuracy()] if isinstance(loss, CrossEntropyLoss | NLLLoss) else []
        require_all(Metric, metrics)
        require_all(Callback, callbacks)
        half = MixedPrecision(model) if mixed is True else mixed or None
        super().__init__(model, optimizers, scheduler, half, metrics)
        self.loss = loss
        self.batch_size, self.accumulate = batch_size, accumulate
        if capture:
            self._capture()
        if distributed:
            self.distribute(None if distributed is True else distributed)
        self.add_callbacks(*([Progress()] if progress else []), *callbacks)

    def add_callbacks(self, *callbacks: Callback) -> None:
        """Add callbacks; those with the flag ``after_all`` stay behind the others.

        Parameters
        ----------
        *callbacks : Callback
            The callbacks.
        """
        here = [c for c in callbacks if not (c.first_rank_only and self.rank)]
        self.callbacks = sorted([*self.callbacks, *here], key=lambda c: c.after_all)

    def distribute(self, communicator: Any = None) -> None:
        """Train on several ranks from the next fit on, as ``distributed=True`` does.

        Parameters
        ----------
        communicator : Communicator or None
            The ranks; None is all that mpiexec started.

        Raises
        ------
        BackendUnavailable
            If mpi4py or MPI is not installed.
        RankError
            If the ranks have different models.
        """
        from .. import distributed

        chosen = distributed.init() if communicator is None else communicator
        if not isinstance(chosen, distributed.Communicator):
            raise ConfigError(f"Trainer: distributed must be True or a Communicator, got {describe(chosen)}")
        if chosen.size > 1:
            from .many_ranks import ManyRanks

            self._ranks = ManyRanks(chosen, self)
            self.callbacks = [c for c in self.callbacks if not (c.first_rank_only and self.rank)]

    def __repr__(self) -> str:
        size = sum(p.size for p in self.model.parameters())
        used = ", ".join(type(o).__name__ for o in self.optimizers.values())
        loss = getattr(self.loss, "__name__", type(self.loss).__name__)
        return f"Trainer({type(self.model).__name__} of {size:,} parameters, {loss}, {used}; {self.epoch} epochs done)"

    def fit(self, train: Any, y: Any = None, epochs: int = 1, validate: Any = None) -> list[dict[str, float]]:
        """Train until a number of epochs is finished, counting those of earlier calls.

        A callback can end the training earlier. If it ends within an epoch, also by an error or Ctrl-C, the next call
        continues after the last complete step.

        Parameters
        ----------
        train : Dataset, DataLoader, iterable of batches, or array_like
            The training data. A data set is shuffled in every epoch. An array (N,...) of inputs goes with ``y``.
        y : array_like, int or None
            Targets (N,...) of an array of inputs; floating ones get the dtype of the model, as the inputs do. An integer in this
            place is the number of epochs.
        epochs : int
            The number of epochs in all.
        validate : Dataset, DataLoader, iterable of batches, tuple of two arrays, or None
            Data that the model is evaluated on after each epoch.

        Returns
        -------
        list of dict
            The history.

        Raises
        ------
        DataError
            If the data gives no batch.
        GradientError
            If the loss or a parameter is not finite.
        """
        train, epochs, validate = fit_arguments(train, y, epochs, validate, self.model)
        self.train_loader = self.make_loader(train, shuffle=True)
        validation = None if validate is None else self.make_loader(validate, shuffle=False)
        self.epochs, self.stop = epochs, False
        self._restore_position()
        try:
            with self._ranks.start(self):
                self._notify("on_fit_start")
                while self.epoch < epochs and not self.stop:
                    self._run_epoch(validation)
                self._notify("on_fit_end")
            self._ranks.after_fit(self)
        finally:
            if self.batch:  # within an epoch: the next fit continues after the last complete step
                self._resume = Resume(self._loader_position())
            for callback in self.callbacks:
                callback.close()
        return self.history

    def check_finite(self) -> None:
        """Raise GradientError if a trainable parameter is not finite."""
        for name, p in self.model.named_parameters():
            if p.requires_grad:
                xp = backend.space_of(p.array)
                if not bool(xp.all(xp.isfinite(p.array))):
                    raise GradientError(
                        f"fit: {name} is not finite after batch {self.batch} of epoch {self.epoch + 1}: a gradient was NaN or "
                        "infinite; lower the learning rate, clip the gradients, or look with dl.anomaly()"
                    )

    def _run_epoch(self, validation: Any) -> None:
        """Train one epoch, or what is left of it, validate, and add a row to the history."""
        start = time.perf_counter()
        self._notify("on_epoch_start")
        self.model.train()
        if not self.batch:
            self._averages = {}
            for metric in self.metrics:
                metric.reset()
        if not self._train_epoch():
            return
        self.check_finite()
        self._ranks.merge(self.metrics)
        row: dict[str, Any] = {"epoch": self.epoch + 1, **means(self._averages)}
        row |= {m.name: m.compute() for m in self.metrics}
        if validation is not None:
            row |= {f"val_{name}": value for name, value in self._validate(validation).items()}
        row |= {"lr": self.optimizer.param_groups[0]["lr"], "seconds": time.perf_counter() - start}
        self.history.append(row)
        self.epoch, self.batch, self._loader_state = self.epoch + 1, 0, None
        self._ranks.after_epoch(self)
        if self.scheduler is not None:
            step_schedule(self.scheduler, row, "val_loss" if validation is not None else "loss")
        self._notify("on_epoch_end", row)

    def _train_epoch(self) -> bool:
        """Train on the batches of an epoch that are left; returns whether the epoch is finished."""
        for batches, position in self._batches_of_steps():
            for values, samples in self._train_together(batches):
                add_to(self._averages, values, samples)
            self.batch, self._loader_state = self.batch + len(batches), position
            self._notify("on_batch_end", self.batch - 1, means(self._averages))
            self.stop = self._ranks.agree("stop", self.stop)
            self.stop = self._ranks.agree("end", False) or self.stop
            if self.stop:
                self._settle()
                return False
        self._settle()
        if not self.batch:
            raise DataError(
                f"fit: the training data gave no batch in epoch {self.epoch + 1}: they are empty, fewer than a batch with "
                "drop_last, or an iterator that is used up after one epoch"
            )
        return True

    def _batches_of_steps(self) -> Iterator[tuple[list[Any], Any]]:
        """The batches of the epoch that are left, as many together as make one step, and the loader's position after them.

        The position is noted with each batch: when a loader is asked for more batches than an epoch has, it advances to the
        next epoch, while the last step of this epoch still follows.
        """
        self._loader_state = position = loader_state(self.train_loader)
        batches = self._ranks.divided(self.train_loader, self.batch_axis)
        if self.batch and not hasattr(self.train_loader, "load_state_dict"):
            batches = islice(batches, self.batch, None)  # an iterable that cannot continue by itself
        while True:
            together = []
            for batch in islice(batches, self.accumulate):  # and which part of it this rank computes
                together.append(batch)
                position = loader_state(self.train_loader)
            if not together:
                return
            yield together, position

