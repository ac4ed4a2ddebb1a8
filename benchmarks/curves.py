"""Scaling curves: time over batch size, layer sizes, sequence length and threads, compared with the arithmetic.

A curve is a row of CURVES: a workload of workloads.py, and the values of one size or of several sizes together.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from itertools import pairwise
from math import log
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from dlengine.errors import ConfigError
from dlengine.io import write_atomically
from dlengine.show import label_axes, new_figure, png
from dlengine.show.figures import FIRST, NEUTRAL, SECOND

from .pictures import plain_logarithmic
from .process import WorkerFailed
from .results import OURS
from .run import HEAPS, Progress, Settings, Workers, in_turns, machine
from .workloads import WORKLOADS

if TYPE_CHECKING:
    from rich.table import Table

LEAST_SECONDS = 5e-3
"""Shorter runs are left out of the slopes: constant costs (threads, Python, the first-level cache) dominate them."""
STEEPEST = 1.1
"""The target: time grows at most with this power of the arithmetic."""


@dataclass(frozen=True)
class Curve:
    """A workload at several values of some sizes, given by their letters; ("threads",) is the number of threads."""

    name: str
    workload: str
    letters: tuple[str, ...]
    values: tuple[int, ...]
    fixed: dict[str, int] = field(default_factory=dict)

    @property
    def axis(self) -> str:
        return " = ".join(self.letters)

    def sizes(self, value: int) -> dict[str, int]:
        return self.fixed | ({} if self.letters == ("threads",) else dict.fromkeys(self.letters, value))

    def arithmetic(self, value: int) -> float:
        """Operations of one run."""
        cost = WORKLOADS[self.workload].cost(**self.sizes(value))
        if cost is None:
            raise ConfigError(f"bench: costs.py has no formula for {self.workload}")
        return cost.flops


CURVES = (
    Curve("conv over batch", "conv-c64", ("N",), (2, 4, 8, 16, 32, 64, 128)),
    Curve("conv over channels", "conv-c64", ("C", "K"), (8, 16, 32, 64, 128, 256)),
    Curve("conv over image", "conv-c64", ("H",), (7, 14, 28, 56, 112), {"N": 8}),
    Curve("lstm over batch", "lstm-medium", ("N",), (4, 8, 16, 32, 64, 128, 256)),
    Curve("lstm over hidden", "lstm-medium", ("H",), (32, 64, 128, 256, 512, 1024), {"N": 32}),
    Curve("lstm over time", "lstm-medium", ("T",), (8, 16, 32, 64, 128, 256)),
    Curve("gru over hidden", "gru-medium", ("H",), (32, 64, 128, 256, 512), {"N": 32}),
    Curve("mlp step over batch", "mlp-mnist", ("N",), (16, 64, 256, 1024, 4096)),
    Curve("mlp step over hidden", "mlp-mnist", ("H",), (64, 256, 1024, 4096)),
    Curve("cnn step over batch", "cnn-mnist", ("N",), (8, 16, 32, 64, 128)),
    Curve("conv over threads", "conv-c64", ("threads",), (1, 2)),
    Curve("lstm over threads", "lstm-medium", ("threads",), (1, 2)),
    Curve("mlp step over threads", "mlp-mnist", ("threads",), (1, 2)),
    Curve("cnn step over threads", "cnn-mnist", ("threads",), (1, 2)),
)


@dataclass
class Measured:
    """The times of a curve: seconds by framework, one for each value."""

    curve: Curve
    flops: list[float]
    seconds: dict[str, list[float]] = field(default_factory=dict)
    error: str | None = None

    @property
    def over_threads(self) -> bool:
        return self.curve.letters == ("threads",)

    def steepest(self, name: str) -> float | None:
        """The greatest slope of a framework; None if no run is long enough or the arithmetic is constant."""
        found = slopes(self.flops, self.seconds.get(name, []))
        return max(found, default=None)


def slopes(flops: list[float], seconds: list[float]) -> list[float]:
    """Log-log slopes of time against arithmetic between neighbours that both take LEAST_SECONDS or more."""
    points = [(f, s) for f, s in zip(flops, seconds, strict=False) if s >= LEAST_SECONDS]
    return [log(t / s) / log(g / f) for (f, s), (g, t) in pairwise(points) if g > f]


@dataclass
class Scaling:
    """All curves of one run."""

    settings: dict[str, Any]
    machine: dict[str, Any]
    frameworks: dict[str, dict[str, Any]]
    date: str
    curves: list[Measured] = field(default_factory=list)

    def save(self, path: Path) -> None:
        curves = [{**asdict(m), "steepest": {name: m.steepest(name) for name in m.seconds}} for m in self.curves]
        raw = {"schema": "dlengine-scaling-1", **{k: v for k, v in vars(self).items() if k != "curves"}, "curves": curves}
        write_atomically(path, (json.dumps(raw, indent=1) + "\n").encode())


def select(patterns: tuple[str, ...]) -> list[Curve]:
    """The curves whose name or workload contains a pattern or matches it as a glob; all if none is given. Raises ConfigError."""

    def wanted(curve: Curve, pattern: str) -> bool:
        return any(pattern in text or fnmatchcase(text, pattern) for text in (curve.name, curve.workload))

    for pattern in patterns:
        if not any(wanted(curve, pattern) for curve in CURVES):
            raise ConfigError(f"bench: no curve matches {pattern!r}; there are {', '.join(curve.name for curve in CURVES)}")
    return [curve for curve in CURVES if not patterns or any(wanted(curve, pattern) for pattern in patterns)]


def run(settings: Settings, curves: list[Curve], progress: Progress) -> Scaling:
    """Time every point of the curves; progress(description, done, total) is called before each."""
    names = [OURS, *([settings.against] if settings.against else [])]
    heap = HEAPS[settings.heap][0]
    found = Scaling(asdict(settings), machine(), {}, datetime.now(UTC).isoformat(timespec="seconds"))
    total, done = sum(len(curve.values) for curve in curves), 0
    with ExitStack() as stack:
        pools: dict[int, Workers] = {}
        for curve in curves:
            measured = Measured(curve, [curve.arithmetic(value) for value in curve.values])
            found.curves.append(measured)
            for value in curve.values:
                progress(curve.name, done, total)
                threads = value if measured.over_threads else settings.threads
                pool = pools.setdefault(threads, Workers(replace(settings, threads=threads), stack))
                if measured.error is None:
                    try:
                        point(measured, value, {name: pool.worker(name, heap) for name in names}, settings.repeat)
                    except WorkerFailed as error:
                        measured.error = str(error)
                done += 1
        pool = pools.setdefault(settings.threads, Workers(settings, stack))
        found.frameworks = {name: pool.worker(name, heap).ask("describe") for name in names}
    progress("done", total, total)
    return found


def point(
    measured: Measured, value: int, workers: dict[str, Any], repeat: int, advance: Callable[[], None] = lambda: None
) -> None:
    """Time one point of a curve in turns; a run of a second or more is timed once."""
    curve = measured.curve
    usual = [worker.ask("prepare", workload=curve.workload, sizes=curve.sizes(value))["usual"] for worker in workers.values()]
    turns = 1 if max(usual) >= 1 else repeat
    for name, answers in in_turns(workers, turns, advance).items():
        measured.seconds.setdefault(name, []).append(median(answer["seconds"] for answer in answers))


def table(scaling: Scaling) -> Table:
    """One line per curve: its first and last time, and the steepest slope, of each framework."""
    from rich import box
    from rich.table import Table

    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for number, heading in enumerate(("curve", "over", "values")):
        shown.add_column(heading, justify="left" if number < 2 else "right", no_wrap=True)
    for name in scaling.frameworks:
        shown.add_column(f"{name} ms", justify="right", no_wrap=True)
        shown.add_column("slope", justify="right", no_wrap=True)
    for m in scaling.curves:
        cells = [m.curve.name, m.curve.axis, f"{m.curve.values[0]}-{m.curve.values[-1]}"]
        for name in scaling.frameworks:
            seconds = m.seconds.get(name, [])
            cells += [f"{_ms(seconds[0])}-{_ms(seconds[-1])}" if seconds else "-", slope_text(m, name)]
        steep = (m.steepest(OURS) or 0.0) > STEEPEST
        shown.add_row(*cells, style="red" if m.error else "yellow" if steep else None)
    return shown


def _ms(seconds: float) -> str:
    return f"{1e3 * seconds:.3g}" if seconds < 1 else f"{1e3 * seconds:.0f}"


def slope_text(measured: Measured, name: str) -> str:
    """The steepest slope; for threads, the speed-up from the fewest threads to the most."""
    seconds = measured.seconds.get(name, [])
    if measured.over_threads:
        return f"x{seconds[0] / seconds[-1]:.2f}" if len(seconds) > 1 else "-"
    steepest = measured.steepest(name)
    return "-" if steepest is None else f"{steepest:.2f}"


def summary(scaling: Scaling) -> list[str]:
    """The steepest slopes, and the curves that failed."""
    found = [(m.steepest(OURS), m.curve.name) for m in scaling.curves]
    told = sorted(((slope, name) for slope, name in found if slope is not None), reverse=True)
    lines = [f"{m.curve.name}: failed: {m.error}" for m in scaling.curves if m.error]
    if not told:
        return [*lines, f"no two neighbours of a curve take {1e3 * LEAST_SECONDS:g} ms or more: no slopes"]
    steep = [f"{name} {slope:.2f}" for slope, name in told if slope > STEEPEST]
    lines.append(
        f"steepest slope of time against arithmetic above {1e3 * LEAST_SECONDS:g} ms: {told[0][0]:.2f} ({told[0][1]}); "
        f"target at most {STEEPEST}"
    )
    return [*lines, *([f"steeper than {STEEPEST}: {', '.join(steep)}"] if steep else [])]


def picture(scaling: Scaling) -> bytes:
    """A PNG with one panel per curve, both axes logarithmic; dashed: growth in proportion to the arithmetic."""
    shown = [m for m in scaling.curves if m.seconds]
    across = min(4, max(1, len(shown)))
    down = -(-len(shown) // across) or 1
    with new_figure(3.5 * across, 2.9 * down + 0.6) as figure:
        panels = figure.subplots(down, across, squeeze=False).ravel()
        colours = dict(zip(scaling.frameworks, (FIRST, SECOND), strict=False))
        for axes, m in zip(panels, shown, strict=False):
            _panel(axes, m, colours)
        for axes in panels[len(shown) :]:
            axes.set_axis_off()
        asked = scaling.settings
        title = f"{OURS} {asked['backend']}, {asked['threads']} threads, {scaling.date[:10]}"
        figure.suptitle(f"{title}; dashed: in proportion to the arithmetic", fontsize=10)
    return png(figure)


def _panel(axes: Any, measured: Measured, colours: Mapping[str, str]) -> None:
    """One curve: the time of each framework over the size, and dashed the growth in proportion to the arithmetic."""
    curve = measured.curve
    for name, seconds in measured.seconds.items():
        label = f"{name} ({slope_text(measured, name)})"
        milliseconds = [1e3 * s for s in seconds]
        axes.plot(curve.values[: len(seconds)], milliseconds, "o-", ms=3.5, color=colours.get(name, NEUTRAL), label=label)
    ours = measured.seconds.get(OURS, [])
    if ours:
        threads = [ours[0] * curve.values[0] / value for value in curve.values]
        work = [ours[-1] * f / measured.flops[len(ours) - 1] for f in measured.flops]
        ideal = threads if measured.over_threads else work
        axes.plot(curve.values, [1e3 * s for s in ideal], "--", color=NEUTRAL, lw=0.9, zorder=0)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    plain_logarithmic(axes.yaxis, *axes.get_ylim())
    axes.set_xticks(curve.values, [str(value) for value in curve.values])
    axes.set_xticks([], minor=True)
    label_axes(axes, curve.axis, "ms", curve.name, grid="both")
    axes.tick_params(labelsize=8)
    axes.legend(fontsize=7, title="slope" if not measured.over_threads else "speed-up", title_fontsize=7)
