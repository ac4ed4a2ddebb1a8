"""Local response normalisation: each value is divided by a power of the energy of the channels around it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import ConfigError, ShapeError
from .elementwise import square
from .repetition import pad

if TYPE_CHECKING:
    from ..typing import Tensor

__all__ = ["local_response_norm"]


def local_response_norm(x: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Tensor:
    """Divide each value by a power of the mean square of neighbouring channels.

    ``y[n, c] = x[n, c] / (k + alpha / size * sum over j of x[n, j]^2)^beta``, where j runs over ``size`` channels around c,
    from ``c - size // 2`` on; channels that do not exist count as 0.

    Parameters
    ----------
    x : Tensor
        (N,C,*S) with at least one axis of space, floating.
    size : int
        The number of neighbouring channels.
    alpha : float
        What the mean square is multiplied by.
    beta : float
        The exponent.
    k : float
        Added to it.

    Returns
    -------
    Tensor
        The shape of `x`.

    Raises
    ------
    ShapeError
        If `x` has no space.
    ConfigError
        If `size` is no integer of at least 1.

    References
    ----------
    Krizhevsky, Sutskever and Hinton, "ImageNet classification with deep convolutional neural networks", 2012.

    Examples
    --------
    >>> dl.local_response_norm(dl.ones((1, 2, 1)), 2, alpha=2.0, beta=1.0)
    tensor([[[0.5       ],
             [0.33333334]]])
    """
    if x.ndim < 3:
        raise ShapeError(f"local_response_norm: x must be (N,C,*S) with space, got shape {x.shape}")
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        raise ConfigError(f"local_response_norm: size must be an integer of at least 1, got {size!r}")
    squares = pad(square(x), ((size // 2, (size - 1) // 2), *[(0, 0)] * (x.ndim - 2)))
    total = squares[:, : x.shape[1]]
    for i in range(1, size):
        total = total + squares[:, i : i + x.shape[1]]
    return x / (total * (alpha / size) + k) ** beta
