"""Transposed convolution: the gradient of a convolution for its input, as an op of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dlengine.kernels.geometry import ConvGeometry

from ..errors import ConfigError, ShapeError
from . import primitives
from .conv_geometry import SPACE, IntOrInts, Padding, Windows, check_arrays, check_bias, int_tuple, lifted, paddings, samples
from .shape import reshape

if TYPE_CHECKING:
    from ..typing import Tensor


def _plus(y: Tensor, bias: Tensor | None) -> Tensor:
    return y if bias is None else y + reshape(bias, (-1,) + (1,) * (y.ndim - 2))


@samples
def _transposed(op: str, rank: int, x: Tensor, weight: Tensor, bias: Tensor | None, windows: Windows) -> Tensor:
    """The input gradient of the convolution that would map the result to x."""
    check_arrays(op, x, weight, rank)
    kernel, groups = weight.shape[2:], windows.groups
    stride, dilation = int_tuple(op, "stride", windows.stride, rank), int_tuple(op, "dilation", windows.dilation, rank)
    low, high = paddings(op, windows.padding, kernel, stride, dilation)
    extra = int_tuple(op, "output_padding", windows.output_padding, rank, 0)
    if any(e >= max(s, d) for e, s, d in zip(extra, stride, dilation, strict=True)):
        raise ConfigError(f"{op}: output_padding {extra} must be smaller than stride {stride} or dilation {dilation}")
    if weight.shape[0] != x.shape[1] or x.shape[1] % groups:
        raise ShapeError(
            f"{op}: weight (C,K/groups,{SPACE[rank].lower()})={weight.shape} and groups={groups} "
            f"do not fit input (N,C,{SPACE[rank]})={x.shape}"
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
    check_bias(op, bias, g.C)
    if rank == 1:
        y = primitives.conv2d_input_grad(x[:, :, None, :], weight[:, :, None, :], lifted(g))[:, :, 0, :]
    else:
        y = (primitives.conv3d_input_grad if rank == 3 else primitives.conv2d_input_grad)(x, weight, g)
    return _plus(y, bias)


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
