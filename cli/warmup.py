"""`dlengine warmup`: compile the kernels now, so that no training waits for it later."""

from __future__ import annotations

import click


@click.command()
@click.option("--dtype", "dtypes", multiple=True, type=click.Choice(["float32", "float64"]), help="May repeat. Default: float32.")
def warmup(dtypes: tuple[str, ...]) -> None:
    """Compile the kernels of the numba backend and keep them on disk, for this and all later processes."""
    from time import perf_counter

    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from dlengine.backend import use_backend
    from dlengine.kernels.cache import cache_root
    from dlengine.testing.warm import warm

    with use_backend("numba"):  # says what is missing, if it is
        pass
    console, start = Console(), perf_counter()
    columns = (TextColumn("{task.description:36}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("")
        warm(
            dtypes or ("float32",),
            lambda what, done, total: bar.update(task, description=what, completed=done, total=total),
        )
    seconds = perf_counter() - start
    console.print(f"kernels compiled in {seconds:.0f} s and kept in {cache_root()}", soft_wrap=True, highlight=False)
