"""The learning-rate finder: train with a rate that grows with each batch, and find where the loss starts to rise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..autograd.base import TensorBase
from ..errors import ConfigError, GradientError
from ..generator import default_generator
from .trainer import Trainer
from .trainer_state import loader_state
from .trainer_steps import by_name


@dataclass(frozen=True)
class RateSearch:
    """The result of a search for a learning rate.

    Parameters
    ----------
    rates : list of float
        The learning rate of each batch.
    losses : list of float
        The smoothed loss after each batch.
    suggestion : float
        A rate to begin with, a tenth of the rate with the lowest smoothed loss.

    Examples
    --------
    >>> search = dl.training.RateSearch(rates=[0.5, 5.0], losses=[2.0, 1.0], suggestion=0.5)
    >>> search.suggestion
    0.5
    """

    rates: list[float]
    losses: list[float]
    suggestion: float


def find_learning_rate(
    trainer: Trainer, train: Any, low: float = 1e-6, high: float = 1.0, steps: int = 100, smoothing: float = 0.9
) -> RateSearch:
    """Find a learning rate: train with a rate that grows from ``low`` to ``high``, then restore the trainer.

    The rate grows by a constant factor with each batch. The search ends early when the loss exceeds four times its minimum.
    Of the callbacks, only those that take part in a step (clipping, averages) are called.

    Parameters
    ----------
    trainer : Trainer
        The trainer.
    train : Dataset, DataLoader or iterable of batches
        The training data.
    low : float
        The first rate.
    high : float
        The last rate.
    steps : int
        The number of batches, at least 3.
    smoothing : float
        The weight of the past in the running mean of the losses, in [0, 1).

    Returns
    -------
    RateSearch
        The rates, the losses and a suggestion.

    Raises
    ------
    ConfigError
        For arguments out of range, and for a loss that is not finite even at the rate ``low``.

    References
    ----------
    Smith, 2017, arXiv:1506.01186.

    Examples
    --------
    >>> model = dl.nn.Linear(1, 1)
    >>> trainer = dl.training.Trainer(model, dl.nn.MSELoss(), dl.optim.SGD(model.parameters(), lr=0.5), progress=False)
    >>> search = dl.training.find_learning_rate(trainer, [(dl.ones((4, 1)), dl.zeros((4, 1)))], steps=10)
    >>> 0.0 < search.suggestion < 1.0
    True
    >>> trainer.optimizer.param_groups[0]["lr"]
    0.5
    """
    if not 0 < low < high or steps < 3 or not 0 <= smoothing < 1:
        raise ConfigError(f"find_learning_rate: 0 < low < high, steps >= 3, 0 <= smoothing < 1; got {low}, {high}, {steps}")
    held = _copy(trainer.state_dict())
    generator = default_generator.state_dict()
    loader = trainer.make_loader(train, shuffle=True)
    position = loader_state(loader)
    rates: list[float] = []
    losses: list[float] = []
    mean = 0.0
    trainer.model.train()
    try:
        for i, batch in zip(range(steps), _endless(loader), strict=False):
            rate = low * (high / low) ** (i / (steps - 1))
            for optimizer in trainer.optimizers.values():
                for group in optimizer.param_groups:
                    group["lr"] = rate
            try:
                values = trainer.train_step(batch)
            except GradientError:  # the loss is infinite: the rate is far too high
                break
            named = by_name(values)
            value = named.get("loss", next(iter(named.values())))
            mean = smoothing * mean + (1.0 - smoothing) * value
            rates.append(rate)
            losses.append(mean / (1.0 - smoothing ** (i + 1)))
            if losses[-1] > 4.0 * min(losses):
                break
    finally:
        trainer.load_state_dict(held)
        if position is not None:
            loader.load_state_dict(position)
        default_generator.load_state_dict(generator)
        for metric in trainer.metrics:
            metric.reset()
    if not losses:
        raise ConfigError(f"find_learning_rate: the loss is not finite even at the rate {low}")
    return RateSearch(rates, losses, rates[losses.index(min(losses))] / 10.0)


def _endless(loader: Any) -> Iterator[Any]:
    """The batches of one epoch after another."""
    while True:
        count = 0
        for batch in loader:
            count += 1
            yield batch
        if not count:
            raise ConfigError("find_learning_rate: the data have no batches")


def _copy(value: Any) -> Any:
    """A copy of a state, with its tensors."""
    if isinstance(value, TensorBase):
        return value.detach().clone()  # type: ignore[attr-defined]
    if isinstance(value, dict):
        return {k: _copy(v) for k, v in value.items()}
    return [_copy(v) for v in value] if isinstance(value, (list, tuple)) else value
