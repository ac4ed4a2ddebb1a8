"""The frequencies of Fourier coefficients, and their order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..default_dtype import get_default_dtype
from .creation import arange
from .dtypes import astype
from .rearrange import roll
from .shape import refuse_flag

if TYPE_CHECKING:
    from ..typing import Axis, DTypeLike, Tensor

__all__ = ["fftfreq", "fftshift", "ifftshift", "rfftfreq"]


def fftfreq(n: int, /, *, d: float = 1.0, dtype: DTypeLike | None = None, device: str | None = None) -> Tensor:
    """Return the frequencies of the coefficients of `fft`.

    Parameters
    ----------
    n : int
        The number of samples.
    d : float
        The distance of the samples.
    dtype : dtype, optional
        The default dtype if left out.
    device : str, optional
        Where to make it; by default the backend's device.

    Returns
    -------
    Tensor
        (n,): 0, 1, ..., -2, -1 divided by ``n d``.

    Examples
    --------
    >>> dl.fft.fftfreq(4, d=0.5)
    tensor([ 0. ,  0.5, -1. , -0.5])
    """
    return roll(_numbers(-(n // 2), (n + 1) // 2, dtype, device), -(n // 2)) / (n * d)


def rfftfreq(n: int, /, *, d: float = 1.0, dtype: DTypeLike | None = None, device: str | None = None) -> Tensor:
    """Return the frequencies of the coefficients of `rfft`.

    Parameters
    ----------
    n : int
        The number of samples.
    d : float
        The distance of the samples.
    dtype : dtype, optional
        The default dtype if left out.
    device : str, optional
        Where to make it; by default the backend's device.

    Returns
    -------
    Tensor
        (n // 2 + 1,): 0, 1, ..., n // 2 divided by ``n d``.

    Examples
    --------
    >>> dl.fft.rfftfreq(4, d=0.5)
    tensor([0. , 0.5, 1. ])
    """
    return _numbers(0, n // 2 + 1, dtype, device) / (n * d)


def _numbers(start: int, stop: int, dtype: DTypeLike | None, device: str | None) -> Tensor:
    """The whole numbers from start to stop, which narrow floats round once."""
    dtype = get_default_dtype() if dtype is None else dtype
    if stop - start < 1 << 24 and dtype in ("float32", "float64"):
        return arange(start, stop, dtype=dtype, device=device)
    return astype(arange(start, stop, device=device), dtype)


def _rolled(name: str, x: Tensor, axes: Axis, up: int) -> Tensor:
    """The numbers rolled by half of each axis; up: 1 for the other half, which is one more or as many."""
    refuse_flag(name, "axes", axes)
    shape = x.shape
    if axes is None and len(shape) == 1:
        return roll(x, (shape[0] + up) // 2, axis=0)
    over = tuple(range(len(shape))) if axes is None else (axes,) if isinstance(axes, int) else tuple(axes)
    return roll(x, tuple([(shape[a] + up) // 2 for a in over]), axis=over)


def fftshift(x: Tensor, /, *, axes: Axis = None) -> Tensor:
    """Return coefficients rolled so that frequency 0 is in the middle.

    Parameters
    ----------
    x : Tensor
        Any shape.
    axes : int or tuple of int, optional
        The axes; all by default.

    Returns
    -------
    Tensor
        Shape of ``x``.

    Examples
    --------
    >>> dl.fft.fftshift(dl.fft.fftfreq(4, d=0.25))
    tensor([-2., -1.,  0.,  1.])
    """
    return _rolled("fftshift", x, axes, 0)


def ifftshift(x: Tensor, /, *, axes: Axis = None) -> Tensor:
    """Return the inverse of `fftshift`.

    Parameters
    ----------
    x : Tensor
        Any shape.
    axes : int or tuple of int, optional
        The axes; all by default.

    Returns
    -------
    Tensor
        Shape of ``x``.

    Examples
    --------
    >>> dl.fft.ifftshift(dl.fft.fftshift(dl.arange(5)))
    tensor([0, 1, 2, 3, 4])
    """
    return _rolled("ifftshift", x, axes, 1)
