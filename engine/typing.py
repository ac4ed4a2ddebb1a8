"""Names for annotations, as in `numpy.typing`. Nothing here is needed to run a program."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from ._tensor import Tensor as Tensor

Namespace: TypeAlias = Any
"""What an op's definition calls xp: the array API's functions and the kernels, for arrays of one library or for tensors."""

ValueAndVJP: TypeAlias = "tuple[Tensor, Any]"
"""What an op's definition returns: the value, and the vector-Jacobian product of each array argument (one function for one
argument, a tuple of functions for several, or one function of (gy, need) for all). The function that users call returns the
value alone. Where there are several outputs, write `tuple[tuple[Tensor, Tensor], Any]` and the like."""

Scalar: TypeAlias = bool | int | float | complex
"""A Python number."""

TensorLike: TypeAlias = "Tensor | Scalar"
"""What elementwise ops take: a tensor, or a Python number that is broadcast to it."""

RealLike: TypeAlias = "Tensor | float"
"""The same for ops that compare: a tensor, or a real Python number."""

DTypeLike: TypeAlias = np.dtype[Any] | type[Any] | str
"""A dtype, as `dl.float32`, `numpy.dtype("float32")` or `"float32"`."""

Shape: TypeAlias = int | tuple[int, ...]
"""Sizes of axes; one integer is a shape of one axis."""

Axis: TypeAlias = int | tuple[int, ...] | None
"""The axes that a reduction runs over; None is all of them."""
