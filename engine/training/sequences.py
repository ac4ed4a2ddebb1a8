"""Truncated backpropagation through time: long sequences in segments, the state carried across, the gradient not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..autograd.base import TensorBase
from ..errors import ConfigError, ShapeError
from .metrics import Average
from .trainer import Trainer, pair


def detach(state: Any) -> Any:
    """A state with the same values and no past: tensors in tuples, lists and dicts are detached, None stays."""
    if isinstance(state, TensorBase):
        return state.detach()  # type: ignore[attr-defined]
    if isinstance(state, (tuple, list)):
        return type(state)(detach(s) for s in state)
    if isinstance(state, dict):
        return {k: detach(v) for k, v in state.items()}
    return state


def segments(parts: tuple[Any, ...], length: int, axis: int = 0) -> Iterator[tuple[Any, ...]]:
    """Cut tensors (T, ...) of equal T along an axis into pieces of `length` steps, the last maybe shorter."""
    if length < 1:
        raise ConfigError(f"segments: length must be at least 1, got {length}")
    lengths = {p.shape[axis] for p in parts}
    if len(lengths) != 1:
        raise ShapeError(f"segments: the parts have {sorted(lengths)} steps along axis {axis}")
    for start in range(0, lengths.pop(), length):
        index = (slice(None),) * axis + (slice(start, start + length),)
        yield tuple(p[index] for p in parts)


class TruncatedBPTT(Trainer):
    """A Trainer for recurrent models: a step after every `length` time steps of a batch, through these alone.

    model(input, state) returns (output, state), and is called with state None at the beginning of a batch. Batches are
    (input (T,N,...), target (T,N,...)), or (N,T,...) with axis 1. loss(output, target) gets a segment of both.
    Source: Williams & Peng 1990.
    """

    def __init__(self, *args: Any, length: int, axis: int = 0, **options: Any) -> None:
        super().__init__(*args, **options)
        if length < 1 or axis not in (0, 1) or self.accumulate > 1:
            raise ConfigError("TruncatedBPTT: length must be at least 1, axis 0 or 1, and accumulate 1")
        self.length, self.axis = length, axis

    def samples(self, batch: Any) -> int:
        return int(batch[0].shape[1 - self.axis])

    def train_step(self, batch: Any) -> float:
        return self._through(batch, True)

    def evaluate_step(self, batch: Any) -> float:
        return self._through(batch, False)

    def _through(self, batch: Any, train: bool) -> float:
        average, state = Average(), None
        for x, y in segments(pair(batch), self.length, self.axis):
            outputs, state = self.forward(x, state)
            loss = self.loss(outputs, y)
            average.update(self.update(loss) if train else float(loss), x.shape[self.axis])
            self.measure(outputs, y)
            state = detach(state)
        return average.compute()


class TeacherForcing(Trainer):
    """A Trainer for models that write: model(input, targets (N,T) without the last) scores the targets without the first.

    The model reads the true tokens so far and must say the next, so a whole sequence is one step. loss(scores (N,V,T-1),
    targets (N,T-1)), usually a cross-entropy that ignores padding. Source: Williams & Zipser 1989.
    """

    def train_step(self, batch: Any) -> float:
        scores, wanted = self._scores(batch)
        value = self.update(self.loss(scores, wanted))
        self.measure(scores, wanted)
        return value

    def evaluate_step(self, batch: Any) -> float:
        scores, wanted = self._scores(batch)
        self.measure(scores, wanted)
        return float(self.loss(scores, wanted))

    def _scores(self, batch: Any) -> tuple[Any, Any]:
        inputs, targets = pair(batch)
        return self.forward(inputs, targets[:, :-1]), targets[:, 1:]
