"""`dlengine warmup`: compile the kernels now, so that no training waits for it later."""

from __future__ import annotations

import os

import click


@click.command()
@click.option("--backend", type=click.Choice(["numba", "cuda"]), default="numba", show_default=True, help="Whose kernels.")
@click.option(
    "--dtype", "dtypes", multiple=True, type=click.Choice(["float32", "float64", "float16"]), help="May repeat. Default: float32."
)
def warmup(backend: str, dtypes: tuple[str, ...]) -> None:
    """Compile the kernels of a backend and keep them on disk, for this and all later processes."""
    from time import perf_counter

    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from dlengine.backend import use_backend
    from dlengine.kernels.cache import cache_root
    from dlengine.testing import warm

    with use_backend(backend):  # says what is missing, if it is
        pass
    if backend == "numba" and "float16" in dtypes:
        raise click.UsageError("--dtype float16 is for --backend cuda")
    console, start = Console(), perf_counter()
    columns = (TextColumn("{task.description:36}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("")
        compile_all = warm.warm if backend == "numba" else warm.warm_cuda
        compile_all(
            dtypes or ("float32",),
            lambda what, done, total: bar.update(task, description=what, completed=done, total=total),
        )
    seconds = perf_counter() - start
    kept = cache_root() if backend == "numba" else os.environ.get("CUPY_CACHE_DIR", "~/.cupy/kernel_cache")
    console.print(f"kernels compiled in {seconds:.0f} s and kept in {kept}", soft_wrap=True, highlight=False)
