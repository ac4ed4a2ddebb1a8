"""`dlengine info`: versions, processor, threads and caches, with hints for a faster setup."""

from __future__ import annotations

import click


@click.command(short_help="Show versions, processor, threads, caches, and hints.")
def info() -> None:
    """Show versions, processor, BLAS, threads and caches, with hints for a faster setup."""
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from dlengine.environment import report

    console = Console()
    with console.status("Collecting"):
        result = report()
    for title, rows in result.sections.items():
        table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, show_header=False, pad_edge=False)
        table.add_column(style="bold", no_wrap=True)
        table.add_column(overflow="fold")
        for name, value in rows.items():
            table.add_row(escape(name), escape(value))
        console.print(table)
    for hint in result.hints:
        console.print(f"[yellow]hint[/yellow] {escape(hint)}")
