"""Pictures of a result, as PNG: the ratios to a peer as bars, and the roofline of a device."""

from __future__ import annotations

import io
from typing import Any

from .results import OURS, Result, Row
from .rooflines import KINDS, share_of_ceiling

FAST, SLOW = ("#1f6f45", "#8cc7a6"), ("#b04a22", "#e8b49c")
"""Colours of the first heap and of the second."""
NAMES = {"highest": "float32", "high": "TF32", "medium": "bfloat16 products", "bfloat16": "bfloat16"}


def png(figure: Any) -> bytes:
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=120)
    return out.getvalue()


def title_of(result: Result) -> str:
    asked = result.settings
    card = result.frameworks[OURS].get("card")
    where = card or f"{result.machine.get('processor', '')}, {asked['threads']} threads"
    return f"{OURS} {asked['backend']}, {where}, {result.date[:10]}"


def means_text(result: Result) -> str:
    """The geometric means; of which heap, where the heap is what is measured on."""
    heaps = result.geometric_means.items()
    return ", ".join(
        f"{mean:.2f}" + ("" if result.settings.get("backend") == "cuda" else f" {heap} heap") for heap, mean in heaps
    )


def ratios(result: Result) -> bytes:
    """One group of bars per workload, best first: its ratio to the peer on each heap, or its time where there is no peer."""
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    rows = [row for row in result.rows if row.timings and row.kind != "import"]
    paired = any(row.ratio is not None for row in rows)
    rows = [row for row in rows if not paired or row.ratio is not None]
    heaps = list(dict.fromkeys(row.heap for row in rows)) or ["default"]
    names = list(dict.fromkeys(row.name for row in rows))
    found = {(row.name, row.heap): row for row in rows}
    names.sort(key=lambda name: _value(next(found[name, heap] for heap in heaps if (name, heap) in found), paired))
    figure = Figure(figsize=(9, 1.7 + (0.24 + 0.07 * len(heaps)) * len(names)), layout="constrained")
    axes: Any = figure.subplots()
    ends = [1.0] if paired else []
    height = 0.8 / len(heaps)
    for number, heap in enumerate(heaps):
        chosen = [(place, found[name, heap]) for place, name in enumerate(names) if (name, heap) in found]
        values = [_value(row, paired) for _, row in chosen]
        low = [row.ratios[0] if paired else 1e3 * row.timings[OURS].low for _, row in chosen]
        high = [row.ratios[1] if paired else 1e3 * row.timings[OURS].high for _, row in chosen]
        ends += [*low, *high]
        start = 1.0 if paired else min([*low, *(ends or [1.0])]) / 2
        places = [place + 0.4 - height * (number + 0.5) for place, _ in chosen]
        colours = [(FAST if not paired or value >= 1 else SLOW)[number % 2] for value in values]
        axes.barh(places, [value - start for value in values], height=height, left=start, color=colours)
        spread = [[v - a for v, a in zip(values, low, strict=True)], [b - v for v, b in zip(values, high, strict=True)]]
        axes.errorbar(values, places, xerr=spread, fmt="none", ecolor="#333333", elinewidth=0.8, capsize=1.5)
    for place, name in enumerate(names):
        shown = [_text(_value(found[name, heap], paired)) if (name, heap) in found else "-" for heap in heaps]
        axes.text(1.01, place, "  ".join(shown), transform=axes.get_yaxis_transform(), va="center", fontsize=8)
    if names:
        axes.set_xscale("log")
        axes.set_xlim(min(ends) / 1.1, max(ends) * 1.1)
        plain_logarithmic(axes.xaxis, *axes.get_xlim())
        axes.set_ylim(-0.7, len(names) - 0.3)
    if paired:
        axes.axvline(1.0, color="black", linewidth=1)
    if len(heaps) > 1:
        patches = [Patch(color=FAST[number], label=f"{heap} heap") for number, heap in enumerate(heaps)]
        axes.legend(handles=patches, loc="lower right", fontsize=8)
    peer = result.settings.get("against")
    axes.set_yticks(range(len(names)), [next(row for row in rows if row.name == name).label(peer) for name in names])
    axes.set_xlabel(f"time of {peer} / time of {OURS} (right of 1: {OURS} is faster)" if paired else "ms")
    means = means_text(result)
    axes.set_title(title_of(result) + (f"\ngeometric mean {means}" if means else ""), fontsize=10)
    axes.grid(axis="x", alpha=0.3)
    axes.set_axisbelow(True)
    return png(figure)


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
    """Operations a second over operations a byte, logarithmic: the measured ceilings, and each workload below them, numbered.

    The list at the side says of each how near it comes to its ceiling.
    """
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    rows = [row for row in result.rows if row.timings and row.flops and row.bytes]
    figure = Figure(figsize=(11, 7.5), layout="constrained")
    axes: Any = figure.subplots()
    products = {name: rate for name, rate in result.ceilings.items() if name != "copy"}
    palette = dict(zip(NAMES, ("#1f6f45", "#3a62b0", "#7a5aa0", "#b04a22"), strict=True))
    copy = result.ceilings.get("copy")
    intensities = [(row.flops or 0) / (row.bytes or 1) for row in rows] or [1.0]
    low, high = min(intensities) / 3, max([*intensities, *((max(products.values()) / copy,) if copy and products else ())]) * 3
    if copy:
        for name, rate in products.items():
            xs = [low, rate / copy, high]
            axes.plot(xs, [min(rate, x * copy) / 1e12 for x in xs], color=palette.get(name, "gray"), linewidth=1.2)
            axes.text(
                high, rate / 1e12, f"{NAMES.get(name, name)} {rate / 1e12:.0f} TFLOP/s ", ha="right", va="bottom", fontsize=8
            )
        axes.text(low * 1.1, low * copy / 1e12 * 5, f"copy {copy / 1e9:.0f} GB/s", fontsize=8)
    order = sorted(zip(intensities, rows, strict=True), key=lambda pair: (pair[0], pair[1].name))
    listed = []
    for number, (x, row) in enumerate(order, 1):
        kind = KINDS.get(row.precision, str(result.settings.get("precision", "highest")))
        colour = palette.get(kind, "gray")
        for name, timing in row.timings.items():
            y = (row.flops or 0) / timing.median / 1e12
            axes.plot(x, y, "o", markersize=5, markerfacecolor=colour if name == OURS else "none", markeredgecolor=colour)
            if name == OURS:
                axes.annotate(str(number), (x, y), xytext=(4, 2), textcoords="offset points", fontsize=6.5)
        share = share_of_ceiling(result, row, OURS)
        listed.append((f"{number}  {row.name}" + ("" if share is None else f"  {share:.0%}"), colour))
    for place, (text, colour) in enumerate(listed):
        y = 1 - (place + 0.5) / max(len(listed), 30)
        axes.text(1.01, y, text, transform=axes.transAxes, va="center", fontsize=7, color=colour)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(low, high)
    marks = [Line2D([], [], marker="o", linestyle="none", color="#444444", markerfacecolor="#444444", label=OURS)]
    if len(result.frameworks) > 1:
        peer = str(result.settings.get("against"))
        marks.append(Line2D([], [], marker="o", linestyle="none", color="#444444", markerfacecolor="none", label=peer))
    axes.legend(handles=marks, loc="lower right", fontsize=8)
    axes.set_xlabel("operations for each byte (least traffic)")
    axes.set_ylabel("TFLOP/s")
    axes.set_title(title_of(result), fontsize=10)
    axes.grid(alpha=0.3)
    axes.set_axisbelow(True)
    return png(figure)
