"""Discrete Fourier transforms. norm: "backward" (scale the inverse), "ortho", "forward" (scale the forward transform).

A transform is linear, so its gradient is its adjoint: the inverse with the scales exchanged, cut or padded to the input.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..autograd.op import op
from ..autograd.promotion import is_complex
from ..autograd.short import short
from ..errors import ConfigError, ShapeError
from .shape import axis_of

if TYPE_CHECKING:
    from ..typing import Namespace, Tensor, ValueAndVJP


__all__ = ["fft", "fftn", "ifft", "ifftn"]

_SWAPPED = {"backward": "forward", "ortho": "ortho", "forward": "backward"}


def _check(name: str, x: Any, axes: Sequence[int], sizes: Sequence[int], norm: str) -> tuple[int, ...]:
    if norm not in _SWAPPED:
        raise ConfigError(f"{name}: norm must be one of {', '.join(_SWAPPED)}, got {norm!r}")
    if any(n < 1 for n in sizes):
        raise ShapeError(f"{name}: transforms need one sample at least, got sizes {tuple(sizes)} (x has shape {tuple(x.shape)})")
    return tuple(axis_of(name, a, x.ndim) for a in axes)


def _resize(xp: Any, g: Any, axis: int, n: int) -> Any:
    """g cut, or padded with zeros, to n along an axis."""
    have = g.shape[axis]
    if n == have:
        return g
    if n < have:
        return g[(*(slice(None),) * axis, slice(n), ...)]
    return xp.concat([g, xp.zeros((*g.shape[:axis], n - have, *g.shape[axis + 1 :]), dtype=g.dtype)], axis=axis)


def _complex(xp: Any, x: Any) -> Any:
    """x as complex values of its precision, which is what the standard's complex transforms take."""
    return x if is_complex(x) else xp.astype(x, xp.complex128 if x.dtype == xp.float64 else xp.complex64)


def _fit(xp: Any, g: Any, shape: Sequence[int], axes: Sequence[int]) -> Any:
    for a in axes:
        g = _resize(xp, g, a, shape[a])
    return g


@short("short_products")
@op(needs="", promotes="float", complex=True)
def fft(xp: Namespace, x: Tensor, /, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> ValueAndVJP:
    """Return the discrete Fourier transform along an axis.

    Parameters
    ----------
    x : Tensor
        Real or complex.
    n : int, optional
        Size to which the axis is cut or padded with zeros first.
    axis : int
        The axis.
    norm : {"backward", "ortho", "forward"}
        Which transform is scaled: the inverse by 1/n, both by 1/sqrt(n), or the forward one by 1/n.

    Returns
    -------
    Tensor
        Complex, the coefficients of the frequencies of `fftfreq`.

    Raises
    ------
    ConfigError
        If ``norm`` is another word.

    Examples
    --------
    >>> dl.fft.fft(dl.asarray([1.0, 0.0, 0.0, 0.0]))
    tensor([1.+0.j, 1.+0.j, 1.+0.j, 1.+0.j], dtype=complex64)
    """
    axes = _check("fft", x, (axis,), () if n is None else (n,), norm)
    shape = x.shape
    return xp.fft.fft(_complex(xp, x), n=n, axis=axis, norm=norm), lambda gy: _fit(
        xp, xp.fft.ifft(gy, axis=axis, norm=_SWAPPED[norm]), shape, axes
    )


@short("short_products")
@op(needs="", promotes="float", complex=True)
def ifft(xp: Namespace, x: Tensor, /, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> ValueAndVJP:
    """Return the inverse of `fft` along an axis.

    Parameters
    ----------
    x : Tensor
        Real or complex.
    n : int, optional
        Size to which the axis is cut or padded with zeros first.
    axis : int
        The axis.
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
    >>> dl.fft.ifft(dl.fft.fft(dl.asarray([1.0, 2.0]))).real
    tensor([1., 2.])
    """
    axes = _check("ifft", x, (axis,), () if n is None else (n,), norm)
    shape = x.shape
    return xp.fft.ifft(_complex(xp, x), n=n, axis=axis, norm=norm), lambda gy: _fit(
        xp, xp.fft.fft(gy, axis=axis, norm=_SWAPPED[norm]), shape, axes
    )


def _axes(x: Any, s: Any, axes: Any) -> tuple[int, ...]:
    """The axes of an n-dimensional transform: those given, else the last len(s), else all."""
    if axes is not None:
        return tuple(axes)
    return tuple(range(-len(s) if s is not None else -x.ndim, 0))


@short("short_products")
@op(needs="", promotes="float", complex=True)
def fftn(
    xp: Namespace, x: Tensor, /, *, s: Sequence[int] | None = None, axes: Sequence[int] | None = None, norm: str = "backward"
) -> ValueAndVJP:
    """Return the discrete Fourier transform along several axes.

    Parameters
    ----------
    x : Tensor
        Real or complex.
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
    >>> dl.fft.fftn(dl.ones((2, 2))).real
    tensor([[4., 0.],
            [0., 0.]])
    """
    named = _axes(x, s, axes)
    over = _check("fftn", x, named, s or (), norm)
    shape = x.shape
    return xp.fft.fftn(_complex(xp, x), s=s, axes=named, norm=norm), lambda gy: _fit(
        xp, xp.fft.ifftn(gy, axes=over, norm=_SWAPPED[norm]), shape, over
    )


@short("short_products")
@op(needs="", promotes="float", complex=True)
def ifftn(
    xp: Namespace, x: Tensor, /, *, s: Sequence[int] | None = None, axes: Sequence[int] | None = None, norm: str = "backward"
) -> ValueAndVJP:
    """Return the inverse of `fftn`.

    Parameters
    ----------
    x : Tensor
        Real or complex.
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
    >>> dl.fft.ifftn(dl.fft.fftn(dl.ones((2, 2)))).real
    tensor([[1., 1.],
            [1., 1.]])
    """
    named = _axes(x, s, axes)
    over = _check("ifftn", x, named, s or (), norm)
    shape = x.shape
    return xp.fft.ifftn(_complex(xp, x), s=s, axes=named, norm=norm), lambda gy: _fit(
        xp, xp.fft.fftn(gy, axes=over, norm=_SWAPPED[norm]), shape, over
    )
