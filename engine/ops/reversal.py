"""Gradient reversal: the identity forward, minus the gradient backward."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..autograd.op import op

if TYPE_CHECKING:
    from ..typing import Namespace, Tensor, ValueAndVJP

__all__ = ["gradient_reversal"]


@op(needs="", promotes="float")
def gradient_reversal(xp: Namespace, x: Tensor, /, *, alpha: float = 1.0) -> ValueAndVJP:
    """The identity, whose gradient is ``-alpha`` times the one that arrives.

    Parameters
    ----------
    x : Tensor
        Any shape.
    alpha : float
        The factor.

    Returns
    -------
    Tensor
        The values of ``x``.

    References
    ----------
    Ganin and Lempitsky, 2015, arXiv:1409.7495.

    Examples
    --------
    >>> x = dl.tensor([1.0], requires_grad=True)
    >>> dl.nn.functional.gradient_reversal(x, alpha=0.5).sum().backward()
    >>> x.grad
    tensor([-0.5])
    """
    return xp.positive(x), lambda gy: gy * -alpha
