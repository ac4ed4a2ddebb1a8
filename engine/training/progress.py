"""What a user sees while a model trains: a table with a row per epoch, and a live bar below it."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from ..notice import CompileNotice
from .callbacks import Callback

if TYPE_CHECKING:
    from .trainer import Trainer

WIDTHS = {"epoch": 9, "seconds": 8}
NARROW = 8
"""Letters of a column, without the space before it, where a table would not fit the screen otherwise."""


class Progress(Callback):
    """Prints a row per epoch; on a terminal also a bar of the epoch's batches with the loss so far and the time left.

    Rows are printed above the bar, so that a long training scrolls. Where kernels are compiled, the bar counts them; without a
    bar, in a file or a notebook, lines do. console: a rich Console, by default standard output's.
    title: printed above the table, where several trainings follow each other.
    """

    def __init__(self, console: Any = None, title: str = "") -> None:
        self.console, self.title = console, title
        self._bar: Any = None
        self._task: Any = None
        self._notice: CompileNotice | None = None
        self._headed = False
        self._columns: dict[str, int] = {}

    def on_fit_start(self, trainer: Trainer) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar
        from rich.text import Text

        if self.console is None:
            self.console = Console(highlight=False)
        self._headed = False
        if self.title:
            self.console.print(f"[bold]{self.title}[/bold]", soft_wrap=True)
        if trainer.mixed is not None:
            self.console.print(trainer.mixed.describe(), soft_wrap=True)
        self._notice = CompileNotice(self._say, live=self.console.is_terminal).__enter__()
        if self.console.is_terminal:
            notice = self._notice

            class State(TextColumn):
                """The loss so far, or what is compiled first: asked whenever the bar is drawn."""

                def render(self, task: Any) -> Any:
                    return Text(notice.text() or task.fields["state"])

            self._bar = Bar(
                TextColumn("[bold]{task.description}"),
                BarColumn(bar_width=30),
                MofNCompleteColumn(),
                State(""),
                TimeRemainingColumn(),
                console=self.console,
                transient=True,
            )
            self._bar.start()

    def on_epoch_start(self, trainer: Trainer) -> None:
        if self._bar is None:
            return
        batches = len(trainer.train_loader) if hasattr(trainer.train_loader, "__len__") else None
        if self._task is not None:
            self._bar.remove_task(self._task)
        name = f"epoch {trainer.epoch + 1}/{trainer.epochs}"
        self._task = self._bar.add_task(name, total=batches, state="")

    def on_batch_end(self, trainer: Trainer, batch: int, values: dict[str, float]) -> None:
        if self._notice is not None:
            self._notice.sum_up()
        if self._bar is not None:
            self._bar.update(self._task, completed=batch + 1, state=_state(values))

    def on_epoch_end(self, trainer: Trainer, row: dict[str, float]) -> None:
        cells = {column: _cell(column, value, trainer.epochs) for column, value in row.items()}
        if not self._headed:
            self._columns = _widths(cells, self.console.width)
            for line in _head(self._columns):
                self.console.print(f"[bold]{line}[/bold]", soft_wrap=True)
            self._headed = True
        self.console.print("".join(cell.rjust(self._columns.get(c, 9)) for c, cell in cells.items()), soft_wrap=True)

    def close(self) -> None:
        if self._notice is not None:
            self._notice.__exit__()
            self._notice = None
        if self._bar is not None:
            self._bar.stop()
            self._bar = self._task = None

    def __getstate__(self) -> dict[str, Any]:
        """For copies and pickles: a terminal stays behind; a copy opens its own."""
        return {**self.__dict__, "console": None, "_bar": None, "_task": None, "_notice": None}

    def _say(self, line: str) -> None:
        self.console.print(line, style="dim", soft_wrap=True)


def _widths(cells: dict[str, str], screen: int) -> dict[str, int]:
    """Wide enough for each heading; where all together are too wide, only for the numbers."""
    wide = {c: WIDTHS.get(c, max(9, len(c) + 2)) for c in cells}
    if sum(wide.values()) <= screen:
        return wide
    return {c: 1 + (max(len(cell), 5) if c in WIDTHS else max(len(cell), NARROW)) for c, cell in cells.items()}


def _head(columns: dict[str, int]) -> list[str]:
    """The headings, on several lines where they are wider than their columns."""
    parts = {c: textwrap.wrap(c.replace("_", " "), width - 1) for c, width in columns.items()}
    height = max(map(len, parts.values()))
    padded = {c: [""] * (height - len(lines)) + lines for c, lines in parts.items()}
    return ["".join(padded[c][i].rjust(width) for c, width in columns.items()) for i in range(height)]


def _state(values: dict[str, float]) -> str:
    """The loss so far, or everything where a training has several."""
    shown = {"loss": values["loss"]} if "loss" in values else values
    return "  ".join(f"{name} {value:.4f}" for name, value in shown.items())


def _cell(column: str, value: float, epochs: int) -> str:
    if column == "epoch":
        return f"{value:.0f}/{epochs}"
    if column == "seconds":
        return f"{value:.1f}"
    if column.endswith("accuracy"):
        return f"{100 * value:.2f}%"
    return f"{value:.3g}" if column == "lr" else f"{value:.4f}"
