"""Pictures of a training: learning curves and the confusion matrix, as PNG files."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ConfigError
from ..io import write_atomically
from .gradient_flow import GradientFlow, layer_names
from .rate_finder import RateSearch

TRAIN, VALIDATION, INK = "#2a6f97", "#d1495b", "#333333"
STYLE: Any = {
    "font.size": 10.0, "axes.edgecolor": "#999999", "axes.labelcolor": INK, "axes.titlesize": 11.0, "text.color": INK,
    "xtick.color": INK, "ytick.color": INK, "axes.spines.top": False, "axes.spines.right": False,
    "axes.axisbelow": True,
}  # fmt: skip


def new_figure(width: float, height: float) -> Any:
    """A matplotlib figure of so many inches that belongs to no window system and no global state."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save_figure(figure: Any, path: str | Path) -> None:
    """Write a figure as a PNG file, whole or not at all."""
    content = io.BytesIO()
    figure.savefig(content, format="png")
    write_atomically(path, content.getvalue())


def plot_curves(
    path: str | Path, history: Sequence[dict[str, float]], title: str = "", checked: str = "validation"
) -> None:
    """Loss and each metric over the epochs, one panel each: of the training, and of the set that it was checked on."""
    from matplotlib import rc_context
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    columns = [k.removeprefix("val_") for k in history[0] if k not in ("epoch", "lr", "seconds")]
    names = list(dict.fromkeys(columns))
    epochs = [row["epoch"] for row in history]
    with rc_context(STYLE):
        figure = new_figure(4.4 * len(names), 3.4)
        for i, name in enumerate(names):
            axes = figure.add_subplot(1, len(names), i + 1)
            shown: list[float] = []
            for key, label, colour in ((name, "training", TRAIN), (f"val_{name}", checked, VALIDATION)):
                if key in history[0]:
                    values = [row[key] for row in history]
                    last = f"{100 * values[-1]:.1f} %" if name.endswith("accuracy") else f"{values[-1]:.3g}"
                    marker = "o" if len(epochs) < 16 else ""
                    axes.plot(epochs, values, color=colour, label=f"{label}, {last}", lw=1.8, marker=marker, ms=3.5)
                    shown += values
            axes.set_title(name, loc="left", fontweight="bold")
            axes.set_xlabel("epoch")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
            for line in axes.get_lines():
                line.set_clip_on(False)
            axes.set_xlim(left=min(epochs) - 0.5, right=max(epochs) + 0.5)
            axes.grid(axis="y", color="#dddddd", lw=0.7)
            if name.endswith("accuracy"):
                axes.yaxis.set_major_formatter(PercentFormatter(1.0))
            elif min(shown) > 0 and max(shown) > 100 * min(shown):
                axes.set_yscale("log")
            elif 0 <= min(shown) < 0.5 * max(shown):
                axes.set_ylim(bottom=0.0)
            axes.legend(frameon=False, loc="best")
        if title:
            figure.suptitle(title, x=0.01, ha="left", fontsize=12, fontweight="bold")
        save_figure(figure, path)


def plot_confusion(path: str | Path, matrix: Any, classes: Sequence[str], title: str = "") -> None:
    """A confusion matrix: true classes in rows, predicted in columns, shaded by the part of the row."""
    from matplotlib import rc_context

    counts = np.asarray(matrix)
    parts = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    n = len(classes)
    side = max(3.6, 0.42 * n + 1.4)
    with rc_context(STYLE):
        figure = new_figure(side, side)
        axes = figure.add_subplot()
        axes.imshow(parts, cmap="Blues", vmin=0.0, vmax=1.0)
        for i in range(n):
            for j in range(n):
                if counts[i, j]:
                    colour = "white" if parts[i, j] > 0.55 else INK if i == j else VALIDATION
                    weight = "normal" if i == j else "bold"
                    axes.text(j, i, str(counts[i, j]), ha="center", va="center", color=colour, fontsize=9, fontweight=weight)
        slanted = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"} if max(map(len, classes)) > 3 else {}
        axes.set_xticks(range(n), classes, **slanted)
        axes.set_yticks(range(n), classes)
        axes.set_xticks(np.arange(n + 1) - 0.5, minor=True)
        axes.set_yticks(np.arange(n + 1) - 0.5, minor=True)
        axes.grid(which="minor", color="white", lw=1.5)
        axes.tick_params(which="both", length=0)
        for spine in axes.spines.values():
            spine.set_visible(False)
        axes.set_xlabel("predicted")
        axes.set_ylabel("true")
        right = int(np.trace(counts))
        note = f"{right} of {counts.sum()} right ({100 * right / max(1, counts.sum()):.1f} %)"
        axes.set_title(f"{title}\n{note}" if title else note, loc="left", fontsize=11, fontweight="bold")
        save_figure(figure, path)


def plot_gradient_flow(path: str | Path, flow: GradientFlow, title: str = "") -> None:
    """Gradient norms on a logarithmic scale: by layer over the records, and by time step, a line for each series watched."""
    from matplotlib import rc_context

    panels = [draw for draw, present in ((_by_layer, flow.layers), (_by_time, flow.steps)) if present]
    if not panels:
        raise ConfigError("plot_gradient_flow: nothing was recorded")
    with rc_context(STYLE):
        figure = new_figure(6.2 * len(panels), 4.0)
        for i, draw in enumerate(panels):
            draw(figure.add_subplot(1, len(panels), i + 1), flow)
        if title:
            figure.suptitle(title, x=0.01, ha="left", fontsize=12, fontweight="bold")
        save_figure(figure, path)


def _by_layer(axes: Any, flow: GradientFlow) -> None:
    """The range and the median over all records of each parameter's gradient norm, input at the left."""
    names = layer_names(flow.layers)
    values = [_visible([r[n] for r in flow.layers if n in r]) for n in names]
    low, middle, high = (np.array([f(v) for v in values]) for f in (np.min, np.median, np.max))
    place = np.arange(len(names))
    axes.vlines(place, low, high, color=TRAIN, lw=5, alpha=0.3, label="all records")
    axes.plot(place, middle, color=TRAIN, marker="o", ms=4, lw=0, label="median")
    for kind in dict.fromkeys(n.rsplit(".", 1)[-1] for n in names):  # weights to weights, biases to biases
        own = [i for i, n in enumerate(names) if n.rsplit(".", 1)[-1] == kind]
        axes.plot(place[own], middle[own], color=TRAIN, lw=1.0, alpha=0.6)
    axes.plot(place, [v[-1] for v in values], color=VALIDATION, marker="o", ms=4, lw=0, label="last")
    axes.set_yscale("log")
    axes.set_xticks(place, names, rotation=45, ha="right", fontsize=8)
    axes.set_title("gradient norm by layer", loc="left", fontweight="bold")
    axes.grid(axis="y", color="#dddddd", lw=0.7)
    axes.legend(frameon=False)


def _by_time(axes: Any, flow: GradientFlow) -> None:
    """How the norm of the loss's gradient changes on its way back through time; each line is named at its end."""
    shades = ("#2a6f97", "#d1495b", "#66a182", "#8d6a9f", "#edae49", "#777777")
    for (name, norms), colour in zip(flow.steps.items(), [shades[i % len(shades)] for i in range(len(flow.steps))], strict=True):
        axes.plot(range(1, len(norms) + 1), _visible(norms), color=colour, lw=1.8, label=name)
    axes.set_yscale("log")
    axes.set_xlabel("time step t")
    axes.set_title("norm of dL/dh(t)", loc="left", fontweight="bold")
    axes.grid(axis="y", color="#dddddd", lw=0.7)
    axes.legend(frameon=False)


def _visible(norms: Sequence[float]) -> np.ndarray[Any, Any]:
    """What a logarithmic axis can show: zeros and values that are not finite leave a gap."""
    values = np.asarray(norms, dtype=np.float64)
    return np.where((values > 0) & np.isfinite(values), values, np.nan)


def plot_rate_search(path: str | Path, search: RateSearch, title: str = "") -> None:
    """Loss over learning rate, and the suggested rate."""
    from matplotlib import rc_context

    with rc_context(STYLE):
        figure = new_figure(5.4, 3.6)
        axes = figure.add_subplot()
        axes.plot(search.rates, search.losses, color=TRAIN, lw=1.8)
        axes.axvline(search.suggestion, color=VALIDATION, lw=1.2, ls="--", label=f"suggestion {search.suggestion:.2g}")
        axes.set_xscale("log")
        axes.set_xlabel("learning rate")
        axes.set_ylabel("loss")
        axes.set_title(title or "learning-rate search", loc="left", fontweight="bold")
        axes.grid(axis="y", color="#dddddd", lw=0.7)
        axes.legend(frameon=False)
        save_figure(figure, path)
