"""Windows over sequences: of time series to predict from, and of text for language models; and their normalisation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import CheckpointError, ConfigError, DataError, ShapeError
from ..ops.creation import asarray
from .dataset import ArrayDataset, Dataset
from .draws import HostArray


def sliding_windows(series: Any, length: int, horizon: int = 1, stride: int = 1) -> ArrayDataset:
    """Every stretch of a series with what follows it: inputs (M,length,F), targets (M,horizon,F).

    series (T,) or (T,F); F is 1 for (T,). A new window begins every `stride` steps. Views, not copies.
    Raises DataError if not one window fits.
    """
    values = _series("sliding_windows", series)
    if min(length, horizon, stride) < 1:
        raise ConfigError(f"sliding_windows: length, horizon and stride must be at least 1, got {length}, {horizon}, {stride}")
    if len(values) < length + horizon:
        raise DataError(f"sliding_windows: {len(values)} steps are fewer than length {length} and horizon {horizon} together")
    views = np.lib.stride_tricks.sliding_window_view(values, length + horizon, axis=0)[::stride].swapaxes(1, 2)
    return ArrayDataset(views[:, :length], views[:, length:])


def chronological_split(series: Any, fraction: float) -> tuple[HostArray, HostArray]:
    """The beginning of a series, this fraction of its steps, and the rest: a forecast may not be trained on the future."""
    values = np.asarray(series)
    cut = round(fraction * len(values))
    if not 0 < cut < len(values):
        raise DataError(f"chronological_split: {fraction} of {len(values)} steps leaves a part empty")
    return values[:cut], values[cut:]


@dataclass(frozen=True)
class Scaling:
    """x -> (x - shift) / scale, feature by feature, and back; fitted on the training part alone."""

    shift: HostArray
    scale: HostArray

    @classmethod
    def standard(cls, series: Any) -> Scaling:
        """To mean 0 and standard deviation 1 over the steps of (T,) or (T,F); a constant feature only to mean 0."""
        values = np.asarray(series, dtype=np.float64)
        _series("Scaling", values)
        return cls(values.mean(axis=0), _nonzero(values.std(axis=0)))

    @classmethod
    def min_max(cls, series: Any, low: float = 0.0, high: float = 1.0) -> Scaling:
        """To the range from low to high over the steps of (T,) or (T,F)."""
        values = np.asarray(series, dtype=np.float64)
        _series("Scaling", values)
        scale = _nonzero(np.ptp(values, axis=0)) / (high - low)
        return cls(values.min(axis=0) - low * scale, scale)

    def apply(self, x: Any) -> HostArray:
        """Scaled values, of the dtype of floating x."""
        return self._kept(x, (np.asarray(x) - self.shift) / self.scale)

    def invert(self, x: Any) -> HostArray:
        """Scaled values back in the series' own unit."""
        return self._kept(x, np.asarray(x) * self.scale + self.shift)

    @staticmethod
    def _kept(x: Any, result: Any) -> HostArray:
        dtype = np.asarray(x).dtype
        return np.asarray(result, dtype=dtype if dtype.kind == "f" else np.float64)


class TextWindows(Dataset):
    """Stretches of a sequence of numbers (T,), each with the same one step later: what a language model learns.

    Sample i: numbers[s : s+length] and numbers[s+1 : s+length+1], s = i * stride; stride: by default length. Nothing is copied.
    """

    def __init__(self, numbers: Any, length: int, stride: int | None = None) -> None:
        self.numbers = _sequence("TextWindows", numbers, length)
        self.length, self.stride = length, length if stride is None else stride
        if length < 1 or self.stride < 1:
            raise ConfigError(f"TextWindows: length and stride must be at least 1, got {length}, {self.stride}")

    def __len__(self) -> int:
        return (len(self.numbers) - 1 - self.length) // self.stride + 1

    def __getitem__(self, index: int) -> tuple[HostArray, HostArray]:
        if not -len(self) <= index < len(self):
            raise IndexError(f"TextWindows: {index} of {len(self)} windows")
        start = index % len(self) * self.stride
        return self.numbers[start : start + self.length], self.numbers[start + 1 : start + self.length + 1]

    def batch(self, rows: Any) -> tuple[HostArray, ...]:
        """The windows with these numbers: inputs (N,T), targets (N,T)."""
        starts = np.asarray(rows, dtype=np.int64) * self.stride
        places = starts[:, None] + np.arange(self.length + 1)
        found = self.numbers[places]
        return found[:, :-1], found[:, 1:]


class ContiguousBatches:
    """Batches for truncated back-propagation: row n of a batch goes on where row n of the batch before ended.

    numbers (T,) are cut into N rows; iterating gives tensors, inputs (N,length) and targets (N,length), the last ones maybe
    shorter, so that a recurrent state carried from batch to batch stays true. What does not fill a row is left out.
    state_dict() taken inside an epoch resumes after the batch last given (the recurrent state is the caller's to save).
    """

    def __init__(self, numbers: Any, batch_size: int, length: int, device: str | None = None) -> None:
        if batch_size < 1 or length < 1:
            raise ConfigError(f"ContiguousBatches: batch_size and length must be at least 1, got {batch_size}, {length}")
        values = _sequence("ContiguousBatches", numbers, batch_size)
        steps = (len(values) - 1) // batch_size
        self.inputs = values[: steps * batch_size].reshape(batch_size, steps)
        self.targets = values[1 : steps * batch_size + 1].reshape(batch_size, steps)
        self.length, self.device = length, device
        self._given = 0
        self._resume = 0

    def __len__(self) -> int:
        return -(-self.inputs.shape[1] // self.length)

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        skip, self._resume = self._resume, 0
        for i in range(skip, len(self)):
            stretch = slice(i * self.length, (i + 1) * self.length)
            self._given = i + 1
            yield asarray(self.inputs[:, stretch], device=self.device), asarray(self.targets[:, stretch], device=self.device)
        self._given = 0

    def state_dict(self) -> dict[str, Any]:
        """How many batches of this epoch have been given."""
        return {"batches": self._given}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue after the batch last given. Raises CheckpointError for what is no such state."""
        given = state.get("batches") if isinstance(state, dict) else None
        if isinstance(given, bool) or not isinstance(given, int) or not 0 <= given <= len(self):
            raise CheckpointError(f"ContiguousBatches: not a state of these {len(self)} batches: {state!r}")
        self._given = self._resume = given


def _series(name: str, series: Any) -> HostArray:
    values = np.asarray(series)
    if values.ndim not in (1, 2) or not values.size or values.dtype.kind not in "iuf":
        raise ShapeError(f"{name}: expected a series (T,) or (T,F) of numbers, got {values.dtype} {values.shape}")
    if not np.isfinite(values).all():
        raise DataError(f"{name}: the series has values that are not finite")
    return values[:, None] if values.ndim == 1 else values


def _sequence(name: str, numbers: Any, least: int) -> HostArray:
    values = np.asarray(numbers)
    if values.ndim != 1 or values.dtype.kind not in "iu" or len(values) <= least:
        raise DataError(f"{name}: expected more than {least} integers (T,), got {values.dtype} {values.shape}")
    return values


def _nonzero(scale: HostArray) -> HostArray:
    return np.where(scale > 0, scale, 1.0)
