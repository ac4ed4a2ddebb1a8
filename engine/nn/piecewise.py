"""Piecewise linear activation functions as layers: bounded, shrinking, with learned slopes, and maxout."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..ops import piecewise as ops
from ..ops.creation import full
from ..ops.linalg import linear
from . import init
from .activation import _Activation, _InPlace, _Plain
from .linear import require_positive
from .module import Module, Parameter, in_dtype_of

if TYPE_CHECKING:
    from .._tensor import Tensor
    from ..typing import DTypeLike


class ReLU6(_InPlace):
    """ReLU bounded by 6: ``min(max(x, 0), 6)``.

    Shape: x of any shape -> the same shape.

    Parameters
    ----------
    inplace : bool
        PyTorch's permission to overwrite the input. Nothing is overwritten here.

    References
    ----------
    Krizhevsky, "Convolutional deep belief networks on CIFAR-10", 2010.

    Examples
    --------
    >>> dl.nn.ReLU6()(dl.asarray([-1.0, 3.0, 9.0]))
    tensor([0., 3., 6.])
    """

    op = staticmethod(ops.relu6)


class Hardsigmoid(_InPlace):
    """Piecewise linear sigmoid: ``min(max(x / 6 + 1/2, 0), 1)``.

    Shape: x of any shape -> the same shape.

    Parameters
    ----------
    inplace : bool
        PyTorch's permission to overwrite the input. Nothing is overwritten here.

    References
    ----------
    Howard et al., "Searching for MobileNetV3", 2019, arXiv:1905.02244.

    Examples
    --------
    >>> dl.nn.Hardsigmoid()(dl.asarray([-3.0, 0.0, 3.0]))
    tensor([0. , 0.5, 1. ])
    """

    op = staticmethod(ops.hardsigmoid)


class Hardswish(_InPlace):
    """Piecewise quadratic approximation of SiLU: ``x hardsigmoid(x)``.

    Shape: x of any shape -> the same shape.

    Parameters
    ----------
    inplace : bool
        PyTorch's permission to overwrite the input. Nothing is overwritten here.

    References
    ----------
    Howard et al., "Searching for MobileNetV3", 2019, arXiv:1905.02244.

    Examples
    --------
    >>> dl.nn.Hardswish()(dl.asarray([0.0, 3.0, 6.0]))
    tensor([0., 3., 6.])
    """

    op = staticmethod(ops.hardswish)


class Step(_Plain):
    """Heaviside step: 1 where ``x >= 0``, else 0; its gradient is 0.

    Shape: x of any shape -> the same shape.

    References
    ----------
    Rosenblatt, "The perceptron", 1958.

    Examples
    --------
    >>> dl.nn.Step()(dl.asarray([-0.5, 0.0, 0.5]))
    tensor([0., 1., 1.])
    """

    op = staticmethod(ops.step)


class Hardtanh(_Activation):
    """The input limited to the range from ``min_val`` to ``max_val``.

    Shape: x of any shape -> the same shape.

    Parameters
    ----------
    min_val : float
        The smallest output.
    max_val : float
        The largest output; must be above ``min_val``.
    inplace : bool
        PyTorch's permission to overwrite the input. Nothing is overwritten here.

    References
    ----------
    Collobert, "Large scale machine learning", 2004.

    Examples
    --------
    >>> dl.nn.Hardtanh()(dl.asarray([-3.0, 0.5, 3.0]))
    tensor([-1. ,  0.5,  1. ])
    """

    op = staticmethod(ops.hardtanh)

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> None:
        super().__init__(min_val=min_val, max_val=max_val)


class Softshrink(_Activation):
    """Soft thresholding: moves x towards 0 by ``lambd``, and gives 0 where ``|x| <= lambd``.

    Shape: x of any shape -> the same shape.

    Parameters
    ----------
    lambd : float
        The threshold; not negative.

    References
    ----------
    Donoho, "De-noising by soft-thresholding", 1995.

    Examples
    --------
    >>> dl.nn.Softshrink()(dl.asarray([-2.0, 0.25, 2.0]))
    tensor([-1.5,  0. ,  1.5])
    """

    op = staticmethod(ops.softshrink)

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__(lambd=lambd)


class Hardshrink(_Activation):
    """Hard thresholding: gives 0 where ``|x| <= lambd`` and x elsewhere.

    Shape: x of any shape -> the same shape.

    Parameters
    ----------
    lambd : float
        The threshold.

    References
    ----------
    Donoho and Johnstone, "Ideal spatial adaptation by wavelet shrinkage", 1994.

    Examples
    --------
    >>> dl.nn.Hardshrink()(dl.asarray([-2.0, 0.25, 2.0]))
    tensor([-2.,  0.,  2.])
    """

    op = staticmethod(ops.hardshrink)

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__(lambd=lambd)


class Threshold(Module):
    """The input where it is above a threshold, a constant elsewhere.

    Shape: x of any shape -> the same shape.

    Parameters
    ----------
    threshold : float
        Inputs above it are kept.
    value : float
        The output for all other inputs.
    inplace : bool
        PyTorch's permission to overwrite the input. Nothing is overwritten here.

    Examples
    --------
    >>> dl.nn.Threshold(1.0, -1.0)(dl.asarray([0.5, 1.0, 2.0]))
    tensor([-1., -1.,  2.])
    """

    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        self.threshold, self.value = threshold, value

    def forward(self, x: Tensor) -> Tensor:
        return ops.threshold(x, self.threshold, self.value)

    def extra_repr(self) -> str:
        return f"threshold={self.threshold}, value={self.value}"


class PReLU(Module):
    """Parametric ReLU: ``x`` where x is positive, ``weight x`` elsewhere, with a learned slope.

    Shape: x ``(N,C,*S)``, or of any shape with one slope -> the same shape; S stands for any axes of space.

    Parameters
    ----------
    num_parameters : int
        1 for one slope, or C for a slope per channel.
    init : float
        The initial value of the slopes.
    device : str or None
        Where the parameter lives; None is the default device.
    dtype : DTypeLike or None
        A floating dtype of the parameter; None is the default dtype.

    Attributes
    ----------
    weight : Parameter
        The slopes, shape (num_parameters,), initially ``init``.

    References
    ----------
    He, Zhang, Ren and Sun, "Delving deep into rectifiers", 2015, arXiv:1502.01852.

    Examples
    --------
    >>> dl.nn.PReLU()(dl.asarray([-4.0, 4.0])).tolist()
    [-1.0, 4.0]
    """

    def __init__(
        self, num_parameters: int = 1, init: float = 0.25, *, device: str | None = None, dtype: DTypeLike | None = None
    ) -> None:
        require_positive("PReLU", num_parameters=num_parameters)
        self.num_parameters, self.init = num_parameters, init
        self.weight = Parameter(full((num_parameters,), init, device=device, dtype=dtype))

    def forward(self, x: Tensor) -> Tensor:
        return ops.prelu(in_dtype_of(self.weight, x), self.weight)

    def extra_repr(self) -> str:
        return f"num_parameters={self.num_parameters}"


class Maxout(Module):
    """The largest of several affine maps for each output: ``max(w1 x + b1, w2 x + b2, ...)``.

    Shape: x (..., I) -> (..., O).

    Parameters
    ----------
    in_features : int
        I, the size of the last axis of the input.
    out_features : int
        O, the size of the last axis of the output.
    pieces : int
        The number of affine maps per output.
    bias : bool
        Whether the maps have biases.
    device : str or None
        Where the parameters live; None is the default device.
    dtype : DTypeLike or None
        A floating dtype of the parameters; None is the default dtype.

    Attributes
    ----------
    weight : Parameter
        Shape (O pieces, I), the pieces of one output next to each other; drawn from U(-1/sqrt(I), 1/sqrt(I)).
    bias : Parameter or None
        Shape (O pieces,), drawn like ``weight``.

    References
    ----------
    Goodfellow, Warde-Farley, Mirza, Courville and Bengio, 2013, arXiv:1302.4389.

    Examples
    --------
    >>> layer = dl.nn.Maxout(3, 2, pieces=4)
    >>> layer(dl.ones((5, 3))).shape, layer.weight.shape
    ((5, 2), (8, 3))
    """

    def __init__(
        self, in_features: int, out_features: int, pieces: int = 2, bias: bool = True, *, device: str | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:  # fmt: skip
        require_positive("Maxout", in_features=in_features, out_features=out_features, pieces=pieces)
        self.in_features, self.out_features, self.pieces = in_features, out_features, pieces
        rows = out_features * pieces
        self.weight = Parameter(full((rows, in_features), 0.0, device=device, dtype=dtype))
        self.bias = Parameter(full((rows,), 0.0, device=device, dtype=dtype)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new initial values from U(-1/sqrt(I), 1/sqrt(I))."""
        for p in self.parameters():
            init.uniform_(p, -(self.in_features**-0.5), self.in_features**-0.5)

    def forward(self, x: Tensor) -> Tensor:
        return ops.maxout(linear(in_dtype_of(self.weight, x), self.weight, self.bias), self.pieces)

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}, pieces={self.pieces}"
