"""Rows of pooling."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...errors import ConfigError, ShapeError
from ...ops import adaptive_pool, avg_pool, max_pool, max_unpool, primitives
from ...ops import pool as ops
from ...ops.creation import empty
from ...ops.pool_geometry import Window, pool_geometry
from ..arguments import Arg, distinct, given, normal
from ..bounds import exact, forward_error
from ..references import windows as ref
from ..table import case, error, sample

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
    sample(
        given(np.full((1, 1, 3, 3), -np.inf)), kernel_size=2, stride=1, padding=1, return_indices=True, grad=False, label="-Inf"
    ),
    sample(distinct(2, 2, 5, 7), kernel_size=3, stride=(1, 2), padding=(0, 1), return_indices=True),
    sample(distinct(0, 3, 6, 6), kernel_size=2, label="no images"),
    error(ShapeError, "no window fits", normal(1, 1, 2, 2), kernel_size=3),
    error(ShapeError, "(N,C,H,W) or (C,H,W)", normal(6, 6), kernel_size=2),
    error(ConfigError, "at most half", normal(1, 1, 6, 6), kernel_size=2, padding=2),
    error(ConfigError, "kernel_size must be", normal(1, 1, 6, 6), kernel_size=0),
    sample(distinct(3, 5, 6), kernel_size=2, return_indices=True, label="one sample"),
    bound=exact,
    kernels=("max_pool2d", "max_pool2d_scatter"),
    reference=ref.samples(2, ref.max_pool),
)
case(
    max_pool.max_pool1d,
    sample(distinct(2, 3, 9), kernel_size=3, stride=2),
    sample(distinct(2, 3, 10), kernel_size=3, stride=2, padding=1, dilation=2, ceil_mode=True, return_indices=True),
    sample(distinct(3, 5), kernel_size=2, return_indices=True, label="one sample"),
    bound=exact,
    kernels=("max_pool2d", "max_pool2d_scatter"),
    reference=ref.samples(1, ref.max_pool),
)
case(
    ops.max_pool3d,
    sample(distinct(1, 2, 4, 5, 4), kernel_size=2),
    sample(distinct(1, 2, 5, 4, 5), kernel_size=(3, 2, 2), stride=(1, 2, 1), padding=(1, 1, 0), return_indices=True),
    sample(distinct(2, 1, 5, 5, 5), kernel_size=2, stride=2, dilation=(1, 2, 1), ceil_mode=True),
    sample(distinct(3, 5, 6, 4), kernel_size=2, label="one sample"),
    bound=exact,
    kernels=("max_pool3d", "max_pool3d_scatter"),
    reference=ref.samples(3, ref.max_pool),
)
case(
    max_pool.min_pool1d,
    sample(distinct(2, 3, 9), kernel_size=3, stride=2),
    sample(distinct(2, 3, 9), kernel_size=3, ceil_mode=True, return_indices=True),
    sample(distinct(3, 5), kernel_size=2, return_indices=True, label="one sample"),
    bound=exact,
    reference=ref.samples(1, ref.min_pool),
)
case(
    max_pool.min_pool2d,
    sample(distinct(2, 3, 7, 9), kernel_size=(3, 2), stride=(2, 1), padding=1),
    sample(distinct(1, 2, 7, 7), kernel_size=2, dilation=2, ceil_mode=True, return_indices=True),
    sample(distinct(3, 5, 6), kernel_size=2, return_indices=True, label="one sample"),
    bound=exact,
    reference=ref.samples(2, ref.min_pool),
)
case(
    max_pool.min_pool3d,
    sample(distinct(1, 2, 4, 5, 4), kernel_size=2),
    sample(distinct(1, 2, 4, 5, 4), kernel_size=(2, 3, 2), stride=1, padding=(1, 0, 1), return_indices=True),
    sample(distinct(3, 5, 6, 4), kernel_size=2, label="one sample"),
    bound=exact,
    reference=ref.samples(3, ref.min_pool),
)


def _at_maxima(rank: int, kind: str) -> Callable[..., Any]:
    """x at the positions where pooling of another input found its maxima (what a second derivative calls), or x put there."""
    pool, linear = getattr(primitives, f"max_pool{rank}d"), getattr(primitives, f"max_pool{rank}d_{kind}")

    def op(x: Any, picks: Any, *, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1) -> Any:
        g = pool_geometry(kind, picks, rank, Window(kernel_size, stride, padding, dilation))
        return linear(x, pool(picks, g)[1], g)

    return op


_PICKS, _SOLID_PICKS = distinct(2, 3, 7, 6).without_grad(), distinct(1, 2, 4, 5, 4).without_grad()
_NONE = distinct(0, 3, 6, 6).without_grad()
case(
    _at_maxima(2, "gather"),
    sample(normal(2, 3, 6, 6), distinct(2, 3, 6, 6).without_grad(), kernel_size=2),
    sample(normal(2, 3, 7, 6), _PICKS, kernel_size=3, stride=(1, 2), padding=1),
    sample(normal(0, 3, 6, 6), _NONE, kernel_size=2),
    bound=exact,
    kernels=("max_pool2d_gather",),
    name="max_pool2d_gather",
    reference=ref.max_pool_gather,
)
case(
    _at_maxima(3, "gather"),
    sample(normal(1, 2, 4, 5, 4), _SOLID_PICKS, kernel_size=2),
    sample(normal(1, 2, 4, 5, 4), _SOLID_PICKS, kernel_size=(2, 3, 2), stride=1, padding=(1, 0, 1)),
    bound=exact,
    kernels=("max_pool3d_gather",),
    name="max_pool3d_gather",
    reference=ref.max_pool_gather,
)
case(
    _at_maxima(2, "scatter"),
    sample(normal(2, 3, 3, 3), distinct(2, 3, 6, 6).without_grad(), kernel_size=2),
    sample(normal(2, 3, 7, 3), _PICKS, kernel_size=3, stride=(1, 2), padding=1),
    sample(normal(0, 3, 3, 3), _NONE, kernel_size=2),
    bound=forward_error(9),
    kernels=("max_pool2d_scatter",),
    name="max_pool2d_scatter",
    reference=ref.max_pool_scatter,
)
case(
    _at_maxima(3, "scatter"),
    sample(normal(1, 2, 2, 2, 2), _SOLID_PICKS, kernel_size=2),
    sample(normal(1, 2, 5, 3, 5), _SOLID_PICKS, kernel_size=(2, 3, 2), stride=1, padding=(1, 0, 1)),
    bound=forward_error(12),
    kernels=("max_pool3d_scatter",),
    name="max_pool3d_scatter",
    reference=ref.max_pool_scatter,
)


def _spread(rank: int) -> Callable[..., Any]:
    """Values of windows divided over the windows: the adjoint of mean pooling."""
    linear = getattr(primitives, f"avg_pool{rank}d_input_grad")

    def op(gy: Any, *, space: Any, kernel_size: Any, **settings: Any) -> Any:
        like = empty((*gy.shape[:2], *space))
        return linear(gy, pool_geometry("spread", like, rank, Window(kernel_size, **settings)))

    return op


case(
    _spread(2),
    sample(normal(2, 3, 3, 2), space=(6, 5), kernel_size=2),
    sample(normal(2, 3, 4, 5), space=(7, 9), kernel_size=3, stride=2, padding=1),
    sample(normal(2, 3, 4, 4), space=(7, 6), kernel_size=3, stride=2, padding=1, ceil_mode=True, count_include_pad=False),
    bound=_MEAN,
    kernels=("avg_pool2d_input_grad",),
    name="avg_pool2d_input_grad",
    reference=ref.avg_pool_input_grad,
)
case(
    _spread(3),
    sample(normal(1, 2, 2, 2, 2), space=(4, 5, 4), kernel_size=2),
    sample(
        normal(1, 2, 2, 3, 5),
        space=(4, 5, 5),
        kernel_size=(2, 3, 1),
        stride=(2, 2, 1),
        padding=(0, 1, 0),
        count_include_pad=False,
    ),
    bound=_MEAN,
    kernels=("avg_pool3d_input_grad",),
    name="avg_pool3d_input_grad",
    reference=ref.avg_pool_input_grad,
)
case(
    ops.avg_pool2d,
    sample(normal(2, 3, 6, 6), kernel_size=2),
    sample(normal(2, 3, 7, 9), kernel_size=3, stride=(2, 1), padding=1),
    sample(normal(2, 3, 7, 9), kernel_size=3, stride=2, padding=1, ceil_mode=True, count_include_pad=False),
    sample(normal(0, 3, 6, 6), kernel_size=2, label="no images"),
    error(ShapeError, "no window fits", normal(1, 1, 2, 2), kernel_size=3),
    sample(normal(3, 5, 6), kernel_size=2, label="one sample"),
    bound=_MEAN,
    kernels=("avg_pool2d", "avg_pool2d_input_grad"),
    reference=ref.samples(2, ref.avg_pool),
)
case(
    avg_pool.avg_pool1d,
    sample(normal(2, 3, 9), kernel_size=3, stride=2, padding=1),
    sample(normal(2, 3, 8), kernel_size=3, stride=2, padding=1, ceil_mode=True, count_include_pad=False),
    sample(normal(3, 5), kernel_size=2, label="one sample"),
    bound=_MEAN,
    reference=ref.samples(1, ref.avg_pool),
)
case(
    ops.avg_pool3d,
    sample(normal(1, 2, 4, 5, 4), kernel_size=2),
    sample(normal(2, 1, 4, 5, 4), kernel_size=(2, 3, 1), stride=(1, 2, 2), padding=(1, 1, 0), count_include_pad=False),
    sample(normal(1, 1, 5, 5, 5), kernel_size=2, padding=1, stride=2, ceil_mode=True),
    sample(normal(3, 5, 6, 4), kernel_size=2, label="one sample"),
    bound=_MEAN,
    kernels=("avg_pool3d", "avg_pool3d_input_grad"),
    reference=ref.samples(3, ref.avg_pool),
)
case(
    max_unpool.max_unpool2d,
    sample(normal(1, 2, 2, 2), given([[[[0, 3], [10, 15]], [[5, 2], [9, 12]]]], dtype="int64"), output_size=(4, 4)),
    sample(normal(1, 2, 2), given([[[0, 3], [10, 15]]], dtype="int64"), output_size=(4, 4), label="one sample"),
    error(ShapeError, "must both be", normal(1, 2, 2, 2), given([[[[0]]]], dtype="int64"), output_size=4),
    bound=exact,
    reference=ref.max_unpool,
)
case(
    max_unpool.max_unpool1d,
    sample(normal(2, 2, 3), given([[[0, 3, 3], [5, 2, 0]], [[1, 0, 2], [4, 4, 4]]], dtype="int64"), output_size=6),
    sample(normal(1, 2, 2), given([[[0, 3], [5, 2]]], dtype="int64"), output_size=6),
    bound=exact,
    reference=ref.max_unpool,
)
case(
    max_unpool.max_unpool3d,
    sample(normal(2, 1, 1, 1, 2), given([[[[[0, 5]]]], [[[[11, 7]]]]], dtype="int64"), output_size=(3, 2, 2)),
    sample(normal(1, 1, 1, 2, 2), given([[[[[0, 3], [10, 15]]]]], dtype="int64"), output_size=(2, 2, 4)),
    bound=exact,
    reference=ref.max_unpool,
)
case(
    adaptive_pool.adaptive_avg_pool1d,
    sample(normal(2, 3, 10), output_size=4),
    sample(normal(2, 3, 8), output_size=4),
    sample(normal(3, 5), output_size=2, label="one sample"),
    bound=_MEAN,
    reference=ref.samples(1, ref.adaptive_avg_pool),
)
case(
    adaptive_pool.adaptive_avg_pool2d,
    sample(normal(2, 3, 6, 8), output_size=(3, 2)),
    sample(normal(2, 3, 7, 5), output_size=(3, 2)),
    sample(normal(2, 3, 7, 5), output_size=1, label="global"),
    error(ShapeError, "(N,C,H,W) or (C,H,W)", normal(6, 6), output_size=1),
    sample(normal(3, 5, 6), output_size=2, label="one sample"),
    bound=forward_error(35, absolute=True),
    reference=ref.samples(2, ref.adaptive_avg_pool),
)
case(
    adaptive_pool.adaptive_avg_pool3d,
    sample(normal(1, 2, 4, 5, 3), output_size=2),
    sample(normal(1, 2, 4, 3, 5), output_size=(2, None, 3)),
    sample(normal(3, 5, 6, 4), output_size=2, label="one sample"),
    bound=_MEAN,
    reference=ref.samples(3, ref.adaptive_avg_pool),
)
case(
    adaptive_pool.adaptive_max_pool1d,
    sample(distinct(2, 3, 10), output_size=4),
    sample(distinct(2, 3, 9), output_size=3, return_indices=True),
    sample(distinct(3, 5), output_size=2, return_indices=True, label="one sample"),
    bound=exact,
    reference=ref.samples(1, ref.adaptive_max_pool),
)
case(
    adaptive_pool.adaptive_max_pool2d,
    sample(distinct(2, 3, 7, 5), output_size=(3, 2)),
    sample(distinct(2, 3, 6, 4), output_size=1),
    sample(distinct(2, 3, 7, 5), output_size=(3, 2), return_indices=True),
    sample(distinct(2, 3, 6, 4), output_size=(3, 2), return_indices=True),
    sample(distinct(3, 5, 6), output_size=2, return_indices=True, label="one sample"),
    bound=exact,
    reference=ref.samples(2, ref.adaptive_max_pool),
)
case(
    adaptive_pool.adaptive_max_pool3d,
    sample(distinct(1, 2, 4, 5, 3), output_size=2),
    sample(distinct(1, 2, 4, 5, 3), output_size=(None, 2, 2), return_indices=True),
    sample(distinct(3, 5, 6, 4), output_size=2, label="one sample"),
    bound=exact,
    reference=ref.samples(3, ref.adaptive_max_pool),
)
