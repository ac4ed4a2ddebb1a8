"""Fourier transforms by their definition: n sums of n products."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def _fit(x: Any, n: int | None, axis: int) -> Any:
    """x cut, or padded with zeros, to n along an axis."""
    if n is None:
        return x
    x = np.moveaxis(x, axis, -1)
    out = np.zeros((*x.shape[:-1], n), x.dtype)
    k = min(n, x.shape[-1])
    out[..., :k] = x[..., :k]
    return np.moveaxis(out, -1, axis)


def _sums(x: Any, axis: int, sign: int, scaled: bool, norm: str) -> Any:
    """y[k] = sum over j of x[j] exp(sign 2 pi i j k / n); over n if scaled, over the root of n for norm="ortho"."""
    x = np.moveaxis(x, axis, -1)[..., None, :]
    n = x.shape[-1]
    place = np.outer(np.arange(n), np.arange(n)) % n
    cosine = np.where(4 * place % (2 * n) == n, 0.0, np.cos(2 * np.pi * place / n))  # exactly 0 at a quarter turn
    sine = sign * np.where(2 * place % n == 0, 0.0, np.sin(2 * np.pi * place / n))

    def total(part: Any, factor: Any) -> Any:
        return np.sum(np.where(factor == 0, 0.0, part * factor), axis=-1)

    y = total(np.real(x), cosine) - total(np.imag(x), sine) + 0j
    y.imag = total(np.real(x), sine) + total(np.imag(x), cosine)
    if norm == "ortho":
        y = y / np.sqrt(n)
    elif scaled:
        y = y / n
    return np.moveaxis(y, -1, axis)


def fft(x: Any, n: int | None = None, axis: int = -1, norm: str = "backward") -> Any:
    """The transform; norm="forward" divides it by n."""
    return _sums(_fit(x, n, axis), axis, -1, norm == "forward", norm)


def ifft(x: Any, n: int | None = None, axis: int = -1, norm: str = "backward") -> Any:
    """The inverse; norm="backward" divides it by n."""
    return _sums(_fit(x, n, axis), axis, 1, norm == "backward", norm)


def _over(x: Any, s: Sequence[int] | None, axes: Sequence[int] | None) -> tuple[list[int], list[int | None]]:
    """The axes of a transform over several, and the size of each (None: as it is)."""
    if axes is None:
        axes = range(x.ndim) if s is None else range(x.ndim - len(s), x.ndim)
    return list(axes), [None] * len(axes) if s is None else list(s)


def fftn(x: Any, s: Any = None, axes: Any = None, norm: str = "backward") -> Any:
    """One axis after another."""
    for a, n in zip(*_over(x, s, axes), strict=True):
        x = fft(x, n, a, norm)
    return x


def ifftn(x: Any, s: Any = None, axes: Any = None, norm: str = "backward") -> Any:
    """One axis after another."""
    for a, n in zip(*_over(x, s, axes), strict=True):
        x = ifft(x, n, a, norm)
    return x


def rfft(x: Any, n: int | None = None, axis: int = -1, norm: str = "backward") -> Any:
    """The first half of the transform."""
    y = fft(x, n, axis, norm)
    return np.take(y, np.arange(y.shape[axis] // 2 + 1), axis=axis)


def _whole(x: Any, n: int | None, axis: int) -> Any:
    """The n coefficients of a real signal of which x has the first half: the others are conjugates."""
    size = 2 * (x.shape[axis] - 1) if n is None else n
    x = np.moveaxis(_fit(x, size // 2 + 1, axis), axis, -1)
    out = np.zeros((*x.shape[:-1], size), np.complex128)
    for k in range(size):
        out[..., k] = x[..., k] if 2 * k <= size else np.conj(x[..., size - k])
        if k == 0 or 2 * k == size:
            out[..., k] = np.real(x[..., k])
    return np.moveaxis(out, -1, axis)


def irfft(x: Any, n: int | None = None, axis: int = -1, norm: str = "backward") -> Any:
    """The inverse of the whole transform that the half x stands for."""
    return np.real(ifft(_whole(x, n, axis), None, axis, norm))


def hfft(x: Any, n: int | None = None, axis: int = -1, norm: str = "backward") -> Any:
    """The transform of the signal of which x is the first half and whose others are conjugates."""
    return np.real(fft(_whole(x, n, axis), None, axis, norm))


def ihfft(x: Any, n: int | None = None, axis: int = -1, norm: str = "backward") -> Any:
    """The first half of the inverse of a real signal."""
    y = ifft(x, n, axis, norm)
    return np.take(y, np.arange(y.shape[axis] // 2 + 1), axis=axis)


def rfftn(x: Any, s: Any = None, axes: Any = None, norm: str = "backward") -> Any:
    """The half transform along the last of the axes, then whole ones along the others."""
    over, sizes = _over(x, s, axes)
    y = rfft(x, sizes[-1], over[-1], norm)
    for a, n in zip(over[:-1], sizes[:-1], strict=True):
        y = fft(y, n, a, norm)
    return y


def irfftn(x: Any, s: Any = None, axes: Any = None, norm: str = "backward") -> Any:
    """Whole inverses along all axes but the last, then the half one along that."""
    over, sizes = _over(x, s, axes)
    for a, n in zip(over[:-1], sizes[:-1], strict=True):
        x = ifft(x, n, a, norm)
    return irfft(x, sizes[-1], over[-1], norm)


def fftshift(x: Any, axes: Any = None, back: bool = False) -> Any:
    """The place of frequency k (k up to (n - 1) // 2, then the negative ones) becomes k + n // 2; back: the inverse."""
    over = range(x.ndim) if axes is None else (axes,) if isinstance(axes, int) else axes
    for a in over:
        n = x.shape[a]
        to = [(k + n // 2) % n for k in range(n)]
        x = np.take(x, to if back else np.argsort(to), axis=a)
    return x


def ifftshift(x: Any, axes: Any = None) -> Any:
    """The inverse of fftshift."""
    return fftshift(x, axes, back=True)


def fftfreq(n: int, d: float = 1.0) -> Any:
    """k / (n d) for k = 0, 1 ... and then the negative ones up to -1."""
    return np.array([(k if 2 * k < n else k - n) / (n * d) for k in range(n)])


def rfftfreq(n: int, d: float = 1.0) -> Any:
    """k / (n d) for k = 0 ... n // 2."""
    return np.array([k / (n * d) for k in range(n // 2 + 1)])
