"""`dlengine export`: write a trained network of a run as an ONNX model."""

from __future__ import annotations

from pathlib import Path

import click

from .options import data_option


@click.command(short_help="Write a trained network as an ONNX model.")
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("file", type=click.Path(path_type=Path), metavar="MODEL.onnx")
@click.option("--part", metavar="NAME", help="Which network, where the recipe has several.")
@click.option("--opset", default=18, show_default=True, help="The version of ONNX's operators, 18 to 23.")
@data_option
def export(run: Path, file: Path, part: str | None, opset: int) -> None:
    """Write a network of the run folder RUN as an ONNX model, and beside it a JSON file that says how to call it."""
    from dlengine.recipes import export as export_run

    name = export_run(run, file, part, opset)
    click.echo(f"{name}: {file}, {file.with_suffix('.json')}")
