"""parity: every op of the table on every backend, value and gradient, against the oracle.

The oracle is the same op on the numpy backend in float64, from the same rounded inputs. It is proved first: its values
by the row's reference, its derivatives by central differences (see proof.py). A cell also proves that the kernels which
a backend declares are the ones that answered, and says what fell back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field
from difflib import get_close_matches
from fnmatch import fnmatch
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np

from dlengine.kernels import reference
from dlengine.kernels.registry import KernelSet

from .. import backend
from ..errors import ConfigError, DLEngineError, DTypeError
from . import calls, places
from .accuracy import Distance, distance
from .calls import Outcome
from .jobs import Died, in_processes
from .oracle import Oracle
from .proof import Proof, label, raised
from .special import SPECIAL, special
from .table import CASES, Bound, Case

BASELINE = 4.0
"""A backend's error may be this many times NumPy's own in the same dtype, or this many units in the last place."""


@dataclass
class Cell:
    """One op on one backend in one dtype, the worst of all its samples.

    error, limit: of values, in unit ("ulp", "bound" or "mismatches"). grad_error: of gradients, in units of its bound;
    None if there are none. baseline: the error over what the baseline rule allows; None where it does not apply.
    launches: calls of the row's kernels. fallbacks: kernels that the reference ran although a kernel set was in force.
    independent: whether the row has a reference. answered: whether a kernel of the set in force ran. reason: why a cell
    that has neither, and so compares a text with itself, is there all the same.
    """

    op: str
    backend: str
    dtype: str
    unit: str = "bound"
    error: float = 0.0
    limit: float = 0.0
    grad_error: float | None = None
    baseline: float | None = None
    launches: dict[str, int] = field(default_factory=dict)
    fallbacks: dict[str, int] = field(default_factory=dict)
    verdict: str = "pass"
    message: str = ""
    seconds: float = 0.0
    independent: bool = False
    answered: bool = False
    reason: str = ""

    @property
    def alone(self) -> bool:
        """Whether it compares a text with itself: no reference, no kernel of the set."""
        return not (self.independent or self.answered)

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong with this cell."""
        return self.verdict == "pass"

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    def count(self, launches: Counter[str], fallbacks: Counter[str]) -> None:
        """Add what a sample launched and what fell back."""
        self.launches = dict(Counter(self.launches) + launches)
        self.fallbacks = dict(Counter(self.fallbacks) + fallbacks)

    def fail(self, message: str) -> None:
        """Note what is wrong; the first complaint stays."""
        if self.ok:
            self.verdict, self.message = "fail", message


Progress = Callable[[int, int, Cell], None]
"""Called after each cell with the number done, the number of all, and the cell."""


def table() -> dict[str, Case]:
    """Every row of the op table, filled on first use."""
    from . import cases  # noqa: F401 - importing the rows enters them

    return CASES


def rows(pattern: str = "*") -> list[Case]:
    """The rows whose name fits a pattern (as in a shell); several patterns are separated by commas."""
    wanted = [p.strip() for p in pattern.split(",")]
    found = [row for name, row in table().items() if any(fnmatch(name, p) for p in wanted)]
    if not found:
        near = get_close_matches(pattern, table(), n=4, cutoff=0.3)
        raise ConfigError(f"no op of the table is named {pattern!r}; did you mean {', '.join(near) or 'one of *'}?")
    return found


def cpu_backends() -> list[str]:
    """The backends that can run here without a GPU and without being asked to emulate one."""
    return [n for n in ("numpy", "numba") if backend.BACKENDS[n].unavailable() is None]


def parity(
    op: str = "*",
    *,
    backends: Sequence[str] | None = None,
    dtypes: Sequence[str] | None = None,
    emulate: bool = False,
    checked: bool = False,
    jobs: int = 0,
    progress: Progress | None = None,
) -> list[Cell]:
    """Prove every row whose name fits op, on each backend, in each dtype of dtypes_of (or those of dtypes among them).

    backends: names as set_backend takes them; default: numpy, and numba if it is there. emulate: run cuda on the CPU;
    checked: the emulator also watches every access. jobs: work in so many processes, where one that dies is one failed
    cell; 0 works in this one. Raises BackendUnavailable, or ConfigError for an unknown name.
    """
    chosen = rows(op)
    names = [_known(n, emulate) for n in (backends or cpu_backends())]
    plan = [(row.name, name, d) for row in chosen for name in names for d in dtypes_of(row, name)]
    have = sorted({d for _, _, d in plan})
    for d in dtypes or ():
        if d not in have:
            raise ConfigError(f"no cell of {op!r} has dtype {d!r}; expected one of {', '.join(have)}")
    plan = [cell for cell in plan if dtypes is None or cell[2] in dtypes]
    found: dict[Planned, Cell] = {}
    arriving = cells(plan, checked=checked) if not jobs else _in_processes(plan, jobs, checked)
    for key, cell in arriving:
        found[key] = cell
        if progress is not None:
            progress(len(found), len(plan), cell)
    return [found[key] for key in plan]


Planned = tuple[str, str, str]
"""A cell to come: its row, backend and dtype."""


def cells(plan: Sequence[Planned], *, checked: bool = False) -> Iterator[tuple[Planned, Cell]]:
    """The cells of a plan, one after the other. Those of one row should stand together: they share its oracle."""
    proof: Proof | None = None
    oracles: dict[str, Oracle] = {}
    for key in plan:
        name, on, dtype = key
        row = table()[name]
        if proof is None or proof.row is not row:
            proof, oracles = Proof(row), {}
        if dtype not in oracles:
            oracles[dtype] = Oracle(row, dtype)
        yield key, check(row, on, dtype, oracle=oracles[dtype], proof=proof, checked=checked)


def _in_processes(plan: Sequence[Planned], jobs: int, checked: bool) -> Iterator[tuple[Planned, Cell]]:
    """The cells of a plan as they come from several processes, each given a row at a time."""
    groups: dict[str, list[Planned]] = {}
    for key in plan:
        groups.setdefault(key[0], []).append(key)
    for key, cell in in_processes(list(groups.values()), partial(_served, checked=checked), jobs):
        if isinstance(cell, Died):
            died = cell.reason
            name, on, dtype = key
            cell = Cell(name, on, dtype, independent=table()[name].independent)
            cell.fail(f"{died} while it was at this cell")
        yield key, cell


def _served(plan: list[Planned], checked: bool) -> Iterator[Cell]:
    return (cell for _, cell in cells(plan, checked=checked))


def dtypes_of(row: Case, name: str) -> list[str]:
    """What a row is compared in on a backend: its own dtypes, and those for which its kernels are declared there."""
    with backend.use_backend(name):
        kernels = backend.policy().creation.kernels() or reference.SET
    declared = [d for k in row.kernels for d in kernels.declared.get(k, ("", ()))[1] if hasattr(np, d)]
    return list(dict.fromkeys([*row.dtypes, *declared]))


def _known(name: str, emulate: bool) -> str:
    """The full name of a backend that can run here."""
    with backend.use_backend(name, emulate=emulate and name == "cuda"):
        return backend.get_backend()


def check(
    row: Case, name: str, dtype: str, *, oracle: Oracle | None = None, proof: Proof | None = None, checked: bool = False
) -> Cell:
    """One cell: all samples of a row on one backend (its full name) in one dtype.

    proof: of the oracle; what it finds fails the cell. Without one the backends alone are compared.
    """
    start = perf_counter()
    with backend.use_backend(name):
        kernels = backend.policy().creation.kernels() or reference.SET
        flush = backend.policy().creation.library is backend.CUPY
    judge = _Judge(row, name, str(dtype), oracle or Oracle(row, dtype), flush)
    if proof is not None and not judge.proved(proof.values() + proof.gradients("numpy")):
        judge.cell.seconds = perf_counter() - start
        return judge.cell
    _compare(judge, kernels, name, dtype, checked)
    judge.baseline()
    extra = special(row) if name != "numpy" or dtype != "float64" else None
    if extra is not None:
        strange = _Judge(extra, name, str(dtype), judge.oracle.special(extra), flush)
        strange.cell = judge.cell
        _compare(strange, kernels, name, dtype, checked)
    judge.launches(kernels)
    judge.cell.answered = kernels is not reference.SET and bool(judge.cell.launches)
    if proof is not None and judge.cell.answered and judge.oracle.dtype == np.float64:
        judge.proved(proof.gradients(name))
    judge.cell.seconds = perf_counter() - start
    return judge.cell


def _compare(judge: _Judge, kernels: KernelSet, name: str, dtype: str, checked: bool) -> None:
    """All samples of the judge's row on a backend."""
    row, oracle = judge.row, judge.oracle
    for number, sample in enumerate(row.samples):
        launched, fallen = kernels.launches.copy(), backend.fallbacks.copy()
        refusal: Exception | None = None
        try:
            try:
                oracle.prepare(number)
            except (DLEngineError, np.linalg.LinAlgError) as error:
                if not sample.label.startswith(SPECIAL):
                    raise
                refusal = error
            launched, fallen = kernels.launches.copy(), backend.fallbacks.copy()
            with _scope(name, checked), calls.default_dtype(dtype):
                got = calls.run(row, sample, oracle.arrays(number), dtype)
            if refusal is not None:
                judge.cell.fail(f"{label(sample, number)}: a result, where numpy raises {type(refusal).__name__}: {refusal}")
                continue
            judge.values(number, got)
            judge.gradients(number, got)
        except Exception as error:  # a cell reports whatever its op raises, and the others still run
            if type(error) is not type(refusal):
                judge.cell.fail(f"{label(sample, number)}: {raised(error)}")
        judge.cell.count(kernels.launches - launched, backend.fallbacks - fallen)


class _Judge:
    """Fills a cell: compares each sample's outcome with the oracle's and keeps the worst."""

    def __init__(self, row: Case, name: str, dtype: str, oracle: Oracle, flush: bool) -> None:
        self.row, self.oracle, self.flush = row, oracle, flush
        unit = {"ulp": "ulp", "exact": "mismatches"}.get(row.bound.kind, "bound")
        self.cell = Cell(row.name, name, dtype, unit, independent=row.independent, reason=row.reason)
        self.worst: dict[str, float] = {}
        self.usual: dict[str, float] = {}

    def values(self, number: int, got: Outcome) -> None:
        """The outputs of a sample."""
        truth, plain, sizes = self.oracle.truth(number), self.oracle.plain(number), self.oracle.sizes(number)
        place = label(self.row.samples[number], number)
        if len(got.outputs) != len(truth.outputs):
            self.cell.fail(f"{place}: {len(got.outputs)} outputs where {len(truth.outputs)} were expected")
            return
        for i, (y, want, base) in enumerate(zip(got.outputs, truth.outputs, plain.outputs, strict=True)):
            magnitude = sizes.outputs[i] if sizes is not None and self.row.bound.absolute else None
            d = self.compare("value", number, self.row.bound, y, want, base, magnitude, f"{place}, output {i}")
            self.cell.error, self.cell.limit = max(self.cell.error, d.error), max(self.cell.limit, d.limit)

    def gradients(self, number: int, got: Outcome) -> None:
        """The gradients of a sample, if it has any."""
        truth, plain, sizes = self.oracle.truth(number), self.oracle.plain(number), self.oracle.sizes(number)
        for i, (g, want, base) in enumerate(zip(got.grads, truth.grads, plain.grads, strict=True)):
            magnitude = sizes.grads[i] if sizes is not None and self.row.grad_bound.absolute else _gradient_size(want)
            place = f"{label(self.row.samples[number], number)}, gradient {i}"
            d = self.compare("gradient", number, self.row.grad_bound, g, want, base, magnitude, place)
            self.cell.grad_error = max(self.cell.grad_error or 0.0, d.error / d.limit if d.limit else d.error)

    def compare(
        self, part: str, number: int, bound: Bound, got: Any, want: Any, base: Any, magnitude: Any, place: str
    ) -> Distance:
        """One array against the oracle's; base is numpy's, whose error is the baseline and whose dtype is right."""
        factor = float(bound.factor(*self.oracle.arrays(number)))
        dtype = self.expected(number, want, base)
        d = distance(got, want, bound, factor, magnitude=magnitude, dtype=dtype, flush=self.flush)
        if not d.ok:
            text = d.message or f"error {d.error:.3g} exceeds {d.limit:.3g} ({bound.kind}), {d.where}"
            self.cell.fail(f"{place}: {text}{places.inputs(self.oracle.arrays(number), d.place, np.shape(want))}")
        self.worst[part] = max(self.worst.get(part, 0.0), d.ulps)
        normal = distance(base, want, bound, factor, magnitude=magnitude)
        self.usual[part] = max(self.usual.get(part, 0.0), normal.ulps)
        return d

    def expected(self, number: int, want: Any, base: Any) -> Any:
        """The dtype that a result must have: numpy's in the one under test, which must be the oracle's narrowed to it."""
        if not isinstance(want, np.ndarray) or not isinstance(base, np.ndarray):
            return None
        if "dtype" not in self.row.samples[number].consts:
            real = self.oracle.dtype
            wide = np.dtype("complex128" if real == np.float64 else "complex64")
            narrowed = {"float64": real, "complex128": wide}.get(want.dtype.name, want.dtype)
            if base.dtype not in (narrowed, want.dtype):
                raise DTypeError(f"numpy gives {base.dtype} where {narrowed} was expected")
        return base.dtype

    def baseline(self) -> None:
        """The second gate: at most BASELINE times NumPy's error in this dtype. In float64 NumPy is the oracle itself."""
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

    def proved(self, found: Sequence[str]) -> bool:
        """Whether a part of the proof found nothing wrong; the first complaint fails the cell."""
        for text in found[:1]:
            self.cell.fail(text)
        return not found

    def launches(self, kernels: KernelSet) -> None:
        """What the row names and the set declares must have answered."""
        for kernel in self.row.kernels:
            if kernels.has(kernel, self.cell.dtype) and not self.cell.launches.get(kernel):
                self.cell.fail(f"{kernels.name} declares kernel {kernel} for {self.cell.dtype}, but it did not launch")


def _scope(name: str, checked: bool) -> AbstractContextManager[Any]:
    watch: AbstractContextManager[Any] = nullcontext()
    if checked:
        from dlengine.kernels.cuda import emulator

        watch = emulator.checked()
    return calls.scopes(backend.use_backend(name), watch)


def _gradient_size(want: Any) -> float:
    """The size of a gradient, or of its cotangent (about 1) where the true one is nothing but cancellation."""
    largest = float(np.max(np.abs(want[np.isfinite(want)]), initial=0.0))
    return largest if largest > 1e-6 else 1.0
