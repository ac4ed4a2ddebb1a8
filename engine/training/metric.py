"""Metric, the base class of metrics, and what metrics share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from ..errors import CheckpointError, DTypeError, LabelError, ShapeError
from ..ops.loss_checks import reshaped
from ..optim.docstrings import inherit_docstrings

HostArray: TypeAlias = np.ndarray[Any, Any]


class Metric:
    """Base class of metrics: numbers that are computed over many batches, as if they were one.

    A subclass sets ``name``, the column in the history, and ``counts``, the names of the attributes that ``reset`` sets; these
    are saved with a training's state.

    Examples
    --------
    >>> class Largest(dl.training.Metric):
    ...     name, counts = "largest", ("value",)
    ...
    ...     def reset(self):
    ...         self.value = 0.0
    ...
    ...     def update(self, outputs, targets):
    ...         self.value = max(self.value, float(dl.max(dl.abs(outputs - targets))))
    ...
    ...     def compute(self):
    ...         return self.value
    ...
    ...     def merge(self, states):
    ...         self.value = max(state["value"] for state in states)
    >>> metric = Largest()
    >>> metric.reset()
    >>> metric.update(dl.asarray([1.0, 2.0]), dl.asarray([1.5, 2.0]))
    >>> metric.compute()
    0.5
    """

    name: str
    counts: tuple[str, ...]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        inherit_docstrings(cls)

    def reset(self) -> None:
        """Forget all batches."""
        raise NotImplementedError

    def update(self, outputs: Any, targets: Any) -> None:
        """Update the metric with one batch.

        Parameters
        ----------
        outputs : Tensor or array
            The outputs of the model.
        targets : Tensor or array
            The targets.
        """
        raise NotImplementedError

    def compute(self) -> Any:
        """Compute the metric over all batches since the last reset.

        Returns
        -------
        float
            The value; NaN if there was no sample. Some metrics return an array.
        """
        raise NotImplementedError

    def merge(self, states: Sequence[Mapping[str, Any]]) -> None:
        """Take what several processes have counted of one set of data; here the counts are added.

        A metric whose counts are no sums overrides it, as one that keeps a maximum.

        Parameters
        ----------
        states : sequence of dict
            The ``state_dict()`` of each process.
        """
        for name in self.counts:
            setattr(self, name, _added([state[name] for state in states]))

    def state_dict(self) -> dict[str, Any]:
        """Return what was counted so far.

        Returns
        -------
        dict
            What ``load_state_dict`` takes.
        """
        return {name: getattr(self, name) for name in self.counts}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a ``state_dict()``.

        Parameters
        ----------
        state : dict
            The state.

        Raises
        ------
        CheckpointError
            If the state does not fit; then nothing has changed.
        """
        kind = type(self).__name__
        if not isinstance(state, Mapping):
            raise CheckpointError(f"{kind}: not the state of a metric: expected a mapping, got {type(state).__name__}")
        missing = [name for name in self.counts if name not in state]
        if missing:
            raise CheckpointError(f"{kind}: the state lacks {', '.join(missing)}")
        found = {name: _read_like(f"{kind}: {name}", getattr(self, name), state[name]) for name in self.counts}
        for name, value in found.items():
            setattr(self, name, value)


def _read_like(what: str, own: Any, value: Any) -> Any:
    """An entry of a state, checked to be like the metric's own: a number, a list of equal length, or an array of equal rank."""
    if isinstance(own, np.ndarray):
        found = host(value) if hasattr(value, "shape") else None
        if found is None or found.ndim != own.ndim or found.dtype.kind not in "iuf":
            raise CheckpointError(f"{what} of the state must be an array with {own.ndim} axes, got {type(value).__name__}")
        return found.copy()
    if isinstance(own, list):
        if not isinstance(value, list | tuple) or len(value) != len(own):
            raise CheckpointError(f"{what} of the state must be a list of {len(own)}, got {value!r:.60}")
        return [_read_like(what, mine, v) for mine, v in zip(own, value, strict=True)]
    if isinstance(own, int | float) and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise CheckpointError(f"{what} of the state must be a number, got {value!r:.60}")
    return value


def _added(counts: list[Any]) -> Any:
    """The sum of numbers or arrays, or of each element of lists."""
    if isinstance(counts[0], list):
        return [_added(list(column)) for column in zip(*counts, strict=True)]
    return sum(counts[1:], start=counts[0])


def host(values: Any) -> HostArray:
    """The values of a tensor or array as a NumPy array."""
    array: HostArray = values.numpy_copy() if hasattr(values, "numpy_copy") else np.asarray(values)
    return array


def scores_and_labels(outputs: Any, targets: Any, ignore_index: int) -> tuple[HostArray, HostArray]:
    """Reshape scores (N,V,*S) and labels (N,*S) to (M,V) and (M,), without the labels to ignore.

    Raises ShapeError, DTypeError for labels that are not integers, and LabelError for a label that is not a class.
    """
    scores, labels = host(outputs), host(targets)
    if scores.ndim != labels.ndim + 1 or scores.shape[:1] + scores.shape[2:] != labels.shape:
        told = f"got {scores.shape} and {labels.shape}{reshaped(labels.shape, scores.shape)}"
        raise ShapeError(f"metric: scores must be (N,V,*S) for labels (N,*S), {told}")
    rows, flat = np.moveaxis(scores, 1, -1).reshape(-1, scores.shape[1]), labels.reshape(-1)
    if flat.dtype.kind not in "iub":
        raise DTypeError(f"metric: labels must be integers (class numbers), got {labels.dtype}; use astype(dl.int64)")
    kept = flat != ignore_index
    rows, flat = (rows, flat.astype(np.int64)) if kept.all() else (rows[kept], flat[kept].astype(np.int64))
    _check_classes(flat, rows.shape[1])
    return rows, flat


def _check_classes(labels: HostArray, classes: int) -> None:
    """Raise LabelError for a label that is not a class: NumPy would count a negative one from the end."""
    wrong = labels[(labels < 0) | (labels >= classes)]
    if wrong.size:
        raise LabelError(f"metric: label {wrong[0]} is no class; expected 0 <= label < {classes}, or ignore_index")


class Average:
    """A mean of the means of batches, each weighted by the number of samples."""

    def __init__(self, total: float = 0.0, count: int = 0) -> None:
        self.total, self.count = total, count

    def update(self, value: float, samples: int) -> None:
        """Update the average with the mean of some samples."""
        self.total += value * samples
        self.count += samples

    def compute(self) -> float:
        """The mean over all samples; NaN if there are none."""
        return self.total / self.count if self.count else float("nan")

    def state_dict(self) -> list[Any]:
        """The arguments of an equal Average."""
        return [self.total, self.count]


def add_to(averages: dict[str, Average], values: dict[str, float], samples: int) -> None:
    """Update averages with the values of one batch."""
    for name, value in values.items():
        averages.setdefault(name, Average()).update(value, samples)


def means(averages: dict[str, Average]) -> dict[str, float]:
    """The averages so far."""
    return {name: a.compute() for name, a in averages.items()}
