"""`dlengine eval`: measure a run's model again."""

from __future__ import annotations

from pathlib import Path

import click

from .options import backend_options, data_option, on_backend


@click.command("eval")
@click.argument("run", type=click.Path(path_type=Path))
@backend_options
@data_option
def evaluate(run: Path, backend: str | None, emulate: bool) -> None:
    """Measure the model in the run folder RUN on its test images."""
    from dlengine.recipes import evaluate as evaluate_run

    with on_backend(backend, emulate):
        results = evaluate_run(run).results
    click.echo(f"{run}: test accuracy {100 * results['accuracy']:.2f}%, loss {results['loss']:.4f}, {results['samples']} images")
