"""Where dlengine's time goes: seconds in each op's text and in its pullbacks, the optimizer, and what is left for the tape.

Python's own profiler counts; it knows an op by the code of its text, and a pullback by the code inside that text.
"""

from __future__ import annotations

import cProfile
import io
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from inspect import unwrap
from time import perf_counter
from types import CodeType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table

REST = "tape, Python and the rest"


@dataclass
class Share:
    """calls and seconds of one op in one phase, per run of the workload."""

    op: str
    phase: str
    calls: float
    seconds: float


def inner_codes(code: CodeType) -> Iterator[CodeType]:
    """The functions that are written inside a function."""
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from inner_codes(constant)


def known_codes() -> dict[CodeType, tuple[str, str]]:
    """Code -> (op, phase) for every op's text and pullbacks, and for the optimizers' steps."""
    from dlengine import optim
    from dlengine.autograd.op import OPS

    codes: dict[CodeType, tuple[str, str]] = {}
    for name, call in OPS.items():
        text = unwrap(call.op.text).__code__  # type: ignore[attr-defined]
        # A factory's ops (max_pool2d, max_pool3d) share one text: they share a line too.
        shared = f"{codes[text][0]}|{name}" if text in codes else name
        codes[text] = (shared, "forward")
        codes |= dict.fromkeys(inner_codes(text), (shared, "backward"))
    for kind in vars(optim).values():
        step = getattr(kind, "step", None)
        if isinstance(kind, type) and hasattr(step, "__code__"):
            codes[step.__code__] = ("optimizer", "step")  # type: ignore[union-attr]
    return codes


def shares(run: Callable[[], Any], runs: int) -> list[dict[str, Any]]:
    """Profile some runs: the largest share first, what no op accounts for last."""
    profiler = cProfile.Profile()
    start = perf_counter()
    profiler.enable()
    for _ in range(runs):
        run()
    profiler.disable()
    total = (perf_counter() - start) / runs
    codes = known_codes()
    found: dict[tuple[str, str], Share] = {}
    for entry in profiler.getstats():
        key = codes.get(entry.code) if isinstance(entry.code, CodeType) else None
        if key is not None:
            share = found.setdefault(key, Share(*key, 0.0, 0.0))
            share.calls += entry.callcount / runs
            share.seconds += entry.totaltime / runs
    rows = sorted(found.values(), key=lambda share: -share.seconds)
    rest = total - sum(share.seconds for share in rows)
    return [asdict(share) for share in (*rows, Share(REST, "", 1, max(rest, 0.0)))]


def table(name: str, rows: list[dict[str, Any]]) -> Table:
    from rich import box
    from rich.table import Table

    total = sum(row["seconds"] for row in rows) or 1.0
    shown = Table(title=f"{name}: {1e3 * total:.3g} ms a run (the profiler included)", title_justify="left", box=box.SIMPLE_HEAD)
    for heading in ("op", "phase"):
        shown.add_column(heading)
    for heading in ("calls", "ms", "share"):
        shown.add_column(heading, justify="right")
    shown.add_column("")
    for row in rows:
        part = row["seconds"] / total
        shown.add_row(
            row["op"], row["phase"], f"{row['calls']:g}", f"{1e3 * row['seconds']:.3g}", f"{part:.0%}", "█" * round(30 * part)
        )
    return shown


def picture(profiles: dict[str, list[dict[str, Any]]], title: str, legible: float = 3.0) -> bytes:
    """A PNG: one bar per workload, cut into the shares of its ops, a colour for each op, lighter for its pullback.

    legible: the share in % below which, in all workloads, an op gets no colour of its own.
    """
    from matplotlib import colormaps
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    figure = Figure(figsize=(11, 1.9 + 0.5 * len(profiles)), layout="constrained")
    axes: Any = figure.subplots()
    parts = {name: percentages(rows) for name, rows in profiles.items()}
    weight: dict[str, float] = {}
    for shown in parts.values():
        for op, _, part in shown:
            weight[op] = max(part, weight.get(op, 0.0))
    named = sorted((op for op in weight if op != REST and weight[op] >= legible), key=lambda op: -weight[op])
    palettes: list[Any] = [colormaps["tab20"], colormaps["tab20b"]]
    hues = [*palettes[0].colors, *palettes[1].colors[::2]]  # tab20: each colour, then a lighter one
    colours = {op: (hues[2 * place], hues[2 * place + 1]) for place, op in enumerate(named[: len(hues) // 2])}
    for place, shown in enumerate(reversed(parts.values())):
        left = 0.0
        for op, phase, part in shown:
            colour = "#dddddd" if op == REST else colours.get(op, ("#999999",) * 2)[phase == "backward"]
            axes.barh(place, part, left=left, color=colour, edgecolor="white", linewidth=0.5)
            lines = [op, *(["back"] if phase == "backward" else [])]
            if op in colours and part > 0.8 * max(len(line) for line in lines):
                axes.text(left + part / 2, place, "\n".join(lines), ha="center", va="center", fontsize=7)
            left += part
    axes.set_yticks(range(len(parts)), list(reversed(parts)))
    axes.set_xlabel("% of the time; lighter: backward")
    axes.set_xlim(0, 100)
    axes.set_ylim(-0.6, len(parts) - 0.4)
    axes.set_title(title, fontsize=10)
    patches = [Patch(color=colours[op][0], label=op) for op in colours]
    patches += [Patch(color="#999999", label="other ops"), Patch(color="#dddddd", label=REST)]
    figure.legend(handles=patches, loc="outside right upper", fontsize=7)
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=120)
    return out.getvalue()


def percentages(rows: list[dict[str, Any]]) -> list[tuple[str, str, float]]:
    """Op, phase and share in % of a profile's rows; an op that shares its text with others under its own name alone."""
    total = sum(row["seconds"] for row in rows) or 1.0
    return [(row["op"].split("|")[0], row["phase"], 100 * row["seconds"] / total) for row in rows]
