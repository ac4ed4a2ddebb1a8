"""`dlengine report`: the results of several runs, as text and as an HTML page."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(short_help="Print the results of runs, or write them as a page.")
@click.argument("runs", type=click.Path(path_type=Path), nargs=-1, required=True, metavar="RUN...")
@click.option(
    "--html", type=click.Path(path_type=Path, dir_okay=False),
    help="Write an HTML page with results, curves and pictures.",
)
@click.pass_context
def report(context: click.Context, runs: tuple[Path, ...], html: Path | None) -> None:
    """Print the results of the run folders RUN..., and with --html write them as a page.

    The exit status is 1 if a figure was missed, and 2 if a folder holds no finished run; such a folder is left out.
    """
    from dlengine.errors import CheckpointError
    from dlengine.recipes import finished, gallery

    found, left_out = [], list[CheckpointError]()
    for folder in runs:
        try:
            found.append(finished(folder))
        except CheckpointError as error:
            left_out.append(error)
    if not found:
        raise left_out[0]
    for reason in left_out:
        click.echo(f"left out: {reason}", err=True)
    wide, wider = max(len(run.recipe.name) for run in found), max(len(str(run.folder)) for run in found)
    for run in found:
        for figure, value, reached in run.verdicts():
            mark = "reached" if reached else "missed"
            place = f"{run.recipe.name.ljust(wide)}  {str(run.folder).ljust(wider)}"
            click.echo(f"{place}  {figure.name} {figure.show(value)} ({figure.bound}: {mark})")
    if html is not None:
        click.echo(f"page: {gallery([run.folder for run in found], html)}")
    if left_out:
        context.exit(2)
    if not all(run.reached for run in found):
        context.exit(1)
