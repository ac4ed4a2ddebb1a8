"""What is added to a loss: penalties on chosen parameters and on activations, and other tasks' losses."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..errors import ConfigError
from ..ops import penalty as ops
from .module import Module


class _Penalty(Module):
    """Holds the chosen parameters without owning them: they stay their layer's."""

    def __init__(self, parameters: Iterable[Any], strength: float = 1.0) -> None:
        self.chosen, self.strength = tuple(parameters), strength
        if not self.chosen:
            raise ConfigError(f"{type(self).__name__}: expected one parameter at least")

    def extra_repr(self) -> str:
        return f"{len(self.chosen)} parameters, strength={self.strength}"


class L2Penalty(_Penalty):
    """strength times the sum of W^2 over the given parameters (any shapes) -> (). Source: Hoerl & Kennard 1970."""

    def forward(self) -> Any:
        return ops.l2_penalty(self.chosen) * self.strength


class L1Penalty(_Penalty):
    """strength times the sum of |W| over the given parameters (any shapes) -> (). Source: Tibshirani 1996."""

    def forward(self) -> Any:
        return ops.l1_penalty(self.chosen) * self.strength


class ElasticNetPenalty(_Penalty):
    """strength times the sum of beta W^2 + |W| over the given parameters (any shapes) -> (). Source: Zou & Hastie 2005."""

    def __init__(self, parameters: Iterable[Any], strength: float = 1.0, beta: float = 1.0) -> None:
        super().__init__(parameters, strength)
        self.beta = beta

    def forward(self) -> Any:
        return ops.elastic_penalty(self.chosen, self.beta) * self.strength


class ActivityPenalty(Module):
    """Passes x of any shape through and keeps l1 sum |x| + l2 sum x^2, divided by the batch size, for penalty().

    Put it behind the activation to be kept small. Source: Olshausen & Field 1996 (sparse codes).
    """

    def __init__(self, l1: float = 0.0, l2: float = 0.0) -> None:
        self.l1, self.l2 = l1, l2
        self.kept: list[Any] = []

    def forward(self, x: Any) -> Any:
        if self.training:
            cost = self.l1 * ops.l1_penalty(x) + self.l2 * ops.l2_penalty(x)
            self.kept.append(cost / max(x.shape[0] if x.ndim else 1, 1))
        return x

    def penalty(self) -> Any:
        """The sum over all calls since the last one of this; forgets them."""
        if not self.kept:
            raise ConfigError("ActivityPenalty: nothing has passed through in training since the last penalty()")
        total, self.kept = ops.weighted_sum(self.kept, [1.0] * len(self.kept)), []
        return total

    def extra_repr(self) -> str:
        return f"l1={self.l1}, l2={self.l2}"


class MultiTaskLoss(Module):
    """w_1 L_1 + w_2 L_2 + ...: the losses () of several tasks as one. Source: Caruana 1997, "Multitask learning"."""

    def __init__(self, *weights: float) -> None:
        self.weights = weights

    def forward(self, *losses: Any) -> Any:
        return ops.weighted_sum(losses, self.weights)

    def extra_repr(self) -> str:
        return ", ".join(map(str, self.weights))
