"""`dlengine predict`: predict files with a bundle, or classify images with the model of a run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .options import backend_options, on_backend

if TYPE_CHECKING:
    from dlengine.fitting import Prediction


@click.command(short_help="Predict files with the model of a bundle or a run.")
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("files", type=click.Path(path_type=Path), nargs=-1, metavar="FILES...")
@click.option("--json", "form", flag_value="json", help="One JSON object a line, with all probabilities.")
@click.option("--csv", "form", flag_value="csv", help="CSV with a header.")
@click.option("--text", "texts", multiple=True, metavar="TEXT", help="A text to predict instead of files; may be repeated.")
@backend_options
def predict(
    model: Path, files: tuple[Path, ...], form: str | None, texts: tuple[str, ...], backend: str | None, emulate: bool
) -> None:
    """Predict FILES with MODEL: what `dlengine fit` wrote, or a run folder of `dlengine train`.

    FILES are images, sounds or texts, or tables with the columns of the training data, each row of which is predicted. A model
    of a series forecasts what follows a file, or without one the training data. A run takes PNG or NPY images, white on black.
    """
    from dlengine.recipes import predict as predict_run

    if (model / "config.json").is_file():
        if not files or form or texts:
            raise click.UsageError("a run takes images alone")
        with on_backend(backend, emulate):
            found = predict_run(model, files)
        for p in found:
            click.echo(f"{p.path}: {p.label} ({100 * p.confidence:.1f}%)")
        return
    from dlengine.fitting import load

    with on_backend(backend, emulate):
        bundle = load(model)
        if texts and (files or bundle.encoder.kind not in ("texts", "text")):
            raise click.UsageError("--text goes with a model of texts, without files")
        if not files and not texts and bundle.task not in ("forecasting", "generation"):
            raise click.UsageError("name the files to predict")
        predictions = bundle.predict(list(texts) or list(files) or None)
    _show(predictions, form)


def _show(predictions: list[Prediction], form: str | None) -> None:
    """Print predictions as lines, JSON or CSV."""
    if form == "csv":
        import csv
        import sys

        rows = [p.as_dict() for p in predictions]
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(["input", "prediction", "confidence", "error", "warnings"])
        for row in rows:
            value = row["prediction"]
            told = " ".join(f"{v:.9g}" for v in value) if isinstance(value, list) else value
            writer.writerow(
                [row["input"], told, row.get("confidence", ""), row.get("error", ""), "; ".join(row.get("warnings", []))]
            )
        return
    for p in predictions:
        click.echo(json.dumps(p.as_dict(), ensure_ascii=False) if form == "json" else str(p))
