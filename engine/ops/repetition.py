"""Repeating tensors, and giving them a border."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ..autograd.op import op
from ..errors import ConfigError, ShapeError
from .shape import axis_of, key_along

if TYPE_CHECKING:
    from ..typing import Namespace, Tensor, ValueAndVJP

__all__ = ["pad", "repeat", "tile"]


FEW = 8
"""Repetitions up to which the gradient is a sum of arrays."""


@op(needs="", complex=True, arrays=1)
def tile(xp: Namespace, x: Tensor, repetitions: tuple[int, ...], /) -> ValueAndVJP:
    """Return a tensor repeated as a block along each axis.

    Parameters
    ----------
    x : Tensor
        Any shape.
    repetitions : tuple of int
        How often along each axis; missing leading entries are 1.

    Returns
    -------
    Tensor
        Each axis longer by its factor.

    Examples
    --------
    >>> dl.tile(dl.asarray([1, 2]), (2, 2))
    tensor([[1, 2, 1, 2],
            [1, 2, 1, 2]])
    """
    shape = tuple(x.shape)
    rank = max(len(repetitions), len(shape))
    sizes = (1,) * (rank - len(shape)) + shape
    times = (1,) * (rank - len(repetitions)) + tuple(repetitions)

    def pull(gy):
        pairs = tuple(n for both in zip(times, sizes, strict=True) for n in both)
        return xp.reshape(xp.sum(xp.reshape(gy, pairs), axis=tuple(range(0, 2 * rank, 2))), shape)

    return xp.tile(x, tuple(repetitions)), pull


@op(needs="", complex=True, arrays=2)
def repeat(xp: Namespace, x: Tensor, repeats: int | Tensor | list[int], /, *, axis: int | None = None) -> ValueAndVJP:
    """Return a tensor with each element (or slice along an axis) repeated.

    Parameters
    ----------
    x : Tensor
        Any shape.
    repeats : int or Tensor
        Tensor | list[int] | How often: one number, or one per element or slice.
    axis : int, optional
        The axis; by default the flattened tensor is repeated.

    Returns
    -------
    Tensor
        The axis is longer.

    See Also
    --------
    tile : Repeats the whole.

    Examples
    --------
    >>> dl.repeat(dl.asarray([1, 2]), 2)
    tensor([1, 1, 2, 2])
    """
    shape = x.shape
    times: Any = repeats
    if isinstance(repeats, list):
        times = xp.asarray(repeats, dtype=xp.int64)
    elif not isinstance(repeats, int):
        times = xp.asarray(repeats, copy=True)  # the pullback needs it, and it is small
    if axis is None:
        x, at = xp.reshape(x, (-1,)), 0
    else:
        at = axis_of("repeat", axis, x.ndim)
    lines = x.shape

    def pull(gy, need):
        if isinstance(times, int):
            parts = xp.reshape(gy, (*lines[: at + 1], times, *lines[at + 1 :]))
            if 0 < times <= FEW:  # a sum of so few numbers each would take longer than the sum of so many arrays
                g = parts[key_along(at + 1, 0)]
                for i in range(1, times):
                    g = g + parts[key_along(at + 1, i)]
            else:
                g = xp.sum(parts, axis=at + 1)
        else:
            source = xp.repeat(xp.arange(lines[at]), times)
            g = xp.put_at(gy, key=key_along(at, source), shape=tuple(lines))
        return xp.reshape(g, shape), None

    return xp.repeat(x, times, axis=at), pull


WIDE = 16
"""How many times as long as its border an axis is that is joined with the border, instead of taken apart."""

_SOURCES = {
    "reflect": lambda i, n: n - 1 - abs(n - 1 - i % (2 * n - 2)) if n > 1 else 0,
    "replicate": lambda i, n: min(max(i, 0), n - 1),
    "circular": lambda i, n: i % n,
}


@lru_cache(maxsize=256)
def _sources(mode: str, axis: int, n: int, lo: int, hi: int) -> tuple[int, ...]:
    """Which of the n values of an axis each value of the result is; what is cut off at one end may return at the other.

    In mode "circular" it does not: the border holds the other end of what is left, as in PyTorch.
    """
    first, left = 0, n
    if mode == "circular":
        first, left = max(-lo, 0), n + min(lo, 0) + min(hi, 0)
        lo, hi = max(lo, 0), max(hi, 0)
    if left <= 0 or max(lo, hi) > left + {"reflect": -1, "circular": 0, "replicate": math.inf}[mode]:
        raise ShapeError(f"pad: mode {mode!r} cannot pad axis {axis} of size {n} by {(lo, hi)}")
    return tuple([first + _SOURCES[mode](i, left) for i in range(-lo, left + hi)])


def _pairs_of(padding: Any) -> None:
    """ShapeError unless padding is a sequence of pairs of integers; of PyTorch's flat form it says how it reads here."""
    if isinstance(padding, (tuple, list)) and all([isinstance(p, (tuple, list)) for p in padding]):
        if all([type(n) is int for p in padding for n in p]):
            return
        raise ShapeError(f"pad: padding must be pairs of integers, got {padding}")
    mend, flat = "", list(padding) if isinstance(padding, (tuple, list)) else [padding]
    if len(flat) % 2 == 0 and all(isinstance(n, int) for n in flat):
        there = [tuple(flat[i : i + 2]) for i in range(0, len(flat), 2)]
        mend = f"; PyTorch's {tuple(flat)}, which begins with the last axis, is {there[::-1]} here"
    raise ShapeError(f"pad: padding must be a pair (before, after) for each of the last axes, got {padding!r}{mend}")


@lru_cache(maxsize=256)
def _places(shape: tuple[int, ...], pairs: tuple[tuple[int, ...], ...]) -> tuple[Any, tuple[int, ...], Any, bool] | None:
    """Where x lies in the result, whose sizes are next, what of x that is, and whether it is not all; None if they do not fit."""
    if len(pairs) > len(shape) or any([len(p) != 2 or n + sum(p) < 0 for n, p in zip(shape, pairs, strict=False)]):
        return None
    there, sizes, here, cut = [], [], [], False
    for n, (lo, hi) in zip(shape, pairs, strict=True):
        before, first = (lo, 0) if lo >= 0 else (0, -lo)
        last = n if hi >= 0 else n + hi
        count = last - first if last > first else 0  # one end may take all that there is
        there.append(slice(before, before + count))
        sizes.append(n + lo + hi)
        here.append(slice(first, first + count))
        cut = cut or lo < 0 or hi < 0
    return tuple(there), tuple(sizes), tuple(here), cut


@op(needs="", complex=True)
def pad(
    xp: Namespace, x: Tensor, /, padding: Sequence[tuple[int, int]], *, mode: str = "constant", value: float = 0.0
) -> ValueAndVJP:
    """Return a tensor with a border.

    Parameters
    ----------
    x : Tensor
        Any shape.
    padding : sequence of (int, int)
        A pair (before, after) for each of the last axes, in the order of the axes; a negative size cuts so much off.
        Bare numbers are refused, since they mean one thing to PyTorch (the last axis comes first) and another to NumPy.
    mode : {"constant", "reflect", "replicate", "circular"}
        What the border holds: ``value``, the inside mirrored without its edge, the edge, or the other end.
    value : float
        The border's value in mode ``"constant"``.

    Returns
    -------
    Tensor
        Each axis longer by its two paddings.

    Raises
    ------
    ShapeError
        If the padding does not fit the shape.
    ConfigError
        If ``mode`` is another word.

    Examples
    --------
    >>> dl.pad(dl.asarray([[1, 2]]), [(1, 0), (0, 2)])
    tensor([[0, 0, 0, 0],
            [1, 2, 0, 0]])
    """
    shape = x.shape
    _pairs_of(padding)
    pairs = ((0, 0),) * (len(shape) - len(padding)) + tuple([tuple(p) for p in padding])
    places = _places(shape, pairs)
    if places is None:
        raise ShapeError(f"pad: padding must be a pair of sizes for each of the axes of {shape} at most, got {padding}")
    if mode == "constant":
        there, sizes, here, cut = places
        kept = x[here] if cut else x
        if value:
            y = xp.full(sizes, value, dtype=x.dtype)
            y[there] = kept
        else:
            y = xp.put_at(kept, key=there, shape=sizes)
        return y, lambda gy: xp.put_at(gy[there], key=here, shape=shape) if cut else gy[there]
    if mode not in _SOURCES:
        raise ConfigError(f"pad: mode must be one of constant, {', '.join(_SOURCES)}, got {mode!r}")
    steps = [
        (axis, n, _sources(mode, axis, n, *pair)) for axis, (n, pair) in enumerate(zip(shape, pairs, strict=True)) if any(pair)
    ]
    y = x if steps else xp.asarray(x, copy=True)
    for axis, n, source in steps:
        before, after = pairs[axis]
        if min(before, after) < 0 or n < WIDE * (before + after):
            y = xp.take(y, xp.asarray(source, dtype=xp.int64), axis=axis)
            continue
        ends = [xp.asarray(end, dtype=xp.int64) for end in (source[:before], source[before + n :]) if end]
        parts = [xp.take(y, end, axis=axis) for end in ends]
        y = xp.concat([*parts[: bool(before)], y, *parts[bool(before) :]], axis=axis)

    def pull(gy):
        for axis, n, source in reversed(steps):
            whole = (*gy.shape[:axis], n, *gy.shape[axis + 1 :])
            gy = xp.put_at(gy, key=key_along(axis, xp.asarray(source, dtype=xp.int64)), shape=whole)
        return gy

    return y, pull
