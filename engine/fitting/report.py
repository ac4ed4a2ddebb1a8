"""Reports: what was found, chosen and measured, as text, JSON and pictures."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..data.host_arrays import HostArray
from ..data.readers.samples import CLASSIFICATION, FORECASTING
from ..io import write_atomically
from ..show import label_axes, new_figure, save_figure
from ..show.figures import FIRST, SECOND
from ..training import plot_confusion, plot_curves
from .figures import Measured

MOST_CLASSES = 40
"""More classes make no readable confusion matrix."""


@dataclass(frozen=True)
class Report:
    """What was found, chosen and measured when a model was made.

    Parameters
    ----------
    found, chosen : tuple of str
        Lines about the data, and about the model and its training.
    figures : dict
        The figures on the test part by the name of the model: "this model" and the simple ones.
    history : list of dict
        The training by epoch.
    test : dict
        Targets and predictions of the test part, as arrays.
    task : str
        The task.
    classes : tuple of str
        The classes.

    Examples
    --------
    >>> measured = {"this model": [dl.fitting.Measured("accuracy", 0.9, 0.8, 0.95)]}
    >>> print(dl.fitting.Report(("10 rows",), ("a network",), measured))
    10 rows
    a network
    on the test data:
      this model: accuracy 90.0 % (80.0 to 95.0)
    """

    found: tuple[str, ...]
    chosen: tuple[str, ...]
    figures: dict[str, list[Measured]]
    history: list[dict[str, float]] = field(default_factory=list, repr=False)
    test: dict[str, HostArray] = field(default_factory=dict, repr=False)
    task: str = CLASSIFICATION
    classes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "\n".join([*self.found, *self.chosen, *self.results()])

    def results(self) -> list[str]:
        """The lines with the figures on the test data.

        Returns
        -------
        list of str
            A line for each model.
        """
        lines = [f"  {name}: {', '.join(map(str, figures))}" for name, figures in self.figures.items()]
        return ["on the test data:", *lines, *self._better()]

    def _better(self) -> list[str]:
        """A line if the first figure of a simple model is better than this one's, beyond its interval."""
        first = [(name, figures[0]) for name, figures in self.figures.items() if figures]
        if not first:
            return []
        (_, own), *others = first
        sign = -1 if "error" in own.name or "bits" in own.name else 1
        name, best = max(others, key=lambda other: sign * other[1].value, default=first[0])
        end = own.high if sign > 0 else own.low
        better = sign * best.value > sign * end and sign * best.value > sign * own.value
        return [f"{name} is better than this model here"] if better else []

    def as_dict(self) -> dict[str, Any]:
        """The report for JSON, without arrays.

        Returns
        -------
        dict
            Lines, figures and history.
        """
        return {
            "found": list(self.found), "chosen": list(self.chosen), "task": self.task, "classes": list(self.classes),
            "figures": {name: [f.as_dict() for f in figures] for name, figures in self.figures.items()},
            "history": self.history,
        }  # fmt: skip

    @classmethod
    def from_dict(cls, state: dict[str, Any]) -> Report:
        """The report that ``as_dict`` described.

        Parameters
        ----------
        state : dict
            What ``as_dict`` returned.

        Returns
        -------
        Report
            An equal report, without the arrays of the test part.
        """
        figures = {
            str(name): [Measured(str(f["name"]), float(f["value"]), float(f["low"]), float(f["high"])) for f in rows]
            for name, rows in state["figures"].items()
        }
        found, chosen = (tuple(map(str, state[k])) for k in ("found", "chosen"))
        history = [{str(k): float(v) for k, v in row.items()} for row in state["history"]]
        return cls(found, chosen, figures, history, {}, str(state["task"]), tuple(map(str, state["classes"])))

    def write(self, folder: str | Path) -> list[Path]:
        """Write the report as text, JSON and pictures into a folder.

        Parameters
        ----------
        folder : str or Path
            The folder, which must exist.

        Returns
        -------
        list of Path
            The files.
        """
        folder = Path(folder)
        files = [folder / "report.txt", folder / "report.json"]
        write_atomically(files[0], f"{self}\n".encode())
        write_atomically(files[1], json.dumps(self.as_dict(), indent=1).encode())
        if self.history:
            files.append(folder / "curves.png")
            plot_curves(files[-1], self.history, "training")
        if not self.test:
            return files
        targets, said = self.test["targets"], self.test["predicted"]
        if self.task == CLASSIFICATION and len(self.classes) <= MOST_CLASSES:
            numbers = {name: k for k, name in enumerate(self.classes)}
            matrix = np.zeros((len(numbers), len(numbers)), dtype=np.int64)
            for t, p in zip(targets, said, strict=True):
                matrix[numbers[str(t)], numbers[str(p)]] += 1
            files.append(folder / "confusion.png")
            plot_confusion(files[-1], matrix, list(self.classes), "test data")
        elif self.task == FORECASTING:
            files.append(folder / "forecast.png")
            _draw_forecasts(files[-1], targets, said)
        elif self.task != CLASSIFICATION:
            files.append(folder / "predictions.png")
            _draw_numbers(files[-1], targets, said)
        return files


def _draw_numbers(path: Path, targets: HostArray, said: HostArray) -> None:
    """Predicted over true numbers."""
    with new_figure(4.6, 4.4) as figure:
        axes = figure.add_subplot()
        axes.scatter(targets, said, s=8, color=FIRST, alpha=0.6)
        ends = [float(min(targets.min(), said.min())), float(max(targets.max(), said.max()))]
        axes.plot(ends, ends, color=SECOND, lw=1)
        label_axes(axes, "true", "predicted", "test data")
        save_figure(figure, path)


def _draw_forecasts(path: Path, targets: HostArray, said: HostArray) -> None:
    """The first step of each forecast of the test part, and the last whole forecast."""
    steps = np.arange(len(targets))
    with new_figure(8.0, 3.4) as figure:
        axes = figure.add_subplot()
        axes.plot(steps, targets[:, 0], color=SECOND, lw=1.4, label="what came")
        axes.plot(steps, said[:, 0], color=FIRST, lw=1.2, label="forecast, one step ahead")
        axes.plot(
            len(targets) - 1 + np.arange(targets.shape[1]), said[-1], color=FIRST, lw=1.2, ls="--", label="the last forecast"
        )
        label_axes(axes, "step of the test data", title="test data")
        axes.legend(loc="best")
        save_figure(figure, path)
