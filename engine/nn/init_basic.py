"""Initial values that are constant or drawn from one distribution. Users reach them as dl.nn.init."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..autograd.base import no_grad
from ..errors import ConfigError
from ..generator import Generator
from ..ops.joining import concat
from ..ops.random import rand, randn
from ..ops.shape import reshape

if TYPE_CHECKING:
    from .._tensor import Tensor
    from ..typing import TensorLike


def fill(tensor: Tensor, values: TensorLike) -> Tensor:
    """Overwrite a tensor without recording it for gradients, and return it."""
    with no_grad():
        tensor[...] = values
    return tensor


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill a tensor with random numbers from the uniform distribution U[a, b).

    Parameters
    ----------
    tensor : Tensor
        The tensor, of any shape and a floating dtype; it is overwritten.
    a : float
        The lower bound.
    b : float
        The upper bound.
    generator : Generator or None
        The source of the random numbers; None is the generator that ``dl.manual_seed`` seeds.

    Returns
    -------
    Tensor
        ``tensor`` itself.

    Examples
    --------
    >>> x = dl.nn.init.uniform_(dl.zeros(1000), 2.0, 4.0)
    >>> bool(dl.all((x >= 2.0) & (x < 4.0)))
    True
    """
    u = rand(tensor.shape, dtype=tensor.dtype, device=tensor.device, generator=generator)
    return fill(tensor, u * (b - a) + a)


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill a tensor with random numbers from the normal distribution N(mean, std^2).

    Parameters
    ----------
    tensor : Tensor
        The tensor, of any shape and a floating dtype; it is overwritten.
    mean : float
        The mean.
    std : float
        The standard deviation.
    generator : Generator or None
        The source of the random numbers; None is the generator that ``dl.manual_seed`` seeds.

    Returns
    -------
    Tensor
        ``tensor`` itself.

    Examples
    --------
    >>> x = dl.nn.init.normal_(dl.zeros(10000), mean=5.0)
    >>> round(float(dl.mean(x)), 1), round(float(dl.std(x)), 1)
    (5.0, 1.0)
    """
    z = randn(tensor.shape, dtype=tensor.dtype, device=tensor.device, generator=generator)
    return fill(tensor, z * std + mean)


def trunc_normal_(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0, generator: Generator | None = None
) -> Tensor:
    """Fill a tensor from the normal distribution N(mean, std^2) restricted to [a, b].

    Numbers outside are drawn again.

    Parameters
    ----------
    tensor : Tensor
        The tensor, of any shape and a floating dtype; it is overwritten.
    mean : float
        The mean of the distribution before it is restricted.
    std : float
        Its standard deviation.
    a : float
        The lower bound.
    b : float
        The upper bound.
    generator : Generator or None
        The source of the random numbers; None is the generator that ``dl.manual_seed`` seeds.

    Returns
    -------
    Tensor
        ``tensor`` itself.

    Raises
    ------
    ConfigError
        ``a`` is not below ``b``, or the range is more than 4 standard deviations from the mean.

    Examples
    --------
    >>> x = dl.nn.init.trunc_normal_(dl.zeros(1000), a=-1.0, b=1.0)
    >>> bool(dl.all(dl.abs(x) <= 1.0))
    True
    """
    if not a < b:
        raise ConfigError(f"trunc_normal_: a must be below b, got {a} and {b}")
    if (a - mean) / std > 4 or (b - mean) / std < -4:
        raise ConfigError(f"trunc_normal_: [{a}, {b}] is more than 4 standard deviations from the mean {mean}")
    found: list[Tensor] = []
    with no_grad():
        while sum(v.size for v in found) < tensor.size:
            drawn = randn(max(2 * tensor.size, 64), dtype=tensor.dtype, device=tensor.device, generator=generator) * std + mean
            found.append(drawn[(drawn >= a) & (drawn <= b)])
        return fill(tensor, reshape(concat(found)[: tensor.size], tensor.shape))


def constant_(tensor: Tensor, val: float) -> Tensor:
    """Fill a tensor with one number.

    Parameters
    ----------
    tensor : Tensor
        The tensor, of any shape; it is overwritten.
    val : float
        The number.

    Returns
    -------
    Tensor
        ``tensor`` itself.

    Examples
    --------
    >>> dl.nn.init.constant_(dl.zeros(3), 0.5)
    tensor([0.5, 0.5, 0.5])
    """
    return fill(tensor, val)


def zeros_(tensor: Tensor) -> Tensor:
    """Fill a tensor with zeros.

    Parameters
    ----------
    tensor : Tensor
        The tensor, of any shape; it is overwritten.

    Returns
    -------
    Tensor
        ``tensor`` itself.

    Examples
    --------
    >>> dl.nn.init.zeros_(dl.ones(3))
    tensor([0., 0., 0.])
    """
    return fill(tensor, 0.0)


def ones_(tensor: Tensor) -> Tensor:
    """Fill a tensor with ones.

    Parameters
    ----------
    tensor : Tensor
        The tensor, of any shape; it is overwritten.

    Returns
    -------
    Tensor
        ``tensor`` itself.

    Examples
    --------
    >>> dl.nn.init.ones_(dl.zeros(3))
    tensor([1., 1., 1.])
    """
    return fill(tensor, 1.0)
