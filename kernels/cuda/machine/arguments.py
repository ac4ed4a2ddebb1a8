"""The arguments of a launch: what is checked of an array, and how a number becomes a parameter."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache, partial
from typing import Any

import numpy as np

from .source import DTYPES, Parameter, accumulator, pack


def is_dense(a: Any) -> bool:
    """Whether an array lies as kernels read it: in C order, its first element at a multiple of an element's bytes."""
    flags = a.flags
    if isinstance(a, np.ndarray):
        return bool(flags.c_contiguous and flags.aligned)
    return bool(flags.c_contiguous) and a.data.ptr % a.dtype.itemsize == 0


def refusal(kernel: str, name: str, expected: Any, array: Any) -> Exception:
    """What is wrong with an array."""
    if array.dtype != expected:
        return TypeError(f"{kernel}: {name} must be {expected}, got {array.dtype}")
    if not array.flags.c_contiguous:
        return ValueError(f"{kernel}: {name} must be C-contiguous, got strides {array.strides} for shape {array.shape}")
    return ValueError(f"{kernel}: {name} does not begin at a multiple of the {array.dtype.itemsize} bytes of an element")


def _declared(c_type: str, dtype: str) -> Any:
    """The dtype that a C type means when T is a dtype; None for a struct."""
    return {"T": dtype, "ACC": accumulator(dtype)}.get(c_type) or DTYPES.get(c_type)


def conversion(parameter: Parameter, dtype: str, structs: Mapping[type, int]) -> tuple[str, Any, Any]:
    """A parameter's name, the dtype of its arrays or None, and what makes its scalar.

    CuPy by itself would pass an int as 8 bytes and a float as double.
    """
    if parameter.pointer:
        return parameter.name, known_dtype(_declared(parameter.c_type, dtype)), None
    for kind, dims in structs.items():
        if parameter.c_type == kind.__name__:
            return parameter.name, None, partial(_packed, dims, f"_packed{dims}")
    declared = _declared(parameter.c_type, dtype)
    return parameter.name, None, _as_it_is if declared is None else _SIZES.get(declared) or known_dtype(declared).type


_SIZES: dict[str, Any] = {"int32": lru_cache(4096)(np.int32), "int64": lru_cache(4096)(np.int64)}
"""Sizes come again and again: to find one costs half of making it."""


def _packed(dims: int, name: str, value: Any) -> Any:
    """Kept with the geometry under a name, which is made once for many calls: to hash its fields takes longer than a launch."""
    held = value.__dict__
    if name not in held:
        object.__setattr__(value, name, pack(value, dims))
    return held[name]


def _as_it_is(value: Any) -> Any:
    """A struct that was packed already."""
    if not isinstance(value, np.ndarray):
        raise TypeError(f"a struct must be packed, got {type(value).__name__}")
    return value


def known_dtype(name: str) -> Any:
    """A dtype by its name; bfloat16 is known to NumPy once ml_dtypes is imported."""
    if name == "bfloat16":
        import ml_dtypes

        return np.dtype(ml_dtypes.bfloat16)
    return np.dtype(name)
