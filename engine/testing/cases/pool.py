"""Rows of pooling."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...errors import ConfigError, ShapeError
from ...ops import pool as ops
from ...ops import windows
from ..table import Arg, case, distinct, error, exact, forward_error, given, normal, sample

_MEAN = forward_error(9, absolute=True)


def _with_nan(*shape: int) -> Arg:
    def draw(r: np.random.Generator) -> np.ndarray:
        x = r.standard_normal(shape)
        x.flat[x.size // 2] = np.nan
        return x

    return Arg(draw)


case(
    ops.max_pool2d,
    sample(distinct(2, 3, 6, 6), kernel_size=2),
    sample(distinct(2, 3, 7, 9), kernel_size=(3, 2), stride=(2, 1), padding=1),
    sample(distinct(1, 2, 7, 7), kernel_size=2, stride=2, ceil_mode=True),
    sample(distinct(1, 2, 9, 9), kernel_size=3, dilation=2),
    sample(given(np.ones((1, 1, 4, 4))), kernel_size=2, grad=False, label="ties"),
    sample(_with_nan(1, 1, 5, 5), kernel_size=3, stride=1, grad=False, label="NaN"),
    sample(distinct(0, 3, 6, 6), kernel_size=2, label="no images"),
    error(ShapeError, "no window fits", normal(1, 1, 2, 2), kernel_size=3),
    error(ShapeError, "4 dimensions", normal(1, 6, 6), kernel_size=2),
    error(ConfigError, "at most half", normal(1, 1, 6, 6), kernel_size=2, padding=2),
    error(ConfigError, "kernel_size must be", normal(1, 1, 6, 6), kernel_size=0),
    bound=exact,
    kernels=("max_pool2d", "max_pool2d_scatter"),
)
case(
    ops.max_pool1d,
    sample(distinct(2, 3, 9), kernel_size=3, stride=2),
    bound=exact,
    kernels=("max_pool2d", "max_pool2d_scatter"),
)
case(
    ops.max_pool3d,
    sample(distinct(1, 2, 4, 5, 4), kernel_size=2),
    bound=exact,
    kernels=("max_pool3d", "max_pool3d_scatter"),
)
case(
    ops.min_pool1d,
    sample(distinct(2, 3, 9), kernel_size=3, stride=2),
    sample(distinct(2, 3, 9), kernel_size=3, ceil_mode=True, return_indices=True),
    bound=exact,
)
case(ops.min_pool2d, sample(distinct(2, 3, 7, 9), kernel_size=(3, 2), stride=(2, 1), padding=1), bound=exact)
case(ops.min_pool3d, sample(distinct(1, 2, 4, 5, 4), kernel_size=2), bound=exact)


def _gathered(rank: int) -> Callable[..., Any]:
    """x at the positions where pooling of another input found its maxima: what a second derivative calls."""
    pool, gather = getattr(windows, f"max_pool{rank}d"), getattr(windows, f"max_pool{rank}d_gather")

    def op(x: Any, picks: Any, *, kernel_size: int) -> Any:
        g = ops.pool_geometry("gather", picks, rank, kernel_size, None, 0, 1, False)
        return gather(x, pool(picks, g)[1], g)

    return op


case(
    _gathered(2),
    sample(normal(2, 3, 6, 6), distinct(2, 3, 6, 6).without_grad(), kernel_size=2),
    sample(normal(0, 3, 6, 6), distinct(0, 3, 6, 6).without_grad(), kernel_size=2),
    bound=exact,
    kernels=("max_pool2d_gather",),
    name="max_pool2d_gather",
)
case(
    _gathered(3),
    sample(normal(1, 2, 4, 5, 4), distinct(1, 2, 4, 5, 4).without_grad(), kernel_size=2),
    bound=exact,
    kernels=("max_pool3d_gather",),
    name="max_pool3d_gather",
)
case(
    ops.avg_pool2d,
    sample(normal(2, 3, 6, 6), kernel_size=2),
    sample(normal(2, 3, 7, 9), kernel_size=3, stride=(2, 1), padding=1),
    sample(normal(2, 3, 7, 9), kernel_size=3, stride=2, padding=1, ceil_mode=True, count_include_pad=False),
    sample(normal(0, 3, 6, 6), kernel_size=2, label="no images"),
    error(ShapeError, "no window fits", normal(1, 1, 2, 2), kernel_size=3),
    bound=_MEAN,
    kernels=("avg_pool2d", "avg_pool2d_input_grad"),
)
case(ops.avg_pool1d, sample(normal(2, 3, 9), kernel_size=3, stride=2, padding=1), bound=_MEAN)
case(
    ops.avg_pool3d,
    sample(normal(1, 2, 4, 5, 4), kernel_size=2),
    bound=_MEAN,
    kernels=("avg_pool3d", "avg_pool3d_input_grad"),
)
case(
    ops.max_unpool2d,
    sample(normal(1, 2, 2, 2), given([[[[0, 3], [10, 15]], [[5, 2], [9, 12]]]], dtype="int64"), output_size=(4, 4)),
    error(ShapeError, "must both be", normal(1, 2, 2, 2), given([[[[0]]]], dtype="int64"), output_size=4),
    bound=exact,
)
case(ops.max_unpool1d, sample(normal(1, 2, 2), given([[[0, 3], [5, 2]]], dtype="int64"), output_size=6), bound=exact)
case(
    ops.max_unpool3d,
    sample(normal(1, 1, 1, 2, 2), given([[[[[0, 3], [10, 15]]]]], dtype="int64"), output_size=(2, 2, 4)),
    bound=exact,
)
case(ops.adaptive_avg_pool1d, sample(normal(2, 3, 10), output_size=4), sample(normal(2, 3, 8), output_size=4), bound=_MEAN)
case(
    ops.adaptive_avg_pool2d,
    sample(normal(2, 3, 6, 8), output_size=(3, 2)),
    sample(normal(2, 3, 7, 5), output_size=(3, 2)),
    sample(normal(2, 3, 7, 5), output_size=1, label="global"),
    error(ShapeError, "4 dimensions", normal(1, 6, 6), output_size=1),
    bound=forward_error(35, absolute=True),
)
case(ops.adaptive_avg_pool3d, sample(normal(1, 2, 4, 5, 3), output_size=2), bound=_MEAN)
case(ops.adaptive_max_pool1d, sample(distinct(2, 3, 10), output_size=4), bound=exact)
case(
    ops.adaptive_max_pool2d,
    sample(distinct(2, 3, 7, 5), output_size=(3, 2)),
    sample(distinct(2, 3, 6, 4), output_size=1),
    sample(distinct(2, 3, 7, 5), output_size=(3, 2), return_indices=True),
    sample(distinct(2, 3, 6, 4), output_size=(3, 2), return_indices=True),
    bound=exact,
)
case(ops.adaptive_max_pool3d, sample(distinct(1, 2, 4, 5, 3), output_size=2), bound=exact)
