"""dlengine.fft: the array API's Fourier transform extension."""

from __future__ import annotations

from .ops.fft import fft, fftn, ifft, ifftn
from .ops.fft_frequencies import fftfreq, fftshift, ifftshift, rfftfreq
from .ops.fft_real import hfft, ihfft, irfft, irfftn, rfft, rfftn

__all__ = [
    "fft", "fftfreq", "fftn", "fftshift", "hfft", "ifft", "ifftn", "ifftshift", "ihfft", "irfft", "irfftn", "rfft", "rfftfreq",
    "rfftn",
]  # fmt: skip
