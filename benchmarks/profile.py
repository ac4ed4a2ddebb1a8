"""The time that each op's forward and backward take, the optimizer's, and the rest.

Python's profiler measures. Ops are recognized by the code object of their definition, pullbacks by the code objects in it.
"""

from __future__ import annotations

import cProfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from inspect import unwrap
from time import perf_counter
from types import CodeType
from typing import TYPE_CHECKING, Any

from dlengine.show import label_axes, new_figure, png
from dlengine.show.figures import GRID, NEUTRAL

if TYPE_CHECKING:
    from rich.table import Table

REST = "tape, Python and the rest"


@dataclass
class Share:
    """Calls and seconds of one op in one phase, per run of the workload."""

    op: str
    phase: str
    calls: float
    seconds: float


def inner_codes(code: CodeType) -> Iterator[CodeType]:
    """The code objects of the functions that are defined in a function."""
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from inner_codes(constant)


def known_codes() -> dict[CodeType, tuple[str, str]]:
    """Op and phase by code object, for the definitions and pullbacks of all ops and the steps of the optimizers."""
    from dlengine import optim
    from dlengine.autograd.op import OPS

    codes: dict[CodeType, tuple[str, str]] = {}
    for name, call in OPS.items():
        text = unwrap(call.op.text).__code__  # type: ignore[attr-defined]
        # Ops that a factory makes (max_pool2d, max_pool3d) share their code, and so a row.
        shared = f"{codes[text][0]}|{name}" if text in codes else name
        codes[text] = (shared, "forward")
        codes |= dict.fromkeys(inner_codes(text), (shared, "backward"))
    for kind in vars(optim).values():
        step = getattr(kind, "step", None)
        if isinstance(kind, type) and hasattr(step, "__code__"):
            codes[step.__code__] = ("optimizer", "step")  # type: ignore[union-attr]
    return codes


def shares(run: Callable[[], Any], runs: int) -> list[dict[str, Any]]:
    """Profile some runs: the ops by decreasing time, then the rest."""
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

    legible: ops with a smaller share in %, in all workloads, are drawn in grey.
    """
    from matplotlib.patches import Patch

    parts = {name: percentages(rows) for name, rows in profiles.items()}
    colours = _colours(parts.values(), legible)
    with new_figure(11, 1.9 + 0.5 * len(profiles)) as figure:
        axes: Any = figure.subplots()
        for place, shown in enumerate(reversed(parts.values())):
            _bar(axes, place, shown, colours)
        axes.set_yticks(range(len(parts)), list(reversed(parts)))
        axes.set(xlim=(0, 100), ylim=(-0.6, len(parts) - 0.4))
        label_axes(axes, "% of the time; lighter: backward", "", title, grid="x")
        patches = [Patch(color=colours[op][0], label=op) for op in colours]
        patches += [Patch(color=NEUTRAL, label="other ops"), Patch(color=GRID, label=REST)]
        figure.legend(handles=patches, loc="outside right upper", fontsize=7)
    return png(figure)


def _colours(parts: Iterable[Sequence[Part]], legible: float) -> dict[str, tuple[Any, Any]]:
    """The colours, forward and backward, of the ops that take at least so many % of some workload, the largest first."""
    from matplotlib import colormaps

    weight: dict[str, float] = {}
    for shown in parts:
        for op, _, part in shown:
            weight[op] = max(part, weight.get(op, 0.0))
    named = sorted((op for op in weight if op != REST and weight[op] >= legible), key=lambda op: -weight[op])
    palettes: list[Any] = [colormaps["tab20"], colormaps["tab20b"]]
    hues = [*palettes[0].colors, *palettes[1].colors[::2]]  # tab20: each colour, then a lighter one
    return {op: (hues[2 * place], hues[2 * place + 1]) for place, op in enumerate(named[: len(hues) // 2])}


def _bar(axes: Any, place: int, shown: Sequence[Part], colours: Mapping[str, tuple[Any, Any]]) -> None:
    """The bar of one workload, with the names of the ops where there is room."""
    left = 0.0
    for op, phase, part in shown:
        colour = GRID if op == REST else colours.get(op, (NEUTRAL,) * 2)[phase == "backward"]
        axes.barh(place, part, left=left, color=colour, edgecolor="white", linewidth=0.5)
        lines = [op, *(["back"] if phase == "backward" else [])]
        if op in colours and part > 0.8 * max(len(line) for line in lines):
            axes.text(left + part / 2, place, "\n".join(lines), ha="center", va="center", fontsize=7)
        left += part


Part = tuple[str, str, float]
"""Op, phase and share in %."""


def percentages(rows: list[dict[str, Any]]) -> list[Part]:
    """Op, phase and share in % of a profile's rows; of ops that share their code only the first name."""
    total = sum(row["seconds"] for row in rows) or 1.0
    return [(row["op"].split("|")[0], row["phase"], 100 * row["seconds"] / total) for row in rows]
