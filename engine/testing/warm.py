"""Compile kernels ahead of time: the numba backend's by running the rows of the op table that prove them, CUDA's as they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from dlengine.kernels import jit
from dlengine.kernels.cuda import compile_check, launch

from .. import backend
from . import calls
from .parity import rows
from .table import Case


def warm(dtypes: Sequence[str], progress: Callable[[str, int, int], None]) -> None:
    """Run every row that names a kernel of the jit set, and the optimizers' kernels, once in each dtype.

    progress(what, rows done, rows in all) is told as it goes.
    """
    todo = [(row, dtype) for row in rows() for dtype in dtypes if _uses(row, dtype)]
    with backend.use_backend("numba"):
        for done, (row, dtype) in enumerate(todo):
            progress(f"{row.name} {dtype}", done, len(todo))
            with calls.default_dtype(np.dtype(dtype)):
                for number, sample in enumerate(row.samples):
                    calls.run(row, sample, calls.draw(row, number, np.dtype(dtype)), np.dtype(dtype))
        for dtype in dtypes:
            _update(dtype)
    progress("done", len(todo), len(todo))


def warm_cuda(dtypes: Sequence[str], progress: Callable[[str, int, int], None]) -> None:
    """Compile every CUDA kernel that lists this card, in each dtype that it has; CuPy keeps the results on disk."""
    todo = [(k, d) for k in compile_check.declared_kernels() for d in k.dtypes if not d or d in dtypes]
    with backend.use_backend("cuda"):
        for done, (kernel, dtype) in enumerate(todo):
            progress(f"{kernel.name} {dtype}".rstrip(), done, len(todo))
            launch.compile_now(kernel, dtype)
    progress("done", len(todo), len(todo))


def _uses(row: Case, dtype: str) -> bool:
    return dtype in row.dtypes and any(jit.SET.has(kernel, dtype) for kernel in row.kernels)


def _update(dtype: str) -> None:
    """The kernels of no op: the optimizers' updates."""
    xp = backend.namespace_for("cpu")
    p, g, m, v = (np.ones(2, dtype) for _ in range(4))
    for buffer in (None, [m]):
        for nesterov in (False, True):
            xp.sgd([p], [g], buffer, 0.1, 0.9, 0.0, 0.0, nesterov, False)
    for largest in (None, [np.ones(2, dtype)]):
        xp.adam([p], [g], [m], [v], largest, 0.1, 0.9, 0.999, 1e-8, 0.0, False, 1)
    xp.scale([g], 0.5 * xp.sum_of_squares([g]))
    first = np.zeros(1, np.int64)
    xp.skipgram_negative(np.zeros((1, 2), dtype), np.zeros((1, 2), dtype), first, first[:, None], 0.1)
