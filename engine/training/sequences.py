"""Training on sequences: truncated backpropagation through time, and teacher forcing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..autograd.base import TensorBase
from ..errors import ConfigError, ShapeError
from .metric import Average
from .trainer import Trainer
from .trainer_arguments import pair

if TYPE_CHECKING:
    from .._tensor import Tensor


def detach(state: Any) -> Any:
    """Detach the tensors of a state from the graph, so that no gradient flows into its past.

    Parameters
    ----------
    state : Tensor, or tuple, list or dict of states
        The state of a recurrent network. None stays None.

    Returns
    -------
    Any
        The same nest with detached tensors, which share the memory of the given ones.

    Examples
    --------
    >>> w = dl.asarray([2.0]).requires_grad_()
    >>> h, c = dl.training.detach((w * 3.0, None))
    >>> h.requires_grad, c
    (False, None)
    """
    if isinstance(state, TensorBase):
        return state.detach()  # type: ignore[attr-defined]
    if isinstance(state, (tuple, list)):
        return type(state)(detach(s) for s in state)
    if isinstance(state, dict):
        return {k: detach(v) for k, v in state.items()}
    return state


def segments(parts: tuple[Tensor, ...], length: int, axis: int = 0) -> Iterator[tuple[Tensor, ...]]:
    """Cut tensors into segments of ``length`` time steps.

    Parameters
    ----------
    parts : tuple of Tensor
        Tensors with equally many time steps, shape (T,...), or (N,T,...) with ``axis`` 1.
    length : int
        The number of time steps in a segment; the last may be shorter.
    axis : int
        The time axis.

    Yields
    ------
    tuple of Tensor
        A segment of each tensor.

    Raises
    ------
    ShapeError
        If the tensors differ in the number of time steps.

    Examples
    --------
    >>> x, y = dl.arange(5), dl.arange(5) + 1
    >>> [(a.tolist(), b.tolist()) for a, b in dl.training.segments((x, y), 2)]
    [([0, 1], [1, 2]), ([2, 3], [3, 4]), ([4], [5])]
    """
    if length < 1:
        raise ConfigError(f"segments: length must be at least 1, got {length}")
    lengths = {p.shape[axis] for p in parts}
    if len(lengths) != 1:
        raise ShapeError(f"segments: the parts have {sorted(lengths)} steps along axis {axis}")
    for start in range(0, lengths.pop(), length):
        index = (slice(None),) * axis + (slice(start, start + length),)
        yield tuple(p[index] for p in parts)


class TruncatedBPTT(Trainer):
    """Train a recurrent model by truncated backpropagation through time: a step after every ``length`` time steps.

    The state is carried from one segment of a batch to the next, the gradient is not. ``model(input, state)`` returns
    ``(output, state)``; at the beginning of a batch the state is None. Batches are (input (T,N,...), target (T,N,...)), or
    (N,T,...) with ``axis`` 1. ``loss(output, target)`` gets a segment of both.

    Parameters
    ----------
    *args : Any
        Model, loss and optimizer, as for ``Trainer``.
    length : int
        The number of time steps in a segment.
    axis : int
        The time axis, 0 or 1.
    **options : Any
        The keyword arguments of ``Trainer``; ``accumulate`` must be 1.

    References
    ----------
    Williams and Peng, 1990, "An efficient gradient-based algorithm for on-line training of recurrent network trajectories".

    Examples
    --------
    >>> model = dl.nn.RNN(1, 1)
    >>> optimizer = dl.optim.SGD(model.parameters(), lr=0.1)
    >>> trainer = dl.training.TruncatedBPTT(model, dl.nn.MSELoss(), optimizer, length=4, progress=False)
    >>> history = trainer.fit([(dl.zeros((8, 2, 1)), dl.zeros((8, 2, 1)))], epochs=2)
    >>> len(history)
    2
    """

    def __init__(self, *args: Any, length: int, axis: int = 0, **options: Any) -> None:
        super().__init__(*args, **options)
        if length < 1 or axis not in (0, 1) or self.accumulate > 1:
            raise ConfigError("TruncatedBPTT: length must be at least 1, axis 0 or 1, and accumulate 1")
        self.length, self.axis, self.batch_axis = length, axis, 1 - axis

    def samples(self, batch: Any) -> int:
        return int(batch[0].shape[1 - self.axis])

    def train_step(self, batch: Any) -> float:
        return self._run(batch, True)

    def evaluate_step(self, batch: Any) -> float:
        return self._run(batch, False)

    def _run(self, batch: Any, train: bool) -> float:
        """Run over the segments of a batch; returns the mean loss."""
        average, state = Average(), None
        for x, y in segments(pair(batch), self.length, self.axis):
            outputs, state = self.forward(x, state)
            loss = self.loss(outputs, y)
            average.update(self.update(loss) if train else float(loss), x.shape[self.axis])
            self.measure(outputs, y)
            state = detach(state)
        return average.compute()


class TeacherForcing(Trainer):
    """Train a model that generates sequences: it reads the true tokens so far and predicts the next one.

    A batch is (input, targets (N,T)). ``model(input, targets[:, :-1])`` returns scores (N,V,T-1), which
    ``loss(scores, targets[:, 1:])`` compares, usually a cross-entropy that ignores padding. So all tokens of a sequence are
    trained in one step.

    Parameters
    ----------
    model : Module
        The model.
    loss : callable
        A function or module of scores and targets.
    optimizer : Optimizer
        The optimizer.
    metrics : sequence of Metric or None
        The metrics of scores and targets; None is the accuracy for a loss of classes.
    scheduler : Scheduler or ReduceLROnPlateau or None
        A schedule that is stepped after each epoch.
    callbacks : sequence of Callback
        The callbacks, in the order in which they are called.
    batch_size : int
        The number of samples in a batch, for data sets that come without a loader.
    accumulate : int
        The number of batches whose gradients make one step.
    mixed : bool or MixedPrecision
        Run the model in half precision, where the device computes that faster.
    progress : bool
        Show a table with a row per epoch and a progress bar.
    capture : bool
        Not for this trainer, whose batches are its own.
    distributed : bool or Communicator
        Train on several ranks, each with a part of every batch.

    References
    ----------
    Williams and Zipser, 1989, "A learning algorithm for continually running fully recurrent neural networks".

    Examples
    --------
    >>> class Repeat(dl.nn.Module):
    ...     def __init__(self):
    ...         self.table = dl.nn.Embedding(5, 5)
    ...
    ...     def forward(self, source, tokens):
    ...         return dl.permute_dims(self.table(tokens), (0, 2, 1))
    >>> model = Repeat()
    >>> optimizer = dl.optim.SGD(model.parameters(), lr=0.1)
    >>> trainer = dl.training.TeacherForcing(model, dl.nn.CrossEntropyLoss(), optimizer, progress=False)
    >>> tokens = dl.asarray([[1, 2, 3], [1, 3, 4]])
    >>> history = trainer.fit([(tokens, tokens)])
    >>> sorted(trainer.evaluate([(tokens, tokens)]))
    ['accuracy', 'loss']
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

    def _scores(self, batch: Any) -> tuple[Tensor, Tensor]:
        """The scores of the next tokens, and these tokens."""
        inputs, targets = pair(batch)
        return self.forward(inputs, targets[:, :-1]), targets[:, 1:]
