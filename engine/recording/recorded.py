"""Recorded arrays: they compute as NumPy arrays do, and every call is noted in a Recorder (recorder.py).

Ops, layers and optimizers see one more array library. What Python reads out of such an array (bool(), float(), NumPy) becomes
a guard: a replay goes on only where it reads the same.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from dlengine.kernels.graph_capture import NotCapturable

from .instructions import Value


class Noted:
    """What recorded arrays and recorded scalars have in common.

    Attributes
    ----------
    value : Value
        What it is in the recording.
    plain : numpy.ndarray or numpy.generic
        The numbers of the run that is recorded.
    recorder : Recorder
        Whose recording it belongs to.
    """

    __slots__ = ("__weakref__", "plain", "recorder", "value")

    value: Value
    plain: Any
    recorder: Any

    def __init__(self, value: Value, plain: Any, recorder: Any) -> None:
        self.value, self.plain, self.recorder = value, plain, recorder

    @property
    def shape(self) -> Any:
        return self.plain.shape

    @property
    def dtype(self) -> Any:
        return self.plain.dtype

    @property
    def ndim(self) -> int:
        return int(self.plain.ndim)

    @property
    def size(self) -> int:
        return int(self.plain.size)

    @property
    def nbytes(self) -> int:
        return int(self.plain.nbytes)

    @property
    def itemsize(self) -> int:
        return int(self.plain.itemsize)

    @property
    def strides(self) -> Any:
        return self.plain.strides

    @property
    def flags(self) -> Any:
        return self.plain.flags

    @property
    def T(self) -> Any:  # noqa: N802 - NumPy's name
        return self.recorder.call("transpose", _transposed, (self,))

    @property
    def mT(self) -> Any:  # noqa: N802 - NumPy's name
        return self.recorder.call("matrix_transpose", np.matrix_transpose, (self,))

    @property
    def real(self) -> Any:
        return self.recorder.call("real", np.real, (self,))

    @property
    def imag(self) -> Any:
        return self.recorder.call("imag", np.imag, (self,))

    def get(self) -> Any:
        """The numbers, for Python: from now on a replay must find the same."""
        return self.recorder.read(self)

    def __len__(self) -> int:
        return len(self.plain)

    def __bool__(self) -> bool:
        return bool(self.get())

    def __float__(self) -> float:
        return float(self.get())

    def __int__(self) -> int:
        return int(self.get())

    def __complex__(self) -> complex:
        return complex(self.get())

    def __index__(self) -> int:
        return operator.index(self.get())

    def item(self) -> Any:
        return self.get().item()

    def tolist(self) -> Any:
        return self.get().tolist()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.array(self.get(), dtype=dtype)

    def __array_ufunc__(self, ufunc: Any, method: str, *args: Any, **options: Any) -> Any:
        raise NotCapturable(f"NumPy's {ufunc.__name__} is called on an array of the step; use the function of dlengine")

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        raise NotCapturable(f"NumPy's {function.__name__} is called on an array of the step; use the function of dlengine")

    def __generated__(self, kernel: Any, arrays: Any) -> Any:
        """A generated kernel was called with this array (see kernels/jit/generated/kernel.py)."""
        return self.recorder.call(kernel.name, kernel, arrays)

    def __getitem__(self, key: Any) -> Any:
        return self.recorder.call("getitem", operator.getitem, (self, key))

    def __iter__(self) -> Any:
        return (self[i] for i in range(len(self)))

    __hash__ = object.__hash__

    def __getattr__(self, name: str) -> Any:
        if name in METHODS:
            return lambda *args, **options: self.recorder.call(name, getattr(np.ndarray, name), (self, *args), options)
        if name.startswith("__") or not hasattr(np.ndarray, name):
            raise AttributeError(f"an array has no attribute {name!r}")
        raise NotCapturable(f"the array's own {name} is used; use the function of dlengine")

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise NotCapturable("an array of the step is pickled or copied; clone() copies a tensor")


class Recorded(Noted):
    """An array that is being recorded."""

    __slots__ = ()
    device = "cpu"

    @property
    def base(self) -> Any:
        """As NumPy's: None for an array with memory of its own; of two views of one memory the same."""
        storage = self.value.storage
        whole: Any = storage.root() if storage is not None and storage.root is not None else None
        if whole is self:
            return None
        return storage if whole is None else whole

    def __setitem__(self, key: Any, new: Any) -> None:
        self.recorder.call("setitem", operator.setitem, (self, key, new), writes=(self,))

    def __dlpack__(self, *args: Any, **options: Any) -> NoReturn:
        raise NotCapturable("an array of the step is handed to another library")

    def __dlpack_device__(self) -> NoReturn:
        raise NotCapturable("an array of the step is handed to another library")


class RecordedScalar(Noted):
    """A NumPy scalar that is being recorded: what NumPy's functions give instead of an array without axes."""

    __slots__ = ()


class RecordedObject:
    """What a kernel keeps for its gradient: handed on, and looked into by nobody."""

    __slots__ = ("plain", "value")

    def __init__(self, value: Value, plain: Any) -> None:
        self.value, self.plain = value, plain


SCALARS = (np.generic, RecordedScalar)
"""What NumPy's functions, and recorded ones, give instead of an array without axes."""


def solid(x: Any) -> Any:
    """A scalar as the array without axes that it stands for."""
    return np.asarray(x) if isinstance(x, np.generic) else x.recorder.call("asarray", np.asarray, (x,))


METHODS = frozenset(
    "sum mean min max any all prod var std argmin argmax argsort cumsum cumprod astype reshape transpose copy round clip conj "
    "squeeze ravel flatten swapaxes take repeat dot nonzero sort diagonal trace".split()
) - {"sort"}
"""Methods of NumPy's arrays that make a new array, or a view."""


def _transposed(x: Any) -> Any:
    return x.T


def _binary(name: str, function: Callable[..., Any], swapped: bool) -> Callable[..., Any]:
    if swapped:
        return lambda self, other: self.recorder.call(name, function, (other, self))
    return lambda self, other: self.recorder.call(name, function, (self, other))


def _in_place(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def method(self: Any, other: Any) -> Any:
        if isinstance(self, RecordedScalar):  # a scalar is replaced, not written to
            return self.recorder.call(name, function, (self, other))
        self.recorder.call(f"{name} in place", function, (self, other), writes=(self,))
        return self

    return method


ARITHMETIC = {
    "add": "add", "sub": "subtract", "mul": "multiply", "truediv": "divide", "pow": "pow", "matmul": "matmul",
    "floordiv": "floor_divide", "mod": "remainder", "and": "bitwise_and", "or": "bitwise_or", "xor": "bitwise_xor",
    "lshift": "bitwise_left_shift", "rshift": "bitwise_right_shift",
}  # fmt: skip
"""Operators, and the namespace's names of them."""

COMPARISONS = {
    "lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal", "eq": "equal", "ne": "not_equal",
}  # fmt: skip


def _install() -> None:
    for name, called in ARITHMETIC.items():
        plain = name + "_" if name in ("and", "or") else name
        function, writing = getattr(operator, plain), getattr(operator, f"i{name}")
        setattr(Noted, f"__{name}__", _binary(called, function, swapped=False))
        setattr(Noted, f"__r{name}__", _binary(called, function, swapped=True))
        setattr(Noted, f"__i{name}__", _in_place(called, writing))
    for name, called in COMPARISONS.items():
        setattr(Noted, f"__{name}__", _binary(called, getattr(operator, name), swapped=False))
    for name, called in {"neg": "negative", "abs": "abs", "invert": "bitwise_invert", "pos": "positive"}.items():
        function = getattr(operator, name)
        setattr(Noted, f"__{name}__", lambda self, c=called, f=function: self.recorder.call(c, f, (self,)))


_install()
