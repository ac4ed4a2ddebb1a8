"""Division of each row by the root of its mean square, forward and backward: the loops of rms_norm."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange

from ...types import Array
from .compile import inner, jit
from .norm_rows import RUN, add_row


@inner()
def products_run(x: Array, y: Array) -> Any:
    total = x.dtype.type(0)
    for i in range(x.size):
        total += x[i] * y[i]
    return total


@inner()
def products_by_runs(x: Array, y: Array) -> float:
    """The sum of products of two rows, in short runs."""
    total = np.float64(0)
    for lo in range(0, x.size, RUN):
        hi = min(x.size, lo + RUN)
        total += products_run(x[lo:hi], y[lo:hi])
    return total


@inner(exact=True)
def scaled_row(x: Array, rstd: Any, weight: Array, y: Array) -> None:
    for i in range(x.size):
        y[i] = x[i] * rstd * weight[i]


@inner(exact=True)
def weighted_row(gy: Array, x: Array, rstd: Any, weight: Array, g: Array, gw: Array) -> None:
    """g = gy weight, and the part of a row in the gradient of the weight."""
    for i in range(x.size):
        g[i] = gy[i] * weight[i]
        gw[i] += gy[i] * (x[i] * rstd)


@inner(exact=True)
def back_row(g: Array, x: Array, rstd: Any, slope: Any, gx: Array) -> None:
    """gx = rstd g - slope x."""
    for i in range(x.size):
        gx[i] = rstd * g[i] - slope * x[i]


@jit()
def rms(x: Array, weight: Array, eps: float, y: Array, rstds: Array, threads: int) -> None:
    rows, size = x.shape
    for t in prange(threads):
        for r in range(t * rows // threads, (t + 1) * rows // threads):
            rstd = x.dtype.type(1.0 / np.sqrt(products_by_runs(x[r], x[r]) / size + eps))
            rstds[r] = rstd
            scaled_row(x[r], rstd, weight, y[r])


@jit()
def rms_grad(gy: Array, x: Array, weight: Array, rstds: Array, gx: Array, gw: Array, step: int, threads: int) -> None:
    """gw: (pieces, D), float64, zeros; a piece holds the sums of a part of the rows, which are added in runs of `step`."""
    rows, size = x.shape
    pieces = len(gw)
    for t in prange(threads):
        g, part = np.empty(size, x.dtype), np.empty(size, x.dtype)
        for p in range(t * pieces // threads, (t + 1) * pieces // threads):
            end = (p + 1) * rows // pieces
            for lo in range(p * rows // pieces, end, step):
                part[:] = 0
                for r in range(lo, min(end, lo + step)):
                    rstd = rstds[r]
                    weighted_row(gy[r], x[r], rstd, weight, g, part)
                    mean = products_by_runs(g, x[r]) / size
                    slope = x.dtype.type(mean * np.float64(rstd) * np.float64(rstd) * np.float64(rstd))
                    back_row(g, x[r], rstd, slope, gx[r])
                add_row(gw[p], part)
