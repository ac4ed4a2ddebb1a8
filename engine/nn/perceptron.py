"""The perceptron: linear units with a step, and their learning rule, which needs no gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..autograd.base import no_grad
from ..errors import ShapeError
from ..ops.creation import zeros
from ..ops.linalg import linear, matmul
from ..ops.piecewise import step
from ..ops.reduce import sum
from .linear import require_positive
from .module import Module, Parameter, in_dtype_of

if TYPE_CHECKING:
    from .._tensor import Tensor
    from ..typing import DTypeLike


class Perceptron(Module):
    """The perceptron: ``y = 1`` where ``x W^T + b >= 0``, else 0; it learns without gradients.

    Shape: x (N,I) or (I,) -> (N,O) or (O,).

    Parameters
    ----------
    in_features : int
        I, the size of the last axis of the input.
    out_features : int
        O, the number of units.
    device : str or None
        Where the parameters live; None is the default device.
    dtype : DTypeLike or None
        A floating dtype of the parameters; None is the default dtype.

    Attributes
    ----------
    weight : Parameter
        W, shape (O,I), zeros at first; without gradients.
    bias : Parameter
        b, shape (O,), zeros at first; without gradients.

    References
    ----------
    Rosenblatt, "The perceptron", 1958.

    Examples
    --------
    >>> x = dl.asarray([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    >>> layer, both = dl.nn.Perceptron(2), dl.asarray([[0.0], [0.0], [0.0], [1.0]])
    >>> while sum(layer.learn(row, wanted) for row, wanted in zip(x, both)):
    ...     pass
    >>> layer(x)[:, 0]
    tensor([0., 0., 0., 1.])
    """

    def __init__(
        self, in_features: int, out_features: int = 1, *, device: str | None = None, dtype: DTypeLike | None = None
    ) -> None:
        require_positive("Perceptron", in_features=in_features, out_features=out_features)
        self.in_features, self.out_features = in_features, out_features
        self.weight = Parameter(zeros((out_features, in_features), device=device, dtype=dtype), requires_grad=False)
        self.bias = Parameter(zeros((out_features,), device=device, dtype=dtype), requires_grad=False)

    def activation(self, x: Tensor) -> Tensor:
        """Compute ``x W^T + b``, before the step.

        Parameters
        ----------
        x : Tensor
            Shape (N,I) or (I,).

        Returns
        -------
        Tensor
            Shape (N,O) or (O,).

        Raises
        ------
        ShapeError
            The last axis of x does not have size I.
        """
        if x.ndim < 1 or x.shape[-1] != self.in_features:
            raise ShapeError(f"Perceptron: input must be (N,I) or (I,) with I={self.in_features}, got shape {x.shape}")
        return linear(in_dtype_of(self.weight, x), self.weight, self.bias)

    def forward(self, x: Tensor) -> Tensor:
        return step(self.activation(x))

    def learn(self, x: Tensor, target: Tensor, lr: float = 1.0) -> int:
        """Apply the learning rule once: ``W += lr (t - y) x^T`` and ``b += lr (t - y)``, summed over the examples.

        On separable data, with one example at a time, all outputs are right after finitely many corrections
        (Novikoff, 1962).

        Parameters
        ----------
        x : Tensor
            Shape (N,I) or (I,).
        target : Tensor
            t, shape (N,O) or (O,), 0 or 1.
        lr : float
            The learning rate.

        Returns
        -------
        int
            The number of outputs that were wrong.

        Raises
        ------
        ShapeError
            The shapes do not fit.
        """
        with no_grad():
            rows, wanted = (x[None], target[None]) if x.ndim == 1 else (x, target)
            y = self(rows)
            if wanted.shape != y.shape:
                raise ShapeError(f"Perceptron: target must be (N,O)={y.shape}, got {wanted.shape}")
            error = wanted.astype(y.dtype) - y
            weight: Tensor = self.weight
            bias: Tensor = self.bias
            weight += lr * matmul(error.T, in_dtype_of(weight, rows))
            bias += lr * sum(error, axis=0)
            return int(sum(error * error))

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}"
