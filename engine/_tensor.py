"""Tensor: an array and its place in the autograd graph. Operators and methods call the ops, one line each."""

from __future__ import annotations

import copy
import operator
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from . import backend
from .autograd import transforms
from .autograd.base import TensorBase, recording, set_tensor_class, wrap, written
from .autograd.call import ForeignType
from .autograd.hooks import Handle
from .autograd.promotion import bfloat16, is_inexact
from .errors import DeviceError, DTypeError, GradientError, ShapeError
from .ops import activation, dtypes, elementwise, index, linalg, logic, reduce, sort
from .ops import shape as shapes
from .ops.creation import asarray
from .ops.namespace import tensor_namespace


def _binary(op: Callable[..., Any]) -> Callable[..., Any]:
    """An operator; classes that we do not know may answer in our place."""

    def method(self: Any, other: Any, /) -> Any:
        try:
            return op(self, other)
        except ForeignType:
            return NotImplemented

    return method


def _reflected(op: Callable[..., Any]) -> Callable[..., Any]:
    """An operator with self on the right."""

    def method(self: Any, other: Any, /) -> Any:
        try:
            return op(other, self)
        except ForeignType:
            return NotImplemented

    return method


def _comparison(op: Callable[..., Any]) -> Callable[..., Any]:
    """== and !=: nothing equals None, or an object of a class that we do not know and that has no answer."""

    def method(self: Any, other: Any, /) -> Any:
        if other is None:
            return NotImplemented
        try:
            return op(self, other)
        except ForeignType:
            return NotImplemented

    return method


def _assigning(op: Callable[..., Any], sign: str) -> Callable[..., Any]:
    """An operator that assigns: written through where no gradient is involved, else the pure op, which self becomes."""
    what = f"t {sign}= v"

    def method(self: Any, other: Any, /) -> Any:
        try:
            new = op(self, other)
        except ForeignType:
            return NotImplemented
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

    return method


class Tensor(TensorBase):
    """A multi-dimensional array that remembers how it was computed. Make one with dl.asarray, dl.zeros ..."""

    __slots__ = ()
    __array_ufunc__ = None  # NumPy arrays leave mixed operators to us, and we refuse them with the way out

    def __init__(self, obj: Any, *, dtype: Any = None, device: str | None = None, requires_grad: bool = False) -> None:
        source = asarray(obj, dtype=dtype, device=device, copy=None)
        if source._requires_grad:
            source._leave("Tensor()")
        self._array, self._node, self._requires_grad, self._version = source._array, None, False, source._version
        self._view = source is obj or source._view
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

    def register_hook(self, hook: Callable[[Tensor], Tensor | None]) -> Handle:
        """Call hook(gradient) when the gradient of this tensor is known; what it returns replaces it.

        Returns a handle: calling it, or its remove(), takes the hook off.
        """
        if not self._requires_grad:
            raise GradientError("register_hook: this tensor does not require a gradient")
        if self._node is None:
            if self._hooks is None:
                self._hooks = {}
            return Handle(self._hooks, hook)
        if self._node.hooks is None:
            self._node.hooks = {}
        return Handle(self._node.hooks.setdefault(self._index, {}), hook)

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

    def __dlpack__(
        self, *, stream: Any = None, max_version: Any = None, dl_device: Any = None, copy: bool | None = None
    ) -> Any:  # fmt: skip
        """A DLPack capsule, read-only on the host where the consumer's version can say so (1.0 on); else of a copy, unless
        copy=False asks for the memory itself, which the consumer must then leave alone."""
        self._leave("__dlpack__")
        a = self._array
        if not isinstance(a, np.ndarray):
            return a.__dlpack__(stream=stream, max_version=max_version, dl_device=dl_device, copy=copy)
        if max_version is not None and max_version[0] >= 1:
            return self.numpy().__dlpack__(stream=stream, max_version=max_version, dl_device=dl_device, copy=copy)
        return (a if copy is False else np.array(a)).__dlpack__(stream=stream, dl_device=dl_device)

    def __dlpack_device__(self) -> Any:
        return self._array.__dlpack_device__()

    def __array_namespace__(self, /, *, api_version: str | None = None) -> Any:
        if api_version not in (None, "2021.12", "2022.12", "2023.12", "2024.12", "2025.12"):
            raise ValueError(f"__array_namespace__: unknown api_version {api_version!r}")
        return sys.modules["dlengine"]

    def to(self, target: Any) -> Tensor:
        """On another device ("cpu", "cuda", "cuda:1"; gradients follow) or with another dtype."""
        if target is None:  # NumPy takes it for float64
            raise DTypeError("to: expected a device or a dtype, got None")
        if isinstance(target, str) and target != "bfloat16" and not hasattr(np, target):
            return self.to_device(target)
        try:
            wanted = bfloat16() if isinstance(target, str) and target == "bfloat16" else np.dtype(target)
        except TypeError as error:
            raise DTypeError(f"to: expected a device or a dtype, got {target!r}") from error
        return self if wanted == self.dtype else dtypes.astype(self, wanted)

    def to_device(self, device: str, /, *, stream: Any = None) -> Tensor:
        """On another device ("cpu", "cuda", "cuda:1"); gradients follow."""
        return self if device in (self.device, self.device.split(":")[0]) else dtypes.to_device(self, device)

    def clone(self) -> Tensor:
        """A copy that shares nothing with this tensor; gradients flow through."""
        return dtypes.clone(self)  # type: ignore[no-any-return]

    # ------------------------------------------------------------------ copies
    def __copy__(self) -> Tensor:
        """Another name for the same memory and the same place in the graph."""
        t: Tensor = object.__new__(type(self))
        t._array, t._node, t._requires_grad, t._version = self._array, self._node, self._requires_grad, self._version
        t.__dict__.update(self.__dict__)
        t._view = True
        return t

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        """A leaf with memory of its own, the same attributes and a copy of its gradient; hooks stay behind, as in PyTorch."""
        self._must_be_leaf("deepcopy")
        t: Tensor = object.__new__(type(self))
        memo[id(self)] = t
        array = backend.space_of(self._array).asarray(self._array, copy=True)
        t._array, t._node, t._requires_grad, t._version = array, None, self._requires_grad, [0]
        t.__dict__.update(copy.deepcopy(self._kept(), memo))
        return t

    def __reduce_ex__(self, protocol: Any) -> Any:
        """For pickle: values on the host, and where they came from."""
        self._must_be_leaf("pickle")
        return _rebuilt, (type(self), self.numpy_copy(), self.device, self._requires_grad, self._kept())

    def _must_be_leaf(self, what: str) -> None:
        if self._node is not None:
            raise GradientError(
                f"{what}: this tensor is the result of an op, whose graph is not copied; detach() it, or copy it with clone()"
            )

    def _kept(self) -> dict[str, Any]:
        """The attributes that a copy gets: a gradient by value, and what a user has set."""
        kept = {k: v for k, v in self.__dict__.items() if k not in ("_hooks", "_view", "_index", "_grad")}
        return kept if self._grad is None else {**kept, "_grad": self._grad.detach()}  # type: ignore[attr-defined]

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
        return operator.index(self._scalar("index"))

    def _scalar(self, what: str) -> Any:
        if self.size != 1:
            raise ShapeError(f"{what}(): expected one element, this tensor has shape {self.shape}")
        return self.item()

    def __getitem__(self, key: Any) -> Tensor:
        return index.getitem(self, key=key)  # type: ignore[no-any-return]

    def __setitem__(self, key: Any, value: Any) -> None:
        index.set_item(self, key, value)

    # ------------------------------------------------------------------ operators
    __neg__ = elementwise.negative
    __pos__ = elementwise.positive
    __abs__ = elementwise.abs
    __invert__ = logic.bitwise_invert

    __add__ = _binary(elementwise.add)
    __sub__ = _binary(elementwise.subtract)
    __mul__ = _binary(elementwise.multiply)
    __truediv__ = _binary(elementwise.divide)
    __floordiv__ = _binary(elementwise.floor_divide)
    __mod__ = _binary(elementwise.remainder)
    __pow__ = _binary(elementwise.pow)
    __matmul__ = _binary(linalg.matmul)
    __and__ = _binary(logic.bitwise_and)
    __or__ = _binary(logic.bitwise_or)
    __xor__ = _binary(logic.bitwise_xor)
    __lshift__ = _binary(logic.bitwise_left_shift)
    __rshift__ = _binary(logic.bitwise_right_shift)

    __radd__ = _reflected(elementwise.add)
    __rsub__ = _reflected(elementwise.subtract)
    __rmul__ = _reflected(elementwise.multiply)
    __rtruediv__ = _reflected(elementwise.divide)
    __rfloordiv__ = _reflected(elementwise.floor_divide)
    __rmod__ = _reflected(elementwise.remainder)
    __rpow__ = _reflected(elementwise.pow)
    __rmatmul__ = _reflected(linalg.matmul)
    __rand__ = _reflected(logic.bitwise_and)
    __ror__ = _reflected(logic.bitwise_or)
    __rxor__ = _reflected(logic.bitwise_xor)
    __rlshift__ = _reflected(logic.bitwise_left_shift)
    __rrshift__ = _reflected(logic.bitwise_right_shift)

    __iadd__ = _assigning(elementwise.add, "+")
    __isub__ = _assigning(elementwise.subtract, "-")
    __imul__ = _assigning(elementwise.multiply, "*")
    __itruediv__ = _assigning(elementwise.divide, "/")
    __ifloordiv__ = _assigning(elementwise.floor_divide, "//")
    __imod__ = _assigning(elementwise.remainder, "%")
    __ipow__ = _assigning(elementwise.pow, "**")
    __imatmul__ = _assigning(linalg.matmul, "@")
    __iand__ = _assigning(logic.bitwise_and, "&")
    __ior__ = _assigning(logic.bitwise_or, "|")
    __ixor__ = _assigning(logic.bitwise_xor, "^")
    __ilshift__ = _assigning(logic.bitwise_left_shift, "<<")
    __irshift__ = _assigning(logic.bitwise_right_shift, ">>")

    __eq__ = _comparison(logic.equal)
    __ne__ = _comparison(logic.not_equal)
    __lt__ = _binary(logic.less)
    __le__ = _binary(logic.less_equal)
    __gt__ = _binary(logic.greater)
    __ge__ = _binary(logic.greater_equal)

    # ------------------------------------------------------------------ methods that call ops
    all, any, argmax, argmin = reduce.all, reduce.any, reduce.argmax, reduce.argmin
    sum, mean, prod, var, std = reduce.sum, reduce.mean, reduce.prod, reduce.var, reduce.std
    max, min, logsumexp = reduce.max, reduce.min, reduce.logsumexp
    cumulative_sum, cumulative_prod = reduce.cumulative_sum, reduce.cumulative_prod
    abs, sign, square, sqrt, pow = elementwise.abs, elementwise.sign, elementwise.square, elementwise.sqrt, elementwise.pow
    exp, log, sin, cos, tanh = elementwise.exp, elementwise.log, elementwise.sin, elementwise.cos, elementwise.tanh
    floor, ceil, round, clip, conj = elementwise.floor, elementwise.ceil, elementwise.round, elementwise.clip, elementwise.conj
    relu, sigmoid = activation.relu, activation.sigmoid
    matmul = linalg.matmul
    astype = dtypes.astype
    flatten, flip, roll, split = shapes.flatten, shapes.flip, shapes.roll, shapes.split
    expand_dims = unsqueeze = shapes.expand_dims
    broadcast_to, unstack = shapes.broadcast_to, shapes.unstack
    sort, argsort, topk, gather = sort.sort, sort.argsort, sort.topk, index.take_along_axis

    @property
    def T(self) -> Tensor:  # noqa: N802 - the standard's name
        """The transpose of a matrix."""
        if self.ndim != 2:
            raise ShapeError(f"T: expected a matrix, this tensor has shape {self.shape}; use mT or permute_dims")
        return shapes.matrix_transpose(self)  # type: ignore[no-any-return]

    @property
    def mT(self) -> Tensor:  # noqa: N802 - the standard's name
        """The last two axes exchanged."""
        return shapes.matrix_transpose(self)  # type: ignore[no-any-return]

    @property
    def real(self) -> Tensor:
        """The real part."""
        return elementwise.real(self)  # type: ignore[no-any-return]

    @property
    def imag(self) -> Tensor:
        """The imaginary part."""
        return elementwise.imag(self)  # type: ignore[no-any-return]

    def reshape(self, *shape_: Any, copy: bool | None = None) -> Tensor:
        """With another shape: reshape(2, -1) or reshape((2, -1))."""
        return shapes.reshape(self, _listed(shape_), copy=copy)  # type: ignore[no-any-return]

    def view(self, *shape_: Any) -> Tensor:
        """reshape without a copy; raises if that cannot be."""
        return shapes.reshape(self, _listed(shape_), copy=False)  # type: ignore[no-any-return]

    def permute_dims(self, *axes: Any) -> Tensor:
        """With its axes in another order: permute_dims(0, 2, 1) or permute_dims((0, 2, 1))."""
        return shapes.permute_dims(self, _listed(axes))  # type: ignore[no-any-return]

    def transpose(self, *axes: Any) -> Tensor:
        """Two axes exchanged, transpose(0, 1); all in another order, transpose((2, 0, 1)); or reversed, transpose()."""
        if len(axes) == 2:
            first, second = (shapes.axis_of("transpose", a, self.ndim) for a in axes)
            order = list(range(self.ndim))
            order[first], order[second] = second, first
            return self.permute_dims(order)
        return self.permute_dims(_listed(axes) if axes else tuple(reversed(range(self.ndim))))

    def squeeze(self, axis: Any = None) -> Tensor:
        """Without the axes named, or without all of size 1."""
        gone = tuple(i for i, n in enumerate(self.shape) if n == 1) if axis is None else axis
        return shapes.squeeze(self, gone)  # type: ignore[no-any-return]

    def tolist(self) -> Any:
        """The values as nested Python lists, or a number for a 0-d tensor."""
        return self.numpy_copy().tolist()

    def cpu(self) -> Tensor:
        """On the host."""
        return self.to("cpu")

    def cuda(self) -> Tensor:
        """On the first GPU."""
        return self.to("cuda")


def _listed(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Sizes or axes given one by one or as one sequence."""
    return tuple(values[0]) if len(values) == 1 and not isinstance(values[0], (int, np.integer)) else values


def _rebuilt(cls: type[Tensor], values: Any, device: str, requires_grad: bool, attributes: dict[str, Any]) -> Tensor:
    """A tensor that was pickled, on the device where it was."""
    t: Tensor = object.__new__(cls)
    t._array, t._node = asarray(values, device=device)._array, None
    t._requires_grad, t._version = requires_grad, [0]
    t.__dict__.update(attributes)
    return t


set_tensor_class(Tensor, tensor_namespace)
