"""`dlengine export`: write the network of a run or a bundle as an ONNX model."""

from __future__ import annotations

from pathlib import Path

import click

from .options import data_option


@click.command(short_help="Write a trained network as an ONNX model.")
@click.argument("model", metavar="RUN|BUNDLE", type=click.Path(path_type=Path))
@click.argument("file", type=click.Path(path_type=Path), metavar="MODEL.onnx")
@click.option("--part", metavar="NAME", help="Which network, where the recipe has several.")
@click.option("--opset", default=18, show_default=True, help="The version of ONNX's operators, 18 to 23.")
@data_option
def export(model: Path, file: Path, part: str | None, opset: int) -> None:
    """Write a network of a run folder, or of a bundle of `dlengine fit`, as an ONNX model.

    A JSON file beside it says how to call it.
    """
    if model.is_file() or (model / "bundle.safetensors").is_file():
        from dlengine.fitting import load

        if part is not None:
            raise click.UsageError("a bundle has one network: leave out --part")
        beside = load(model).export(file, opset)
        click.echo(f"model: {file}, {beside}")
        return
    from dlengine.recipes import export as export_run

    name = export_run(model, file, part, opset)
    click.echo(f"{name}: {file}, {file.with_suffix('.json')}")
