"""Random tensors and dropout. One counter-based generator, Philox4x32-10: the same seed gives the same numbers on every backend.

Source: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3".
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import backend
from ..autograd.base import wrap
from ..default_dtype import get_default_dtype
from ..errors import ConfigError, DTypeError, ShapeError
from ..generator import Draw, Generator, default_generator
from .creation import asked
from .drawn import drawn

if TYPE_CHECKING:
    from ..typing import DTypeLike, Shape, Tensor

_INT = np.dtype(np.int64)

__all__ = ["bernoulli", "rand", "randint", "randn"]


def shape_of(shape: tuple[Any, ...]) -> tuple[int, ...]:
    return tuple(shape[0]) if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else shape


def _floating(name: str, dtype: Any) -> np.dtype[Any]:
    chosen = np.dtype(get_default_dtype() if dtype is None else backend.known(dtype))
    if chosen.kind != "f" and chosen.name != "bfloat16":
        raise DTypeError(f"{name}: dtype must be floating, got {chosen}")
    return chosen


def filled(
    kernel: str, shape: tuple[Any, ...], dtype: Any, device: str | None, generator: Generator | None
) -> Any:
    size = shape_of(shape)
    chosen = _floating(kernel, dtype)
    xp = backend.namespace_for(device)
    draw = (generator or default_generator).draw(size, 2 if chosen.itemsize == 8 else 1)
    return wrap(draw.cut(xp, getattr(xp, kernel)(draw.key, draw.counter, draw.made, xp.dtype(chosen))))


@drawn
def rand(
    *shape: Shape, dtype: DTypeLike | None = None, device: str | None = None, generator: Generator | None = None,
    requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """Draw uniform values from [0, 1).

    Parameters
    ----------
    *shape : int or tuple of int
        The sizes, one by one or as one tuple.
    dtype : dtype, optional
        A floating dtype; the default one if left out.
    device : str, optional
        Where to make it; by default the backend's device.
    generator : Generator, optional
        The source of random numbers; by default the one that `manual_seed` sets.
    requires_grad : bool
        Whether ops on it are recorded.

    Returns
    -------
    Tensor
        The same numbers on every backend for the same seed.

    Raises
    ------
    DTypeError
        If the dtype is not floating.

    Examples
    --------
    >>> x = dl.rand(2, 3)
    >>> x.shape, bool(dl.all((x >= 0) & (x < 1)))
    ((2, 3), True)
    """
    return asked(filled("random_uniform", shape, dtype, device, generator), requires_grad)


@drawn
def randn(
    *shape: Shape, dtype: DTypeLike | None = None, device: str | None = None, generator: Generator | None = None,
    requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """Draw standard normal values.

    Parameters
    ----------
    *shape : int or tuple of int
        The sizes, one by one or as one tuple.
    dtype : dtype, optional
        A floating dtype; the default one if left out.
    device : str, optional
        Where to make it; by default the backend's device.
    generator : Generator, optional
        The source of random numbers; by default the one that `manual_seed` sets.
    requires_grad : bool
        Whether ops on it are recorded.

    Returns
    -------
    Tensor
        Mean 0, variance 1; the same numbers on every backend for the same seed.

    Raises
    ------
    DTypeError
        If the dtype is not floating.

    Examples
    --------
    >>> dl.randn((2, 3)).shape
    (2, 3)
    """
    return asked(filled("random_normal", shape, dtype, device, generator), requires_grad)


@drawn
def bernoulli(p: float, *shape: Shape, device: str | None = None, generator: Generator | None = None) -> Tensor:
    """Draw booleans that are True with a probability.

    Parameters
    ----------
    p : float
        The probability. For a tensor of probabilities write ``dl.rand(*p.shape) < p``.
    *shape : int or tuple of int
        The sizes, one by one or as one tuple.
    device : str, optional
        Where to make it; by default the backend's device.
    generator : Generator, optional
        The source of random numbers; by default the one that `manual_seed` sets.

    Returns
    -------
    Tensor
        Booleans.

    Raises
    ------
    ConfigError
        If ``p`` is not between 0 and 1.

    Examples
    --------
    >>> dl.bernoulli(1.0, 3)
    tensor([ True,  True,  True])
    """
    if getattr(p, "ndim", 0):
        raise ShapeError(
            f"bernoulli: p must be one probability, got a tensor of shape {tuple(p.shape)}; "  # type: ignore[attr-defined]
            "of a tensor of probabilities take dl.rand(*p.shape) < p"
        )
    if not 0 <= p <= 1:
        raise ConfigError(f"bernoulli: p must be between 0 and 1, got {p}")
    return booleans(p, (generator or default_generator).draw(shape_of(shape)), device)


def booleans(p: float, draw: Draw, device: str | None) -> Any:
    """Booleans of a draw that are True with probability p."""
    xp = backend.namespace_for(device)
    return wrap(draw.cut(xp, xp.random_bernoulli(draw.key, draw.counter, draw.made, float(p))))


@drawn
def randint(
    low: int, high: int, *shape: Shape, dtype: DTypeLike | None = None, device: str | None = None, generator: Generator | None =
    None
) -> Tensor:  # fmt: skip
    """Draw integers with ``low <= value < high``.

    Parameters
    ----------
    low : int
        The smallest value.
    high : int
        The first value above the largest.
    *shape : int or tuple of int
        The sizes, one by one or as one tuple.
    dtype : dtype, optional
        int64 if left out. It must hold the range, which may be all its values.
    device : str, optional
        Where to make it; by default the backend's device.
    generator : Generator, optional
        The source of random numbers; by default the one that `manual_seed` sets.

    Returns
    -------
    Tensor
        Integers. No value's probability is off by more than ``2**-53``.

    Raises
    ------
    ConfigError
        If the range is empty, or does not fit the dtype.

    Examples
    --------
    >>> x = dl.randint(0, 10, 5)
    >>> bool(dl.all((x >= 0) & (x < 10)))
    True
    """
    if not low < high:
        raise ConfigError(f"randint: low < high needed, got {low} and {high}")
    low, count = int(low), int(high) - int(low)
    wanted: np.dtype[Any] = _INT if dtype is None else np.dtype(dtype)
    held = _range_of(wanted)
    if held and not held[0] <= low < low + count <= held[1]:
        raise ConfigError(f"randint: {low} to {high - 1} does not fit {wanted}; choose another range or dtype")
    xp = backend.namespace_for(device)
    draw = (generator or default_generator).draw(shape_of(shape), 2)
    if count <= 2**32 and -(2**63) <= low and high <= 2**63:
        y = xp.random_integers(draw.key, draw.counter, draw.made, low, count)
        return wrap(draw.cut(xp, y if wanted == np.int64 else xp.astype(y, xp.dtype(wanted))))
    above = _high_product(xp, xp.random_bits(draw.key, draw.counter, 2 * draw.made), count)
    value = above + (low % 2**64)  # modulo 2**64, as the cast to a signed integer is
    value = value if wanted == np.uint64 else xp.astype(xp.astype(value, xp.int64), xp.dtype(wanted))
    return wrap(draw.cut(xp, value))


@cache
def _range_of(dtype: np.dtype[Any]) -> tuple[int, int] | None:
    """The least integer of a dtype and the first above the largest; None for what holds no integers."""
    if dtype.kind not in "iu":
        return None
    held = np.iinfo(dtype)
    return int(held.min), int(held.max) + 1


def _high_product(xp: Any, words: Any, count: int) -> Any:
    """floor(v count / 2**64) for the 64-bit v that each pair of words is: long multiplication in digits of 32 bits."""
    mask = 2**32 - 1
    pairs = xp.reshape(xp.astype(words, xp.uint64), (-1, 2))
    high, low = pairs[:, 0], pairs[:, 1]
    if count == 2**64:
        return (high << 32) | low
    middle = high * (count & mask) + ((low * (count & mask)) >> 32)
    other = low * (count >> 32) + (middle & mask)
    return high * (count >> 32) + (middle >> 32) + (other >> 32)
