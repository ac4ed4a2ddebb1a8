"""Shapes: reshape, permute, broadcast, join, split, pad. None of these compute, and most return views."""

from __future__ import annotations

import math
from typing import Any

from ..autograd.base import TensorBase
from ..autograd.op import op
from ..autograd.promotion import promote
from ..errors import BadIndexError, ConfigError, DTypeError, ShapeError
from .elementwise import subtract
from .logic import not_equal
from .reduce import axes_of

__all__ = [
    "broadcast_arrays", "broadcast_shapes", "broadcast_to", "chunk", "concat", "diff", "expand_dims", "flatten", "flip",
    "matrix_transpose", "meshgrid", "moveaxis", "pad", "permute_dims", "repeat", "reshape", "roll", "split", "squeeze", "stack",
    "tile", "tril", "triu", "unstack",
]  # fmt: skip


def axis_of(name: str, axis: int, rank: int) -> int:
    """An axis counted from the front; ShapeError if there is no such axis."""
    if not -rank <= axis < rank:
        raise ShapeError(f"{name}: axis {axis} does not exist, the array has {rank} axes")
    return axis % rank


def _along(axis: int, *key: Any) -> tuple[Any, ...]:
    return (*(slice(None),) * axis, *key, ...)


# ---------------------------------------------------------------------- one array, other axes
@op(needs="", view=True, complex=True)
def reshape(xp, x, /, shape, *, copy=None):
    """x with another shape of the same size; one entry may be -1."""
    before = x.shape
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    known = math.prod(n for n in shape if n != -1)
    size = math.prod(before)
    fits = known == size if -1 not in shape else shape.count(-1) == 1 and known != 0 and size % known == 0
    if not fits:
        raise ShapeError(f"reshape: x has {size} elements (shape {tuple(before)}), which do not make shape {shape}")
    return xp.reshape(x, shape, copy=copy), lambda gy: xp.reshape(gy, before)


@op(needs="", view=True, complex=True)
def flatten(xp, x, /, *, start_axis=0, end_axis=-1):
    """The axes from start_axis to end_axis joined into one."""
    before = x.shape
    rank = max(x.ndim, 1)
    first, last = axis_of("flatten", start_axis, rank), axis_of("flatten", end_axis, rank)
    shape = (*before[:first], math.prod(before[first : last + 1]), *before[last + 1 :])
    return xp.reshape(x, shape), lambda gy: xp.reshape(gy, before)


@op(needs="", view=True, complex=True)
def permute_dims(xp, x, /, axes):
    """x with its axes in another order."""
    axes = tuple(axes)
    if sorted(a % x.ndim for a in axes) != list(range(x.ndim)):
        raise ShapeError(f"permute_dims: axes {axes} is not an order of the {x.ndim} axes of x")
    inverse = tuple(sorted(range(len(axes)), key=lambda i: axes[i] % len(axes)))
    return xp.permute_dims(x, axes), lambda gy: xp.permute_dims(gy, inverse)


@op(needs="", view=True, complex=True)
def matrix_transpose(xp, x, /):
    """The last two axes exchanged."""
    if x.ndim < 2:
        raise ShapeError(f"matrix_transpose: x must have two axes at least, it has shape {tuple(x.shape)}")
    return xp.matrix_transpose(x), lambda gy: xp.matrix_transpose(gy)


def moveaxis(x: Any, source: Any, destination: Any, /) -> Any:
    """x with the axes source moved to the places destination; the others keep their order."""
    rank = x.ndim
    sources = [axis_of("moveaxis", a, rank) for a in ((source,) if isinstance(source, int) else source)]
    places = [axis_of("moveaxis", a, rank) for a in ((destination,) if isinstance(destination, int) else destination)]
    if len(sources) != len(places) or len(set(sources)) != len(sources) or len(set(places)) != len(places):
        raise ShapeError(f"moveaxis: source {source} and destination {destination} must be equally many different axes")
    order = [a for a in range(rank) if a not in sources]
    for place, a in sorted(zip(places, sources, strict=True)):
        order.insert(place, a)
    return permute_dims(x, tuple(order))


@op(needs="", view=True, complex=True)
def expand_dims(xp, x, /, axis):
    """x with new axes of size 1 at axis (an int or a tuple of ints, places in the result)."""
    before = x.shape
    new = (axis,) if isinstance(axis, int) else tuple(axis)
    rank = len(before) + len(new)
    if any(not -rank <= a < rank for a in new):
        raise BadIndexError(f"expand_dims: axis {axis} is no place in a result of {rank} axes")
    places = {a % rank for a in new}
    if len(places) != len(new):
        raise ShapeError(f"expand_dims: axis {axis} names a place twice")
    rest = iter(before)
    return (
        xp.reshape(x, tuple(1 if i in places else next(rest) for i in range(rank))),
        lambda gy: xp.reshape(gy, before),
    )


@op(needs="", view=True, complex=True)
def squeeze(xp, x, /, axis):
    """x without the axes named, whose size must be 1."""
    before = x.shape
    for a in (axis,) if isinstance(axis, int) else axis:
        if before[axis_of("squeeze", a, len(before))] != 1:
            raise ShapeError(f"squeeze: axis {a} has size {before[a]}, not 1 (x has shape {tuple(before)})")
    gone = axes_of(axis, len(before))
    shape = tuple(n for i, n in enumerate(before) if i not in gone)
    return xp.reshape(x, shape), lambda gy: xp.reshape(gy, before)


@op(needs="", view=True, complex=True)
def broadcast_to(xp, x, /, shape):
    """x repeated along axes of size 1 and new leading axes, without copying."""
    return xp.broadcast_to(x, shape), lambda gy: gy


def broadcast_shapes(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    """The shape that arrays of these shapes broadcast to. Raises ShapeError if they do not."""
    out: list[int] = []
    for i in range(1, max((len(s) for s in shapes), default=0) + 1):
        sizes = {s[-i] for s in shapes if len(s) >= i} - {1}
        if len(sizes) > 1:
            raise ShapeError(f"broadcast_shapes: {', '.join(map(str, shapes))} differ in axis {-i}, where none is 1")
        out.append(sizes.pop() if sizes else 1)
    return tuple(reversed(out))


def broadcast_arrays(*arrays: Any) -> tuple[Any, ...]:
    """Each array broadcast to the shape they share."""
    shape = broadcast_shapes(*(a.shape for a in arrays))
    return tuple(broadcast_to(a, shape) for a in arrays)


def meshgrid(*arrays: Any, indexing: str = "xy") -> tuple[Any, ...]:
    """Coordinates of a grid from one vector per axis. indexing: "xy" swaps the first two axes, "ij" does not."""
    if indexing not in ("xy", "ij"):
        raise ConfigError(f'meshgrid: indexing must be "xy" or "ij", got {indexing!r}')
    if any(a.ndim > 1 for a in arrays):
        raise ShapeError("meshgrid: each array must have one axis at most")
    n = len(arrays)
    places = [1, 0, *range(2, n)] if indexing == "xy" and n > 1 else list(range(n))
    spread = [reshape(a, tuple(-1 if i == p else 1 for i in range(n))) for a, p in zip(arrays, places, strict=True)]
    return broadcast_arrays(*spread)


@op(needs="", view=True, complex=True)
def flip(xp, x, /, *, axis=None):
    """x backwards along axes (None: all)."""
    return xp.flip(x, axis=axis), lambda gy: xp.flip(gy, axis=axis)


@op(needs="", complex=True)
def roll(xp, x, /, shift, *, axis=None):
    """x moved by shift places along axes, around the end; axis=None rolls the flattened array."""
    shift = shift if isinstance(shift, int) else tuple(shift)
    back = -shift if isinstance(shift, int) else tuple(-s for s in shift)
    return xp.roll(x, shift, axis=axis), lambda gy: xp.roll(gy, back, axis=axis)


# ---------------------------------------------------------------------- several arrays
def _tensors(name: str, arrays: Any) -> None:
    if not arrays:
        raise ShapeError(f"{name}: needs one array at least")
    for i, a in enumerate(arrays):
        if not hasattr(a, "dtype"):
            raise DTypeError(f"{name}: arrays[{i}] must be a tensor, got {a!r}; make a tensor of it: dl.asarray(x)")


@op(needs="", complex=True)
def stack(xp, arrays, /, *, axis=0):
    """Arrays of one shape joined along a new axis."""
    _tensors("stack", arrays)
    arrays = promote(xp, list(arrays), "join")
    if any(a.shape != arrays[0].shape for a in arrays):
        raise ShapeError(f"stack: shapes must be equal, got {', '.join(str(tuple(a.shape)) for a in arrays)}")
    n = len(arrays)
    at = axis_of("stack", axis, arrays[0].ndim + 1)
    return xp.stack(arrays, axis=axis), lambda gy: [gy[_along(at, i)] for i in range(n)]


@op(needs="", complex=True)
def concat(xp, arrays, /, *, axis=0):
    """Arrays joined along an axis; axis=None joins them flattened."""
    _tensors("concat", arrays)
    arrays = promote(xp, list(arrays), "join")
    shapes = [a.shape for a in arrays]
    if axis is None:
        arrays, at = [xp.reshape(a, (-1,)) for a in arrays], 0
    else:
        at = axis_of("concat", axis, arrays[0].ndim)
    rest = [(*a.shape[:at], *a.shape[at + 1 :]) for a in arrays]
    if any(r != rest[0] for r in rest):
        raise ShapeError(f"concat: shapes must agree outside axis {axis}, got {', '.join(str(tuple(s)) for s in shapes)}")
    ends = [0]
    for a in arrays:
        ends.append(ends[-1] + a.shape[at])

    def pull(gy):
        parts = [gy[_along(at, slice(a, b))] for a, b in zip(ends, ends[1:], strict=False)]
        return [xp.reshape(p, s) for p, s in zip(parts, shapes, strict=True)] if axis is None else parts

    return xp.concat(arrays, axis=at), pull


@op(needs="", view=True, complex=True)
def unstack(xp, x, /, *, axis=0):
    """The slices of x along an axis, as a tuple of views."""
    at = axis_of("unstack", axis, x.ndim)
    return tuple(x[_along(at, i)] for i in range(x.shape[at])), lambda gy: xp.stack(list(gy), axis=at)


@op(needs="", view=True, complex=True)
def split(xp, x, /, sizes, *, axis=0):
    """Consecutive parts of x along an axis, as views. sizes: the size of each, or one for all (the last may be smaller)."""
    at = axis_of("split", axis, x.ndim)
    n = x.shape[at]
    if isinstance(sizes, int):
        if sizes < 1:
            raise ShapeError(f"split: sizes must be positive, got {sizes}")
        sizes = [min(sizes, n - i) for i in range(0, n, sizes)] or [0]
    if math.fsum(sizes) != n or any(s < 0 for s in sizes):
        raise ShapeError(f"split: sizes {tuple(sizes)} do not add up to the {n} of axis {axis}")
    ends = [0]
    for s in sizes:
        ends.append(ends[-1] + s)
    parts = tuple(x[_along(at, slice(a, b))] for a, b in zip(ends, ends[1:], strict=False))
    return parts, lambda gy: xp.concat(list(gy), axis=at)


def chunk(x: Any, chunks: int, /, *, axis: int = 0) -> tuple[Any, ...]:
    """At most `chunks` consecutive parts of equal size along an axis; the last may be smaller."""
    n = x.shape[axis_of("chunk", axis, x.ndim)]
    if chunks < 1:
        raise ShapeError(f"chunk: chunks must be positive, got {chunks}")
    return split(x, max(-(-n // chunks), 1), axis=axis)


# ---------------------------------------------------------------------- repeating and bordering
@op(needs="", complex=True, arrays=1)
def tile(xp, x, repetitions, /):
    """x repeated as a block along each axis."""
    shape = tuple(x.shape)
    rank = max(len(repetitions), len(shape))
    sizes = (1,) * (rank - len(shape)) + shape
    times = (1,) * (rank - len(repetitions)) + tuple(repetitions)

    def pull(gy):
        pairs = tuple(n for both in zip(times, sizes, strict=True) for n in both)
        return xp.reshape(xp.sum(xp.reshape(gy, pairs), axis=tuple(range(0, 2 * rank, 2))), shape)

    return xp.tile(x, tuple(repetitions)), pull


@op(needs="", complex=True, arrays=2)
def repeat(xp, x, repeats, /, *, axis=None):
    """Each element (or slice along an axis) repeated; repeats: an int, or one per element. axis=None flattens first."""
    shape = x.shape
    if isinstance(repeats, list):
        repeats = xp.asarray(repeats, dtype=xp.int64)
    elif not isinstance(repeats, int):
        repeats = xp.asarray(repeats, copy=True)  # the pullback needs it, and it is small
    if axis is None:
        x, at = xp.reshape(x, (-1,)), 0
    else:
        at = axis_of("repeat", axis, x.ndim)
    lines = x.shape

    def pull(gy, need):
        if isinstance(repeats, int):
            g = xp.sum(xp.reshape(gy, (*lines[:at], lines[at], repeats, *lines[at + 1 :])), axis=at + 1)
        else:
            source = xp.repeat(xp.arange(lines[at]), repeats)
            g = xp.put_at(gy, key=_along(at, source), shape=tuple(lines))
        return xp.reshape(g, shape), None

    return xp.repeat(x, repeats, axis=at), pull


@op(needs="", complex=True)
def tril(xp, x, /, *, k=0):
    """x with zeros above its k-th diagonal."""
    return xp.tril(x, k=k), lambda gy: xp.tril(gy, k=k)


@op(needs="", complex=True)
def triu(xp, x, /, *, k=0):
    """x with zeros below its k-th diagonal."""
    return xp.triu(x, k=k), lambda gy: xp.triu(gy, k=k)


_SOURCES = {
    "reflect": lambda i, n: n - 1 - abs(n - 1 - i % (2 * n - 2)) if n > 1 else 0,
    "replicate": lambda i, n: min(max(i, 0), n - 1),
    "circular": lambda i, n: i % n,
}


def _pairs_of(padding: Any) -> None:
    """ShapeError unless padding is a sequence of pairs of integers; of PyTorch's flat form it says how it reads here."""
    flat = list(padding) if isinstance(padding, (tuple, list)) else [padding]
    if isinstance(padding, (tuple, list)) and all(isinstance(p, (tuple, list)) for p in padding):
        if all(type(n) is int for p in padding for n in p):
            return
        raise ShapeError(f"pad: padding must be pairs of integers, got {padding}")
    mend = ""
    if len(flat) % 2 == 0 and all(isinstance(n, int) for n in flat):
        there = [tuple(flat[i : i + 2]) for i in range(0, len(flat), 2)]
        mend = f"; PyTorch's {tuple(flat)}, which begins with the last axis, is {there[::-1]} here"
    raise ShapeError(f"pad: padding must be a pair (before, after) for each of the last axes, got {padding!r}{mend}")


@op(needs="", complex=True)
def pad(xp, x, /, padding, *, mode="constant", value=0.0):
    """x with a border. padding: a pair (before, after) for each of the last len(padding) axes, in axis order.

    mode: "constant" (value), "reflect" (mirrored without the edge), "replicate" (the edge), "circular" (the other end).
    Bare numbers are refused, since they mean one thing to PyTorch (the last axis comes first) and another to NumPy.
    Raises ShapeError, ConfigError.
    """
    shape = tuple(x.shape)
    _pairs_of(padding)
    pairs = [(0, 0)] * (len(shape) - len(padding)) + [tuple(p) for p in padding]
    if len(pairs) > len(shape) or any(len(p) != 2 or min(p) < 0 for p in pairs):
        raise ShapeError(f"pad: padding must be a pair of sizes for each of the {len(shape)} axes at most, got {padding}")
    if mode == "constant":
        inner = tuple(slice(lo, lo + n) for n, (lo, _) in zip(shape, pairs, strict=True))
        y = xp.full(tuple(n + lo + hi for n, (lo, hi) in zip(shape, pairs, strict=True)), value, dtype=x.dtype)
        y[inner] = x
        return y, lambda gy: gy[inner]
    if mode not in _SOURCES:
        raise ConfigError(f"pad: mode must be one of constant, {', '.join(_SOURCES)}, got {mode!r}")
    limit = {"reflect": -1, "circular": 0, "replicate": math.inf}[mode]
    steps = []
    for axis, (n, (lo, hi)) in enumerate(zip(shape, pairs, strict=True)):
        if lo or hi:
            if n == 0 or max(lo, hi) > n + limit:
                raise ShapeError(f"pad: mode {mode!r} cannot pad axis {axis} of size {n} by {(lo, hi)}")
            steps.append((axis, n, [_SOURCES[mode](i, n) for i in range(-lo, n + hi)]))
    y = xp.asarray(x, copy=True)
    for axis, _, source in steps:
        y = xp.take(y, xp.asarray(source, dtype=xp.int64), axis=axis)

    def pull(gy):
        for axis, n, source in reversed(steps):
            whole = (*gy.shape[:axis], n, *gy.shape[axis + 1 :])
            gy = xp.put_at(gy, key=_along(axis, xp.asarray(source, dtype=xp.int64)), shape=whole)
        return gy

    return y, pull


def diff(x: Any, /, *, axis: int = -1, n: int = 1, prepend: Any = None, append: Any = None) -> Any:
    """The n-th differences of neighbours along an axis, after joining prepend and append to it."""
    if n < 0:
        raise ConfigError(f"diff: n must not be negative, got {n}")
    at = axis_of("diff", axis, x.ndim)
    if n == 0:
        return x
    parts = [p for p in (prepend, x, append) if p is not None]
    if any(not isinstance(p, TensorBase) for p in parts):
        raise DTypeError("diff: x, prepend and append must be tensors; make them with dl.asarray(x)")
    if len(parts) > 1:
        x = concat(parts, axis=at)
    step = not_equal if x.dtype == "bool" else subtract  # as NumPy: booleans have no difference but an inequality
    for _ in range(n):
        x = step(x[_along(at, slice(1, None))], x[_along(at, slice(None, -1))])
    return x
