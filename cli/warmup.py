"""`dlengine warmup`: compile the kernels before they are needed."""

from __future__ import annotations

import os

import click

from .bar import progress_bar


@click.command(short_help="Compile all kernels and keep them on disk.")
@click.option(
    "--backend", type=click.Choice(["numba", "cuda"]), default="numba", show_default=True,
    help="The backend whose kernels are compiled.",
)
@click.option(
    "--dtype", "dtypes", multiple=True, type=click.Choice(["float32", "float64", "float16"]),
    help="The dtype of the kernels; may be repeated. [default: float32]",
)  # fmt: skip
def warmup(backend: str, dtypes: tuple[str, ...]) -> None:
    """Compile the kernels of a backend and keep them on disk for later processes."""
    from time import perf_counter

    from dlengine.backend import use_backend
    from dlengine.kernels.cache import cache_root
    from dlengine.kernels.compiling import compilations
    from dlengine.testing import warmup as compiling

    with use_backend(backend):  # raises BackendUnavailable if it cannot run
        pass
    if backend == "numba" and "float16" in dtypes:
        raise click.UsageError("--dtype float16 is for --backend cuda")
    before, start = compilations.kernels, perf_counter()
    with progress_bar() as progress:
        compile_all = compiling.compile_cpu_kernels if backend == "numba" else compiling.compile_cuda_kernels
        compile_all(dtypes or ("float32",), progress)
    seconds, kernels = perf_counter() - start, compilations.kernels - before
    kept = cache_root() if backend == "numba" else os.environ.get("CUPY_CACHE_DIR", "~/.cupy/kernel_cache")
    if kernels:
        click.echo(f"{kernels} kernels compiled in {seconds:.0f} s and kept in {kept}")
    else:
        click.echo(f"all kernels were compiled already and are kept in {kept}")
