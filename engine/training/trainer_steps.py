"""TrainerSteps, the base of Trainer for one batch: forward, backward, the step of the optimizer, and the metrics."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias, cast

from .._tensor.tensor import Tensor
from ..errors import ConfigError, DTypeError, GradientError
from ..generator import BatchPart, own_part
from ..ops.logic import isfinite
from ..optim import Optimizer
from .capture import CapturedStep, capture
from .late_values import LateValues
from .metric import Average
from .trainer_arguments import pair
from .trainer_state import TrainerState

StepValues: TypeAlias = float | dict[str, float]
"""What a step on one batch returns: the loss, or several values by name."""


class MicroBatch(NamedTuple):
    """One of the batches whose gradients are accumulated for a single step of the optimizer."""

    number: int = 0
    total: int = 1
    weight: float = 1.0  # its part of all samples of the step


class TrainerSteps(TrainerState):
    """What a trainer does with one batch; subclasses override these methods for other kinds of training."""

    accumulate: int
    """The number of batches whose gradients make one step of the optimizer."""

    loss: Any
    """A function or module of outputs and targets; None where an overridden train_step needs none."""

    batch_axis: int = 0
    """The axis of the samples in the tensors of a batch, along which it is divided among ranks."""

    _captured: CapturedStep | None = None
    """Forward, loss and gradients of a batch, where they are captured."""

    _late: tuple[LateValues, int] | None = None
    """Of the last captured step on a GPU, loss, outputs and targets, and the number of samples: not looked at yet."""

    _micro_batch = MicroBatch()
    """The micro-batch of the current train_step, for update(); no argument, since subclasses override train_step(batch)."""

    def train_step(self, batch: Any) -> StepValues:
        """Train on one batch: forward, ``update`` and ``measure``; override it for other kinds of training.

        Parameters
        ----------
        batch : tuple
            Input and target of the model; an override may take anything that the data gives.

        Returns
        -------
        float or dict of float
            The loss, or several values by name, which become columns of the history.
        """
        inputs, targets = pair(batch)
        if self._captured is not None and not _without_samples():
            return self._captured_step(inputs, targets) if self._device == "cpu" else self._graph_step(inputs, targets)
        outputs = self.forward(inputs)
        value = self.update(self.loss(outputs, targets))
        self.measure(outputs, targets)
        return value

    def evaluate_step(self, batch: Any) -> StepValues:
        """Evaluate one batch without training; override it together with ``train_step``.

        Parameters
        ----------
        batch : tuple
            Input and target of the model.

        Returns
        -------
        float or dict of float
            The loss, or several values by name.
        """
        inputs, targets = pair(batch)
        outputs = self.forward(inputs)
        self.measure(outputs, targets)
        return float(self.loss(outputs, targets))

    def samples(self, batch: Any) -> int:
        """Count the samples of a batch, by which its values are weighted.

        Parameters
        ----------
        batch : tuple, list, dict or Tensor
            The batch; the length of its first part counts.

        Returns
        -------
        int
            The number of samples.
        """
        if isinstance(batch, dict):
            batch = list(batch.values())
        return len(batch[0] if isinstance(batch, tuple | list) else batch)

    def forward(self, *inputs: Any) -> Any:
        """Run the model, in mixed precision if that is on.

        Parameters
        ----------
        *inputs : Any
            The inputs of the model.

        Returns
        -------
        Any
            The outputs of the model.
        """
        return self.model(*inputs) if self.mixed is None else self.mixed(*inputs)

    def measure(self, outputs: Any, targets: Any) -> None:
        """Update the metrics with one batch.

        Parameters
        ----------
        outputs : Tensor
            The outputs of the model.
        targets : Tensor
            The targets.
        """
        for metric in self.metrics:
            metric.update(outputs.detach() if hasattr(outputs, "detach") else outputs, targets)

    def update(self, loss: Any, name: str | None = None) -> float:
        """Compute the gradients of a loss and let an optimizer step.

        With ``accumulate`` above 1, the optimizer steps once for that many batches.

        Parameters
        ----------
        loss : Tensor
            A tensor of one number, shape ().
        name : str or None
            The name of the optimizer; None is the only one, or the first.

        Returns
        -------
        float
            The value of the loss.

        Raises
        ------
        GradientError
            If the loss is not finite.
        """
        optimizer = self.optimizer if name is None else self.optimizers[name]
        value = self._finite_value(loss)
        micro_batch = self._micro_batch
        if micro_batch.number == 0:
            optimizer.zero_grad()
        weighted = loss if micro_batch.weight == 1.0 else loss * micro_batch.weight
        last = micro_batch.number == micro_batch.total - 1
        with self._ranks.summing(name, micro_batch.number == 0, last):
            (weighted if self.mixed is None else self.mixed.scaler.scale(weighted)).backward()
        if last:
            self._step_optimizer(optimizer)
        return value

    def _finite_value(self, loss: Any) -> float:
        """The loss as a number. Raises DTypeError if it is not a tensor of one number, GradientError if it is not finite."""
        _require_number(loss)
        value = float(loss.detach())
        if _without_samples():
            return 0.0  # which counts nothing
        if not abs(value) < float("inf"):
            raise self._not_finite(value)
        return value

    def _not_finite(self, value: float) -> GradientError:
        return GradientError(
            f"fit: the loss became {value} in epoch {self.epoch + 1}; lower the learning rate, or look with dl.anomaly()"
        )

    # ------------------------------------------------------------------ captured
    def _capture(self) -> None:
        """Capture forward, loss and gradients of a batch. Raises ConfigError where something else is to be done for one."""
        own = type(self)
        for name in ("train_step", "forward", "update"):
            if getattr(own, name) is not getattr(TrainerSteps, name):
                raise ConfigError(f"Trainer: capture=True captures the trainer's own {name}(), which {own.__name__} overrides")
        if self.mixed is not None and self.mixed.enabled:
            raise ConfigError("Trainer: capture=True and mixed precision do not go together; leave one of them off")
        if len(self.optimizers) > 1:
            raise ConfigError("Trainer: capture=True takes one optimizer")
        first = next(self.model.parameters(), None)
        self._device = "cpu" if first is None else first.device
        if self._device != "cpu" and self.accumulate > 1:
            raise ConfigError(f"Trainer: capture=True on a GPU takes accumulate=1, got {self.accumulate}; use larger batches")
        on_gpu = _graph_gradients(self.model, self.loss, self.optimizer)
        self._captured = capture(_gradient_step(self.model, self.loss) if self._device == "cpu" else on_gpu)
        self._batch_shapes: Any = None

    def _captured_step(self, inputs: Any, targets: Any) -> float:
        """As train_step; the callbacks and the step of the optimizer are not part of what is captured."""
        micro_batch, step = self._micro_batch, cast(CapturedStep, self._captured)
        parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
        before = [p.grad for p in parameters]
        if micro_batch.number == 0:
            self.optimizer.zero_grad()
        try:
            loss, outputs = step(inputs, targets, micro_batch.weight)
        except _NotFiniteError as error:
            for p, gradient in zip(parameters, before, strict=True):
                p.grad = gradient
            raise self._not_finite(error.args[0]) from None
        if micro_batch.number == micro_batch.total - 1:
            self._ranks.sum_gradients(next(iter(self.optimizers)))
            self._step_optimizer(self.optimizer)
        self.measure(outputs, targets)
        return float(loss)

    def _graph_step(self, inputs: Any, targets: Any) -> dict[str, float]:
        """As train_step on a GPU, without waiting for it: the loss is read, checked and averaged when the next step is queued.

        A batch of another shape than the first, such as the last of an epoch, is not replayed.
        """
        step, shapes = cast(CapturedStep, self._captured), [(t.shape, t.dtype) for t in (inputs, targets)]
        self._batch_shapes = self._batch_shapes or shapes
        found = step(inputs, targets) if shapes == self._batch_shapes else step.step(inputs, targets)
        loss, outputs, gradients = found
        for p, gradient in zip(_parameters(self.optimizer), gradients, strict=True):
            p.grad = gradient
        late = LateValues(loss.detach(), *([outputs.detach(), targets] if self.metrics else []))
        self._step_optimizer(self.optimizer)
        self._settle()
        self._late = late, self.samples((inputs, targets))
        return {}

    def _settle(self) -> None:
        """Look at the last captured step. Raises GradientError if its loss was not finite."""
        if self._late is None:
            return
        (late, samples), self._late = self._late, None
        loss, *measured = late.read()
        if not abs(float(loss)) < float("inf"):
            raise self._not_finite(float(loss))
        if measured:
            self.measure(*measured)
        self._averages.setdefault("loss", Average()).update(float(loss), samples)

    def _step_optimizer(self, optimizer: Optimizer) -> None:
        """Let an optimizer step, with the callbacks before and after it."""
        if self.mixed is not None:
            self.mixed.scaler.unscale_(optimizer)
        self._notify("on_gradients", optimizer)
        if self.mixed is None:
            optimizer.step()
        else:
            self.mixed.scaler.step(optimizer)
            self.mixed.scaler.update()
        self._notify("on_step_end", optimizer)

    def _train_together(self, batches: Sequence[tuple[Any, BatchPart | None]]) -> Iterator[tuple[dict[str, float], int]]:
        """Train on the batches of one step of the optimizer; yields the values and the number of samples of each."""
        counts = [self.samples(b) if part is None else part.stop - part.start for b, part in batches]
        total = sum(n if part is None else part.total for n, (_, part) in zip(counts, batches, strict=True))
        for i, ((batch, part), n) in enumerate(zip(batches, counts, strict=True)):
            alone = len(batches) == 1 and part is None
            self._micro_batch = MicroBatch() if alone else MicroBatch(i, len(batches), n / total)
            try:
                with self._ranks.computing(part):
                    values = by_name(self.train_step(batch))
            finally:
                self._micro_batch = MicroBatch()
            if i == len(batches) - 1:
                self._ranks.require_sum(type(self))
            yield self._ranks.totals(values, n)

    def _notify(self, event: str, *values: Any) -> None:
        """Call the method of an event on every callback."""
        for callback in self.callbacks:
            getattr(callback, event)(self, *values)


class _NotFiniteError(Exception):
    """A loss that is not finite."""


def _without_samples() -> bool:
    """Whether this process has no sample of the batch, and computes with others for their sake alone."""
    part = own_part.get()
    return part is not None and part.stop == part.start


def _require_number(loss: Any) -> None:
    if not isinstance(loss, Tensor) or loss.shape != ():
        got = f"shape {loss.shape}" if isinstance(loss, Tensor) else f"a {type(loss).__name__}"
        raise DTypeError(f"fit: the loss must be a tensor of one number, got {got}; take its mean(), keep it in tensors")


def _gradient_step(model: Any, loss_of: Any) -> Any:
    """Forward, loss and gradients of one batch, as a function of nothing else."""

    def step(inputs: Any, targets: Any, weight: float) -> Any:
        outputs = model(inputs)
        loss = loss_of(outputs, targets)
        _require_number(loss)
        if not bool(isfinite(loss.detach())):
            raise _NotFiniteError(float(loss.detach()))
        (loss if weight == 1.0 else loss * weight).backward()
        return loss, outputs

    return step


def _parameters(optimizer: Optimizer) -> list[Any]:
    return [p for group in optimizer.param_groups for p in group["params"]]


def _graph_gradients(model: Any, loss_of: Any, optimizer: Optimizer) -> Any:
    """Forward, loss and gradients of one batch for a CUDA graph, which looks at no number and writes the same gradients again."""

    def step(inputs: Any, targets: Any) -> Any:
        optimizer.zero_grad()
        outputs = model(inputs)
        loss = loss_of(outputs, targets)
        _require_number(loss)
        loss.backward()
        return loss, outputs, [p.grad for p in _parameters(optimizer)]

    return step


def by_name(values: StepValues) -> dict[str, float]:
    """The values of a step by name."""
    return values if isinstance(values, dict) else {"loss": values}
