"""Rows of convolution, transposed convolution, unfold and fold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...errors import ConfigError, ShapeError
from ...ops import conv as ops
from ...ops import conv_transpose, fold, primitives
from ...ops.conv_geometry import conv_geometry
from ..arguments import normal
from ..bounds import forward_error
from ..references import windows as ref
from ..table import case, error, sample


def _taps(*args: object) -> float:
    """The number of products in one output value: C/groups times the window."""
    return float(args[1][0].size)  # type: ignore[index]


def _spread(*args: object) -> float:
    """The same for a transposed convolution: C times the window."""
    return float(args[1].size / max(1, args[1].shape[1]))  # type: ignore[attr-defined]


_BOUND = forward_error(_taps, absolute=True)
_TRANSPOSED = forward_error(_spread, absolute=True)

case(
    ops.conv2d,
    sample(normal(2, 3, 7, 7), normal(4, 3, 3, 3), normal(4)),
    sample(normal(1, 4, 9, 5), normal(4, 2, 3, 1), stride=(2, 1), padding=(1, 0), groups=2),
    sample(normal(2, 5, 13, 11), normal(7, 5, 3, 3), dilation=2, padding="same"),
    sample(normal(1, 6, 8, 9), normal(6, 1, 3, 3), padding=1, groups=6, label="depthwise"),
    sample(normal(2, 3, 8, 8), normal(2, 3, 4, 2), padding=((1, 2), (0, 1)), label="asymmetric"),
    sample(normal(2, 17, 5, 7), normal(33, 17, 1, 1), label="pointwise"),
    sample(normal(1, 3, 17, 19), normal(5, 3, 7, 7), stride=2, padding=3, label="stem"),
    sample(normal(0, 3, 7, 7), normal(4, 3, 3, 3), label="no images"),
    sample(normal(1, 1, 3, 3), normal(1, 1, 3, 3), label="one window"),
    sample(normal(3, 5, 6), normal(4, 3, 3, 3), normal(4), label="one sample"),
    error(ShapeError, "has C=1", normal(1, 1, 8, 8), normal(4, 3, 3, 3)),
    error(ShapeError, "no window fits", normal(1, 3, 2, 2), normal(4, 3, 3, 3)),
    error(ShapeError, "input must be (N,C,H,W) or (C,H,W)", normal(8, 8), normal(4, 3, 3, 3)),
    error(ShapeError, "bias must be (K,)", normal(1, 3, 8, 8), normal(4, 3, 3, 3), normal(3)),
    error(ShapeError, "groups=3 must divide K=4", normal(1, 3, 8, 8), normal(4, 1, 3, 3), groups=3),
    error(ConfigError, "stride must be", normal(1, 3, 8, 8), normal(4, 3, 3, 3), stride=0),
    error(ConfigError, "padding='same'", normal(1, 3, 8, 8), normal(4, 3, 3, 3), stride=2, padding="same"),
    bound=_BOUND,
    kernels=("conv2d", "conv2d_input_grad", "conv2d_weight_grad"),
    reference=ref.samples(2, ref.conv),
)
case(
    ops.conv2d,
    sample(normal(2, 64, 9, 10), normal(64, 64, 3, 3), padding=1),
    sample(normal(1, 70, 6, 7), normal(65, 70, 3, 3), normal(65)),
    sample(normal(2, 16, 15, 13), normal(48, 16, 3, 3), normal(48), padding=1),
    sample(normal(8, 20, 11, 11), normal(60, 20, 3, 3), normal(60), stride=2, padding=1, label="small images"),
    name="conv2d_many_channels",
    bound=_BOUND,
    kernels=("conv2d", "conv2d_input_grad", "conv2d_weight_grad"),
    second_order=False,
    reference=ref.samples(2, ref.conv),
)
case(
    ops.conv1d,
    sample(normal(2, 3, 11), normal(4, 3, 3), normal(4)),
    sample(normal(2, 4, 9), normal(6, 2, 2), stride=2, padding=1, groups=2),
    sample(normal(1, 2, 9), normal(2, 2, 3), padding="full"),
    sample(normal(2, 2, 10), normal(4, 1, 4), normal(4), padding="same", dilation=2, groups=2),
    sample(normal(2, 2, 7), normal(3, 2, 2), padding=((2, 0),)),
    sample(normal(3, 8), normal(4, 3, 3), label="one sample"),
    error(ShapeError, "input must be (N,C,W)", normal(8), normal(4, 3, 3)),
    bound=_BOUND,
    kernels=("conv2d", "conv2d_input_grad", "conv2d_weight_grad"),
    reference=ref.samples(1, ref.conv),
)
case(
    ops.conv3d,
    sample(normal(1, 2, 4, 5, 6), normal(3, 2, 2, 3, 2), normal(3)),
    sample(normal(2, 4, 5, 5, 5), normal(4, 2, 3, 1, 2), stride=(1, 2, 1), padding=1, groups=2),
    sample(normal(1, 2, 5, 4, 6), normal(2, 1, 2, 2, 3), normal(2), dilation=(2, 1, 2), padding=(1, 0, 2), groups=2),
    sample(normal(2, 3, 4, 3), normal(3, 2, 2, 3, 2), label="one sample"),
    error(ShapeError, "input must be (N,C,D,H,W)", normal(8, 8, 8), normal(4, 3, 3, 3, 3)),
    bound=_BOUND,
    kernels=("conv3d", "conv3d_input_grad", "conv3d_weight_grad"),
    reference=ref.samples(3, ref.conv),
)
case(
    conv_transpose.conv_transpose1d,
    sample(normal(2, 4, 5), normal(4, 3, 2), normal(6), stride=3, dilation=2, groups=2, output_padding=2),
    sample(normal(3, 5), normal(3, 4, 3), normal(4), stride=2, label="one sample"),
    sample(normal(2, 3, 5), normal(3, 4, 3), normal(4), stride=2, padding=1, output_padding=1),
    sample(normal(2, 2, 5), normal(2, 8, 2), normal(8), padding=2, dilation=3, output_padding=2, label="less padding at the end"),
    bound=_TRANSPOSED,
    reference=ref.samples(1, ref.conv_transpose),
)
case(
    conv_transpose.conv_transpose2d,
    sample(normal(2, 3, 4, 5), normal(3, 4, 3, 3), normal(4)),
    sample(normal(3, 4, 5), normal(3, 4, 3, 3), normal(4), label="one sample"),
    sample(normal(1, 4, 4, 3), normal(4, 3, 4, 2), stride=(2, 1), padding=(1, 0), groups=2),
    sample(normal(1, 2, 3, 3), normal(2, 2, 3, 3), stride=2, dilation=2, output_padding=1),
    sample(normal(1, 2, 3, 4), normal(2, 8, 1, 2), dilation=(2, 3), output_padding=(1, 2), padding=(0, 1), label="zeros behind"),
    error(ShapeError, "nothing but", normal(1, 2, 1, 1), normal(2, 2, 1, 1), dilation=2, padding=[(1, 0)] * 2, output_padding=1),
    error(ShapeError, "do not fit input", normal(1, 2, 3, 3), normal(3, 2, 3, 3)),
    error(ConfigError, "output_padding", normal(1, 2, 3, 3), normal(2, 2, 3, 3), output_padding=1),
    error(ShapeError, "would have size", normal(1, 2, 1, 1), normal(2, 2, 1, 1), padding=1),
    bound=_TRANSPOSED,
    kernels=("conv2d", "conv2d_input_grad", "conv2d_weight_grad"),
    reference=ref.samples(2, ref.conv_transpose),
)
case(
    conv_transpose.conv_transpose3d,
    sample(
        normal(2, 4, 2, 3, 2),
        normal(4, 1, 2, 3, 2),
        normal(2),
        stride=(2, 1, 2),
        padding=(1, 1, 0),
        groups=2,
        dilation=(1, 1, 2),
        output_padding=(1, 0, 0),
    ),
    sample(normal(1, 2, 3, 3, 2), normal(2, 3, 2, 2, 2), stride=2),
    sample(normal(2, 2, 3, 2), normal(2, 3, 2, 2, 2), stride=2, label="one sample"),
    bound=_TRANSPOSED,
    reference=ref.samples(3, ref.conv_transpose),
)


def _adjoint(kind: str) -> Callable[..., Any]:
    """The linear ops of the gradients of a convolution, for inputs with 2 and 3 spatial axes."""

    def op(a: Any, b: Any, *, shape: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1) -> Any:
        rank = len(shape) - (0 if kind == "input_grad" else 2)
        x, w = ((a.shape[0], b.shape[1] * groups, *shape), b.shape) if kind == "input_grad" else (a.shape, shape)
        g = conv_geometry(kind, x, w, stride, padding, dilation, groups)
        return getattr(primitives, f"conv{rank}d_{kind}")(a, b, g)

    return op


def _weight_grad(x: Any, gy: Any, *, shape: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1) -> Any:
    return ref.conv_weight_grad(x, gy, shape[2:], stride, padding, dilation, groups)


def _input_grad(gy: Any, w: Any, *, shape: Any, **settings: Any) -> Any:
    return ref.conv_input_grad(gy, w, shape, **settings)


def _everything(*args: object) -> float:
    """An upper bound of the number of products in an output value."""
    return float(args[0].size)  # type: ignore[attr-defined]


for _rank, _rows in {
    2: (
        sample(normal(2, 4, 5, 3), normal(4, 3, 3, 3), shape=(7, 5)),
        sample(normal(2, 4, 4, 6), normal(4, 1, 3, 2), shape=(7, 6), stride=(2, 1), padding=((1, 1), (1, 0)), groups=2),
        sample(normal(1, 6, 8, 9), normal(6, 1, 3, 3), shape=(8, 9), padding=1, groups=6, label="depthwise"),
        sample(normal(1, 2, 3, 4), normal(2, 2, 3, 3), shape=(6, 8), stride=2, dilation=2, padding=2),
        sample(normal(0, 4, 5, 3), normal(4, 3, 3, 3), shape=(7, 5), label="no images"),
    ),
    3: (
        sample(normal(1, 3, 3, 3, 5), normal(3, 2, 2, 3, 2), shape=(4, 5, 6)),
        sample(normal(2, 4, 5, 4, 6), normal(4, 2, 3, 1, 2), shape=(5, 5, 5), stride=(1, 2, 1), padding=1, groups=2),
    ),
}.items():
    case(
        _adjoint("input_grad"),
        *_rows,
        bound=forward_error(_everything, absolute=True),
        kernels=(f"conv{_rank}d_input_grad",),
        name=f"conv{_rank}d_input_grad",
        reference=_input_grad,
    )
for _rank, _rows in {
    2: (
        sample(normal(2, 3, 7, 5), normal(2, 4, 5, 3), shape=(4, 3, 3, 3)),
        sample(normal(2, 2, 7, 6), normal(2, 4, 4, 6), shape=(4, 1, 3, 2), stride=(2, 1), padding=((1, 1), (1, 0)), groups=2),
        sample(normal(1, 6, 8, 9), normal(1, 6, 8, 9), shape=(6, 1, 3, 3), padding=1, groups=6, label="depthwise"),
        sample(normal(1, 2, 6, 8), normal(1, 2, 3, 4), shape=(2, 2, 3, 3), stride=2, dilation=2, padding=2),
        sample(normal(0, 3, 7, 5), normal(0, 4, 5, 3), shape=(4, 3, 3, 3), label="no images"),
    ),
    3: (
        sample(normal(1, 2, 4, 5, 6), normal(1, 3, 3, 3, 5), shape=(3, 2, 2, 3, 2)),
        sample(normal(2, 4, 5, 5, 5), normal(2, 4, 5, 4, 6), shape=(4, 2, 3, 1, 2), stride=(1, 2, 1), padding=1, groups=2),
    ),
}.items():
    case(
        _adjoint("weight_grad"),
        *_rows,
        bound=forward_error(_everything, absolute=True),
        kernels=(f"conv{_rank}d_weight_grad",),
        name=f"conv{_rank}d_weight_grad",
        reference=_weight_grad,
    )
case(
    fold.unfold,
    sample(normal(2, 3, 5, 6), kernel_size=(2, 3)),
    sample(normal(1, 2, 7, 7), kernel_size=3, dilation=2, padding=1, stride=2),
    sample(normal(3, 5, 6), kernel_size=(2, 3), label="one sample"),
    error(ShapeError, "input must be (N,C,H,W)", normal(5, 6), kernel_size=2),
    bound=forward_error(),
    kernels=("unfold2d", "fold2d"),
    reference=ref.samples(2, ref.unfold),
)
case(
    fold.fold,
    sample(normal(2, 18, 6), output_size=(6, 7), kernel_size=3, dilation=(2, 1), padding=(1, 0), stride=(2, 2)),
    sample(normal(2, 12, 6), output_size=(3, 4), kernel_size=2),
    sample(normal(12, 6), output_size=(3, 4), kernel_size=2, label="one sample"),
    error(ShapeError, "windows", normal(2, 12, 7), output_size=(3, 4), kernel_size=2),
    error(ShapeError, "columns must be", normal(2, 11, 6), output_size=(3, 4), kernel_size=2),
    bound=forward_error(4, absolute=True),
    kernels=("fold2d", "unfold2d"),
    reference=ref.samples(1, ref.fold),
)
