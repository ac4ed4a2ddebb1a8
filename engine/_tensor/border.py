"""Where a tensor leaves dlengine: Python numbers, NumPy, DLPack, copies, pickles."""

from __future__ import annotations

import copy
import operator
import sys
from html import escape
from typing import Any, Self

import numpy as np

from .. import backend
from ..autograd.base import TensorBase, wrap
from ..errors import DeviceError, GradientError, ShapeError
from ..ops.conversion import asarray


class Border(TensorBase):
    """The half of Tensor that gives its values to others. A tensor that requires a gradient leaves only by detach()."""

    __slots__ = ()
    __array_ufunc__ = None  # NumPy arrays leave mixed operators to us, and we refuse them with the way out

    # ------------------------------------------------------------------ Python
    def item(self) -> Any:
        """Return the value of a one-element tensor as a Python number; on a GPU this waits for it.

        Returns
        -------
        bool, int, float or complex
            The value.

        Raises
        ------
        ShapeError
            If there is not exactly one element.

        Examples
        --------
        >>> dl.asarray([[2.5]]).item()
        2.5
        """
        if self.array.size != 1:
            raise ShapeError(f"item: expected one element, this tensor has shape {self.array.shape}")
        a = self.array
        return a.item() if type(a) is np.ndarray and a.dtype.kind != "V" else self.numpy_copy().reshape(()).item()

    def tolist(self) -> Any:
        """Return the values as nested Python lists.

        Returns
        -------
        list, or a number for a 0-d tensor
            The values.

        Examples
        --------
        >>> dl.asarray([[1, 2], [3, 4]]).tolist()
        [[1, 2], [3, 4]]
        """
        a = self.array
        return a.tolist() if type(a) is np.ndarray and a.dtype.kind != "V" else self.numpy_copy().tolist()

    def __repr__(self) -> str:
        a = self.array
        body = np.array2string(self.numpy_copy(), separator=", ", prefix="tensor(", threshold=200)
        dtype, device = np.dtype(str(a.dtype).rsplit(".", 1)[-1]), backend.device_of(a)
        extra = "" if dtype in (np.dtype("float32"), np.dtype("int64"), np.dtype("bool")) else f", dtype={dtype}"
        extra += "" if device == "cpu" else f", device={device!r}"
        extra += ", requires_grad=True" if self.needs_grad else ""
        return f"tensor({body}{extra})"

    def _repr_html_(self) -> str:
        """What a notebook shows: the text, and shape, dtype and device."""
        a = self.array
        about = f"{tuple(a.shape)} {np.dtype(str(a.dtype).rsplit('.', 1)[-1])}, {backend.device_of(a)}"
        return f"<pre>{escape(repr(self))}</pre><small>{escape(about)}</small>"

    __hash__ = object.__hash__

    def __len__(self) -> int:
        if not self.array.shape:
            raise TypeError("len() of a 0-d tensor")
        return int(self.array.shape[0])

    def __bool__(self) -> bool:
        return bool(self._scalar("bool"))

    def __int__(self) -> int:
        return int(self._scalar("int"))

    def __float__(self) -> float:
        return float(self._scalar("float"))

    def __complex__(self) -> complex:
        return complex(self._scalar("complex"))

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if self.array.shape == () else object.__format__(self, spec)

    def __round__(self, digits: int | None = None) -> Any:
        return round(self._scalar("round"), digits)

    def numel(self) -> int:
        """Return the number of elements, as ``size``.

        Returns
        -------
        int
            The product of the sizes of the axes.

        Examples
        --------
        >>> dl.zeros((2, 3)).numel()
        6
        """
        return int(self.array.size)

    def __index__(self) -> int:
        return operator.index(self._scalar("index"))

    def _scalar(self, what: str) -> Any:
        if self.array.size != 1:
            raise ShapeError(f"{what}(): expected one element, this tensor has shape {self.array.shape}")
        return self.item()

    # ------------------------------------------------------------------ NumPy and DLPack
    def numpy(self) -> np.ndarray[Any, Any]:
        """Return a read-only NumPy view of a host tensor.

        Returns
        -------
        numpy.ndarray
            The values, of the same shape and dtype; later writes to the tensor are seen in it.

        Raises
        ------
        GradientError
            If the tensor requires a gradient, which would be lost: use ``detach()`` first.
        DeviceError
            If the tensor is on a GPU: move it with ``x.to("cpu")`` first.

        See Also
        --------
        numpy_copy : A writable copy, from any device.

        Examples
        --------
        >>> dl.asarray([1, 2]).numpy()
        array([1, 2])
        """
        self._leave("numpy()")
        if backend.device_of(self.array) != "cpu":
            raise DeviceError(f"numpy(): this tensor is on {backend.device_of(self.array)}; move it first: x.to('cpu')")
        view = np.asarray(self.array)[...]
        view.flags.writeable = False
        return view

    def numpy_copy(self) -> np.ndarray[Any, Any]:
        """Return a NumPy array of its own with the values, on the host and without history.

        Returns
        -------
        numpy.ndarray
            The values, of the same shape and dtype.
        """
        a = self.array
        return a.get() if hasattr(a, "get") else np.array(a)

    def _leave(self, what: str) -> None:
        if self.needs_grad:
            raise GradientError(f"{what}: this tensor requires a gradient, which would be lost; use x.detach() first")

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        return np.array(self.numpy(), dtype=dtype, copy=copy)

    def __dlpack__(
        self, *, stream: Any = None, max_version: Any = None, dl_device: Any = None, copy: bool | None = None
    ) -> Any:  # fmt: skip
        """A DLPack capsule, read-only on the host where the consumer's version can say so (1.0 on); else of a copy, unless
        copy=False asks for the memory itself, which the consumer must then leave alone."""
        self._leave("__dlpack__")
        a = self.array
        if not isinstance(a, np.ndarray):
            return a.__dlpack__(stream=stream, max_version=max_version, dl_device=dl_device, copy=copy)
        if max_version is not None and max_version[0] >= 1:
            return self.numpy().__dlpack__(stream=stream, max_version=max_version, dl_device=dl_device, copy=copy)
        return (a if copy is False else np.array(a)).__dlpack__(stream=stream, dl_device=dl_device)

    def __dlpack_device__(self) -> Any:
        return self.array.__dlpack_device__()

    def __array_namespace__(self, /, *, api_version: str | None = None) -> Any:
        if api_version not in (None, "2021.12", "2022.12", "2023.12", "2024.12", "2025.12"):
            raise ValueError(f"__array_namespace__: unknown api_version {api_version!r}")
        return sys.modules["dlengine"]

    # ------------------------------------------------------------------ copies
    def __copy__(self) -> Self:
        """Another name for the same memory and the same place in the graph."""
        t = object.__new__(type(self))
        t.array, t.node, t.needs_grad, t.version = self.array, self.node, self.needs_grad, self.version
        t.__dict__.update(self.__dict__)
        t._view = True
        return t

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """A leaf with memory of its own, the same attributes and a copy of its gradient; hooks stay behind, as in PyTorch."""
        self._must_be_leaf("deepcopy")
        t = object.__new__(type(self))
        memo[id(self)] = t
        array = backend.space_of(self.array).asarray(self.array, copy=True)
        t.array, t.node, t.needs_grad, t.version = array, None, self.needs_grad, [0]
        t.__dict__.update(copy.deepcopy(self._kept(), memo))
        return t

    def __reduce_ex__(self, protocol: Any) -> Any:
        """For pickle: values on the host, and where they came from."""
        self._must_be_leaf("pickle")
        return _rebuilt, (type(self), self.numpy_copy(), backend.device_of(self.array), self.needs_grad, self._kept())

    def _must_be_leaf(self, what: str) -> None:
        if self.node is not None:
            raise GradientError(
                f"{what}: this tensor is the result of an op, whose graph is not copied; detach() it, or copy it with clone()"
            )

    def _kept(self) -> dict[str, Any]:
        """The attributes that a copy gets: a gradient by value, and what a user has set."""
        kept = {k: v for k, v in self.__dict__.items() if k not in ("_hooks", "_view", "_index", "_grad")}
        if self._grad is None:
            return kept
        gradient = wrap(self._grad.array)  # without its history
        gradient.version, gradient._view = self._grad.version, True
        return {**kept, "_grad": gradient}


def _rebuilt(
    cls: type[TensorBase], values: Any, device: str, requires_grad: bool, attributes: dict[str, Any]
) -> TensorBase:
    """A tensor that was pickled, on the device where it was."""
    t = object.__new__(cls)
    t.array, t.node = asarray(values, device=device).array, None
    t.needs_grad, t.version = requires_grad, [0]
    t.__dict__.update(attributes)
    return t
