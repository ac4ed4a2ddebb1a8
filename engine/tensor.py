"""Tensor: an array and its place in the autograd graph. Operators and methods call the ops, one line each."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from . import backend
from .autograd import transforms
from .autograd.base import TensorBase, recording, set_tensor_class, wrap, written
from .autograd.promotion import is_inexact
from .errors import DeviceError, DTypeError, GradientError, ShapeError
from .ops import dtypes, elementwise, index, linalg, reduce, shape
from .ops.creation import asarray
from .ops.namespace import tensor_namespace


class Tensor(TensorBase):
    """A multi-dimensional array that remembers how it was computed. Make one with dl.asarray, dl.zeros ..."""

    __slots__ = ()
    __array_ufunc__ = None  # NumPy arrays leave mixed operators to us, and we refuse them with the way out

    def __init__(self, obj: Any, *, dtype: Any = None, device: str | None = None, requires_grad: bool = False) -> None:
        source = asarray(obj, dtype=dtype, device=device, copy=None)
        self._array, self._node, self._requires_grad, self._version = source._array, None, False, [0]
        if requires_grad:
            self.requires_grad_()

    # ------------------------------------------------------------------ what it is
    @property
    def shape(self) -> tuple[int, ...]:
        return self._array.shape  # type: ignore[no-any-return]

    @property
    def ndim(self) -> int:
        return self._array.ndim  # type: ignore[no-any-return]

    @property
    def size(self) -> int:
        return self._array.size  # type: ignore[no-any-return]

    @property
    def dtype(self) -> Any:
        """A numpy.dtype on every backend."""
        d = self._array.dtype
        return d if isinstance(d, np.dtype) else np.dtype(str(d).rsplit(".", 1)[-1])

    @property
    def device(self) -> str:
        """ "cpu", or "cuda:0" for the first GPU."""
        return backend.device_of(self._array)

    @property
    def is_leaf(self) -> bool:
        """Whether no recorded op made this tensor."""
        return self._node is None

    @property
    def requires_grad(self) -> bool:
        """Whether ops on this tensor are recorded."""
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        self.requires_grad_(value)

    @property
    def grad(self) -> Tensor | None:
        """The gradient that backward() accumulated into this leaf, or None."""
        return self._grad  # type: ignore[return-value]

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None and (not isinstance(value, TensorBase) or value._array.shape != self._array.shape):
            raise ShapeError(f"grad: expected None or a tensor of shape {self.shape}, got {getattr(value, 'shape', value)}")
        self._grad = value

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Start or stop tracking gradients of this leaf; returns it. Raises GradientError for an intermediate."""
        if self._node is not None and not requires_grad:
            raise GradientError("requires_grad_: this tensor is the result of an op; use detach() to stop its gradient")
        if requires_grad and not is_inexact(self._array):
            raise DTypeError(f"requires_grad_: only floating tensors have gradients, this one is {self.dtype}")
        self._requires_grad = requires_grad
        return self

    # ------------------------------------------------------------------ gradients
    def backward(self, gradient: Any = None, *, create_graph: bool = False, retain_graph: bool | None = None) -> None:
        """Accumulate d(self)/dleaf into the leaves' .grad; see dl.backward."""
        transforms.backward(self, gradient, create_graph=create_graph, retain_graph=retain_graph)

    def detach(self) -> Tensor:
        """The same values without their history; shares memory."""
        t: Tensor = wrap(self._array)
        t._version, t._view = self._version, True
        return t

    def register_hook(self, hook: Callable[[Tensor], Tensor | None]) -> Callable[[], None]:
        """Call hook(gradient) when the gradient of this tensor is known; what it returns replaces it. Returns a remover."""
        if not self._requires_grad:
            raise GradientError("register_hook: this tensor does not require a gradient")
        if self._node is None:
            table = self._hooks = self._hooks or {}
        else:
            self._node.hooks = self._node.hooks or {}
            table = self._node.hooks.setdefault(self._index, {})
        number = max(table, default=0) + 1
        table[number] = hook  # type: ignore[assignment]
        return lambda: table.pop(number, None) and None

    # ------------------------------------------------------------------ leaving
    def item(self) -> Any:
        """The value of a one-element tensor as a Python number. On a GPU this waits for it."""
        if self.size != 1:
            raise ShapeError(f"item: expected one element, this tensor has shape {self.shape}")
        return self.numpy_copy().reshape(()).item()

    def numpy_copy(self) -> Any:
        """A NumPy array of the values, on the host, without history."""
        a = self._array
        return a.get() if hasattr(a, "get") else np.array(a)

    def numpy(self) -> Any:
        """A read-only NumPy view of a host tensor. Raises GradientError if it requires a gradient (use detach())."""
        self._leave("numpy()")
        if backend.device_of(self._array) != "cpu":
            raise DeviceError(f"numpy(): this tensor is on {self.device}; move it first: x.to('cpu')")
        view = np.asarray(self._array)[...]
        view.flags.writeable = False
        return view

    def _leave(self, what: str) -> None:
        if self._requires_grad:
            raise GradientError(f"{what}: this tensor requires a gradient, which would be lost; use x.detach() first")

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.array(self.numpy(), dtype=dtype, copy=copy)

    def __dlpack__(self, **options: Any) -> Any:
        self._leave("__dlpack__")
        return self._array.__dlpack__(**options)

    def __dlpack_device__(self) -> Any:
        return self._array.__dlpack_device__()

    def __array_namespace__(self, /, *, api_version: str | None = None) -> Any:
        if api_version not in (None, "2021.12", "2022.12", "2023.12", "2024.12", "2025.12"):
            raise ValueError(f"__array_namespace__: unknown api_version {api_version!r}")
        return sys.modules["dlengine"]

    def to(self, target: Any) -> Tensor:
        """On another device ("cpu", "cuda", "cuda:1"; gradients follow) or with another dtype."""
        if isinstance(target, str) and target.split(":")[0] in ("cpu", "cuda"):
            return self if target in (self.device, self.device.split(":")[0]) else dtypes.to_device(self, device=target)
        return self if np.dtype(target) == self.dtype else dtypes.astype(self, np.dtype(target))

    def to_device(self, device: str, /, *, stream: Any = None) -> Tensor:
        """The array API's name of to(device)."""
        return self.to(device)

    def clone(self) -> Tensor:
        """A copy that shares nothing with this tensor; gradients flow through."""
        return dtypes.clone(self)  # type: ignore[no-any-return]

    # ------------------------------------------------------------------ Python
    def __repr__(self) -> str:
        body = np.array2string(self.numpy_copy(), separator=", ", prefix="tensor(", threshold=200)
        extra = "" if self.dtype in (np.dtype("float32"), np.dtype("int64"), np.dtype("bool")) else f", dtype={self.dtype}"
        extra += "" if self.device == "cpu" else f", device={self.device!r}"
        extra += ", requires_grad=True" if self._requires_grad else ""
        return f"tensor({body}{extra})"

    __hash__ = object.__hash__

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of a 0-d tensor")
        return self.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self)))

    def __bool__(self) -> bool:
        return bool(self._scalar("bool"))

    def __int__(self) -> int:
        return int(self._scalar("int"))

    def __float__(self) -> float:
        return float(self._scalar("float"))

    def __complex__(self) -> complex:
        return complex(self._scalar("complex"))

    def __index__(self) -> int:
        return self._scalar("index").__index__()  # type: ignore[no-any-return]

    def _scalar(self, what: str) -> Any:
        if self.size != 1:
            raise ShapeError(f"{what}(): expected one element, this tensor has shape {self.shape}")
        return self.item()

    def __getitem__(self, key: Any) -> Tensor:
        return index.getitem(self, key=key)  # type: ignore[no-any-return]

    def __setitem__(self, key: Any, value: Any) -> None:
        index.set_item(self, key, value)

    # ------------------------------------------------------------------ operators
    __add__ = elementwise.add
    __sub__ = elementwise.subtract
    __mul__ = elementwise.multiply
    __truediv__ = elementwise.divide
    __matmul__ = linalg.matmul
    __neg__ = elementwise.negative

    def __radd__(self, other: Any) -> Any:
        return elementwise.add(other, self)

    def __rsub__(self, other: Any) -> Any:
        return elementwise.subtract(other, self)

    def __rmul__(self, other: Any) -> Any:
        return elementwise.multiply(other, self)

    def __rtruediv__(self, other: Any) -> Any:
        return elementwise.divide(other, self)

    def __rmatmul__(self, other: Any) -> Any:
        return linalg.matmul(other, self)

    def __iadd__(self, other: Any) -> Tensor:
        return self._update(elementwise.add, other, "t += v")

    def __isub__(self, other: Any) -> Tensor:
        return self._update(elementwise.subtract, other, "t -= v")

    def __imul__(self, other: Any) -> Tensor:
        return self._update(elementwise.multiply, other, "t *= v")

    def __itruediv__(self, other: Any) -> Tensor:
        return self._update(elementwise.divide, other, "t /= v")

    def _update(self, op: Callable[..., Any], other: Any, what: str) -> Tensor:
        """An operator that assigns: written through where no gradient is involved, else the pure op, which self becomes."""
        new = op(self, other)
        if recording.get() and new._requires_grad:
            index.become(self, new, what)
        elif new.dtype != self.dtype or new.shape != self.shape:
            raise DTypeError(
                f"{what}: the result has shape {new.shape} and dtype {new.dtype}, but t has {self.shape} and {self.dtype}; "
                "assign to a new name instead"
            )
        else:
            self._array[...] = new._array
            written(self)
        return self

    # ------------------------------------------------------------------ methods that call ops
    sum = reduce.sum
    astype = dtypes.astype

    @property
    def T(self) -> Tensor:  # noqa: N802 - the standard's name
        """The transpose of a matrix."""
        if self.ndim != 2:
            raise ShapeError(f"T: expected a matrix, this tensor has shape {self.shape}; use mT or permute_dims")
        return linalg.matrix_transpose(self)  # type: ignore[no-any-return]

    @property
    def mT(self) -> Tensor:  # noqa: N802 - the standard's name
        """The last two axes exchanged."""
        return linalg.matrix_transpose(self)  # type: ignore[no-any-return]

    def reshape(self, *shape_: Any) -> Tensor:
        """With another shape: reshape(2, -1) or reshape((2, -1))."""
        return shape.reshape(self, shape_[0] if len(shape_) == 1 and not isinstance(shape_[0], int) else shape_)  # type: ignore[no-any-return]


set_tensor_class(Tensor, tensor_namespace)
