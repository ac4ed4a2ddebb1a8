"""Sounds of one's own: WAV by the standard library, FLAC and others by soundfile; and log-mel spectra."""

from __future__ import annotations

import math
import wave
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from ...errors import BackendUnavailable, ConfigError, DataError
from ...io import reading
from ..host_arrays import HostArray
from .folders import class_files, read_files, regular_file
from .samples import CLASSIFICATION, Samples, some

SUFFIXES = (".wav", ".flac", ".ogg", ".aiff", ".aif")
LONGEST = 2**26
"""Values of the longest sound that is read."""

HIGHEST_RATE = 16_000
"""Sounds are resampled to at most so many values a second unless another rate is asked for."""


def load_sound(path: str | Path, rate: int | None = None) -> tuple[HostArray, int]:
    """Read a sound file as one channel.

    WAV of 8, 16, 24 or 32 bits is read without another library; FLAC, Ogg, AIFF and floating WAV need soundfile.

    Parameters
    ----------
    path : str or Path
        The sound file.
    rate : int, optional
        Resample to so many values a second.

    Returns
    -------
    values : numpy.ndarray
        Values (T,), float32, from -1 to 1, the mean of the channels.
    rate : int
        Values a second.

    Raises
    ------
    DataError
        If the file is missing, damaged, empty or too long.

    Examples
    --------
    >>> import wave
    >>> with wave.open("beep.wav", "wb") as file:
    ...     file.setparams((1, 2, 8000, 0, "NONE", ""))
    ...     file.writeframes(np.full(800, 16384, dtype="<i2").tobytes())
    >>> values, rate = dl.data.load_sound("beep.wav")
    >>> values[0], len(values), rate
    (np.float32(0.5), 800, 8000)
    """
    path = regular_file(path)
    values, found = _wav(path) if path.suffix.lower() == ".wav" else _other(path)
    if not len(values):
        raise DataError(f"{path}: the sound is empty")
    if not np.isfinite(values).all():
        raise DataError(f"{path}: the sound has values that are not finite")
    if rate is not None and rate != found:
        values, found = resampled(values, found, rate), rate
    return values, found


def _wav(path: Path) -> tuple[HostArray, int]:
    with open(path, "rb") as file:
        head = file.read(64)
    if head[:4] == b"RIFF" and b"fmt " in head and head[head.find(b"fmt ") + 8 :][:2] not in (b"\1\0", b""):
        return _other(path)  # floating or compressed
    with reading(path, DataError, "expected a WAV file", what="not a readable sound"), wave.open(str(path), "rb") as sound:
        channels, width, rate, frames = sound.getnchannels(), sound.getsampwidth(), sound.getframerate(), sound.getnframes()
        if frames * channels > LONGEST:
            raise DataError(f"{frames * channels:,} values, of which at most {LONGEST:,} are read")
        if width not in (1, 2, 3, 4) or not 100 <= rate <= 1_000_000:
            raise DataError(f"{8 * width} bits and {rate} values a second; expected 8 to 32 bits and 100 to 1,000,000")
        content = sound.readframes(frames)
        if len(content) < frames * channels * width:
            raise DataError(
                f"cut short: the header says {frames:,} values a channel, there are {len(content) // (channels * width):,}"
            )
    return _from_bytes(content, width).reshape(-1, channels).mean(axis=1, dtype=np.float32), rate


def _rate(path: Path) -> int:
    """Values a second by the header of a file, 0 if it has none."""
    with (
        suppress(DataError),
        reading(path, DataError, what="not a readable sound"),
        wave.open(str(regular_file(path)), "rb") as sound,
    ):
        return sound.getframerate()
    try:
        return _other(path, header=True)[1]
    except (DataError, BackendUnavailable):
        return 0


def _from_bytes(content: bytes, width: int) -> HostArray:
    """Values from -1 to 1 of whole numbers of 1 to 4 bytes; those of one byte have no sign."""
    if width == 1:
        return (np.frombuffer(content, dtype=np.uint8).astype(np.float32) - 128) / np.float32(128)
    if width == 3:
        parts = np.frombuffer(content, dtype=np.uint8).reshape(-1, 3).astype(np.int32)
        whole = parts[:, 0] << 8 | parts[:, 1] << 16 | parts[:, 2] << 24
        return (whole.astype(np.float64) / 2**31).astype(np.float32)
    return (np.frombuffer(content, dtype=f"<i{width}").astype(np.float64) / 2.0 ** (8 * width - 1)).astype(np.float32)


def _other(path: Path, header: bool = False) -> tuple[HostArray, int]:
    try:
        import soundfile
    except ImportError:
        raise BackendUnavailable(f"{path}: read by soundfile, which is not installed; mend: pip install soundfile") from None
    with (
        reading(path, DataError, "expected WAV, FLAC, Ogg or AIFF", what="not a readable sound"),
        soundfile.SoundFile(path) as sound,
    ):
        if sound.frames * sound.channels > LONGEST:
            raise DataError(f"{sound.frames * sound.channels:,} values, of which at most {LONGEST:,} are read")
        values = sound.read(0 if header else -1, dtype="float32", always_2d=True)
        return values.mean(axis=1, dtype=np.float32), int(sound.samplerate)


def resampled(values: HostArray, before: int, after: int) -> HostArray:
    """Values of a sound at another rate, by a polyphase filter."""
    from scipy.signal import resample_poly

    common = math.gcd(before, after)
    return np.asarray(resample_poly(values.astype(np.float64), after // common, before // common), dtype=np.float32)


def log_mel(values: ArrayLike, rate: int, bands: int = 40) -> HostArray:
    """Log-mel spectrum of a sound: the logarithm of the power in bands of the mel scale, in windows of 32 ms every 16 ms.

    Parameters
    ----------
    values : array_like
        Values (T,).
    rate : int
        Values a second.
    bands : int, default 40
        The number of bands M.

    Returns
    -------
    numpy.ndarray
        Spectrum (M, frames), float32.

    Raises
    ------
    ConfigError
        If rate or bands is less than 1.

    References
    ----------
    Stevens, Volkmann and Newman, 1937, "A scale for the measurement of the psychological magnitude pitch".

    Examples
    --------
    >>> tone = np.sin(2 * np.pi * 440 * np.arange(8000) / 8000)
    >>> dl.data.log_mel(tone, 8000, bands=20).shape
    (20, 61)
    """
    if rate < 1 or bands < 1:
        raise ConfigError(f"log_mel: rate and bands must be at least 1, got {rate} and {bands}")
    x = np.asarray(values, dtype=np.float32)
    width = max(16, 2 ** round(math.log2(0.032 * rate)))
    step = width // 2
    x = np.pad(x, (0, max(0, width - len(x))))
    frames = np.lib.stride_tricks.sliding_window_view(x, width)[::step]
    power = np.abs(np.fft.rfft(frames * np.hanning(width).astype(np.float32), axis=1)) ** 2
    return np.asarray(np.log(_mel_filters(rate, width, bands) @ power.T + 1e-6), dtype=np.float32)


def _mel_filters(rate: int, width: int, bands: int) -> HostArray:
    """Triangles of the mel scale over the frequencies of a spectrum (M, width // 2 + 1), each of sum 1."""
    top = 2595 * math.log10(1 + rate / 2 / 700)
    edges = 700 * (10 ** (np.linspace(0, top, bands + 2) / 2595) - 1)
    found = np.fft.rfftfreq(width, 1 / rate)
    rise = (found - edges[:-2, None]) / np.maximum(edges[1:-1] - edges[:-2], rate / width)[:, None]
    fall = (edges[2:, None] - found) / np.maximum(edges[2:] - edges[1:-1], rate / width)[:, None]
    filters = np.maximum(0, np.minimum(rise, fall))
    filters[np.arange(bands), np.abs(found - edges[1:-1, None]).argmin(axis=1)] += 1e-3  # no band without a frequency
    return np.asarray(filters / filters.sum(axis=1, keepdims=True))


def read_sound_folder(folder: str | Path, rate: int | None = None, *, seconds: float | None = None) -> Samples:
    """Read a folder of sounds by class: ``folder/CLASS/FILE.wav``.

    Parameters
    ----------
    folder : str or Path
        The folder; it may have folders train, validation and test inside.
    rate : int, optional
        Values a second, by default those of most files, at most 16,000.
    seconds : float, optional
        The most seconds to read for; then the files that were read by then are used, chosen at random.

    Returns
    -------
    Samples
        The waveforms and their classes.

    Raises
    ------
    DataError
        If the folder has no classes, or a file is no sound; the message names the files.

    Examples
    --------
    >>> import wave
    >>> from pathlib import Path
    >>> for name in ("low", "high"):
    ...     Path("tones", name).mkdir(parents=True)
    ...     with wave.open(f"tones/{name}/1.wav", "wb") as file:
    ...         file.setparams((1, 2, 8000, 0, "NONE", ""))
    ...         file.writeframes(bytes(1600))
    >>> print(dl.data.read_sound_folder("tones").findings()[0])
    2 sounds of 0.10 to 0.10 s at 8,000 Hz
    """
    found = class_files(folder, SUFFIXES, "sounds")
    rates = Counter(r for r in map(_rate, found.files) if r)
    chosen = rate or min(rates.most_common(1)[0][0] if rates else HIGHEST_RATE, HIGHEST_RATE)
    if len(rates) > 1:
        told = some([f"{r:,} Hz in {n:,} files" for r, n in rates.most_common()], 4)
        found = replace(found, notes=(*found.notes, f"rates differ: {told}; all are resampled to {chosen:,} Hz"))
    found, sounds = read_files(folder, found, lambda path: load_sound(path, chosen)[0], "sounds", seconds)
    return Samples(
        "sounds", sounds, CLASSIFICATION, found.targets, [str(p) for p in found.files],
        parts=found.parts, notes=found.notes, settings={"rate": chosen},
    )  # fmt: skip
