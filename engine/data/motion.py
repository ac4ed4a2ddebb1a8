"""Paths of a vehicle, generated from rules and random numbers, as windows of a time series."""

from __future__ import annotations

import numpy as np

from ..default_dtype import get_default_dtype
from ..errors import ConfigError
from ..generator import Generator, default_generator
from ..typing import DTypeLike
from .dataset import ArrayDataset
from .host_random import integers, normal, uniform
from .synthetic import cos_sin

MOTIONS = ("straight", "left turn", "right turn", "zigzag", "braking")


def trajectories(
    n: int, length: int = 32, noise: float = 0.01, generator: Generator | None = None, *, dtype: DTypeLike | None = None
) -> ArrayDataset:
    """Generate paths of a vehicle, labelled by manoeuvre.

    A path is the sum of steps ``speed(t) * (cos, sin)(heading(t))``, of total length at most 1, plus normal noise. Each path has
    a random speed and sharpness. Coordinates are relative to the start and its first direction.

    Parameters
    ----------
    n : int
        Number of paths.
    length : int, default 32
        Steps T of a path, at least 4.
    noise : float, default 0.01
        Standard deviation of the noise.
    generator : Generator, optional
        Source of the random numbers, by default the default generator.
    dtype : dtype, optional
        Dtype of the paths, by default the default dtype.

    Returns
    -------
    ArrayDataset
        Paths (n, T, 2), x and y; labels (n,), int64: straight, left turn, right turn, zigzag, braking.

    Raises
    ------
    ConfigError
        If ``n`` or ``length`` is too small.

    Examples
    --------
    >>> paths = dl.data.trajectories(10)
    >>> paths.arrays[0].shape
    (10, 32, 2)
    >>> paths.classes[0]
    'straight'
    """
    if n < 0 or length < 4:
        raise ConfigError(f"trajectories: n must be at least 0 and length at least 4, got {n} and {length}")
    source = generator or default_generator
    kind = integers(source, 0, len(MOTIONS), n)
    speed, sharp, wave, stop = uniform(source, (4, n, 1))
    time = np.arange(length) / length
    turned = (0.08 + 0.17 * sharp) * time  # in full circles: up to a quarter
    zigzag = (0.08 + 0.05 * sharp) * cos_sin((1.5 + 0.5 * wave) * time)[1]
    k = kind[:, None]
    heading = np.where(k == 1, turned, 0.0) - np.where(k == 2, turned, 0.0) + np.where(k == 3, zigzag, 0.0)
    brake = np.clip(1 - time / (0.3 + 0.3 * stop), 0.0, 1.0)
    pace = (0.7 + 0.3 * speed) * np.where(k == 4, brake, 1.0) / length
    cos, sin = cos_sin(heading)
    path = np.cumsum(np.stack([pace * cos, pace * sin], axis=2), axis=1) + noise * normal(source, (n, length, 2))
    return ArrayDataset(path.astype(np.dtype(dtype or get_default_dtype())), kind, classes=MOTIONS)
