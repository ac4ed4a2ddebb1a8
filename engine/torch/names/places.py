"""dtypes, devices, sizes and number formats under PyTorch's names."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np

from ... import backend
from .engine import dl

dtype = np.dtype
DTYPES: dict[str, Any] = {
    **{name: np.dtype(name) for name in ("float16", "float32", "float64", "complex64", "complex128", "int8", "int16", "int32",
                                         "int64", "uint8", "uint16", "uint32", "uint64", "bool")},
    "half": np.dtype("float16"), "float": np.dtype("float32"), "double": np.dtype("float64"), "long": np.dtype("int64"),
    "int": np.dtype("int32"), "short": np.dtype("int16"), "cfloat": np.dtype("complex64"), "cdouble": np.dtype("complex128"),
}  # fmt: skip
NAMES = {
    "float16": "Half", "float32": "Float", "float64": "Double", "int8": "Char", "int16": "Short", "int32": "Int", "int64": "Long",
    "uint8": "Byte", "bool": "Bool", "bfloat16": "BFloat16", "complex64": "ComplexFloat", "complex128": "ComplexDouble",
}  # fmt: skip
"""The names of tensor types: torch.FloatTensor."""


class device(str):  # noqa: N801 - PyTorch's name
    """A device: a string that dlengine takes, with PyTorch's attributes ``type`` and ``index``."""

    def __new__(cls, type: Any = "cpu", index: Any = None) -> device:
        if isinstance(type, int):
            type, index = "cuda", type
        name = str(type).split(":")[0]
        if name not in ("cpu", "cuda"):
            if name in ("mps", "xpu", "meta", "mkldnn", "hip", "tpu", "xla"):
                raise NotImplementedError(f"torch.device({name!r}): dlengine computes on cpu and cuda")
            raise RuntimeError(f"Expected one of cpu, cuda device type at start of device string: {name}")
        return str.__new__(cls, str(type) if index is None else f"{name}:{index}")

    @property
    def type(self) -> str:
        """cpu or cuda."""
        return self.split(":")[0]

    @property
    def index(self) -> int | None:  # type: ignore[override]
        """The number of the GPU; None on the CPU."""
        return int(self.split(":")[1]) if ":" in self else None

    def __repr__(self) -> str:
        return f"device(type={self.type!r})" if self.index is None else f"device(type={self.type!r}, index={self.index})"

    def __enter__(self) -> device:
        raise NotImplementedError("with torch.device(...): set the backend instead, with dlengine.use_backend")

    def __exit__(self, *exc: object) -> None:
        """Never reached."""


CPU = device("cpu")


class Size(tuple):  # type: ignore[type-arg]
    """A shape: a tuple with the number of its elements."""

    __slots__ = ()

    def numel(self) -> int:
        """The number of elements of a tensor of this shape."""
        return math.prod(self)

    def __getitem__(self, key: Any) -> Any:
        found = tuple.__getitem__(self, key)
        return Size(found) if isinstance(key, slice) else found

    def __add__(self, other: Any) -> Any:
        return Size(tuple.__add__(self, tuple(other)))

    def __repr__(self) -> str:
        return f"torch.Size({list(self)})"


class Sizes(int):
    """What Tensor.size is: a number of elements for the engine, and a method for those who call it."""

    shape: tuple[int, ...]

    def __call__(self, dim: int | None = None) -> Any:
        """The shape, or the size of one axis."""
        if dim is None:
            return Size(self.shape)
        rank = len(self.shape)
        if not -rank <= dim < rank:
            raise IndexError(f"Dimension out of range (expected to be in range of [{-rank}, {rank - 1}], but got {dim})")
        return self.shape[dim]


class _Limits:
    """The limits of a dtype: attributes of dlengine's, and PyTorch's tiny."""

    def __init__(self, found: Any, name: str) -> None:
        self._found, self.dtype = found, name

    def __getattr__(self, name: str) -> Any:
        if name in ("tiny", "smallest_normal"):
            return float(self._found.smallest_normal)
        value = getattr(self._found, name)
        self.__dict__[name] = found = value.item() if hasattr(value, "item") else value
        return found


def finfo(type: Any = None) -> _Limits:
    """The limits of a floating dtype."""
    return _float_limits(dl.get_default_dtype() if type is None else type)


@cache
def _float_limits(dtype: Any) -> _Limits:
    return _Limits(dl.finfo(dtype), np.dtype(dtype).name)


def iinfo(type: Any) -> _Limits:
    """The limits of an integer dtype."""
    return _Limits(dl.iinfo(type), np.dtype(type).name)


def looks_like_device(value: Any) -> bool:
    """Whether an argument of Tensor.to names a device."""
    return isinstance(value, str) and value.split(":")[0] in ("cpu", "cuda")


def cuda_available() -> bool:
    """Whether the backend in force is a GPU's, or the emulated one that computes as on it."""
    return backend.default_device() != "cpu"
