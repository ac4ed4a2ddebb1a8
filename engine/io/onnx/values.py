"""What flows through an imported graph: tensors, NumPy arrays on the host, lists (sequences) and None (absent).

Constants, shapes and what is computed from them alone stay on the host, as NumPy arrays: numbers that decide about shapes, and
dtypes that only the package ml_dtypes has, such as float8 and int4.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any, TypeAlias

import numpy as np

from ..._tensor import Tensor
from ...autograd.base import TensorBase
from ...autograd.promotion import bfloat16
from ...errors import BackendUnavailable, OnnxError
from ...ops.conversion import asarray

Host: TypeAlias = Any
"""An argument that an operator reads as a NumPy array, or that may be absent."""

Raw: TypeAlias = Any
"""An argument that an operator takes as it comes."""


def library() -> Any:
    """The package onnx. Raises BackendUnavailable, which says how to install it."""
    if find_spec("onnx") is None:
        raise BackendUnavailable("ONNX models need the package onnx: pip install 'dlengine-xp[onnx]', or pip install onnx")
    for part in ("onnx.inliner", "onnx.numpy_helper", "onnx.helper"):
        import_module(part)
    return import_module("onnx")


def host(value: Any) -> Any:
    """A value as a NumPy array; lists and None as they are."""
    if isinstance(value, TensorBase):
        return value.numpy_copy()  # type: ignore[attr-defined]
    return np.asarray(value) if isinstance(value, np.generic) else value


def is_plain(dtype: np.dtype[Any]) -> bool:
    """Whether tensors can have a dtype; float8_e5m2, too, is of NumPy's kind "f"."""
    return dtype.name == "bfloat16" or (dtype.kind in "biufc" and dtype.name in _PLAIN.values())


def tensor(value: Any, device: str | None = None) -> Any:
    """A value as a tensor; lists and None as they are."""
    if isinstance(value, np.ndarray):
        if not is_plain(value.dtype):
            raise OnnxError(f"values of dtype {value.dtype.name} cannot be computed with, only converted")
        return asarray(value, device=device)
    return value


def is_host(value: Any) -> bool:
    """Whether a value is on the host."""
    return isinstance(value, np.ndarray)


def ints(value: Any) -> tuple[int, ...]:
    """A shape or axes: a host array or list as a tuple of integers."""
    return tuple(int(v) for v in np.asarray(value).reshape(-1))


_EXOTIC = {
    17: "float8_e4m3fn", 18: "float8_e4m3fnuz", 19: "float8_e5m2", 20: "float8_e5m2fnuz", 21: "uint4", 22: "int4",
    23: "float4_e2m1fn", 24: "float8_e8m0fnu", 25: "uint2", 26: "int2",
}  # fmt: skip
_PLAIN = {
    1: "float32", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64", 9: "bool", 10: "float16", 11: "float64",
    12: "uint32", 13: "uint64", 14: "complex64", 15: "complex128",
}  # fmt: skip


def dtype_of(number: int) -> Any:
    """The NumPy dtype of ONNX's number of a data type."""
    if number in _PLAIN:
        return np.dtype(_PLAIN[number])
    if number == 16:
        return bfloat16()
    if number == 8:
        return np.dtype(object)
    if number not in _EXOTIC:
        raise OnnxError(f"the data type {number} is not known")
    if find_spec("ml_dtypes") is None or not hasattr(import_module("ml_dtypes"), _EXOTIC[number]):
        raise OnnxError(f"the data type {_EXOTIC[number]} needs a newer package ml_dtypes")
    return np.dtype(getattr(import_module("ml_dtypes"), _EXOTIC[number]))


def is_tensor(value: Any) -> bool:
    """Whether a value is a tensor."""
    return isinstance(value, Tensor)
