"""Matplotlib figures in one style, made without pyplot and its global state, and written as PNG."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..io import write_atomically

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = (
    "#2a6f97", "#d1495b", "#66a182", "#edae49", "#8d6a9f", "#3d405b", "#e07a5f", "#81b29a", "#b08968", "#6c757d"
)  # fmt: skip
"""The colours of classes and lines, in the order in which they are taken."""
FIRST, SECOND = COLOURS[:2]
"""The colours of two things that are compared, such as training and validation."""
INK, GRID, NEUTRAL = "#333333", "#dddddd", "#999999"
"""The colours of text, of grid lines, and of what stands in the background."""
GOOD, BAD = "#1f6f45", "#b04a22"
"""The colours of better and worse, where a figure judges."""

STYLE: Any = {
    "font.size": 10.0, "text.color": INK, "xtick.color": INK, "ytick.color": INK,
    "axes.edgecolor": NEUTRAL, "axes.labelcolor": INK, "axes.titlesize": 11.0, "axes.titleweight": "bold",
    "axes.titlelocation": "left", "axes.spines.top": False, "axes.spines.right": False, "axes.axisbelow": True,
    "grid.color": GRID, "grid.linewidth": 0.7, "legend.frameon": False,
}  # fmt: skip
"""Matplotlib's settings for every figure of the engine."""

DPI = 150
"""Pixels per inch."""


@contextmanager
def new_figure(width: float, height: float) -> Iterator[Figure]:
    """Make an empty matplotlib figure in the engine's style; axes and text that are added in the block have that style.

    The figure belongs to no window system and not to pyplot's list of figures, so it is freed like any other object.

    Parameters
    ----------
    width, height : float
        The size in inches.

    Yields
    ------
    matplotlib.figure.Figure
        The figure, with constrained layout.

    Examples
    --------
    >>> from dlengine.show import new_figure, png
    >>> with new_figure(4.0, 3.0) as figure:
    ...     lines = figure.add_subplot().plot([1, 2, 3], [0.9, 0.5, 0.4])
    >>> png(figure)[:4]
    b'\\x89PNG'
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with rc_context(STYLE):
        figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
        FigureCanvasAgg(figure)
        yield figure


def label_axes(axes: Axes, xlabel: str = "", ylabel: str = "", title: str = "", *, grid: str = "y") -> None:
    """Write the title and the labels of axes, and draw light grid lines.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        The axes to label.
    xlabel, ylabel, title : str, optional
        The texts; an empty one leaves its place empty.
    grid : {"x", "y", "both"}, optional
        The axes whose ticks have grid lines.

    Examples
    --------
    >>> from dlengine.show import label_axes, new_figure
    >>> with new_figure(4.0, 3.0) as figure:
    ...     axes = figure.add_subplot()
    ...     label_axes(axes, "epoch", "loss", "training")
    >>> axes.get_xlabel(), axes.get_title(loc="left")
    ('epoch', 'training')
    """
    axes.set_xlabel(xlabel)
    axes.set_ylabel(ylabel)
    axes.set_title(title)
    axes.grid(axis=grid)  # type: ignore[arg-type]


def png(figure: Figure) -> bytes:
    """Draw a figure as a PNG image.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        The figure.

    Returns
    -------
    bytes
        The content of a PNG file.

    Examples
    --------
    >>> from dlengine.show import new_figure, png
    >>> with new_figure(1.0, 1.0) as figure:
    ...     pass
    >>> png(figure).startswith(b"\\x89PNG")
    True
    """
    from matplotlib import rc_context

    content = io.BytesIO()
    with rc_context(STYLE):  # ticks are made when the figure is drawn
        figure.savefig(content, format="png", dpi=DPI)
    return content.getvalue()


def save_figure(figure: Figure, path: str | Path) -> None:
    """Write a figure as a PNG file, in one step: a reader never sees half a file.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        The figure.
    path : str or Path
        The file to write; an existing one is replaced.

    Examples
    --------
    >>> from pathlib import Path
    >>> from dlengine.show import new_figure, save_figure
    >>> with new_figure(3.0, 2.0) as figure:
    ...     lines = figure.add_subplot().plot([1, 2, 3])
    >>> save_figure(figure, "line.png")
    >>> Path("line.png").exists()
    True
    """
    write_atomically(path, png(figure))
