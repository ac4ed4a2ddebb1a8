"""`dlengine bench`: time dlengine, alone or beside PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from .bar import progress_bar

if TYPE_CHECKING:
    from rich.console import Console

    from dlengine.benchmarks.curves import Curve
    from dlengine.benchmarks.results import Result
    from dlengine.benchmarks.run import Progress, Settings
    from dlengine.benchmarks.workloads import Workload

FILE = click.Path(path_type=Path, dir_okay=False)
T = TypeVar("T")


@click.command(short_help="Time ops and training steps, alone or beside PyTorch.")
@click.option("--backend", type=click.Choice(["auto", "numpy", "numba", "cuda"]), default="auto", help="The backend of dlengine.")
@click.option(
    "--against", type=click.Choice(["torch", "torch.compile", "jax", "onnxruntime", "captured"]),
    help="Also time this library (captured: dlengine with captured steps), in turns, and print the ratios.",
)  # fmt: skip
@click.option("--captured", is_flag=True, help="Capture dlengine's steps and inference; other workloads are left out.")
@click.option(
    "--filter", "patterns", multiple=True, metavar="PATTERN",
    help="Only workloads whose name contains PATTERN or matches it as a glob; may be repeated.",
)  # fmt: skip
@click.option("--repeat", type=click.IntRange(1), default=4, show_default=True, help="Number of turns for each library.")
@click.option(
    "--heap", type=click.Choice(["default", "warm", "both"]), default="both", show_default=True,
    help="default: malloc's own settings; warm: malloc keeps freed memory. The same for both libraries.",
)  # fmt: skip
@click.option(
    "--precision", type=click.Choice(["highest", "high", "medium"]), default="highest", show_default=True,
    help="On cuda: compute float32 products in float32, TF32 or bfloat16. The same for both libraries.",
)  # fmt: skip
@click.option("--threads", type=click.IntRange(1), help="Number of threads of each library; all cores if not given.")
@click.option(
    "--ops", is_flag=True,
    help="Time every op of the op table at 16, 1,000 and 131,072 elements instead of the table. Names: relu@16, relu-fwd@16; "
    "common@16: the thirty commonest ops.",
)  # fmt: skip
@click.option("--scaling", is_flag=True, help="Time curves over batch size, layer sizes and threads instead of the table.")
@click.option("--profile", is_flag=True, help="Show the time that each op takes in dlengine instead of the table.")
@click.option("--list", "list_only", is_flag=True, help="List what would be timed, without timing it.")
@click.option(
    "--compare", "old_file", type=FILE,
    help="Compare with an older JSON result; gains within the spread of the turns are in brackets.",
)  # fmt: skip
@click.option("--json", "json_file", type=FILE, help="Write the result as JSON.")
@click.option("--html", "html_file", type=FILE, help="Write the result as an HTML page with pictures.")
@click.option("--picture", "picture_file", type=FILE, help="Write a picture of the ratios, curves or profile (PNG).")
@click.option("--roofline", "roofline_file", type=FILE, help="On cuda: write the roofline picture (PNG).")
@click.pass_context
def bench(context: click.Context, /, **given: Any) -> None:
    """Time ops and training steps, alone or in turns with PyTorch, each library in its own process.

    \b
    The whole table, with the files to keep:
      dlengine bench --against torch --json new.json --html new.html
    Some workloads, compared with an older result:
      dlengine bench --against torch --filter conv --compare old.json
    Every op at 131,072 elements:
      dlengine bench --ops --against torch --filter @131072
    """
    from rich.console import Console

    from dlengine.benchmarks import curves, peers, results, run
    from dlengine.benchmarks.workloads import select

    options = Options(**given)
    options.check()
    if options.list_only and options.ops:
        print_ops(options.patterns)
        return
    if options.list_only:
        print_curves(curves.select(options.patterns)) if options.scaling else print_list(select(options.patterns, options.device))
        return
    console = Console()
    for file in (options.json_file, options.html_file, options.picture_file, options.roofline_file):
        if file is not None:
            results.check_writable(file)
    old = results.Result.load(options.old_file) if options.old_file is not None else None
    settings = run.Settings(
        options.backend, None, options.repeat, options.heap, options.threads or 0, options.precision, options.captured
    )
    if options.against:
        missing = peers.missing_peer(options.against)
        settings.against = None if missing else options.against
        if missing:
            console.print(f"[yellow]{missing}[/yellow]")
    if options.profile:
        print_profile(settings, select(options.patterns, options.device), console, options.picture_file)
    elif options.ops:
        if not time_ops(options, settings, console):
            context.exit(1)
    elif not (time_curves(options, settings, console) if options.scaling else time_table(options, settings, console, old)):
        context.exit(1)


@dataclass
class Options:
    """The options of `dlengine bench`."""

    backend: str
    against: str | None
    captured: bool
    patterns: tuple[str, ...]
    repeat: int
    heap: str
    precision: str
    threads: int | None
    ops: bool
    scaling: bool
    profile: bool
    list_only: bool
    old_file: Path | None
    json_file: Path | None
    html_file: Path | None
    picture_file: Path | None
    roofline_file: Path | None

    @property
    def device(self) -> str:
        """The device: cuda or cpu."""
        return "cuda" if self.backend == "cuda" else "cpu"

    def check(self) -> None:
        """Raise UsageError for options that do not go together."""
        if self.scaling + self.profile + self.ops > 1:
            raise click.UsageError("--scaling, --profile and --ops cannot be combined")
        if self.scaling and self.against in ("jax", "onnxruntime", "captured"):
            raise click.UsageError("--scaling goes with --against torch or torch.compile: others lack some of its workloads")
        if self.captured and (self.scaling or self.profile or self.ops or self.against == "captured"):
            raise click.UsageError("--captured goes with the table of workloads, against another library")
        if self.ops and self.against not in (None, "torch"):
            raise click.UsageError("--ops goes with --against torch alone: other libraries have no functions for the table")
        if self.ops and (self.old_file or self.roofline_file):
            raise click.UsageError("--ops goes with --json, --html and --picture, not with --compare or --roofline")
        if self.scaling and (self.html_file or self.old_file or self.roofline_file):
            raise click.UsageError("--scaling goes with --json and --picture, not with --html, --compare or --roofline")
        if self.profile and (self.against or self.json_file or self.html_file or self.old_file or self.roofline_file):
            raise click.UsageError("--profile goes with --filter, --backend, --heap and --picture only")
        if self.device != "cuda" and (self.precision != "highest" or self.roofline_file):
            raise click.UsageError("--precision and --roofline go with --backend cuda: a CPU has one precision and no ceilings")


def time_curves(options: Options, settings: Settings, console: Console) -> bool:
    """Time the curves, write the files that were asked for, print; returns whether everything could be timed."""
    from dlengine.benchmarks import curves
    from dlengine.io import write_atomically

    chosen = curves.select(options.patterns)
    scaling = with_progress(lambda progress: curves.run(settings, chosen, progress), "points")
    if options.json_file is not None:
        scaling.save(options.json_file)
    if options.picture_file is not None:
        write_atomically(options.picture_file, curves.picture(scaling))
    console.print(curves.table(scaling))
    for line in curves.summary(scaling):
        console.print(line, style="bold", markup=False, highlight=False)
    return not any(measured.error for measured in scaling.curves)


def time_ops(options: Options, settings: Settings, console: Console) -> bool:
    """Time the ops of the op table, write the files that were asked for, print; returns whether all could be timed."""
    from dlengine.benchmarks import op_report, op_rows, op_run
    from dlengine.io import write_atomically

    rows = op_rows.select_ops(options.patterns)
    result = with_progress(lambda progress: op_run.run_ops(settings, rows, progress), "ops")
    if options.json_file is not None:
        result.save_compact(options.json_file)
    if options.html_file is not None:
        op_report.page(result).write(options.html_file)
    if options.picture_file is not None:
        write_atomically(options.picture_file, op_report.picture(result))
    console.print(op_report.table(result))
    for line in op_report.notes(result):
        console.print(line, style="dim", markup=False, highlight=False)
    for line in op_report.summary(result):
        console.print(line, style="bold", markup=False, highlight=False)
    return not any(row.error for row in result.rows)


def time_table(options: Options, settings: Settings, console: Console, old: Result | None) -> bool:
    """Time the table, write the files that were asked for, compare, print; returns whether everything could be timed."""
    from dlengine.benchmarks import compare, pictures, report, run
    from dlengine.benchmarks.workloads import select
    from dlengine.io import write_atomically

    workloads = select(options.patterns, options.device)
    if options.captured:
        workloads = [workload for workload in workloads if workload.kind in ("step", "inference")]

    def keep(result: Result) -> None:
        """Save what is there: a run that is ended leaves it."""
        if options.json_file is not None:
            result.save(options.json_file)

    result = with_progress(lambda progress: run.run(settings, workloads, progress, keep), "turns")
    keep(result)  # before the comparison, which fails if the older result is of another machine or backend
    changes = compare.compare(result, old) if old is not None else None
    if options.html_file is not None:
        report.page(result, changes).write(options.html_file)
    if options.picture_file is not None:
        write_atomically(options.picture_file, pictures.ratios(result))
    if options.roofline_file is not None:
        write_atomically(options.roofline_file, pictures.roofline(result))
    console.print(report.table(result, changes))
    for line in (*report.notes(result.rows), *(f"{key}: {text}" for key, text in report.facts(result).items())):
        console.print(line, style="dim", markup=False, highlight=False)
    for line in (*report.summary(result), *([compare.headline(changes)] if changes is not None else [])):
        console.print(line, style="bold", markup=False, highlight=False)
    return not any(row.error for row in result.rows)


def print_list(workloads: list[Workload]) -> None:
    from dlengine.benchmarks.workloads import KINDS

    width = max(len(workload.name) for workload in workloads)
    for workload in workloads:
        click.echo(f"{workload.name:{width}}  {workload.kind:8}  {workload.shape}".rstrip())
    click.echo()
    for kind in dict.fromkeys(workload.kind for workload in workloads):
        click.echo(f"{kind}: {KINDS[kind]}")


def print_ops(patterns: tuple[str, ...]) -> None:
    from dlengine.benchmarks.op_rows import select_ops

    for row in select_ops(patterns):
        click.echo(row.name)


def print_curves(curves: list[Curve]) -> None:
    for curve in curves:
        values = ", ".join(str(value) for value in curve.values)
        click.echo(f"{curve.name:22} {curve.workload:12} {curve.axis} = {values}")


def with_progress(task: Callable[[Progress], T], unit: str) -> T:
    """Call a function with the progress function of a bar."""
    with progress_bar(unit, time_left=True) as progress:
        return task(progress)


def print_profile(settings: Settings, workloads: list[Workload], console: Console, picture_file: Path | None) -> None:
    """Profile in a worker process, with the same environment as when timing."""
    from dlengine.benchmarks import profile
    from dlengine.benchmarks.process import WorkerProcess, environment
    from dlengine.benchmarks.run import HEAPS
    from dlengine.io import write_atomically

    profiles = {}
    env = environment(settings.backend, settings.threads, HEAPS[settings.heap][0], settings.precision)
    with WorkerProcess("dlengine", env) as worker:
        for workload in workloads:
            if workload.definition is None:
                continue
            with console.status(workload.name):
                profiles[workload.name] = worker.ask("profile", workload=workload.name)["shares"]
            console.print(profile.table(workload.name, profiles[workload.name]))
    if picture_file is not None:
        write_atomically(picture_file, profile.picture(profiles, f"dlengine {settings.backend}, {settings.threads} threads"))
