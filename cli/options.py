"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click


def backend_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --backend and --emulate."""
    text = "With --backend cuda: run the CUDA kernels in an emulator on the CPU."
    command = click.option("--emulate", is_flag=True, help=text)(command)
    return click.option(
        "--backend",
        metavar="NAME",
        help="numpy, numba, cuda or auto (numba if installed, else numpy). [default: $DLENGINE_BACKEND, else auto]",
    )(command)


def data_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --data-dir, which sets the data folder while the command runs."""
    return click.option(
        "--data-dir",
        type=click.Path(path_type=Path, exists=True, file_okay=False),
        expose_value=False,
        callback=_set_folder,
        help="The folder that holds the data sets. [default: $DLENGINE_DATA, else the cache folder]",
    )(command)


def _set_folder(context: click.Context, parameter: click.Parameter, folder: Path | None) -> None:
    if folder is not None:
        from dlengine.data import set_data_dir

        set_data_dir(folder)
        context.call_on_close(lambda: set_data_dir(None))


@contextmanager
def on_backend(name: str | None, emulate: bool) -> Iterator[str]:
    """Use the backend of the options during a block, which gets its name."""
    from dlengine.backend import get_backend, use_backend

    if name is None and not emulate:
        yield get_backend()
        return
    with use_backend(name or "auto", emulate=emulate):
        yield get_backend()


def pairs(settings: tuple[str, ...]) -> dict[str, str]:
    """Convert key=value arguments to a dict. Raises UsageError."""
    found = {}
    for text in settings:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise click.UsageError(f"--set expects key=value, got {text!r}")
        found[key.strip()] = value.strip()
    return found
