"""Matrix products on the GPU: the library's, or our own where that is faster or the library refuses (under capture)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from math import prod
from typing import Any

import numpy as np

from .. import precision
from ..types import Array
from . import FLOATS
from .machine.gemm import gemm
from .machine.launch import device_library, library_of, must_be_capturable

COMPUTE = {"tf32": "COMPUTE_TYPE_TF32", "bfloat16": "COMPUTE_TYPE_BF16"}
"""How CuPy calls what cuBLAS may round float32 to."""


def matmul(a: Array, b: Array) -> Array:
    """a @ b as the array API has it: vectors, matrices, and stacks of matrices whose leading axes broadcast."""
    if a.dtype != b.dtype or str(a.dtype) not in FLOATS:
        return library_of(a).matmul(a, b)
    x, y = a[None, :] if a.ndim == 1 else a, b[:, None] if b.ndim == 1 else b
    if not a.ndim or not b.ndim or x.shape[-1] != y.shape[-2]:
        raise ValueError(f"matmul: shapes {a.shape} and {b.shape} do not fit: the last axis of the first meets the second's rows")
    lead, (rows, columns) = np.broadcast_shapes(x.shape[:-2], y.shape[:-2]), (x.shape[-2], y.shape[-1])
    shape = (*lead, *((rows,) if a.ndim > 1 else ()), *((columns,) if b.ndim > 1 else ()))
    library = None if isinstance(a, np.ndarray) or must_be_capturable(a) else partial(_by_library, a, b)
    if prod(y.shape[:-2]) == 1 and x.flags.c_contiguous:  # one tall matrix
        x, y = x.reshape(prod(x.shape[:-1]), x.shape[-1]), y.reshape(y.shape[-2:])
    else:
        x, y = _stack(x, lead), _stack(y, lead)
    return gemm(x, y, library=library).reshape(shape)


def linear(x: Array, weight: Array, bias: Array | None) -> Array:
    """x weight^T + bias. x: (..., I). weight: (O, I). bias: (O,) or None. Returns (..., O)."""
    rows = x.reshape(prod(x.shape[:-1]), x.shape[-1])
    library = None if isinstance(x, np.ndarray) or must_be_capturable(x) else partial(_linear_by_library, rows, weight, bias)
    return gemm(rows, weight.T, bias, library=library).reshape(*x.shape[:-1], weight.shape[0])


def _linear_by_library(x: Array, weight: Array, bias: Array | None) -> Array:
    y = _by_library(x, weight.T)
    if bias is not None:
        y += bias
    return y


def _stack(m: Array, lead: tuple[int, ...]) -> Array:
    """One axis of matrices; a stack that only lacks leading axes stays as short as it is."""
    own = m.shape[:-2]
    while own and own[0] == 1:
        own = own[1:]
    if prod(lead) and own == lead[len(lead) - len(own) :]:
        return m.reshape(prod(own), *m.shape[-2:]) if own else m.reshape(m.shape[-2:])
    return library_of(m).broadcast_to(m, lead + m.shape[-2:]).reshape(prod(lead), *m.shape[-2:])


def _by_library(a: Array, b: Array) -> Array:
    with _compute_type(str(a.dtype)):
        return library_of(a).matmul(a, b)


@contextmanager
def _compute_type(dtype: str) -> Iterator[None]:
    """Let cuBLAS round as the precision in force says. CuPy keeps this setting per process: it is put back at once."""
    name = COMPUTE.get(precision.multiply_dtype(dtype)) if dtype == "float32" else None
    if name is None:
        yield
        return
    device_library()
    settings: Any = import_module("cupy._core._routines_linalg")
    before = settings.get_compute_type(np.dtype(dtype))
    settings.set_compute_type(np.dtype(dtype), getattr(settings, name))
    try:
        yield
    finally:
        settings.set_compute_type(np.dtype(dtype), before)
