"""Real and imaginary parts, and complex conjugates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..autograd.op import op
from ..autograd.promotion import is_complex

if TYPE_CHECKING:
    from ..typing import Namespace, Tensor, ValueAndVJP

__all__ = ["conj", "imag", "real"]


@op(needs="", view=True, complex=True, same="bif")
def real(xp: Namespace, x: Tensor, /) -> ValueAndVJP:
    """Return the real part.

    Parameters
    ----------
    x : Tensor
        Any shape, numeric.

    Returns
    -------
    Tensor
        Shape of ``x``, real; ``x`` itself where it is real already.

    Examples
    --------
    >>> dl.real(dl.asarray([1 + 2j]))
    tensor([1.])
    """
    return xp.real(x) if is_complex(x) else x, lambda gy: gy


@op(needs="", view=True, complex=True)
def imag(xp: Namespace, x: Tensor, /) -> ValueAndVJP:
    """Return the imaginary part.

    Parameters
    ----------
    x : Tensor
        Any shape, numeric.

    Returns
    -------
    Tensor
        Shape of ``x``, real; zeros where ``x`` is real.

    Examples
    --------
    >>> dl.imag(dl.asarray([1 + 2j]))
    tensor([2.])
    """
    if not is_complex(x):
        return xp.zeros_like(x), lambda gy: None
    return xp.imag(x), lambda gy: gy * 1j


@op(needs="", complex=True, same="if")
def conj(xp: Namespace, x: Tensor, /) -> ValueAndVJP:
    """Return the complex conjugate; ``x`` itself, not a copy, where it is real.

    Parameters
    ----------
    x : Tensor
        Any shape, numeric.

    Returns
    -------
    Tensor
        Shape and dtype of ``x``.

    Examples
    --------
    >>> dl.conj(dl.asarray([1 + 2j]))
    tensor([1.-2.j], dtype=complex64)
    """
    return xp.conj(x) if is_complex(x) else xp.positive(x), lambda gy: xp.conj(gy) if is_complex(gy) else gy
