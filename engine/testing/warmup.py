"""Compiling kernels ahead of time, for `dlengine warmup`: those of the numba backend by running the op table, CUDA's directly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from dlengine.kernels import jit
from dlengine.kernels.cuda.machine import compile_check, launch
from dlengine.kernels.settings import AdamSettings, SGDSettings

from .. import backend
from ..recording import generating
from . import calls
from .parity import is_generated, rows
from .table import Case

Progress: TypeAlias = Callable[[str, int, int], None]
"""A function that is called with what is compiled now, how much is done, and how much there is in all."""


def compile_cpu_kernels(dtypes: Sequence[str], progress: Progress) -> None:
    """Compile the kernels of the numba backend, by hand and generated: run every row that uses one, once in each dtype."""
    todo = [(row, dtype) for row in rows() for dtype in dtypes if dtype in row.dtypes and _is_compiled(row, dtype)]
    with backend.use_backend("numba"), generating("always"):
        for done, (row, dtype) in enumerate(todo):
            progress(f"{row.name} {dtype}", done, len(todo))
            with calls.default_dtype(np.dtype(dtype)):
                for number, sample in enumerate(row.samples):
                    calls.run(row, sample, calls.draw(row, number, np.dtype(dtype)), np.dtype(dtype))
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
