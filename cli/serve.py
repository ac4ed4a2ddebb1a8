"""`dlengine serve`: an HTTP service for a bundle."""

from __future__ import annotations

from pathlib import Path

import click

from .options import backend_options, on_backend


@click.command(short_help="Serve a model by HTTP, with a page to try it.")
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--host", default="127.0.0.1", show_default=True, help="The address; 0.0.0.0 is reached from other machines too.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="The port; 0 is a free one.")
@click.option("--threads", type=click.IntRange(1, 256), default=8, show_default=True, help="Requests read at the same time.")
@click.option("--max-mb", type=click.IntRange(1, 4096), default=16, show_default=True, help="Megabytes of the largest request.")
@click.option("--timeout", type=click.FloatRange(0.1, 3600), default=30.0, show_default=True, help="Seconds for a request.")
@backend_options
def serve(
    model: Path, host: str, port: int, threads: int, max_mb: int, timeout: float, backend: str | None, emulate: bool
) -> None:
    """Serve the model that `dlengine fit` wrote: POST /predict takes JSON or files, / is a page to try it."""
    from dlengine.fitting import load
    from dlengine.serving import Settings
    from dlengine.serving import serve as serve_bundle

    settings = Settings(host, port, threads, most_bytes=max_mb * 2**20, seconds=timeout)
    with on_backend(backend, emulate):
        serve_bundle(load(model), settings, ready=lambda address: click.echo(f"serving {model} at {address} (Ctrl-C ends it)"))
