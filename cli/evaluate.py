"""`dlengine eval`: measure the models of a run again, or a bundle on data."""

from __future__ import annotations

from pathlib import Path

import click

from .options import backend_options, data_option, on_backend
from .recipes import report_figures


@click.command("eval", short_help="Measure the models of a run again, or a bundle on new data.")
@click.argument("model", metavar="MODEL", type=click.Path(path_type=Path))
@click.argument("path", required=False, type=click.Path(path_type=Path))
@backend_options
@data_option
@click.option("--target", metavar="NAME", help="The column with the truth, if it has another name than in training.")
def evaluate(model: Path, path: Path | None, target: str | None, backend: str | None, emulate: bool) -> None:
    """Measure the models in the run folder MODEL on its test data, or the model that `dlengine fit` wrote on the data at PATH."""
    if path is not None:
        _bundle(model, path, target, backend, emulate)
        return
    if not (model / "config.json").is_file() and (model.is_file() or (model / "bundle.safetensors").is_file()):
        raise click.UsageError("name the data to measure the model on")
    from dlengine.recipes import evaluate as evaluate_run

    with on_backend(backend, emulate):
        run = evaluate_run(model)
    report_figures(run)
    names = {figure.name for figure in run.scale.figures}
    click.echo(", ".join(f"{name} {value:.6g}" for name, value in run.results.items() if name not in names))


def _bundle(model: Path, path: Path, target: str | None, backend: str | None, emulate: bool) -> None:
    """Measure a bundle on data with targets."""
    from dlengine.fitting import load

    with on_backend(backend, emulate):
        bundle = load(model)
        for measured in bundle.evaluate(bundle.read_with_targets(path, target)):
            click.echo(str(measured))
