"""TrainerEvaluation, the base of Trainer that reads data: loaders, evaluation and prediction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ..autograd.base import no_grad
from ..data import DataLoader, Dataset
from ..data.adapt import as_dataset, holds_samples, is_dataset
from ..data.host_arrays import HostArray
from ..errors import ConfigError, DataError
from .metric import Average, Metric, add_to, host, means
from .trainer_arguments import WRAP_ARRAYS, describe, prediction_batches
from .trainer_steps import TrainerSteps, by_name


class TrainerEvaluation(TrainerSteps):
    """What a trainer does with data besides training on them."""

    batch_size: int

    def make_loader(self, data: Any, shuffle: bool) -> Any:
        """Make a loader of a data set; other iterables of batches are returned as they are.

        Parameters
        ----------
        data : Dataset, DataLoader or iterable of batches
            The data.
        shuffle : bool
            Whether the samples of a data set come in a new order in every epoch.

        Returns
        -------
        iterable
            The batches.
        """
        if is_dataset(data) or (type(self).train_step is TrainerSteps.train_step and holds_samples(data)):
            data = as_dataset(data)
            first = next(self.model.parameters(), None)
            device = None if first is None or first.device == "cpu" else first.device
            return DataLoader(data, self.batch_size, shuffle and isinstance(data, Dataset), device=device)
        if not isinstance(data, Iterable):
            raise ConfigError(f"fit: expected a Dataset or an iterable of batches, got {describe(data)}; {WRAP_ARRAYS}")
        return data

    def evaluate(self, data: Any, metrics: Sequence[Metric] | None = None) -> dict[str, Any]:
        """Compute the loss and the metrics over data, with the model in evaluation mode and without gradients.

        With ``distributed`` all ranks call it together, each evaluates a part of every batch, and all get the same result.

        Parameters
        ----------
        data : Dataset, DataLoader or iterable of batches
            The data.
        metrics : sequence of Metric or None
            Metrics that are computed instead of the trainer's own.

        Returns
        -------
        dict
            The loss and the metrics by name.

        Raises
        ------
        DataError
            If the data gives no batch.
        """
        own, mode, given = self.metrics, self.model.training, False
        used = own if metrics is None else list(metrics)
        averages: dict[str, Average] = {}
        for metric in used:
            metric.reset()
        self.model.eval()
        self.metrics = used  # which measure() updates
        try:
            with no_grad():
                for batch, part in self._ranks.divided(self.make_loader(data, shuffle=False), self.batch_axis):
                    with self._ranks.computing(part):
                        values, given = by_name(self.evaluate_step(batch)), True
                    samples = self.samples(batch) if part is None else part.stop - part.start
                    add_to(averages, *self._ranks.totals(values, samples))
            self._ranks.merge(used)
        finally:
            self.metrics = own
            self.model.train(mode)
        if not given:
            raise DataError("evaluate: the data gave no batch: they are empty, or an iterator that is used up")
        return {**means(averages), **{m.name: m.compute() for m in used}}

    def predict(self, x: Any) -> HostArray:
        """Compute the outputs of the model, in evaluation mode and without gradients.

        Parameters
        ----------
        x : array_like, Dataset, DataLoader or iterable of batches
            Inputs (N,...); of pairs (input, target), the inputs.

        Returns
        -------
        numpy.ndarray
            Outputs (N,...): scores for a model with a loss of classes.

        Examples
        --------
        >>> model = dl.nn.Linear(2, 3)
        >>> optimizer = dl.optim.SGD(model.parameters(), lr=0.1)
        >>> trainer = dl.training.Trainer(model, dl.nn.CrossEntropyLoss(), optimizer, progress=False)
        >>> trainer.predict(np.zeros((5, 2))).shape
        (5, 3)
        """
        batches = prediction_batches(x, self.model, self.make_loader)
        mode, found = self.model.training, list[HostArray]()
        self.model.eval()
        try:
            with no_grad():
                for batch in batches:
                    inputs = batch[0] if isinstance(batch, tuple | list) else batch
                    found.append(host(self.forward(inputs)))
        finally:
            self.model.train(mode)
        if not found:
            raise DataError("predict: there are no inputs: the data are empty, or an iterator that is used up")
        return np.concatenate(found)

    def _validate(self, validation: Any) -> dict[str, Any]:
        """Evaluate the validation data; after an error, the metrics are those of the training again."""
        trained = [dict(vars(m)) for m in self.metrics]  # reset() sets new values, so these stay as they are
        try:
            self._notify("on_validation_start")
            try:
                return self.evaluate(validation)
            finally:
                self._notify("on_validation_end")
        except BaseException:
            for metric, held in zip(self.metrics, trained, strict=True):
                vars(metric).update(held)
            raise
