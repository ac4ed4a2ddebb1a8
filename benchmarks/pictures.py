"""Pictures of a result, as PNG: the ratios to a peer as bars, and the roofline of a device."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dlengine.show import label_axes, new_figure, png
from dlengine.show.figures import BAD, GOOD, INK, NEUTRAL

from .results import OURS, Result, Row
from .rooflines import KINDS, share_of_ceiling

FAST, SLOW = (GOOD, "#8cc7a6"), (BAD, "#e8b49c")
"""Colours of the first heap and of the second."""
NAMES = {"highest": "float32", "high": "TF32", "medium": "bfloat16 products", "bfloat16": "bfloat16"}
PALETTE = dict(zip(NAMES, (GOOD, "#3a62b0", "#7a5aa0", BAD), strict=True))
"""The colour of each kind of matrix product."""


def title_of(result: Result) -> str:
    asked = result.settings
    card = result.frameworks[OURS].get("card")
    where = card or f"{result.machine.get('processor', '')}, {asked['threads']} threads"
    return f"{OURS} {asked['backend']}, {where}, {result.date[:10]}"


def means_text(result: Result) -> str:
    """The geometric means as text, with the heap of each on a CPU."""
    heaps = result.geometric_means.items()
    return ", ".join(
        f"{mean:.2f}" + ("" if result.settings.get("backend") == "cuda" else f" {heap} heap") for heap, mean in heaps
    )


def ratios(result: Result) -> bytes:
    """One group of bars per workload, best first: its ratio to the peer on each heap, or its time where there is no peer."""
    from matplotlib.patches import Patch

    rows = [row for row in result.rows if row.timings and row.kind != "import"]
    paired = any(row.ratio is not None for row in rows)
    rows = [row for row in rows if not paired or row.ratio is not None]
    heaps = list(dict.fromkeys(row.heap for row in rows)) or ["default"]
    found = {(row.name, row.heap): row for row in rows}
    names = list(dict.fromkeys(row.name for row in rows))
    names.sort(key=lambda name: _value(next(found[name, heap] for heap in heaps if (name, heap) in found), paired))
    peer = result.settings.get("against")
    means = means_text(result)
    with new_figure(9, 1.7 + (0.24 + 0.07 * len(heaps)) * len(names)) as figure:
        axes: Any = figure.subplots()
        _bars(axes, [[found.get((name, heap)) for name in names] for heap in heaps], paired)
        for place, name in enumerate(names):
            shown = [_text(_value(found[name, heap], paired)) if (name, heap) in found else "-" for heap in heaps]
            axes.text(1.01, place, "  ".join(shown), transform=axes.get_yaxis_transform(), va="center", fontsize=8)
        if paired:
            axes.axvline(1.0, color="black", lw=1)
        if len(heaps) > 1:
            patches = [Patch(color=FAST[number], label=f"{heap} heap") for number, heap in enumerate(heaps)]
            axes.legend(handles=patches, loc="lower right", fontsize=8)
        axes.set_yticks(range(len(names)), [next(row for row in rows if row.name == name).label(peer) for name in names])
        title = title_of(result) + (f"\ngeometric mean {means}" if means else "")
        xlabel = f"time of {peer} / time of {OURS} (right of 1: {OURS} is faster)" if paired else "ms"
        label_axes(axes, xlabel, "", title, grid="x")
    return png(figure)


def _bars(axes: Any, groups: Sequence[Sequence[Row | None]], paired: bool) -> None:
    """Horizontal bars with their spread on a logarithmic axis: for each heap the row of each workload, or None."""
    ends = [1.0] if paired else []
    height = 0.8 / len(groups)
    for number, group in enumerate(groups):
        chosen = [(place, row) for place, row in enumerate(group) if row is not None]
        values = [_value(row, paired) for _, row in chosen]
        low = [row.ratios[0] if paired else 1e3 * row.timings[OURS].low for _, row in chosen]
        high = [row.ratios[1] if paired else 1e3 * row.timings[OURS].high for _, row in chosen]
        ends += [*low, *high]
        start = 1.0 if paired else min([*low, *(ends or [1.0])]) / 2
        places = [place + 0.4 - height * (number + 0.5) for place, _ in chosen]
        colours = [(FAST if not paired or value >= 1 else SLOW)[number % 2] for value in values]
        axes.barh(places, [value - start for value in values], height=height, left=start, color=colours)
        spread = [[v - a for v, a in zip(values, low, strict=True)], [b - v for v, b in zip(values, high, strict=True)]]
        axes.errorbar(values, places, xerr=spread, fmt="none", ecolor=INK, elinewidth=0.8, capsize=1.5)
    count = len(groups[0])
    if count:
        axes.set_xscale("log")
        axes.set_xlim(min(ends) / 1.1, max(ends) * 1.1)
        plain_logarithmic(axes.xaxis, *axes.get_xlim())
        axes.set_ylim(-0.7, count - 0.3)


def _value(row: Row, paired: bool) -> float:
    return (row.ratio or 1.0) if paired else 1e3 * row.timings[OURS].median


def _text(value: float) -> str:
    return f"{value:.2f}" if value < 100 else f"{value:.0f}"


def plain_logarithmic(axis: Any, low: float, high: float) -> None:
    """Few, plain numbers along a logarithmic axis."""
    digits = (1, 1.5, 2, 3, 4, 5, 7) if high / low < 20 else (1, 2, 5) if high / low < 500 else (1,)
    steps = [10.0**power * digit for power in range(-6, 7) for digit in digits]
    axis.set_ticks([step for step in steps if low <= step <= high], minor=False)
    axis.set_ticks([], minor=True)
    axis.set_major_formatter("{x:g}")


def roofline(result: Result) -> bytes:
    """The roofline of a device: operations a second over operations a byte, on logarithmic axes.

    Lines are the measured ceilings; points are the workloads, numbered. The list at the side gives for each workload the
    part of its ceiling that it reaches.
    """
    from matplotlib.lines import Line2D

    rows = [row for row in result.rows if row.timings and row.flops and row.bytes]
    intensities = [(row.flops or 0) / (row.bytes or 1) for row in rows] or [1.0]
    products = {name: rate for name, rate in result.ceilings.items() if name != "copy"}
    copy = result.ceilings.get("copy")
    ends = [*intensities, *([max(products.values()) / copy] if copy and products else [])]
    low, high = min(intensities) / 3, max(ends) * 3
    with new_figure(11, 7.5) as figure:
        axes: Any = figure.subplots()
        if copy:
            _ceilings(axes, products, copy, (low, high))
        _workloads(axes, result, sorted(zip(intensities, rows, strict=False), key=lambda pair: (pair[0], pair[1].name)))
        axes.set(xscale="log", yscale="log", xlim=(low, high))
        look: Any = {"marker": "o", "linestyle": "none", "color": INK}
        marks = [Line2D([], [], **look, label=OURS)]
        if len(result.frameworks) > 1:
            marks.append(Line2D([], [], **look, markerfacecolor="none", label=str(result.settings.get("against"))))
        axes.legend(handles=marks, loc="lower right", fontsize=8)
        label_axes(axes, "operations for each byte (least traffic)", "TFLOP/s", title_of(result), grid="both")
    return png(figure)


def _ceilings(axes: Any, products: Mapping[str, float], copy: float, span: tuple[float, float]) -> None:
    """The ceilings of the matrix products, in FLOP/s by dtype, and of copying, in bytes/s, from and to an intensity."""
    low, high = span
    for name, rate in products.items():
        xs = [low, rate / copy, high]
        axes.plot(xs, [min(rate, x * copy) / 1e12 for x in xs], color=PALETTE.get(name, NEUTRAL), lw=1.2)
        text = f"{NAMES.get(name, name)} {rate / 1e12:.0f} TFLOP/s "
        axes.text(high, rate / 1e12, text, ha="right", va="bottom", fontsize=8)
    axes.text(low * 1.1, low * copy / 1e12 * 5, f"copy {copy / 1e9:.0f} GB/s", fontsize=8)


def _workloads(axes: Any, result: Result, order: Sequence[tuple[float, Row]]) -> None:
    """A numbered point for each workload, given with its intensity, and at the side the list of the numbers."""
    for number, (x, row) in enumerate(order, 1):
        colour = PALETTE.get(KINDS.get(row.precision, str(result.settings.get("precision", "highest"))), NEUTRAL)
        for name, timing in row.timings.items():
            y = (row.flops or 0) / timing.median / 1e12
            axes.plot(x, y, "o", markersize=5, markerfacecolor=colour if name == OURS else "none", markeredgecolor=colour)
            if name == OURS:
                axes.annotate(str(number), (x, y), xytext=(4, 2), textcoords="offset points", fontsize=6.5)
        share = share_of_ceiling(result, row, OURS)
        text = f"{number}  {row.name}" + ("" if share is None else f"  {share:.0%}")
        y = 1 - (number - 0.5) / max(len(order), 30)
        axes.text(1.01, y, text, transform=axes.transAxes, va="center", fontsize=7, color=colour)
