"""Progress, the callback that shows a training: a table with a row per epoch, and a progress bar below it."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from ..notice import CompileNotice
from .callback import Callback, TrainerView

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

WIDTHS = {"epoch": 9, "seconds": 8}
"""Widths of columns whose numbers are short."""

NARROW = 8
"""Width of the other columns, without the space before, in a table that would be wider than the screen."""


class Progress(Callback):
    """Print a row per epoch; on a terminal also show a progress bar with the loss so far and the time left.

    The rows are printed above the bar. While kernels are compiled, the bar shows how many; without a bar, in a file or a
    notebook, lines show it.

    Parameters
    ----------
    console : rich.console.Console or None
        Where to print; None is standard output.
    title : str
        Printed above the table, to tell several trainings apart.

    Examples
    --------
    >>> from rich.console import Console
    >>> model = dl.nn.Linear(1, 1)
    >>> bar = dl.training.Progress(Console(width=80, force_terminal=False), title="a line")
    >>> trainer = dl.training.Trainer(
    ...     model, dl.nn.MSELoss(), dl.optim.SGD(model.parameters(), lr=0.1), callbacks=[bar], progress=False
    ... )
    >>> history = trainer.fit([(dl.zeros((4, 1)), model.bias.detach() + dl.zeros((4, 1)))])
    a line
        epoch     loss       lr seconds
          1/1   0.0000      0.1     ...
    """

    first_rank_only = True

    def __init__(self, console: Console | None = None, title: str = "") -> None:
        self.console, self.title = console, title
        self._bar: Bar | None = None
        self._task: TaskID | None = None
        self._notice: CompileNotice | None = None
        self._headed = False
        self._columns: dict[str, int] = {}

    def on_fit_start(self, trainer: TrainerView) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Task, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar
        from rich.text import Text

        console = self._console()
        self._headed = False
        if self.title:
            console.print(f"[bold]{self.title}[/bold]", soft_wrap=True)
        if trainer.mixed is not None:
            console.print(trainer.mixed.describe(), soft_wrap=True)
        self._notice = CompileNotice(self._say, live=console.is_terminal).__enter__()
        if console.is_terminal:
            notice = self._notice

            class State(TextColumn):
                """The loss so far, or the kernels that are compiled; it is rendered whenever the bar is drawn."""

                def render(self, task: Task) -> Text:
                    return Text(notice.text() or task.fields["state"])

            self._bar = Bar(
                TextColumn("[bold]{task.description}"),
                BarColumn(bar_width=30),
                MofNCompleteColumn(),
                State(""),
                TimeRemainingColumn(),
                console=console,
                transient=True,
            )
            self._bar.start()

    def on_epoch_start(self, trainer: TrainerView) -> None:
        if self._bar is None:
            return
        batches = len(trainer.train_loader) if hasattr(trainer.train_loader, "__len__") else None
        if self._task is not None:
            self._bar.remove_task(self._task)
        name = f"epoch {trainer.epoch + 1}/{trainer.epochs}"
        self._task = self._bar.add_task(name, total=batches, state="")

    def on_batch_end(self, trainer: TrainerView, batch: int, values: dict[str, float]) -> None:
        if self._notice is not None:
            self._notice.sum_up()
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=batch + 1, state=_state(values))

    def on_epoch_end(self, trainer: TrainerView, row: dict[str, float]) -> None:
        console = self._console()
        cells = {column: _cell(column, value, trainer.epochs) for column, value in row.items()}
        if not self._headed:
            self._columns = _widths(cells, console.width)
            for line in _head(self._columns):
                console.print(f"[bold]{line}[/bold]", soft_wrap=True)
            self._headed = True
        console.print("".join(cell.rjust(self._columns.get(c, 9)) for c, cell in cells.items()), soft_wrap=True)

    def close(self) -> None:
        if self._notice is not None:
            self._notice.__exit__()
            self._notice = None
        if self._bar is not None:
            self._bar.stop()
            self._bar = self._task = None

    def __getstate__(self) -> dict[str, Any]:
        """The state for copies and pickles, without the console; a copy opens its own."""
        return {**self.__dict__, "console": None, "_bar": None, "_task": None, "_notice": None}

    def _console(self) -> Console:
        """The console, by default of standard output."""
        if self.console is None:
            from rich.console import Console

            self.console = Console(highlight=False)
        return self.console

    def _say(self, line: str) -> None:
        """Print a line about kernels that are compiled."""
        self._console().print(line, style="dim", soft_wrap=True)


def _widths(cells: dict[str, str], screen: int) -> dict[str, int]:
    """Widths of columns: of each heading, or only of the numbers if the table would be wider than the screen."""
    wide = {c: WIDTHS.get(c, max(9, len(c) + 2)) for c in cells}
    if sum(wide.values()) <= screen:
        return wide
    return {c: 1 + (max(len(cell), 5) if c in WIDTHS else max(len(cell), NARROW)) for c, cell in cells.items()}


def _head(columns: dict[str, int]) -> list[str]:
    """The headings, on several lines if they are wider than their columns."""
    parts = {c: textwrap.wrap(c.replace("_", " "), width - 1) for c, width in columns.items()}
    height = max(map(len, parts.values()))
    padded = {c: [""] * (height - len(lines)) + lines for c, lines in parts.items()}
    return ["".join(padded[c][i].rjust(width) for c, width in columns.items()) for i in range(height)]


def _state(values: dict[str, float]) -> str:
    """The loss so far, or all values of a training that has no single loss."""
    shown = {"loss": values["loss"]} if "loss" in values else values
    return "  ".join(f"{name} {value:.4f}" for name, value in shown.items())


def _cell(column: str, value: float, epochs: int) -> str:
    """A number as the table shows it."""
    if column == "epoch":
        return f"{value:.0f}/{epochs}"
    if column == "seconds":
        return f"{value:.1f}"
    if column.endswith("accuracy"):
        return f"{100 * value:.2f}%"
    return f"{value:.3g}" if column == "lr" else f"{value:.4f}"
