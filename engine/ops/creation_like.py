"""New tensors of the shape, dtype and device of another one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..autograd.base import TensorBase, wrap
from ..backend import spaces
from ..backend.library import Unrecorded
from ..errors import DTypeError

if TYPE_CHECKING:
    from ..typing import DTypeLike, Tensor, TensorLike
from .creation import empty, full, ones, zeros

__all__ = ["empty_like", "full_like", "ones_like", "zeros_like"]


def _like(x: Any, dtype: Any, device: str | None) -> tuple[Any, str]:
    if not isinstance(x, TensorBase):
        raise DTypeError(f"expected a tensor to be like, got {type(x).__name__}; make a tensor of it: dl.asarray(x)")
    own: Any = x
    return own.dtype if dtype is None else dtype, own.device if device is None else device


def _usual(x: Any, dtype: Any, device: str | None) -> Any:
    """The namespace of a tensor on the host that is to have a like; None for others, and while a step is recorded."""
    if dtype is not None or device is not None or not isinstance(x, TensorBase) or type(x.array) is not np.ndarray:
        return None
    try:
        return spaces()[np.ndarray]
    except Unrecorded:
        return None


def empty_like(x: Tensor, /, *, dtype: DTypeLike | None = None, device: str | None = None) -> Tensor:
    """Make a tensor like another one, whose values are not set.

    Parameters
    ----------
    x : Tensor
        What it is to be like.
    dtype : dtype, optional
        Another dtype.
    device : str, optional
        Another device.

    Returns
    -------
    Tensor
        Shape of ``x``.

    Examples
    --------
    >>> dl.empty_like(dl.zeros((2, 3))).shape
    (2, 3)
    """
    dtype, device = _like(x, dtype, device)
    return empty(x.shape, dtype=dtype, device=device)


def zeros_like(x: Tensor, /, *, dtype: DTypeLike | None = None, device: str | None = None) -> Tensor:
    """Make zeros like another tensor.

    Parameters
    ----------
    x : Tensor
        What they are to be like.
    dtype : dtype, optional
        Another dtype.
    device : str, optional
        Another device.

    Returns
    -------
    Tensor
        Shape of ``x``.

    Examples
    --------
    >>> dl.zeros_like(dl.asarray([1, 2]))
    tensor([0, 0])
    """
    xp = _usual(x, dtype, device)
    if xp is not None:
        return wrap(xp.zeros(x.array.shape, dtype=x.array.dtype))
    dtype, device = _like(x, dtype, device)
    return zeros(x.shape, dtype=dtype, device=device)


def ones_like(x: Tensor, /, *, dtype: DTypeLike | None = None, device: str | None = None) -> Tensor:
    """Make ones like another tensor.

    Parameters
    ----------
    x : Tensor
        What they are to be like.
    dtype : dtype, optional
        Another dtype.
    device : str, optional
        Another device.

    Returns
    -------
    Tensor
        Shape of ``x``.

    Examples
    --------
    >>> dl.ones_like(dl.asarray([1, 2]))
    tensor([1, 1])
    """
    xp = _usual(x, dtype, device)
    if xp is not None:
        return wrap(xp.ones(x.array.shape, dtype=x.array.dtype))
    dtype, device = _like(x, dtype, device)
    return ones(x.shape, dtype=dtype, device=device)


def full_like(x: Tensor, /, fill_value: TensorLike, *, dtype: DTypeLike | None = None, device: str | None = None) -> Tensor:
    """Make a tensor of one value like another one.

    Parameters
    ----------
    x : Tensor
        What it is to be like.
    fill_value : Tensor or number
        The value.
    dtype : dtype, optional
        Another dtype.
    device : str, optional
        Another device.

    Returns
    -------
    Tensor
        Shape of ``x``.

    Examples
    --------
    >>> dl.full_like(dl.asarray([1, 2]), 7)
    tensor([7, 7])
    """
    plain = type(fill_value) is float or (type(fill_value) is int and abs(fill_value) < 1 << 53)
    xp = _usual(x, dtype, device) if plain else None
    if xp is not None and x.array.dtype.kind == "f":
        return wrap(xp.full(x.array.shape, fill_value, dtype=x.array.dtype))
    dtype, device = _like(x, dtype, device)
    return full(x.shape, fill_value, dtype=dtype, device=device)
