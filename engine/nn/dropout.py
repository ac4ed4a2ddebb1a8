"""Dropout: random parts of the activations are set to zero while training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import ConfigError, ShapeError
from ..generator import Generator
from ..ops.dropout import dropout
from .module import Module

if TYPE_CHECKING:
    from .._tensor import Tensor


class Dropout(Module):
    """Set each value to zero with probability p and divide the others by ``1 - p``.

    After ``eval()`` it returns the input unchanged. Shape: x of any shape -> the same shape.

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
    Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov, "Dropout", 2014.

    Examples
    --------
    >>> layer = dl.nn.Dropout(0.5)
    >>> sorted({float(v) for v in layer(dl.ones(100))})
    [0.0, 2.0]
    >>> layer.eval()(dl.ones(3))
    tensor([1., 1., 1.])
    """

    batch_axis: int | None = None  # where a layer that contains it knows the axis of the samples

    def __init__(self, p: float = 0.5, inplace: bool = False, *, generator: Generator | None = None) -> None:
        if not 0 <= p <= 1:
            raise ConfigError(f"{type(self).__name__}: p must be between 0 and 1, got {p}")
        self.p, self.generator = p, generator

    def forward(self, x: Tensor) -> Tensor:
        return dropout(x, self.p, self.training, generator=self.generator, batch_axis=self.batch_axis)

    def extra_repr(self) -> str:
        return f"p={self.p}"


class _ChannelDropout(Dropout):
    """Dropout with one random decision per channel, for inputs with ``rank`` axes of space."""

    rank: int

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim != self.rank + 2:
            raise ShapeError(f"{type(self).__name__}: input must have {self.rank + 2} dimensions (N,C,...), got shape {x.shape}")
        mask = (*x.shape[:2], *(1,) * self.rank)
        return dropout(x, self.p, self.training, generator=self.generator, mask_shape=mask, batch_axis=0)


class Dropout1d(_ChannelDropout):
    """Set whole channels of sequences to zero with probability p and divide the others by ``1 - p``.

    After ``eval()`` it returns the input unchanged. Shape: x (N,C,W) -> the same shape.

    Parameters
    ----------
    p : float
        The probability that a channel is dropped, from 0 to 1.
    inplace : bool
        PyTorch's permission to overwrite the input. Nothing is overwritten here.
    generator : Generator or None
        The source of the random masks; None is the generator that ``dl.manual_seed`` seeds.

    References
    ----------
    Tompson, Goroshin, Jain, LeCun and Bregler, 2015, arXiv:1411.4280.

    Examples
    --------
    >>> y = dl.nn.Dropout1d(0.5)(dl.ones((2, 8, 5)))
    >>> sorted({float(v) for v in dl.sum(y, axis=2).reshape(-1)})
    [0.0, 10.0]
    """

    rank = 1


class Dropout2d(_ChannelDropout):
    """Set whole channels of images to zero with probability p and divide the others by ``1 - p``.

    After ``eval()`` it returns the input unchanged. Shape: x (N,C,H,W) -> the same shape.

    Parameters
    ----------
    p : float
        The probability that a channel is dropped, from 0 to 1.
    inplace : bool
        PyTorch's permission to overwrite the input. Nothing is overwritten here.
    generator : Generator or None
        The source of the random masks; None is the generator that ``dl.manual_seed`` seeds.

    References
    ----------
    Tompson, Goroshin, Jain, LeCun and Bregler, 2015, arXiv:1411.4280.

    Examples
    --------
    >>> y = dl.nn.Dropout2d(0.5)(dl.ones((2, 8, 5, 5)))
    >>> sorted({float(v) for v in dl.sum(y, axis=(2, 3)).reshape(-1)})
    [0.0, 50.0]
    """

    rank = 2


class Dropout3d(_ChannelDropout):
    """Set whole channels of volumes to zero with probability p and divide the others by ``1 - p``.

    After ``eval()`` it returns the input unchanged. Shape: x (N,C,D,H,W) -> the same shape.

    Parameters
    ----------
    p : float
        The probability that a channel is dropped, from 0 to 1.
    inplace : bool
        PyTorch's permission to overwrite the input. Nothing is overwritten here.
    generator : Generator or None
        The source of the random masks; None is the generator that ``dl.manual_seed`` seeds.

    References
    ----------
    Tompson, Goroshin, Jain, LeCun and Bregler, 2015, arXiv:1411.4280.

    Examples
    --------
    >>> y = dl.nn.Dropout3d(0.5)(dl.ones((2, 8, 3, 5, 5)))
    >>> sorted({float(v) for v in dl.sum(y, axis=(2, 3, 4)).reshape(-1)})
    [0.0, 150.0]
    """

    rank = 3
