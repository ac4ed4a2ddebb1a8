"""`dlengine predict`: classify images with a run's model."""

from __future__ import annotations

from pathlib import Path

import click

from .options import backend_options, on_backend


@click.command(short_help="Classify images with the model of a run.")
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("images", type=click.Path(path_type=Path), nargs=-1, required=True, metavar="IMAGE...")
@backend_options
def predict(run: Path, images: tuple[Path, ...], backend: str | None, emulate: bool) -> None:
    """Classify images (PNG or NPY, bright ink on black) with the model in the run folder RUN."""
    from dlengine.recipes import predict as predict_run

    with on_backend(backend, emulate):
        predictions = predict_run(run, images)
    for p in predictions:
        click.echo(f"{p.path}: {p.label} ({100 * p.confidence:.1f}%)")
