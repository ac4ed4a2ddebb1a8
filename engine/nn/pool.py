"""Pooling layers: the largest, smallest or mean value of each window; adaptive forms. Arguments are PyTorch's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..ops import pool as ops
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


class _MinPool(_Windowed):
    def __init__(
        self, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False
    ) -> None:
        self.settings = {
            "kernel_size": kernel_size, "stride": stride, "padding": padding, "dilation": dilation, "ceil_mode": ceil_mode
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


class MaxPool1d(_MaxPool):
    """The largest value of each window of sequences (N,C,W); with return_indices also where it was."""

    op = staticmethod(ops.max_pool1d)


class MaxPool2d(_MaxPool):
    """The largest value of each window of images (N,C,H,W); stride defaults to kernel_size."""

    op = staticmethod(ops.max_pool2d)


class MaxPool3d(_MaxPool):
    """The largest value of each window of volumes (N,C,D,H,W)."""

    op = staticmethod(ops.max_pool3d)


class MinPool1d(_MinPool):
    """The smallest value of each window of sequences (N,C,W)."""

    op = staticmethod(ops.min_pool1d)


class MinPool2d(_MinPool):
    """The smallest value of each window of images (N,C,H,W)."""

    op = staticmethod(ops.min_pool2d)


class MinPool3d(_MinPool):
    """The smallest value of each window of volumes (N,C,D,H,W)."""

    op = staticmethod(ops.min_pool3d)


class AvgPool1d(_AvgPool):
    """The mean of each window of sequences (N,C,W)."""

    op = staticmethod(ops.avg_pool1d)


class AvgPool2d(_AvgPool):
    """The mean of each window of images (N,C,H,W); padding zeros count if count_include_pad."""

    op = staticmethod(ops.avg_pool2d)


class AvgPool3d(_AvgPool):
    """The mean of each window of volumes (N,C,D,H,W)."""

    op = staticmethod(ops.avg_pool3d)


class AdaptiveAvgPool1d(_Adaptive):
    """Mean pooling of sequences (N,C,W) to a given width."""

    op = staticmethod(ops.adaptive_avg_pool1d)


class AdaptiveAvgPool2d(_Adaptive):
    """Mean pooling of images (N,C,H,W) to (N,C,*output_size); 1 is global pooling."""

    op = staticmethod(ops.adaptive_avg_pool2d)


class AdaptiveAvgPool3d(_Adaptive):
    """Mean pooling of volumes (N,C,D,H,W) to (N,C,*output_size)."""

    op = staticmethod(ops.adaptive_avg_pool3d)


class AdaptiveMaxPool1d(_Adaptive):
    """Max pooling of sequences (N,C,W) to a given width."""

    op = staticmethod(ops.adaptive_max_pool1d)


class AdaptiveMaxPool2d(_Adaptive):
    """Max pooling of images (N,C,H,W) to (N,C,*output_size); 1 is global pooling."""

    op = staticmethod(ops.adaptive_max_pool2d)


class AdaptiveMaxPool3d(_Adaptive):
    """Max pooling of volumes (N,C,D,H,W) to (N,C,*output_size)."""

    op = staticmethod(ops.adaptive_max_pool3d)
