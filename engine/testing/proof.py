"""A row's oracle on trial: before backends are compared with the op in float64 on numpy, that op must be right itself.

Its values agree with the row's reference, and its derivatives with central differences, of first and second order.
"""

from __future__ import annotations

import traceback
from pathlib import Path

from ..errors import GradientError
from .gradcheck import check_gradients
from .reference import check_reference
from .table import Case, Sample


class Proof:
    """What was found about one row, each part on first use; the words of what is wrong, or an empty list."""

    def __init__(self, row: Case) -> None:
        self.row = row
        self._values: list[str] | None = None
        self._gradients: dict[str, list[str]] = {}

    def values(self) -> list[str]:
        """The samples whose value in float64 on numpy is not the reference's."""
        if self._values is None:
            self._values = []
            for number, sample in enumerate(self.row.samples if self.row.independent else ()):
                try:
                    found = check_reference(self.row, number)
                except Exception as error:  # an op or reference that raises is a failure like another
                    found = [raised(error)]
                self._values += [f"{label(sample, number)}, against the reference: {text}" for text in found]
        return self._values

    def gradients(self, name: str) -> list[str]:
        """The first derivative in float64 that central differences contradict, on a backend."""
        if name not in self._gradients:
            self._gradients[name] = []
            if self.row.differentiable:
                try:
                    check_gradients(self.row, name, order=None if name == "numpy" else 1)
                except GradientError as error:
                    self._gradients[name] = [str(error).removeprefix(f"{self.row.name}, ")]
                except Exception as error:
                    self._gradients[name] = [f"central differences: {raised(error)}"]
        return self._gradients[name]


def raised(error: Exception) -> str:
    """An exception, and the file and line that raised it."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({Path(frame.filename).name}:{frame.lineno})"


def label(sample: Sample, number: int) -> str:
    """A sample in words."""
    return f"sample {number}{f' ({sample.label})' if sample.label else ''}"
