"""The recipes' results: collected from run folders into one committed file, and shown as the README's table.

    python -m dlengine.benchmarks.recipes RUN...    # take runs over, then write the table anew
    python -m dlengine.benchmarks.recipes           # only write the table

A run replaces an older one of the same recipe. Nobody types a number.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click

from dlengine.errors import DataError
from dlengine.io import reading, write_atomically
from dlengine.recipes import RECIPES, Run, finished
from dlengine.recipes.gallery import duration
from dlengine.recipes.run import read_config
from dlengine.report import processor

RESULTS = Path(__file__).parent / "results" / "recipes.json"
START, END = "<!-- recipes -->", "<!-- end of recipes -->"


def entry(run: Run) -> dict[str, Any]:
    """What is kept of a finished run."""
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
    """One entry per recipe, in the order of the recipes; those that no longer exist go."""
    found = {e["recipe"]: e for e in [*kept, *new]}
    return [found[name] for name in RECIPES if name in found]


def table(entries: Sequence[Mapping[str, Any]]) -> str:
    """The entries as Markdown."""
    lines = ["| recipe | what | figure | reached | time |", "| --- | --- | --- | --- | --- |"]
    for e in entries:
        recipe = RECIPES[e["recipe"]]
        figures = [f for f in recipe.scales[e["scale"]].figures if f.name in e["results"]]
        bounds = ", ".join(f"{_name(f.name)} {f.bound}" for f in figures)
        values = ", ".join(f.show(e["results"][f.name]) + ("" if f.reached(e["results"]) else " (missed)") for f in figures)
        lines.append(f"| `{recipe.name}` | {recipe.title} | {bounds} | {values} | {duration(e['results']['seconds'])} |")
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


def rewrite(readme: Path, text: str) -> None:
    """Put the table between the marks of a README. Raises UsageError if they are not there."""
    content = readme.read_text(encoding="utf-8")
    before, start, rest = content.partition(START)
    _, end, after = rest.partition(END)
    if not start or not end:
        raise click.UsageError(f"{readme}: the lines {START} and {END} are not there")
    write_atomically(readme, f"{before}{START}\n{text}\n{END}{after}".encode())


@click.command()
@click.argument("runs", type=click.Path(path_type=Path), nargs=-1)
@click.option("--readme", type=click.Path(path_type=Path, exists=True), default="README.md", show_default=True)
def main(runs: tuple[Path, ...], readme: Path) -> None:
    """Take finished RUNS over into the results, and write the README's table anew."""
    kept = []
    if RESULTS.exists():
        with reading(RESULTS, DataError, "take the repository's own file"):
            kept = json.loads(RESULTS.read_text())
    entries = merge(kept, [entry(finished(run)) for run in runs])
    write_atomically(RESULTS, (json.dumps(entries, indent=1) + "\n").encode())
    rewrite(readme, table(entries))
    click.echo(f"{len(entries)} of {len(RECIPES)} recipes have results")


if __name__ == "__main__":
    main()
