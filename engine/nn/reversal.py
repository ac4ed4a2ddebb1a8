"""Gradient reversal, for domain-adversarial training."""

from __future__ import annotations

from typing import Any

from ..ops.reversal import gradient_reversal
from .module import Module


class GradientReversal(Module):
    """The identity, whose gradient is -alpha times the one that arrives; x of any shape.

    Features in front of it learn to mislead the head behind it. alpha may be changed while training.
    Source: Ganin & Lempitsky 2015, arXiv:1409.7495.
    """

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = alpha

    def forward(self, x: Any) -> Any:
        return gradient_reversal(x, alpha=float(self.alpha))

    def extra_repr(self) -> str:
        return f"alpha={self.alpha}"
