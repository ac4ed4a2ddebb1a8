"""The default floating dtype of new tensors: set for the process, or for a block."""

from __future__ import annotations

from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

import numpy as np

from .errors import DTypeError
from .scopes import scope
from .typing import DTypeLike

_of_process: list[np.dtype[Any]] = [np.dtype("float32")]
_scoped: ContextVar[np.dtype[Any] | None] = ContextVar("dlengine_default_dtype", default=None)


def _floating(who: str, dtype: DTypeLike) -> np.dtype[Any]:
    try:
        chosen = np.dtype(dtype)
    except TypeError as error:
        raise DTypeError(f"{who}: expected a real floating dtype, got {dtype!r}") from error
    if chosen.kind != "f" or chosen.itemsize > 8:
        raise DTypeError(f"{who}: expected a real floating dtype (float16, float32 or float64), got {chosen}")
    return chosen


def set_default_dtype(dtype: DTypeLike) -> None:
    """Set the floating dtype of new tensors for the whole process.

    Parameters
    ----------
    dtype : dtype
        float32 (the value at the start), float64 or float16. Integers that meet a Python float get it, too.

    Raises
    ------
    DTypeError
        If it is not a real floating dtype.

    See Also
    --------
    use_default_dtype : The same inside a block.

    Examples
    --------
    >>> dl.set_default_dtype("float64")
    >>> dl.zeros(2).dtype
    dtype('float64')
    >>> dl.set_default_dtype("float32")
    """
    _of_process[0] = _floating("set_default_dtype", dtype)


def get_default_dtype() -> np.dtype[Any]:
    """Return the floating dtype of new tensors.

    Returns
    -------
    numpy.dtype
        The one of the innermost block of `use_default_dtype`, else the process's.

    Examples
    --------
    >>> dl.get_default_dtype()
    dtype('float32')
    """
    return _scoped.get() or _of_process[0]


@scope
def use_default_dtype(dtype: DTypeLike) -> Iterator[None]:
    """Set the floating dtype of new tensors inside a block, for this thread or task alone; also a decorator.

    Parameters
    ----------
    dtype : dtype
        float16, float32 or float64.

    Returns
    -------
    context manager
        For a ``with`` statement, or to decorate a function with.

    Raises
    ------
    DTypeError
        If it is not a real floating dtype.

    Examples
    --------
    >>> with dl.use_default_dtype("float64"):
    ...     print(dl.ones(2).dtype)
    float64
    >>> dl.ones(2).dtype
    dtype('float32')
    """
    token = _scoped.set(_floating("use_default_dtype", dtype))
    try:
        yield
    finally:
        _scoped.reset(token)


def default_complex_dtype() -> np.dtype[Any]:
    """The complex dtype whose parts have the default dtype (complex64 for float16)."""
    return np.dtype("complex128" if get_default_dtype() == np.float64 else "complex64")
