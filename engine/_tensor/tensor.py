"""Tensor: an array and its place in the autograd graph. Operators and methods call the ops, one line each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import numpy as np

from ..autograd import derivatives
from ..autograd.base import set_tensor_class, wrap
from ..autograd.hooks import Handle
from ..autograd.promotion import bfloat16
from ..errors import DTypeError, GradientError, ShapeError
from ..ops import (
    activation,
    bits,
    broadcasting,
    counting,
    cumulative,
    dtypes,
    elementwise,
    gather,
    index,
    joining,
    linalg,
    logic,
    rearrange,
    rectifiers,
    reduce,
    sort,
)
from ..ops import shape as shapes
from ..ops.conversion import asarray
from ..ops.namespace import tensor_namespace
from ..typing import DTypeLike
from .attributes import Attributes
from .border import Border
from .in_place import InPlace
from .operators import Comparison, assigning, binary, comparison, reflected
from .shaping import Shaping


class Tensor(Attributes, Border, Shaping, InPlace):
    """A multi-dimensional array that remembers how it was computed.

    Usually made by `dl.tensor`, `dl.asarray`, `dl.zeros`, `dl.randn` and the like. Arithmetic, comparison, indexing and
    slicing work as in NumPy. ``t[k] = v`` and ``t += v`` write in place where no gradient would be lost.

    Parameters
    ----------
    obj : number, nested sequence, array or Tensor
        The values.
    dtype : dtype, optional
        By default that of ``obj``; Python floats get the default dtype.
    device : str, optional
        ``"cpu"``, ``"cuda"`` or ``"cuda:1"``; by default where ``obj`` is, or the backend's.
    requires_grad : bool
        Whether ops on it are recorded, so that ``backward()`` gives it a gradient.

    Attributes
    ----------
    array : numpy.ndarray or cupy.ndarray
        The values. Write to them through the tensor, which counts writes.

    Examples
    --------
    >>> x = dl.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    >>> y = (x * x).sum()
    >>> y.backward()
    >>> x.grad
    tensor([[2., 4.],
            [6., 8.]])
    """

    __slots__ = ()

    def __init__(
        self, obj: Any, *, dtype: DTypeLike | None = None, device: str | None = None, requires_grad: bool = False
    ) -> None:
        source = asarray(obj, dtype=dtype, device=device, copy=None)
        if source.needs_grad:
            source._leave("Tensor()")
        self.array, self.node, self.needs_grad, self.version = source.array, None, False, source.version
        self._view = source is obj or source._view
        if requires_grad:
            self.requires_grad_()

    # ------------------------------------------------------------------ gradients
    def backward(
        self, gradient: Tensor | None = None, *, create_graph: bool = False, retain_graph: bool | None = None
    ) -> None:
        """Add the derivative of this tensor for every leaf behind it to that leaf's ``grad``; see `dl.backward`.

        Parameters
        ----------
        gradient : Tensor, optional
            The gradient of what follows for this tensor, of its shape and dtype. Not needed for a scalar.
        create_graph : bool
            Whether the gradients can themselves be differentiated.
        retain_graph : bool, optional
            Whether backward can run through this graph again; by default as ``create_graph``.

        Examples
        --------
        >>> x = dl.tensor(3.0, requires_grad=True)
        >>> (x**2).backward()
        >>> x.grad
        tensor(6.)
        """
        derivatives.backward(self, gradient, create_graph=create_graph, retain_graph=retain_graph)

    def detach(self) -> Tensor:
        """Return the same values without their history; the memory is shared.

        Returns
        -------
        Tensor
            A leaf that does not require a gradient.

        Examples
        --------
        >>> x = dl.tensor([1.0], requires_grad=True)
        >>> (x * 2).detach().requires_grad
        False
        """
        t: Tensor = wrap(self.array)
        t.version, t._view = self.version, True
        return t

    @property
    def data(self) -> Tensor:
        """The same values without their history, as `detach` returns them; assigning replaces the memory, not the history."""
        return self.detach()

    @data.setter
    def data(self, value: Tensor) -> None:
        if not isinstance(value, Tensor) or value.array.shape != self.array.shape:
            raise ShapeError(f"data: expected a tensor of shape {self.shape}, got {getattr(value, 'shape', value)}")
        self.array, self.version, self._view = value.array, value.version, True

    def contiguous(self) -> Tensor:
        """Return the tensor with its elements one after another in memory.

        Returns
        -------
        Tensor
            This tensor where its elements lie so already, else a copy, which gradients pass.

        Examples
        --------
        >>> dl.zeros((2, 3)).mT.contiguous().shape
        (3, 2)
        """
        return self if self.array.flags.c_contiguous else shapes.reshape(shapes.reshape(self, (-1,)), self.array.shape)

    def register_hook(self, hook: Callable[[Tensor], Tensor | None]) -> Handle:
        """Call a function with the gradient of this tensor as soon as it is known.

        Parameters
        ----------
        hook : callable
            Gets the gradient and must not write to it. A tensor that it returns replaces the gradient.

        Returns
        -------
        Handle
            Its ``remove()`` takes the hook off.

        Raises
        ------
        GradientError
            If this tensor does not require a gradient.

        Examples
        --------
        >>> x = dl.tensor([1.0, 2.0], requires_grad=True)
        >>> handle = x.register_hook(lambda g: g * 10)
        >>> x.sum().backward()
        >>> x.grad
        tensor([10., 10.])
        """
        if not self.needs_grad:
            raise GradientError("register_hook: this tensor does not require a gradient")
        if self.node is None:
            if self._hooks is None:
                self._hooks = {}
            return Handle(self._hooks, hook)
        if self.node.hooks is None:
            self.node.hooks, self.node.rare = {}, True
        return Handle(self.node.hooks.setdefault(self._index, {}), hook)

    # ------------------------------------------------------------------ devices and dtypes
    def to(self, target: DTypeLike, *, non_blocking: bool = False) -> Tensor:
        """Return the tensor on another device or with another dtype; gradients follow.

        Parameters
        ----------
        target : str or dtype
            A device (``"cpu"``, ``"cuda"``, ``"cuda:1"``) or a dtype.
        non_blocking : bool
            PyTorch's permission to copy while the host goes on, without effect.

        Returns
        -------
        Tensor
            This tensor, where it is that already.

        Raises
        ------
        DTypeError
            If it is neither a device nor a dtype.

        Examples
        --------
        >>> dl.asarray([1, 2]).to("float32")
        tensor([1., 2.])
        """
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
        """Return the tensor on another device; gradients follow.

        Parameters
        ----------
        device : str
            ``"cpu"``, ``"cuda"`` or ``"cuda:1"``.
        stream : object, optional
            Accepted for the array API standard, and not used.

        Returns
        -------
        Tensor
            This tensor, where it is there already.
        """
        return self if device in (self.device, self.device.split(":")[0]) else dtypes.to_device(self, device)

    def cpu(self) -> Tensor:
        """Return the tensor in host memory.

        Returns
        -------
        Tensor
            This tensor, where it is there already.
        """
        return self.to("cpu")

    def cuda(self) -> Tensor:
        """Return the tensor in the memory of the GPU of the backend in force, else of the first.

        Returns
        -------
        Tensor
            This tensor, where it is there already.
        """
        return self.to("cuda")

    clone = dtypes.clone
    astype = dtypes.astype

    # ------------------------------------------------------------------ elements
    __getitem__ = index.element

    def __setitem__(self, key: Any, value: Any) -> None:
        index.set_item(self, key, value)

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self)))

    # ------------------------------------------------------------------ operators
    __neg__ = elementwise.negative
    __pos__ = elementwise.positive
    __abs__ = elementwise.abs
    __invert__ = bits.bitwise_invert

    __add__ = binary(elementwise.add)
    __sub__ = binary(elementwise.subtract)
    __mul__ = binary(elementwise.multiply)
    __truediv__ = binary(elementwise.divide)
    __floordiv__ = binary(elementwise.floor_divide)
    __mod__ = binary(elementwise.remainder)
    __pow__ = binary(elementwise.pow)
    __matmul__ = binary(linalg.matmul)
    __and__ = binary(bits.bitwise_and)
    __or__ = binary(bits.bitwise_or)
    __xor__ = binary(bits.bitwise_xor)
    __lshift__ = binary(bits.bitwise_left_shift)
    __rshift__ = binary(bits.bitwise_right_shift)

    __radd__ = reflected(elementwise.add)
    __rsub__ = reflected(elementwise.subtract)
    __rmul__ = reflected(elementwise.multiply)
    __rtruediv__ = reflected(elementwise.divide)
    __rfloordiv__ = reflected(elementwise.floor_divide)
    __rmod__ = reflected(elementwise.remainder)
    __rpow__ = reflected(elementwise.pow)
    __rmatmul__ = reflected(linalg.matmul)
    __rand__ = reflected(bits.bitwise_and)
    __ror__ = reflected(bits.bitwise_or)
    __rxor__ = reflected(bits.bitwise_xor)
    __rlshift__ = reflected(bits.bitwise_left_shift)
    __rrshift__ = reflected(bits.bitwise_right_shift)

    __iadd__ = assigning(elementwise.add, "+")
    __isub__ = assigning(elementwise.subtract, "-")
    __imul__ = assigning(elementwise.multiply, "*")
    __itruediv__ = assigning(elementwise.divide, "/")
    __ifloordiv__ = assigning(elementwise.floor_divide, "//")
    __imod__ = assigning(elementwise.remainder, "%")
    __ipow__ = assigning(elementwise.pow, "**")
    __imatmul__ = assigning(linalg.matmul, "@")
    __iand__ = assigning(bits.bitwise_and, "&")
    __ior__ = assigning(bits.bitwise_or, "|")
    __ixor__ = assigning(bits.bitwise_xor, "^")
    __ilshift__ = assigning(bits.bitwise_left_shift, "<<")
    __irshift__ = assigning(bits.bitwise_right_shift, ">>")

    __eq__: ClassVar[Comparison] = comparison(logic.equal)  # type: ignore[assignment]
    __ne__: ClassVar[Comparison] = comparison(logic.not_equal)  # type: ignore[assignment]
    __hash__ = object.__hash__
    __lt__ = binary(logic.less)
    __le__ = binary(logic.less_equal)
    __gt__ = binary(logic.greater)
    __ge__ = binary(logic.greater_equal)

    # ------------------------------------------------------------------ methods that are ops
    all, any, argmax, argmin = counting.all, counting.any, counting.argmax, counting.argmin
    sum, mean, prod, var, std = reduce.sum, reduce.mean, reduce.prod, reduce.var, reduce.std
    max, min, logsumexp = reduce.max, reduce.min, reduce.logsumexp
    cumulative_sum, cumulative_prod = cumulative.cumulative_sum, cumulative.cumulative_prod
    abs, sign, square, sqrt, pow = elementwise.abs, elementwise.sign, elementwise.square, elementwise.sqrt, elementwise.pow
    exp, log, sin, cos, tanh = elementwise.exp, elementwise.log, elementwise.sin, elementwise.cos, elementwise.tanh
    floor, ceil, round, clip, conj = elementwise.floor, elementwise.ceil, elementwise.round, elementwise.clip, elementwise.conj
    relu, sigmoid = rectifiers.relu, activation.sigmoid
    matmul = linalg.matmul
    flatten, flip, roll, split = shapes.flatten, rearrange.flip, rearrange.roll, joining.split
    expand_dims = unsqueeze = shapes.expand_dims
    broadcast_to, unstack = broadcasting.broadcast_to, joining.unstack
    sort, argsort, topk, gather = sort.sort, sort.argsort, sort.topk, gather.take_along_axis

    @property
    def real(self) -> Tensor:
        """The real part."""
        return elementwise.real(self)

    @property
    def imag(self) -> Tensor:
        """The imaginary part."""
        return elementwise.imag(self)


set_tensor_class(Tensor, tensor_namespace)
