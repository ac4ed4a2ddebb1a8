"""Gradient reversal, for domain-adversarial training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..ops.reversal import gradient_reversal
from .module import Module

if TYPE_CHECKING:
    from .._tensor import Tensor


class GradientReversal(Module):
    """Return the input unchanged, and multiply its gradient by ``-alpha``.

    For domain-adversarial training: the features before the layer learn to mislead the classifier of domains after
    it.
    Shape: x of any shape -> the same shape.

    Parameters
    ----------
    alpha : float
        The factor; the attribute of this name may be changed in training.

    References
    ----------
    Ganin and Lempitsky, 2015, arXiv:1409.7495.

    Examples
    --------
    >>> x = dl.Tensor([1.0, 2.0], requires_grad=True)
    >>> dl.nn.GradientReversal(0.5)(x).sum().backward()
    >>> x.grad
    tensor([-0.5, -0.5])
    """

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = alpha

    def forward(self, x: Tensor) -> Tensor:
        return gradient_reversal(x, alpha=float(self.alpha))

    def extra_repr(self) -> str:
        return f"alpha={self.alpha}"
