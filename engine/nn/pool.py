"""Pooling layers: the largest, smallest or mean value of each window; adaptive forms. Arguments are PyTorch's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..errors import ShapeError
from ..ops import pool as ops
from ..ops.conv import each
from ..ops.reduce import max, mean
from .module import Module


class _Windowed(Module):
    """Keeps the op's settings and hands them on; see the op of the same name for shapes."""

    op: Callable[..., Any]
    settings: dict[str, Any]

    def forward(self, x: Any) -> Any:
        return type(self).op(x, **self.settings)

    def extra_repr(self) -> str:
        return ", ".join(f"{k}={v!r}" for k, v in self.settings.items())


class _MaxPool(_Windowed):
    def __init__(
        self, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:  # fmt: skip
        self.settings = {
            "kernel_size": kernel_size, "stride": stride, "padding": padding, "dilation": dilation, "ceil_mode": ceil_mode,
            "return_indices": return_indices,
        }  # fmt: skip


class _AvgPool(_Windowed):
    def __init__(
        self, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False, count_include_pad: bool = True
    ) -> None:
        self.settings = {
            "kernel_size": kernel_size, "stride": stride, "padding": padding, "ceil_mode": ceil_mode,
            "count_include_pad": count_include_pad,
        }  # fmt: skip


class _Adaptive(_Windowed):
    def __init__(self, output_size: Any) -> None:
        self.settings = {"output_size": output_size}


class _AdaptiveMax(_Windowed):
    def __init__(self, output_size: Any, return_indices: bool = False) -> None:
        self.settings = {"output_size": output_size, "return_indices": return_indices}


class MaxPool1d(_MaxPool):
    """The largest value of each window of sequences (N,C,W) -> (N,C,OW); return_indices: and where it was.

    stride defaults to kernel_size; ceil_mode: also the last, partial windows. Source: see MaxPool2d.
    """

    op = staticmethod(ops.max_pool1d)


class MaxPool2d(_MaxPool):
    """The largest value of each window of images (N,C,H,W) -> (N,C,OH,OW); return_indices: and where it was.

    stride defaults to kernel_size; ceil_mode: also the last, partial windows. Source: Yamaguchi et al. 1990.
    """

    op = staticmethod(ops.max_pool2d)


class MaxPool3d(_MaxPool):
    """The largest value of each window of volumes (N,C,D,H,W) -> (N,C,OD,OH,OW); return_indices: and where it was.

    stride defaults to kernel_size; ceil_mode: also the last, partial windows. Source: see MaxPool2d.
    """

    op = staticmethod(ops.max_pool3d)


class MinPool1d(_MaxPool):
    """The smallest value of each window of sequences (N,C,W) -> (N,C,OW), as MaxPool1d. Source: see MaxPool2d."""

    op = staticmethod(ops.min_pool1d)


class MinPool2d(_MaxPool):
    """The smallest value of each window of images (N,C,H,W) -> (N,C,OH,OW), as MaxPool2d. Source: see MaxPool2d."""

    op = staticmethod(ops.min_pool2d)


class MinPool3d(_MaxPool):
    """The smallest value of each window of volumes (N,C,D,H,W) -> (N,C,OD,OH,OW), as MaxPool3d. Source: see MaxPool2d."""

    op = staticmethod(ops.min_pool3d)


class AvgPool1d(_AvgPool):
    """The mean of each window of sequences (N,C,W) -> (N,C,OW). Source: see AvgPool2d."""

    op = staticmethod(ops.avg_pool1d)


class AvgPool2d(_AvgPool):
    """The mean of each window of images (N,C,H,W) -> (N,C,OH,OW).

    Padding zeros count if count_include_pad. Source: LeCun et al. 1990.
    """

    op = staticmethod(ops.avg_pool2d)


class AvgPool3d(_AvgPool):
    """The mean of each window of volumes (N,C,D,H,W) -> (N,C,OD,OH,OW). Source: see AvgPool2d."""

    op = staticmethod(ops.avg_pool3d)


class AdaptiveAvgPool1d(_Adaptive):
    """The mean over windows of sequences (N,C,W) that give (N,C,*output_size). Source: see AdaptiveAvgPool2d."""

    op = staticmethod(ops.adaptive_avg_pool1d)


class AdaptiveAvgPool2d(_Adaptive):
    """The mean over windows of images (N,C,H,W) that give (N,C,*output_size). Source: He et al. 2014, arXiv:1406.4729."""

    op = staticmethod(ops.adaptive_avg_pool2d)


class AdaptiveAvgPool3d(_Adaptive):
    """The mean over windows of volumes (N,C,D,H,W) that give (N,C,*output_size). Source: see AdaptiveAvgPool2d."""

    op = staticmethod(ops.adaptive_avg_pool3d)


class AdaptiveMaxPool1d(_AdaptiveMax):
    """The largest value of windows of sequences (N,C,W) that give (N,C,*output_size). Source: see AdaptiveAvgPool2d."""

    op = staticmethod(ops.adaptive_max_pool1d)


class AdaptiveMaxPool2d(_AdaptiveMax):
    """The largest value of windows of images (N,C,H,W) that give (N,C,*output_size). Source: see AdaptiveAvgPool2d."""

    op = staticmethod(ops.adaptive_max_pool2d)


class AdaptiveMaxPool3d(_AdaptiveMax):
    """The largest value of windows of volumes (N,C,D,H,W) that give (N,C,*output_size). Source: see AdaptiveAvgPool2d."""

    op = staticmethod(ops.adaptive_max_pool3d)


class _Unpool(Module):
    op: Callable[..., Any]
    rank: int

    def __init__(self, kernel_size: Any, stride: Any = None, padding: Any = 0) -> None:
        name = type(self).__name__
        self.kernel_size = each(name, "kernel_size", kernel_size, self.rank)
        self.stride = self.kernel_size if stride is None else each(name, "stride", stride, self.rank)
        self.padding = each(name, "padding", padding, self.rank, 0)

    def forward(self, x: Any, indices: Any, output_size: Any = None) -> Any:
        if output_size is None:
            sizes = zip(x.shape[2:], self.stride, self.padding, self.kernel_size, strict=True)
            output_size = tuple((o - 1) * s - 2 * p + k for o, s, p, k in sizes)
        return type(self).op(x, indices, tuple(output_size)[-self.rank :])

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxUnpool1d(_Unpool):
    """Values (N,C,OW) back at the positions that MaxPool1d returned -> (N,C,W), zeros elsewhere. Source: see MaxUnpool2d."""

    rank, op = 1, staticmethod(ops.max_unpool1d)


class MaxUnpool2d(_Unpool):
    """Values (N,C,OH,OW) back at the positions that MaxPool2d returned -> (N,C,H,W), zeros elsewhere.

    The size is what the pooling's settings give, unless output_size says another. Source: Zeiler & Fergus 2014,
    arXiv:1311.2901.
    """

    rank, op = 2, staticmethod(ops.max_unpool2d)


class MaxUnpool3d(_Unpool):
    """Values (N,C,OD,OH,OW) back at the positions of MaxPool3d -> (N,C,D,H,W), zeros elsewhere. Source: see MaxUnpool2d."""

    rank, op = 3, staticmethod(ops.max_unpool3d)


class GlobalAvgPool(Module):
    """The mean over all of space: (N,C,*S) -> (N,C). Source: Lin, Chen & Yan 2014, arXiv:1312.4400."""

    def forward(self, x: Any) -> Any:
        return mean(x, axis=_space(self, x))


class GlobalMaxPool(Module):
    """The largest value of all of space: (N,C,*S) -> (N,C). Source: Oquab et al. 2015."""

    def forward(self, x: Any) -> Any:
        return max(x, axis=_space(self, x))


def _space(layer: Module, x: Any) -> tuple[int, ...]:
    if x.ndim < 3:
        raise ShapeError(f"{type(layer).__name__}: input must be (N,C,*S) with space, got shape {x.shape}")
    return tuple(range(2, x.ndim))
