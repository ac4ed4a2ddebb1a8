"""Losses with a margin: hinge, multi-class SVM, ranking. Targets are labels; reduction as in loss.py."""

from __future__ import annotations

from typing import Any

from ..errors import ConfigError, ShapeError
from .activation import relu, softplus
from .elementwise import maximum, pow, where
from .half import real, wide
from .loss import check_values, checked_labels, chosen_entries, reduced
from .reduce import sum

__all__ = ["hinge_embedding_loss", "hinge_loss", "margin_ranking_loss", "multi_margin_loss", "soft_margin_loss"]


@real
@wide
def hinge_loss(input: Any, target: Any, margin: float = 1.0, reduction: str = "mean") -> Any:
    """max(0, margin - target input): binary SVM. input: scores, target: -1 or 1, one shape. Source: Cortes & Vapnik 1995."""
    check_values("hinge_loss", input, target, -1.0, 1.0)
    return reduced("hinge_loss", relu(margin - target * input), reduction)


@real
@wide
def soft_margin_loss(input: Any, target: Any, reduction: str = "mean") -> Any:
    """log(1 + exp(-target input)): the smooth hinge. input: scores, target: -1 or 1, one shape."""
    check_values("soft_margin_loss", input, target, -1.0, 1.0)
    return reduced("soft_margin_loss", softplus(-(target * input)), reduction)


@real
@wide
def hinge_embedding_loss(input: Any, target: Any, margin: float = 1.0, reduction: str = "mean") -> Any:
    """A distance: input where target is 1, max(0, margin - input) where it is -1. input, target: one shape."""
    check_values("hinge_embedding_loss", input, target, -1.0, 1.0)
    return reduced("hinge_embedding_loss", where(target > 0, input, relu(margin - input)), reduction)


@real
@wide
def margin_ranking_loss(input1: Any, input2: Any, target: Any, margin: float = 0.0, reduction: str = "mean") -> Any:
    """max(0, margin - target (input1 - input2)): target 1 wants input1 larger, -1 input2. All of one shape."""
    name = "margin_ranking_loss"
    if input1.shape != input2.shape:
        raise ShapeError(f"{name}: input1 has shape {input1.shape}, input2 {input2.shape}; expected one shape")
    check_values(name, input1, target, -1.0, 1.0)
    return reduced(name, relu(margin - target * (input1 - input2)), reduction)


@wide
def multi_margin_loss(
    input: Any, target: Any, p: int = 1, margin: float = 1.0, weight: Any = None, reduction: str = "mean",
    average: bool = True,
) -> Any:  # fmt: skip
    """Multi-class SVM: sum over the wrong classes j of max(0, margin + s_j - s_y)^p, divided by V if average.

    input: (N,V) or (V,) scores s. target: (N,) integers y. weight: (V,), the factor of each right class, or None. average:
    as PyTorch does; without it the formula of the lectures. Returns (N,) reduced. Raises ShapeError, DTypeError, DataError.
    Source: Weston & Watkins 1999, "Support vector machines for multi-class pattern recognition".
    """
    name = "multi_margin_loss"
    if p not in (1, 2):
        raise ConfigError(f"{name}: p must be 1 or 2, got {p}")
    if input.ndim > 2:
        raise ShapeError(f"{name}: input must be (N,V) or (V,), got shape {input.shape}")
    rows, labels, _ = checked_labels(name, input, target, None)
    classes = rows.shape[1]
    if weight is not None and weight.shape != (classes,):
        raise ShapeError(f"{name}: weight must be (V,)=({classes},), got {weight.shape}")
    right = chosen_entries(rows, labels, None)
    score = sum(where(right, rows, 0.0), axis=1)[:, None]
    over = maximum(margin + rows - score, 0.0)
    over = where(right, 0.0, over if p == 1 else pow(over, 2))
    loss = sum(over, axis=1) / (classes if average else 1)
    if weight is not None:
        loss = loss * sum(where(right, weight, 0.0), axis=1)
    return reduced(name, loss if input.ndim > 1 else loss[0], reduction)
