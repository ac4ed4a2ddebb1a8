"""Tensors from numbers, sequences, arrays and other tensors."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec

import numpy as np

from .. import backend
from ..autograd.base import TensorBase, wrap
from ..autograd.call import unknown_argument
from ..default_dtype import default_complex_dtype, get_default_dtype
from ..errors import ArgumentError, ConfigError, DeviceError, DLEngineError, DTypeError, GradientError, NumberTooLarge, ShapeError
from .dtypes import astype, clone

if TYPE_CHECKING:
    from ..typing import DTypeLike, Tensor

__all__ = ["asarray", "device", "from_dlpack", "from_numpy", "tensor"]


P = ParamSpec("P")


def named_errors(create: Callable[P, Tensor]) -> Callable[P, Tensor]:
    """Let the array library's complaints name the function."""
    known = inspect.signature(create).parameters

    @wraps(create)
    def call(*args: P.args, **options: P.kwargs) -> Tensor:
        try:
            return create(*args, **options)
        except DLEngineError:
            raise
        except ZeroDivisionError:
            raise ConfigError(f"{create.__name__}: step must not be 0") from None
        except OverflowError as e:
            raise NumberTooLarge(f"{create.__name__}: {str(e).strip().rstrip('.')}; choose a wider dtype") from e
        except (ValueError, TypeError) as e:
            for name in options:
                if name not in known:
                    raise ArgumentError(f"{create.__name__}: {unknown_argument(name, list(known))}") from None
            kind = ShapeError if isinstance(e, ValueError) else DTypeError
            raise kind(f"{create.__name__}: {str(e).strip().rstrip('.')}") from e

    return call


_NUMBERS = {int, float}
_INT64 = np.dtype("int64")


def dtype_of_numbers(*values: Any) -> Any:
    """The dtype of Python numbers: the widest kind decides; NumPy's numbers bring their own."""
    kinds = {type(v) for v in values}
    if kinds <= _NUMBERS and kinds:
        return _INT64 if float not in kinds else get_default_dtype()
    typed = [v.dtype for v in values if isinstance(v, np.generic)]
    if typed:
        return np.result_type(*typed)
    if any(isinstance(v, complex) for v in values):
        return default_complex_dtype()
    if any(isinstance(v, float) for v in values):
        return get_default_dtype()
    return np.dtype("bool" if values and all(isinstance(v, bool) for v in values) else "int64")


@named_errors
def asarray(obj: Any, /, *, dtype: DTypeLike | None = None, device: str | None = None, copy: bool | None = None) -> Tensor:
    """Make a tensor of a number, nested sequence, array or tensor, with as few copies as are safe.

    Parameters
    ----------
    obj : number, nested sequence, array or Tensor
        Anything with numbers: also objects with a buffer or ``__array__``, NumPy and CuPy arrays.
    dtype : dtype, optional
        By default that of ``obj``; Python floats get the default dtype.
    device : str, optional
        ``"cpu"``, ``"cuda"`` or ``"cuda:1"``; by default where ``obj`` is, or the backend's.
    copy : bool, optional
        None copies arrays, so that later writes to them are not seen, but not tensors. True always copies. False
        shares the memory or raises ValueError.

    Returns
    -------
    Tensor
        The values. A tensor keeps its graph.

    Raises
    ------
    DTypeError
        If ``obj`` does not hold numbers.

    See Also
    --------
    tensor : Always a new leaf with a copy.

    Examples
    --------
    >>> dl.asarray([[1, 2], [3, 4]])
    tensor([[1, 2],
            [3, 4]])
    >>> dl.asarray(np.eye(2, dtype="float32"))
    tensor([[1., 0.],
            [0., 1.]])
    """
    dtype = backend.known(dtype)
    if isinstance(obj, TensorBase):
        return from_tensor(obj, dtype, device, copy)
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
        array = xp.asarray(obj, dtype=xp.dtype(dtype), copy=copy is not False)
        return wrap(array[...] if array is obj else array)  # a view tells that the memory is the caller's
    if type(obj).__module__ == "torch" and str(getattr(obj, "dtype", "")) == "torch.bfloat16":
        obj = _bfloat16_of_torch(obj)
        return asarray(obj, dtype=dtype, device=device)
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
    return wrap(host if xp.library is backend.NUMPY else xp.asarray(host, dtype=xp.dtype(host.dtype)))


def _bfloat16_of_torch(obj: Any) -> np.ndarray[Any, Any]:
    """The values of a PyTorch tensor, whose bfloat16 it does not hand to NumPy."""
    from sys import modules

    from ..autograd.promotion import bfloat16

    bits: np.ndarray[Any, Any] = obj.detach().cpu().contiguous().view(modules["torch"].int16).numpy()
    return bits.view(bfloat16())


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


def from_tensor(t: Any, dtype: Any, device: str | None, copy: bool | None) -> Any:
    moved = t if device is None else t.to(device)
    if dtype is not None and np.dtype(dtype) != moved.dtype:
        if copy is False:
            raise ValueError("asarray: copy=False, but another dtype needs a copy")
        return astype(moved, dtype)
    if copy is False and moved is not t:
        raise ValueError("asarray: copy=False, but another device needs a copy")
    return clone(moved) if copy else moved


@named_errors
def tensor(data: Any, /, *, dtype: DTypeLike | None = None, device: str | None = None, requires_grad: bool = False) -> Tensor:
    """Make a new tensor with a copy of the data, as torch.tensor does.

    Parameters
    ----------
    data : number, nested sequence, array or Tensor
        The values; see `asarray`.
    dtype : dtype, optional
        By default that of ``data``; Python floats get the default dtype.
    device : str, optional
        ``"cpu"``, ``"cuda"`` or ``"cuda:1"``; by default where ``data`` is, or the backend's.
    requires_grad : bool
        Whether ``backward()`` gives it a gradient.

    Returns
    -------
    Tensor
        A leaf, whatever graph the data has.

    Raises
    ------
    DTypeError
        If integers or booleans are to require a gradient.

    Examples
    --------
    >>> x = dl.tensor([1.0, 2.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    tensor([2., 4.])
    """
    source = data.detach() if isinstance(data, TensorBase) else data  # type: ignore[attr-defined]
    made = asarray(source, dtype=dtype, device=device, copy=True)
    if requires_grad:
        made.requires_grad = True
    return made


def from_dlpack(x: Any, /, *, device: str | None = None, copy: bool | None = None) -> Tensor:
    """Make a tensor of any object with ``__dlpack__``, sharing its memory where writing is allowed.

    Parameters
    ----------
    x : object with __dlpack__
        An array of another library, such as a PyTorch tensor.
    device : str, optional
        Where to move it.
    copy : bool, optional
        True always copies, False never.

    Returns
    -------
    Tensor
        The values.

    Raises
    ------
    GradientError
        If ``x`` is a tensor that requires a gradient.
    ValueError
        If ``copy=False`` cannot be.

    Examples
    --------
    >>> dl.from_dlpack(np.arange(3.0))
    tensor([0., 1., 2.], dtype=float64)
    """
    if isinstance(x, TensorBase):
        if x.needs_grad:
            raise GradientError("from_dlpack: this tensor requires a gradient, which would be lost; use x.detach() first")
        return from_tensor(x.detach(), None, device, copy)  # type: ignore[attr-defined]
    if x.__dlpack_device__()[0] in (2, 13):  # DLPack's numbers of CUDA and its managed memory
        array = backend.namespace_for("cuda").from_dlpack(x)
        array = array.copy() if copy else array
    else:
        array = np.from_dlpack(x, copy=copy)
        if copy is None and not array.flags.writeable:
            array = array.copy()
    t = wrap(array)
    return t if device is None else from_tensor(t, None, device, None)


def from_numpy(array: np.ndarray[Any, Any], /) -> Tensor:
    """Make a host tensor on the memory of a NumPy array: a write to one is seen in the other.

    Parameters
    ----------
    array : numpy.ndarray
        The array, of a dtype that tensors have.

    Returns
    -------
    Tensor
        Its values, without a copy.

    Raises
    ------
    DTypeError
        If it is no NumPy array; `asarray` takes everything with numbers.

    Examples
    --------
    >>> a = np.zeros(2)
    >>> x = dl.from_numpy(a)
    >>> a[0] = 5
    >>> x
    tensor([5., 0.], dtype=float64)
    """
    if not isinstance(array, np.ndarray):
        raise DTypeError(f"from_numpy: expected a numpy.ndarray, got {type(array).__name__}; dl.asarray takes other kinds too")
    return asarray(array, device="cpu", copy=False)


def device(name: str, index: int | None = None, /) -> str:
    """Name a device; a string such as ``"cuda:0"`` is one already.

    Parameters
    ----------
    name : str
        ``"cpu"``, ``"cuda"`` or ``"cuda:1"``.
    index : int, optional
        The number of the GPU.

    Returns
    -------
    str
        What every ``device=`` takes.

    Raises
    ------
    DeviceError
        If it is neither the CPU nor a GPU of CUDA.

    Examples
    --------
    >>> dl.device("cuda", 0)
    'cuda:0'
    """
    full = name if index is None else f"{name}:{index}"
    kind, _, number = str(full).partition(":")
    if kind not in ("cpu", "cuda") or not (number.isdecimal() or ":" not in full):
        raise DeviceError(f"device: expected 'cpu', 'cuda' or 'cuda:0' and the like, got {full!r}")
    return full
