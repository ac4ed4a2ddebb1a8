"""Checks of a row's oracle, the op in float64 on numpy, before backends are compared with it.

Its values must agree with the row's reference, and its first and second derivatives with central differences.
"""

from __future__ import annotations

import traceback
from pathlib import Path

import numpy as np

from ..errors import DLEngineError, GradientError
from .calls import differentiates
from .gradcheck import check_gradients, check_sample
from .pointwise import check_pointwise
from .reference import check_reference
from .special import SPECIAL, elementwise, special
from .table import Case, Sample


class Proof:
    """The checks of one row, each made on first use; they return messages of what is wrong."""

    def __init__(self, row: Case) -> None:
        self.row = row
        self._values: list[str] | None = None
        self._gradients: dict[str, list[str]] = {}

    def values(self) -> list[str]:
        """Compare the values of all samples with the reference."""
        if self._values is None:
            self._values = []
            for row in [r for r in (self.row, special(self.row)) if r is not None and r.independent]:
                for number, sample in enumerate(row.samples):
                    place = f"{label(sample, number)}, against the reference"
                    self._values += [f"{place}: {text}" for text in _check_value(row, number)]
        return self._values

    def gradients(self, name: str) -> list[str]:
        """Compare the derivatives on a backend in float64 with central differences; reports the first that is wrong."""
        if name not in self._gradients:
            self._gradients[name] = []
            if self.row.differentiable:
                try:
                    check_gradients(self.row, name, order=None if name == "numpy" else 1)
                except GradientError as error:
                    self._gradients[name] = [str(error).removeprefix(f"{self.row.name}, ")]
                except Exception as error:
                    self._gradients[name] = [f"central differences: {raised(error)}"]
                if name == "numpy" and not self._gradients[name]:
                    self._gradients[name] = at_special_points(self.row)
        return self._gradients[name]


def _check_value(row: Case, number: int) -> list[str]:
    """Compare a sample with the reference. An op may raise an error for special values."""
    try:
        return check_reference(row, number)
    except Exception as error:  # an exception of the op or the reference is a failure too
        refused = isinstance(error, (DLEngineError, np.linalg.LinAlgError)) and row.samples[number].label.startswith(SPECIAL)
        return [] if refused else [raised(error)]


def at_special_points(row: Case) -> list[str]:
    """Check the derivatives at the finite special points."""
    extra = special(row)
    if extra is None:
        return []
    found: list[str] = []
    for number, sample in enumerate(extra.samples):
        if not differentiates(extra, sample):
            continue
        try:
            order = 2 if row.second_order else 1
            if elementwise(row):
                found += [f"{label(sample, number)}: gradcheck, {text}" for text in check_pointwise(extra, number, order)]
            else:
                check_sample(extra, number, kinks=True)
        except GradientError as error:
            found.append(f"{label(sample, number)}: {error}")
        except (DLEngineError, np.linalg.LinAlgError):  # the op does not take these values
            continue
        except Exception as error:
            found.append(f"{label(sample, number)}: {raised(error)}")
    return found


def raised(error: Exception) -> str:
    """An exception with the file and line that raised it, as text."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({Path(frame.filename).name}:{frame.lineno})"


def label(sample: Sample, number: int) -> str:
    """The number and label of a sample, as text."""
    return f"sample {number}{f' ({sample.label})' if sample.label else ''}"
