"""The results of the recipes: collected from run folders into results/recipes.json, and written as the table of docs/recipes.md.

    python -m dlengine.benchmarks.recipes RUN...    # store the results of runs, then write the table
    python -m dlengine.benchmarks.recipes           # only write the table

The result of a run replaces an older one of the same recipe.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click

from dlengine.environment import processor
from dlengine.errors import DataError
from dlengine.io import reading, write_atomically
from dlengine.recipes import RECIPES, Run, finished
from dlengine.recipes.gallery import duration
from dlengine.recipes.run_folder import read_config

RESULTS = Path(__file__).parent / "results" / "recipes.json"
START, END = "<!-- recipes -->", "<!-- end of recipes -->"


def entry(run: Run) -> dict[str, Any]:
    """The stored entry of a finished run."""
    config = read_config(run.folder)
    done = datetime.datetime.fromtimestamp((run.folder / "results.json").stat().st_mtime, datetime.UTC)
    return {
        "recipe": run.recipe.name,
        "scale": config.scale,
        "seed": config.seed,
        "dtype": config.dtype,
        "backend": config.backend,
        "settings": config.settings,
        "results": run.results,
        "date": done.date().isoformat(),
        "machine": processor(),
        "version": version("dlengine-xp"),
    }


def merge(kept: Sequence[Mapping[str, Any]], new: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """One entry per recipe, in the order of the recipes; entries of recipes that no longer exist are dropped."""
    found = {e["recipe"]: e for e in [*kept, *new]}
    return [found[name] for name in RECIPES if name in found]


def table(entries: Sequence[Mapping[str, Any]]) -> str:
    """The entries as a Markdown table."""
    lines = ["| recipe | what | figure | reached | time |", "| --- | --- | --- | --- | --- |"]
    for e in entries:
        recipe = RECIPES[e["recipe"]]
        figures = [f for f in recipe.scales[e["scale"]].figures if f.name in e["results"]]
        bounds = ", ".join(f"{_name(f.name)} {f.bound}" for f in figures)
        values = ", ".join(f.show(e["results"][f.name]) + ("" if f.reached(e["results"]) else " (missed)") for f in figures)
        cells = [f"[`{recipe.name}`](#recipe-{recipe.name})", recipe.title, bounds, values, duration(e["results"]["seconds"])]
        lines.append(f"| {' | '.join(cells)} |")
    machines = sorted({e["machine"] for e in entries})
    dates = sorted({e["date"] for e in entries})
    when = dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}" if dates else ""
    return "\n".join(
        [
            *lines,
            "",
            f"Seeds and settings are in `benchmarks/results/recipes.json`; {', '.join(machines)}; {when}.",
        ]
    )


def _name(figure: str) -> str:
    return figure.replace("_", " ")


def rewrite(page: Path, text: str) -> None:
    """Replace the text between the two comments of a page. Raises UsageError if they are missing."""
    content = page.read_text(encoding="utf-8")
    before, start, rest = content.partition(START)
    _, end, after = rest.partition(END)
    if not start or not end:
        raise click.UsageError(f"{page}: the lines {START} and {END} are missing")
    write_atomically(page, f"{before}{START}\n{text}\n{END}{after}".encode())


@click.command()
@click.argument("runs", type=click.Path(path_type=Path), nargs=-1)
@click.option("--page", type=click.Path(path_type=Path, exists=True), default="docs/recipes.md", show_default=True)
def main(runs: tuple[Path, ...], page: Path) -> None:
    """Store the results of finished RUNS, and write the table of the page."""
    kept = []
    if RESULTS.exists():
        with reading(RESULTS, DataError, "restore the file from the repository"):
            kept = json.loads(RESULTS.read_text())
    entries = merge(kept, [entry(finished(run)) for run in runs])
    write_atomically(RESULTS, (json.dumps(entries, indent=1) + "\n").encode())
    rewrite(page, table(entries))
    click.echo(f"{len(entries)} of {len(RECIPES)} recipes have results")


if __name__ == "__main__":
    main()
