"""NumPy arrays of numbers, lists, and arrays or tensors of any library."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias, TypeGuard

import numpy as np

from .._tensor import Tensor
from ..default_dtype import default_complex_dtype, get_default_dtype
from ..errors import DataError, DTypeError
from ..ops.conversion import only_indexed

HostArray: TypeAlias = np.ndarray[Any, Any]
"""An array in the memory of the CPU, of any shape and dtype."""

Rows: TypeAlias = Sequence[int] | HostArray
"""Sample numbers (N,)."""

Folder: TypeAlias = str | Path | None
"""A folder of data files; None is the default folder."""

NUMBERS = (bool, int, float, complex)
"""The number types of Python."""


def is_array(value: object) -> bool:
    """Whether an object is an array or tensor of some library."""
    return hasattr(value, "__array__") or hasattr(value, "__array_interface__") or hasattr(value, "__cuda_array_interface__")


def to_host(value: Any) -> HostArray:
    """Convert a number, a list of numbers, or an array or tensor of any library; Python's floats get the default dtype.

    Raises DTypeError, ValueError, TypeError, OverflowError or RuntimeError where no array can be made.
    """
    if isinstance(value, Tensor):
        return np.asarray(value.numpy_copy())
    if isinstance(value, np.ndarray):
        return value
    if isinstance(value, (*NUMBERS, list)) and not isinstance(value, np.generic):
        array = np.asarray(value)
        if array.dtype.kind == "f" and array.size and _only_integers(value):
            raise OverflowError("integers beyond int64")
        if array.dtype.kind in "fc" and not _starts_with_numpy_number(value):
            array = array.astype(get_default_dtype() if array.dtype.kind == "f" else default_complex_dtype())
        if array.dtype.kind == "O" or (array.dtype == np.uint64 and not _starts_with_numpy_number(value)):
            raise OverflowError("not numbers of equal lists, or integers beyond int64")
        return array if array.size else array.astype(get_default_dtype())
    if only_indexed(value):
        raise DTypeError("it gives items by number, which may have no end; a data set goes to DataLoader as it is")
    if hasattr(value, "detach") and hasattr(value, "cpu"):  # a PyTorch tensor: leave its graph and its device
        foreign: Any = value
        value = foreign.detach().cpu()
        value = value.float() if str(value.dtype) == "torch.bfloat16" else value  # NumPy has no bfloat16; float32 is exact
    if hasattr(value, "__cuda_array_interface__") and hasattr(value, "get"):  # a CuPy array
        on_device: Any = value
        value = on_device.get()
    return np.asarray(value)


def convert(value: Any, subject: str, hint: str) -> HostArray:
    """Convert as to_host does. Raises DataError "subject cannot become an array (cause); hint"."""
    try:
        return to_host(value)
    except (ValueError, TypeError, OverflowError, RuntimeError) as error:
        raise DataError(f"{subject} cannot become an array ({error}); {hint}") from None


def is_number_list(value: object) -> TypeGuard[list[Any]]:
    """Whether a list holds only numbers, or only such lists of one length, so that it is one array."""
    if not isinstance(value, list):
        return False
    if all(isinstance(item, (*NUMBERS, np.generic)) for item in value):
        return True
    return all(isinstance(item, list) and len(item) == len(value[0]) and is_number_list(item) for item in value)


def _only_integers(value: object) -> bool:
    """Whether there are only integers; NumPy makes floating numbers of those that are too large."""
    return all(map(_only_integers, value)) if isinstance(value, list) else isinstance(value, int)


def _starts_with_numpy_number(value: object) -> bool:
    """Whether the first number of a nested list is NumPy's, whose dtype is then kept."""
    while isinstance(value, list) and value:
        value = value[0]
    return isinstance(value, np.generic)
