"""The innermost loops of the normalisations and of softmax, each over one row.

A row is a one-dimensional slice: that is what lets a loop become vector code. Long sums are carried in float64.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...types import Array
from .compile import inner

RUN = 512
"""Elements that are summed in their own dtype, in the lanes of vectors, before float64 takes over."""


@inner()
def sum_run(x: Array) -> Any:
    total = x.dtype.type(0)
    for i in range(x.size):
        total += x[i]
    return total


@inner()
def sum_by_runs(x: Array) -> float:
    """The sum of a row: short runs in the dtype of x, what they come to in float64."""
    if x.size <= RUN:
        return np.float64(sum_run(x))
    total = np.float64(0)
    for lo in range(0, x.size, RUN):
        total += sum_run(x[lo : min(x.size, lo + RUN)])
    return total


@inner()
def deviations_run(x: Array, mean: Any) -> Any:
    total, squares = x.dtype.type(0), x.dtype.type(0)
    for i in range(x.size):
        d = x[i] - mean
        total += d
        squares += d * d
    return total, squares


@inner()
def deviations_by_runs(x: Array, mean: Any) -> Any:
    """Sums of the deviations from a mean and of their squares, in short runs too.

    The mean has the dtype of x: next to it differences are exact enough.
    """
    total, squares = np.float64(0), np.float64(0)
    for lo in range(0, x.size, RUN):
        t, q = deviations_run(x[lo : min(x.size, lo + RUN)], mean)
        total += t
        squares += q
    return total, squares


@inner(exact=True)
def affine_row(x: Array, mean: Any, scale: Any, shift: Any, y: Array) -> None:
    """y = (x - mean) scale + shift."""
    for i in range(x.size):
        y[i] = (x[i] - mean) * scale + shift


@inner()
def grad_sums_run(gy: Array, x: Array, mean: Any) -> Any:
    total, product = x.dtype.type(0), x.dtype.type(0)
    for i in range(x.size):
        total += gy[i]
        product += gy[i] * (x[i] - mean)
    return total, product


@inner()
def grad_sums_by_runs(gy: Array, x: Array, mean: Any) -> Any:
    """Sums of gy and of gy (x - mean), in short runs."""
    total, product = np.float64(0), np.float64(0)
    for lo in range(0, x.size, RUN):
        hi = min(x.size, lo + RUN)
        t, p = grad_sums_run(gy[lo:hi], x[lo:hi], mean)
        total += t
        product += p
    return total, product


@inner(exact=True)
def grad_row(gy: Array, x: Array, mean: Any, scale: Any, slope: Any, level: Any, gx: Array) -> None:
    """gx = scale gy - slope (x - mean) - level."""
    for i in range(x.size):
        gx[i] = scale * gy[i] - slope * (x[i] - mean) - level


@inner(exact=True)
def add_row(total: Array, x: Array) -> None:
    for i in range(x.size):
        total[i] += x[i]


@inner(exact=True)
def add_squares_row(total: Array, x: Array, mean: Array) -> None:
    for i in range(x.size):
        d = np.float64(x[i]) - mean[i]
        total[i] += d * d


@inner(exact=True)
def add_products_row(total: Array, gy: Array, x: Array, mean: Array) -> None:
    for i in range(x.size):
        total[i] += gy[i] * (np.float64(x[i]) - mean[i])


@inner(exact=True)
def columns_row(x: Array, mean: Array, scale: Array, shift: Array, y: Array) -> None:
    """y = (x - mean) scale + shift, all of them running along the row, carried out in float64."""
    for i in range(x.size):
        y[i] = (x[i] - mean[i]) * scale[i] + shift[i]


@inner(exact=True)
def columns_grad_row(gy: Array, x: Array, mean: Array, scale: Array, slope: Array, level: Array, gx: Array) -> None:
    """gx = scale gy - slope (x - mean) - level, all of them running along the row."""
    for i in range(x.size):
        gx[i] = scale[i] * gy[i] - slope[i] * (x[i] - mean[i]) - level[i]


@inner()
def layer_grad_sums_run(gy: Array, x: Array, weight: Array, mean: Any, rstd: Any) -> Any:
    total, product = x.dtype.type(0), x.dtype.type(0)
    for i in range(x.size):
        g = gy[i] * weight[i]
        total += g
        product += g * ((x[i] - mean) * rstd)
    return total, product


@inner()
def layer_grad_sums_row(gy: Array, x: Array, weight: Array, mean: Any, rstd: Any) -> Any:
    """Sums of gy weight and gy weight xhat along the row: short runs in the dtype of x, their sums in float64."""
    total, product = np.float64(0), np.float64(0)
    for lo in range(0, x.size, RUN):
        hi = min(x.size, lo + RUN)
        t, p = layer_grad_sums_run(gy[lo:hi], x[lo:hi], weight[lo:hi], mean, rstd)
        total += t
        product += p
    return total, product
