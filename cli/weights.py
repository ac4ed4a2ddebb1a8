"""`dlengine weights`: list the tensors of a file."""

from __future__ import annotations

from math import prod
from pathlib import Path

import click


@click.command(short_help="List the tensors of a weight file.")
@click.argument("file", type=click.Path(path_type=Path))
def weights(file: Path) -> None:
    """List name, shape and dtype of the tensors in FILE: safetensors, .npz, .pt, .pth, or a folder or index of several."""
    from dlengine.io import list_weights

    found = list_weights(file)
    widest = max((len(info.name) for info in found), default=0)
    for info in found:
        click.echo(f"{info.name:{widest}}  {info.dtype:8}  {' x '.join(map(str, info.shape)) or 'scalar'}")
    click.echo(f"{len(found)} tensors, {sum(prod(info.shape) for info in found):,} values")
