"""Discrete Fourier transforms. norm: "backward" (scale the inverse), "ortho", "forward" (scale the forward transform).

A transform is linear, so its gradient is its adjoint: the inverse with the scales exchanged, cut or padded to the input.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..autograd.op import op
from ..autograd.promotion import get_default_dtype, is_complex
from ..errors import ConfigError, DTypeError, ShapeError
from .creation import arange
from .dtypes import astype
from .elementwise import conj
from .shape import axis_of, concat, roll

__all__ = [
    "fft", "fftfreq", "fftn", "fftshift", "hfft", "ifft", "ifftn", "ifftshift", "ihfft", "irfft", "irfftn", "rfft", "rfftfreq",
    "rfftn",
]  # fmt: skip

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


def _real_dtype(xp: Any, g: Any) -> Any:
    return xp.float64 if g.dtype == xp.complex128 else xp.float32


def _fit(xp: Any, g: Any, shape: Sequence[int], axes: Sequence[int]) -> Any:
    for a in axes:
        g = _resize(xp, g, a, shape[a])
    return g


@op(needs="", promotes="float", complex=True)
def fft(xp, x, /, *, n=None, axis=-1, norm="backward"):
    """The transform along an axis; n cuts or pads x with zeros first."""
    axes = _check("fft", x, (axis,), () if n is None else (n,), norm)
    shape = x.shape
    return xp.fft.fft(_complex(xp, x), n=n, axis=axis, norm=norm), lambda gy: _fit(
        xp, xp.fft.ifft(gy, axis=axis, norm=_SWAPPED[norm]), shape, axes
    )


@op(needs="", promotes="float", complex=True)
def ifft(xp, x, /, *, n=None, axis=-1, norm="backward"):
    """The inverse of fft."""
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


@op(needs="", promotes="float", complex=True)
def fftn(xp, x, /, *, s=None, axes=None, norm="backward"):
    """The transform along several axes (None: all); s cuts or pads them first."""
    named = _axes(x, s, axes)
    over = _check("fftn", x, named, s or (), norm)
    shape = x.shape
    return xp.fft.fftn(_complex(xp, x), s=s, axes=named, norm=norm), lambda gy: _fit(
        xp, xp.fft.ifftn(gy, axes=over, norm=_SWAPPED[norm]), shape, over
    )


@op(needs="", promotes="float", complex=True)
def ifftn(xp, x, /, *, s=None, axes=None, norm="backward"):
    """The inverse of fftn."""
    named = _axes(x, s, axes)
    over = _check("ifftn", x, named, s or (), norm)
    shape = x.shape
    return xp.fft.ifftn(_complex(xp, x), s=s, axes=named, norm=norm), lambda gy: _fit(
        xp, xp.fft.fftn(gy, axes=over, norm=_SWAPPED[norm]), shape, over
    )


def _real(name: str, x: Any) -> None:
    if is_complex(x):
        raise DTypeError(f"{name}: x must be real, it is {x.dtype}; use the complex transform")


@op(needs="", promotes="float", complex=True)
def rfft(xp, x, /, *, n=None, axis=-1, norm="backward"):
    """The transform of real x along an axis, its n // 2 + 1 first coefficients (the others are their conjugates)."""
    _real("rfft", x)
    (at,) = _check("rfft", x, (axis,), () if n is None else (n,), norm)
    size = x.shape[at] if n is None else n
    before = x.shape

    def pull(gy):
        g = xp.real(xp.fft.ifft(_resize(xp, gy, at, size), axis=at, norm=_SWAPPED[norm]))
        return _resize(xp, g, at, before[at])

    return xp.fft.rfft(x, n=n, axis=axis, norm=norm), pull


def _doubled(xp: Any, g: Any, axis: int, size: int) -> Any:
    """Coefficients that stand for themselves and their conjugates, doubled: all but the first and, for even size, the last."""
    k = xp.arange(g.shape[axis])
    alone = (k == 0) | (2 * k == size)
    weights = xp.where(alone, xp.ones(g.shape[axis], dtype=_real_dtype(xp, g)), 2)
    return g * xp.reshape(weights, tuple(-1 if i == axis else 1 for i in range(g.ndim)))


@op(needs="", promotes="float", complex=True)
def irfft(xp, x, /, *, n=None, axis=-1, norm="backward"):
    """The inverse of rfft: real, of size n (default 2 (m - 1) for m coefficients)."""
    (at,) = _check("irfft", x, (axis,), () if n is None else (n,), norm)
    size = 2 * (x.shape[at] - 1) if n is None else n
    before = x.shape

    def pull(gy):
        g = _doubled(xp, xp.fft.rfft(gy, axis=at, norm=_SWAPPED[norm]), at, size)
        return _resize(xp, g, at, before[at])

    return xp.fft.irfft(_complex(xp, x), n=n, axis=axis, norm=norm), pull


@op(needs="", promotes="float", complex=True)
def rfftn(xp, x, /, *, s=None, axes=None, norm="backward"):
    """The transform of real x along several axes, halved along the last of them."""
    _real("rfftn", x)
    named = _axes(x, s, axes)
    over = _check("rfftn", x, named, s or (), norm)
    sizes = tuple(x.shape[a] for a in over) if s is None else tuple(s)
    before = x.shape

    def pull(gy):
        g = xp.fft.ifftn(_resize(xp, gy, over[-1], sizes[-1]), axes=over, norm=_SWAPPED[norm])
        return _fit(xp, xp.real(g), before, over)

    return xp.fft.rfftn(x, s=s, axes=named, norm=norm), pull


@op(needs="", promotes="float", complex=True)
def irfftn(xp, x, /, *, s=None, axes=None, norm="backward"):
    """The inverse of rfftn: real."""
    named = _axes(x, s, axes)
    over = _check("irfftn", x, named, s or (), norm)
    last = over[-1]
    size = 2 * (x.shape[last] - 1) if s is None else s[-1]
    before = x.shape

    def pull(gy):
        g = _doubled(xp, xp.fft.rfftn(gy, axes=over, norm=_SWAPPED[norm]), last, size)
        return _fit(xp, g, before, over)

    return xp.fft.irfftn(_complex(xp, x), s=s, axes=named, norm=norm), pull


def hfft(x: Any, /, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> Any:
    """The real transform of the first half of a Hermitian signal, of size n (default 2 (m - 1))."""
    return irfft(conj(x), n=n, axis=axis, norm=_swapped("hfft", norm))


def ihfft(x: Any, /, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> Any:
    """The inverse of hfft, its n // 2 + 1 first values."""
    return conj(rfft(x, n=n, axis=axis, norm=_swapped("ihfft", norm)))


def _swapped(name: str, norm: str) -> str:
    if norm not in _SWAPPED:
        raise ConfigError(f"{name}: norm must be one of {', '.join(_SWAPPED)}, got {norm!r}")
    return _SWAPPED[norm]


def fftfreq(n: int, /, *, d: float = 1.0, dtype: Any = None, device: str | None = None) -> Any:
    """The frequencies of fft's coefficients for samples d apart: 0, 1, ..., -2, -1 over n d."""
    k = concat([arange((n + 1) // 2, device=device), arange(-(n // 2), 0, device=device)])
    return astype(k, get_default_dtype() if dtype is None else dtype) / (n * d)


def rfftfreq(n: int, /, *, d: float = 1.0, dtype: Any = None, device: str | None = None) -> Any:
    """The frequencies of rfft's coefficients for samples d apart: 0, 1, ..., n // 2 over n d."""
    return astype(arange(n // 2 + 1, device=device), get_default_dtype() if dtype is None else dtype) / (n * d)


def _shift_axes(x: Any, axes: Any) -> tuple[int, ...]:
    return tuple(range(x.ndim)) if axes is None else (axes,) if isinstance(axes, int) else tuple(axes)


def fftshift(x: Any, /, *, axes: Any = None) -> Any:
    """x rolled along axes (None: all) so that frequency 0 is in the middle."""
    over = _shift_axes(x, axes)
    return roll(x, tuple(x.shape[a] // 2 for a in over), axis=over)


def ifftshift(x: Any, /, *, axes: Any = None) -> Any:
    """The inverse of fftshift."""
    over = _shift_axes(x, axes)
    return roll(x, tuple(-(x.shape[a] // 2) for a in over), axis=over)
