"""Figures of a training, as PNG files: learning curves, the confusion matrix, gradient norms and the learning-rate search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from ..errors import ConfigError
from ..show import COLOURS, label_axes, new_figure, save_figure
from ..show.figures import FIRST, INK, SECOND
from .gradient_flow import GradientFlow, layer_names
from .rate_finder import RateSearch

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def plot_curves(
    path: str | Path, history: Sequence[Mapping[str, float]], title: str = "", checked: str = "validation"
) -> None:
    """Draw the loss and each metric over the epochs, one panel each, of training and validation data.

    Parameters
    ----------
    path : str or Path
        The PNG file to write.
    history : sequence of mapping
        One entry per epoch with ``"epoch"``, the loss and the metrics by name, those of the validation data with the prefix
        ``val_``; what ``Trainer.fit`` returns.
    title : str, optional
        The title of the figure.
    checked : str, optional
        What the legend calls the validation data.

    Examples
    --------
    >>> from pathlib import Path
    >>> history = [{"epoch": 1, "loss": 0.9, "val_loss": 1.0}, {"epoch": 2, "loss": 0.5, "val_loss": 0.7}]
    >>> dl.training.plot_curves("curves.png", history, title="mlp")
    >>> Path("curves.png").exists()
    True
    """
    names = list(dict.fromkeys(k.removeprefix("val_") for k in history[0] if k not in ("epoch", "lr", "seconds")))
    with new_figure(4.4 * len(names), 3.4) as figure:
        for i, name in enumerate(names):
            curves = {"training": name, checked: f"val_{name}"}
            found = {label: [row[key] for row in history] for label, key in curves.items() if key in history[0]}
            _curves(figure.add_subplot(1, len(names), i + 1), name, [row["epoch"] for row in history], found)
        _title(figure, title)
        save_figure(figure, path)


def _curves(axes: Axes, name: str, epochs: Sequence[float], curves: Mapping[str, list[float]]) -> None:
    """One panel of plot_curves: the curves by label, with the last value of each in the legend."""
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    for (label, values), colour in zip(curves.items(), (FIRST, SECOND), strict=False):
        last = f"{100 * values[-1]:.1f} %" if name.endswith("accuracy") else f"{values[-1]:.3g}"
        marker = "o" if len(epochs) < 16 else ""
        axes.plot(epochs, values, color=colour, label=f"{label}, {last}", lw=1.8, marker=marker, ms=3.5, clip_on=False)
    label_axes(axes, "epoch", title=name)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set_xlim(left=min(epochs) - 0.5, right=max(epochs) + 0.5)
    shown = [value for values in curves.values() for value in values]
    if name.endswith("accuracy"):
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    elif min(shown) > 0 and max(shown) > 100 * min(shown):
        axes.set_yscale("log")
    elif 0 <= min(shown) < 0.5 * max(shown):
        axes.set_ylim(bottom=0.0)
    axes.legend(loc="best")


def _title(figure: Figure, title: str) -> None:
    if title:
        figure.suptitle(title, x=0.01, ha="left", fontsize=12, fontweight="bold")


def plot_confusion(path: str | Path, matrix: ArrayLike, classes: Sequence[str], title: str = "") -> None:
    """Draw a confusion matrix, each cell shaded by its part of the row.

    Parameters
    ----------
    path : str or Path
        The PNG file to write.
    matrix : array_like of int
        The counts (C, C): true classes in rows, predicted classes in columns.
    classes : sequence of str
        The names of the C classes.
    title : str, optional
        The first line of the title; the second says how many are right.

    Examples
    --------
    >>> from pathlib import Path
    >>> dl.training.plot_confusion("confusion.png", [[8, 2], [1, 9]], ["cat", "dog"])
    >>> Path("confusion.png").exists()
    True
    """
    counts = np.asarray(matrix)
    parts = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    n = len(classes)
    side = max(3.6, 0.42 * n + 1.4)
    with new_figure(side, side) as figure:
        axes = figure.add_subplot()
        axes.imshow(parts, cmap="Blues", vmin=0.0, vmax=1.0)
        for i in range(n):
            for j in range(n):
                if counts[i, j]:
                    colour = "white" if parts[i, j] > 0.55 else INK if i == j else SECOND
                    weight = "normal" if i == j else "bold"
                    axes.text(j, i, str(counts[i, j]), ha="center", va="center", color=colour, fontsize=9, fontweight=weight)
        slanted: Any = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"} if max(map(len, classes)) > 3 else {}
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
        axes.set_title(f"{title}\n{note}" if title else note)
        save_figure(figure, path)


def plot_gradient_flow(path: str | Path, flow: GradientFlow, title: str = "") -> None:
    """Draw recorded gradient norms on a logarithmic scale: by layer, and by time step for each series that was watched.

    Parameters
    ----------
    path : str or Path
        The PNG file to write.
    flow : GradientFlow
        The records.
    title : str, optional
        The title of the figure.

    Raises
    ------
    ConfigError
        If nothing was recorded.

    Examples
    --------
    >>> from pathlib import Path
    >>> model = dl.nn.Linear(2, 1)
    >>> flow = dl.training.GradientFlow(model)
    >>> dl.sum(model(dl.asarray([[3.0, 4.0]]))).backward()
    >>> flow.record()
    >>> dl.training.plot_gradient_flow("flow.png", flow)
    >>> Path("flow.png").exists()
    True
    """
    panels = [draw for draw, present in ((_by_layer, flow.layers), (_by_time, flow.steps)) if present]
    if not panels:
        raise ConfigError("plot_gradient_flow: nothing was recorded")
    with new_figure(6.2 * len(panels), 4.0) as figure:
        for i, draw in enumerate(panels):
            draw(figure.add_subplot(1, len(panels), i + 1), flow)
        _title(figure, title)
        save_figure(figure, path)


def _by_layer(axes: Axes, flow: GradientFlow) -> None:
    """The range and the median over all records of each parameter's gradient norm, input at the left."""
    names = layer_names(flow.layers)
    values = [_visible([r[n] for r in flow.layers if n in r]) for n in names]
    low, middle, high = (np.array([f(v) for v in values]) for f in (np.min, np.median, np.max))
    place = np.arange(len(names))
    axes.vlines(place, low, high, color=FIRST, lw=5, alpha=0.3, label="all records")
    axes.plot(place, middle, color=FIRST, marker="o", ms=4, lw=0, label="median")
    for kind in dict.fromkeys(n.rsplit(".", 1)[-1] for n in names):  # weights to weights, biases to biases
        own = [i for i, n in enumerate(names) if n.rsplit(".", 1)[-1] == kind]
        axes.plot(place[own], middle[own], color=FIRST, lw=1.0, alpha=0.6)
    axes.plot(place, [v[-1] for v in values], color=SECOND, marker="o", ms=4, lw=0, label="last")
    axes.set_yscale("log")
    axes.set_xticks(place, names, rotation=45, ha="right", fontsize=8)
    label_axes(axes, title="gradient norm by layer")
    axes.legend()


def _by_time(axes: Axes, flow: GradientFlow) -> None:
    """The norm of the gradient of the loss with respect to the state at each time step, a line per series."""
    for i, (name, norms) in enumerate(flow.steps.items()):
        axes.plot(range(1, len(norms) + 1), _visible(norms), color=COLOURS[i % len(COLOURS)], lw=1.8, label=name)
    axes.set_yscale("log")
    label_axes(axes, "time step t", title="norm of dL/dh(t)")
    axes.legend()


def _visible(norms: Sequence[float]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """What a logarithmic axis can show: zeros and values that are not finite become NaN, which leaves a gap."""
    values = np.asarray(norms, dtype=np.float64)
    return np.where((values > 0) & np.isfinite(values), values, np.nan)


def plot_rate_search(path: str | Path, search: RateSearch, title: str = "") -> None:
    """Draw the loss over the learning rate, and mark the suggested rate.

    Parameters
    ----------
    path : str or Path
        The PNG file to write.
    search : RateSearch
        The result of ``find_learning_rate``.
    title : str, optional
        The title of the figure.

    Examples
    --------
    >>> from pathlib import Path
    >>> search = dl.training.RateSearch(rates=[0.01, 0.1, 1.0], losses=[2.0, 1.0, 3.0], suggestion=0.01)
    >>> dl.training.plot_rate_search("rates.png", search)
    >>> Path("rates.png").exists()
    True
    """
    with new_figure(5.4, 3.6) as figure:
        axes = figure.add_subplot()
        axes.plot(search.rates, search.losses, color=FIRST, lw=1.8)
        axes.axvline(search.suggestion, color=SECOND, lw=1.2, ls="--", label=f"suggestion {search.suggestion:.2g}")
        axes.set_xscale("log")
        label_axes(axes, "learning rate", "loss", title or "learning-rate search")
        axes.legend()
        save_figure(figure, path)
