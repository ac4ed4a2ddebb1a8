"""Windows over sequences: of time series for forecasting, and of text for language models; and scaling of series."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .._tensor import Tensor
from ..errors import CheckpointError, ConfigError, DataError, ShapeError
from ..ops.conversion import asarray
from .dataset import ArrayDataset, Dataset
from .host_arrays import HostArray, Rows


def sliding_windows(series: ArrayLike, length: int, horizon: int = 1, stride: int = 1) -> ArrayDataset:
    """All windows of a time series, each with the steps that follow it.

    The arrays are views of the series, not copies.

    Parameters
    ----------
    series : array_like
        Series (T,) or (T, F). F is 1 for (T,).
    length : int
        Steps of an input window.
    horizon : int, default 1
        Steps to predict.
    stride : int, default 1
        Distance between the beginnings of windows.

    Returns
    -------
    ArrayDataset
        Inputs (M, length, F) and targets (M, horizon, F).

    Raises
    ------
    ConfigError
        If ``length``, ``horizon`` or ``stride`` is less than 1.
    DataError
        If no window fits.

    Examples
    --------
    >>> windows = dl.data.sliding_windows(np.arange(5.0), length=3)
    >>> inputs, targets = windows.arrays
    >>> inputs[..., 0]
    array([[0., 1., 2.],
           [1., 2., 3.]])
    >>> targets.ravel()
    array([3., 4.])
    """
    values = _require_series("sliding_windows", series)
    if min(length, horizon, stride) < 1:
        raise ConfigError(f"sliding_windows: length, horizon and stride must be at least 1, got {length}, {horizon}, {stride}")
    if len(values) < length + horizon:
        raise DataError(f"sliding_windows: {len(values)} steps are fewer than length {length} and horizon {horizon} together")
    views = np.lib.stride_tricks.sliding_window_view(values, length + horizon, axis=0)[::stride].swapaxes(1, 2)
    return ArrayDataset(views[:, :length], views[:, length:])


def chronological_split(series: ArrayLike, fraction: float) -> tuple[HostArray, HostArray]:
    """Split a series into its beginning and the rest, so that a forecast is not trained on the future.

    Parameters
    ----------
    series : array_like
        Series (T, ...).
    fraction : float
        Share of the steps in the first part.

    Returns
    -------
    past : numpy.ndarray
        The first ``round(fraction * T)`` steps.
    future : numpy.ndarray
        The other steps.

    Raises
    ------
    DataError
        If a part would be empty.

    Examples
    --------
    >>> dl.data.chronological_split([1, 2, 3, 4], 0.75)
    (array([1, 2, 3]), array([4]))
    """
    values = np.asarray(series)
    cut = round(fraction * len(values))
    if not 0 < cut < len(values):
        raise DataError(f"chronological_split: {fraction} of {len(values)} steps leaves a part empty")
    return values[:cut], values[cut:]


@dataclass(frozen=True)
class Scaling:
    """Scale each feature of a series, ``(x - shift) / scale``, and invert it.

    Fit it with ``standard`` or ``min_max`` on the training part only.

    Parameters
    ----------
    shift : numpy.ndarray
        Number subtracted from each feature (F,), or from a series (T,) a single number.
    scale : numpy.ndarray
        Divisor of each feature, in the same shape.

    Examples
    --------
    >>> scaling = dl.data.Scaling.min_max([10.0, 20.0, 30.0])
    >>> scaling.apply([15.0, 30.0])
    array([0.25, 1.  ])
    >>> scaling.invert([0.25])
    array([15.])
    """

    shift: HostArray
    scale: HostArray

    @classmethod
    def standard(cls, series: ArrayLike) -> Scaling:
        """Scaling to mean 0 and standard deviation 1 over the steps; constant features get mean 0 only.

        Parameters
        ----------
        series : array_like
            Series (T,) or (T, F).

        Returns
        -------
        Scaling
            The fitted scaling.
        """
        values = np.asarray(series, dtype=np.float64)
        _require_series("Scaling", values)
        return cls(values.mean(axis=0), _replace_zeros(values.std(axis=0)))

    @classmethod
    def min_max(cls, series: ArrayLike, low: float = 0.0, high: float = 1.0) -> Scaling:
        """Scaling to a range over the steps.

        Parameters
        ----------
        series : array_like
            Series (T,) or (T, F).
        low : float, default 0.0
            Result for the smallest value.
        high : float, default 1.0
            Result for the largest value.

        Returns
        -------
        Scaling
            The fitted scaling.
        """
        values = np.asarray(series, dtype=np.float64)
        _require_series("Scaling", values)
        scale = _replace_zeros(np.ptp(values, axis=0)) / (high - low)
        return cls(values.min(axis=0) - low * scale, scale)

    def apply(self, x: ArrayLike) -> HostArray:
        """Scale values.

        Parameters
        ----------
        x : array_like
            Values (..., F), or (...) for a series (T,).

        Returns
        -------
        numpy.ndarray
            Scaled values, with the dtype of floating ``x``, else float64.
        """
        return self._restore_dtype(x, (np.asarray(x) - self.shift) / self.scale)

    def invert(self, x: ArrayLike) -> HostArray:
        """Convert scaled values back to the unit of the series.

        Parameters
        ----------
        x : array_like
            Scaled values (..., F), or (...) for a series (T,).

        Returns
        -------
        numpy.ndarray
            Values in the unit of the series, with the dtype of floating ``x``, else float64.
        """
        return self._restore_dtype(x, np.asarray(x) * self.scale + self.shift)

    @staticmethod
    def _restore_dtype(x: ArrayLike, result: HostArray) -> HostArray:
        """The result in the dtype of floating x, else float64."""
        dtype = np.asarray(x).dtype
        return np.asarray(result, dtype=dtype if dtype.kind == "f" else np.float64)


class TextWindows(Dataset):
    """Windows of a sequence of numbers, each with the same window one step later, for language models.

    Sample ``i`` is ``numbers[s : s + length]`` and ``numbers[s + 1 : s + length + 1]`` with ``s = i * stride``. Nothing
    is copied.

    Parameters
    ----------
    numbers : array_like
        Integers (T,), such as encoded text.
    length : int
        Length of a window.
    stride : int, optional
        Distance between the beginnings of windows, by default ``length``.

    Raises
    ------
    DataError
        If the numbers are not more than ``length`` integers.
    ConfigError
        If ``length`` or ``stride`` is less than 1.

    Examples
    --------
    >>> windows = dl.data.TextWindows(np.arange(7), length=3)
    >>> windows[1]
    (array([3, 4, 5]), array([4, 5, 6]))
    """

    def __init__(self, numbers: ArrayLike, length: int, stride: int | None = None) -> None:
        self.numbers = _require_integers("TextWindows", numbers, length)
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

    def batch(self, rows: Rows) -> tuple[HostArray, HostArray]:
        """Several windows as one batch.

        Parameters
        ----------
        rows : sequence of int
            Window numbers (N,).

        Returns
        -------
        inputs : numpy.ndarray
            Windows (N, length).
        targets : numpy.ndarray
            The windows one step later (N, length).
        """
        starts = np.asarray(rows, dtype=np.int64) * self.stride
        places = starts[:, None] + np.arange(self.length + 1)
        found = self.numbers[places]
        return found[:, :-1], found[:, 1:]


class ContiguousBatches:
    """Batches for truncated back-propagation: row n of a batch continues row n of the batch before.

    The numbers are cut into N rows. Iterating gives tensors, inputs (N, length) and targets (N, length), the last ones possibly
    shorter, so that a recurrent state can be kept from batch to batch. Numbers that do not fill a row are left out. A
    ``state_dict`` taken inside an epoch resumes after the batch last given; saving the recurrent state is up to the caller.

    Parameters
    ----------
    numbers : array_like
        Integers (T,), such as encoded text.
    batch_size : int
        Rows N of a batch.
    length : int
        Steps of a batch.
    device : str, optional
        Device of the tensors, by default the default device.

    Raises
    ------
    ConfigError
        If ``batch_size`` or ``length`` is less than 1.
    DataError
        If the numbers are not more than N integers.

    Examples
    --------
    >>> batches = dl.data.ContiguousBatches(np.arange(9), batch_size=2, length=3)
    >>> [inputs.numpy().tolist() for inputs, targets in batches]
    [[[0, 1, 2], [4, 5, 6]], [[3], [7]]]
    """

    def __init__(self, numbers: ArrayLike, batch_size: int, length: int, device: str | None = None) -> None:
        if batch_size < 1 or length < 1:
            raise ConfigError(f"ContiguousBatches: batch_size and length must be at least 1, got {batch_size}, {length}")
        values = _require_integers("ContiguousBatches", numbers, batch_size)
        steps = (len(values) - 1) // batch_size
        self.inputs = values[: steps * batch_size].reshape(batch_size, steps)
        self.targets = values[1 : steps * batch_size + 1].reshape(batch_size, steps)
        self.length, self.device = length, device
        self._given = 0
        self._resume = 0

    def __len__(self) -> int:
        return -(-self.inputs.shape[1] // self.length)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        skip, self._resume = self._resume, 0
        for i in range(skip, len(self)):
            stretch = slice(i * self.length, (i + 1) * self.length)
            self._given = i + 1
            yield asarray(self.inputs[:, stretch], device=self.device), asarray(self.targets[:, stretch], device=self.device)
        self._given = 0

    def state_dict(self) -> dict[str, Any]:
        """The position in the epoch.

        Returns
        -------
        dict
            How many batches of this epoch have been given.
        """
        return {"batches": self._given}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue after the batch last given.

        Parameters
        ----------
        state : dict
            What ``state_dict`` returned.

        Raises
        ------
        CheckpointError
            If this is not the state of such batches.
        """
        given = state.get("batches") if isinstance(state, dict) else None
        if isinstance(given, bool) or not isinstance(given, int) or not 0 <= given <= len(self):
            raise CheckpointError(f"ContiguousBatches: not a state of these {len(self)} batches: {state!r}")
        self._given = self._resume = given


def _require_series(name: str, series: ArrayLike) -> HostArray:
    """A series as an array (T, F) of finite numbers. Raises ShapeError or DataError."""
    values = np.asarray(series)
    if values.ndim not in (1, 2) or not values.size or values.dtype.kind not in "iuf":
        raise ShapeError(f"{name}: expected a series (T,) or (T,F) of numbers, got {values.dtype} {values.shape}")
    if not np.isfinite(values).all():
        raise DataError(f"{name}: the series has values that are not finite")
    return values[:, None] if values.ndim == 1 else values


def _require_integers(name: str, numbers: ArrayLike, least: int) -> HostArray:
    """A sequence as an array of more than ``least`` integers. Raises DataError."""
    values = np.asarray(numbers)
    if values.ndim != 1 or values.dtype.kind not in "iu" or len(values) <= least:
        raise DataError(f"{name}: expected more than {least} integers (T,), got {values.dtype} {values.shape}")
    return values


def _replace_zeros(scale: HostArray) -> HostArray:
    """The scale with 1 in place of 0."""
    return np.where(scale > 0, scale, 1.0)
