"""Arrays of one's own: in memory, and in NPZ files with inputs and targets."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import ConfigError, DataError, ShapeError
from ...io import reading
from ..host_arrays import HostArray, convert
from ..images import npy_array
from .columns import columns_of
from .folders import regular_file
from .samples import CLASSIFICATION, FORECASTING, Samples
from .series import samples_of_series
from .table import Table, samples_of_columns, target_values

INPUTS = ("x", "X", "x_train", "data", "images", "inputs", "features", "arr_0")
TARGETS = ("y", "Y", "y_train", "labels", "targets", "target", "arr_1")
LARGEST_ARRAY = 2**31
"""Bytes of the largest array that is read from a file."""


def read_arrays(path: str | Path) -> Samples:
    """Read an NPZ file with inputs ``x`` and targets ``y``, or an NPY file with a table whose last column is the target.

    Nothing is unpickled.

    Parameters
    ----------
    path : str or Path
        The file, as ``numpy.savez(path, x=..., y=...)`` writes it.

    Returns
    -------
    Samples
        Images for inputs (N, H, W), (N, C, H, W) or (N, H, W, C), else a table.

    Raises
    ------
    DataError
        If the file is damaged, or has no such arrays.

    Examples
    --------
    >>> np.savez("points.npz", x=np.zeros((4, 3)), y=np.array([0, 1, 0, 1]))
    >>> samples = dl.data.read_arrays("points.npz")
    >>> samples.kind, samples.task
    ('table', 'classification')
    """
    path = regular_file(path)
    if path.suffix.lower() == ".npy":
        with reading(path, DataError, "numpy.save writes one", what="not a readable NPY file"), open(path, "rb") as file:
            values = npy_array(file, path.stat().st_size, LARGEST_ARRAY)
        if values.ndim != 2 or values.shape[1] < 2:
            raise DataError(f"{path}: expected a table (N, columns) with the target as the last column, got shape {values.shape}")
        return samples_of_arrays(values[:, :-1], values[:, -1], name=str(path))
    arrays = _npz(path)
    x = next((arrays[k] for k in INPUTS if k in arrays), None)
    y = next((arrays[k] for k in TARGETS if k in arrays), None)
    if x is None or y is None:
        raise DataError(
            f"{path}: expected arrays x and y, got {', '.join(arrays) or 'none'}; numpy.savez(path, x=..., y=...) writes them"
        )
    return samples_of_arrays(x, y, name=str(path))


def _npz(path: Path) -> dict[str, HostArray]:
    """The arrays of an NPZ file by name."""
    arrays = {}
    with reading(path, DataError, "numpy.savez writes one", what="not a readable NPZ file"), zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            if entry.file_size > LARGEST_ARRAY:
                raise DataError(
                    f"{entry.filename} unpacks to {entry.file_size:,} bytes, of which at most {LARGEST_ARRAY:,} are read"
                )
            if entry.filename.endswith(".npy"):
                with archive.open(entry) as file:
                    arrays[entry.filename.removesuffix(".npy")] = npy_array(file, entry.file_size, LARGEST_ARRAY)
    return arrays


def samples_of_arrays(
    x: Any, y: Any = None, *, task: str | None = None, target: str | None = None, group: str | None = None,
    horizon: int | None = None, name: str = "data",
) -> Samples:  # fmt: skip
    """Samples of arrays, lists, or data frames in memory.

    Parameters
    ----------
    x : array_like, list of str, dict or data frame
        Features (N, F), images (N, H, W), (N, C, H, W) or (N, H, W, C), texts (N,), columns, or a series (N,) without ``y``.
    y : array_like, optional
        Targets (N,): classes or numbers. Without, ``x`` has columns, one of them the target, or is a series.
    task : {"classification", "regression", "forecasting"}, optional
        By default as the targets tell.
    target : str, optional
        The column to predict, if ``x`` has columns.
    group : str, optional
        The column of the groups, if ``x`` has columns.
    horizon : int, optional
        The number of steps to forecast, if ``x`` is a series.
    name : str
        What messages call the data.

    Returns
    -------
    Samples
        The samples.

    Raises
    ------
    DataError
        If the arrays cannot be used, or have missing targets.
    ShapeError
        If ``x`` and ``y`` have different lengths.

    Examples
    --------
    >>> samples = dl.data.samples_of_arrays(np.zeros((6, 8, 8)), ["a", "b"] * 3)
    >>> samples.kind, samples.inputs.shape
    ('images', (6, 1, 8, 8))
    """
    columns = columns_of(x)
    if horizon is not None and (columns is not None or y is not None):
        raise ConfigError(f"{name}: horizon goes with a series, which has no targets")
    if columns is None and (target is not None or group is not None):
        raise ConfigError(f"{name}: target and group name columns: give a data frame or a dict of columns")
    if columns is not None:
        if y is not None:
            columns = {**columns, "y": list(y)}
            target = "y"
        n = len(next(iter(columns.values()), []))
        if any(len(v) != n for v in columns.values()):
            raise ShapeError(f"{name}: columns of different lengths: { {k: len(v) for k, v in columns.items()} }")
        places = [f"{name}: row {i}" for i in range(n)]
        return samples_of_columns(name, columns, places, ".", [], {"target": target, "task": task, "group": group})
    kind, inputs, settings = _inputs(x, name)
    places = [f"{name}[{i}]" for i in range(len(inputs))]
    if y is None:
        if task in (None, FORECASTING) and kind == "series":
            values = inputs.astype(np.float64)
            return samples_of_series(values, None, "step", places, [], {"target": "value", "horizon": horizon})
        raise DataError(f"{name}: targets are missing; call it with x and y")
    if kind == "series":
        kind, inputs = "table", _table(np.asarray(inputs)[:, None])
    if len(y) != len(inputs):
        raise ShapeError(f"{name}: {len(inputs)} inputs and {len(y)} targets")
    if task == FORECASTING:
        raise ConfigError(f"{name}: forecasting takes a series alone, without targets")
    given = convert(y, f"{name}: the targets", "expected a list of classes or numbers")
    if given.ndim == 2 and given.shape[1] == 1:
        given = given[:, 0]
    if given.ndim != 1:
        raise ShapeError(
            f"{name}: targets must be (N,), got {given.shape}{': argmax(axis=1) of one-hot rows?' if given.ndim == 2 else ''}"
        )
    if given.dtype.kind == "f" and not np.isfinite(given).all():
        raise DataError(f"{name}: target {int(np.flatnonzero(~np.isfinite(given))[0])} is {given[~np.isfinite(given)][0]}")
    if task is None and given.dtype.kind in "bU":
        task = CLASSIFICATION
    targets, found = target_values(f"{name}: target", list(given), ".", task, places)
    return Samples(kind, inputs, found, targets, places, settings=settings)


def _inputs(x: Any, name: str) -> tuple[str, Any, dict[str, Any]]:
    """The kind of inputs in memory, in the form that samples have."""
    if isinstance(x, Sequence) and not isinstance(x, str) and len(x) and all(isinstance(v, str) for v in x):
        return "texts", list(x), {}
    array = convert(x, f"{name}: a {type(x).__name__} that", "expected arrays of one shape, or texts")
    if array.dtype.kind in "UO":
        if array.ndim == 1 and all(isinstance(v, str) for v in array):
            return "texts", [str(v) for v in array], {}
        raise DataError(
            f"{name}: expected numbers or texts, got an array of {array.dtype} {array.shape}; give mixed columns as a dict"
        )
    if array.ndim == 0 or not array.size:
        raise DataError(f"{name}: no samples in an array of shape {array.shape}")
    if array.dtype.kind not in "biuf":
        raise DataError(f"{name}: expected real numbers, got {array.dtype}")
    if array.ndim == 1:
        return "series", array, {}
    if array.ndim == 2:
        return "table", _table(array), {}
    if array.ndim in (3, 4):
        return "images", image_array(array, name), {"size": None}
    raise DataError(f"{name}: expected (N,F), (N,H,W) or (N,C,H,W), got shape {array.shape}")


def _table(array: HostArray) -> Table:
    """The columns of an array of numbers (N, F); infinite values are gaps."""
    values = array.astype(np.float64)
    values[np.isinf(values)] = np.nan
    names = [f"x{k}" for k in range(values.shape[1])]
    return Table({name: values[:, k] for k, name in enumerate(names)}, dict.fromkeys(names, "number"))


def image_array(array: HostArray, name: str) -> HostArray:
    """Images (N,C,H,W) as bytes where the values are bytes, else as float32."""
    if array.ndim == 3:
        array = array[:, None]
    elif array.shape[3] in (1, 3) and array.shape[1] not in (1, 3):
        array = array.transpose(0, 3, 1, 2)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise DataError(f"{name}: images have values that are not finite")
    if array.dtype.kind in "iu" and array.min() >= 0 and array.max() <= 255:
        return np.ascontiguousarray(array, dtype=np.uint8)
    return np.ascontiguousarray(array, dtype=np.float32)
