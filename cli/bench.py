"""`dlengine bench`: how fast, and beside PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from .bar import progress_bar

if TYPE_CHECKING:
    from rich.console import Console

    from dlengine.benchmarks.curves import Curve
    from dlengine.benchmarks.run import Progress, Settings
    from dlengine.benchmarks.workloads import Workload

FILE = click.Path(path_type=Path, dir_okay=False)
T = TypeVar("T")


@click.command(short_help="Time ops and training steps, alone or beside PyTorch.")
@click.option("--backend", type=click.Choice(["auto", "numpy", "numba", "cuda"]), default="auto", help="What dlengine runs on.")
@click.option("--against", type=click.Choice(["torch"]), help="Time this library too, in turns, and print the ratios.")
@click.option("--filter", "patterns", multiple=True, metavar="PATTERN", help="Only what has it in its name or matches it.")
@click.option("--repeat", type=click.IntRange(1), default=4, show_default=True, help="Turns of each side.")
@click.option(
    "--heap", type=click.Choice(["default", "warm", "both"]), default="both", show_default=True,
    help="malloc as it comes, or one that keeps freed memory; for both sides alike.",
)  # fmt: skip
@click.option(
    "--precision", type=click.Choice(["highest", "high", "medium"]), default="highest", show_default=True,
    help="On cuda, float32 products as float32, in TF32 or in bfloat16; for both sides alike.",
)  # fmt: skip
@click.option("--scaling", is_flag=True, help="Time curves over batch, sizes and threads instead of the table.")
@click.option("--profile", is_flag=True, help="Show where dlengine's time goes instead, op by op.")
@click.option("--list", "list_only", is_flag=True, help="List what would be timed and stop.")
@click.option(
    "--compare", "old_file", type=FILE, help="Show the gain since an older JSON result, (in brackets) within the spread."
)
@click.option("--json", "json_file", type=FILE, help="Write the result as JSON.")
@click.option("--html", "html_file", type=FILE, help="Write the result as a page with its pictures.")
@click.option("--picture", "picture_file", type=FILE, help="Write the picture: ratios, curves or profile (PNG).")
@click.option("--roofline", "roofline_file", type=FILE, help="On cuda, write the picture of rates below the ceilings (PNG).")
@click.pass_context
def bench(
    context: click.Context, backend: str, against: str | None, patterns: tuple[str, ...], repeat: int, heap: str, precision: str,
    scaling: bool, profile: bool, list_only: bool, old_file: Path | None, json_file: Path | None, html_file: Path | None,
    picture_file: Path | None, roofline_file: Path | None,
) -> None:  # fmt: skip
    """Time ops and training steps, alone or in turns with PyTorch, each side in a process of its own.

    \b
    The whole table, with everything worth keeping:
      dlengine bench --against torch --json new.json --html new.html
    One op, and what has changed:
      dlengine bench --against torch --filter conv --compare old.json
    """
    from rich.console import Console

    from dlengine.benchmarks import compare, curves, pictures, report, results, run
    from dlengine.benchmarks.workloads import select

    device = "cuda" if backend == "cuda" else "cpu"
    if scaling and profile:
        raise click.UsageError("--scaling and --profile are two things: ask for one")
    if scaling and (html_file or old_file or roofline_file):
        raise click.UsageError("--scaling goes with --json and --picture, not with --html, --compare or --roofline")
    if profile and (against or json_file or html_file or old_file or roofline_file):
        raise click.UsageError("--profile goes with --filter, --backend, --heap and --picture only")
    if device != "cuda" and (precision != "highest" or roofline_file):
        raise click.UsageError("--precision and --roofline go with --backend cuda: a CPU has one precision and no ceilings")
    if list_only:
        print_curves(curves.select(patterns)) if scaling else print_list(select(patterns, device))
        return
    console = Console()
    for file in (json_file, html_file, picture_file, roofline_file):
        if file is not None:
            results.check_writable(file)
    old = results.Result.load(old_file) if old_file is not None else None
    chosen_curves = curves.select(patterns) if scaling else []
    workloads = [] if scaling else select(patterns, device)
    settings = run.Settings(backend, None, repeat, heap, precision=precision)
    if against:
        missing = run.missing_peer(against)
        settings.against = None if missing else against
        if missing:
            console.print(f"[yellow]{missing}[/yellow]")
    if profile:
        print_profile(settings, workloads, console, picture_file)
        return
    if scaling:
        drawn = shown(lambda tell: curves.run(settings, chosen_curves, tell), "points")
        if json_file is not None:
            drawn.save(json_file)
        if picture_file is not None:
            results.write_whole(picture_file, curves.picture(drawn))
        console.print(curves.table(drawn))
        for line in curves.summary(drawn):
            console.print(line, style="bold", markup=False, highlight=False)
        if any(measured.error for measured in drawn.curves):
            context.exit(1)
        return
    result = shown(lambda tell: run.run(settings, workloads, tell), "turns")
    # The result first: what cannot be compared with it after all has then not cost it.
    if json_file is not None:
        result.save(json_file)
    changes = compare.compare(result, old) if old is not None else None
    if html_file is not None:
        results.write_whole(html_file, report.html(result, changes))
    if picture_file is not None:
        results.write_whole(picture_file, pictures.ratios(result))
    if roofline_file is not None:
        results.write_whole(roofline_file, pictures.roofline(result))
    console.print(report.table(result, changes))
    for line in (*report.notes(result.rows), *(f"{key}: {text}" for key, text in report.facts(result).items())):
        console.print(line, style="dim", markup=False, highlight=False)
    for line in (*report.summary(result), *([compare.headline(changes)] if changes is not None else [])):
        console.print(line, style="bold", markup=False, highlight=False)
    if any(row.error for row in result.rows):
        context.exit(1)


def print_list(workloads: list[Workload]) -> None:
    from dlengine.benchmarks.workloads import KINDS

    width = max(len(workload.name) for workload in workloads)
    for workload in workloads:
        click.echo(f"{workload.name:{width}}  {workload.kind:8}  {workload.shape}".rstrip())
    click.echo()
    for kind in dict.fromkeys(workload.kind for workload in workloads):
        click.echo(f"{kind}: {KINDS[kind]}")


def print_curves(curves: list[Curve]) -> None:
    for curve in curves:
        values = ", ".join(str(value) for value in curve.values)
        click.echo(f"{curve.name:22} {curve.workload:12} {curve.axis} = {values}")


def shown(work: Callable[[Progress], T], unit: str) -> T:
    """Work under a progress bar."""
    with progress_bar(unit, time_left=True) as progress:
        return work(progress)


def print_profile(settings: Settings, workloads: list[Workload], console: Console, picture_file: Path | None) -> None:
    """Profile in a worker, so that the settings are those of the timing."""
    from dlengine.benchmarks import profile, results
    from dlengine.benchmarks.process import WorkerProcess, environment
    from dlengine.benchmarks.run import HEAPS

    profiles = {}
    env = environment(settings.backend, settings.threads, HEAPS[settings.heap][0], settings.precision)
    with WorkerProcess("dlengine", env) as worker:
        for workload in workloads:
            if workload.body is None:
                continue
            with console.status(workload.name):
                profiles[workload.name] = worker.ask("profile", workload=workload.name)["shares"]
            console.print(profile.table(workload.name, profiles[workload.name]))
    if picture_file is not None:
        results.write_whole(picture_file, profile.picture(profiles, f"dlengine {settings.backend}, {settings.threads} threads"))
