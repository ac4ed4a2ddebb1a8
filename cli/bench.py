"""`dlengine bench`: how fast, and beside PyTorch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.console import Console

    from dlengine.benchmarks.results import Result
    from dlengine.benchmarks.run import Settings
    from dlengine.benchmarks.workloads import Workload

FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.option("--backend", type=click.Choice(["auto", "numpy", "numba", "cuda"]), default="auto", help="What dlengine runs on.")
@click.option("--against", type=click.Choice(["torch"]), help="Time this library too, in turns, and print the ratios.")
@click.option("--filter", "patterns", multiple=True, metavar="PATTERN", help="Only workloads whose name contains or matches it.")
@click.option("--repeat", type=click.IntRange(1), default=5, show_default=True, help="Turns of each side.")
@click.option("--heap", type=click.Choice(["default", "warm"]), default="default", help="warm: malloc keeps freed memory.")
@click.option("--json", "json_file", type=FILE, help="Write the result as JSON.")
@click.option("--html", "html_file", type=FILE, help="Write the result as a page with a picture.")
@click.option("--picture", "picture_file", type=FILE, help="Write the picture of the ratios (PNG).")
@click.option("--compare", "old_file", type=FILE, help="Show the gain since an older JSON result.")
@click.option("--profile", is_flag=True, help="Show where dlengine's time goes instead, op by op.")
@click.option("--list", "list_only", is_flag=True, help="List the workloads and stop.")
@click.pass_context
def bench(
    context: click.Context, backend: str, against: str | None, patterns: tuple[str, ...], repeat: int, heap: str,
    json_file: Path | None, html_file: Path | None, picture_file: Path | None, old_file: Path | None, profile: bool,
    list_only: bool,
) -> None:  # fmt: skip
    """Time ops and training steps, alone or in turns with PyTorch, each side in a process of its own."""
    from rich.console import Console

    from dlengine.benchmarks import report, results, run
    from dlengine.benchmarks.workloads import select

    workloads = select(patterns)
    if list_only:
        print_list(workloads)
        return
    console = Console()
    for file in (json_file, html_file, picture_file):
        if file is not None:
            results.check_writable(file)
    old = results.Result.load(old_file) if old_file is not None else None
    missing = run.missing_peer(against) if against else None
    if missing:
        console.print(f"[yellow]{missing}[/yellow]")
    settings = run.Settings(backend, None if missing else against, repeat, heap)
    if profile:
        if against or json_file or html_file or old_file:
            raise click.UsageError("--profile goes with --filter, --backend, --heap and --picture only")
        print_profile(settings, workloads, console, picture_file)
        return
    result = timed(settings, workloads)
    changes = results.compare(result, old) if old is not None else None
    if json_file is not None:
        result.save(json_file)
    if html_file is not None:
        results.write_whole(html_file, report.html(result, changes))
    if picture_file is not None:
        results.write_whole(picture_file, report.picture(result))
    console.print(report.table(result, changes))
    for line in (*report.notes(result.rows), *(f"{key}: {text}" for key, text in report.facts(result).items())):
        console.print(line, style="dim", markup=False, highlight=False)
    console.print(report.summary(result), style="bold", markup=False)
    if any(row.error for row in result.rows):
        context.exit(1)


def print_list(workloads: list[Workload]) -> None:
    from dlengine.benchmarks.workloads import KINDS

    width = max(len(workload.name) for workload in workloads)
    for workload in workloads:
        click.echo(f"{workload.name:{width}}  {workload.kind:7}  {workload.shape}".rstrip())
    for kind, meaning in KINDS.items():
        click.echo(f"{kind}: {meaning}")


def timed(settings: Settings, workloads: list[Workload]) -> Result:
    """Run under a progress bar, which goes to stderr so that the table can be piped."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from dlengine.benchmarks.run import run

    columns = (TextColumn("{task.description:18}"), BarColumn(), MofNCompleteColumn(), TextColumn("turns"), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("")
        return run(settings, workloads, lambda what, done, total: bar.update(task, description=what, completed=done, total=total))


def print_profile(settings: Settings, workloads: list[Workload], console: Console, picture_file: Path | None) -> None:
    """Profile in a worker, so that the settings are those of the timing."""
    from dlengine.benchmarks import profile, results
    from dlengine.benchmarks.process import WorkerProcess, environment

    profiles = {}
    with WorkerProcess("dlengine", environment(settings.backend, settings.threads, settings.heap)) as worker:
        for workload in workloads:
            if workload.body is None:
                continue
            with console.status(workload.name):
                profiles[workload.name] = worker.ask("profile", workload=workload.name)["shares"]
            console.print(profile.table(workload.name, profiles[workload.name]))
    if picture_file is not None:
        results.write_whole(picture_file, profile.picture(profiles, f"dlengine {settings.backend}, {settings.threads} threads"))
