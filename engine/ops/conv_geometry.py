"""Where the windows of a convolution lie: settings checked, sizes worked out.

Source of the arithmetic: Dumoulin & Visin 2016, arXiv:1603.07285.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, wraps
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from dlengine.kernels.geometry import ConvGeometry, Ints

from ..errors import ConfigError, ShapeError

if TYPE_CHECKING:
    from ..typing import Tensor

IntOrInts: TypeAlias = int | Sequence[int]
"""A setting of windows: one for all axes, or one for each."""

Padding: TypeAlias = int | str | Sequence[int] | Sequence[Sequence[int]]
"""Padding as convolutions take it."""

SPACE = {1: "W", 2: "H,W", 3: "D,H,W"}


def int_tuple(op: str, name: str, value: Any, rank: int, least: int = 1) -> Ints:
    """An int or one int per spatial dimension, checked."""
    values = tuple(value) if isinstance(value, Sequence) else (value,)
    values = values * rank if len(values) == 1 else values
    if len(values) != rank or any(not isinstance(v, int) or v < least for v in values):
        raise ConfigError(f"{op}: {name} must be an int >= {least} or {rank} of them, got {value!r}")
    return values


def paddings(op: str, padding: Any, kernel: Ints, stride: Ints, dilation: Ints) -> tuple[Ints, Ints]:
    """Low and high padding per dimension from an int, ints, (low, high) pairs, "valid", "same" or "full"."""
    rank = len(kernel)
    extent = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
    if padding == "valid":
        return (0,) * rank, (0,) * rank
    if padding == "full":
        return tuple(extent), tuple(extent)
    if padding == "same":
        if any(s != 1 for s in stride):
            raise ConfigError(f"{op}: padding='same' keeps the size only with stride 1, got stride {stride}")
        return tuple(e // 2 for e in extent), tuple(e - e // 2 for e in extent)
    if isinstance(padding, str):
        raise ConfigError(f"{op}: padding must be ints, (low, high) pairs, 'valid', 'same' or 'full', got {padding!r}")
    if isinstance(padding, Sequence) and padding and isinstance(padding[0], Sequence):
        low = int_tuple(op, "padding", tuple(p[0] for p in padding), rank, 0)
        return low, int_tuple(op, "padding", tuple(p[1] for p in padding), rank, 0)
    both = int_tuple(op, "padding", padding, rank, 0)
    return both, both


def output_size(size: int, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1, strict: bool = False) -> int:
    """Return how many windows fit along an axis: ``(size + 2 padding - dilation (kernel - 1) - 1) // stride + 1``.

    Parameters
    ----------
    size : int
        The size of the axis.
    kernel : int
        The size of a window.
    stride : int
        The distance of windows.
    padding : int
        How much is added at both ends.
    dilation : int
        The distance of the elements of a window.
    strict : bool
        Whether a rest that no window covers is an error.

    Returns
    -------
    int
        The number of windows.

    Raises
    ------
    ShapeError
        If no window fits, or with ``strict`` if a rest is left over.

    Examples
    --------
    >>> dl.nn.functional.output_size(28, 5, stride=2, padding=2)
    14
    """
    room = size + 2 * padding - dilation * (kernel - 1) - 1
    if room < 0 or (strict and room % stride):
        raise ShapeError(f"output_size: windows of {kernel} every {stride} do not fit {size} with padding {padding}")
    return room // stride + 1


def plain(setting: Any) -> bool:
    """Whether a setting of windows is an int, a word, or a tuple of ints: what a cache may tell apart by its value."""
    kind = type(setting)
    return kind is int or kind is str or setting is None or (kind is tuple and all([type(v) is int for v in setting]))


def conv_geometry(
    op: str, x: Ints, w: Ints, stride: Any, padding: Any, dilation: Any, groups: int
) -> ConvGeometry:
    """Check that shapes fit and work out the output's size."""
    if type(groups) is int and plain(stride) and plain(padding) and plain(dilation):
        return _known_geometry(op, x, w, stride, padding, dilation, groups)
    return _geometry(op, x, w, stride, padding, dilation, groups)


def _geometry(op: str, x: Ints, w: Ints, stride: Any, padding: Any, dilation: Any, groups: int) -> ConvGeometry:
    rank = len(x) - 2
    kernel = w[2:]
    stride = int_tuple(op, "stride", stride, rank)
    dilation = int_tuple(op, "dilation", dilation, rank)
    low, high = paddings(op, padding, kernel, stride, dilation)
    axes = SPACE[rank]
    n, c, k = x[0], x[1], w[0]
    if not isinstance(groups, int) or groups < 1 or k % groups:
        raise ShapeError(f"{op}: groups={groups} must divide K={k} of weight (K,C/groups,...)={w}")
    if w[1] * groups != c:
        raise ShapeError(
            f"{op}: weight (K,C/groups,{axes.lower()})={w} with groups={groups} expects C={w[1] * groups}, "
            f"but input (N,C,{axes})={x} has C={c}"
        )
    space = x[2:]
    reach = [d * (m - 1) + 1 for d, m in zip(dilation, kernel, strict=True)]
    padded = [i + a + b for i, a, b in zip(space, low, high, strict=True)]
    if any(p < r for p, r in zip(padded, reach, strict=True)):
        raise ShapeError(f"{op}: no window fits: kernel {kernel}, dilation {dilation} spans {reach}; padded input: {padded}")
    out = tuple((p - r) // s + 1 for p, r, s in zip(padded, reach, stride, strict=True))
    return ConvGeometry(n, c, k, groups, space, kernel, stride, dilation, low, high, out)


_known_geometry = lru_cache(maxsize=1024)(_geometry)


def samples(f: Callable[..., Any]) -> Callable[..., Any]:
    """Let a function of (op, rank, x, ...), x a batch (N,C,*S), take a single sample (C,*S) too."""

    @wraps(f)
    def call(op: str, rank: int, x: Tensor, *rest: Any) -> Any:
        if x.ndim != rank + 1:
            return f(op, rank, x, *rest)
        found = f(op, rank, x[None], *rest)
        return (found[0][0], found[1][0]) if isinstance(found, tuple) else found[0]

    return call


def batch_or_sample(axes: str) -> str:
    """The shapes of input, for messages: a batch, or one sample of it."""
    return f"(N,C,{axes}) or (C,{axes})"


def check_arrays(op: str, x: Tensor, w: Tensor, rank: int) -> None:
    axes = SPACE[rank]
    if x.ndim != rank + 2:
        raise ShapeError(f"{op}: input must be {batch_or_sample(axes)}, got shape {x.shape}")
    if w.ndim != rank + 2:
        raise ShapeError(f"{op}: weight must have {rank + 2} dimensions, got shape {w.shape}")


def check_bias(op: str, bias: Tensor | None, K: int) -> None:
    if bias is not None and bias.shape != (K,):
        raise ShapeError(f"{op}: bias must be (K,)=({K},), got {bias.shape}")


class Windows(NamedTuple):
    """Where windows lie, as it was given to a convolution."""

    stride: Any
    padding: Any
    dilation: Any
    groups: int
    output_padding: Any = 0


def lifted(g: ConvGeometry) -> ConvGeometry:
    """A 1-d geometry as the 2-d one of images of height 1."""
    return ConvGeometry(
        g.N, g.C, g.K, g.groups, (1, *g.in_shape), (1, *g.kernel), (1, *g.stride), (1, *g.dilation),
        (0, *g.pad_lo), (0, *g.pad_hi), (1, *g.out_shape),
    )  # fmt: skip
