"""What a tensor is: its shape, dtype and device, and its place in the graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from .. import backend
from ..autograd.base import TensorBase
from ..autograd.promotion import is_inexact
from ..errors import DTypeError, GradientError, ShapeError

if TYPE_CHECKING:
    from ..typing import Tensor


class Attributes(TensorBase):
    """The part of Tensor that answers questions about it."""

    __slots__ = ()

    # ------------------------------------------------------------------ what it is
    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes of the axes."""
        return self.array.shape  # type: ignore[no-any-return]

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self.array.ndim  # type: ignore[no-any-return]

    @property
    def size(self) -> int:
        """The number of elements."""
        return self.array.size  # type: ignore[no-any-return]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype, a numpy.dtype on every backend."""
        d = self.array.dtype
        return d if isinstance(d, np.dtype) else np.dtype(str(d).rsplit(".", 1)[-1])

    @property
    def device(self) -> str:
        """The device: ``"cpu"``, or ``"cuda:0"`` for the first GPU."""
        return backend.device_of(self.array)

    @property
    def is_leaf(self) -> bool:
        """Whether no recorded op made this tensor."""
        return self.node is None

    @property
    def requires_grad(self) -> bool:
        """Whether ops on this tensor are recorded."""
        return self.needs_grad

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        self.requires_grad_(value)

    @property
    def grad(self) -> Tensor | None:
        """The gradient that backward() accumulated into this leaf, or None."""
        return self._grad  # type: ignore[return-value]

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None and (not isinstance(value, TensorBase) or value.array.shape != self.array.shape):
            raise ShapeError(f"grad: expected None or a tensor of shape {self.shape}, got {getattr(value, 'shape', value)}")
        self._grad = value

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Start or stop recording ops on this leaf.

        Parameters
        ----------
        requires_grad : bool
            Whether to record.

        Returns
        -------
        Tensor
            This tensor.

        Raises
        ------
        GradientError
            If it is the result of a recorded op and recording is to stop.
        DTypeError
            If its dtype is not floating.
        """
        if self.node is not None and not requires_grad:
            raise GradientError("requires_grad_: this tensor is the result of an op; use detach() to stop its gradient")
        if requires_grad and not is_inexact(self.array):
            raise DTypeError(f"requires_grad_: only floating tensors have gradients, this one is {self.dtype}")
        self.needs_grad = requires_grad
        return self
