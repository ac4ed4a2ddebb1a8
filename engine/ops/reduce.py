"""Reductions over axes. axis: an int, a tuple of ints, or None for all; keepdims keeps reduced axes with size 1."""

from __future__ import annotations

import math
from typing import Any

from ..autograd.op import op
from ..errors import ShapeError
from .half import wide_text

__all__ = [
    "all", "any", "argmax", "argmin", "count_nonzero", "cumulative_prod", "cumulative_sum", "logsumexp", "max", "mean", "min",
    "prod", "std", "sum", "var",
]  # fmt: skip


def axes_of(axis: Any, rank: int) -> tuple[int, ...]:
    """The axes that an axis argument names, counted from the front."""
    if axis is None:
        return tuple(range(rank))
    if not rank:  # array libraries let a number be reduced over an axis 0 or -1 that it has not
        return ()
    return tuple(int(a) % rank for a in ((axis,) if hasattr(axis, "__index__") else axis))


def expand(xp: Any, g: Any, shape: tuple[int, ...], axis: Any, keepdims: bool) -> Any:
    """A reduction's cotangent (or result) spread back over the reduced axes."""
    if not keepdims:
        reduced = axes_of(axis, len(shape))
        g = xp.reshape(g, tuple(1 if i in reduced else n for i, n in enumerate(shape)))
    return xp.broadcast_to(g, shape)


def count(shape: tuple[int, ...], axis: Any) -> int:
    """How many elements a reduction puts together."""
    return math.prod(shape[a] for a in axes_of(axis, len(shape)))


def _cc(xp: Any, x: Any) -> Any:
    return xp.conj(x) if xp.isdtype(x.dtype, "complex floating") else x


@op(needs="", complex=True)
def sum(xp, x, /, *, axis=None, dtype=None, keepdims=False):
    """The sum of x over axes. dtype: of the result and the accumulation; small integers accumulate in the default integer."""
    shape = x.shape
    if x.dtype == xp.bool:
        x = xp.astype(x, xp.int64)
    return xp.sum(x, axis=axis, dtype=dtype, keepdims=keepdims), lambda gy: expand(xp, gy, shape, axis, keepdims)


@op(needs="", promotes="float", complex=True)
def mean(xp, x, /, *, axis=None, keepdims=False):
    """The arithmetic mean of x over axes."""
    shape = x.shape
    return xp.mean(x, axis=axis, keepdims=keepdims), lambda gy: expand(xp, gy / count(shape, axis), shape, axis, keepdims)


@op(needs="x", promotes="float")
def var(xp, x, /, *, axis=None, correction=0.0, keepdims=False):
    """The variance: the sum of (x - mean)^2 over n - correction, n the number of elements put together."""

    def pull(gy):
        spread = x - xp.mean(x, axis=axis, keepdims=True)
        return expand(xp, gy, x.shape, axis, keepdims) * (spread * (2 / _degrees(count(x.shape, axis), correction)))

    return xp.var(x, axis=axis, correction=correction, keepdims=keepdims), pull


def _degrees(n: int, correction: float) -> float:
    """n - correction as a divisor; none left give NaN, as the variance itself is then."""
    return n - correction if n > correction else math.nan


@op(needs="x y", promotes="float")
def std(xp, x, /, *, axis=None, correction=0.0, keepdims=False):
    """The standard deviation, the root of the variance; all its derivatives where it is 0 are taken as 0."""
    y = xp.std(x, axis=axis, correction=correction, keepdims=keepdims)

    def pull(gy):
        none = y == 0
        g = expand(xp, gy / xp.where(none, 1, y), x.shape, axis, keepdims)
        spread = x - xp.mean(x, axis=axis, keepdims=True)
        slope = g * (spread / _degrees(count(x.shape, axis), correction))
        return xp.where(expand(xp, none, x.shape, axis, keepdims), 0, slope)

    return y, pull


def extremum_pull(xp: Any, x: Any, y: Any, axis: Any, keepdims: bool) -> Any:
    """Equal extrema share the gradient evenly; where there is a NaN, the NaNs get it."""

    def pull(gy):
        chosen = (x == expand(xp, y, x.shape, axis, keepdims)) | (x != x)
        share = xp.astype(chosen, x.dtype)
        n = xp.sum(share, axis=axis, keepdims=True)
        return expand(xp, gy, x.shape, axis, keepdims) * (share / n)

    return pull


@op(needs="x y")
def max(xp, x, /, *, axis=None, keepdims=False):
    """The largest element over axes; NaN if there is one."""
    y = xp.max(x, axis=axis, keepdims=keepdims)
    return y, extremum_pull(xp, x, y, axis, keepdims)


@op(needs="x y")
def min(xp, x, /, *, axis=None, keepdims=False):
    """The smallest element over axes; NaN if there is one."""
    y = xp.min(x, axis=axis, keepdims=keepdims)
    return y, extremum_pull(xp, x, y, axis, keepdims)


@op(needs="x", complex=True)
@wide_text
def prod(xp, x, /, *, axis=None, dtype=None, keepdims=False):
    """The product of x over axes. dtype: as for sum. The gradient is right where elements are zero, too."""

    def pull(gy):
        reduced = axes_of(axis, x.ndim)
        kept = tuple(i for i in range(x.ndim) if i not in reduced)
        order = kept + reduced
        lead = tuple(x.shape[i] for i in kept)
        lines = xp.reshape(xp.permute_dims(x, order), (*lead, count(x.shape, axis)))
        rest = xp.reshape(others(xp, lines), tuple(x.shape[i] for i in order))
        back = tuple(sorted(range(x.ndim), key=lambda i: order[i]))
        return expand(xp, gy, x.shape, axis, keepdims) * _cc(xp, xp.permute_dims(rest, back))

    return xp.prod(x, axis=axis, dtype=dtype, keepdims=keepdims), pull


def others(xp: Any, lines: Any) -> Any:
    """For each element the product of all others along the last axis; no division, so zeros are right, too."""
    return _before(xp, lines, False) * _before(xp, lines, True)


def _before(xp: Any, lines: Any, backwards: bool) -> Any:
    """The product of all elements before (or, backwards, after) each one along the last axis."""
    if lines.shape[-1] == 0:
        return lines
    if backwards:
        lines = xp.flip(lines, axis=-1)
    products = xp.cumulative_prod(lines, axis=-1, include_initial=True)[..., :-1]
    return xp.flip(products, axis=-1) if backwards else products


@op(needs="", complex=True)
def cumulative_sum(xp, x, /, *, axis=None, dtype=None, include_initial=False):
    """The running sum along an axis (None: the only one), with a leading 0 if include_initial."""
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
def cumulative_prod(xp, x, /, *, axis=None, dtype=None, include_initial=False):
    """The running product along an axis (None: the only one), with a leading 1 if include_initial.

    Its gradient at i is P_{i-1} h_i, P the running product, with h_i = gy_i + x_{i+1} h_{i+1} solved by doubling:
    no division, so zeros are right too. Source of the scan: Hillis, Steele 1986.
    """
    along = _one_axis("cumulative_prod", x, axis)
    n = x.shape[along]

    def tail(a, start):
        return a[(*(slice(None),) * along, slice(start, None), ...)]

    def head(a, stop):
        return a[(*(slice(None),) * along, slice(None, stop), ...)]

    def shifted(a, steps):
        return xp.concat([tail(a, steps), xp.zeros_like(head(a, steps))], axis=along)

    def pull(gy):
        if n == 0:
            return xp.zeros_like(x)
        h = tail(gy, 1) if include_initial else gy
        factor = _cc(xp, x if x.dtype == h.dtype else xp.astype(x, h.dtype))
        before = xp.cumulative_prod(factor, axis=along, include_initial=True)
        before = head(before, n)
        factor = shifted(factor, 1)
        steps = 1
        while steps < n:
            h = h + factor * shifted(h, steps)
            factor = factor * shifted(factor, steps)
            steps *= 2
        return before * h

    return xp.cumulative_prod(x, axis=along, dtype=dtype, include_initial=include_initial), pull


@op(needs="x", promotes="float")
@wide_text
def logsumexp(xp, x, /, *, axis=None, keepdims=False):
    """log(sum of exp(x)) over axes without overflow. Entries of +Inf share the gradient; where all are -Inf, it is 0."""

    def shares():
        top = xp.max(x, axis=axis, keepdims=True) if count(x.shape, axis) else xp.sum(x, axis=axis, keepdims=True)
        top = xp.where(top == -math.inf, 0, top)
        e = xp.exp(xp.where(x == math.inf, 0, x - top))  # Inf from Inf is the distance 0
        return e, xp.sum(e, axis=axis, keepdims=True), top

    _, total, top = shares()
    y = xp.log(total) + top
    if not keepdims:
        reduced = axes_of(axis, x.ndim)
        y = xp.reshape(y, tuple(n for i, n in enumerate(x.shape) if i not in reduced))

    def pull(gy):
        e, total, _ = shares()
        return expand(xp, gy, x.shape, axis, keepdims) * (e / xp.where(total == 0, 1, total))

    return y, pull


@op(needs="")
def all(xp, x, /, *, axis=None, keepdims=False):
    """Whether every element over axes is true (nonzero)."""
    return xp.all(x, axis=axis, keepdims=keepdims), None


@op(needs="")
def any(xp, x, /, *, axis=None, keepdims=False):
    """Whether some element over axes is true (nonzero)."""
    return xp.any(x, axis=axis, keepdims=keepdims), None


@op(needs="")
def count_nonzero(xp, x, /, *, axis=None, keepdims=False):
    """How many elements over axes are not zero."""
    return xp.count_nonzero(x, axis=axis, keepdims=keepdims), None


@op(needs="")
def argmax(xp, x, /, *, axis=None, keepdims=False):
    """The index of the first largest element along an axis (None: of the flattened array)."""
    return xp.argmax(x, axis=axis, keepdims=keepdims), None


@op(needs="")
def argmin(xp, x, /, *, axis=None, keepdims=False):
    """The index of the first smallest element along an axis (None: of the flattened array)."""
    return xp.argmin(x, axis=axis, keepdims=keepdims), None
