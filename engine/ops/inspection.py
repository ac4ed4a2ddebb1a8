"""Dtypes and their properties: the dtype objects (numpy.dtype on every backend), finfo, iinfo, isdtype, result_type."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd.base import TensorBase

bool_ = np.dtype("bool")
int8, int16, int32, int64 = (np.dtype(f"int{n}") for n in (8, 16, 32, 64))
uint8, uint16, uint32, uint64 = (np.dtype(f"uint{n}") for n in (8, 16, 32, 64))
float16, float32, float64 = (np.dtype(f"float{n}") for n in (16, 32, 64))
complex64, complex128 = np.dtype("complex64"), np.dtype("complex128")


def isdtype(dtype: Any, kind: Any) -> bool:
    """Whether a dtype is of a kind ("bool", "signed integer", "integral", "real floating", "numeric" ...), or is one of a tuple."""
    return bool(np.isdtype(dtype, kind))


def result_type(*arrays_and_dtypes: Any) -> Any:
    """The dtype that an operation on these tensors, dtypes and Python scalars gives."""
    return np.result_type(*[a.dtype if isinstance(a, TensorBase) else a for a in arrays_and_dtypes])  # type: ignore[attr-defined]
