"""What a captured step consists of: a table of its calls, and a picture of its graph."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from html import escape

from ..recording.instructions import Call, Value
from .program import Program


def table(program: Program, times: Sequence[float] | None) -> str:
    """The calls of a program by name: how many, the bytes of their results, and the microseconds that they take.

    Parameters
    ----------
    program : Program
        The program.
    times : sequence of float or None
        The seconds of each call; None where they were not measured.

    Returns
    -------
    str
        The table.
    """
    calls = program.calls
    guards = sum(call.guards for call in calls)
    generated = sum(call.name.startswith("generated:") for call in calls)
    lines = [
        f"{len(program.recording.calls)} calls recorded, {len(calls)} left: {generated} generated kernels, {guards} checks; "
        f"{len(program.settled)} computed once; {program.replays} replays",
        f"compared before a replay: {program.compared} places",
    ]
    shown: Counter[str] = Counter(call.name for call in calls)
    sizes: Counter[str] = Counter()
    spent: defaultdict[str, float] = defaultdict(float)
    for i, call in enumerate(calls):
        sizes[call.name] += sum(v.nbytes for v in call.outs if _owns(v, call))
        spent[call.name] += 0 if times is None else times[i]
    order = sorted(shown, key=lambda name: (-spent[name], -shown[name], name))
    lines.append(f"{'calls':>6} {'bytes':>12} {'us':>10}  name")
    for name in order:
        us = "" if times is None else f"{spent[name] * 1e6:.1f}"
        lines.append(f"{shown[name]:>6} {sizes[name]:>12,} {us:>10}  {name}")
    total = "" if times is None else f"{sum(times) * 1e6:.1f}"
    lines.append(f"{len(calls):>6} {sum(sizes.values()):>12,} {total:>10}  in all")
    return "\n".join(lines)


def _owns(v: Value, call: Call) -> bool:
    """Whether a result has memory of its own."""
    return v.storage is None or all(v.storage is not u.storage for u in call.reads())


# ---------------------------------------------------------------------- pictures
def _shown(v: Value) -> str:
    return f"{v.dtype} {tuple(v.shape)}" if v.shape is not None else "kept for the gradient"


def _graph(program: Program) -> tuple[list[tuple[str, str, str]], list[tuple[str, str, str]]]:
    """Nodes (name, kind, label) and edges (from, to, label)."""
    nodes: dict[str, tuple[str, str, str]] = {}
    edges = []
    names: dict[Value, str] = {}

    def source(v: Value) -> str:
        if v not in names:
            name = names[v] = f"a{len(names)}"
            what = {"input": f"argument {v.source}", "grad": "gradient"}.get(v.kind, "held" if v.by is None else "constant")
            nodes[name] = (name, "array", f"{what}\n{_shown(v)}")
        return names[v]

    for i, call in enumerate(program.calls):
        for v in dict.fromkeys(call.reads()):
            edges.append((source(v), f"c{i}", _shown(v)))
        label = call.name if not call.outs else f"{call.name}\n{_shown(call.outs[0])}"
        nodes[f"c{i}"] = (f"c{i}", "check" if call.guards else "write" if call.writes else "call", label)
        names.update((v, f"c{i}") for v in call.outs)
    return list(nodes.values()), edges


_COLOURS = {"array": "#dbe9f6", "call": "#ffffff", "check": "#fde9d9", "write": "#e2f0d9"}


def dot(program: Program) -> str:
    """The graph of a program in the language of Graphviz.

    Parameters
    ----------
    program : Program
        The program.

    Returns
    -------
    str
        A directed graph: arrays, calls, checks and writes, with dtypes and shapes.
    """
    nodes, edges = _graph(program)
    lines = ["digraph step {", '  node [shape=box, style=filled, fontname="sans-serif", fontsize=10];']
    for name, kind, label in nodes:
        text = label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        lines.append(f'  {name} [label="{text}", fillcolor="{_COLOURS[kind]}"];')
    lines += [f"  {a} -> {b};" for a, b, _ in edges]
    return "\n".join([*lines, "}"])


WIDE, HIGH, GAP = 190, 34, 30
"""Of a box in a picture, and of the room between two, in pixels."""


def svg(program: Program) -> str:
    """The graph of a program as a picture: calls below those whose results they read.

    Parameters
    ----------
    program : Program
        The program.

    Returns
    -------
    str
        An SVG document.
    """
    nodes, edges = _graph(program)
    level: dict[str, int] = {}
    above: dict[str, list[str]] = {}
    for a, b, _ in edges:
        above.setdefault(b, []).append(a)
    for name, _, _ in nodes:
        level[name] = 1 + max((level.get(a, 0) for a in above.get(name, [])), default=-1)
    columns: Counter[int] = Counter()
    place: dict[str, tuple[int, int]] = {}
    for name, _, _ in nodes:
        place[name] = (GAP + columns[level[name]] * (WIDE + GAP), GAP + level[name] * (HIGH + GAP))
        columns[level[name]] += 1
    width = GAP + max(columns.values(), default=0) * (WIDE + GAP)
    height = GAP + (1 + max(columns, default=0)) * (HIGH + GAP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'font-family="sans-serif" font-size="10">'
    ]
    for a, b, label in edges:
        (x, y), (u, v) = place[a], place[b]
        parts.append(
            f'<line x1="{x + WIDE // 2}" y1="{y + HIGH}" x2="{u + WIDE // 2}" y2="{v}" stroke="#888">'
            f"<title>{escape(label)}</title></line>"
        )
    for name, kind, label in nodes:
        x, y = place[name]
        parts.append(f'<rect x="{x}" y="{y}" width="{WIDE}" height="{HIGH}" fill="{_COLOURS[kind]}" stroke="#444"/>')
        for row, text in enumerate(label.split("\n")):
            parts.append(f'<text x="{x + 5}" y="{y + 13 + 14 * row}">{escape(_cut(text))}</text>')
    return "\n".join([*parts, "</svg>"])


def _cut(text: str) -> str:
    return text if len(text) <= 34 else text[:33] + "…"
