"""Fourier transforms, windows and mel filters."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import namespace as dl
from ..table import operator
from ..values import Host, dtype_of


def as_complex(x):
    """Real values (..., 1), or real and imaginary parts (..., 2), as one tensor without that axis."""
    if x.shape[-1] == 1:
        return dl.squeeze(x, axis=-1)
    unit = dl.full((), 1j, dtype="complex64" if x.dtype != "float64" else "complex128", device=x.device)
    return x[..., 0] + x[..., 1] * unit


def as_parts(z):
    return dl.stack([dl.real(z), dl.imag(z)], axis=-1)


def dft_of(x, length, axis, inverse, onesided):
    axis %= x.ndim
    size = x.shape[axis] if length is None else int(length.item())
    if length is None and inverse and onesided:
        size = 2 * (size - 1)
    z = as_complex(x if inverse else dl.astype(x, "float64"))  # unnormalised sums of many terms, which cancel
    if inverse and onesided:
        y = dl.expand_dims(dl.irfft(z, n=size, axis=axis), axis=-1)
    elif inverse:
        y = as_parts(dl.ifft(z, n=size, axis=axis))
    elif onesided and z.dtype.kind == "f":
        y = as_parts(dl.rfft(z, n=size, axis=axis))
    else:
        y = as_parts(dl.fft(z, n=size, axis=axis))
        y = y[(slice(None),) * axis + (slice(0, size // 2 + 1),)] if onesided else y
    return dl.astype(y, x.dtype)


@operator("DFT", since=20)
def dft(x, length: Host = None, axis: Host = None, *, inverse=0, onesided=0):
    return dft_of(x, length, -2 if axis is None else int(axis.item()), inverse, onesided)


@operator("DFT")
def dft_old(x, length: Host = None, *, axis=1, inverse=0, onesided=0):
    return dft_of(x, length, axis, inverse, onesided)


@operator("STFT")
def stft(x, step: Host, window: Any = None, length: Host = None, *, onesided=1):
    """Transforms of overlapping pieces (batch, frames, bins, 2)."""
    size = int(length.item()) if length is not None else window.shape[0]
    hop = int(step.item())
    frames = 1 + (x.shape[1] - size) // hop
    places = np.arange(frames)[:, None] * hop + np.arange(size)
    pieces = dl.take(as_complex(x) if x.ndim == 3 else x, dl.asarray(places, device=x.device), axis=1)
    pieces = pieces if window is None else pieces * window
    y = dl.rfft(pieces) if onesided and pieces.dtype.kind == "f" else dl.fft(pieces)
    return dl.astype(as_parts(y[..., : size // 2 + 1] if onesided else y), x.dtype)


def window(*terms):
    def run(size: Host, *, output_datatype=1, periodic=1):
        n = int(size.item())
        angle = 2 * np.pi * np.arange(n) / max(n if periodic else n - 1, 1)
        return np.asarray(sum(a * np.cos(k * angle) for k, a in enumerate(terms))).astype(dtype_of(output_datatype))

    return run


operator("HannWindow", folds=False)(window(0.5, -0.5))
operator("HammingWindow", folds=False)(window(25 / 46, -21 / 46))
operator("BlackmanWindow", folds=False)(window(0.42, -0.5, 0.08))


@operator("MelWeightMatrix", folds=False)
def mel_weights(bins: Host, length: Host, rate: Host, low: Host, high: Host, *, output_datatype=1):
    """Triangles on the mel scale, as a matrix from frequencies to bins."""
    count, size = int(bins.item()), int(length.item())
    lowest, highest = (2595 * np.log10(1 + float(v.item()) / 700) for v in (low, high))
    steps = np.arange(count + 2) * ((highest - lowest) / (count + 2)) + lowest
    edges = ((size + 1) * (700 * (10 ** (steps / 2595) - 1)) // int(rate.item())).astype(int)
    found = np.zeros((size // 2 + 1, count))
    for k, (left, centre, right) in enumerate(zip(edges, edges[1:], edges[2:], strict=False)):
        if centre == left:
            found[centre, k] = 1
        else:
            found[left : centre + 1, k] = np.arange(centre - left + 1) / (centre - left)
        found[centre:right, k] = (right - np.arange(centre, right)) / max(right - centre, 1)
    return found.astype(dtype_of(output_datatype))
