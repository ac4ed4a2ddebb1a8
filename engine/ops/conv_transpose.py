"""Transposed convolution: the gradient of a convolution for its input, as an op of its own."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from dlengine.kernels.geometry import ConvGeometry, Ints

from ..errors import ConfigError, ShapeError
from . import primitives
from .conv_geometry import SPACE, IntOrInts, Padding, Windows, check_arrays, check_bias, int_tuple, paddings, plain, samples
from .repetition import pad
from .shape import reshape

if TYPE_CHECKING:
    from ..typing import Tensor


def _plus(y: Tensor, bias: Tensor | None) -> Tensor:
    return y if bias is None else y + reshape(bias, (-1,) + (1,) * (y.ndim - 2))


@samples
def _transposed(op: str, rank: int, x: Tensor, weight: Tensor, bias: Tensor | None, windows: Windows) -> Tensor:
    """The input gradient of the convolution that would map the result to x."""
    check_arrays(op, x, weight, rank)
    settings = (windows.stride, windows.padding, windows.dilation, windows.output_padding)
    known = type(windows.groups) is int and all(map(plain, settings))
    g, beyond = (_known_geometry if known else _geometry)(op, rank, x.shape, weight.shape, windows)
    check_bias(op, bias, g.C)
    y = (primitives.conv3d_input_grad if rank == 3 else primitives.conv2d_input_grad)(x, weight, g)
    return _plus(pad(y, [(0, 0), (0, 0), *((0, n) for n in beyond)]) if any(beyond) else y, bias)


def _geometry(op: str, rank: int, x: Ints, weight: Ints, windows: Windows) -> tuple[ConvGeometry, Ints]:
    """Of the convolution that would map the result to x, and how many zeros follow at the end of each axis of the result.

    That convolution leaves less than a stride of its input unread. Where output_padding is a stride or more, which a larger
    dilation allows, whole strides of it take the place of padding at the end, and what exceeds that is zeros.
    """
    kernel, groups = weight[2:], windows.groups
    stride, dilation = int_tuple(op, "stride", windows.stride, rank), int_tuple(op, "dilation", windows.dilation, rank)
    low, high = paddings(op, windows.padding, kernel, stride, dilation)
    extra = int_tuple(op, "output_padding", windows.output_padding, rank, 0)
    if any(e >= max(s, d) for e, s, d in zip(extra, stride, dilation, strict=True)):
        raise ConfigError(f"{op}: output_padding {extra} must be smaller than stride {stride} or dilation {dilation}")
    if weight[0] != x[1] or x[1] % groups:
        raise ShapeError(
            f"{op}: weight (C,K/groups,{SPACE[rank].lower()})={weight} and groups={groups} "
            f"do not fit input (N,C,{SPACE[rank]})={x}"
        )
    out = tuple(
        (i - 1) * s - a - b + d * (k - 1) + e + 1
        for i, s, a, b, d, k, e in zip(x[2:], stride, low, high, dilation, kernel, extra, strict=True)
    )
    if any(o < 1 for o in out):
        raise ShapeError(f"{op}: the output would have size {out}; less padding, or a larger input")
    whole = tuple(e - e % s for e, s in zip(extra, stride, strict=True))
    beyond = tuple(max(0, n - b) for n, b in zip(whole, high, strict=True))
    high = tuple(max(0, b - n) for n, b in zip(whole, high, strict=True))
    out = tuple(o - n for o, n in zip(out, beyond, strict=True))
    if any(o < 1 for o in out):
        raise ShapeError(f"{op}: padding {windows.padding} leaves nothing but output_padding {extra}; less padding")
    return ConvGeometry(x[0], weight[1] * groups, x[1], groups, out, kernel, stride, dilation, low, high, x[2:]), beyond


_known_geometry = lru_cache(maxsize=1024)(_geometry)


def conv_transpose1d(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, stride: IntOrInts = 1, padding: Padding = 0,
    output_padding: IntOrInts = 0, groups: int = 1, dilation: IntOrInts = 1,
) -> Tensor:  # fmt: skip
    """Transposed convolution of sequences: the gradient of conv1d for its input, which enlarges.

    Along each axis ``OW = (W - 1) stride - 2 padding + dilation (kw - 1) + output_padding + 1``.

    Parameters
    ----------
    x : Tensor
        (N,C,W), or one sample (C,W), whose result has no N either.
    weight : Tensor
        (C,K/groups,kw).
    bias : Tensor, optional
        (K,). None adds nothing.
    stride : int or sequence of int
        From window to window of the output, one for all axes or one for each.
    padding : int, str or sequence
        How much of the output's border is left out; as in conv1d.
    output_padding : int or sequence of int
        Added to the output's size; less than stride or dilation.
    groups : int
        In how many groups channels are divided.
    dilation : int or sequence of int
        From one value of a window to the next.

    Returns
    -------
    Tensor
        (N,K,OW).

    Raises
    ------
    ShapeError
        If channels disagree, or the output would be empty.
    ConfigError
        If a setting is no integer or out of range.

    References
    ----------
    Dumoulin and Visin, 2016, arXiv:1603.07285.

    Examples
    --------
    >>> dl.conv_transpose1d(dl.ones((1, 2, 3)), dl.ones((2, 5, 2)), stride=2).shape
    (1, 5, 6)
    """
    return _transposed("conv_transpose1d", 1, x, weight, bias, Windows(stride, padding, dilation, groups, output_padding))


def conv_transpose2d(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, stride: IntOrInts = 1, padding: Padding = 0,
    output_padding: IntOrInts = 0, groups: int = 1, dilation: IntOrInts = 1,
) -> Tensor:  # fmt: skip
    """Transposed convolution of images: the gradient of conv2d for its input, which enlarges.

    Along each axis ``OW = (W - 1) stride - 2 padding + dilation (kw - 1) + output_padding + 1``.

    Parameters
    ----------
    x : Tensor
        (N,C,H,W), or one sample (C,H,W), whose result has no N either.
    weight : Tensor
        (C,K/groups,kh,kw).
    bias : Tensor, optional
        (K,). None adds nothing.
    stride : int or sequence of int
        From window to window of the output, one for all axes or one for each.
    padding : int, str or sequence
        How much of the output's border is left out; as in conv2d.
    output_padding : int or sequence of int
        Added to the output's size; less than stride or dilation.
    groups : int
        In how many groups channels are divided.
    dilation : int or sequence of int
        From one value of a window to the next.

    Returns
    -------
    Tensor
        (N,K,OH,OW).

    Raises
    ------
    ShapeError
        If channels disagree, or the output would be empty.
    ConfigError
        If a setting is no integer or out of range.

    References
    ----------
    Dumoulin and Visin, 2016, arXiv:1603.07285.

    Examples
    --------
    >>> dl.conv_transpose2d(dl.ones((1, 2, 3, 3)), dl.ones((2, 5, 2, 2)), stride=2).shape
    (1, 5, 6, 6)
    """
    return _transposed("conv_transpose2d", 2, x, weight, bias, Windows(stride, padding, dilation, groups, output_padding))


def conv_transpose3d(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, stride: IntOrInts = 1, padding: Padding = 0,
    output_padding: IntOrInts = 0, groups: int = 1, dilation: IntOrInts = 1,
) -> Tensor:  # fmt: skip
    """Transposed convolution of volumes: the gradient of conv3d for its input, which enlarges.

    Along each axis ``OW = (W - 1) stride - 2 padding + dilation (kw - 1) + output_padding + 1``.

    Parameters
    ----------
    x : Tensor
        (N,C,D,H,W), or one sample (C,D,H,W), whose result has no N either.
    weight : Tensor
        (C,K/groups,kd,kh,kw).
    bias : Tensor, optional
        (K,). None adds nothing.
    stride : int or sequence of int
        From window to window of the output, one for all axes or one for each.
    padding : int, str or sequence
        How much of the output's border is left out; as in conv3d.
    output_padding : int or sequence of int
        Added to the output's size; less than stride or dilation.
    groups : int
        In how many groups channels are divided.
    dilation : int or sequence of int
        From one value of a window to the next.

    Returns
    -------
    Tensor
        (N,K,OD,OH,OW).

    Raises
    ------
    ShapeError
        If channels disagree, or the output would be empty.
    ConfigError
        If a setting is no integer or out of range.

    References
    ----------
    Dumoulin and Visin, 2016, arXiv:1603.07285.

    Examples
    --------
    >>> dl.conv_transpose3d(dl.ones((1, 2, 2, 2, 2)), dl.ones((2, 5, 2, 2, 2)), stride=2).shape
    (1, 5, 4, 4, 4)
    """
    return _transposed("conv_transpose3d", 3, x, weight, bias, Windows(stride, padding, dilation, groups, output_padding))
