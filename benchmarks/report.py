"""A result for people: the table on the terminal, a picture of the ratios, and both as one HTML page."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING, Any

from .results import Change, Result, Row

if TYPE_CHECKING:
    from rich.table import Table

OURS = "dlengine"

STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; color: #222; }
table { border-collapse: collapse; margin: 1rem 0; }
td, th { padding: .25rem .7rem; text-align: right; border-bottom: 1px solid #ddd; }
td:first-child, th:first-child, .text { text-align: left; } .slower { color: #b3261e; } .faster { color: #146c2e; }
img { max-width: 100%; } h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; }
"""


def duration(seconds: float) -> str:
    """Seconds with a unit in which three digits say enough."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-6:.3g} us"


def spread(row: Row, name: str) -> str:
    """Median, and how far the turns lie apart."""
    timing = row.timings.get(name)
    if timing is None:
        return "-"
    return f"{duration(timing.median)} ±{50 * (timing.high - timing.low) / timing.median:.0f}%"


def memory(row: Row) -> str:
    """Peak memory of each side, in MiB."""
    peaks = [timing.peak_mib for timing in row.timings.values()]
    return " / ".join("-" if peak is None else f"{peak:.0f}" for peak in peaks) or "-"


def headings(result: Result, changes: dict[str, Change] | None) -> list[str]:
    paired = ["ratio", "of pairs"] if len(result.frameworks) > 1 else []
    compared = ["then", "gain"] if changes is not None else []
    return ["workload", *result.frameworks, "MiB", *paired, *compared]


def cells(result: Result, row: Row, changes: dict[str, Change] | None) -> list[str]:
    """One row of the table as text, under headings()."""
    shown = [row.name, *(spread(row, name) for name in result.frameworks), memory(row)]
    if len(result.frameworks) > 1:
        shown += ["-", "-"] if row.ratio is None else [f"{row.ratio:.2f}", f"{row.ratio_low:.2f}-{row.ratio_high:.2f}"]
    if changes is not None:
        change = changes.get(row.name)
        shown += ["-", "-"] if change is None else [duration(change.old_median), gain(change)]
    return shown


def gain(change: Change) -> str:
    return f"{change.gain:.2f}" if change.by_ratio else f"{change.gain:.2f} in time"


def facts(result: Result) -> dict[str, str]:
    """What the numbers depend on, as lines."""
    asked = result.settings
    lines = {
        "date": result.date,
        "machine": ", ".join(f"{key} {text}" for key, text in result.machine.items()),
        "settings": ", ".join(f"{key} {text}" for key, text in asked.items()),
    }
    for name, found in result.frameworks.items():
        plain = {key: text for key, text in found.items() if key not in ("pools", "precision")}
        precision = ", ".join(str(text) for text in found["precision"].values())
        lines[name] = ", ".join([*(f"{key} {text}" for key, text in plain.items()), f"precision {precision}"])
        pools = [" ".join(str(pool[key]) for key in pool if key != "user_api") for pool in found.get("pools", [])]
        lines[f"{name}: thread pools"] = "; ".join(pools) or "none"
    return lines


def summary(result: Result) -> str:
    """The one line that counts."""
    mean = result.geometric_mean
    count = sum(row.ratio is not None and row.kind != "import" for row in result.rows)
    if mean is None:
        return f"{len(result.rows)} timed, none of them beside another library: no ratios"
    peer = result.settings["against"]
    return f"geometric mean of {peer} / {OURS} over {count} rows: {mean:.2f} (above 1: {OURS} is faster)"


def notes(rows: Iterable[Row]) -> list[str]:
    """What the table has no room for."""
    return [f"{row.name}: {text}" for row in rows for text in (row.note, row.error and f"failed: {row.error}") if text]


def table(result: Result, changes: dict[str, Change] | None = None) -> Table:
    from rich import box
    from rich.table import Table

    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for number, heading in enumerate(headings(result, changes)):
        shown.add_column(heading, justify="left" if number == 0 else "right", no_wrap=True)
    for row in result.rows:
        style = "red" if row.error else None if row.ratio is None else "green" if row.ratio >= 1 else "yellow"
        shown.add_row(*cells(result, row, changes), style=style)
    return shown


def picture(result: Result) -> bytes:
    """A PNG: one bar per workload, its ratio to the peer on a logarithmic axis, or its time where there is no peer."""
    from matplotlib.figure import Figure

    rows = [row for row in reversed(result.rows) if row.timings and row.kind != "import"]
    paired = any(row.ratio is not None for row in rows)
    values = [(row.ratio or 1.0) if paired else 1e3 * row.timings[OURS].median for row in rows]
    figure = Figure(figsize=(8, 1.6 + 0.28 * len(rows)), layout="constrained")
    axes: Any = figure.subplots()
    start = 1.0 if paired else min(values, default=1.0) / 2
    colours = ["#2a7f4f" if not paired or value >= 1 else "#c0562f" for value in values]
    places = range(len(rows))
    axes.barh(places, [value - start for value in values], left=start, color=colours)
    if paired:
        below = [value - (row.ratio_low or value) for row, value in zip(rows, values, strict=True)]
        above = [(row.ratio_high or value) - value for row, value in zip(rows, values, strict=True)]
        axes.errorbar(values, places, xerr=(below, above), fmt="none", ecolor="#333333", elinewidth=1, capsize=2)
        axes.axvline(1.0, color="black", linewidth=1)
    if rows:
        axes.set_xscale("log")
        low, high = min(*values, start / 1.5), max(*values, start * 1.5)
        steps = [10.0**power * digit for power in range(-6, 7) for digit in (1, 2, 5)]
        axes.set_xticks([step for step in steps if low <= step <= high], minor=False)
        axes.set_xticks([], minor=True)
        axes.xaxis.set_major_formatter("{x:g}")
    axes.set_yticks(places, [row.name for row in rows])
    peer = result.settings["against"]
    axes.set_xlabel(f"time of {peer} / time of {OURS} (right of 1: {OURS} is faster)" if paired else "ms")
    axes.set_title(f"{OURS} {result.settings['backend']}, {result.settings['threads']} threads, {result.date[:10]}", fontsize=10)
    axes.grid(axis="x", alpha=0.3)
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=120)
    return out.getvalue()


def html(result: Result, changes: dict[str, Change] | None = None) -> str:
    """One page with everything in it, the picture too."""
    image = base64.b64encode(picture(result)).decode()
    head = "".join(f"<th>{escape(text)}</th>" for text in headings(result, changes))
    body = []
    for row in result.rows:
        style = "" if row.ratio is None else f' class="{"faster" if row.ratio >= 1 else "slower"}"'
        sizes = " ".join(f"{key}={size}" for key, size in row.sizes.items())
        first, *others = (escape(text) for text in cells(result, row, changes))
        rest = "".join(f"<td>{text}</td>" for text in others)
        body.append(f'<tr{style}><td title="{escape(sizes)}">{first}</td>{rest}</tr>')
    lines = "".join(f'<tr><td>{escape(key)}</td><td class="text">{escape(text)}</td></tr>' for key, text in facts(result).items())
    remarks = "".join(f"<li>{escape(text)}</li>" for text in notes(result.rows))
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>dlengine bench</title><style>{STYLE}</style>'
        f"<h1>dlengine bench</h1><p>{escape(summary(result))}</p>"
        f'<img alt="{escape(summary(result))}" src="data:image/png;base64,{image}">'
        f"<table><tr>{head}</tr>{''.join(body)}</table><ul>{remarks}</ul>"
        f"<h2>What the numbers depend on</h2><table>{lines}</table></html>\n"
    )
