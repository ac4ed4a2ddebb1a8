"""A result as a table for the terminal, and as an HTML page with pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from statistics import median
from typing import TYPE_CHECKING

from dlengine.show import Page, Span

from . import pictures
from .compare import Change, Changes, headline
from .memory import LIMIT
from .results import OURS, Result, Row
from .rooflines import achieved, share_of_ceiling

if TYPE_CHECKING:
    from rich.table import Table

Line = dict[str, Row]
"""The rows of one workload, by heap."""
Column = tuple[str, Callable[[Line], str]]


def duration(seconds: float) -> str:
    """Seconds as text with three significant digits, in s, ms or us."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= 0.9995 * size:  # less is rounded to at most 999 of the smaller unit
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-6:.3g} us"


def lines(result: Result) -> list[Line]:
    """The rows of a result, grouped by workload."""
    found: dict[str, Line] = {}
    for row in result.rows:
        found.setdefault(row.name, {})[row.heap] = row
    return list(found.values())


def columns(result: Result, changes: Changes | None = None, full: bool = True) -> list[Column]:
    """The columns of the table: heading and function of a line. Not full: only the ratio of the second heap."""
    heaps, paired = result.heaps, len(result.frameworks) > 1
    names = [OURS, *([str(result.settings["against"])] if paired else [])]
    marks = {heap: f"{heap}: " if heap != heaps[0] else "" for heap in heaps}
    found: list[Column] = [("workload", lambda line: next(iter(line.values())).label(result.settings.get("against")))]
    for heap in heaps:
        if full or heap == heaps[0] or not paired:
            for number, name in enumerate(names):
                text = partial(time_of, number=number, spread=full or not paired)
                found.append((f"{marks[heap]}{name}", _of(heap, text)))
        if paired:
            found.append((f"{marks[heap]}ratio", _of(heap, ratio_of)))
    if result.ceilings:
        found += [("host", _of(heaps[0], host_of)), ("achieved", _of(heaps[0], partial(achieved, name=OURS)))]
        found.append(("of ceiling", _of(heaps[0], lambda row: percent(share_of_ceiling(result, row, OURS)))))
    found.append(("MiB", _of(heaps[0], memory_of)))
    if changes is not None:
        for heap in heaps:
            found.append((f"{marks[heap]}then", _of(heap, lambda row: then_of(changes.get((row.name, row.heap))))))
            found.append((f"{marks[heap]}gain", _of(heap, lambda row: gain_of(changes.get((row.name, row.heap))))))
    return found


def _of(heap: str, text: Callable[[Row], str]) -> Callable[[Line], str]:
    return lambda line: text(line[heap]) if heap in line else "-"


def time_of(row: Row, number: int, spread: bool = False) -> str:
    """The median time of one framework, and the spread of its turns."""
    timings = list(row.timings.values())
    if number >= len(timings):
        return "-"
    timing = timings[number]
    apart = f" ±{50 * (timing.high - timing.low) / timing.median:.0f}%" if spread and len(timing.turns) > 1 else ""
    return duration(timing.median) + apart


def ratio_of(row: Row) -> str:
    """The ratio, and the spread of the pairs of turns."""
    if row.ratio is None:
        return "-"
    low, high = row.ratios
    return f"{row.ratio:.2f} ±{50 * (high - low) / row.ratio:.0f}%"


def host_of(row: Row) -> str:
    timing = row.timings.get(OURS)
    return "-" if timing is None or timing.host is None else duration(timing.host)


def percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.0%}"


def memory_of(row: Row) -> str:
    """Peak memory of each framework, and the ratio of ours to the peer's; "!" marks a ratio above the limit."""
    peaks = [timing.peak_mib for timing in row.timings.values()]
    if all(peak is None for peak in peaks):
        return "-"
    text = "/".join("-" if peak is None else f"{peak:.0f}" for peak in peaks)
    if row.memory_ratio is None or row.kind != "step":
        return text
    return f"{text} {row.memory_ratio:.2f}{'!' if row.too_much_memory else ''}"


def then_of(change: Change | None) -> str:
    if change is None:
        return "-"
    return f"{change.old_ratio:.2f}" if change.by_ratio else duration(change.old_median)


def gain_of(change: Change | None) -> str:
    """How many times faster; in brackets if that is within the spread of the turns."""
    if change is None:
        return "-"
    text = f"{change.gain:.2f}{'' if change.by_ratio else ' in time'}"
    return text if change.significant else f"({text})"


def facts(result: Result) -> dict[str, str]:
    """The conditions of the measurement: date, machine, settings, versions."""
    found = {
        "date": result.date,
        "machine": ", ".join(f"{key} {text}" for key, text in result.machine.items()),
        "settings": ", ".join(f"{key} {text}" for key, text in result.settings.items()),
    }
    if result.ceilings:
        rates = [f"copy {result.ceilings['copy'] / 1e9:.0f} GB/s"] if "copy" in result.ceilings else []
        rates += [f"{name} {rate / 1e12:.1f} TFLOP/s" for name, rate in result.ceilings.items() if name != "copy"]
        found["measured ceilings"] = ", ".join(rates)
    for name, told in result.frameworks.items():
        plain = {key: text for key, text in told.items() if key not in ("pools", "precision")}
        precision = ", ".join(str(text) for text in told["precision"].values())
        found[name] = ", ".join([*(f"{key} {text}" for key, text in plain.items()), f"precision {precision}"])
        pools = [" ".join(str(pool[key]) for key in pool if key != "user_api") for pool in told.get("pools", [])]
        found[f"{name}: thread pools"] = "; ".join(pools) or "none"
    return found


def summary(result: Result) -> list[str]:
    """The summary: geometric means, workloads that are slower than the peer, memory, and the share of the ceilings."""
    means = result.geometric_means
    peer = result.settings.get("against")
    if not means:
        told = [f"{len(lines(result))} timed, without another library: no ratios"]
    else:
        count = len(result.paired(next(iter(means))))
        told = [
            f"geometric mean of {peer} / {OURS} over {count} workloads: {pictures.means_text(result)} (above 1: {OURS} is faster)"
        ]
    for heap in means:
        rows = sorted(result.paired(heap), key=lambda row: row.ratio or 0)
        slow = [row for row in rows if (row.ratio or 0) < (1.0 if row.kind == "step" else 0.9)]
        if slow:
            names = ", ".join(f"{row.name} {row.ratio:.2f}" for row in slow)
            told.append(f"steps below 1.0 and others below 0.9, {heap} heap: {names}")
    steps = [row for row in result.rows if row.kind == "step" and row.memory_ratio is not None]
    if steps:
        worst = max(steps, key=lambda row: row.memory_ratio or 0)
        told.append(
            f"memory of training steps: at most {worst.memory_ratio:.2f} times {peer}'s ({worst.name}; limit {LIMIT:.2f})"
        )
    shares = [s for row in result.rows if (s := share_of_ceiling(result, row, OURS)) is not None]
    if shares:
        told.append(f"of this card's measured ceilings: median {median(shares):.0%} over {len(shares)} workloads")
    return told


def notes(rows: Iterable[Row]) -> list[str]:
    """Notes on single workloads, such as errors and rates."""
    found = []
    for row in rows:
        where = row.name if row.heap == "default" else f"{row.name}, {row.heap} heap"
        texts = [row.note, f"failed: {row.error}" if row.error else "", rates(row)]
        if row.too_much_memory:
            texts.append(f"{row.memory_ratio:.2f} times the peer's memory, above the limit {LIMIT:.2f}")
        found += [f"{where}: {text}" for text in texts if text]
    return found


def rates(row: Row) -> str:
    """The units (such as word pairs) that a workload processes per second."""
    if row.unit is None or not row.timings:
        return ""
    unit, count = row.unit
    each = ", ".join(f"{name} {count / timing.median / 1e6:.2f} M" for name, timing in row.timings.items())
    return f"{unit}/s: {each}"


def style_of(line: Line) -> str:
    """"failed", "faster", "slower", or "" without a ratio."""
    row = next(iter(line.values()))
    if any(r.error for r in line.values()):
        return "failed"
    return "" if row.ratio is None else "faster" if row.ratio >= 1 else "slower"


def table(result: Result, changes: Changes | None = None) -> Table:
    from rich import box
    from rich.table import Table

    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    found = columns(result, changes, full=False)
    for number, (heading, _) in enumerate(found):
        shown.add_column(heading, justify="left" if number == 0 else "right", no_wrap=True)
    colours = {"failed": "red", "faster": "green", "slower": "yellow"}
    for line in lines(result):
        shown.add_row(*(text(line) for _, text in found), style=colours.get(style_of(line)))
    return shown


def page(result: Result, changes: Changes | None = None) -> Page:
    """The HTML page: summary, pictures, table, notes and the conditions of the measurement."""
    made = Page("dlengine bench")
    for text in (*summary(result), *([headline(changes)] if changes is not None else [])):
        made.paragraph(text)
    made.picture(pictures.ratios(result), "Ratios of the times" if len(result.frameworks) > 1 else "Times")
    if result.ceilings:
        made.picture(pictures.roofline(result), "Roofline of the device")
    found = columns(result, changes)
    rows: list[list[str | Span]] = []
    for line in lines(result):
        first, *others = (column(line) for _, column in found)
        rows.append([Span(first, tip=sizes_of(next(iter(line.values())))), *others])
    kinds = {"faster": "good", "slower": "bad"}
    styles = [style_of(line) for line in lines(result)]
    made.section("Workloads")
    made.table([heading for heading, _ in found], rows, kinds=[kinds.get(style, style) for style in styles], numbers=True)
    made.bullets(notes(result.rows))
    made.section("Conditions of the measurement")
    made.table([], list(facts(result).items()))
    return made


def sizes_of(row: Row) -> str:
    """The sizes of a workload and the kernels that it launches."""
    sizes = [f"{key}={size}" for key, size in row.sizes.items()]
    return " ".join([*sizes, *(["kernels:", *row.kernels] if row.kernels else [])])
