"""Series as windows: the last values beside those a season ago, as distances from a simple forecast that the network corrects."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..data.host_arrays import HostArray, convert
from ..data.readers import Samples, read_series
from ..data.readers.series import samples_of_series
from ..errors import DataError
from .encode_table import waves
from .encoders import Encoder

SEASONS = {
    "second": (60,), "minute": (60, 1440), "hour": (24, 168), "day": (365, 7), "week": (52,), "month": (12,), "quarter": (4,),
    "year": (), "step": (12, 24, 7, 52, 365, 4),
}  # fmt: skip
"""Seasons that are looked for in series by the hour, day and so on."""

CALENDAR = {
    "hour": ("day", "week", "year"),
    "minute": ("day", "week"),
    "day": ("year", "week"),
    "week": ("year",),
    "month": ("year",),
}
BASES = ("last", "mean", "seasonal", "drift")
MOST_STEPS = 60


@dataclass(frozen=True)
class Windows:
    """Windows of a series: what the network reads (M,F), the simple forecast (M,h), what came (M,h), and the origins (M,)."""

    features: HostArray
    base: HostArray
    targets: HostArray
    origins: HostArray


class SeriesEncoder(Encoder):
    """The window before an origin t, relative to the value at t, and the values that a season ago came after t."""

    kind = "series"

    @classmethod
    def fitted(cls, samples: Samples) -> SeriesEncoder:
        values, n = samples.inputs, len(samples)
        log = _grows_with_level(values)
        x = np.log(values) if log else values
        step = samples.settings.get("step", "step")
        season = _season(x, [s for s in SEASONS[step] if 3 * s <= n])
        horizon = samples.settings.get("horizon") or min(season if 1 < season <= MOST_STEPS else 12, max(1, n // 5))
        window = max(24, 2 * season if season <= MOST_STEPS else MOST_STEPS, min(horizon, 120))
        window = max(2, min(window, (n - horizon) // 3))
        if n < season + window + 2 * horizon:
            season = 1
        if n < window + 2 * horizon + 2:
            raise DataError(f"{n} values for training are too few to forecast {horizon} steps; give more, or a shorter horizon")
        made = cls(
            {
                "log": log, "season": season, "horizon": horizon, "window": window, "step": step, "base": "last",
                "calendar": [p for p in CALENDAR.get(step, ()) if samples.settings.get("times")],
                "target": samples.settings.get("target"), "low": float(values.min()), "high": float(values.max()),
                "center": None, "spread": None, "scale": 1.0,
            }
        )  # fmt: skip
        first, last = made.before, n
        errors = {}
        for base in BASES if season > 1 else BASES[:2]:
            made.settings["base"] = base
            found = made.windows(samples, first, last)
            errors[base] = float(np.abs(found.targets - found.base).mean())
        made.settings["base"] = min(errors, key=lambda b: errors[b])
        found = made.windows(samples, first, last)
        std = found.features.std(axis=0)
        scale = float((found.targets - found.base).std())
        made.settings |= {
            "center": found.features.mean(axis=0).tolist(), "spread": np.where(std > 1e-9, std, 1.0).tolist(),
            "scale": scale if scale > 1e-12 else 1.0,
        }  # fmt: skip
        return made

    @property
    def before(self) -> int:
        """The number of values that must come before the first step of a forecast."""
        return int(max(self.settings["window"], self.settings["season"] + 1 if self.settings["season"] > 1 else 1))

    def scaled(self, values: HostArray) -> HostArray:
        """Values on the scale on which the network works."""
        return np.asarray(np.log(np.maximum(values, 1e-12)) if self.settings["log"] else values)

    def unscaled(self, x: HostArray) -> HostArray:
        """Values in the unit of the series."""
        return np.asarray(np.exp(x) if self.settings["log"] else x)

    def windows(self, samples: Samples, first: int, last: int) -> Windows:
        """All windows whose targets lie from the step ``first`` to before ``last``."""
        x, horizon = self.scaled(samples.inputs), self.settings["horizon"]
        origins = np.arange(max(first, self.before), last - horizon + 1)  # the first step that is forecast
        if not len(origins):
            raise DataError(f"no window of {self.before} values and {horizon} steps fits into {last - first} values")
        targets = x[origins[:, None] + np.arange(horizon)]
        features, base = self._at(x, self._moments(samples), origins)
        return Windows(features, base, targets, origins)

    def _at(self, x: HostArray, moments: HostArray | None, origins: HostArray) -> tuple[HostArray, HostArray]:
        """Features (M,F) and simple forecasts (M,h) for first steps of forecasts, which may be the end of the series."""
        s = self.settings
        window, horizon, season = s["window"], s["horizon"], s["season"]
        past = x[origins[:, None] + np.arange(-window, 0)]
        now = past[:, -1:]
        parts = [past - now]
        ahead = np.arange(horizon)
        seasonal = None
        if season > 1:
            seasonal = x[origins[:, None] + ahead - season * (ahead // season + 1)]
            parts.append(seasonal - now)
            if season >= window:
                parts.append(x[origins[:, None] - season - 1] - now)
        if moments is not None and s["calendar"]:
            parts.append(np.stack(waves(moments[origins], s["calendar"]), axis=1))
        features = np.concatenate(parts, axis=1)
        if s["center"] is not None:
            features = ((features - np.array(s["center"])) / np.array(s["spread"])).clip(-6, 6)
        return features, self._base(s["base"], past, seasonal, x, origins)

    def _base(self, name: str, past: HostArray, seasonal: HostArray | None, x: HostArray, origins: HostArray) -> HostArray:
        """The simple forecast (M,h): the last value, the mean, the value a season ago, or that with the growth of a season."""
        horizon, season = self.settings["horizon"], self.settings["season"]
        if name == "last" or (seasonal is None and name != "mean"):
            return np.repeat(past[:, -1:], horizon, axis=1)
        if name == "mean" or seasonal is None:
            return np.repeat(past.mean(axis=1, keepdims=True), horizon, axis=1)
        if name == "seasonal":
            return seasonal
        recent = np.arange(-min(season, 12), 0)
        places = (origins[:, None] + recent - season).clip(0)
        growth = (x[origins[:, None] + recent] - x[places]).mean(axis=1, keepdims=True)
        return np.asarray(seasonal + growth * (np.arange(horizon) // season + 1))

    def naive(self, samples: Samples, windows: Windows) -> dict[str, HostArray]:
        """The forecasts that cost nothing, in the unit of the series, by name."""
        x, horizon, season = self.scaled(samples.inputs), self.settings["horizon"], self.settings["season"]
        found = {"last value": np.repeat(x[windows.origins[:, None] - 1], horizon, axis=1)}
        if season > 1:
            ahead = np.arange(horizon)
            found[f"value {season} steps before"] = x[windows.origins[:, None] + ahead - season * (ahead // season + 1)]
        return {name: self.unscaled(v) for name, v in found.items()}

    def _moments(self, samples: Samples) -> HostArray | None:
        """Seconds of each value and of the step after the last (N + 1,), or None without times."""
        times = samples.settings.get("times")
        if not times:
            return None
        seconds = np.array(times, dtype="datetime64[s]").astype(np.int64).astype(np.float64)
        step = np.median(np.diff(seconds)) if len(seconds) > 1 else 0.0
        return np.append(seconds, seconds[-1] + step)

    def encode(self, samples: Samples) -> HostArray:
        """The features at the end of a series (1,F)."""
        return self.at_end(samples)[0]

    def at_end(self, samples: Samples) -> tuple[HostArray, HostArray]:
        """Features (1,F) and the simple forecast (1,h) at the end of a series. Raises DataError if it is too short."""
        n = len(samples)
        if n < self.before:
            raise DataError(f"{samples.places[-1]}: {n} values; a forecast needs the last {self.before}")
        found = self._at(self.scaled(samples.inputs), self._moments(samples), np.array([n]))
        return found[0].astype(np.float32), found[1]

    def with_targets(self, path: Path, task: str, target: str | None) -> Samples:
        return self.read(path)

    def read(self, source: Any) -> Samples:
        if isinstance(source, list | tuple) and len(source) == 1 and isinstance(source[0], str | Path):
            source = source[0]
        if isinstance(source, str | Path):
            samples = read_series(source, None if self.settings["target"] in (None, "value") else self.settings["target"])
        else:
            values = convert(source, "predict: the series", "expected a file or values (N,)")
            if values.ndim != 1 or values.dtype.kind not in "iuf" or not np.isfinite(values).all():
                raise DataError(f"predict: expected finite values (N,), got {values.dtype} {values.shape}")
            places = [f"value {i}" for i in range(len(values))]
            samples = samples_of_series(values.astype(np.float64), None, self.settings["step"], places, [], {})
        if self.settings["log"] and (samples.inputs <= 0).any():
            place = samples.places[int(np.flatnonzero(samples.inputs <= 0)[0])]
            raise DataError(f"{place}: values must be above 0, as in the training data")
        return samples

    def unlike(self, samples: Samples) -> list[list[str]]:
        recent, s = samples.inputs[-self.settings["window"] :], self.settings
        margin = 0.5 * (s["high"] - s["low"])
        if recent.min() < s["low"] - margin or recent.max() > s["high"] + margin:
            return [[f"values from {recent.min():.6g} to {recent.max():.6g}; the training had {s['low']:.6g} to {s['high']:.6g}"]]
        return [[]]


def _grows_with_level(values: HostArray) -> bool:
    """Whether changes grow with the level of a positive series, so that its logarithm is even."""
    if values.min() <= 0 or values.max() < 2 * values.min():
        return False
    parts = [p for p in np.array_split(values, max(4, min(20, len(values) // 12))) if len(p) > 2]
    levels, spreads = np.array([p.mean() for p in parts]), np.array([p.std() for p in parts])
    if levels.std() == 0 or spreads.std() == 0:
        return False
    return float(np.corrcoef(levels, spreads)[0, 1]) > 0.7


def _season(x: HostArray, candidates: list[int]) -> int:
    """The season of a series: where it is like itself, and unlike itself half a season before; 1 if there is none."""
    t = np.arange(len(x))
    rest = x - np.polyval(np.polyfit(t, x, 1), t)
    power = float((rest**2).mean())
    if power <= 1e-12 * float((x**2).mean() + 1e-300):
        return 1
    found = {}
    for season in candidates:
        like = [float((rest[lag:] * rest[:-lag]).mean()) / power for lag in (season, max(1, season // 2))]
        if like[0] > 0.25 and like[0] - like[1] > 0.2:
            found[season] = like[0]
    return max(found, key=lambda s: found[s]) if found else 1
