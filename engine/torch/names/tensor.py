"""Tensor: the engine's tensor with PyTorch's methods and operators. See `core` for how its methods come together."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from . import (
    algebra,
    chance,
    conversion,
    creation,
    elementwise,
    indexing,
    items,
    joining,
    printing,
    reductions,
    running,
    sets,
    shaping,
    weighted,
)
from .core import CLASSES, FUNCTIONS, METHODS, OWN, Plain, assigning, demoted, is_tensor, own
from .engine import dl
from .places import CPU, Size, Sizes, device
from .short import operator, shortened

_RECORDED = {
    "multiply": "mul", "subtract": "sub", "divide": "div", "negative": "neg", "power": "pow", "concat": "cat", "linear": "addmm",
    "expand_dims": "unsqueeze", "permute_dims": "permute", "reshape": "view", "flatten": "view", "broadcast_to": "expand",
    "matrix_transpose": "t", "vector_norm": "linalg_vector_norm", "take": "index_select", "getitem": "select", "matmul": "mm",
    "cumulative_sum": "cumsum", "cross_entropy": "nll_loss", "layer_norm": "native_layer_norm",
    **dict.fromkeys(("conv1d", "conv2d", "conv3d"), "convolution"),
}  # fmt: skip
"""PyTorch's names of ops where grad_fn shows others."""


_int: Any = int.__new__


class _Recorded:
    """What grad_fn shows of the op that made a tensor."""

    def __init__(self, op: str) -> None:
        self._op = op

    def name(self) -> str:
        """The op's name, written as PyTorch writes it."""
        return "".join(part.capitalize() for part in _RECORDED.get(self._op, self._op).split("_")) + "Backward0"

    def __repr__(self) -> str:
        return f"<{self.name()}>"


def _unchanged(hook: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda g: hook(own(g))


def _set(t: Any, **parts: Any) -> None:
    """Give a tensor another memory or place in the graph."""
    for name, value in parts.items():
        setattr(t, name, value)


class Tensor(Plain):  # type: ignore[misc]
    """A tensor with PyTorch's methods and meanings."""

    __slots__ = ()

    def __init__(self, *args: Any, device: Any = None) -> None:
        made = creation.legacy(args, dl.get_default_dtype())
        super().__init__(made, device=device)

    # ------------------------------------------------------------------ what it is
    @property
    def shape(self) -> Any:
        """The sizes of the axes."""
        return Size(self.array.shape)

    @property
    def size(self) -> Any:
        """The number of elements; called, the shape or the size of one axis."""
        a = self.array
        found = _int(Sizes, a.size)
        found.shape = a.shape
        return found

    @property
    def device(self) -> device:
        """The device."""
        return CPU if type(self.array) is np.ndarray else device(super().device)

    @property
    def data(self) -> Any:
        """The same memory without history."""
        return own(Plain.detach(self))

    @data.setter
    def data(self, value: Any) -> None:
        _set(self, array=value.array)

    @property
    def grad(self) -> Any:
        """The gradient, or None."""
        return None if self._grad is None else own(self._grad)

    @grad.setter
    def grad(self, value: Any) -> None:
        Plain.grad.fset(self, value)

    @property
    def grad_fn(self) -> Any:
        """The op that made this tensor, or None."""
        return None if self.node is None else _Recorded(self.node.op.name)

    @property
    def is_cuda(self) -> bool:
        """Whether it is on a GPU."""
        return self.device != "cpu"

    @property
    def T(self) -> Any:  # noqa: N802 - PyTorch's name
        """The tensor with its axes in reverse order."""
        return own(dl.permute_dims(self, tuple(reversed(range(self.ndim)))))

    @property
    def mT(self) -> Any:  # noqa: N802 - PyTorch's name
        """The tensor with its last two axes exchanged."""
        return own(dl.matrix_transpose(self))

    @property
    def H(self) -> Any:  # noqa: N802 - PyTorch's name
        """The conjugate transpose of a matrix."""
        if self.ndim not in (0, 2):
            raise RuntimeError(f"tensor.H is only supported on matrices (2-D tensors). Got {self.ndim}-D tensor.")
        return self if self.ndim == 0 else METHODS["adjoint"](self)

    @property
    def mH(self) -> Any:  # noqa: N802 - PyTorch's name
        """The conjugate transpose of the last two axes."""
        return METHODS["adjoint"](self)

    @property
    def real(self) -> Any:
        """The real part."""
        return METHODS["real"](self)

    @property
    def imag(self) -> Any:
        """The imaginary part."""
        return METHODS["imag"](self)

    @property
    def itemsize(self) -> int:
        """Bytes of one element."""
        return int(self.dtype.itemsize)

    @property
    def nbytes(self) -> int:
        """Bytes of all elements."""
        return int(self.array.nbytes)

    layout = "strided"
    is_sparse = is_quantized = is_mps = is_meta = is_xpu = is_nested = False
    names = ()

    # ------------------------------------------------------------------ gradients
    def backward(self, gradient: Any = None, retain_graph: Any = None, create_graph: bool = False, inputs: Any = None) -> None:
        """Add the derivative for every leaf to its grad."""
        if inputs is not None:
            wanted = [inputs] if is_tensor(inputs) else list(inputs)
            found = dl.gradients(self, wanted, gradient, create_graph=create_graph, retain_graph=retain_graph)
            for leaf, g in zip(wanted, found, strict=True):
                leaf.grad = own(g) if leaf.grad is None else leaf.grad + g
            return
        if gradient is None and self.shape != () and self.array.size == 1:
            gradient = dl.ones_like(self)
        if gradient is not None and gradient.dtype != self.dtype:
            gradient = dl.astype(gradient, self.dtype)
        Plain.backward(self, gradient, create_graph=create_graph, retain_graph=retain_graph)

    def register_hook(self, hook: Callable[[Any], Any]) -> Any:
        """Call a function with the gradient; see `dl.Tensor.register_hook`."""
        return Plain.register_hook(self, _unchanged(hook))

    def retain_grad(self) -> None:
        """Keep the gradient of this intermediate result in its grad."""
        if self.is_leaf:
            return
        me = weakref.ref(self)

        def keep(g: Any) -> None:
            t = me()
            if t is not None:
                held = t.__dict__.get("_grad")
                t.__dict__["_grad"] = own(dl.clone(g) if held is None else held + g)

        Plain.register_hook(self, keep)

    def requires_grad_(self, requires_grad: bool = True) -> Any:
        """Start or stop recording ops on this leaf."""
        return Plain.requires_grad_(self, requires_grad)

    def __setstate_from__(self, other: Any) -> None:
        """Become a leaf with another tensor's memory."""
        _set(self, array=other.array, node=None, needs_grad=False)

    # ------------------------------------------------------------------ Python
    def __repr__(self, *, tensor_contents: Any = None) -> str:
        default = dl.get_default_dtype().name
        usual = ("int64", "bool", default, "complex128" if default == "float64" else "complex64")
        notes = [] if self.device == "cpu" else [f"device='{self.device}'"]
        if self.dtype.name not in usual or (self.array.size == 0 and self.dtype != dl.get_default_dtype()):
            notes.append(f"dtype=torch.{self.dtype.name}")
        if self.requires_grad:
            notes.append("requires_grad=True" if self.is_leaf else f"grad_fn={self.grad_fn!r}")
        return printing.written(self.numpy_copy(), notes)

    def __float__(self) -> float:
        a = self.array
        return float(a.item()) if type(a) is np.ndarray and a.size == 1 and a.dtype.kind in "fiub" else Plain.__float__(self)

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if self.array.ndim == 0 else object.__format__(self, spec)

    def __contains__(self, element: Any) -> bool:
        return bool(dl.any(self == element))

    def __iter__(self) -> Any:
        if self.array.ndim == 0:
            raise TypeError("iteration over a 0-d tensor")
        return iter(METHODS["unbind"](self, 0))

    def __dir__(self) -> Any:
        return sorted({*object.__dir__(self), *METHODS})

    __array_priority__ = 1000

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        given = [v.numpy() if is_tensor(v) else v for v in inputs]
        found = getattr(ufunc, method)(*given, **options)
        return own(dl.asarray(found)) if isinstance(found, np.ndarray) else found

    __getitem__ = shortened("Tensor.__getitem__", "short_views", items.get_item)
    __setitem__ = items.set_item
    __hash__ = object.__hash__


# ---------------------------------------------------------------------- operators
_OPERANDS = (Plain, np.ndarray, np.generic)


def _operator(name: str, reflected: bool) -> Callable[[Any, Any], Any]:
    plain = getattr(Plain, name)
    forward = getattr(Plain, name.replace("__r", "__", 1)) if reflected else plain

    def method(self: Any, other: Any) -> Any:
        kind = type(other)
        if kind is not float and kind is not int:
            if other is None:
                return NotImplemented
            if isinstance(other, _OPERANDS):
                a, b = demoted(self, other)
                if (a is not self or b is not other) and not isinstance(a, (int, float, complex)):
                    return own(forward(b, a) if reflected else forward(a, b))
        y = plain(self, other)
        if type(y) is Plain:
            y.__class__ = Tensor
            return y
        return own(y)

    method.__name__ = name
    return method


_TWO = {
    "add": "add", "sub": "sub", "mul": "mul", "truediv": "div", "floordiv": "floor_divide", "mod": "remainder", "pow": "pow",
    "matmul": "matmul", "and": "bitwise_and", "or": "bitwise_or", "xor": "bitwise_xor", "lshift": "bitwise_left_shift",
    "rshift": "bitwise_right_shift",
}  # fmt: skip
"""The names of operators that have a reflected form, all but those of matrices and bits also one in place."""

_IN_PLACE = {name: op for name, op in _TWO.items() if name not in ("matmul", "lshift", "rshift")}


def _operators() -> None:
    """Give the class its operators, which are to have the short ways of the functions of their names."""
    for name, op in _TWO.items():
        for reflected in (False, True):
            method = f"__{'r' if reflected else ''}{name}__"
            setattr(Tensor, method, operator(_operator(method, reflected), FUNCTIONS[op], reflected))
    for name in ("lt", "le", "gt", "ge", "eq", "ne"):
        setattr(Tensor, f"__{name}__", operator(_operator(f"__{name}__", False), FUNCTIONS[name]))
    for name, op in {"neg": "neg", "abs": "abs", "invert": "bitwise_not"}.items():
        setattr(Tensor, f"__{name}__", METHODS[op])
    for name, op in _IN_PLACE.items():
        setattr(Tensor, f"__i{name}__", assigning(METHODS[op], f"{op}_"))


Tensor.__pos__ = lambda self: self


def finish() -> None:
    """Give the class its methods and operators; called once all families are loaded."""
    _operators()
    for name, f in METHODS.items():
        if name not in ("real", "imag", "T", "H", "mT", "mH"):
            setattr(Tensor, name, f)


CLASSES[Plain] = Tensor
OWN.add(Tensor)
_ = (algebra, chance, conversion, elementwise, indexing, joining, sets, reductions, running, shaping, weighted)
