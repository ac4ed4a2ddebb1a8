"""Dropout: random values set to 0 in training."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from ..autograd.base import must_be_tensors
from ..autograd.call import holds_bool
from ..errors import ConfigError, DTypeError, ShapeError
from ..generator import Generator, default_generator
from . import primitives
from .dtypes import astype
from .elementwise import where
from .rectifiers import SELU_ALPHA, SELU_SCALE

if TYPE_CHECKING:
    from ..typing import Tensor
from .random import bernoulli, booleans

__all__ = ["alpha_dropout", "dropout"]


def dropout(
    x: Tensor, p: float = 0.5, training: bool = True, *, generator: Generator | None = None, mask_shape: tuple[int, ...] | None =
    None, batch_axis: int | None = None
) -> Tensor:  # fmt: skip
    """Set each value to 0 with a probability and divide the others by what is left of it.

    Parameters
    ----------
    x : Tensor
        Any shape, floating.
    p : float
        The probability of 0.
    training : bool
        Without it, ``x`` is returned as it is.
    generator : Generator, optional
        The source of random numbers; by default the one that `manual_seed` sets.
    mask_shape : tuple of int, optional
        A shape that broadcasts to that of ``x``, as (N, C, 1, 1) to drop whole channels.
    batch_axis : int, optional
        The axis of the samples, where several processes each compute a part of a batch; by default that of the batch.

    Returns
    -------
    Tensor
        Shape of ``x``. No mask is kept: the gradient draws it again.

    Raises
    ------
    ConfigError
        If ``p`` is not between 0 and 1.
    DTypeError, ShapeError
        If ``mask_shape`` is no tuple of integers, or does not broadcast to the shape of ``x``.

    References
    ----------
    Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", 2014.

    Examples
    --------
    >>> x = dl.dropout(dl.ones(1000), 0.5)
    >>> dl.unique_values(x)
    tensor([0., 2.])
    """
    if not 0 <= p <= 1:
        raise ConfigError(f"dropout: p must be between 0 and 1, got {p}")
    if not training or p == 0:
        return x
    if p == 1:
        return x * 0.0
    shape = _mask_shape("dropout", x, mask_shape)
    own = next((i for i, (n, m) in enumerate(zip(shape, x.shape, strict=False)) if n != m), len(shape))
    draw = (generator or default_generator).draw(shape, axis=batch_axis)
    if not draw.plain or len(shape) != len(x.shape) or any(n != 1 for n in shape[own:]):  # not whole runs of neighbours
        return x * (astype(booleans(1.0 - p, draw, x.device), x.dtype) * (1.0 / (1.0 - p)))
    return primitives.dropout(x, key=draw.key, counter=draw.counter, p=float(p), inner=max(prod(x.shape[own:]), 1))


def alpha_dropout(
    x: Tensor, p: float = 0.5, training: bool = True, *, generator: Generator | None = None, mask_shape: tuple[int, ...] | None =
    None
) -> Tensor:  # fmt: skip
    """Dropout for SELU networks: mean 0 and variance 1 stay as they are.

    Each value goes to SELU's lower limit with a probability; then an affine map restores mean and variance.

    Parameters
    ----------
    x : Tensor
        Any shape, floating.
    p : float
        The probability of the limit.
    training : bool
        Without it, ``x`` is returned as it is.
    generator : Generator, optional
        The source of random numbers; by default the one that `manual_seed` sets.
    mask_shape : tuple of int, optional
        A shape that broadcasts to that of ``x``, as (N, C, 1, 1) to drop whole channels.

    Returns
    -------
    Tensor
        Shape of ``x``.

    Raises
    ------
    ConfigError
        If ``p`` is not between 0 and 1.
    DTypeError, ShapeError
        If ``mask_shape`` is no tuple of integers, or does not broadcast to the shape of ``x``.

    References
    ----------
    Klambauer et al., 2017, arXiv:1706.02515.

    Examples
    --------
    >>> dl.alpha_dropout(dl.zeros(4), 0.5, training=False)
    tensor([0., 0., 0., 0.])
    """
    if not 0 <= p <= 1:
        raise ConfigError(f"alpha_dropout: p must be between 0 and 1, got {p}")
    if not training or p == 0:
        return x
    if p == 1:
        return x * 0.0
    limit = -SELU_ALPHA * SELU_SCALE
    a = ((1 - p) * (1 + p * limit * limit)) ** -0.5
    keep = bernoulli(1 - p, _mask_shape("alpha_dropout", x, mask_shape), device=x.device, generator=generator)
    return where(keep, x * a - a * limit * p, a * limit * (1 - p))


def _mask_shape(name: str, x: Tensor, shape: Any) -> tuple[int, ...]:
    """The shape of the booleans for x, of which each may stand for several elements."""
    must_be_tensors(name, x=x)
    if shape is None:
        return x.shape
    if not isinstance(shape, (tuple, list)) or holds_bool(shape) or not all(isinstance(n, (int, np.integer)) for n in shape):
        raise DTypeError(f"{name}: mask_shape must be a tuple of integers, got {shape!r}; (N, C, 1, 1) drops whole channels")
    if len(shape) > x.ndim or any(m not in (1, n) for m, n in zip(shape[::-1], x.shape[::-1], strict=False)):
        raise ShapeError(f"{name}: mask_shape must broadcast to the shape of x, {tuple(x.shape)}, got {tuple(shape)}")
    return tuple(map(int, shape))
