"""Dropout: parts of the activations set to zero at random while training."""

from __future__ import annotations

from typing import Any

from ..errors import ConfigError, ShapeError
from ..generator import Generator
from ..ops.random import dropout
from .module import Module


class Dropout(Module):
    """Each value to zero with probability p, the others divided by 1 - p, x of any shape; the identity after eval().

    generator: where the masks come from, by default the one that dl.manual_seed seeds. Source: Srivastava et al. 2014.
    """

    def __init__(self, p: float = 0.5, *, generator: Generator | None = None) -> None:
        if not 0 <= p <= 1:
            raise ConfigError(f"{type(self).__name__}: p must be between 0 and 1, got {p}")
        self.p, self.generator = p, generator

    def forward(self, x: Any) -> Any:
        return dropout(x, self.p, self.training, generator=self.generator)

    def extra_repr(self) -> str:
        return f"p={self.p}"


class _ChannelDropout(Dropout):
    rank: int

    def forward(self, x: Any) -> Any:
        if x.ndim != self.rank + 2:
            raise ShapeError(f"{type(self).__name__}: input must have {self.rank + 2} dimensions (N,C,...), got shape {x.shape}")
        mask = (*x.shape[:2], *(1,) * self.rank)
        return dropout(x, self.p, self.training, generator=self.generator, mask_shape=mask)


class Dropout1d(_ChannelDropout):
    """Whole channels of sequences (N,C,W) to zero with probability p. Source: see Dropout2d."""

    rank = 1


class Dropout2d(_ChannelDropout):
    """Whole channels of images (N,C,H,W) to zero with probability p. Source: Tompson et al. 2015, arXiv:1411.4280."""

    rank = 2


class Dropout3d(_ChannelDropout):
    """Whole channels of volumes (N,C,D,H,W) to zero with probability p. Source: see Dropout2d."""

    rank = 3
