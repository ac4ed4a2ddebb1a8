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


def picture(profiles: dict[str, list[dict[str, Any]]], title: str) -> bytes:
    """A PNG: one bar per workload, cut into the shares of its ops, forward and backward in two shades of a colour."""
    from matplotlib import colormaps
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 1.4 + 0.45 * len(profiles)), layout="constrained")
    axes: Any = figure.subplots()
    ops = sorted({row["op"] for rows in profiles.values() for row in rows if row["op"] != REST})
    palette = colormaps["tab20"]
    for place, rows in enumerate(reversed(profiles.values())):
        total = sum(row["seconds"] for row in rows) or 1.0
        left = 0.0
        for row in rows:
            part = 100 * row["seconds"] / total
            colour = "#cccccc" if row["op"] == REST else palette(2 * (ops.index(row["op"]) % 10) + (row["phase"] == "backward"))
            axes.barh(place, part, left=left, color=colour, edgecolor="white", linewidth=0.5)
            if part > 8:
                label = row["op"] if row["phase"] != "backward" else f"{row['op']} back"
                axes.text(left + part / 2, place, label[: max(3, int(part * 1.1))], ha="center", va="center", fontsize=7)
            left += part
    axes.set_yticks(range(len(profiles)), list(reversed(profiles)))
    axes.set_xlabel("% of the time")
    axes.set_xlim(0, 100)
    axes.set_title(title, fontsize=10)
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=120)
    return out.getvalue()
