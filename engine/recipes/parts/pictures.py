"""Figures that several recipes draw: image grids, lines, points with classes, decision regions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...show import COLOURS, label_axes, new_figure, save_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw_axes(
    path: str | Path | None, size: tuple[float, float], rows: int, columns: int, fill: Callable[[Any], None]
) -> Figure:
    """A figure of rows x columns axes, which fill(array of axes) draws on; written as PNG if there is a path."""
    with new_figure(*size) as figure:
        fill(figure.subplots(rows, columns, squeeze=False))
        if path is not None:
            save_figure(figure, path)
    return figure


def image_grid(
    path: str | Path | None,
    images: Any,
    columns: int = 10,
    *,
    titles: Sequence[str] = (),
    rows: Sequence[str] = (),
    cell: float = 0.9,
    diverging: bool = False,
    title: str = "",
) -> Figure:
    """A grid of images (N,H,W), (N,1,H,W) or (N,3,H,W), each in a thin frame.

    titles: above each image. rows: a name for each row. title: of the whole. diverging: each image blue below zero and red
    above, for weights; otherwise 0 is black and 1 white. A row of NaN images stays empty.
    """
    tiles = _coloured(np.asarray(images, dtype=np.float64), diverging)
    height, side = -(-len(tiles) // columns), tiles.shape[1:3]
    gap, head = max(1, side[1] // 14), max(2, side[0] // 3)
    heads = [head if titles[k * columns : (k + 1) * columns] else 0 for k in range(height)]
    tops = [k * (side[0] + gap) + sum(heads[: k + 1]) for k in range(height)]
    # All images are one large image: separate axes take a hundred times as long to draw.
    sheet = np.zeros((tops[-1] + side[0], columns * (side[1] + gap) - gap, 4))
    corners = [(tops[k // columns], k % columns * (side[1] + gap)) for k in range(len(tiles))]
    for (y, x), tile in zip(corners, tiles, strict=True):
        sheet[y : y + side[0], x : x + side[1]] = tile
    from matplotlib.patches import Rectangle

    margin = side[1] / cell * (0.085 * max(map(len, rows)) + 0.1 if rows else 0.0)

    def fill(axes: Any) -> None:
        place = axes[0, 0]
        place.set_axis_off()
        place.imshow(sheet, interpolation="nearest")
        for (y, x), tile in zip(corners, tiles, strict=True):
            if tile[..., 3].any():  # without a frame a white image would not be seen on white
                corner = (x - 0.5, y - 0.5)
                place.add_patch(Rectangle(corner, side[1], side[0], fill=False, edgecolor="#9a9a9a", lw=0.5, clip_on=False))
        if title:
            place.set_title(title, fontsize=9)
        place.set_xlim(-margin - 0.5, sheet.shape[1] - 0.5)
        for (y, x), text in zip(corners, titles, strict=False):
            place.text(x + side[1] / 2 - 0.5, y - 0.5 - head / 4, text, ha="center", va="bottom", fontsize=8)
        for y, text in zip(tops, rows, strict=False):
            place.text(-0.5 - side[1] / cell * 0.08, y + side[0] / 2 - 0.5, text, ha="right", va="center", fontsize=9)

    across, down = cell * (sheet.shape[1] + margin) / side[1], cell * sheet.shape[0] / side[1]
    return draw_axes(path, (across + 0.1, down + (0.35 if title else 0.1)), 1, 1, fill)


def _coloured(images: Any, diverging: bool) -> Any:
    """Images as (N,H,W,4), an image of NaN transparent."""
    from matplotlib import colormaps

    images = images[:, 0] if images.ndim == 4 and images.shape[1] == 1 else images
    empty = np.isnan(images).reshape(len(images), -1).all(axis=1)
    values = np.nan_to_num(images)
    if diverging:
        top = np.abs(values).reshape(len(values), -1).max(axis=1)[:, None, None]
        tiles = np.asarray(colormaps["RdBu_r"](0.5 + 0.5 * values / np.where(top > 0, top, 1.0)))
    else:
        colour = values.transpose(0, 2, 3, 1) if values.ndim == 4 else np.repeat(values[..., None], 3, axis=3)
        tiles = np.concatenate([np.clip(colour, 0.0, 1.0), np.ones((*colour.shape[:3], 1))], axis=3)
    tiles[empty] = 0.0
    return tiles


def lines(
    axes: Axes, series: Mapping[str, Sequence[float]], *, x: Any = None, xlabel: str = "", ylabel: str = "",
    title: str = "", log: bool = False,
) -> None:  # fmt: skip
    """A line for each series, over x or over 1, 2, ..."""
    for (name, values), colour in zip(series.items(), COLOURS * (1 + len(series) // len(COLOURS)), strict=False):
        places = x if x is not None else range(1, len(values) + 1)
        axes.plot(places, values, color=colour, lw=1.8, label=name)
    if log:
        axes.set_yscale("log")
    label_axes(axes, xlabel, ylabel, title)
    if len(series) > 1:
        beside = {"loc": "center left", "bbox_to_anchor": (1.0, 0.5)} if len(series) > 4 else {}
        axes.legend(**beside)


def points(
    axes: Axes, xy: Any, labels: Any, classes: Sequence[str], *, title: str = "", size: float = 6.0, legend: bool = True
) -> None:
    """A scatter plot of points (N,2), coloured by their class (N,)."""
    for k, name in enumerate(classes):
        own = np.asarray(labels) == k
        x, y = np.asarray(xy)[own].T
        axes.scatter(x, y, s=size, color=COLOURS[k % len(COLOURS)], label=name, linewidths=0)
    label_axes(axes, "", "", title)
    if legend:
        axes.legend(markerscale=2, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))


def regions(axes: Axes, classify: Callable[[Any], Any], xy: Any, labels: Any, *, title: str = "") -> None:
    """The decision regions of classify((M,2) points) -> (M,) classes, and the points (N,2) with their classes (N,)."""
    xy, labels = np.asarray(xy), np.asarray(labels)
    reach = 1.15 * np.abs(xy).max()
    ticks = np.linspace(-reach, reach, 160)
    plane = np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2)
    found = np.asarray(classify(plane)).reshape(160, 160)
    count = int(max(labels.max(), found.max())) + 1
    axes.contourf(ticks, ticks, found, levels=np.arange(count + 1) - 0.5, colors=COLOURS[:count], alpha=0.25)
    for k in range(count):
        x, y = xy[labels == k].T
        axes.scatter(x, y, s=7, color=COLOURS[k], linewidths=0)
    axes.set_aspect("equal")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_title(title, fontsize=10)
