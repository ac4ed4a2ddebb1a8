"""New tensors. The default dtype is float32 (set_default_dtype), the default device that of the backend in force."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import numpy as np

from .. import backend
from ..autograd.base import TensorBase, wrap
from ..autograd.promotion import default_complex_dtype, get_default_dtype
from ..errors import ConfigError, DLEngineError, DTypeError, GradientError, NumberTooLarge, ShapeError
from .dtypes import astype, clone
from .shape import broadcast_to

__all__ = [
    "arange", "asarray", "empty", "empty_like", "eye", "from_dlpack", "full", "full_like", "linspace", "ones", "ones_like",
    "tensor", "zeros", "zeros_like",
]  # fmt: skip


def _named(create: Callable[..., Any]) -> Callable[..., Any]:
    """Let the array library's complaints name the function."""

    @wraps(create)
    def call(*args: Any, **options: Any) -> Any:
        try:
            return create(*args, **options)
        except DLEngineError:
            raise
        except ZeroDivisionError:
            raise ConfigError(f"{create.__name__}: step must not be 0") from None
        except OverflowError as e:
            raise NumberTooLarge(f"{create.__name__}: {str(e).strip().rstrip('.')}; choose a wider dtype") from e
        except (ValueError, TypeError) as e:
            kind = ShapeError if isinstance(e, ValueError) else DTypeError
            raise kind(f"{create.__name__}: {str(e).strip().rstrip('.')}") from e

    return call


def _default(dtype: Any) -> Any:
    return get_default_dtype() if dtype is None else dtype


def _dtype_of_number(*values: Any) -> Any:
    """The dtype of Python numbers: the widest kind decides; NumPy's numbers bring their own."""
    typed = [v.dtype for v in values if isinstance(v, np.generic)]
    if typed:
        return np.result_type(*typed)
    if any(isinstance(v, complex) for v in values):
        return default_complex_dtype()
    if any(isinstance(v, float) for v in values):
        return get_default_dtype()
    return np.dtype("bool" if values and all(isinstance(v, bool) for v in values) else "int64")


@_named
def asarray(obj: Any, /, *, dtype: Any = None, device: str | None = None, copy: bool | None = None) -> Any:
    """A tensor from a number, nested sequence, NumPy or CuPy array, anything with a buffer, or a tensor.

    Python floats give the default dtype; arrays keep theirs. copy=None copies an array of another library or from the
    caller (so that later writes to it are not seen); copy=False shares its memory or raises ValueError.
    """
    dtype = backend.known(dtype)
    if isinstance(obj, TensorBase):
        return _from_tensor(obj, dtype, device, copy)
    on_gpu = hasattr(obj, "__cuda_array_interface__")
    if on_gpu and device is None:
        device = "cuda"
    xp = backend.namespace_for(device)
    if on_gpu and xp.library.device == "cpu":
        obj = obj.get()
    if isinstance(obj, np.ndarray) or on_gpu:
        if isinstance(obj, np.ndarray):
            _check_kind(obj, obj)
            obj = obj if obj.dtype.isnative else obj.astype(obj.dtype.newbyteorder("="))
        return wrap(xp.asarray(obj, dtype=xp.dtype(dtype), copy=copy is not False))
    if copy is False and not hasattr(obj, "__array__"):
        raise ValueError("asarray: copy=False, but a Python object cannot be shared")
    if only_indexed(obj):
        raise DTypeError(f"asarray: expected numbers or arrays, got {type(obj).__name__}; data sets go to data.DataLoader")
    plain = _plain(obj)
    typed = _has_typed(obj)
    host = np.asarray(plain) if dtype is None or typed else np.asarray(plain, dtype=dtype)
    _check_kind(host, obj)
    if dtype is None and not typed:
        if host.dtype == np.float64:
            dtype = get_default_dtype()
        elif host.dtype == np.complex128:
            dtype = default_complex_dtype()
    host = np.array(host, dtype=dtype, copy=None if copy is False or not typed else True)
    return wrap(xp.asarray(host, dtype=xp.dtype(host.dtype)))


def only_indexed(obj: Any) -> bool:
    """Whether NumPy would read an object by __getitem__(0), (1), (2) ... until an IndexError, which may never come."""
    if isinstance(obj, list | tuple | int | float) or not hasattr(type(obj), "__getitem__"):
        return False
    if isinstance(obj, Sequence | np.generic) or any(hasattr(obj, name) for name in ("__array__", "__array_interface__")):
        return False
    try:
        memoryview(obj)
    except TypeError:
        return True
    return False


def _check_kind(host: Any, obj: Any) -> None:
    """Refuse what tensors cannot hold. NumPy's kind V is bfloat16 here, but also the records of a structured array."""
    if isinstance(obj, np.ma.MaskedArray):
        raise DTypeError("asarray: a masked array, whose mask a tensor cannot keep; use x.filled(value) first")
    if host.dtype.kind == "V" and host.dtype.name != "bfloat16":
        raise DTypeError(f"asarray: expected numbers, got records of dtype {host.dtype}; choose one field, as x['name']")
    if host.dtype.kind not in "biufcV" or host.dtype.itemsize > 8 + 8 * (host.dtype.kind == "c"):
        raise DTypeError(f"asarray: expected numbers in equal-length sequences, got {type(obj).__name__} of dtype {host.dtype}")


def _plain(obj: Any) -> Any:
    """A nested sequence with its tensors as arrays."""
    if isinstance(obj, TensorBase):
        return obj.numpy()  # type: ignore[attr-defined]
    return [_plain(o) for o in obj] if isinstance(obj, (list, tuple)) else obj


def _has_typed(obj: Any) -> bool:
    """Whether a nested sequence holds NumPy scalars, arrays or tensors, whose dtype then counts."""
    while isinstance(obj, (list, tuple)):
        if not obj:
            return False
        obj = obj[0]
    return not isinstance(obj, (bool, int, float, complex)) or isinstance(obj, np.generic)


def _from_tensor(t: Any, dtype: Any, device: str | None, copy: bool | None) -> Any:
    moved = t if device is None else t.to(device)
    if dtype is not None and np.dtype(dtype) != moved.dtype:
        if copy is False:
            raise ValueError("asarray: copy=False, but another dtype needs a copy")
        return astype(moved, dtype)
    if copy is False and moved is not t:
        raise ValueError("asarray: copy=False, but another device needs a copy")
    return clone(moved) if copy else moved


@_named
def tensor(data: Any, /, *, dtype: Any = None, device: str | None = None, requires_grad: bool = False) -> Any:
    """A new tensor with a copy of the data, as torch.tensor gives: a leaf, whatever the data hangs on.

    data as for asarray, which copies only where it must and keeps a tensor's graph. requires_grad: whether backward() fills
    its .grad. Raises DTypeError if that is asked of integers or booleans.
    """
    source = data.detach() if isinstance(data, TensorBase) else data  # type: ignore[attr-defined]
    made = asarray(source, dtype=dtype, device=device, copy=True)
    if requires_grad:
        made.requires_grad = True
    return made


def from_dlpack(x: Any, /, *, device: str | None = None, copy: bool | None = None) -> Any:
    """A tensor from any object with __dlpack__, sharing its memory where that is possible and writing is allowed.

    copy=True always copies, copy=False never (ValueError or BufferError if that cannot be).
    """
    if isinstance(x, TensorBase):
        if x._requires_grad:
            raise GradientError("from_dlpack: this tensor requires a gradient, which would be lost; use x.detach() first")
        return _from_tensor(x.detach(), None, device, copy)  # type: ignore[attr-defined]
    if x.__dlpack_device__()[0] in (2, 13):  # DLPack's numbers of CUDA and its managed memory
        array = backend.namespace_for("cuda").from_dlpack(x)
        array = array.copy() if copy else array
    else:
        array = np.from_dlpack(x, copy=copy)
        if copy is None and not array.flags.writeable:
            array = array.copy()
    t = wrap(array)
    return t if device is None else _from_tensor(t, None, device, None)


# ---------------------------------------------------------------------- of a shape
@_named
def empty(shape: Any, *, dtype: Any = None, device: str | None = None) -> Any:
    """A tensor whose values nobody has set."""
    xp = backend.namespace_for(device)
    return wrap(xp.empty(shape, dtype=xp.dtype(_default(dtype))))


@_named
def zeros(shape: Any, *, dtype: Any = None, device: str | None = None) -> Any:
    """A tensor of zeros."""
    xp = backend.namespace_for(device)
    return wrap(xp.zeros(shape, dtype=xp.dtype(_default(dtype))))


@_named
def ones(shape: Any, *, dtype: Any = None, device: str | None = None) -> Any:
    """A tensor of ones."""
    xp = backend.namespace_for(device)
    return wrap(xp.ones(shape, dtype=xp.dtype(_default(dtype))))


@_named
def full(shape: Any, fill_value: Any, *, dtype: Any = None, device: str | None = None) -> Any:
    """A tensor of one value, a number or a 0-d tensor (gradients reach it)."""
    if isinstance(fill_value, TensorBase):
        value = _from_tensor(fill_value, dtype, device, None)
        return clone(broadcast_to(value, (shape,) if isinstance(shape, int) else tuple(shape)))
    xp = backend.namespace_for(device)
    return wrap(xp.full(shape, fill_value, dtype=xp.dtype(_dtype_of_number(fill_value) if dtype is None else dtype)))


@_named
def eye(
    n_rows: int, n_cols: int | None = None, /, *, k: int = 0, dtype: Any = None, device: str | None = None
) -> Any:  # fmt: skip
    """A matrix with ones on its k-th diagonal and zeros elsewhere."""
    xp = backend.namespace_for(device)
    return wrap(xp.eye(n_rows, n_cols, k=k, dtype=xp.dtype(_default(dtype))))


# ---------------------------------------------------------------------- like another tensor
def _like(x: Any, dtype: Any, device: str | None) -> dict[str, Any]:
    if not isinstance(x, TensorBase):
        raise DTypeError(f"expected a tensor to be like, got {type(x).__name__}; make a tensor of it: dl.asarray(x)")
    return {"dtype": x.dtype if dtype is None else dtype, "device": x.device if device is None else device}  # type: ignore[attr-defined]


def empty_like(x: Any, /, *, dtype: Any = None, device: str | None = None) -> Any:
    """A tensor like x whose values nobody has set."""
    return empty(x.shape, **_like(x, dtype, device))


def zeros_like(x: Any, /, *, dtype: Any = None, device: str | None = None) -> Any:
    """Zeros of x's shape, dtype and device."""
    return zeros(x.shape, **_like(x, dtype, device))


def ones_like(x: Any, /, *, dtype: Any = None, device: str | None = None) -> Any:
    """Ones of x's shape, dtype and device."""
    return ones(x.shape, **_like(x, dtype, device))


def full_like(x: Any, /, fill_value: Any, *, dtype: Any = None, device: str | None = None) -> Any:
    """One value in x's shape, dtype and device."""
    return full(x.shape, fill_value, **_like(x, dtype, device))


# ---------------------------------------------------------------------- sequences
_INT64 = np.dtype("int64")


@_named
def arange(start: Any, /, stop: Any = None, step: Any = 1, *, dtype: Any = None, device: str | None = None) -> Any:
    """start, start + step ... below stop; arange(n) counts from 0. Floats give the default dtype."""
    xp = backend.namespace_for(device)
    if dtype is None:
        dtype = _dtype_of_number(*(v for v in (start, stop, step) if v is not None))
        dtype = np.dtype("int64") if dtype == np.bool_ else dtype
    if stop is None:
        start, stop = 0, start
    if dtype is not _INT64 and type(start) is type(stop) is type(step) is int and str(dtype).startswith(("int", "uint")):
        numbers, held = range(start, stop, step), np.iinfo(str(dtype))
        if numbers and not (held.min <= min(numbers[0], numbers[-1]) and max(numbers[0], numbers[-1]) <= held.max):
            raise NumberTooLarge(  # NumPy lets them wrap around
                f"arange: the numbers run from {numbers[0]} to {numbers[-1]}, and {dtype} holds {held.min} to {held.max}; "
                "choose a wider dtype"
            )
    return wrap(xp.arange(start, stop, step, dtype=xp.dtype(dtype)))


@_named
def linspace(
    start: Any, stop: Any, /, num: int, *, dtype: Any = None, device: str | None = None, endpoint: bool = True
) -> Any:  # fmt: skip
    """num evenly spaced values from start to stop, without stop if endpoint is false."""
    xp = backend.namespace_for(device)
    if dtype is None:
        dtype = _dtype_of_number(float(0) if not isinstance(start + stop, complex) else 0j)
    return wrap(xp.linspace(start, stop, num, dtype=xp.dtype(dtype), endpoint=endpoint))


PLACED: dict[str, Callable[..., Any]] = {
    "arange": arange, "asarray": asarray, "empty": empty, "eye": eye, "full": full, "linspace": linspace, "ones": ones,
    "zeros": zeros,
}  # fmt: skip
"""The functions that take a device: the tensor namespace binds it."""
