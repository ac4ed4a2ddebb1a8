"""Parameter, a tensor that is trained, and the cast of inputs to the dtype of parameters."""

from __future__ import annotations

from typing import Any

from .._tensor import Tensor
from ..autograd.base import TensorBase, must_be_tensors


class Parameter(Tensor):
    """A tensor that belongs to a module and that an optimizer changes.

    A module finds its parameters among its attributes.

    Parameters
    ----------
    data : Tensor or array_like
        The initial values: anything that ``dl.asarray`` takes. The memory of a tensor is shared, not copied.
    requires_grad : bool
        Whether gradients are computed.

    Examples
    --------
    >>> dl.nn.Parameter([1.0, 2.0])
    Parameter(tensor([1., 2.], requires_grad=True))
    """

    __slots__ = ()

    def __init__(self, data: Any, requires_grad: bool = True) -> None:
        super().__init__(data, requires_grad=requires_grad)
        if isinstance(data, TensorBase):
            self.version = data.version

    def __repr__(self) -> str:
        return f"Parameter({super().__repr__()})"


def in_dtype_of(parameter: Tensor | None, x: Tensor) -> Tensor:
    """Cast an input to the dtype of a parameter, in which the layer computes.

    Real numbers are cast, and their gradients are cast back. A complex input is left as it is, and so is any input where
    the parameter is None. Every layer with parameters calls this first.

    Parameters
    ----------
    parameter : Tensor or None
        A parameter of the layer.
    x : Tensor
        The input of the layer, any shape.

    Returns
    -------
    Tensor
        The input, cast if need be.

    Raises
    ------
    DTypeError
        The input is no tensor.
    """
    if parameter is None or x.dtype is parameter.dtype:
        return x
    must_be_tensors("layer", input=x)
    wanted = parameter.dtype
    real = all(d.kind in "fiub" or d.name == "bfloat16" for d in (x.dtype, wanted))
    return x.astype(wanted) if real and x.dtype != wanted else x
