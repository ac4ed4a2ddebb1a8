"""Running sums and products along an axis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..autograd.op import op
from ..errors import ShapeError
from .half import wide_text
from .reduce import conj_of
from .shape import lines_along

if TYPE_CHECKING:
    from ..typing import DTypeLike, Namespace, Tensor, ValueAndVJP

__all__ = ["cumulative_prod", "cumulative_sum"]


@op(needs="", complex=True)
def cumulative_sum(
    xp: Namespace, x: Tensor, /, *, axis: int | None = None, dtype: DTypeLike | None = None, include_initial: bool = False
) -> ValueAndVJP:
    """Return the running sum along an axis.

    Parameters
    ----------
    x : Tensor
        Any shape, numeric.
    axis : int, optional
        The axis to run along; it can be left out for a vector.
    dtype : dtype, optional
        Of the result and the accumulation.
    include_initial : bool
        Whether the result begins with a 0, which makes it longer by one.

    Returns
    -------
    Tensor
        Shape of ``x``, the axis longer by one with ``include_initial``.

    Raises
    ------
    ShapeError
        If ``axis`` is missing or does not exist.

    Examples
    --------
    >>> dl.cumulative_sum(dl.asarray([1.0, 2.0, 3.0]), include_initial=True)
    tensor([0., 1., 3., 6.])
    """
    along = _one_axis("cumulative_sum", x, axis)

    def pull(gy):
        g = gy[(*(slice(None),) * along, slice(1, None), ...)] if include_initial else gy
        return xp.flip(xp.cumulative_sum(xp.flip(g, axis=along), axis=along), axis=along)

    return xp.cumulative_sum(x, axis=along, dtype=dtype, include_initial=include_initial), pull


def _one_axis(name: str, x: Any, axis: Any) -> int:
    if axis is None and x.ndim != 1:
        raise ShapeError(f"{name}: x has {x.ndim} axes, name the one to run along: axis=...")
    if x.ndim == 0:
        raise ShapeError(f"{name}: x has no axis to run along")
    if axis is not None and not -x.ndim <= axis < x.ndim:
        raise ShapeError(f"{name}: axis {axis} does not exist, x has shape {tuple(x.shape)}")
    return 0 if axis is None else int(axis % x.ndim)


@op(needs="x", complex=True)
@wide_text
def cumulative_prod(
    xp: Namespace, x: Tensor, /, *, axis: int | None = None, dtype: DTypeLike | None = None, include_initial: bool = False
) -> ValueAndVJP:
    """Return the running product along an axis.

    Parameters
    ----------
    x : Tensor
        Any shape, numeric.
    axis : int, optional
        The axis to run along; it can be left out for a vector.
    dtype : dtype, optional
        Of the result and the accumulation.
    include_initial : bool
        Whether the result begins with a 1, which makes it longer by one.

    Returns
    -------
    Tensor
        Shape of ``x``, the axis longer by one with ``include_initial``.

    Raises
    ------
    ShapeError
        If ``axis`` is missing or does not exist.

    Notes
    -----
    The gradient at ``i`` is ``P[i-1] h[i]``, with ``P`` the running product and ``h[i] = gy[i] + x[i+1] h[i+1]``, which is
    solved by doubling. There is no division, so zeros are right too.

    References
    ----------
    Hillis and Steele, "Data parallel algorithms", 1986, for the scan.

    Examples
    --------
    >>> dl.cumulative_prod(dl.asarray([1.0, 2.0, 3.0]))
    tensor([1., 2., 6.])
    """
    along = _one_axis("cumulative_prod", x, axis)
    n = x.shape[along]

    def pull(gy):
        if n == 0:
            return xp.zeros_like(x)
        h = gy[(*(slice(None),) * along, slice(1, None), ...)] if include_initial else gy
        factor = conj_of(xp, x if x.dtype == h.dtype else xp.astype(x, h.dtype))
        before = xp.cumulative_prod(factor, axis=along, include_initial=True)
        lines = lines_along(h.shape, along)
        following = xp.concat([xp.reshape(factor, lines)[:, 1:, :], xp.zeros_like(xp.reshape(factor, lines)[:, :1, :])], axis=1)
        h = xp.reshape(xp.recurrence(xp.reshape(h, lines), following), h.shape)
        return before[(*(slice(None),) * along, slice(None, n), ...)] * h

    return xp.cumulative_prod(x, axis=along, dtype=dtype, include_initial=include_initial), pull
