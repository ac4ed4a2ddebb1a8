"""Noise while training: dropout for self-normalising networks, Gaussian noise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import ConfigError
from ..generator import Generator
from ..ops.dropout import alpha_dropout
from ..ops.random import randn
from .dropout import Dropout
from .module import Module

if TYPE_CHECKING:
    from .._tensor import Tensor


class AlphaDropout(Dropout):
    """Dropout for SELU networks, which keeps mean 0 and variance 1 of the activations.

    Each value becomes the lower limit of SELU with probability p, then all values are scaled and shifted. After
    ``eval()`` it returns the input unchanged. Shape: x of any shape -> the same shape.

    Parameters
    ----------
    p : float
        The probability that a value is dropped, from 0 to 1.
    inplace : bool
        PyTorch's permission to overwrite the input. Nothing is overwritten here.
    generator : Generator or None
        The source of the random masks; None is the generator that ``dl.manual_seed`` seeds.

    Raises
    ------
    ConfigError
        ``p`` is not between 0 and 1.

    References
    ----------
    Klambauer, Unterthiner, Mayr and Hochreiter, 2017, arXiv:1706.02515.

    Examples
    --------
    >>> layer = dl.nn.AlphaDropout(0.5)
    >>> len({float(v) for v in layer(dl.zeros(100))})
    2
    >>> layer.eval()(dl.ones(3))
    tensor([1., 1., 1.])
    """

    def forward(self, x: Tensor) -> Tensor:
        return alpha_dropout(x, self.p, self.training, generator=self.generator)


class GaussianNoise(Module):
    """Add noise from ``N(0, std^2)`` in training.

    After ``eval()`` it returns the input unchanged. Shape: x of any shape -> the same shape.

    Parameters
    ----------
    std : float
        The standard deviation of the noise.
    generator : Generator or None
        The source of the noise; None is the generator that ``dl.manual_seed`` seeds.

    Raises
    ------
    ConfigError
        ``std`` is negative.

    References
    ----------
    Bishop, "Training with noise is equivalent to Tikhonov regularization", 1995; Vincent et al., 2008.

    Examples
    --------
    >>> layer = dl.nn.GaussianNoise(0.5)
    >>> bool(dl.any(layer(dl.zeros(100)) != 0))
    True
    >>> layer.eval()(dl.zeros(3))
    tensor([0., 0., 0.])
    """

    def __init__(self, std: float = 0.1, *, generator: Generator | None = None) -> None:
        if std < 0:
            raise ConfigError(f"GaussianNoise: std must not be negative, got {std}")
        self.std, self.generator = std, generator

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.std == 0:
            return x
        noise = randn(x.shape, dtype="float32", device=x.device, generator=self.generator)  # the same for every dtype
        return x + noise.astype(x.dtype) * self.std

    def extra_repr(self) -> str:
        return f"std={self.std}"
