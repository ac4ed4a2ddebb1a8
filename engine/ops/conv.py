"""Convolution: cross-correlation, as in the lectures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..autograd.short import short
from . import primitives
from .conv_geometry import (
    IntOrInts,
    Padding,
    Windows,
    check_arrays,
    check_bias,
    conv_geometry,
    samples,
)
from .conv_transpose import conv_transpose1d, conv_transpose2d, conv_transpose3d
from .fold import fold, unfold

if TYPE_CHECKING:
    from ..typing import Tensor

__all__ = ["conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "fold", "unfold"]


@samples
def _conv(op: str, rank: int, x: Tensor, weight: Tensor, bias: Tensor | None, windows: Windows) -> Tensor:
    check_arrays(op, x, weight, rank)
    g = conv_geometry(op, x.shape, weight.shape, *windows[:4])
    check_bias(op, bias, g.K)
    return (primitives.conv3d if rank == 3 else primitives.conv2d)(x, weight, bias, g)


@short("short_pools")
def conv2d(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, stride: IntOrInts = 1, padding: Padding = 0, dilation: IntOrInts = 1,
    groups: int = 1,
) -> Tensor:  # fmt: skip
    """Cross-correlate images with filters.

    ``y[n, k] = bias[k] + sum over c of x[n, c] * weight[k, c]``, per group; ``*`` is cross-correlation. Along each axis
    ``OH = (H + padding - dilation (kh - 1) - 1) // stride + 1``.

    Parameters
    ----------
    x : Tensor
        (N,C,H,W), or one sample (C,H,W), whose result has no N either.
    weight : Tensor
        (K,C/groups,kh,kw).
    bias : Tensor, optional
        (K,). None adds nothing.
    stride : int or sequence of int
        From window to window, one for all axes or one for each.
    padding : int, str or sequence
        Zeros on both sides: one for all axes, one for each, or a pair (low, high) for each; or ``"valid"`` (none), ``"same"``
        (the output has the input's size) or ``"full"`` (every overlap counts).
    dilation : int or sequence of int
        From one value of a window to the next.
    groups : int
        In how many groups channels and filters are divided; each filter sees the channels of its group.

    Returns
    -------
    Tensor
        (N,K,OH,OW).

    Raises
    ------
    ShapeError
        If C, groups and weight disagree, or no window fits.
    ConfigError
        If a setting is no integer or too small.

    References
    ----------
    Dumoulin and Visin, 2016, arXiv:1603.07285.

    Examples
    --------
    >>> dl.conv2d(dl.ones((1, 2, 6, 6)), dl.ones((3, 2, 3, 3))).shape
    (1, 3, 4, 4)
    """
    return _conv("conv2d", 2, x, weight, bias, Windows(stride, padding, dilation, groups))


@short("short_pools")
def conv3d(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, stride: IntOrInts = 1, padding: Padding = 0, dilation: IntOrInts = 1,
    groups: int = 1,
) -> Tensor:  # fmt: skip
    """Cross-correlate volumes with filters.

    ``y[n, k] = bias[k] + sum over c of x[n, c] * weight[k, c]``, per group; ``*`` is cross-correlation.

    Parameters
    ----------
    x : Tensor
        (N,C,D,H,W), or one sample (C,D,H,W), whose result has no N either.
    weight : Tensor
        (K,C/groups,kd,kh,kw).
    bias : Tensor, optional
        (K,). None adds nothing.
    stride : int or sequence of int
        From window to window, one for all axes or one for each.
    padding : int, str or sequence
        Zeros on both sides: one for all axes, one for each, or a pair (low, high) for each; or ``"valid"`` (none), ``"same"``
        (the output has the input's size) or ``"full"`` (every overlap counts).
    dilation : int or sequence of int
        From one value of a window to the next.
    groups : int
        In how many groups channels and filters are divided; each filter sees the channels of its group.

    Returns
    -------
    Tensor
        (N,K,OD,OH,OW).

    Raises
    ------
    ShapeError
        If C, groups and weight disagree, or no window fits.
    ConfigError
        If a setting is no integer or too small.

    References
    ----------
    Dumoulin and Visin, 2016, arXiv:1603.07285.

    Examples
    --------
    >>> dl.conv3d(dl.ones((1, 2, 4, 4, 4)), dl.ones((3, 2, 3, 3, 3))).shape
    (1, 3, 2, 2, 2)
    """
    return _conv("conv3d", 3, x, weight, bias, Windows(stride, padding, dilation, groups))


@short("short_pools")
def conv1d(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, stride: IntOrInts = 1, padding: Padding = 0, dilation: IntOrInts = 1,
    groups: int = 1,
) -> Tensor:  # fmt: skip
    """Cross-correlate sequences with filters.

    ``y[n, k] = bias[k] + sum over c of x[n, c] * weight[k, c]``, per group; ``*`` is cross-correlation.

    Parameters
    ----------
    x : Tensor
        (N,C,W), or one sample (C,W), whose result has no N either.
    weight : Tensor
        (K,C/groups,kw).
    bias : Tensor, optional
        (K,). None adds nothing.
    stride : int or sequence of int
        From window to window, one for all axes or one for each.
    padding : int, str or sequence
        Zeros on both sides: one for all axes, one for each, or a pair (low, high) for each; or ``"valid"`` (none), ``"same"``
        (the output has the input's size) or ``"full"`` (every overlap counts).
    dilation : int or sequence of int
        From one value of a window to the next.
    groups : int
        In how many groups channels and filters are divided; each filter sees the channels of its group.

    Returns
    -------
    Tensor
        (N,K,OW).

    Raises
    ------
    ShapeError
        If C, groups and weight disagree, or no window fits.
    ConfigError
        If a setting is no integer or too small.

    References
    ----------
    Dumoulin and Visin, 2016, arXiv:1603.07285.

    Examples
    --------
    >>> dl.conv1d(dl.ones((1, 2, 6)), dl.ones((3, 2, 3))).shape
    (1, 3, 4)
    """
    return _conv("conv1d", 1, x, weight, bias, Windows(stride, padding, dilation, groups))
