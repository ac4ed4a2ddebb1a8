"""Discrete Fourier transforms of real values, which need half of the coefficients."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from ..autograd.op import op
from ..autograd.promotion import is_complex
from ..autograd.short import short
from ..errors import ConfigError, DTypeError
from .elementwise import conj

if TYPE_CHECKING:
    from ..typing import Namespace, Tensor, ValueAndVJP
from .fft import _SWAPPED, _axes, _check, _complex, _fit, _resize

__all__ = ["hfft", "ihfft", "irfft", "irfftn", "rfft", "rfftn"]


def _real_dtype(xp: Any, g: Any) -> Any:
    return xp.float64 if g.dtype == xp.complex128 else xp.float32


def _real(name: str, x: Any) -> None:
    if is_complex(x):
        raise DTypeError(f"{name}: x must be real, it is {x.dtype}; use the complex transform")


@short("short_products")
@op(needs="", promotes="float", complex=True)
def rfft(xp: Namespace, x: Tensor, /, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> ValueAndVJP:
    """Return the first half of the discrete Fourier transform of real values along an axis.

    Parameters
    ----------
    x : Tensor
        Real.
    n : int, optional
        Size to which the axis is cut or padded with zeros first.
    axis : int
        The axis.
    norm : {"backward", "ortho", "forward"}
        Which transform is scaled: the inverse by 1/n, both by 1/sqrt(n), or the forward one by 1/n.

    Returns
    -------
    Tensor
        Complex, ``n // 2 + 1`` coefficients; the others are their conjugates.

    Raises
    ------
    ConfigError
        If ``norm`` is another word.

    Examples
    --------
    >>> dl.fft.rfft(dl.asarray([1.0, 2.0, 3.0, 4.0])).shape
    (3,)
    """
    _real("rfft", x)
    (at,) = _check("rfft", x, (axis,), () if n is None else (n,), norm)
    size = x.shape[at] if n is None else n
    before = x.shape

    def pull(gy):
        g = xp.real(xp.fft.ifft(_resize(xp, gy, at, size), axis=at, norm=_SWAPPED[norm]))
        return _resize(xp, g, at, before[at])

    return xp.fft.rfft(x, n=n, axis=axis, norm=norm), pull


@lru_cache(maxsize=64)
def _weights(count: int, size: int, behind: int, dtype: str) -> Any:
    """By what NumPy's coefficients are multiplied, which have so many axes behind the one of their frequencies."""
    k = np.arange(count)
    found = np.where((k == 0) | (2 * k == size), 1, 2).astype(dtype).reshape(-1, *[1] * behind)
    found.flags.writeable = False  # many calls share it
    return found


def _doubled(xp: Any, g: Any, axis: int, size: int) -> Any:
    """Coefficients that stand for themselves and their conjugates, doubled: all but the first and, for even size, the last."""
    if type(g) is np.ndarray:
        return g * _weights(g.shape[axis], size, g.ndim - 1 - axis, "f8" if g.dtype == np.complex128 else "f4")
    k = xp.arange(g.shape[axis])
    alone = (k == 0) | (2 * k == size)
    weights = xp.where(alone, xp.ones(g.shape[axis], dtype=_real_dtype(xp, g)), 2)
    return g * xp.reshape(weights, tuple(-1 if i == axis else 1 for i in range(g.ndim)))


@short("short_products")
@op(needs="", promotes="float", complex=True)
def irfft(xp: Namespace, x: Tensor, /, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> ValueAndVJP:
    """Return the inverse of `rfft`, real values.

    Parameters
    ----------
    x : Tensor
        The first half of the coefficients, complex.
    n : int, optional
        Size of the result along the axis; ``2 (m - 1)`` for m coefficients if left out.
    axis : int
        The axis.
    norm : {"backward", "ortho", "forward"}
        Which transform is scaled: the inverse by 1/n, both by 1/sqrt(n), or the forward one by 1/n.

    Returns
    -------
    Tensor
        Real, of size ``n`` along the axis.

    Raises
    ------
    ConfigError
        If ``norm`` is another word.

    Examples
    --------
    >>> dl.fft.irfft(dl.fft.rfft(dl.asarray([1.0, 2.0, 3.0, 4.0]))).round()
    tensor([1., 2., 3., 4.])
    """
    (at,) = _check("irfft", x, (axis,), () if n is None else (n,), norm)
    size = 2 * (x.shape[at] - 1) if n is None else n
    before = x.shape

    def pull(gy):
        g = _doubled(xp, xp.fft.rfft(gy, axis=at, norm=_SWAPPED[norm]), at, size)
        return _resize(xp, g, at, before[at])

    return xp.fft.irfft(_complex(xp, x), n=n, axis=axis, norm=norm), pull


@short("short_products")
@op(needs="", promotes="float", complex=True)
def rfftn(
    xp: Namespace, x: Tensor, /, *, s: Sequence[int] | None = None, axes: Sequence[int] | None = None, norm: str = "backward"
) -> ValueAndVJP:
    """Return the discrete Fourier transform of real values along several axes, halved along the last of them.

    Parameters
    ----------
    x : Tensor
        Real.
    s : sequence of int, optional
        Sizes to which the axes are cut or padded with zeros first.
    axes : sequence of int, optional
        The axes; by default the last ``len(s)``, or all.
    norm : {"backward", "ortho", "forward"}
        Which transform is scaled: the inverse by 1/n, both by 1/sqrt(n), or the forward one by 1/n.

    Returns
    -------
    Tensor
        Complex.

    Raises
    ------
    ConfigError
        If ``norm`` is another word.

    Examples
    --------
    >>> dl.fft.rfftn(dl.ones((2, 4))).shape
    (2, 3)
    """
    _real("rfftn", x)
    named = _axes(x, s, axes)
    over = _check("rfftn", x, named, s or (), norm)
    sizes = tuple(x.shape[a] for a in over) if s is None else tuple(s)
    before = x.shape

    def pull(gy):
        g = xp.fft.ifftn(_resize(xp, gy, over[-1], sizes[-1]), axes=over, norm=_SWAPPED[norm])
        return _fit(xp, xp.real(g), before, over)

    return xp.fft.rfftn(x, s=s, axes=named, norm=norm), pull


@short("short_products")
@op(needs="", promotes="float", complex=True)
def irfftn(
    xp: Namespace, x: Tensor, /, *, s: Sequence[int] | None = None, axes: Sequence[int] | None = None, norm: str = "backward"
) -> ValueAndVJP:
    """Return the inverse of `rfftn`, real values.

    Parameters
    ----------
    x : Tensor
        Complex coefficients, halved along the last axis.
    s : sequence of int, optional
        Sizes to which the axes are cut or padded with zeros first.
    axes : sequence of int, optional
        The axes; by default the last ``len(s)``, or all.
    norm : {"backward", "ortho", "forward"}
        Which transform is scaled: the inverse by 1/n, both by 1/sqrt(n), or the forward one by 1/n.

    Returns
    -------
    Tensor
        Real.

    Raises
    ------
    ConfigError
        If ``norm`` is another word.

    Examples
    --------
    >>> dl.fft.irfftn(dl.fft.rfftn(dl.ones((2, 4)))).shape
    (2, 4)
    """
    named = _axes(x, s, axes)
    over = _check("irfftn", x, named, s or (), norm)
    last = over[-1]
    size = 2 * (x.shape[last] - 1) if s is None else s[-1]
    before = x.shape

    def pull(gy):
        g = _doubled(xp, xp.fft.rfftn(gy, axes=over, norm=_SWAPPED[norm]), last, size)
        return _fit(xp, g, before, over)

    return xp.fft.irfftn(_complex(xp, x), s=s, axes=named, norm=norm), pull


@short("short_products")
def hfft(x: Tensor, /, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> Tensor:
    """Return the real transform of the first half of a Hermitian signal.

    Parameters
    ----------
    x : Tensor
        Complex, the first half of the signal.
    n : int, optional
        Size of the result along the axis; ``2 (m - 1)`` for m values if left out.
    axis : int
        The axis.
    norm : {"backward", "ortho", "forward"}
        Which transform is scaled: the inverse by 1/n, both by 1/sqrt(n), or the forward one by 1/n.

    Returns
    -------
    Tensor
        Real, of size ``n`` along the axis.

    Raises
    ------
    ConfigError
        If ``norm`` is another word.

    Examples
    --------
    >>> dl.fft.hfft(dl.asarray([1.0, 0.0, 0.0])).shape
    (4,)
    """
    return irfft(conj(x), n=n, axis=axis, norm=_swapped("hfft", norm))


@short("short_products")
def ihfft(x: Tensor, /, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> Tensor:
    """Return the inverse of `hfft`, its first half.

    Parameters
    ----------
    x : Tensor
        Real.
    n : int, optional
        Size to which the axis is cut or padded with zeros first.
    axis : int
        The axis.
    norm : {"backward", "ortho", "forward"}
        Which transform is scaled: the inverse by 1/n, both by 1/sqrt(n), or the forward one by 1/n.

    Returns
    -------
    Tensor
        Complex, ``n // 2 + 1`` values.

    Raises
    ------
    ConfigError
        If ``norm`` is another word.

    Examples
    --------
    >>> dl.fft.ihfft(dl.asarray([1.0, 0.0, 0.0, 0.0])).shape
    (3,)
    """
    return conj(rfft(x, n=n, axis=axis, norm=_swapped("ihfft", norm)))


def _swapped(name: str, norm: str) -> str:
    if norm not in _SWAPPED:
        raise ConfigError(f"{name}: norm must be one of {', '.join(_SWAPPED)}, got {norm!r}")
    return _SWAPPED[norm]
