"""Penalties on parameters and activations, and the weighted sum of several losses."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ..errors import ConfigError
from .elementwise import abs, square
from .reduce import sum

__all__ = ["elastic_penalty", "l1_penalty", "l2_penalty", "weighted_sum"]


def _total(name: str, tensors: Any, cost: Any) -> Any:
    parts = [sum(cost(t)) for t in (tensors if isinstance(tensors, Iterable) and not hasattr(tensors, "shape") else [tensors])]
    if not parts:
        raise ConfigError(f"{name}: expected one tensor at least")
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


def l2_penalty(tensors: Any) -> Any:
    """The sum of W^2 over all tensors (one, or any number of any shapes)."""
    return _total("l2_penalty", tensors, square)


def l1_penalty(tensors: Any) -> Any:
    """The sum of |W| over all tensors (one, or any number of any shapes)."""
    return _total("l1_penalty", tensors, abs)


def elastic_penalty(tensors: Any, beta: float = 1.0) -> Any:
    """The elastic net, the sum of beta W^2 + |W| over all tensors. Source: Zou & Hastie 2005."""
    return _total("elastic_penalty", tensors, lambda t: beta * square(t) + abs(t))


def weighted_sum(losses: Sequence[Any], weights: Sequence[float]) -> Any:
    """w_1 L_1 + w_2 L_2 + ...: one loss of several tasks."""
    if len(losses) != len(weights) or not losses:
        raise ConfigError(f"weighted_sum: expected one weight for each loss, got {len(losses)} losses and {len(weights)} weights")
    total = losses[0] * weights[0]
    for loss, w in zip(losses[1:], weights[1:], strict=True):
        total = total + loss * w
    return total
