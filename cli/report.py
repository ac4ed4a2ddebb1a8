"""`dlengine report`: what several runs reached, as lines and as a gallery page."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("runs", type=click.Path(path_type=Path), nargs=-1, required=True, metavar="RUN...")
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False), help="Write a page with curves, figures and pictures.")
@click.pass_context
def report(context: click.Context, runs: tuple[Path, ...], html: Path | None) -> None:
    """What each of the run folders RUN... reached; with --html also a gallery page. Exits 1 if a figure was missed."""
    from dlengine.recipes import finished, gallery

    found = [finished(run) for run in runs]
    width = max(len(run.recipe.name) for run in found)
    for run in found:
        for figure, value, reached in run.verdicts():
            mark = "reached" if reached else "missed"
            click.echo(f"{run.recipe.name.ljust(width)}  {figure.name} {figure.show(value)} ({figure.bound}: {mark})")
    if html is not None:
        click.echo(f"page: {gallery(runs, html)}")
    if not all(run.reached for run in found):
        context.exit(1)
