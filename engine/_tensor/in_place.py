"""The methods of a tensor that write to it: their names end with an underscore, as PyTorch's do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..autograd.base import TensorBase
from ..errors import ShapeError
from ..ops import creation_like, elementwise
from ..ops.broadcasting import broadcast_to
from ..ops.choice import where
from ..ops.conversion import asarray
from ..ops.dtypes import astype
from ..typing import RealLike, Scalar, TensorLike
from .operators import assigning

if TYPE_CHECKING:
    from ..typing import Tensor


class InPlace(TensorBase):
    """The part of Tensor that writes. Where a gradient is involved, the tensor becomes the result of the pure op instead."""

    __slots__ = ()

    def add_(self: Any, other: TensorLike, /) -> Tensor:
        """Add to this tensor, as ``t += other``.

        Parameters
        ----------
        other : Tensor or number
            What to add; it is broadcast to the tensor.

        Returns
        -------
        Tensor
            This tensor.

        Examples
        --------
        >>> dl.ones(2).add_(0.5)
        tensor([1.5, 1.5])
        """
        return _ADD(self, other)

    def sub_(self: Any, other: TensorLike, /) -> Tensor:
        """Subtract from this tensor, as ``t -= other``.

        Parameters
        ----------
        other : Tensor or number
            What to subtract; it is broadcast to the tensor.

        Returns
        -------
        Tensor
            This tensor.

        Examples
        --------
        >>> dl.ones(2).sub_(0.5)
        tensor([0.5, 0.5])
        """
        return _SUBTRACT(self, other)

    def mul_(self: Any, other: TensorLike, /) -> Tensor:
        """Multiply this tensor, as ``t *= other``.

        Parameters
        ----------
        other : Tensor or number
            The factor; it is broadcast to the tensor.

        Returns
        -------
        Tensor
            This tensor.

        Examples
        --------
        >>> dl.ones(2).mul_(3)
        tensor([3., 3.])
        """
        return _MULTIPLY(self, other)

    def div_(self: Any, other: TensorLike, /) -> Tensor:
        """Divide this tensor, as ``t /= other``.

        Parameters
        ----------
        other : Tensor or number
            The divisor; it is broadcast to the tensor.

        Returns
        -------
        Tensor
            This tensor.

        Examples
        --------
        >>> dl.ones(2).div_(4)
        tensor([0.25, 0.25])
        """
        return _DIVIDE(self, other)

    def clip_(self: Any, min: RealLike | None = None, max: RealLike | None = None) -> Tensor:
        """Limit the elements of this tensor; see `dl.clip`.

        Parameters
        ----------
        min : Tensor or number, optional
            The lower limit.
        max : Tensor or number, optional
            The upper limit.

        Returns
        -------
        Tensor
            This tensor.

        Examples
        --------
        >>> dl.arange(4).clip_(1, 2)
        tensor([1, 1, 2, 2])
        """
        return assigning(lambda t, _: elementwise.clip(t, min, max), "clip")(self, 0)

    def fill_(self: Any, value: Scalar) -> Tensor:
        """Set every element.

        Parameters
        ----------
        value : number
            The value.

        Returns
        -------
        Tensor
            This tensor.

        Examples
        --------
        >>> dl.zeros(2).fill_(7)
        tensor([7., 7.])
        """
        return assigning(lambda t, v: creation_like.full_like(t, v), "fill")(self, value)

    def zero_(self: Any) -> Tensor:
        """Set every element to 0.

        Returns
        -------
        Tensor
            This tensor.

        Examples
        --------
        >>> dl.ones(2).zero_()
        tensor([0., 0.])
        """
        filled: Tensor = self.fill_(0)
        return filled

    def copy_(self: Any, source: TensorLike, /) -> Tensor:
        """Set the elements to those of another tensor, cast to this one's dtype.

        Parameters
        ----------
        source : Tensor or number
            The values; they are broadcast to the tensor.

        Returns
        -------
        Tensor
            This tensor.

        Raises
        ------
        ShapeError
            If the values do not broadcast to this tensor's shape.

        Examples
        --------
        >>> dl.zeros(2).copy_(dl.asarray([1, 2]))
        tensor([1., 2.])
        """
        values = asarray(source)
        if values.dtype != self.dtype:
            values = astype(values, self.dtype)
        if values.device != self.device:
            values = values.to_device(self.device)
        return assigning(lambda t, v: _broadcast(v, t.shape), "copy")(self, values)

    def masked_fill_(self: Any, mask: Tensor, value: Scalar) -> Tensor:
        """Set the elements where a mask is true.

        Parameters
        ----------
        mask : Tensor
            Of dtype bool; it is broadcast to the tensor.
        value : number
            The value.

        Returns
        -------
        Tensor
            This tensor.

        Examples
        --------
        >>> x = dl.arange(4)
        >>> x.masked_fill_(x > 1, 0)
        tensor([0, 1, 0, 0])
        """
        return assigning(lambda t, v: where(mask, creation_like.full_like(t, v), t), "masked_fill")(self, value)


def _broadcast(values: Any, shape: tuple[int, ...]) -> Any:
    if values.shape == shape:
        return values
    try:
        return broadcast_to(values, shape)
    except ValueError:
        raise ShapeError(f"copy_: expected values that broadcast to {shape}, got {values.shape}") from None


_ADD, _SUBTRACT = assigning(elementwise.add, "+"), assigning(elementwise.subtract, "-")
_MULTIPLY, _DIVIDE = assigning(elementwise.multiply, "*"), assigning(elementwise.divide, "/")
