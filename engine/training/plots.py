"""Pictures of a training: learning curves and the confusion matrix, as PNG files."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..io import write_atomically

TRAIN, VALIDATION, INK = "#2a6f97", "#d1495b", "#333333"
STYLE: Any = {
    "font.size": 10.0, "axes.edgecolor": "#999999", "axes.labelcolor": INK, "axes.titlesize": 11.0, "text.color": INK,
    "xtick.color": INK, "ytick.color": INK, "axes.spines.top": False, "axes.spines.right": False,
}  # fmt: skip


def _figure(width: float, height: float) -> Any:
    """A figure that belongs to no window system and no global state."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _write(figure: Any, path: str | Path) -> None:
    content = io.BytesIO()
    figure.savefig(content, format="png")
    write_atomically(path, content.getvalue())


def plot_curves(path: str | Path, history: Sequence[dict[str, float]], title: str = "") -> None:
    """Loss and each metric over the epochs, training and validation, one panel each."""
    from matplotlib import rc_context
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    names = [k for k in history[0] if k not in ("epoch", "lr", "seconds") and not k.startswith("val_")]
    epochs = [row["epoch"] for row in history]
    with rc_context(STYLE):
        figure = _figure(4.4 * len(names), 3.4)
        for i, name in enumerate(names):
            axes = figure.add_subplot(1, len(names), i + 1)
            for key, label, colour in ((name, "training", TRAIN), (f"val_{name}", "validation", VALIDATION)):
                if key in history[0]:
                    values = [row[key] for row in history]
                    last = f"{100 * values[-1]:.1f} %" if name.endswith("accuracy") else f"{values[-1]:.3g}"
                    marker = "o" if len(epochs) < 16 else ""
                    axes.plot(epochs, values, color=colour, label=f"{label}, {last}", lw=1.8, marker=marker, ms=3.5)
            axes.set_title(name, loc="left", fontweight="bold")
            axes.set_xlabel("epoch")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
            axes.set_xlim(left=min(epochs) - 0.5, right=max(epochs) + 0.5)
            axes.grid(axis="y", color="#dddddd", lw=0.7)
            if name.endswith("accuracy"):
                axes.yaxis.set_major_formatter(PercentFormatter(1.0))
            elif name == "loss":
                axes.set_ylim(bottom=0.0)
            axes.legend(frameon=False, loc="best")
        if title:
            figure.suptitle(title, x=0.01, ha="left", fontsize=12, fontweight="bold")
        _write(figure, path)


def plot_confusion(path: str | Path, matrix: Any, classes: Sequence[str], title: str = "") -> None:
    """A confusion matrix: true classes in rows, predicted in columns, shaded by the part of the row."""
    from matplotlib import rc_context

    counts = np.asarray(matrix)
    parts = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    n = len(classes)
    side = max(3.6, 0.42 * n + 1.4)
    with rc_context(STYLE):
        figure = _figure(side, side)
        axes = figure.add_subplot()
        axes.imshow(parts, cmap="Blues", vmin=0.0, vmax=1.0)
        for i in range(n):
            for j in range(n):
                if counts[i, j]:
                    colour = "white" if parts[i, j] > 0.55 else INK if i == j else VALIDATION
                    weight = "normal" if i == j else "bold"
                    axes.text(j, i, str(counts[i, j]), ha="center", va="center", color=colour, fontsize=9, fontweight=weight)
        axes.set_xticks(range(n), classes)
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
        _write(figure, path)
