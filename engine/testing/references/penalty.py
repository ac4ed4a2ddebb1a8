"""References of penalties and weighted sums of losses."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .loss_common import exact_sum


def _values(tensors: Any) -> list[float]:
    """All elements of one or several tensors."""
    many = tensors if isinstance(tensors, list) else [tensors]
    return [float(v) for t in many for v in np.asarray(t).reshape(-1)]


def l2_penalty(tensors: Any) -> Any:
    """The sum of all squares."""
    return np.float64(exact_sum([float(np.float64(v) ** 2) for v in _values(tensors)]))


def l1_penalty(tensors: Any) -> Any:
    """The sum of all absolute values."""
    return np.float64(exact_sum([math.fabs(v) for v in _values(tensors)]))


def elastic_penalty(tensors: Any, beta: float = 1.0) -> Any:
    """beta times the squares plus the absolute values."""
    return np.float64(beta * float(l2_penalty(tensors)) + float(l1_penalty(tensors)))


def weighted_sum(losses: Any, weights: Sequence[float]) -> Any:
    """The sum of losses times weights."""
    return np.float64(exact_sum([float(a) * w for a, w in zip(losses, weights, strict=True)]))
