"""New tensors: from values, of a shape, like others, of random numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ... import backend
from ...autograd.base import wrap
from .core import METHODS, define, is_tensor, own, refuse, resized, sizes
from .engine import dl


def placed(dtype: Any = None, device: Any = None) -> dict[str, Any]:
    """The keywords of dlengine for PyTorch's dtype and device."""
    found: dict[str, Any] = {}
    if dtype is not None:
        found["dtype"] = dtype
    if device is not None:
        found["device"] = str(device) if not isinstance(device, int) else f"cuda:{device}"
    return found


def finished(t: Any, requires_grad: bool) -> Any:
    """A new tensor of this namespace."""
    own(t)
    if requires_grad:
        t.requires_grad_()
    return t


def new(f: Any) -> Any:
    """Creation functions take these keywords all alike."""

    def call(*args: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False, layout: Any = None,
             pin_memory: bool = False, memory_format: Any = None, out: Any = None, **options: Any) -> Any:  # fmt: skip
        if dtype is None and device is None and layout is None and out is None:
            return finished(f(*args, **options), requires_grad)
        if layout not in (None, "strided"):
            raise refuse(f.__name__, f"the layout {layout} is not supported: tensors are strided")
        made = finished(f(*args, **placed(dtype, device), **options), requires_grad)
        if out is None:
            return made
        if out.shape != made.shape:
            resized(out, made.shape)
        out[...] = made
        return out

    call.__name__ = f.__name__
    return define(f.__name__, method=False)(call)


# ---------------------------------------------------------------------- from values
@new
def tensor(data: Any, **where: Any) -> Any:
    if is_tensor(data):
        return dl.astype(data.detach(), where.pop("dtype", data.dtype), copy=True, **where)
    return dl.tensor(_plain(data), **where)


def _plain(data: Any) -> Any:
    """Nested lists with the numbers of tensors in them."""
    if isinstance(data, list | tuple):
        return [_plain(v) for v in data]
    return data.numpy_copy() if is_tensor(data) else data


@new
def as_tensor(data: Any, **where: Any) -> Any:
    if is_tensor(data):
        return data if not where else dl.astype(data, where.pop("dtype", data.dtype), copy=False, **where)
    if isinstance(data, np.ndarray):
        return _of_numpy(data) if not where else dl.asarray(data, **where)
    return dl.asarray(_plain(data), **where)


asarray = define("asarray", method=False)(lambda obj, **options: as_tensor(obj, **options))


@define("from_numpy", method=False)
def from_numpy(ndarray: Any) -> Any:
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(ndarray).__name__})")
    return _of_numpy(ndarray)


def _of_numpy(a: Any) -> Any:
    """A tensor that shares an array's memory where it can."""
    if not a.flags.writeable or not a.dtype.isnative:
        return dl.asarray(np.array(a))
    if a.dtype.kind in "OUSM":
        raise TypeError(f"can't convert np.ndarray of type numpy.{a.dtype}_.")
    if backend.default_device() != "cpu" or not isinstance(dl.zeros(0).array, np.ndarray):
        return dl.asarray(a)
    return wrap(np.asarray(a))


@define("scalar_tensor", method=False)
def _scalar_tensor(s: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Any:
    return finished(dl.full((), s, **placed(dtype or dl.get_default_dtype(), device)), requires_grad)


@define("complex", method=False)
def _complex(real: Any, imag: Any) -> Any:
    return real + imag * 1j


@define("polar", method=False)
def _polar(abs: Any, angle: Any) -> Any:
    return _complex(abs * dl.cos(angle), abs * dl.sin(angle))


# ---------------------------------------------------------------------- of a shape
def shape_of(size: tuple[Any, ...], options: dict[str, Any]) -> tuple[int, ...]:
    """Sizes given one by one, as one sequence, or as size=."""
    return sizes((options.pop("size"),)) if "size" in options else sizes(size)


@new
def zeros(*size: Any, **where: Any) -> Any:
    return dl.zeros(shape_of(size, where), **where)


@new
def ones(*size: Any, **where: Any) -> Any:
    return dl.ones(shape_of(size, where), **where)


@new
def empty(*size: Any, **where: Any) -> Any:
    return dl.zeros(shape_of(size, where), **where)


@new
def full(size: Any, fill_value: Any, **where: Any) -> Any:
    return dl.full(sizes((size,)), fill_value, **where)


@new
def eye(n: int, m: Any = None, **where: Any) -> Any:
    return dl.eye(n, n if m is None else m, **where)


@new
def arange(start: Any = None, end: Any = None, step: Any = 1, **where: Any) -> Any:
    start, end, step = (v.item() if is_tensor(v) else v for v in (start, end, step))
    if start is None:
        start = 0
    if end is None:
        start, end = 0, start
    if (end - start) * step < 0:
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")
    count = max(0, math.ceil((end - start) / step))
    if any(isinstance(v, float) for v in (start, end, step)):
        where.setdefault("dtype", dl.get_default_dtype())
    else:
        where.setdefault("dtype", "int64")
    if np.dtype(where["dtype"]).kind in "iu":
        return dl.asarray((np.arange(count) * step + start).astype(where["dtype"]), device=where.get("device"))
    return dl.asarray(start + np.arange(count, dtype=np.float64) * step, **where)


@define("range", method=False)
def _range(start: Any, end: Any, step: Any = 1, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Any:
    n = int(math.floor((end - start) / step)) + 1
    values = dl.asarray(start + np.arange(n) * float(step), **placed(dtype or dl.get_default_dtype(), device))
    return finished(values, requires_grad)


@new
def linspace(start: Any, end: Any, steps: int, **where: Any) -> Any:
    a, b = (float(v) if not isinstance(v, complex) and not (is_tensor(v) and v.dtype.kind == "c") else v for v in (start, end))
    if np.dtype(where.get("dtype", "float32")).kind in "iu":
        n = np.arange(steps)
        step = (b - a) / max(steps - 1, 1)
        down, up = a + n * step, b - (steps - 1 - n) * step
        return dl.asarray(np.trunc(np.where(n < steps / 2, down, up)), device=where.get("device")).astype(where["dtype"])
    return dl.linspace(a, b, int(steps), **where)


@new
def logspace(start: Any, end: Any, steps: int, base: float = 10.0, **where: Any) -> Any:
    values = np.power(float(base), np.linspace(float(start), float(end), int(steps)))
    dtype = np.dtype(where.pop("dtype", dl.get_default_dtype()))
    return dl.asarray(np.trunc(values).astype(dtype) if dtype.kind in "iu" else values.astype(dtype), **where)


@new
def empty_strided(size: Any, stride: Any, **where: Any) -> Any:
    return dl.zeros(sizes((size,)), **where)


@new
def empty_permuted(size: Any, physical_layout: Any, **where: Any) -> Any:
    return dl.zeros(sizes((size,)), **where)


@new
def tril_indices(row: int, col: int, offset: int = 0, **where: Any) -> Any:
    return dl.asarray(np.stack(np.tril_indices(row, offset, col)).astype(np.int64), **where)


@new
def triu_indices(row: int, col: int, offset: int = 0, **where: Any) -> Any:
    return dl.asarray(np.stack(np.triu_indices(row, offset, col)).astype(np.int64), **where)


# ---------------------------------------------------------------------- like another tensor
def where_of(t: Any, where: dict[str, Any]) -> dict[str, Any]:
    """Another tensor's dtype and device, unless others are named."""
    return {"dtype": t.dtype, "device": t.device, **where}


def _fills() -> None:
    for name, f in {"zeros": dl.zeros, "ones": dl.ones, "empty": dl.zeros}.items():
        def like(input: Any, _f: Any = f, **where: Any) -> Any:
            return _f(input.shape, **where_of(input, where))

        def fresh(self: Any, *size: Any, _f: Any = f, dtype: Any = None, device: Any = None, requires_grad: bool = False,
                  layout: Any = None, pin_memory: bool = False, **options: Any) -> Any:  # fmt: skip
            shape = shape_of(size, options)
            return finished(_f(shape, **where_of(self, placed(dtype, device))), requires_grad)

        like.__name__ = f"{name}_like"
        new(like)
        METHODS[f"new_{name}"] = fresh


_fills()


@new
def full_like(input: Any, fill_value: Any, **where: Any) -> Any:
    return dl.full(input.shape, fill_value, **where_of(input, where))


def _new_full(self: Any, size: Any, fill_value: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False,
              **_: Any) -> Any:  # fmt: skip
    return finished(dl.full(sizes((size,)), fill_value, **where_of(self, placed(dtype, device))), requires_grad)


def _new_tensor(self: Any, data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Any:
    return tensor(data, dtype=dtype or self.dtype, device=device or self.device, requires_grad=requires_grad)


METHODS["new_full"], METHODS["new_tensor"] = _new_full, _new_tensor
METHODS["new"] = lambda self, *args, device=None: legacy(args, self.dtype)
METHODS["new_empty_strided"] = lambda self, size, stride, **options: METHODS["new_empty"](self, size, **options)


# ---------------------------------------------------------------------- tensors by dtype, in the old spelling
class _Typed(type):
    """FloatTensor and its kin: calls make tensors of a dtype, isinstance asks for it."""

    dtype: Any

    def __instancecheck__(cls, value: Any) -> bool:
        return is_tensor(value) and value.dtype == cls.dtype

    def __call__(cls, *args: Any, **_: Any) -> Any:
        return legacy(args, cls.dtype)


def legacy(args: tuple[Any, ...], dtype: Any) -> Any:
    """torch.Tensor(...): sizes one by one, or values."""
    if len(args) == 1 and not isinstance(args[0], int):
        data = args[0]
        if is_tensor(data):
            return own(dl.astype(data.detach(), dtype, copy=False))
        if isinstance(data, tuple) and type(data).__name__ == "Size":
            return own(dl.zeros(tuple(data), dtype=dtype))
        return own(dl.asarray(np.asarray(_plain(data)) if not isinstance(data, np.ndarray) else data, dtype=dtype))
    return own(dl.zeros(args if args else (0,), dtype=dtype))


TYPED = {
    name: _Typed(name, (), {"dtype": np.dtype(dtype)})
    for name, dtype in {
        "FloatTensor": "float32", "DoubleTensor": "float64", "HalfTensor": "float16", "LongTensor": "int64",
        "IntTensor": "int32", "ShortTensor": "int16", "CharTensor": "int8", "ByteTensor": "uint8", "BoolTensor": "bool",
    }.items()
}  # fmt: skip
