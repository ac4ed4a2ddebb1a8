"""`dlengine fit`: make a model from data of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .options import backend_options, on_backend
from .streams import enduring_output


@click.command(short_help="Make a model from your own images, table, texts, series or sounds.")
@click.argument("path", type=click.Path(path_type=Path))
@backend_options
@click.option(
    "--task",
    type=click.Choice(["classification", "regression", "forecasting", "generation"]),
    help="What to learn. [default: what the data tell]",
)
@click.option("--target", metavar="NAME", help="The column to predict. [default: target, label, class ..., else the last]")
@click.option("--group", metavar="NAME", help="The column whose rows of equal value stay in one part of the split.")
@click.option("--horizon", type=click.IntRange(1), help="The number of steps to forecast.")
@click.option("--time", metavar="TIME", help="The most time, as 90s, 5m or 1h.")
@click.option("--seed", default=0, show_default=True, help="The seed of the split, the initial weights and the order.")
@click.option(
    "--out", type=click.Path(path_type=Path), help="The folder to write. [default: fitted/NAME, or the next free number]"
)
def fit(path: Path, backend: str | None, emulate: bool, out: Path | None, **options: Any) -> None:
    """Make a model from the data at PATH, and measure it on a test part.

    \b
    A folder of images, sounds (WAV, FLAC) or texts by class:   PATH/CLASS/FILE
    A table (CSV, Parquet) with a column to predict:            customers.csv --target left
    A series (CSV with a column of times):                      passengers.csv --horizon 12
    A text, to learn to write (generation):                     tale.txt
    Arrays x and y:                                             data.npz
    """
    from dlengine.fitting import fit as fit_data
    from dlengine.fitting.output import output_folder, write_model

    folder = output_folder(out, path.stem or "data")
    with enduring_output(), on_backend(backend, emulate):
        file = write_model(fit_data(path, **{k: v for k, v in options.items() if v is not None}), folder)
    click.echo(f"model: {file}")
