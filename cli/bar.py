"""The progress bar of the commands, which also reports compiling; without a terminal, compiling is reported in lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def progress_bar(unit: str = "", time_left: bool = False) -> Iterator[Callable[[str, int, int], None]]:
    """Show a progress bar on stderr during a block, which gets a function progress(description, done, total).

    unit: the unit of the counts. time_left: show the time left instead of the time spent.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.text import Text

    from dlengine.notice import CompileNotice

    console = Console(stderr=True, highlight=False)
    with CompileNotice(lambda line: console.print(line, soft_wrap=True), live=console.is_terminal) as notice:
        if not console.is_terminal:
            yield lambda what, done, total: None
            return

        class Compiling(TextColumn):
            def render(self, task: Any) -> Text:
                return Text(notice.text(), style="dim")

        columns = (
            TextColumn("{task.description:28}"), BarColumn(bar_width=20), MofNCompleteColumn(), TextColumn(unit),
            TimeRemainingColumn() if time_left else TimeElapsedColumn(), Compiling(""),
        )  # fmt: skip
        with Progress(*columns, console=console, transient=True) as bar:
            task = bar.add_task("")
            yield lambda what, done, total: bar.update(task, description=what[:28], completed=done, total=total)
