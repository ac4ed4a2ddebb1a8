"""Convolution (cross-correlation, as in the lectures), transposed convolution, unfold and fold.

Source of the arithmetic: Dumoulin & Visin 2016, arXiv:1603.07285.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dlengine.kernels.geometry import ConvGeometry, Ints

from ..errors import ConfigError, ShapeError
from . import windows
from .shape import reshape

__all__ = ["conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "fold", "unfold"]

_SPACE = {1: "W", 2: "H,W", 3: "D,H,W"}


def each(op: str, name: str, value: Any, rank: int, least: int = 1) -> Ints:
    """An int or one int per spatial dimension, checked."""
    values = tuple(value) if isinstance(value, Sequence) else (value,) * rank
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
        low = each(op, "padding", tuple(p[0] for p in padding), rank, 0)
        return low, each(op, "padding", tuple(p[1] for p in padding), rank, 0)
    both = each(op, "padding", padding, rank, 0)
    return both, both


def output_size(size: int, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1, strict: bool = False) -> int:
    """How many windows fit along an axis: O = (W - K + 2 P) / S + 1, K widened by dilation, rounded down.

    Raises ShapeError if none fits, or, if strict, if a rest is left over.
    """
    room = size + 2 * padding - dilation * (kernel - 1) - 1
    if room < 0 or (strict and room % stride):
        raise ShapeError(f"output_size: windows of {kernel} every {stride} do not fit {size} with padding {padding}")
    return room // stride + 1


def conv_geometry(
    op: str, x: Ints, w: Ints, stride: Any, padding: Any, dilation: Any, groups: int
) -> ConvGeometry:
    """Check that shapes fit and work out the output's size."""
    rank = len(x) - 2
    kernel = w[2:]
    stride = each(op, "stride", stride, rank)
    dilation = each(op, "dilation", dilation, rank)
    low, high = paddings(op, padding, kernel, stride, dilation)
    axes = _SPACE[rank]
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


def _checked(op: str, x: Any, w: Any, rank: int) -> None:
    axes = _SPACE[rank]
    if x.ndim != rank + 2:
        raise ShapeError(f"{op}: input must be (N,C,{axes}), got shape {x.shape}; add a batch axis with x[None] if it is missing")
    if w.ndim != rank + 2:
        raise ShapeError(f"{op}: weight must have {rank + 2} dimensions, got shape {w.shape}")


def _check_bias(op: str, bias: Any, K: int) -> None:
    if bias is not None and bias.shape != (K,):
        raise ShapeError(f"{op}: bias must be (K,)=({K},), got {bias.shape}")


def _plus(y: Any, bias: Any) -> Any:
    return y if bias is None else y + reshape(bias, (-1,) + (1,) * (y.ndim - 2))


def _conv(op: str, rank: int, x: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    _checked(op, x, weight, rank)
    g = conv_geometry(op, x.shape, weight.shape, stride, padding, dilation, groups)
    _check_bias(op, bias, g.K)
    return (windows.conv3d if rank == 3 else windows.conv2d)(x, weight, bias, g)


def conv2d(
    x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Any:
    """Cross-correlate images with filters.

    y[n, k] = bias[k] + sum over c of x[n, c] * weight[k, c], per group.

    x: (N,C,H,W). weight: (K,C/groups,kh,kw). bias: (K,) or None. stride, dilation: int or pair. padding: int, pair, pairs
    (low, high), "valid", "same" or "full". Returns (N,K,OH,OW), OH = (H + padding - dilation (kh - 1) - 1) // stride + 1.
    Raises ShapeError if C, groups and weight disagree or no window fits, ConfigError for bad settings.
    """
    return _conv("conv2d", 2, x, weight, bias, stride, padding, dilation, groups)


def conv3d(
    x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Any:
    """Cross-correlate volumes (N,C,D,H,W) with filters (K,C/groups,kd,kh,kw); see conv2d."""
    return _conv("conv3d", 3, x, weight, bias, stride, padding, dilation, groups)


def conv1d(
    x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Any:
    """Cross-correlate sequences (N,C,W) with filters (K,C/groups,kw), as images of height 1; see conv2d."""
    _checked("conv1d", x, weight, 1)
    g = conv_geometry("conv1d", x.shape, weight.shape, stride, padding, dilation, groups)
    _check_bias("conv1d", bias, g.K)
    return windows.conv2d(x[:, :, None, :], weight[:, :, None, :], bias, lifted(g))[:, :, 0, :]


def lifted(g: ConvGeometry) -> ConvGeometry:
    """A 1-d geometry as the 2-d one of images of height 1."""
    return ConvGeometry(
        g.N, g.C, g.K, g.groups, (1, *g.in_shape), (1, *g.kernel), (1, *g.stride), (1, *g.dilation),
        (0, *g.pad_lo), (0, *g.pad_hi), (1, *g.out_shape),
    )  # fmt: skip


def _transposed(
    op: str, rank: int, x: Any, weight: Any, bias: Any, stride: Any, padding: Any, output_padding: Any, groups: int,
    dilation: Any,
) -> Any:  # fmt: skip
    """The input gradient of the convolution that would map the result to x."""
    _checked(op, x, weight, rank)
    kernel = weight.shape[2:]
    stride, dilation = each(op, "stride", stride, rank), each(op, "dilation", dilation, rank)
    low, high = paddings(op, padding, kernel, stride, dilation)
    extra = each(op, "output_padding", output_padding, rank, 0)
    if any(e >= max(s, d) for e, s, d in zip(extra, stride, dilation, strict=True)):
        raise ConfigError(f"{op}: output_padding {extra} must be smaller than stride {stride} or dilation {dilation}")
    if weight.shape[0] != x.shape[1] or x.shape[1] % groups:
        raise ShapeError(
            f"{op}: weight (C,K/groups,{_SPACE[rank].lower()})={weight.shape} and groups={groups} "
            f"do not fit input (N,C,{_SPACE[rank]})={x.shape}"
        )
    out = tuple(
        (i - 1) * s - a - b + d * (k - 1) + e + 1
        for i, s, a, b, d, k, e in zip(x.shape[2:], stride, low, high, dilation, kernel, extra, strict=True)
    )
    if any(o < 1 for o in out):
        raise ShapeError(f"{op}: the output would have size {out}; less padding, or a larger input")
    g = ConvGeometry(
        x.shape[0], weight.shape[1] * groups, x.shape[1], groups, out, kernel, stride, dilation, low, high, x.shape[2:]
    )
    _check_bias(op, bias, g.C)
    if rank == 1:
        y = windows.conv2d_input_grad(x[:, :, None, :], weight[:, :, None, :], lifted(g))[:, :, 0, :]
    else:
        y = (windows.conv3d_input_grad if rank == 3 else windows.conv2d_input_grad)(x, weight, g)
    return _plus(y, bias)


def conv_transpose1d(
    x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, output_padding: Any = 0, groups: int = 1,
    dilation: Any = 1,
) -> Any:  # fmt: skip
    """Transposed convolution of sequences (N,C,W) with weight (C,K/groups,kw); see conv_transpose2d."""
    return _transposed("conv_transpose1d", 1, x, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose2d(
    x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, output_padding: Any = 0, groups: int = 1,
    dilation: Any = 1,
) -> Any:  # fmt: skip
    """Transposed convolution: the gradient of conv2d for its input, used to enlarge images.

    x: (N,C,H,W). weight: (C,K/groups,kh,kw). bias: (K,) or None.
    Returns (N,K,OH,OW), OH = (H - 1) stride - 2 padding + dilation (kh - 1) + output_padding + 1.
    Raises ShapeError if channels disagree or the output is empty, ConfigError for bad settings.
    """
    return _transposed("conv_transpose2d", 2, x, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose3d(
    x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, output_padding: Any = 0, groups: int = 1,
    dilation: Any = 1,
) -> Any:  # fmt: skip
    """Transposed convolution of volumes (N,C,D,H,W) with weight (C,K/groups,kd,kh,kw); see conv_transpose2d."""
    return _transposed("conv_transpose3d", 3, x, weight, bias, stride, padding, output_padding, groups, dilation)


def _window_geometry(op: str, x: Ints, kernel_size: Any, dilation: Any, padding: Any, stride: Any) -> ConvGeometry:
    kernel = each(op, "kernel_size", kernel_size, 2)
    return conv_geometry(op, x, (0, x[1], *kernel), stride, padding, dilation, 1)


def unfold(x: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Any:
    """The windows of images as columns: x (N,C,H,W) -> (N, C kh kw, number of windows)."""
    if x.ndim != 4:
        raise ShapeError(f"unfold: input must be (N,C,H,W), got shape {x.shape}")
    return windows.unfold2d(x, _window_geometry("unfold", x.shape, kernel_size, dilation, padding, stride))


def fold(cols: Any, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Any:
    """Columns (N, C kh kw, windows) added back into images (N,C,H,W) of output_size (H,W): the adjoint of unfold."""
    kernel = each("fold", "kernel_size", kernel_size, 2)
    size = each("fold", "output_size", output_size, 2)
    if cols.ndim != 3 or cols.shape[1] % (kernel[0] * kernel[1]):
        raise ShapeError(f"fold: columns must be (N, C kh kw, windows) with kh kw = {kernel[0] * kernel[1]}, got {cols.shape}")
    shape = (cols.shape[0], cols.shape[1] // (kernel[0] * kernel[1]), *size)
    g = _window_geometry("fold", shape, kernel_size, dilation, padding, stride)
    if cols.shape[2] != g.out_shape[0] * g.out_shape[1]:
        raise ShapeError(f"fold: {size} has {g.out_shape[0] * g.out_shape[1]} windows, but the columns are {cols.shape[2]}")
    return windows.fold2d(cols, g)
