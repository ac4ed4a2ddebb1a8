"""Puts the newest committed record of the benchmarks into the page guide/benchmarks.md: a sentence, the picture, the table."""

from __future__ import annotations

from pathlib import Path

from sphinx.application import Sphinx

from dlengine.benchmarks.report import columns, lines
from dlengine.benchmarks.results import Result

PAGE = "guide/benchmarks"
MARK = "<!-- newest record -->"
RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"


def newest() -> str:
    """The newest record of the numba backend as Markdown."""
    path = max(RESULTS.glob("*-numba-*-cores.json"))
    result = Result.load(path)
    shown = [*columns(result, full=False)]
    rows = [[text(line) for _, text in shown] for line in lines(result)]
    means = ", ".join(f"{mean:.2f} on a {heap} heap" for heap, mean in result.geometric_means.items())
    settings = result.settings
    where = f"Backend {settings['backend']}, {result.machine['processor']}, {settings['threads']} threads, {result.date[:10]}."
    return "\n".join(
        [
            f"{where} Geometric mean of the ratios: {means}.",
            "",
            f"![time of PyTorch over time of dlengine](../../benchmarks/results/{path.with_suffix('.png').name})",
            "",
            "| " + " | ".join(name for name, _ in shown) + " |",
            "|" + " --- |" * len(shown),
            *("| " + " | ".join(row) + " |" for row in rows),
        ]
    )


def _add(app: Sphinx, name: str, source: list[str]) -> None:
    if name == PAGE:
        source[0] = source[0].replace(MARK, newest())


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("source-read", _add)
    return {"parallel_read_safe": True}
