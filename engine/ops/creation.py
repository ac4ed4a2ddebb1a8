"""New tensors. The default dtype is float32 (set_default_dtype), the default device that of the backend in force."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import backend
from ..autograd.base import TensorBase, wrap
from ..autograd.short import short
from ..default_dtype import get_default_dtype
from ..errors import NumberTooLarge, ShapeError
from .broadcasting import broadcast_to
from .dtypes import clone

if TYPE_CHECKING:
    from ..typing import DTypeLike, Scalar, Shape, Tensor, TensorLike

from .conversion import asarray, dtype_of_numbers, from_tensor, named_errors

__all__ = ["arange", "empty", "eye", "full", "linspace", "ones", "zeros"]


def default_or(dtype: Any) -> Any:
    return get_default_dtype() if dtype is None else dtype


def asked(made: Tensor, requires_grad: bool) -> Tensor:
    """A new tensor, recorded from now on if that is asked for."""
    return made.requires_grad_() if requires_grad else made


def _sizes(shape: Shape, more: tuple[int, ...]) -> Shape:
    """Sizes given one by one, or as one tuple."""
    if not more:
        return shape
    if not all(isinstance(n, int | np.integer) for n in (shape, *more)):
        raise ShapeError(f"expected the sizes one by one or as one tuple, got {shape!r}, {', '.join(map(repr, more))}")
    return (shape, *more)  # type: ignore[arg-type]


# ---------------------------------------------------------------------- of a shape
@named_errors
def empty(
    shape: Shape, *more: int, dtype: DTypeLike | None = None, device: str | None = None, requires_grad: bool = False
) -> Tensor:
    """Make a tensor whose values are not set.

    Parameters
    ----------
    shape, *more : int, or one tuple of int
        The sizes, one by one or as one tuple.
    dtype : dtype, optional
        The default dtype if left out.
    device : str, optional
        Where to make it; by default the backend's device.
    requires_grad : bool
        Whether ops on it are recorded.

    Returns
    -------
    Tensor
        Whatever was in that memory.

    Examples
    --------
    >>> dl.empty((2, 3)).shape
    (2, 3)
    """
    xp = backend.namespace_for(device)
    return asked(wrap(xp.empty(_sizes(shape, more), dtype=xp.dtype(default_or(dtype)))), requires_grad)


@short("short_creation")
@named_errors
def zeros(
    shape: Shape, *more: int, dtype: DTypeLike | None = None, device: str | None = None, requires_grad: bool = False
) -> Tensor:
    """Make a tensor of zeros.

    Parameters
    ----------
    shape, *more : int, or one tuple of int
        The sizes, one by one or as one tuple.
    dtype : dtype, optional
        The default dtype if left out.
    device : str, optional
        Where to make it; by default the backend's device.
    requires_grad : bool
        Whether ops on it are recorded.

    Returns
    -------
    Tensor
        Zeros.

    Examples
    --------
    >>> dl.zeros((2, 3), dtype="int64")
    tensor([[0, 0, 0],
            [0, 0, 0]])
    """
    xp = backend.namespace_for(device)
    return asked(wrap(xp.zeros(_sizes(shape, more), dtype=xp.dtype(default_or(dtype)))), requires_grad)


@short("short_creation")
@named_errors
def ones(
    shape: Shape, *more: int, dtype: DTypeLike | None = None, device: str | None = None, requires_grad: bool = False
) -> Tensor:
    """Make a tensor of ones.

    Parameters
    ----------
    shape, *more : int, or one tuple of int
        The sizes, one by one or as one tuple.
    dtype : dtype, optional
        The default dtype if left out.
    device : str, optional
        Where to make it; by default the backend's device.
    requires_grad : bool
        Whether ops on it are recorded.

    Returns
    -------
    Tensor
        Ones.

    Examples
    --------
    >>> dl.ones(2)
    tensor([1., 1.])
    """
    xp = backend.namespace_for(device)
    return asked(wrap(xp.ones(_sizes(shape, more), dtype=xp.dtype(default_or(dtype)))), requires_grad)


@short("short_creation")
@named_errors
def full(
    shape: Shape, fill_value: TensorLike, *, dtype: DTypeLike | None = None, device: str | None = None,
    requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """Make a tensor of one value.

    Parameters
    ----------
    shape : int or tuple of int
        The shape.
    fill_value : Tensor or number
        A number, or a 0-d tensor, which gradients reach.
    dtype : dtype, optional
        By default that of the value.
    device : str, optional
        Where to make it; by default the backend's device.
    requires_grad : bool
        Whether ops on it are recorded.

    Returns
    -------
    Tensor
        The value everywhere.

    Examples
    --------
    >>> dl.full((2, 2), 7)
    tensor([[7, 7],
            [7, 7]])
    """
    if isinstance(fill_value, TensorBase):
        value = from_tensor(fill_value, dtype, device, None)
        return clone(broadcast_to(value, (shape,) if isinstance(shape, int) else tuple(shape)))
    xp = backend.namespace_for(device)
    made = wrap(xp.full(shape, fill_value, dtype=xp.dtype(dtype_of_numbers(fill_value) if dtype is None else dtype)))
    return asked(made, requires_grad)


@short("short_creation")
@named_errors
def eye(
    n_rows: int, n_cols: int | None = None, /, *, k: int = 0, dtype: DTypeLike | None = None, device: str | None = None,
    requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """Make a matrix with ones on a diagonal and zeros elsewhere.

    Parameters
    ----------
    n_rows : int
        The number of rows.
    n_cols : int, optional
        The number of columns; as many as rows if left out.
    k : int
        The diagonal: 0 the main one, positive above, negative below.
    dtype : dtype, optional
        The default dtype if left out.
    device : str, optional
        Where to make it; by default the backend's device.
    requires_grad : bool
        Whether ops on it are recorded.

    Returns
    -------
    Tensor
        (n_rows, n_cols).

    Examples
    --------
    >>> dl.eye(2, 3, k=1)
    tensor([[0., 1., 0.],
            [0., 0., 1.]])
    """
    xp = backend.namespace_for(device)
    return asked(wrap(xp.eye(n_rows, n_cols, k=k, dtype=xp.dtype(default_or(dtype)))), requires_grad)


# ---------------------------------------------------------------------- like another tensor


# ---------------------------------------------------------------------- sequences
_INT64 = np.dtype("int64")


@named_errors
def arange(
    start: Scalar, /, stop: Scalar | None = None, step: Scalar = 1, *, dtype: DTypeLike | None = None, device: str | None = None,
    requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """Make a vector of evenly spaced numbers, without the end.

    Parameters
    ----------
    start : number
        The first number; the end, where it is the only argument, which then counts from 0.
    stop : number, optional
        The end, which is not included.
    step : number
        The distance of neighbours.
    dtype : dtype, optional
        By default int64 for integers, the default dtype for floats.
    device : str, optional
        Where to make it; by default the backend's device.
    requires_grad : bool
        Whether ops on it are recorded.

    Returns
    -------
    Tensor
        ``start``, ``start + step`` ... below ``stop``.

    Raises
    ------
    ConfigError
        If ``step`` is 0.

    Examples
    --------
    >>> dl.arange(5)
    tensor([0, 1, 2, 3, 4])
    >>> dl.arange(1, 2, 0.25)
    tensor([1.  , 1.25, 1.5 , 1.75])
    """
    xp = backend.namespace_for(device)
    if dtype is None:
        dtype = dtype_of_numbers(*(v for v in (start, stop, step) if v is not None))
        dtype = np.dtype("int64") if dtype == np.bool_ else dtype
    if stop is None:
        start, stop = 0, start
    wide = dtype is _INT64 or (isinstance(dtype, np.dtype) and dtype.kind == "f")  # nothing wraps around
    if not wide and type(start) is type(stop) is type(step) is int and str(dtype).startswith(("int", "uint")):
        integers: Any = (start, stop, step)
        numbers, held = range(*integers), np.iinfo(str(dtype))
        if numbers and not (held.min <= min(numbers[0], numbers[-1]) and max(numbers[0], numbers[-1]) <= held.max):
            raise NumberTooLarge(  # NumPy lets them wrap around
                f"arange: the numbers run from {numbers[0]} to {numbers[-1]}, and {dtype} holds {held.min} to {held.max}; "
                "choose a wider dtype"
            )
    return asked(wrap(xp.arange(start, stop, step, dtype=xp.dtype(dtype))), requires_grad)


@short("short_creation")
@named_errors
def linspace(
    start: Scalar, stop: Scalar, /, num: int, *, dtype: DTypeLike | None = None, device: str | None = None, endpoint: bool = True,
    requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """Make a vector of a number of evenly spaced values.

    Parameters
    ----------
    start : number
        The first value.
    stop : number
        The last value, or the one after it without ``endpoint``.
    num : int
        How many values.
    dtype : dtype, optional
        The default dtype if left out.
    device : str, optional
        Where to make it; by default the backend's device.
    endpoint : bool
        Whether ``stop`` is included.
    requires_grad : bool
        Whether ops on it are recorded.

    Returns
    -------
    Tensor
        (num,).

    Examples
    --------
    >>> dl.linspace(0, 1, 5)
    tensor([0.  , 0.25, 0.5 , 0.75, 1.  ])
    """
    xp = backend.namespace_for(device)
    if dtype is None:
        dtype = dtype_of_numbers(float(0) if not isinstance(start + stop, complex) else 0j)
    return asked(wrap(xp.linspace(start, stop, num, dtype=xp.dtype(dtype), endpoint=endpoint)), requires_grad)


PLACED: dict[str, Callable[..., Any]] = {
    "arange": arange, "asarray": asarray, "empty": empty, "eye": eye, "full": full, "linspace": linspace, "ones": ones,
    "zeros": zeros,
}  # fmt: skip
"""The functions that take a device: the tensor namespace binds it."""
