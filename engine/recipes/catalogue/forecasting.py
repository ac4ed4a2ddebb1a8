"""Forecasts of time series by an LSTM, compared with the naive and the seasonal naive forecast."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ... import data, nn, optim
from ...autograd.base import no_grad
from ...data.host_random import normal
from ...data.synthetic import cos_sin
from ...default_dtype import get_default_dtype
from ...generator import default_generator
from ...models import ManyToOne
from ...ops.conversion import asarray
from ...training import ClipGradients
from ..experiment import HELD_OUT, Experiment, Stage
from ..parts.pictures import draw_axes, lines
from ..recipe import Figure, Recipe, Scale, Setting

LOOKS = (("#cccccc", 1.2), ("#333333", 2.0), ("#d1495b", 1.5))


@dataclass(frozen=True)
class Series:
    """Values (T,), how many of them make a season, how many steps a window has, and how many at the end are unseen.

    power: the scale on which changes are even: 0 logarithm, 0.5 square root, 1 as it is.
    """

    name: str
    unit: str
    values: Any
    season: int
    window: int
    unseen: int
    power: float = 1.0

    def scaled(self) -> Any:
        """Transform values to the scale on which the model works."""
        return np.log(self.values) if self.power == 0 else self.values**self.power

    def unscaled(self, values: Any) -> Any:
        """Transform values back to the original scale."""
        return np.exp(values) if self.power == 0 else np.maximum(values, 0.0) ** (1 / self.power) if self.power < 1 else values


def real_series() -> list[Series]:
    """Airline passengers by month, sunspots by month, temperatures by day."""
    a, s, t = data.airline(), data.sunspots(), data.temperatures()
    return [
        Series("airline", a.unit, a.values, 12, 24, 36, power=0),
        Series("sunspots", s.unit, s.values, 132, 48, 600, power=0.5),
        Series("temperatures", t.unit, t.values, 365, 30, 730),
    ]


def made_series(n: int) -> list[Series]:
    """A trend, two waves of 12 and 30 steps, and a noise that fades slowly."""
    t, noise = np.arange(n), normal(default_generator, n)
    waves = 2.0 * cos_sin(t / 12)[1] + 1.2 * cos_sin(t / 30)[0]
    drift = np.zeros(n)
    for k in range(1, n):
        drift[k] = 0.7 * drift[k - 1] + 0.3 * noise[k]
    return [Series("made", "", 0.01 * t + waves + drift, 12, 36, n // 5)]


class Forecasting(Experiment):
    """Tomorrow's value from the last ones: an LSTM on passengers of an airline, sunspots and temperatures.

    The LSTM reads a window x_{t-w+1} ... x_t, each as its distance from x_t, beside it the same window one season earlier
    where the series is seasonal, and says the change d: the forecast is x_t + d. So it need not learn the level, which in
    the test lies where it never was in training. The loss is the squared error of d. Passengers are read as logarithms,
    since their waves grow with their number, sunspots as square roots.

    Two forecasts cost nothing: naive, as now (x_t), and seasonal-naive, as a season ago (x_{t+1-s}). Whoever cannot beat
    both has learnt nothing. The error is the root of the mean squared error over the end of the series, which was not
    trained on, in the series' own unit; each forecast sees the true values up to its eve.

    forecasts.png shows the unseen end and the forecasts; errors.png the errors of the three.
    Source: Hochreiter & Schmidhuber 1997; the naive forecasts: Hyndman & Athanasopoulos, "Forecasting: principles and
    practice"; the series: Box & Jenkins 1976; Andrews & Herzberg 1985.
    """

    captions: ClassVar = {
        "forecasts.png": "The unseen end of each series, and what was forecast a step before.",
        "errors.png": "The error of each forecast, as a part of the naive one's.",
    }

    def prepare(self) -> None:
        s = self.s
        self.series = {x.name: x for x in (real_series() if s.data == "real" else made_series(s.steps))}
        self.sets, self.scales, self.models = {}, {}, {}
        for name, series in self.series.items():
            inputs, targets, last = self._windows(series)
            cut = len(targets) - series.unseen
            scale = float(np.sqrt((targets[:cut] ** 2).mean()))
            kind = get_default_dtype()
            pairs = (inputs / scale).astype(kind), (targets / scale).astype(kind)[:, None]
            self.sets[name] = tuple(data.ArrayDataset(*(p[part] for p in pairs)) for part in (slice(0, cut), slice(cut, None)))
            self.scales[name] = (scale, last[cut:])
            self.models[name] = ManyToOne(nn.LSTM(2, s.hidden, batch_first=True), 1)

    @staticmethod
    def _windows(series: Series) -> tuple[Any, Any, Any]:
        """Windows (M,w,2), the changes (M,) that followed, and the last values (M,), all on the even scale.

        Features: x_k - x_t, and x_{k+1-s} - x_{t+1-s}: what came a season ago, one step further.
        """
        x, w, s = series.scaled(), series.window, series.season
        ends = np.arange(w + s, len(x)) - 1
        places = ends[:, None] + np.arange(1 - w, 1)
        now = x[places] - x[ends][:, None]
        before = x[places + 1 - s] - x[ends - s][:, None]
        return np.stack([now, before], axis=2), x[ends + 1] - x[ends], x[ends]

    def stages(self) -> Iterator[Stage]:
        for name, (train, _) in self.sets.items():
            cut = round((1 - HELD_OUT) * len(train))  # the latest part of the training data is validated on
            early, late = train.subset(range(cut)), train.subset(range(cut, len(train)))
            yield Stage(self._trainer(name), early, self._epochs(name), late, name, monitor="val_loss")

    def _epochs(self, name: str) -> int:
        """The number of epochs that gives short and long series the same number of steps."""
        batches = -(-len(self.sets[name][0]) // self.s.batch_size)
        return int(max(1, self.s.updates // batches))

    def _trainer(self, name: str) -> Any:
        optimizer = optim.AdamW(self.models[name].parameters(), lr=self.s.lr, weight_decay=self.s.decay)
        schedule = optim.CosineAnnealingLR(optimizer, self._epochs(name), eta_min=0.02 * self.s.lr)
        return self.trainer(self.models[name], nn.MSELoss(), optimizer, scheduler=schedule, callbacks=[ClipGradients(1.0)])

    def _forecasts(self, name: str) -> dict[str, Any]:
        """The three forecasts of the unseen end, and the truth, in the series' own unit."""
        series, (scale, last), test = self.series[name], self.scales[name], self.sets[name][1]
        self.models[name].eval()
        with no_grad():
            change = self.models[name](asarray(test.arrays[0])).numpy_copy()[:, 0].astype(np.float64) * scale
        values, n = np.asarray(series.values, dtype=np.float64), series.unseen
        season = values[-n - series.season : -series.season]
        return {
            "truth": values[-n:], "LSTM": series.unscaled(last + change), "naive": values[-n - 1 : -1], "seasonal-naive": season
        }  # fmt: skip

    def measure(self) -> dict[str, float]:
        """Errors in each series' own unit, and the LSTM's as a part of the better naive one's."""
        results: dict[str, float] = {}
        for name in self.series:
            found = self._forecasts(name)
            errors = {k: float(np.sqrt(((v - found["truth"]) ** 2).mean())) for k, v in found.items() if k != "truth"}
            results |= {f"{name}_{k.lower().replace('-', '_')}_rmse": e for k, e in errors.items()}
            results[f"{name}_ratio"] = errors["LSTM"] / min(errors["naive"], errors["seasonal-naive"])
        return results

    def draw(self, folder: Path) -> None:
        """The ends of the series, and the errors."""
        found = {name: self._forecasts(name) for name in self.series}

        def forecasts(axes: Any) -> None:
            for place, (name, series) in zip(axes[:, 0], self.series.items(), strict=True):
                shown = slice(-min(series.unseen, 160), None)
                lines(
                    place, {k: found[name][k][shown] for k in ("seasonal-naive", "truth", "LSTM")},
                    xlabel="step", ylabel=series.unit, title=name,
                )  # fmt: skip
                for line, (colour, width) in zip(place.get_lines(), LOOKS, strict=True):
                    line.set(color=colour, linewidth=width)
                place.legend(ncols=3, loc="lower left", bbox_to_anchor=(0.0, 1.08), borderaxespad=0.0)

        def errors(axes: Any) -> None:
            place, results = axes[0, 0], self.measure()
            for i, (kind, colour) in enumerate((("naive", "#8d6a9f"), ("seasonal_naive", "#bbbbbb"), ("lstm", "#d1495b"))):
                parts = [results[f"{name}_{kind}_rmse"] / results[f"{name}_naive_rmse"] for name in self.series]
                label = {"naive": "naive", "seasonal_naive": "seasonal-naive", "lstm": "LSTM"}[kind]
                bars = place.bar(np.arange(len(parts)) + 0.27 * (i - 1), parts, 0.25, color=colour, label=label)
                place.bar_label(bars, fmt="%.2f", fontsize=9)
            place.set_xticks(range(len(self.series)), list(self.series))
            place.set_ylabel("error / naive error")
            place.legend()

        draw_axes(folder / "forecasts.png", (10.0, 3.1 * len(found)), len(found), 1, forecasts)
        draw_axes(folder / "errors.png", (6.0, 3.6), 1, 1, errors)


QUICK = {"data": "made", "steps": 700, "updates": 250, "hidden": 24, "lr": 1e-2}
REAL = ("airline", "sunspots", "temperatures")
RECIPE = Recipe(
    "forecasting",
    "an LSTM forecasts passengers, sunspots and temperatures, against naive forecasts",
    Forecasting,
    {
        "data": Setting("real", "the three series, or a generated one", choices=("made", "real")),
        "steps": Setting(1200, "steps of the generated series", low=200),
        "updates": Setting(1500, "steps of training for each series", low=1),
        "batch_size": Setting(32, "windows in a step", low=1),
        "hidden": Setting(32, "units of the LSTM", low=1),
        "lr": Setting(3e-3, "learning rate of AdamW at the start", low=0),
        "decay": Setting(1e-2, "weight decay", low=0),
    },
    full=Scale(tuple(Figure(f"{name}_ratio", at_most=0.999) for name in REAL), data=REAL),
    small=Scale((Figure("made_ratio", at_most=0.8),), {"data": "made"}),
    quick=Scale((Figure("made_ratio", at_most=0.9),), QUICK),
    shows=(ManyToOne, nn.LSTM, data.airline, data.sunspots, data.temperatures),
)
