"""`dlengine warmup`: compile the kernels before they are needed."""

from __future__ import annotations

import os
from pathlib import Path

import click

from .bar import progress_bar


@click.command(short_help="Compile all kernels and keep them on disk.")
@click.option(
    "--backend", type=click.Choice(["numba", "cuda"]), default="numba", show_default=True,
    help="The backend whose kernels are compiled.",
)
@click.option(
    "--dtype", "dtypes", multiple=True, type=click.Choice(["float32", "float64", "float16", "bfloat16"]),
    help="The dtype of the kernels; may be repeated. [default: float32; with --to all]",
)  # fmt: skip
@click.option(
    "--to", "folder", type=click.Path(file_okay=False, path_type=Path),
    help="Compile the CUDA kernels without a card, into this folder: where DLENGINE_CUBINS names it, they are loaded.",
)  # fmt: skip
@click.option("--arch", type=click.IntRange(75), help="With --to: the card's architecture, such as 90.")
@click.option("--jobs", "-j", type=click.IntRange(1), help="With --to: processes that compile. [default: one a processor]")
def warmup(backend: str, dtypes: tuple[str, ...], folder: Path | None, arch: int | None, jobs: int | None) -> None:
    """Compile the kernels of a backend and keep them on disk for later processes.

    With --arch and --to a machine without a GPU compiles the CUDA kernels for one that has such a card.
    """
    if (folder is None) != (arch is None):
        raise click.UsageError("--arch and --to belong together: dlengine warmup --arch 90 --to FOLDER")
    if folder is not None and arch is not None:
        _ahead(folder, arch, dtypes, jobs or os.cpu_count() or 1)
        return
    from time import perf_counter

    from dlengine.backend import use_backend
    from dlengine.kernels.cache import cache_root
    from dlengine.kernels.compiling import compilations
    from dlengine.testing import warmup as compiling

    with use_backend(backend):  # raises BackendUnavailable if it cannot run
        pass
    if backend == "numba" and (halves := [d for d in dtypes if d.endswith("16")]):
        raise click.UsageError(f"--dtype {halves[0]} is for --backend cuda")
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


def _ahead(folder: Path, arch: int, dtypes: tuple[str, ...], jobs: int) -> None:
    """Fill a folder with machine code for a card that is not here."""
    from time import perf_counter

    from dlengine.kernels.cuda.machine import compile_check, cubins, launch
    from dlengine.testing.warmup import compile_cubins, cuda_texts

    if arch not in launch.ARCHITECTURES:
        raise click.UsageError(f"--arch {arch}: the kernels are built for {', '.join(map(str, launch.ARCHITECTURES))}")
    if reason := compile_check.available():
        raise click.ClickException(reason)
    start = perf_counter()
    with progress_bar() as progress:
        texts = cuda_texts(arch, dtypes)
        made, failed = compile_cubins(folder, arch, texts, jobs, progress)
    if not dtypes:
        cubins.keep_only(folder, arch, [cubins.key_of(*text, arch) for text in texts])
    size = sum(file.stat().st_size for file in (folder / f"sm_{arch}").glob("*.cubin")) / 2**20
    click.echo(
        f"{made} of {len(texts)} files compiled for sm_{arch} in {perf_counter() - start:.0f} s, {size:.1f} MiB in {folder}; "
        f"on the card: DLENGINE_CUBINS={folder}"
    )
    for name, words in failed.items():
        click.echo(f"{name}: {words}", err=True)
    if failed:
        raise SystemExit(1)
