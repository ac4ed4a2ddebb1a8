"""Oracle: the expected results of a row's samples, computed in float64 on numpy from the same rounded inputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import backend
from . import calls
from .arguments import Arg
from .calls import Outcome
from .table import Case, Sample


class Oracle:
    """The expected results in one dtype, computed in float64 and in the dtype itself on numpy, on first use."""

    def __init__(self, row: Case, dtype: str) -> None:
        self.row, self.dtype = row, np.dtype(dtype)
        self._truth: dict[int, Outcome] = {}
        self._plain: dict[int, Outcome] = {}
        self._sizes: dict[int, Outcome | None] = {}
        self._special: Oracle | None = None

    def special(self, row: Case) -> Oracle:
        """The oracle of the row's special samples."""
        if self._special is None or self._special.row is not row:
            self._special = Oracle(row, self.dtype.name)
        return self._special

    def arrays(self, number: int) -> list[Any]:
        """Draw the arguments of a sample."""
        return calls.draw(self.row, number, self.dtype)

    def prepare(self, number: int) -> None:
        """Compute all results of a sample beforehand, so that its kernel calls are not counted as the backend's."""
        self.truth(number)
        self.plain(number)
        self.sizes(number)

    def truth(self, number: int) -> Outcome:
        """The expected values and gradients."""
        if number not in self._truth:
            truth = self._wide(number, lambda x: x)
            # Random tensors differ between dtypes, so for those numpy in the dtype under test is the oracle.
            self._truth[number] = self.plain(number) if truth.drew and not _drawn(self.row.samples[number]) else truth
        return self._truth[number]

    def plain(self, number: int) -> Outcome:
        """The results of the numpy backend in the dtype under test: the baseline of the error, and the expected dtypes."""
        if number not in self._plain:
            with backend.use_backend("numpy"), calls.default_dtype(self.dtype):
                self._plain[number] = calls.run(self.row, self.row.samples[number], self.arrays(number), self.dtype)
        return self._plain[number]

    def sizes(self, number: int) -> Outcome | None:
        """The op of absolute inputs and cotangents: the magnitude of the sums whose rounding is tested."""
        if number not in self._sizes:
            absolute = self.row.bound.absolute or self.row.grad_bound.absolute
            self._sizes[number] = self._wide(number, np.abs, positive=True) if absolute else None
        return self._sizes[number]

    def _wide(self, number: int, f: Callable[[Any], Any], positive: bool = False) -> Outcome:
        """Run a sample in float64 with f applied to its arrays."""
        sample = self.row.samples[number]
        wide = calls.change(sample, self.arrays(number), lambda x: np.asarray(f(calls.widened(x))))
        with backend.use_backend("numpy"), calls.default_dtype("float64"):
            return calls.run(self.row, sample, wide, self.dtype, positive=positive)


def _drawn(sample: Sample) -> bool:
    """Whether a sample has array arguments."""
    return any(isinstance(a, (Arg, list)) for a in sample.args)
