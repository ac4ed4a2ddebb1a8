"""`dlengine parity`: check every op on every backend against an independent reference."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .bar import progress_bar

if TYPE_CHECKING:
    from rich.console import Console


def _target(context: click.Context, parameter: click.Parameter, value: Path | None) -> Path | None:
    """Check before the computation that the folder of an output file exists."""
    if value is not None and not value.absolute().parent.is_dir():
        raise click.BadParameter(f"folder {value.absolute().parent} does not exist", context, parameter)
    return value


_FILE = click.Path(dir_okay=False, writable=True, path_type=Path)


@click.command(short_help="Check values and gradients of every op on every backend.")
@click.option("--backend", "backends", multiple=True, help="numpy, numba or cuda; may repeat. Default: numpy and numba.")
@click.option("--emulate", is_flag=True, help="Run the cuda kernels on the CPU.")
@click.option(
    "--checked", is_flag=True,
    help="With --emulate: check memory accesses for races and bounds, and barriers for divergence.",
)
@click.option("--op", "pattern", default="*", help="Names or glob patterns of ops, separated by commas: 'conv*', 'softmax,lstm'.")
@click.option("--dtype", "dtypes", multiple=True, help="Only this dtype of each op; may repeat.")
@click.option(
    "--jobs", "-j", type=click.IntRange(0), default=0,
    help="Number of worker processes; a worker that crashes counts as one failed cell.",
)
@click.option("--limit", type=click.FloatRange(min=0, min_open=True), help="Seconds that one cell may take, with --jobs.")
@click.option(
    "--jsonl", "lines_file", type=_FILE, callback=_target,
    help="Write a line of JSON for each cell as soon as it is computed.",
)
@click.option("--json", "json_file", type=_FILE, callback=_target, help="Write all cells as one JSON file.")
@click.option(
    "--html", "html_file", type=_FILE, callback=_target,
    help="Write an HTML page with all cells and a histogram of the errors.",
)
@click.option("--mutations", is_flag=True, help="Change each op and kernel in turn, and list the changes that no check notices.")
@click.option("-v", "--verbose", is_flag=True, help="Print one line per cell instead of one per op.")
@click.pass_context
def parity(context: click.Context, /, **given: Any) -> None:
    """Check every op against an independent reference and central differences, and compare the backends.

    First each op is computed in float64 on numpy: its values are compared with the reference, its first and second
    derivatives with central differences. Then values and gradients on each backend, in each dtype, are compared with that.

    A cell is one op on one backend in one dtype. Errors are given in units in the last place (ulp) or as a part of the op's
    bound. A declared kernel that is not launched is a failure; a star marks ops whose kernels fell back to the reference.
    The exit status is 1 if any cell fails.
    """
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from dlengine.testing import Cell, report
    from dlengine.testing import parity as compare

    options = Options(**given)
    options.check()
    console = Console()
    if options.mutations:
        context.exit(_mutations(console, options.pattern, options.jobs or 2, options.verbose))
    with ExitStack() as stack:
        progress = stack.enter_context(progress_bar())
        file = options.lines_file
        lines = stack.enter_context(file.open("w", encoding="utf-8")) if file is not None else None

        def write(entry: Cell | dict[str, Any]) -> None:
            if lines is not None:
                lines.write(report.json_line(entry))
                lines.flush()

        def show(done: int, total: int, cell: Cell) -> None:
            write(cell)
            progress(f"{cell.op} {cell.backend}", done, total)

        write(report.about())
        cells = compare(
            options.pattern, backends=options.backends or None, dtypes=options.dtypes or None, emulate=options.emulate,
            checked=options.checked, jobs=options.jobs, limit=options.limit, progress=show,
        )  # fmt: skip
    headings, shown = (report.HEADINGS, report.table(cells)) if options.verbose else report.compact(cells)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, caption=None if options.verbose else report.LEGEND, caption_justify="left")
    for name in headings:
        table.add_column(name, no_wrap=name in ("op", "dtype", "backend"), overflow="fold")
    for line in shown:
        table.add_row(*map(escape, line), style="bold red" if "FAIL" in " ".join(line) else None)
    console.print(table)
    for text in report.complaints(cells):
        console.print(f"[bold red]FAIL[/bold red] {escape(text)}", soft_wrap=True)
    for summary in report.summaries(cells):
        color = "green" if summary.passed == summary.cells else "bold red"
        console.print(f"[{color}]{escape(summary.line())}[/{color}]", soft_wrap=not console.is_terminal)
    if options.json_file is not None:
        options.json_file.write_text(report.as_json(cells))
    if options.html_file is not None:
        report.as_page(cells).write(options.html_file)
    for path in (options.lines_file, options.json_file, options.html_file):
        if path is not None:
            console.print(f"wrote {escape(str(path))}", soft_wrap=True)
    sys.stdout.flush()
    context.exit(0 if all(cell.ok for cell in cells) else 1)


@dataclass
class Options:
    """The options of `dlengine parity`."""

    backends: tuple[str, ...]
    emulate: bool
    checked: bool
    pattern: str
    dtypes: tuple[str, ...]
    jobs: int
    limit: float | None
    lines_file: Path | None
    json_file: Path | None
    html_file: Path | None
    mutations: bool
    verbose: bool

    def check(self) -> None:
        """Complete what follows from other options; raise UsageError for options that do not go together."""
        self.emulate = self.emulate or self.checked
        if self.limit is not None and not self.jobs:
            raise click.UsageError("--limit goes with --jobs: a cell of this process cannot be ended")
        if self.emulate and self.backends and "cuda" not in self.backends:
            raise click.UsageError("--emulate and --checked are for --backend cuda")
        if self.emulate:
            self.backends = self.backends or ("cuda",)


def _mutations(console: Console, pattern: str, jobs: int, verbose: bool) -> int:
    """Mutate ops and kernels, print the outcome of each mutant (or of those that survive), and return the exit status."""
    from rich.markup import escape

    from dlengine.testing import mutations

    with progress_bar() as progress:

        def show(done: int, total: int, verdict: mutations.Verdict) -> None:
            progress(f"{verdict.mutant.part} {verdict.mutant.name}", done, total)
            if verbose or verdict.outcome == "survived":
                console.print(escape(verdict.line()), soft_wrap=True, style="bold red" if verdict.outcome == "survived" else None)

        found = mutations.mutations(pattern, processes=jobs, progress=show)
    console.print(escape(mutations.summary(found)), soft_wrap=True)
    return int(any(v.outcome == "survived" for v in found))
