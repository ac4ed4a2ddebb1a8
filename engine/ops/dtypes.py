"""Conversions between dtypes and devices, and copies. Gradients are converted back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import backend
from ..autograd.op import op
from ..autograd.promotion import bfloat16, is_complex
from ..errors import DTypeError

if TYPE_CHECKING:
    from ..typing import DTypeLike, Namespace, Tensor, ValueAndVJP

__all__ = ["astype", "clone"]


def _home(x: Any) -> str:
    """The device of an array, or of a tensor."""
    return backend.device_of(getattr(x, "array", x))


@op(needs="", view=True, complex=True, arrays=1)
def astype(xp: Namespace, x: Tensor, dtype: DTypeLike, /, *, copy: bool = True, device: str | None = None) -> ValueAndVJP:
    """Return a tensor with another dtype, and on another device if one is given.

    Parameters
    ----------
    x : Tensor
        Any shape.
    dtype : dtype
        The new dtype.
    copy : bool
        Whether to copy also where nothing changes.
    device : str, optional
        ``"cpu"``, ``"cuda"`` or ``"cuda:1"``.

    Returns
    -------
    Tensor
        Shape of ``x``. The gradient comes back in the dtype and on the device of ``x``.

    Raises
    ------
    DTypeError
        If a complex tensor is to become real: use `real`, `imag` or `abs`.

    Examples
    --------
    >>> dl.astype(dl.asarray([1.7, -1.7]), "int32")
    tensor([ 1, -1], dtype=int32)
    """
    if isinstance(dtype, (str, type)):
        dtype = bfloat16() if dtype == "bfloat16" else np.dtype(dtype)
    if is_complex(x) and not xp.isdtype(dtype, ("complex floating", "bool")):
        raise DTypeError(f"astype: {x.dtype} does not convert to {dtype}; use dl.real(x), dl.imag(x) or dl.abs(x)")
    y = xp.astype(x, dtype, copy=copy)
    if device is None:
        return y, lambda gy: gy
    backend.namespace_for(device)
    home, device = _home(x), backend.located(device)
    return xp.to_device(y, device), lambda gy: xp.to_device(gy, home)


@op(needs="", view=True, complex=True)
def to_device(xp: Namespace, x: Tensor, /, device: str) -> ValueAndVJP:
    """Return a tensor on another device.

    Parameters
    ----------
    x : Tensor
        Any shape.
    device : str
        ``"cpu"``, ``"cuda"`` or ``"cuda:1"``.

    Returns
    -------
    Tensor
        Shape and dtype of ``x``. The gradient comes back on the device of ``x``.
    """
    backend.namespace_for(device)  # raises if there is no such device
    home, device = _home(x), backend.located(device)
    return xp.to_device(x, device), lambda gy: xp.to_device(gy, home)


@op(needs="", complex=True)
def clone(xp: Namespace, x: Tensor, /) -> ValueAndVJP:
    """Return a copy that shares no memory with the original; gradients flow through.

    Parameters
    ----------
    x : Tensor
        Any shape.

    Returns
    -------
    Tensor
        Shape and dtype of ``x``.

    Examples
    --------
    >>> x = dl.asarray([1.0, 2.0])
    >>> y = dl.clone(x)
    >>> y[0] = 5.0
    >>> x
    tensor([1., 2.])
    """
    return xp.asarray(x, copy=True), lambda gy: gy
