"""Tensor methods that change dtype, device or memory, and those that ask about them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ... import backend
from ...autograd.base import recording, written
from .core import METHODS, Plain, aliasing, assign, define, is_tensor, kind_of, own, refuse, resized, sizes
from .engine import dl
from .places import DTYPES, NAMES, Size, device, looks_like_device


def method(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Enter a method alone."""
    return define(*names, function=False)


def question(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Enter a method that gives no tensor."""
    return define(*names, function=False, tensors=False)


def cast(t: Any, dtype: Any) -> Any:
    """A tensor in a dtype; itself where it has that."""
    if t.dtype == dtype:
        return t
    if kind_of(t.dtype) == 3 and np.dtype(dtype).kind not in "c":
        t = dl.real(t)
    if np.dtype(dtype).kind == "b":
        return t != 0
    return dl.astype(t, dtype)


for _name, _dtype in {**{n: DTYPES[n] for n in ("half", "float", "double", "long", "int", "short", "bool", "cfloat", "cdouble")},
                      "char": np.dtype("int8"), "byte": np.dtype("uint8")}.items():  # fmt: skip
    method(_name)(lambda self, memory_format=None, _dtype=_dtype: cast(self, _dtype))
method("bfloat16")(lambda self, memory_format=None: self if self.dtype.name == "bfloat16" else dl.astype(self, dl.bfloat16))
method("chalf")(lambda self, memory_format=None: _no_half_complex())


def _no_half_complex() -> Any:
    raise refuse("Tensor.chalf", "complex numbers of half precision are not supported; use complex64")


@method("to")
def to(self: Any, *args: Any, dtype: Any = None, device: Any = None, non_blocking: bool = False, copy: bool = False,
       memory_format: Any = None) -> Any:  # fmt: skip
    for a in args:
        if is_tensor(a):
            dtype, device = a.dtype, a.device
        elif isinstance(a, bool):
            continue  # non_blocking, copy by position
        elif looks_like_device(a) or isinstance(a, int):
            device = a if isinstance(a, str) else f"cuda:{a}"
        elif a is not None:
            dtype = a
    found = self if device is None or str(device) == self.device else _moved(self, str(device))
    found = found if dtype is None else cast(found, np.dtype(dtype) if not isinstance(dtype, str) else dtype)
    return dl.clone(found) if copy and found is self else found


def _moved(t: Any, where: str) -> Any:
    return Plain.to_device(t, where)


@method("cpu")
def _cpu(self: Any, memory_format: Any = None) -> Any:
    return _moved(self, "cpu") if self.device != "cpu" else self


@method("cuda")
def _cuda(self: Any, device: Any = None, non_blocking: bool = False, memory_format: Any = None) -> Any:
    return to(self, "cuda" if device is None else device)


@method("type")
def _type(self: Any, dtype: Any = None, non_blocking: bool = False) -> Any:
    if dtype is None:
        return f"torch.{'cuda.' if self.device != 'cpu' else ''}{NAMES[self.dtype.name]}Tensor"
    if isinstance(dtype, str):
        kind = dtype.rpartition(".")[2].removesuffix("Tensor")
        dtype = next(n for n, shown in NAMES.items() if shown == kind)
    return cast(self, getattr(dtype, "dtype", dtype) if isinstance(dtype, type) else dtype)


@method("type_as")
def _type_as(self: Any, other: Any) -> Any:
    return to(self, other)


define("clone")(lambda input, *, memory_format=None: dl.clone(input))
method("pin_memory", "share_memory_", "coalesce")(lambda self, device=None: self)


@method("contiguous")
def _contiguous(self: Any, memory_format: Any = None) -> Any:
    if self.array.flags.c_contiguous:
        return self
    return dl.reshape(dl.reshape(self, (-1,)), self.shape)


define("alias_copy", method=False)(lambda input: dl.clone(input))


@define("detach")
def detach(input: Any) -> Any:
    return Plain.detach(input)


@method("detach_")
def _detach_(self: Any) -> Any:
    found = Plain.detach(self)
    self.__setstate_from__(found)
    return self


@question("numpy")
def numpy(self: Any, *, force: bool = False) -> Any:
    """The values as a NumPy array that shares the tensor's memory, and can be written to, as PyTorch's."""
    if force:
        return self.numpy_copy()
    if self.requires_grad:
        raise RuntimeError("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.")
    if self.device != "cpu" and backend.default_device() != "cpu":  # PyTorch makes tensors on the CPU, dlengine where it computes
        host = self.numpy_copy()
        host.flags.writeable = False
        return host
    if self.device != "cpu":
        raise TypeError(
            f"can't convert {self.device} device type tensor to numpy. Use Tensor.cpu() to copy the tensor to host memory first."
        )
    return np.asarray(self.array)


# ---------------------------------------------------------------------- questions
question("dim", "ndimension")(lambda self: self.array.ndim)
define("numel", tensors=False)(lambda input: input.array.size)
question("nelement")(lambda self: self.array.size)
question("element_size")(lambda self: int(self.dtype.itemsize))
question("get_device")(lambda self: -1 if self.device == "cpu" else device(self.device).index or 0)
define("is_floating_point", tensors=False)(lambda input: kind_of(input.dtype) == 2)
define("is_complex", tensors=False)(lambda input: kind_of(input.dtype) == 3)
define("is_signed", tensors=False)(lambda input: input.dtype.kind in "ifcV")
define("is_nonzero", tensors=False)(lambda input: bool(input))
define("is_same_size", tensors=False)(lambda input, other: input.shape == other.shape)
question("is_contiguous")(lambda self, memory_format=None: bool(self.array.flags.c_contiguous))
question("is_pinned", "is_shared")(lambda self: False)
question("data_ptr")(lambda self: self.array.__array_interface__["data"][0] if self.device == "cpu" else self.array.data.ptr)
question("storage_offset")(
    lambda self: 0 if self.array.base is None else (_address(self.array) - _address(_root(self.array))) // self.array.itemsize
)


def _root(a: Any) -> Any:
    while isinstance(a.base, type(a)):
        a = a.base
    return a


def _address(a: Any) -> int:
    return int(a.__array_interface__["data"][0] if hasattr(a, "__array_interface__") else a.data.ptr)


@question("stride")
def _stride(self: Any, dim: Any = None) -> Any:
    steps = tuple(s // self.array.itemsize for s in self.array.strides)
    return steps if dim is None else steps[dim]


@method("size_of_")
def _unused(self: Any) -> Any:
    return Size(self.shape)


# ---------------------------------------------------------------------- memory
@method("fill_")
def _fill_(self: Any, value: Any) -> Any:
    a = self.array
    if type(a) is np.ndarray and a.dtype.kind == "f" and type(value) in (int, float) and a.flags.writeable:
        if not (self.needs_grad and recording.get()):
            backend.space_of(a)  # refuses where a step is recorded
            a.fill(value)
            written(self)
            return self
    if type(value) in (int, float) and self.array.dtype.kind == "f" and not (self.requires_grad and dl.is_grad_enabled()):
        Plain.__setitem__(self, ..., value)
        return self
    return assign(
        self,
        dl.broadcast_to(dl.astype(value, self.dtype), self.shape)
        if is_tensor(value)
        else dl.full_like(self, value)
        if not (self.requires_grad and dl.is_grad_enabled())
        else 0 * self + value,
        "fill_",
    )


@define("fill", method=False)
def _fill(input: Any, value: Any) -> Any:
    return dl.broadcast_to(dl.astype(value, input.dtype), input.shape) if is_tensor(value) else dl.where(
        dl.ones_like(input, dtype="bool"), value, input)  # fmt: skip


@method("zero_")
def _zero_(self: Any) -> Any:
    return _fill_(self, 0)


define("zero_", method=False)(lambda input: _zero_(input))


@method("fill_diagonal_")
def _fill_diagonal_(self: Any, fill_value: Any, wrap: bool = False) -> Any:
    n = min(self.shape)
    at = dl.arange(n, device=self.device)
    return assign(self, dl.set_at(self, fill_value, key=(at,) * self.ndim), "fill_diagonal_")


@method("copy_")
def _copy_(self: Any, src: Any, non_blocking: bool = False) -> Any:
    if type(src.array) is np.ndarray and src.array.dtype is self.array.dtype and src.array.shape == self.array.shape:
        return assign(self, src, "copy_")
    value = to(src, self.device) if src.device != self.device else src
    value = value if value.dtype == self.dtype else cast(value, self.dtype)
    return assign(self, dl.broadcast_to(value, self.shape), "copy_")


@method("set_")
def _set_(self: Any, source: Any) -> Any:
    self.array = source.array
    return self


@method("resize_")
def _resize_(self: Any, *shape: Any, memory_format: Any = None) -> Any:
    return resized(self, sizes(shape))


method("resize_as_")(lambda self, other, memory_format=None: resized(self, other.shape))


@method("apply_")
def _apply_(self: Any, function: Any) -> Any:
    values = self.numpy_copy()
    flat = values.reshape(-1)
    for i, v in enumerate(flat.tolist()):
        flat[i] = function(v)
    return assign(self, dl.asarray(values, device=self.device), "apply_")


def _layout(name: str, why: str) -> None:
    def method_(self: Any, *_: Any, **__: Any) -> Any:
        raise refuse(f"Tensor.{name}", why)

    METHODS[name] = method_


for _name in ("to_sparse", "to_sparse_csr", "to_sparse_coo", "sparse_mask", "to_mkldnn", "dequantize"):
    _layout(_name, "sparse, quantised and MKL-DNN tensors are not supported: tensors here are dense")
for _name in ("storage", "untyped_storage"):
    _layout(_name, "tensors here have no storage object; use numpy(), or clone() for memory of its own")
_layout("reinforce", "PyTorch removed it in 0.4; use torch.distributions and log_prob")
method("to_dense")(lambda self, dtype=None: self)


@method("as_strided_scatter")
def _as_strided_scatter(self: Any, *_: Any, **__: Any) -> Any:
    raise refuse("as_strided_scatter", "writing by strides is not supported; write by index")


@define("as_strided", "as_strided_copy")
def _as_strided(input: Any, size: Any, stride: Any, storage_offset: Any = 0) -> Any:
    """Elements by number; the tensor's own memory is taken as laid out in rows, which as_strided of PyTorch does not require."""
    if not input.array.flags.c_contiguous or (isinstance(input.array, np.ndarray) and input.array.base is not None
                                              and input.array.base.size != input.array.size):  # fmt: skip
        raise refuse("as_strided", "the tensor is a view of other memory; call contiguous().clone() first")
    at = np.full((), storage_offset or 0, dtype=np.int64)
    for n, s in zip(size, stride, strict=True):
        at = at[..., None] + np.arange(n) * s
    flat = dl.reshape(input, (-1,))
    found = dl.reshape(dl.take(flat, dl.asarray(at.reshape(-1), device=input.device), axis=0), tuple(size))
    return aliasing(found, input, None)


@define("view_as_real")
def _view_as_real(input: Any) -> Any:
    found = dl.stack([dl.real(input), dl.imag(input)], axis=-1)
    return aliasing(found, input, input.array[..., None].view(found.dtype))


@define("view_as_complex")
def _view_as_complex(input: Any) -> Any:
    found = Plain.__getitem__(input, (..., 0)) + 1j * Plain.__getitem__(input, (..., 1))
    joined = input.array.flags.c_contiguous
    return aliasing(found, input, input.array.view(found.dtype)[..., 0] if joined else None)


question("item")(Plain.item)
question("tolist")(Plain.tolist)
_ = own
