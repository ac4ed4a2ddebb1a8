"""The arrays of tests/fake_cupy.py: they belong to a device, and what is done to them waits for its stream."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial
from operator import getitem, setitem
from types import SimpleNamespace
from typing import Any

import numpy as np
from fake_cuda import (
    Device,
    Stream,
    current,
    default_pool,
    refuse,
    state,
)  # fmt: skip

PRODUCTS = {"matmul", "tensordot", "vecdot", "dot", "einsum"}
LOOKS = {"nonzero", "unique_all", "unique_counts", "unique_inverse", "unique_values", "argsort", "sort", "searchsorted", "isin"}


def spoil(host: Any) -> None:
    if host.size:
        host.view(np.uint8 if host.ndim else host.dtype)[...] = 0xFF if host.ndim else host.dtype.type(1)


def pick(value: Any) -> Any:
    """A value with the NumPy arrays behind its arrays."""
    if isinstance(value, ndarray):
        if value.device.id != state.device:
            raise ValueError(f"array device must be same as the current device: {value.device.id} and {state.device}")
        return value.host
    if isinstance(value, np.ndarray):
        raise TypeError("Unsupported type <class 'numpy.ndarray'>")
    if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
        return type(value)(pick(v) for v in value)
    return value


def roots(value: Any) -> list[Any]:
    if isinstance(value, (list, tuple)):
        return [a for v in value for a in roots(v)]
    return [value] if isinstance(value, ndarray) else []


def run(function: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """A NumPy function on arrays of this machine."""
    stream = current()
    stream.flush()
    name = getattr(function, "__name__", "")
    if name in PRODUCTS:
        refuse("cuBLAS", NotImplementedError)
    if name in LOOKS:
        refuse(name)
    given = [*roots(args), *roots(list(options.values()))]
    work = silent(partial(function, *pick(args), **{k: pick(v) for k, v in options.items()}))
    result = work()
    fresh: list[Any] = []
    out = wrapped(result, given, fresh)
    if fresh and name != "empty":
        state.work.append(name)
    if stream.is_capturing() and fresh and name != "empty":
        if not state.allocators:
            raise RuntimeError("memory of a graph must come from a pool of its own")
        hosts = [array.host for array in fresh]
        state.log.append(f"library {name}")

        def again() -> None:
            for old, new in zip(hosts, arrays_of(work()), strict=True):
                old[...] = new

        stream.tape.append(again)  # type: ignore[union-attr]
        for array in fresh:
            spoil(array.host)
    return out


def arrays_of(value: Any) -> list[Any]:
    if isinstance(value, (list, tuple)):
        return [a for v in value for a in arrays_of(v)]
    return [value] if isinstance(value, (np.ndarray, np.generic)) else []


def wrapped(value: Any, given: list[Any], fresh: list[Any]) -> Any:
    if isinstance(value, (list, tuple)):
        parts = [wrapped(v, given, fresh) for v in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    if isinstance(value, np.generic):
        value = np.asarray(value)
    if not isinstance(value, np.ndarray):
        return value
    for source in given:
        if value is source.host:
            return source
        if np.may_share_memory(value, source.host):
            return ndarray(value, source.base if source.base is not None else source)
    array = ndarray(value)
    (state.allocators[-1] if state.allocators else default_pool).took(array)
    fresh.append(array)
    return array


def change(work: Callable[[], None], what: str = "write") -> None:
    """Something that writes into an array: now, or at each replay. It holds memory, but no array: no graph does."""
    stream = current()
    state.work.append(what)
    stream.flush()
    if stream.tape is not None:
        stream.tape.append(work)
    else:
        work()


def silent(work: Callable[[], Any]) -> Callable[[], Any]:
    def call() -> Any:
        with np.errstate(all="ignore"):
            return work()

    return call


class ndarray:  # noqa: N801 - CuPy's name
    """An array in the memory of a device."""

    __array_priority__ = 100
    __array_ufunc__ = None

    def __init__(self, host: Any, base: Any = None) -> None:
        self.host, self.base, self.device = host, base, Device()
        self.mem = SimpleNamespace(size=host.nbytes)
        if base is not None:
            self.device = base.device

    dtype = property(lambda self: self.host.dtype)
    shape = property(lambda self: self.host.shape)
    ndim = property(lambda self: self.host.ndim)
    size = property(lambda self: self.host.size)
    itemsize = property(lambda self: self.host.itemsize)
    nbytes = property(lambda self: self.host.nbytes)
    strides = property(lambda self: self.host.strides)
    flags = property(lambda self: SimpleNamespace(c_contiguous=self.host.flags.c_contiguous))
    data = property(lambda self: SimpleNamespace(
        ptr=self.host.ctypes.data, mem=(self if self.base is None else self.base).mem, device_id=self.device.id
    ))  # fmt: skip
    T = property(lambda self: run(lambda a: a.T, self))
    mT = property(lambda self: run(lambda a: a.mT, self))
    __cuda_array_interface__ = property(lambda self: {"version": 3})

    def __array__(self, *args: Any, **options: Any) -> Any:
        raise TypeError("Implicit conversion to a NumPy array is not allowed. Please use `.get()`")

    def __dlpack__(self, **options: Any) -> Any:
        raise BufferError("not here")

    def __array_namespace__(self, **options: Any) -> Any:
        return sys.modules["array_api_compat.cupy"]

    def get(self, stream: Any = None, order: str = "C", out: Any = None, blocking: bool = True) -> Any:
        """Copy to the host: at once, or as late as is allowed."""
        refuse("a copy to the host")
        if blocking:
            current().flush()
            state.waits += 1
            return self.host.copy()
        if not isinstance(out, np.ndarray) or (out.dtype, out.shape) != (self.dtype, self.shape):
            raise ValueError("shape or dtype mismatch")
        source = self.host

        def work() -> None:
            out[...] = source

        current().later(work)
        return out

    def set(self, values: Any, stream: Stream | None = None) -> None:
        """Copy from the host: asynchronous, and late, if the stream says so."""
        if not isinstance(values, np.ndarray):
            raise TypeError("Only numpy.ndarray can be set to cupy.ndarray")
        if (values.dtype, values.shape) != (self.dtype, self.shape):
            raise ValueError("shape or dtype mismatch")
        if (stream or current()).is_capturing():
            raise RuntimeError("a copy from the host is not supported during stream capture")

        def work() -> None:
            self.host[...] = values

        (current() if stream is None else stream).later(work)
        if stream is None:
            current().flush()

    def item(self) -> Any:
        return self.get().item()

    def tolist(self) -> Any:
        return self.get().tolist()

    def __float__(self) -> float:
        return float(self.get())

    def __int__(self) -> int:
        return int(self.get())

    def __index__(self) -> int:
        return self.get().__index__()

    def __bool__(self) -> bool:
        return bool(self.get())

    def __len__(self) -> int:
        return len(self.host)

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, key: Any) -> Any:
        if any(a.dtype == bool for a in roots((key,) if not isinstance(key, tuple) else key)):
            refuse("indexing by a mask")
        return run(getitem, self, key)

    def __setitem__(self, key: Any, value: Any) -> None:
        change(silent(partial(setitem, pick(self), pick(key), pick(value))))

    def fill(self, value: Any) -> None:
        self[...] = value


def method(name: str) -> Callable[..., Any]:
    def function(a: Any, *more: Any, **options: Any) -> Any:
        return getattr(a, name)(*more, **options)

    def call(self: ndarray, *args: Any, **options: Any) -> Any:
        return run(function, self, *args, **options)

    function.__name__ = name.strip("_")
    return call


def operator(name: str) -> Callable[..., Any]:
    def call(self: ndarray, other: Any) -> Any:
        if isinstance(other, np.ndarray):
            raise TypeError("Unsupported type <class 'numpy.ndarray'>")
        if name in ("__matmul__", "__rmatmul__"):
            refuse("cuBLAS", NotImplementedError)
        return run(function, self, other)

    def function(a: Any, b: Any) -> Any:
        return getattr(a, name)(b)

    function.__name__ = name.strip("_")
    return call


def in_place(name: str) -> Callable[..., Any]:
    def call(self: ndarray, other: Any) -> Any:
        change(silent(partial(getattr(pick(self), name), pick(other))))
        return self

    return call


for _name in "add sub mul truediv floordiv mod pow matmul and or xor lshift rshift".split():
    setattr(ndarray, f"__{_name}__", operator(f"__{_name}__"))
    setattr(ndarray, f"__r{_name}__", operator(f"__r{_name}__"))
    setattr(ndarray, f"__i{_name}__", in_place(f"__i{_name}__"))
for _name in "lt le gt ge eq ne".split():
    setattr(ndarray, f"__{_name}__", operator(f"__{_name}__"))
for _name in "neg pos abs invert".split():
    setattr(ndarray, f"__{_name}__", method(f"__{_name}__"))
for _name in "astype copy reshape ravel sum mean any all max min view transpose swapaxes squeeze take conj".split():
    setattr(ndarray, _name, method(_name))
ndarray.__hash__ = object.__hash__  # type: ignore[method-assign]
ndarray.__module__ = "cupy"
