"""Paths of a vehicle, made by rule and chance, as windows of a time series."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd.promotion import get_default_dtype
from ..errors import ConfigError
from ..generator import Generator, default_generator
from .dataset import ArrayDataset
from .draws import integers, normal, uniform
from .synthetic import cos_sin

MOTIONS = ("straight", "left turn", "right turn", "zigzag", "braking")


def trajectories(
    n: int, length: int = 32, noise: float = 0.01, generator: Generator | None = None, *, dtype: Any = None
) -> ArrayDataset:
    """Windows of paths (n,length,2), x and y seen from the start along its first direction, and what was done (n,).

    Labels: straight, left turn, right turn, zigzag, braking (see MOTIONS), each with its own speed and sharpness. The path
    is the sum of steps speed(t) (cos, sin)(heading(t)), as long as 1 at most, with normal noise added.
    """
    if n < 0 or length < 4:
        raise ConfigError(f"trajectories: n must be at least 0 and length at least 4, got {n} and {length}")
    source = generator or default_generator
    kind = integers(source, 0, len(MOTIONS), n)
    speed, sharp, wave, stop = uniform(source, (4, n, 1))
    time = np.arange(length) / length
    turned = (0.08 + 0.17 * sharp) * time  # in turns: up to a quarter
    zigzag = (0.08 + 0.05 * sharp) * cos_sin((1.5 + 0.5 * wave) * time)[1]
    k = kind[:, None]
    heading = np.where(k == 1, turned, 0.0) - np.where(k == 2, turned, 0.0) + np.where(k == 3, zigzag, 0.0)
    brake = np.clip(1 - time / (0.3 + 0.3 * stop), 0.0, 1.0)
    pace = (0.7 + 0.3 * speed) * np.where(k == 4, brake, 1.0) / length
    cos, sin = cos_sin(heading)
    path = np.cumsum(np.stack([pace * cos, pace * sin], axis=2), axis=1) + noise * normal(source, (n, length, 2))
    return ArrayDataset(path.astype(np.dtype(dtype or get_default_dtype())), kind, classes=MOTIONS)
