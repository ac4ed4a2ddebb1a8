"""`dlengine warmup`: compile the kernels now, so that no training waits for it later."""

from __future__ import annotations

import os

import click

from .bar import progress_bar


@click.command(short_help="Compile all kernels now, for this and later processes.")
@click.option("--backend", type=click.Choice(["numba", "cuda"]), default="numba", show_default=True, help="Whose kernels.")
@click.option(
    "--dtype", "dtypes", multiple=True, type=click.Choice(["float32", "float64", "float16"]), help="May repeat. Default: float32."
)
def warmup(backend: str, dtypes: tuple[str, ...]) -> None:
    """Compile the kernels of a backend and keep them on disk, for this and all later processes."""
    from time import perf_counter

    from dlengine.backend import use_backend
    from dlengine.kernels.cache import cache_root
    from dlengine.kernels.compiling import compilations
    from dlengine.testing import warm

    with use_backend(backend):  # says what is missing, if it is
        pass
    if backend == "numba" and "float16" in dtypes:
        raise click.UsageError("--dtype float16 is for --backend cuda")
    before, start = compilations.kernels, perf_counter()
    with progress_bar() as progress:
        compile_all = warm.warm if backend == "numba" else warm.warm_cuda
        compile_all(dtypes or ("float32",), progress)
    seconds, kernels = perf_counter() - start, compilations.kernels - before
    kept = cache_root() if backend == "numba" else os.environ.get("CUPY_CACHE_DIR", "~/.cupy/kernel_cache")
    if kernels:
        click.echo(f"{kernels} kernels compiled in {seconds:.0f} s and kept in {kept}")
    else:
        click.echo(f"all kernels were compiled already and are kept in {kept}")
