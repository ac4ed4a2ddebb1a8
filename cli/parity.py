"""`dlengine parity`: every op on every backend against the float64 oracle."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .bar import progress_bar

if TYPE_CHECKING:
    from rich.console import Console


def _target(context: click.Context, parameter: click.Parameter, value: Path | None) -> Path | None:
    """A file that can be written when the work is done: said now, not then."""
    if value is not None and not value.absolute().parent.is_dir():
        raise click.BadParameter(f"folder {value.absolute().parent} does not exist", context, parameter)
    return value


_FILE = click.Path(dir_okay=False, writable=True, path_type=Path)


@click.command(short_help="Prove every op on every backend, values and gradients.")
@click.option("--backend", "backends", multiple=True, help="numpy, numba or cuda; may repeat. Default: numpy and numba.")
@click.option("--emulate", is_flag=True, help="Run the cuda kernels on the CPU.")
@click.option("--checked", is_flag=True, help="Let the emulator watch every access: races, bounds, divergent barriers.")
@click.option("--op", "pattern", default="*", help="Ops by name, as in a shell: 'conv*', 'softmax,lstm'.")
@click.option("--dtype", "dtypes", multiple=True, help="Only this dtype of each op; may repeat.")
@click.option("--jobs", "-j", type=click.IntRange(0), default=0, help="So many processes; one that dies is one failed cell.")
@click.option("--jsonl", "lines_file", type=_FILE, callback=_target, help="Write a line of JSON per cell, as they come.")
@click.option("--json", "json_file", type=_FILE, callback=_target, help="Write every cell to this file.")
@click.option("--html", "html_file", type=_FILE, callback=_target, help="Write a page with a picture of the errors.")
@click.option("--mutations", is_flag=True, help="Damage every op and kernel in turn; list what goes unseen.")
@click.option("-v", "--verbose", is_flag=True, help="One line per cell instead of one per op.")
@click.pass_context
def parity(
    context: click.Context, backends: tuple[str, ...], emulate: bool, checked: bool, pattern: str, dtypes: tuple[str, ...],
    jobs: int, lines_file: Path | None, json_file: Path | None, html_file: Path | None, mutations: bool, verbose: bool,
) -> None:  # fmt: skip
    """Prove every op: by an independent reference, by central differences, and by comparing the backends.

    First the op itself in float64 on numpy: its values must be its reference's, its first and second derivatives those of
    central differences. Then values and gradients of each backend, in each dtype, are compared with that.
    An error is given in units in the last place (ulp) or as a part of the op's bound. A kernel that a backend declares but
    that did not launch is a failure; a star marks ops whose kernels fell back to the reference. Exit status 1 if any cell
    fails.
    """
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from dlengine.testing import Cell, report
    from dlengine.testing import parity as compare

    if (emulate or checked) and backends and "cuda" not in backends:
        raise click.UsageError("--emulate and --checked are for --backend cuda")
    if emulate or checked:
        backends = backends or ("cuda",)
    console = Console()
    if mutations:
        context.exit(_mutations(console, pattern, jobs or 2, verbose))
    with ExitStack() as stack:
        progress = stack.enter_context(progress_bar())
        lines = stack.enter_context(lines_file.open("w", encoding="utf-8")) if lines_file is not None else None

        def write(entry: Cell | dict[str, Any]) -> None:
            if lines is not None:
                lines.write(report.json_line(entry))
                lines.flush()

        def show(done: int, total: int, cell: Cell) -> None:
            write(cell)
            progress(f"{cell.op} {cell.backend}", done, total)

        write(report.about())
        cells = compare(
            pattern, backends=backends or None, dtypes=dtypes or None, emulate=emulate or checked, checked=checked, jobs=jobs,
            progress=show,
        )  # fmt: skip
    headings, shown = (report.HEADINGS, report.table(cells)) if verbose else report.compact(cells)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, caption=None if verbose else report.LEGEND, caption_justify="left")
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
    if json_file is not None:
        json_file.write_text(report.as_json(cells))
    if html_file is not None:
        html_file.write_text(report.as_html(cells))
    for path in (lines_file, json_file, html_file):
        if path is not None:
            console.print(f"wrote {escape(str(path))}", soft_wrap=True)
    sys.stdout.flush()
    context.exit(0 if all(cell.ok for cell in cells) else 1)


def _mutations(console: Console, pattern: str, jobs: int, verbose: bool) -> int:
    """Damage ops and kernels, and tell what became of each damage (or of those that survive): the exit status."""
    from rich.markup import escape

    from dlengine.testing import mutations

    with progress_bar() as progress:

        def show(done: int, total: int, verdict: mutations.Verdict) -> None:
            progress(f"{verdict.damage.part} {verdict.damage.name}", done, total)
            if verbose or verdict.outcome == "survived":
                console.print(escape(verdict.line()), soft_wrap=True, style="bold red" if verdict.outcome == "survived" else None)

        found = mutations.mutations(pattern, processes=jobs, progress=show)
    console.print(escape(mutations.summary(found)), soft_wrap=True)
    return int(any(v.outcome == "survived" for v in found))
