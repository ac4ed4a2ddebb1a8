"""Callback, the base class of what runs at the events of a training, and TrainerView, what it may see of the trainer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from ..nn import Module
from ..optim import Optimizer
from ..optim.docstrings import inherit_docstrings

if TYPE_CHECKING:
    from .precision import MixedPrecision


class TrainerView(Protocol):
    """The part of a trainer that callbacks may use; annotates the ``trainer`` argument of their methods.

    Every ``Trainer`` fits this protocol.

    Parameters
    ----------
    *args, **kwargs : Any
        Not used: a protocol is not instantiated.

    Attributes
    ----------
    model : Module
        The model that is trained.
    mixed : MixedPrecision or None
        How the model runs in half precision; None if it does not.
    train_loader : iterable
        The batches of the training data.
    history : list of dict
        One row per finished epoch.
    epoch : int
        The number of finished epochs.
    epochs : int
        The number of epochs that ``fit`` was called for.
    batch : int
        The number of finished batches of the current epoch; 0 between epochs.
    stop : bool
        Set it to True to end the training. Where several ranks train together, all stop if one does, after the next batch.
    rank : int
        The number of this rank; 0 where one process trains.

    Examples
    --------
    >>> class StopWhenAccurate(dl.training.Callback):
    ...     def on_epoch_end(self, trainer: dl.training.TrainerView, row: dict[str, float]) -> None:
    ...         trainer.stop = trainer.stop or row["accuracy"] > 0.99
    """

    model: Module
    mixed: MixedPrecision | None
    train_loader: Any
    history: list[dict[str, float]]
    epoch: int
    epochs: int
    batch: int
    stop: bool

    @property
    def rank(self) -> int:
        """The number of this rank; 0 where one process trains."""
        ...

    def agree(self, wish: bool) -> bool:
        """Return whether all ranks are to save now, since one of them wished it.

        Parameters
        ----------
        wish : bool
            Whether this rank wishes it. The ranks tell each other with the next batch.

        Returns
        -------
        bool
            The same on all ranks; where one process trains, its wish.
        """
        ...

    @property
    def optimizer(self) -> Optimizer:
        """The optimizer, or the first of several."""
        ...

    def check_finite(self) -> None:
        """Raise GradientError if a trainable parameter is not finite."""

    def state_dict(self) -> dict[str, Any]:
        """Return everything that is needed to continue the training.

        Returns
        -------
        dict
            What ``load_state_dict`` takes.
        """
        ...


class Callback:
    """Base class of callbacks: override the methods of the events that matter.

    In these methods, ``trainer`` is the trainer, ``row`` the epoch's entry in ``trainer.history``. Setting ``trainer.stop``
    to True ends the training. What ``state_dict`` returns is saved with the trainer's state, and ``load_state_dict`` gets it
    when a training is continued.

    Examples
    --------
    >>> class PrintEpochs(dl.training.Callback):
    ...     def on_epoch_end(self, trainer, row):
    ...         print("epoch", row["epoch"], "of", trainer.epochs)
    >>> model = dl.nn.Linear(1, 1)
    >>> optimizer = dl.optim.SGD(model.parameters(), lr=0.1)
    >>> trainer = dl.training.Trainer(model, dl.nn.MSELoss(), optimizer, callbacks=[PrintEpochs()], progress=False)
    >>> history = trainer.fit([(dl.ones((4, 1)), dl.zeros((4, 1)))], epochs=2)
    epoch 1 of 2
    epoch 2 of 2
    """

    after_all = False
    """Runs after every callback whose flag is False, so that it sees their effects."""

    first_rank_only = False
    """Where several ranks train together, runs on rank 0 alone, as what prints or writes files does."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        inherit_docstrings(cls)

    def on_fit_start(self, trainer: TrainerView) -> None:
        """Run before the first epoch.

        Parameters
        ----------
        trainer : TrainerView
            The trainer.
        """

    def on_epoch_start(self, trainer: TrainerView) -> None:
        """Run before the first batch of an epoch, or the first one after a training is continued within an epoch.

        Parameters
        ----------
        trainer : TrainerView
            The trainer.
        """

    def on_gradients(self, trainer: TrainerView, optimizer: Optimizer) -> None:
        """Run when the gradients are complete, before the step of the optimizer.

        Parameters
        ----------
        trainer : TrainerView
            The trainer.
        optimizer : Optimizer
            The optimizer that is about to step.
        """

    def on_step_end(self, trainer: TrainerView, optimizer: Optimizer) -> None:
        """Run after the step of an optimizer.

        Parameters
        ----------
        trainer : TrainerView
            The trainer.
        optimizer : Optimizer
            The optimizer that has stepped.
        """

    def on_batch_end(self, trainer: TrainerView, batch: int, values: dict[str, float]) -> None:
        """Run after a batch; setting ``trainer.stop`` here ends the epoch at once.

        Parameters
        ----------
        trainer : TrainerView
            The trainer.
        batch : int
            The number of the batch in its epoch, counted from 0.
        values : dict of float
            The loss, and other values of the training step, as means over the batches of the epoch so far.
        """

    def on_validation_start(self, trainer: TrainerView) -> None:
        """Run before the validation of an epoch.

        Parameters
        ----------
        trainer : TrainerView
            The trainer.
        """

    def on_validation_end(self, trainer: TrainerView) -> None:
        """Run after the validation of an epoch, also after an error in it.

        Parameters
        ----------
        trainer : TrainerView
            The trainer.
        """

    def on_epoch_end(self, trainer: TrainerView, row: dict[str, float]) -> None:
        """Run after an epoch and its validation.

        Parameters
        ----------
        trainer : TrainerView
            The trainer.
        row : dict of float
            The row of the epoch in ``trainer.history``.
        """

    def on_fit_end(self, trainer: TrainerView) -> None:
        """Run after the last epoch.

        Parameters
        ----------
        trainer : TrainerView
            The trainer.
        """

    def close(self) -> None:
        """Release files and other resources; called at the end of every fit, also after an error."""

    def state_dict(self) -> dict[str, Any] | None:
        """Return what the callback needs to continue.

        Returns
        -------
        dict or None
            What ``load_state_dict`` takes; None if the callback has no state.
        """
        return None

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a ``state_dict()``.

        Parameters
        ----------
        state : dict
            The state.
        """
