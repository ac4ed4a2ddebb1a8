"""Compiling kernels ahead of time, for `dlengine warmup`: those of the numba backend by running the op table, CUDA's directly."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TypeAlias

import numpy as np

from dlengine.kernels import jit
from dlengine.kernels.cuda import emulator
from dlengine.kernels.cuda.machine import compile_check, cubins, launch
from dlengine.kernels.generated.mode import Mode
from dlengine.kernels.settings import AdamSettings, SGDSettings

from .. import backend
from ..recording import generating
from . import calls
from .jobs import Died, in_processes
from .parity import is_generated, rows
from .table import Case

Progress: TypeAlias = Callable[[str, int, int], None]
"""A function that is called with what is compiled now, how much is done, and how much there is in all."""


def compile_cpu_kernels(dtypes: Sequence[str], progress: Progress) -> None:
    """Compile the kernels of the numba backend, by hand and generated: run every row that uses one, once in each dtype."""
    todo = [(row, dtype) for row in rows() for dtype in dtypes if dtype in row.dtypes and _is_compiled(row, dtype)]
    with backend.use_backend("numba"):
        for done, (row, dtype) in enumerate(todo):
            progress(f"{row.name} {dtype}", done, len(todo))
            launched = jit.SET.launches.copy()
            _run(row, dtype, "always")
            if any(jit.SET.has(k, dtype) and jit.SET.launches[k] == launched[k] for k in row.kernels):
                _run(row, dtype, "auto")  # small arrays may take kernels in whose place generated code answers the others
        with generating("always"):
            for dtype in dtypes:
                _run_update_kernels(dtype)
    progress("done", len(todo), len(todo))


def compile_cuda_kernels(dtypes: Sequence[str], progress: Progress) -> None:
    """Compile every CUDA kernel for this GPU, in each of the dtypes that it has; CuPy keeps the results on disk."""
    todo = [(k, d) for k in compile_check.declared_kernels() for d in k.dtypes if not d or d in dtypes]
    with backend.use_backend("cuda"):
        for done, (kernel, dtype) in enumerate(todo):
            progress(f"{kernel.name} {dtype}".rstrip(), done, len(todo))
            launch.compile_now(kernel, dtype)
    progress("done", len(todo), len(todo))


Text: TypeAlias = tuple[str, tuple[str, ...]]
"""A self-contained text of CUDA C and the compiler's options."""


def cuda_texts(arch: int, dtypes: Sequence[str] = (), pattern: str = "*") -> dict[Text, str]:
    """What may be launched on a card, without one: the kernels of the set that are for it, and those made of definitions.

    The latter are found by calling every op of the table, on the emulator, which then runs nothing.

    Parameters
    ----------
    arch : int
        The architecture, such as 90.
    dtypes : sequence of str
        Of the set's kernels; none for all that they have.
    pattern : str
        The ops of the table.

    Returns
    -------
    dict
        Texts, and the name of a kernel in each.
    """
    found: dict[Text, str] = {}

    def note(kernel: launch.Kernel, dtype: str) -> None:
        found.setdefault((kernel.source(dtype), kernel.options), kernel.exported_name(dtype))

    for kernel in compile_check.declared_kernels():
        for dtype in kernel.dtypes if arch in kernel.architectures else ():
            if not (dtype and dtypes) or dtype in dtypes:
                note(kernel, dtype)
    token = emulator.mode.set(emulator.Mode(instead=lambda kernel, dtype: None if kernel.listed else note(kernel, dtype)))
    try:
        quiet = calls.scopes(warnings.catch_warnings(), np.errstate(all="ignore"))
        with quiet, backend.use_backend("cuda", emulate=True), generating("always"):
            warnings.simplefilter("ignore")  # of numbers that nothing computed
            for row in rows(pattern):
                for dtype in row.dtypes:
                    for number, sample in enumerate(row.samples):
                        with suppress(Exception):  # of an op that looks at them
                            calls.run(row, sample, calls.draw(row, number, np.dtype(dtype)), np.dtype(dtype))
    finally:
        emulator.mode.reset(token)
    return found


def compile_cubins(
    folder: Path, arch: int, texts: dict[Text, str], jobs: int, progress: Progress
) -> tuple[int, dict[str, str]]:
    """Compile texts for an architecture and put the machine code into a folder, for machines with such a card.

    Parameters
    ----------
    folder : Path
        The folder; what it has already is left as it is.
    arch : int
        The architecture.
    texts : dict
        See cuda_texts.
    jobs : int
        Processes that compile.
    progress : callable
        Told of each text.

    Returns
    -------
    int
        How many were compiled now.
    dict
        The compiler's words for those that could not be, by the name of a kernel.
    """
    todo = [t for t in texts if not cubins.is_saved(folder, arch, cubins.key_of(*t, arch))]
    failed: dict[str, str] = {}
    work = partial(_compiled_into, folder=folder, arch=arch)
    for done, (text, error) in enumerate(in_processes([[t] for t in todo], work, jobs)):
        progress(texts[text], done, len(todo))
        if error is not None:
            failed[texts[text]] = error.reason if isinstance(error, Died) else error
    progress("done", len(todo), len(todo))
    return len(todo) - len(failed), failed


def _compiled_into(texts: Sequence[Text], folder: Path, arch: int) -> Iterator[str | None]:
    """Compile each text and keep its machine code; the compiler's words where that fails, else None."""
    for source, options in texts:
        try:
            code = compile_check.machine_code(source, arch, options)
        except compile_check.CompileError as error:
            yield str(error)
        else:
            cubins.save(folder, arch, cubins.key_of(source, options, arch), code)
            yield None


def _run(row: Case, dtype: str, mode: Mode) -> None:
    """Run all samples of a row; mode: of generated code."""
    with generating(mode), calls.default_dtype(np.dtype(dtype)):
        for number, sample in enumerate(row.samples):
            calls.run(row, sample, calls.draw(row, number, np.dtype(dtype)), np.dtype(dtype))


def _is_compiled(row: Case, dtype: str) -> bool:
    """Whether a row uses a kernel of the numba backend in a dtype, by hand or generated."""
    return any(jit.SET.has(kernel, dtype) for kernel in row.kernels) or is_generated(row, dtype, 0)


def _run_update_kernels(dtype: str) -> None:
    """Run the kernels that no op uses: the updates of optimizers."""
    xp = backend.namespace_for("cpu")
    p, g, m, v = (np.ones(2, dtype) for _ in range(4))
    for buffer in (None, [m]):
        for nesterov in (False, True):
            xp.sgd([p], [g], buffer, SGDSettings(0.1, 0.9, 0.0, 0.0, nesterov, False))
    for largest in (None, [np.ones(2, dtype)]):
        xp.adam([p], [g], [m], [v], largest, AdamSettings(0.1, 0.9, 0.999, 1e-8, 0.0, False, 1))
    xp.scale([g], 0.5 * xp.sum_of_squares([g]))
    first = np.zeros(1, np.int64)
    xp.skipgram_negative(np.zeros((1, 2), dtype), np.zeros((1, 2), dtype), first, first[:, None], 0.1)
