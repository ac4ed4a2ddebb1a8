"""Judge: compares the outcome of each sample of a row with the oracle's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from dlengine.kernels.registry import KernelSet

from ..errors import DTypeError
from . import places
from .accuracy import Distance, distance
from .calls import Outcome
from .cell import Cell
from .oracle import Oracle
from .proof import label
from .table import Case

BASELINE = 4.0
"""A backend's error may be this many times NumPy's own in the same dtype, or this many units in the last place."""


class Judge:
    """Compares the outcome of each sample with the oracle and keeps the largest errors in a cell.

    gpu: whether a GPU's own library computes what no kernel of ours does. It treats float32 subnormals as zero, it has other
    complex functions than the CPU's, and of a singular matrix it makes Inf and NaN, since nobody can look at the device's memory
    without waiting.
    """

    def __init__(self, row: Case, name: str, dtype: str, oracle: Oracle, gpu: bool) -> None:
        self.row, self.oracle, self.gpu = row, oracle, gpu
        unit = {"ulp": "ulp", "exact": "mismatches"}.get(row.bound.kind, "bound")
        self.cell = Cell(row.name, name, dtype, unit, independent=row.independent, reason=row.reason)
        self.worst: dict[str, float] = {}
        self.usual: dict[str, float] = {}

    def values(self, number: int, got: Outcome) -> None:
        """Compare the outputs of a sample."""
        truth, plain, sizes = self.oracle.truth(number), self.oracle.plain(number), self.oracle.sizes(number)
        place = label(self.row.samples[number], number)
        if len(got.outputs) != len(truth.outputs):
            self.cell.fail(f"{place}: {len(got.outputs)} outputs where {len(truth.outputs)} were expected")
            return
        for i, (y, want, base) in enumerate(zip(got.outputs, truth.outputs, plain.outputs, strict=True)):
            magnitude = sizes.outputs[i] if sizes is not None and self.row.bound.absolute else None
            d = self.compare("value", number, y, want, base, magnitude, f"{place}, output {i}")
            self.cell.error, self.cell.limit = max(self.cell.error, d.error), max(self.cell.limit, d.limit)

    def gradients(self, number: int, got: Outcome) -> None:
        """Compare the gradients of a sample."""
        truth, plain, sizes = self.oracle.truth(number), self.oracle.plain(number), self.oracle.sizes(number)
        for i, (g, want, base) in enumerate(zip(got.grads, truth.grads, plain.grads, strict=True)):
            magnitude = sizes.grads[i] if sizes is not None and self.row.grad_bound.absolute else _gradient_size(want)
            place = f"{label(self.row.samples[number], number)}, gradient {i}"
            d = self.compare("gradient", number, g, want, base, magnitude, place)
            self.cell.grad_error = max(self.cell.grad_error or 0.0, d.error / d.limit if d.limit else d.error)

    def compare(self, part: str, number: int, got: Any, want: Any, base: Any, magnitude: Any, place: str) -> Distance:
        """Compare one array with the oracle's; base is numpy's in this dtype, for the baseline and the expected dtype.

        part: "value" or "gradient", which have their own bounds. number: of the sample.
        """
        bound = self.row.bound if part == "value" else self.row.grad_bound
        factor = float(bound.factor(*self.oracle.arrays(number)))
        dtype = self.expected(number, want, base)
        d = distance(got, want, bound, factor, magnitude=magnitude, dtype=dtype, flush=self.gpu)
        if not d.ok:
            text = d.message or f"error {d.error:.3g} exceeds {d.limit:.3g} ({bound.kind}), {d.where}"
            self.cell.fail(f"{place}: {text}{places.inputs(self.oracle.arrays(number), d.place, np.shape(want))}")
        if self.gpu and np.iscomplexobj(want):
            return d  # within its bound, but NumPy's own error says nothing of functions that are composed of other ones
        self.worst[part] = max(self.worst.get(part, 0.0), d.ulps)
        normal = distance(base, want, bound, factor, magnitude=magnitude)
        self.usual[part] = max(self.usual.get(part, 0.0), normal.ulps)
        return d

    def expected(self, number: int, want: Any, base: Any) -> Any:
        """The dtype that a result must have: that of numpy, which must be the oracle's narrowed to the dtype under test."""
        if not isinstance(want, np.ndarray) or not isinstance(base, np.ndarray):
            return None
        if "dtype" not in self.row.samples[number].consts:
            real = self.oracle.dtype
            wide = np.dtype("complex128" if real == np.float64 else "complex64")
            narrowed = {"float64": real, "complex128": wide}.get(want.dtype.name, want.dtype)
            allowed = [narrowed, want.dtype]
            if _has_complex(self.oracle.arrays(number)):
                allowed.append(np.dtype("float32"))  # complex64 is the narrowest complex dtype: float32 is its real part
            if base.dtype not in allowed:
                raise DTypeError(f"numpy gives {base.dtype} where {narrowed} was expected")
        return base.dtype

    def baseline(self) -> None:
        """Require at most BASELINE times NumPy's error in this dtype; not in float64, where NumPy is the oracle."""
        if self.oracle.dtype.itemsize >= 8 or self.row.bound.kind == "exact":
            return
        for part, worst in self.worst.items():
            allowed = BASELINE * max(self.usual[part], 1.0)
            self.cell.baseline = max(self.cell.baseline or 0.0, worst / allowed)
            if worst > allowed:
                self.cell.fail(
                    f"the {part}'s error, {worst:.3g} eps, is more than {BASELINE:g} times that of numpy in "
                    f"{self.cell.dtype}, {self.usual[part]:.3g} eps"
                )

    def accepts(self, refusal: Exception, got: Outcome) -> bool:
        """Whether a result is right where NumPy refuses: of a matrix that has none, on a GPU, if it says so in its numbers."""
        singular = isinstance(refusal, np.linalg.LinAlgError) and self.gpu
        return singular and any(isinstance(y, np.ndarray) and not np.isfinite(y).all() for y in got.outputs)

    def proved(self, found: Sequence[str]) -> bool:
        """Whether a part of the proof has no findings; the first finding fails the cell."""
        for text in found[:1]:
            self.cell.fail(text)
        return not found

    def launches(self, kernels: KernelSet) -> None:
        """Require that the row's kernels ran, as far as the backend declares them."""
        for kernel in self.missing(kernels):
            self.cell.fail(f"{kernels.name} declares kernel {kernel} for {self.cell.dtype}, but it did not launch")

    def missing(self, kernels: KernelSet) -> list[str]:
        """The row's kernels that the backend declares for the dtype under test and that did not run."""
        return [k for k in self.row.kernels if kernels.has(k, self.cell.dtype) and not self.cell.launches.get(k)]


def _gradient_size(want: Any) -> float:
    """The largest absolute gradient, or that of its cotangent (about 1) where the true gradient is only cancellation."""
    largest = float(np.max(np.abs(want[np.isfinite(want)]), initial=0.0))
    return largest if largest > 1e-6 else 1.0


def _has_complex(arguments: Sequence[Any]) -> bool:
    """Whether one of the arguments, or of the arrays in a list among them, is complex."""
    return any(_has_complex(a) if isinstance(a, (list, tuple)) else np.iscomplexobj(a) for a in arguments)
