"""Sounds as log-mel spectra of one length, like grey images of time and frequency."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..data.host_arrays import HostArray, convert
from ..data.readers import Samples, load_sound, log_mel, read_sound_folder
from ..errors import DataError
from .encoders import Encoder

BANDS = 40
MOST_FRAMES = 320
"""About five seconds; of longer sounds the middle is used."""


class SoundEncoder(Encoder):
    """Spectra (N,1,M,frames), scaled band by band."""

    kind = "sounds"

    @classmethod
    def fitted(cls, samples: Samples) -> SoundEncoder:
        rate = samples.settings["rate"]
        spectra = [log_mel(x, rate, BANDS) for x in samples.inputs]
        frames = int(np.percentile([s.shape[1] for s in spectra], 95))
        joined = np.concatenate(spectra, axis=1).astype(np.float64)
        std = float(joined.std())
        return cls(
            {
                "rate": rate,
                "frames": max(4, min(MOST_FRAMES, frames)),
                "mean": joined.mean(axis=1).tolist(),
                "std": std if std > 1e-6 else 1.0,
            }
        )

    def encode(self, samples: Samples) -> HostArray:
        s = self.settings
        out = np.empty((len(samples), 1, BANDS, s["frames"]), dtype=np.float32)
        mean = np.array(s["mean"], dtype=np.float32)[:, None]
        for i, x in enumerate(samples.inputs):
            found = (log_mel(x, s["rate"], BANDS) - mean) / np.float32(s["std"])
            spare = found.shape[1] - s["frames"]
            if spare >= 0:
                out[i, 0] = found[:, spare // 2 : spare // 2 + s["frames"]]
            else:
                out[i, 0] = found.min(axis=1, keepdims=True)
                out[i, 0, :, -spare // 2 : -spare // 2 + found.shape[1]] = found
        return out

    def features(self, encoded: HostArray) -> HostArray:
        """Mean, deviation and largest value of each band over time."""
        x = encoded[:, 0]
        return np.concatenate([x.mean(axis=2), x.std(axis=2), x.max(axis=2)], axis=1)

    def with_targets(self, path: Path, task: str, target: str | None) -> Samples:
        return read_sound_folder(path, self.settings["rate"])

    def read(self, source: Any) -> Samples:
        rate = self.settings["rate"]
        items: Any = [source] if isinstance(source, str | Path) else source
        if isinstance(items, list | tuple) and items and all(isinstance(i, str | Path) for i in items):
            sounds = [load_sound(i, rate)[0] for i in items]
            return Samples("sounds", sounds, None, None, [str(i) for i in items], settings={"rate": rate})
        if isinstance(items, list | tuple) and items and all(np.ndim(i) == 1 for i in items):
            found = [convert(i, "predict: a sound", "expected files or values (T,)") for i in items]
        else:
            array = convert(items, "predict: the sounds", "expected files or values (T,) or (N,T)")
            if array.ndim not in (1, 2) or not array.size:
                raise DataError(f"predict: expected sounds (T,) or (N,T) at {rate} values a second, got shape {array.shape}")
            found = list(np.atleast_2d(array))
        sounds = [np.asarray(x, dtype=np.float32) for x in found]
        if any(not np.isfinite(x).all() for x in sounds):
            raise DataError("predict: a sound has values that are not finite")
        return Samples("sounds", sounds, None, None, [f"sound {i}" for i in range(len(sounds))], settings={"rate": rate})
