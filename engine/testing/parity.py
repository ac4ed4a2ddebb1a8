"""parity: compare every op of the table on every backend, value and gradient, with the oracle.

The oracle is the same op on the numpy backend in float64, with the same rounded inputs. It is checked first: its values
against the row's reference, its derivatives against central differences (see proof.py). A cell also checks that the kernels
which a backend declares did run, and lists the kernels for which the reference was used instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from difflib import get_close_matches
from fnmatch import fnmatch
from functools import partial
from time import perf_counter
from typing import Any, TypeAlias

import numpy as np

from dlengine.kernels import reference
from dlengine.kernels.cuda.machine.choice import is_fatal
from dlengine.kernels.generated.mode import Mode
from dlengine.kernels.registry import KernelSet

from .. import backend
from ..errors import ArgumentError, ConfigError, DLEngineError
from ..recording import GENERATORS, NotPointwise, generating, read
from . import calls
from .cell import Cell
from .jobs import Died, in_processes
from .judge import Judge
from .oracle import Oracle
from .proof import Proof, label, raised
from .special import SPECIAL, special
from .table import CASES, Case

Progress: TypeAlias = Callable[[int, int, Cell], None]
"""A function that is called after each cell with the number of cells done, the number of all, and the cell."""


def table() -> dict[str, Case]:
    """All rows of the op table by name, imported on first use."""
    from . import cases  # noqa: F401 - the import fills CASES

    return CASES


def rows(pattern: str = "*") -> list[Case]:
    """Find rows of the op table by name.

    Parameters
    ----------
    pattern : str
        A shell pattern, or several separated by commas.

    Returns
    -------
    list of Case
        The rows.

    Raises
    ------
    ConfigError
        If no name matches.

    Examples
    --------
    >>> sorted(row.name for row in dl.testing.rows("sin[h],log1p"))
    ['log1p', 'sinh']
    """
    wanted = [p.strip() for p in pattern.split(",")]
    found = [row for name, row in table().items() if any(fnmatch(name, p) for p in wanted)]
    if not found:
        near = get_close_matches(pattern, table(), n=4, cutoff=0.3)
        raise ConfigError(
            f"no op has a row named {pattern!r} in engine/testing/cases/; did you mean {', '.join(near) or 'one of *'}?"
        )
    return found


def cpu_backends() -> list[str]:
    """The backends that run here without a GPU or an emulator."""
    return [n for n in ("numpy", "numba") if backend.BACKENDS[n].unavailable() is None]


def parity(
    op: str = "*",
    *,
    backends: Sequence[str] | None = None,
    dtypes: Sequence[str] | None = None,
    emulate: bool = False,
    checked: bool = False,
    jobs: int = 0,
    limit: float | None = None,
    progress: Progress | None = None,
) -> list[Cell]:
    """Compare ops on several backends, and in each of their dtypes, with the oracle.

    Parameters
    ----------
    op : str
        A pattern of row names, as for ``rows``.
    backends : sequence of str or None
        The backends, named as for ``set_backend``; None is numpy, and numba if it is installed.
    dtypes : sequence of str or None
        The dtypes; None is all that the row or its kernels declare.
    emulate : bool
        Run the cuda backend on the CPU.
    checked : bool
        Let the emulator check every memory access.
    jobs : int
        The number of processes, where a crash fails one cell; 0 works in this process.
    limit : float or None
        The seconds that a cell may take in such a process, which is then ended and fails the cell.
    progress : callable or None
        A function that is called after each cell with the number of cells done, the number of all, and the cell.

    Returns
    -------
    list of Cell
        One cell per row, backend and dtype.

    Raises
    ------
    BackendUnavailable
        If a backend cannot run here.
    ConfigError
        For an unknown name of a row, backend or dtype.

    Examples
    --------
    >>> cells = dl.testing.parity("relu", backends=["numpy"], dtypes=["float32"])
    >>> [(cell.op, cell.backend, cell.dtype, cell.verdict) for cell in cells]
    [('relu', 'numpy', 'float32', 'pass')]
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
    arriving = cells(plan, checked=checked) if not jobs else _in_processes(plan, jobs, checked, limit)
    for key, cell in arriving:
        found[key] = cell
        if progress is not None:
            progress(len(found), len(plan), cell)
    return [found[key] for key in plan]


Planned: TypeAlias = tuple[str, str, str]
"""A cell to compute: its row, backend and dtype."""


def cells(plan: Sequence[Planned], *, checked: bool = False) -> Iterator[tuple[Planned, Cell]]:
    """Compute the cells of a plan in order. Cells of one row should be adjacent, since they share its oracle."""
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


def _in_processes(
    plan: Sequence[Planned], jobs: int, checked: bool, limit: float | None
) -> Iterator[tuple[Planned, Cell]]:
    """Compute the cells of a plan in several processes, each of which takes one row at a time."""
    groups: dict[str, list[Planned]] = {}
    for key in plan:
        groups.setdefault(key[0], []).append(key)
    for key, cell in in_processes(list(groups.values()), partial(_served, checked=checked), jobs, limit=limit):
        if isinstance(cell, Died):
            died = cell.reason
            name, on, dtype = key
            cell = Cell(name, on, dtype, independent=table()[name].independent)
            cell.fail(f"{died} while it was at this cell")
        yield key, cell


_serving: list[bool] = []
"""Not empty in a worker process."""


def _served(plan: list[Planned], checked: bool) -> Iterator[Cell]:
    """Compute the cells of a plan in a worker process."""
    _serving.append(True)
    return (cell for _, cell in cells(plan, checked=checked))


def dtypes_of(row: Case, name: str) -> list[str]:
    """The dtypes to compare a row in on a backend: its own, and those that the backend's kernels have, generated ones too."""
    with backend.use_backend(name):
        creation = backend.policy().creation
        kernels = creation.kernels() or reference.SET
        number = backend.namespace_of(creation.library, creation.kernels()).generator
    declared = [d for k in row.kernels for d in kernels.declared.get(k, ()) if hasattr(np, d)]
    if number >= 0 and "float16" in GENERATORS[number].dtypes and is_generated(row, "float16", number):
        declared.append("float16")
    return list(dict.fromkeys([*row.dtypes, *declared]))


def is_generated(row: Case, dtype: str, number: int) -> bool:
    """Whether an op's definition becomes a kernel in a dtype, for one of the row's samples at least.

    number: of the generator.
    """
    op = getattr(row.op, "op", None)
    if op is None or op.readings[number] is None:
        return False
    for place, sample in enumerate(row.samples):
        try:
            args, consts = op.bind(tuple(calls.draw(row, place, np.dtype(dtype))), dict(sample.consts))
            read(op, [a.dtype if isinstance(a, np.ndarray) else a for a in args], consts, GENERATORS[number].kernels)
        except (NotPointwise, ArgumentError):
            continue
        return True
    return False


def _known(name: str, emulate: bool) -> str:
    """The full name of a backend, after a check that it runs here."""
    with backend.use_backend(name, emulate=emulate and name == "cuda"):
        return backend.get_backend()


def check(
    row: Case, name: str, dtype: str, *, oracle: Oracle | None = None, proof: Proof | None = None, checked: bool = False
) -> Cell:
    """Compare all samples of a row on one backend in one dtype.

    Parameters
    ----------
    row : Case
        The row.
    name : str
        The full name of the backend.
    dtype : str
        The dtype.
    oracle : Oracle or None
        The oracle of the row, to share between cells.
    proof : Proof or None
        The check of the oracle, whose findings fail the cell; None compares backends only.
    checked : bool
        Let the emulator check every memory access.

    Returns
    -------
    Cell
        The result.

    Examples
    --------
    >>> (row,) = dl.testing.rows("tanh")
    >>> dl.testing.check(row, "numpy", "float32").ok
    True
    """
    start = perf_counter()
    with backend.use_backend(name):
        kernels = backend.policy().creation.kernels() or reference.SET
        gpu = backend.policy().creation.library is backend.CUPY
    judge = Judge(row, name, str(dtype), oracle or Oracle(row, dtype), gpu)
    if proof is not None and not judge.proved(proof.values() + proof.gradients("numpy")):
        judge.cell.seconds = perf_counter() - start
        return judge.cell
    _compare(judge, kernels, name, dtype, checked)
    judge.baseline()
    extra = special(row) if name != "numpy" or dtype != "float64" else None
    if extra is not None:
        strange = Judge(extra, name, str(dtype), judge.oracle.special(extra), gpu)
        strange.cell = judge.cell
        _compare(strange, kernels, name, dtype, checked)
    if judge.missing(kernels):  # small arrays may take kernels in whose place generated code answers the others
        _compare(judge, kernels, name, dtype, checked, "auto")
    judge.launches(kernels)
    judge.cell.answered = kernels is not reference.SET and bool(judge.cell.launches)
    if proof is not None and judge.cell.answered and judge.oracle.dtype == np.float64:
        judge.proved(proof.gradients(name))
    judge.cell.seconds = perf_counter() - start
    return judge.cell


def _compare(judge: Judge, kernels: KernelSet, name: str, dtype: str, checked: bool, mode: Mode = "always") -> None:
    """Run all samples of the judge's row on a backend and compare the results.

    mode: of generated code; ``"always"``: for arrays of every size.
    """
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
            with _scope(name, checked, mode), calls.default_dtype(dtype):
                got = calls.run(row, sample, oracle.arrays(number), dtype)
            if refusal is not None:
                if judge.accepts(refusal, got):
                    continue
                judge.cell.fail(f"{label(sample, number)}: a result, where numpy raises {type(refusal).__name__}: {refusal}")
                continue
            judge.values(number, got)
            judge.gradients(number, got)
        except Exception as error:  # any error of an op fails its cell, and the other cells still run
            if _serving and is_fatal(error):  # this process has lost its card: another one goes on
                raise
            if type(error) is not type(refusal):
                judge.cell.fail(f"{label(sample, number)}: {raised(error)}")
        judge.cell.count(kernels.launches - launched, backend.fallbacks - fallen)


def _scope(name: str, checked: bool, mode: Mode) -> AbstractContextManager[Any]:
    """A context that uses a backend, and generated code in some mode, with the emulator's checks if wanted."""
    watch: AbstractContextManager[Any] = nullcontext()
    if checked:
        from dlengine.kernels.cuda import emulator

        watch = emulator.checked()
    return calls.scopes(backend.use_backend(name), generating(mode), watch)
