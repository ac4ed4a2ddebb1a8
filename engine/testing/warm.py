"""Compile the kernels of the numba backend ahead of time: run the rows of the op table that prove them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from dlengine.kernels import jit

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
