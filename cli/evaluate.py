"""`dlengine eval`: measure a run's model again."""

from __future__ import annotations

from pathlib import Path

import click

from .options import backend_options, data_option, on_backend
from .recipes import report_figures


@click.command("eval", short_help="Measure the models of a run again, on its test data.")
@click.argument("folder", metavar="RUN", type=click.Path(path_type=Path))
@backend_options
@data_option
def evaluate(folder: Path, backend: str | None, emulate: bool) -> None:
    """Measure the models in the run folder RUN on its test data."""
    from dlengine.recipes import evaluate as evaluate_run

    with on_backend(backend, emulate):
        run = evaluate_run(folder)
    report_figures(run)
    names = {figure.name for figure in run.scale.figures}
    click.echo(", ".join(f"{name} {value:.6g}" for name, value in run.results.items() if name not in names))
