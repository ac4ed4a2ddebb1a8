"""Noise while training: dropout for self-normalising networks, Gaussian noise."""

from __future__ import annotations

from typing import Any

from ..errors import ConfigError
from ..generator import Generator
from ..ops.random import alpha_dropout, randn
from .dropout import Dropout
from .module import Module


class AlphaDropout(Dropout):
    """Dropout that keeps mean 0 and variance 1 of SELU activations, x of any shape; the identity after eval().

    Each value becomes SELU's lower limit with probability p, then all are scaled and shifted.
    Source: Klambauer et al. 2017, arXiv:1706.02515.
    """

    def forward(self, x: Any) -> Any:
        return alpha_dropout(x, self.p, self.training, generator=self.generator)


class GaussianNoise(Module):
    """x + N(0, std^2) in training, x of any shape; the identity after eval(). Source: Bishop 1995; Vincent et al. 2008.

    generator: where the noise comes from, by default the one that dl.manual_seed seeds.
    """

    def __init__(self, std: float = 0.1, *, generator: Generator | None = None) -> None:
        if std < 0:
            raise ConfigError(f"GaussianNoise: std must not be negative, got {std}")
        self.std, self.generator = std, generator

    def forward(self, x: Any) -> Any:
        if not self.training or self.std == 0:
            return x
        noise = randn(x.shape, dtype="float32", device=x.device, generator=self.generator)  # the same for every dtype
        return x + noise.astype(x.dtype) * self.std

    def extra_repr(self) -> str:
        return f"std={self.std}"
