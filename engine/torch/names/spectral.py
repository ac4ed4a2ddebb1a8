"""The short-time Fourier transform and its inverse."""

from __future__ import annotations

from typing import Any

from ..nn import functional as F
from .core import define, kind_of
from .engine import dl


def _window(name: str, window: Any, win_length: int, n_fft: int, like: Any) -> Any:
    """The window, in the middle of a frame."""
    if window is None:
        window = dl.ones(win_length, dtype=like.real.dtype, device=like.device)
    if tuple(window.shape) != (win_length,) or not 0 < win_length <= n_fft:
        raise RuntimeError(f"{name}: expected 0 < win_length <= n_fft and a window of that length, got win_length={win_length}, "
                           f"n_fft={n_fft} and a window of shape {tuple(window.shape)}")  # fmt: skip
    left = (n_fft - win_length) // 2
    return dl.pad(window, [(left, n_fft - win_length - left)]) if win_length < n_fft else window


@define()
def stft(input: Any, n_fft: int, hop_length: Any = None, win_length: Any = None, window: Any = None, center: bool = True,
         pad_mode: str = "reflect", normalized: bool = False, onesided: Any = None, return_complex: Any = None,
         align_to_window: Any = None) -> Any:  # fmt: skip
    """The Fourier transforms of frames: (...,L) -> (...,F,T)."""
    if input.ndim not in (1, 2):
        raise RuntimeError(f"stft: expected a 1D or 2D tensor, got {input.ndim}D")
    is_complex = kind_of(input.dtype) == 3
    if return_complex is None and not is_complex and (window is None or kind_of(window.dtype) != 3):
        raise RuntimeError("stft requires the return_complex parameter be given for real inputs, and will further require that "
                           "return_complex=True in a future PyTorch release.")  # fmt: skip
    hop = n_fft // 4 if hop_length is None else hop_length
    frame = _window("stft", window, win_length or n_fft, n_fft, input)
    x = input if input.ndim == 2 else input[None]
    if center:
        x = F.pad(x[:, None], (n_fft // 2, n_fft // 2), mode=pad_mode)[:, 0]
    if x.shape[1] < n_fft:
        raise RuntimeError(f"stft: expected 0 < n_fft <= {x.shape[1]}, the length of the input, got n_fft={n_fft}")
    steps = 1 + (x.shape[1] - n_fft) // hop
    places = dl.arange(steps, device=x.device)[:, None] * hop + dl.arange(n_fft, device=x.device)
    frames = dl.take(x, dl.reshape(places, (-1,)), axis=1)
    frames = dl.reshape(frames, (x.shape[0], steps, n_fft)) * frame
    real = kind_of(frames.dtype) != 3
    half = real if onesided is None else onesided
    found = dl.fft.rfft(frames, axis=-1) if half and real else dl.fft.fft(frames + 0j if real else frames, axis=-1)
    found = dl.matrix_transpose(found)
    if normalized:
        found = found * n_fft**-0.5
    found = found if input.ndim == 2 else found[0]
    return found if return_complex or return_complex is None else dl.stack([dl.real(found), dl.imag(found)], axis=-1)


@define()
def istft(input: Any, n_fft: int, hop_length: Any = None, win_length: Any = None, window: Any = None, center: bool = True,
          normalized: bool = False, onesided: Any = None, length: Any = None, return_complex: bool = False) -> Any:  # fmt: skip
    """The signal whose short-time Fourier transform is nearest: (...,F,T) -> (...,L)."""
    if kind_of(input.dtype) != 3 or input.ndim not in (2, 3):
        raise RuntimeError("istft: expected a complex tensor of 2 or 3 axes, as stft(..., return_complex=True) returns it")
    hop = n_fft // 4 if hop_length is None else hop_length
    half = input.shape[-2] != n_fft if onesided is None else onesided
    if input.shape[-2] != (n_fft // 2 + 1 if half else n_fft):
        raise RuntimeError(f"istft: expected {n_fft // 2 + 1 if half else n_fft} frequencies, got {input.shape[-2]}")
    spectra = dl.matrix_transpose(input if input.ndim == 3 else input[None])
    spectra = spectra * n_fft**0.5 if normalized else spectra
    if return_complex and not half:
        frames = dl.fft.ifft(spectra, axis=-1)
    else:  # a real signal is what half the frequencies say, also where the others are given and say something else
        frames = dl.fft.irfft(spectra[..., : n_fft // 2 + 1], n=n_fft, axis=-1)
    frame = _window("istft", window, win_length or n_fft, n_fft, frames)
    total = n_fft + hop * (frames.shape[1] - 1)
    weights = dl.broadcast_to((frame * frame)[None, :, None], (1, n_fft, frames.shape[1]))
    added, weight = (_overlapped(f, total, n_fft, hop) for f in (dl.matrix_transpose(frames * frame), weights))
    begin = n_fft // 2 if center else 0
    end = total - begin if length is None else begin + length
    added, weight = added[:, begin : min(end, total)], weight[:, begin : min(end, total)]
    if float(dl.min(dl.abs(weight))) < 1e-11:
        raise RuntimeError("istft: the windows overlap nowhere at some place of the signal, so that it cannot be recovered there")
    y = added / weight
    if end > total:
        y = dl.pad(y, [(0, 0), (0, end - total)])
    return y if input.ndim == 3 else y[0]


def _overlapped(frames: Any, total: int, n_fft: int, hop: int) -> Any:
    """Frames (N,n_fft,T) added up at their places in a signal (N,total)."""
    if kind_of(frames.dtype) == 3:
        return _overlapped(dl.real(frames), total, n_fft, hop) + 1j * _overlapped(dl.imag(frames), total, n_fft, hop)
    return F.fold(frames, (1, total), (1, n_fft), stride=(1, hop))[:, 0, 0]
