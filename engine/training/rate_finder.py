"""The learning-rate finder: train with a rate that grows at each batch, and see from where on the loss rises."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..autograd.base import TensorBase
from ..errors import ConfigError, GradientError
from ..generator import default_generator
from .trainer import Trainer


@dataclass(frozen=True)
class RateSearch:
    """What a search saw: rates, smoothed losses, and the rate to begin with, a tenth of that with the least loss."""

    rates: list[float]
    losses: list[float]
    suggestion: float


def find_learning_rate(
    trainer: Trainer, train: Any, low: float = 1e-6, high: float = 1.0, steps: int = 100, smoothing: float = 0.9
) -> RateSearch:
    """Train up to `steps` batches with a rate growing from low to high, then put everything back as it was.

    It ends early when the loss is four times its least. Losses are a running mean with weight `smoothing` on the past.
    Callbacks are not called but for their part in a step (clipping, averages). Source: Smith 2017, arXiv:1506.01186.
    """
    if not 0 < low < high or steps < 3 or not 0 <= smoothing < 1:
        raise ConfigError(f"find_learning_rate: 0 < low < high, steps >= 3, 0 <= smoothing < 1; got {low}, {high}, {steps}")
    held = _copied(trainer.state_dict())
    forks = default_generator.state_dict()
    loader = trainer._loader(train, shuffle=True)
    place = loader.state_dict() if hasattr(loader, "state_dict") else None
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
            value = values if not isinstance(values, dict) else values.get("loss", next(iter(values.values())))
            mean = smoothing * mean + (1.0 - smoothing) * value
            rates.append(rate)
            losses.append(mean / (1.0 - smoothing ** (i + 1)))
            if losses[-1] > 4.0 * min(losses):
                break
    finally:
        trainer.load_state_dict(held)
        if place is not None:
            loader.load_state_dict(place)
        default_generator.load_state_dict(forks)
        for metric in trainer.metrics:
            metric.reset()
    if not losses:
        raise ConfigError(f"find_learning_rate: the loss is not finite even at the rate {low}")
    return RateSearch(rates, losses, rates[losses.index(min(losses))] / 10.0)


def _endless(loader: Any) -> Iterator[Any]:
    while True:
        count = 0
        for batch in loader:
            count += 1
            yield batch
        if not count:
            raise ConfigError("find_learning_rate: the data have no batches")


def _copied(value: Any) -> Any:
    if isinstance(value, TensorBase):
        return value.detach().clone()  # type: ignore[attr-defined]
    if isinstance(value, dict):
        return {k: _copied(v) for k, v in value.items()}
    return [_copied(v) for v in value] if isinstance(value, (list, tuple)) else value
