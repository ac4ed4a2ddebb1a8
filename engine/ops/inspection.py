"""Dtypes and their properties, constants, and what the namespace can do. A dtype is a numpy.dtype on every backend."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import backend
from ..autograd.base import TensorBase
from ..default_dtype import default_complex_dtype, get_default_dtype
from ..errors import DTypeError

if TYPE_CHECKING:
    from ..typing import DTypeLike

__all__ = [
    "__array_api_version__", "__array_namespace_info__", "can_cast", "complex128", "complex64", "e", "finfo", "float16",
    "float32", "float64", "iinfo", "inf", "int16", "int32", "int64", "int8", "isdtype", "nan", "newaxis", "pi", "result_type",
    "uint16", "uint32", "uint64", "uint8",
]  # fmt: skip

__array_api_version__ = "2025.12"

e, pi, inf, nan, newaxis = math.e, math.pi, math.inf, math.nan, None

bool_ = np.dtype("bool")
int8, int16, int32, int64 = (np.dtype(f"int{n}") for n in (8, 16, 32, 64))
uint8, uint16, uint32, uint64 = (np.dtype(f"uint{n}") for n in (8, 16, 32, 64))
float16, float32, float64 = (np.dtype(f"float{n}") for n in (16, 32, 64))
complex64, complex128 = np.dtype("complex64"), np.dtype("complex128")


def _dtype(value: Any) -> np.dtype[Any]:
    """The dtype of a tensor, or the dtype given."""
    return np.dtype(value.dtype if isinstance(value, TensorBase) else backend.known(value))  # type: ignore[attr-defined]


@dataclass(frozen=True)
class FloatInfo:
    """Limits of a floating dtype (of the parts of a complex one), as Python floats."""

    bits: int
    eps: float
    max: float
    min: float
    smallest_normal: float
    dtype: Any


@dataclass(frozen=True)
class IntegerInfo:
    """Limits of an integer dtype."""

    bits: int
    max: int
    min: int
    dtype: Any


def finfo(type: Any, /) -> FloatInfo:
    """Return the limits of a floating dtype.

    Parameters
    ----------
    type : dtype or Tensor
        A floating or complex dtype, or a tensor of one.

    Returns
    -------
    FloatInfo
        ``bits``, ``eps``, ``max``, ``min``, ``smallest_normal`` and ``dtype``, of the parts of a complex dtype.

    Raises
    ------
    DTypeError
        If the dtype is not floating.

    Examples
    --------
    >>> dl.finfo(dl.float32).bits
    32
    """
    dtype = _dtype(type)
    if dtype.kind not in "fc":
        raise DTypeError(f"finfo: expected a floating dtype, got {dtype}")
    f = np.finfo(dtype)
    return FloatInfo(f.bits, float(f.eps), float(f.max), float(f.min), float(f.smallest_normal), f.dtype)


def iinfo(type: Any, /) -> IntegerInfo:
    """Return the limits of an integer dtype.

    Parameters
    ----------
    type : dtype or Tensor
        An integer dtype, or a tensor of one.

    Returns
    -------
    IntegerInfo
        ``bits``, ``max``, ``min`` and ``dtype``.

    Raises
    ------
    DTypeError
        If the dtype is not an integer one.

    Examples
    --------
    >>> dl.iinfo("uint8").max
    255
    """
    dtype = _dtype(type)
    if dtype.kind not in "iu":
        raise DTypeError(f"iinfo: expected an integer dtype, got {dtype}")
    i = np.iinfo(dtype)
    return IntegerInfo(i.bits, int(i.max), int(i.min), dtype)


def isdtype(dtype: DTypeLike, kind: Any) -> bool:
    """Return whether a dtype is of a kind.

    Parameters
    ----------
    dtype : dtype
        The dtype.
    kind : str, dtype or tuple
        ``"bool"``, ``"signed integer"``, ``"unsigned integer"``, ``"integral"``, ``"real floating"``, ``"complex
        floating"``, ``"numeric"``, a dtype, or several of these.

    Returns
    -------
    bool
        Whether it is of that kind, or of one of them.

    Examples
    --------
    >>> dl.isdtype(dl.float32, "real floating")
    True
    """
    return bool(np.isdtype(np.dtype(dtype), kind))


def can_cast(from_: Any, to: DTypeLike, /) -> bool:
    """Return whether promotion may turn a dtype into another.

    Parameters
    ----------
    from_ : dtype or Tensor
        The dtype, or a tensor of it.
    to : dtype
        The other dtype.

    Returns
    -------
    bool
        Whether no value is lost.

    Examples
    --------
    >>> dl.can_cast("int32", "int64"), dl.can_cast("int64", "int32")
    (True, False)
    """
    return bool(np.can_cast(_dtype(from_), _dtype(to)))


def result_type(*arrays_and_dtypes: Any) -> np.dtype[Any]:
    """Return the dtype that an operation on some tensors, dtypes and numbers gives.

    Parameters
    ----------
    *arrays_and_dtypes : Tensor, dtype or number
        One tensor or dtype at least.

    Returns
    -------
    numpy.dtype
        The promoted dtype.

    Raises
    ------
    DTypeError
        Where the array API leaves it open: integers with floating dtypes, booleans with either, uint64 with signed
        integers. (Arithmetic on such tensors works: integers that meet floats take their dtype.)

    Examples
    --------
    >>> dl.result_type(dl.float32, dl.float64)
    dtype('float64')
    """
    numbers = {type(a) for a in arrays_and_dtypes if type(a) in (bool, int, float, complex)}
    dtypes = [_dtype(a) for a in arrays_and_dtypes if type(a) not in (bool, int, float, complex)]
    if not dtypes:
        raise DTypeError("result_type: needs one tensor or dtype at least")
    result = np.result_type(*dtypes)
    groups = {"iu" if d.kind in "iu" else "fc" if d.kind in "fc" else d.kind for d in dtypes}
    if len(groups) > 1 or result.kind not in groups.pop():
        raise DTypeError(f"result_type: {', '.join(map(str, dtypes))} have no common dtype; convert one with astype")
    if complex in numbers and result.kind != "c":
        return np.result_type(result, 1j) if result.kind == "f" else default_complex_dtype()
    if float in numbers and result.kind not in "fc":
        return get_default_dtype()
    if int in numbers and result.kind == "b":
        return int64
    return result


_KINDS = {
    "bool": (bool_,),
    "signed integer": (int8, int16, int32, int64),
    "unsigned integer": (uint8, uint16, uint32, uint64),
    "real floating": (float32, float64),
    "complex floating": (complex64, complex128),
}
_KINDS["integral"] = _KINDS["signed integer"] + _KINDS["unsigned integer"]
_KINDS["numeric"] = _KINDS["integral"] + _KINDS["real floating"] + _KINDS["complex floating"]


class Info:
    """The namespace's inspection functions; see __array_namespace_info__."""

    def capabilities(self) -> dict[str, Any]:
        """What the namespace can do."""
        return {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": 64}

    def default_device(self) -> str:
        """Where new tensors are made."""
        return backend.default_device()

    def devices(self) -> tuple[str, ...]:
        """The devices that tensors can be on here."""
        return ("cpu", *(f"cuda:{number}" for number in range(backend.gpu_count())))

    def default_dtypes(self, *, device: Any = None) -> dict[str, Any]:
        """The dtypes of new tensors."""
        return {
            "real floating": get_default_dtype(),
            "complex floating": default_complex_dtype(),
            "integral": int64,
            "indexing": int64,
        }

    def dtypes(self, *, device: Any = None, kind: Any = None) -> dict[str, Any]:
        """The standard's dtypes by name, all or of a kind (float16 is there, too, but not in the standard)."""
        kinds = ("bool", "numeric") if kind is None else (kind,) if isinstance(kind, str) else kind
        for k in kinds:
            if k not in _KINDS:
                raise ValueError(f"dtypes: unknown kind {k!r}; expected one of {', '.join(_KINDS)}")
        return {d.name: d for k in kinds for d in _KINDS[k]}


def __array_namespace_info__() -> Info:  # noqa: N807 - the standard's name
    """What this namespace can do, its devices and dtypes."""
    return Info()
