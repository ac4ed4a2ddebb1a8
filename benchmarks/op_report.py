"""A result of `dlengine bench --ops` as text, table, picture and page: a line for each op, a column for each size."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from dlengine.show import Page, label_axes, new_figure, png
from dlengine.show.figures import BAD, FIRST, INK, SECOND

from .op_rows import OpRow
from .pictures import plain_logarithmic, title_of
from .report import duration, facts
from .results import OURS, Result, Row

if TYPE_CHECKING:
    from rich.table import Table

WORST = 10
Group = tuple[int, bool]
"""A size, and whether backward is timed as well."""


def grouped(result: Result) -> dict[Group, list[Row]]:
    """The rows by size and pass, in the order of the result."""
    found: dict[Group, list[Row]] = {}
    for row in result.rows:
        asked = OpRow.of(row.name)
        found.setdefault((asked.elements, asked.backward), []).append(row)
    return found


def geometric_mean(rows: Iterable[Row]) -> float | None:
    """The geometric mean of the ratios; None if no row has one."""
    logs = [math.log(row.ratio) for row in rows if row.ratio]
    return math.exp(sum(logs) / len(logs)) if logs else None


def worst(rows: Iterable[Row], count: int = WORST) -> list[Row]:
    """The rows with the smallest ratios, the smallest first."""
    return sorted((row for row in rows if row.ratio is not None), key=lambda row: row.ratio or 0.0)[:count]


def group_text(group: Group) -> str:
    elements, backward = group
    return f"{elements:,} elements, {'forward and backward' if backward else 'forward'}"


def summary(result: Result) -> list[str]:
    """The geometric mean of each size and pass and of all, the worst ops of each, and how many were timed alone."""
    peer, groups = result.settings.get("against"), grouped(result)
    counted = [row for row in result.rows if row.ratio is not None]
    if not counted:
        return [f"{len(result.rows)} timed, without another library: no ratios"]
    mean = geometric_mean(counted)
    told = [f"geometric mean of {peer} / {OURS} over {len(counted)} rows: {mean:.2f} (above 1: {OURS} is faster)"]
    for group, rows in groups.items():
        if (part := geometric_mean(rows)) is not None:
            names = ", ".join(f"{OpRow.of(row.name).op} {row.ratio:.2f}" for row in worst(rows))
            told.append(f"{group_text(group)}: {part:.2f}; the worst: {names}")
    alone = {OpRow.of(row.name).op for row in result.rows if row.ratio is None and not row.error}
    if alone:
        told.append(f"timed alone in at least one column, not in the mean: {len(alone)} ops: {', '.join(sorted(alone))}")
    return told


def notes(result: Result) -> list[str]:
    """The failures, and why ops were timed alone, each reason once with its rows."""
    reasons: dict[str, list[str]] = {}
    for row in result.rows:
        if text := f"failed: {row.error}" if row.error else row.note:
            reasons.setdefault(text, []).append(row.name)
    return [f"{reason}: {', '.join(names)}" for reason, names in reasons.items()]


def lines(result: Result, full: bool = True) -> list[list[str]]:
    """The table's rows as text: the op, and for each size and pass the ratio, and our time in full and where there is none."""
    groups = list(grouped(result))
    cells: dict[str, dict[Group, str]] = {}
    for row in result.rows:
        asked = OpRow.of(row.name)
        cells.setdefault(asked.op, {})[asked.elements, asked.backward] = cell(row, full)
    return [[op, *(found.get(group, "-") for group in groups)] for op, found in cells.items()]


def cell(row: Row, full: bool = True) -> str:
    if row.error or OURS not in row.timings:
        return "failed"
    ours = duration(row.timings[OURS].median)
    return ours if row.ratio is None else f"{row.ratio:.2f}" + (f"  {ours}" if full else "")


def headings(result: Result) -> list[str]:
    return ["op", *(f"{elements:,}{' +bwd' if backward else ''}" for elements, backward in grouped(result))]


def table(result: Result) -> Table:
    """The table for the terminal: the ratios."""
    from rich import box
    from rich.table import Table

    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for number, heading in enumerate(headings(result)):
        shown.add_column(heading, justify="right" if number else "left", no_wrap=True)
    for line in lines(result, full=False):
        shown.add_row(*line)
    return shown


def picture(result: Result) -> bytes:
    """For each size a panel with the sorted ratios of its passes, and the names of the worst ops; without a peer our times."""
    groups = grouped(result)
    sizes = list(dict.fromkeys(elements for elements, _ in groups)) or [0]
    peer = result.settings.get("against")
    paired = any(row.ratio is not None for row in result.rows)
    with new_figure(4.2 * len(sizes), 4.6) as figure:
        panels: Any = figure.subplots(1, len(sizes), squeeze=False)[0]
        for axes, elements in zip(panels, sizes, strict=True):
            for backward, colour in ((False, FIRST), (True, SECOND)):
                rows = [r for r in groups.get((elements, backward), []) if r.timings and (not paired or r.ratio is not None)]
                values = sorted((row.ratio or 1.0) if paired else 1e6 * row.timings[OURS].median for row in rows)
                if values:
                    axes.plot(range(len(values)), values, ".", markersize=3, color=colour, label=_label(rows, backward, paired))
            _finish(axes, groups, elements, paired)
            ylabel = f"time of {peer} / time of {OURS}" if paired else "microseconds"
            label_axes(axes, "ops, slowest first" if paired else "ops", ylabel, f"{elements:,} elements", grid="y")
        figure.suptitle(title_of(result))
    return png(figure)


def _label(rows: list[Row], backward: bool, paired: bool) -> str:
    text = "forward and backward" if backward else "forward"
    return f"{text}: {geometric_mean(rows):.2f}" if paired else text


def _finish(axes: Any, groups: dict[Group, list[Row]], elements: int, paired: bool) -> None:
    axes.set_yscale("log")
    if axes.lines:
        axes.legend(loc="upper left", fontsize=8)
        plain_logarithmic(axes.yaxis, *axes.get_ylim())
    if paired:
        axes.axhline(1.0, color=INK, lw=0.8)
        names = worst([row for backward in (False, True) for row in groups.get((elements, backward), [])], 6)
        text = "\n".join(f"{row.name.partition('@')[0]} {row.ratio:.2f}" for row in names)
        axes.text(0.98, 0.03, text, transform=axes.transAxes, ha="right", va="bottom", fontsize=7, color=BAD)


def page(result: Result) -> Page:
    """The HTML page: summary, picture, table, notes and the conditions of the measurement."""
    made = Page("dlengine bench --ops")
    for text in summary(result):
        made.paragraph(text)
    made.picture(picture(result), "Ratios of the times" if len(result.frameworks) > 1 else "Times")
    made.section("Ops")
    made.table(headings(result), [list(line) for line in lines(result)], numbers=True)
    made.bullets(notes(result))
    made.section("Conditions of the measurement")
    made.table([], list(facts(result).items()))
    return made
