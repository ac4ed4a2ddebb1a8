"""Rows of convolution, transposed convolution, unfold and fold."""

from __future__ import annotations

from ...errors import ConfigError, ShapeError
from ...ops import conv as ops
from ..table import case, error, forward_error, normal, sample


def _taps(*args: object) -> float:
    """Products summed into one output value: C/groups times the window."""
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
    error(ShapeError, "has C=1", normal(1, 1, 8, 8), normal(4, 3, 3, 3)),
    error(ShapeError, "no window fits", normal(1, 3, 2, 2), normal(4, 3, 3, 3)),
    error(ShapeError, "input must be (N,C,H,W)", normal(3, 8, 8), normal(4, 3, 3, 3)),
    error(ShapeError, "bias must be (K,)", normal(1, 3, 8, 8), normal(4, 3, 3, 3), normal(3)),
    error(ShapeError, "groups=3 must divide K=4", normal(1, 3, 8, 8), normal(4, 1, 3, 3), groups=3),
    error(ConfigError, "stride must be", normal(1, 3, 8, 8), normal(4, 3, 3, 3), stride=0),
    error(ConfigError, "padding='same'", normal(1, 3, 8, 8), normal(4, 3, 3, 3), stride=2, padding="same"),
    bound=_BOUND,
    kernels=("conv2d", "conv2d_input_grad", "conv2d_weight_grad"),
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
)
case(
    ops.conv1d,
    sample(normal(2, 3, 11), normal(4, 3, 3), normal(4)),
    sample(normal(2, 4, 9), normal(6, 2, 2), stride=2, padding=1, groups=2),
    sample(normal(1, 2, 9), normal(2, 2, 3), padding="full"),
    error(ShapeError, "input must be (N,C,W)", normal(3, 8), normal(4, 3, 3)),
    bound=_BOUND,
    kernels=("conv2d", "conv2d_input_grad", "conv2d_weight_grad"),
)
case(
    ops.conv3d,
    sample(normal(1, 2, 4, 5, 6), normal(3, 2, 2, 3, 2), normal(3)),
    sample(normal(2, 4, 5, 5, 5), normal(4, 2, 3, 1, 2), stride=(1, 2, 1), padding=1, groups=2),
    error(ShapeError, "input must be (N,C,D,H,W)", normal(3, 8, 8, 8), normal(4, 3, 3, 3, 3)),
    bound=_BOUND,
    kernels=("conv3d", "conv3d_input_grad", "conv3d_weight_grad"),
)
case(
    ops.conv_transpose1d,
    sample(normal(2, 3, 5), normal(3, 4, 3), normal(4), stride=2, padding=1, output_padding=1),
    bound=_TRANSPOSED,
)
case(
    ops.conv_transpose2d,
    sample(normal(2, 3, 4, 5), normal(3, 4, 3, 3), normal(4)),
    sample(normal(1, 4, 4, 3), normal(4, 3, 4, 2), stride=(2, 1), padding=(1, 0), groups=2),
    sample(normal(1, 2, 3, 3), normal(2, 2, 3, 3), stride=2, dilation=2, output_padding=1),
    error(ShapeError, "do not fit input", normal(1, 2, 3, 3), normal(3, 2, 3, 3)),
    error(ConfigError, "output_padding", normal(1, 2, 3, 3), normal(2, 2, 3, 3), output_padding=1),
    error(ShapeError, "would have size", normal(1, 2, 1, 1), normal(2, 2, 1, 1), padding=1),
    bound=_TRANSPOSED,
    kernels=("conv2d", "conv2d_input_grad", "conv2d_weight_grad"),
)
case(
    ops.conv_transpose3d,
    sample(normal(1, 2, 3, 3, 2), normal(2, 3, 2, 2, 2), stride=2),
    bound=_TRANSPOSED,
)
case(
    ops.unfold,
    sample(normal(2, 3, 5, 6), kernel_size=(2, 3)),
    sample(normal(1, 2, 7, 7), kernel_size=3, dilation=2, padding=1, stride=2),
    error(ShapeError, "input must be (N,C,H,W)", normal(3, 5, 6), kernel_size=2),
    bound=forward_error(),
    kernels=("unfold2d", "fold2d"),
)
case(
    ops.fold,
    sample(normal(2, 12, 6), output_size=(3, 4), kernel_size=2),
    error(ShapeError, "windows", normal(2, 12, 7), output_size=(3, 4), kernel_size=2),
    error(ShapeError, "columns must be", normal(2, 11, 6), output_size=(3, 4), kernel_size=2),
    bound=forward_error(4, absolute=True),
    kernels=("fold2d", "unfold2d"),
)
