"""The methods that arrange a tensor's axes anew. Their results share its memory where possible."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..autograd.base import TensorBase
from ..errors import ShapeError
from ..ops import shape as shapes

if TYPE_CHECKING:
    from ..typing import Tensor


class Shaping(TensorBase):
    """The part of Tensor that changes its shape."""

    __slots__ = ()

    @property
    def T(self: Any) -> Tensor:  # noqa: N802 - the standard's name
        """The transpose of a matrix."""
        if self.array.ndim != 2:
            raise ShapeError(f"T: expected a matrix, this tensor has shape {self.array.shape}; use mT or permute_dims")
        return shapes.matrix_transpose(self)

    @property
    def mT(self: Any) -> Tensor:  # noqa: N802 - the standard's name
        """The tensor with its last two axes exchanged."""
        return shapes.matrix_transpose(self)

    def reshape(self: Any, *shape: int | Sequence[int], copy: bool | None = None) -> Tensor:
        """Return the elements in another shape; see `dl.reshape`.

        Parameters
        ----------
        *shape : int or sequence of int
            The sizes, one by one or as one sequence. One of them may be -1: it is worked out.
        copy : bool, optional
            True: always copy. False: never copy, and raise where that is impossible.

        Returns
        -------
        Tensor
            A view where possible.

        Examples
        --------
        >>> dl.arange(6).reshape(2, -1)
        tensor([[0, 1, 2],
                [3, 4, 5]])
        """
        return shapes.reshape(self, _listed(shape), copy=copy)

    def view(self: Any, *shape: int | Sequence[int]) -> Tensor:
        """Return the elements in another shape without a copy.

        Parameters
        ----------
        *shape : int or sequence of int
            The sizes, one by one or as one sequence.

        Returns
        -------
        Tensor
            A view of the same memory.

        Raises
        ------
        ShapeError
            If the elements do not lie in memory as that shape needs.
        """
        return shapes.reshape(self, _listed(shape), copy=False)

    def permute_dims(self: Any, *axes: int | Sequence[int]) -> Tensor:
        """Return the tensor with its axes in another order; see `dl.permute_dims`.

        Parameters
        ----------
        *axes : int or sequence of int
            The axes in their new order, one by one or as one sequence.

        Returns
        -------
        Tensor
            A view.

        Examples
        --------
        >>> dl.zeros((2, 3, 4)).permute_dims(2, 0, 1).shape
        (4, 2, 3)
        """
        return shapes.permute_dims(self, _listed(axes))

    def transpose(self: Any, *axes: int | Sequence[int]) -> Tensor:
        """Return the tensor with two axes exchanged, or with all in another order.

        Parameters
        ----------
        *axes : int or sequence of int
            Two axes to exchange, or one sequence of all axes in their new order; none at all reverses their order.

        Returns
        -------
        Tensor
            A view.

        Examples
        --------
        >>> dl.zeros((2, 3, 4)).transpose(0, 1).shape
        (3, 2, 4)
        """
        if len(axes) == 2:
            first, second = (shapes.axis_of("transpose", a, self.array.ndim) for a in _listed(axes))
            order = list(range(self.array.ndim))
            order[first], order[second] = second, first
        else:
            order = list(_listed(axes)) if axes else list(reversed(range(self.array.ndim)))
        return shapes.permute_dims(self, tuple(order))

    def squeeze(self: Any, axis: int | tuple[int, ...] | None = None) -> Tensor:
        """Return the tensor without axes of size 1.

        Parameters
        ----------
        axis : int or tuple of int, optional
            The axes to remove; by default all of size 1.

        Returns
        -------
        Tensor
            A view.

        Raises
        ------
        ShapeError
            If an axis that is named has another size than 1.
        """
        gone = tuple(i for i, n in enumerate(self.array.shape) if n == 1) if axis is None else axis
        return shapes.squeeze(self, gone)


def _listed(values: tuple[Any, ...]) -> tuple[int, ...]:
    """Sizes or axes given one by one or as one sequence."""
    return tuple(values[0]) if len(values) == 1 and not isinstance(values[0], (int, np.integer)) else values
