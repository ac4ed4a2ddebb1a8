"""What both estimators share: the network, its training, and the random numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

try:
    from sklearn.base import BaseEstimator
    from sklearn.utils import check_random_state
    from sklearn.utils.validation import check_is_fitted, validate_data
except ModuleNotFoundError as error:
    message = f"dlengine.sklearn needs scikit-learn 1.6 or newer ({error}); mend: pip install -U scikit-learn"
    raise ModuleNotFoundError(message, name=error.name) from None

from .. import nn, optim
from ..data import ArrayDataset, stratified_split
from ..errors import ConfigError
from ..fitting.train import outputs_for
from ..generator import Generator, default_generator
from ..models import MLP
from ..ops.reduce import sum as sum_of
from ..training import Callback, EarlyStopping, Trainer

if TYPE_CHECKING:
    from .._tensor import Tensor
    from ..data.host_arrays import HostArray

VALIDATION = 0.1
"""The share of samples that early stopping looks at."""


class _WeightedTrainer(Trainer):
    """A trainer for batches (input, target, weight); the loss has no reduction."""

    def _weighted(self, batch: Any) -> tuple[Tensor, Tensor]:
        inputs, targets, weights = batch
        outputs = self.forward(inputs)
        losses: Any = self.loss(outputs, targets)
        if losses.ndim > 1:
            losses = losses.mean(axis=tuple(range(1, losses.ndim)))
        return outputs, sum_of(losses * weights) / sum_of(weights)

    def train_step(self, batch: Any) -> float:
        outputs, loss = self._weighted(batch)
        value = self.update(loss)
        self.measure(outputs, batch[1])
        return value

    def evaluate_step(self, batch: Any) -> float:
        outputs, loss = self._weighted(batch)
        self.measure(outputs, batch[1])
        return float(loss)


class Estimator(BaseEstimator):  # type: ignore[misc]
    """What both estimators share; the arguments of the constructor are kept as they are, as scikit-learn wants it."""

    module_: nn.Module
    history_: list[dict[str, float]]
    _optimizer_state: Any

    def __init__(
        self,
        module: Any = (100,),
        *,
        max_epochs: int = 100,
        batch_size: int = 32,
        lr: float = 1e-3,
        early_stopping: int = 0,
        callbacks: Sequence[Callback] = (),
        random_state: Any = None,
    ) -> None:
        self.module = module
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.lr = lr
        self.early_stopping = early_stopping
        self.callbacks = callbacks
        self.random_state = random_state

    def _network(self, inputs: int, outputs: int) -> nn.Module:
        """A new network: of hidden layers, or what the module makes of the numbers of inputs and outputs."""
        if isinstance(self.module, nn.Module) or not (callable(self.module) or isinstance(self.module, tuple | list)):
            raise ConfigError(
                "module must be a function (inputs, outputs) -> Module or sizes of hidden layers such as (64, 64), got "
                f"{type(self.module).__name__}"
            )
        if callable(self.module):
            make: Any = self.module
            made: nn.Module = make(inputs, outputs)
            return made
        return MLP([inputs, *self.module, outputs])

    def _checked(self, X: Any, y: Any, reset: bool) -> tuple[HostArray, Any]:
        """Inputs as finite floats (N,F), or (N,...) for a module of one's own, and targets as they are."""
        checked: Any = validate_data(
            self, X, y, reset=reset, dtype=[np.float64, np.float32], y_numeric=False, multi_output=False,
            allow_nd=callable(self.module),
        )  # fmt: skip
        x, targets = checked
        return x, targets

    def _inputs(self, X: Any) -> HostArray:
        check_is_fitted(self)
        checked: Any = validate_data(self, X, reset=False, dtype=[np.float64, np.float32], allow_nd=callable(self.module))
        x: HostArray = checked
        return x

    @contextmanager
    def _seeded(self) -> Iterator[int]:
        """The random numbers of ``random_state`` during a block, which gets the seed; afterwards the generator is as before."""
        seed = int(check_random_state(self.random_state).randint(0, 2**31 - 1))
        before = default_generator.state_dict()
        default_generator.manual_seed(seed)
        try:
            yield seed
        finally:
            default_generator.load_state_dict(before)

    def _train(self, parts: tuple[HostArray, HostArray, HostArray], labels: HostArray | None, epochs: int, seed: int) -> None:
        """Train the network on inputs, targets and weights for so many epochs more."""
        model, loss = self.module_, self._loss()
        optimizer = optim.Adam(model.parameters(), lr=self.lr)
        if self._optimizer_state is not None:
            optimizer.load_state_dict(self._optimizer_state)
        kept = parts[2] > 0
        if not kept.any():
            raise ValueError("sample_weight: all weights are 0")
        dataset: Any = ArrayDataset(*(p[kept] for p in parts))
        validate, callbacks = None, list(self.callbacks)
        if self.early_stopping and self._optimizer_state is None:
            kinds = np.zeros(len(dataset), dtype=np.int64) if labels is None else labels[kept]
            dataset, validate = stratified_split(dataset, [1 - VALIDATION, VALIDATION], kinds, Generator(seed))
            if not len(validate):
                raise ValueError(f"early_stopping: {VALIDATION:.0%} of {len(dataset)} samples are none; give more samples, or 0")
            callbacks.append(EarlyStopping("val_loss", int(self.early_stopping)))
        trainer = _WeightedTrainer(
            model, loss, optimizer, metrics=[], callbacks=callbacks, batch_size=min(self.batch_size, len(dataset)), progress=False
        )
        trainer.fit(dataset, epochs=epochs, validate=validate)
        self._optimizer_state = optimizer.state_dict()
        self.history_ = [*self.history_, *trainer.history]
        self.n_iter_ = len(self.history_)

    def _begin(self, inputs: tuple[int, ...], outputs: int) -> None:
        """A new network, not yet trained."""
        self.module_ = self._network(inputs[0] if len(inputs) == 1 else int(np.prod(inputs)), outputs)
        self.module_.to("float32")
        self._optimizer_state = None
        self.history_ = []

    def _outputs(self, x: HostArray) -> HostArray:
        """The outputs of the network (N,O), float64."""
        values = x.astype(np.float32)
        return outputs_for(self.module_, lambda rows: values[rows], len(values)).astype(np.float64)

    def _loss(self) -> Any:
        raise NotImplementedError
