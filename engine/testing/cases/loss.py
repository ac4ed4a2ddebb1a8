"""Rows of the loss functions."""

from __future__ import annotations

from ...errors import ConfigError, DataError, DTypeError, ShapeError
from ...ops import loss as ops
from ...ops import loss_regression
from ..arguments import given, integers, normal, off_zero, positive, uniform
from ..bounds import forward_error
from ..references import loss as reference
from ..table import case, error, sample, unplanted

_BOUND = forward_error(32)
_LABELS = given([1, 0, -100, 3, 2], dtype="int64")

case(
    loss_regression.mse_loss,
    sample(normal(3, 5), normal(3, 5)),
    sample(normal(7), normal(7), reduction="none"),
    sample(normal(2, 3), normal(2, 3), reduction="sum"),
    error(ShapeError, "target has shape (3,)", normal(3, 5), normal(3)),
    error(ConfigError, "reduction must be one of", normal(3), normal(3), reduction="average"),
    error(DataError, "target[1] is nan", normal(2), given([0.0, float("nan")])),
    bound=_BOUND,
    reference=reference.mse_loss,
)
case(
    loss_regression.l1_loss,
    sample(off_zero(3, 5, gap=5.0), uniform(-1, 1, 3, 5)),
    sample(off_zero(4, gap=5.0), uniform(-1, 1, 4), reduction="none"),
    error(DataError, "target[0] is inf", normal(1), given([float("inf")])),
    bound=_BOUND,
    reference=reference.l1_loss,
)
case(
    loss_regression.huber_loss,
    sample(off_zero(3, 5, gap=5.0), uniform(-1, 1, 3, 5)),
    sample(uniform(-0.2, 0.2, 8), uniform(-0.2, 0.2, 8), delta=0.5, reduction="sum"),
    error(ConfigError, "delta must be positive", normal(3), normal(3), delta=0.0),
    bound=_BOUND,
    reference=reference.huber_loss,
)
case(
    loss_regression.smooth_l1_loss,
    sample(uniform(-0.2, 0.2, 8), uniform(-0.2, 0.2, 8), beta=0.5),
    sample(off_zero(3, 5, gap=5.0), uniform(-1, 1, 3, 5), beta=0.0),
    error(ConfigError, "beta must not be negative", normal(3), normal(3), beta=-1.0),
    bound=_BOUND,
    reference=reference.smooth_l1_loss,
)
case(
    ops.nll_loss,
    sample(normal(5, 4), _LABELS),
    sample(normal(5, 4), _LABELS, positive(4).without_grad(), reduction="sum"),
    sample(normal(2, 4, 3), integers(0, 4, 2, 3), reduction="none"),
    sample(normal(5, 4), given([1, 0, 2, 3, 2], dtype="int64"), ignore_index=2, reduction="sum"),
    error(DataError, "label 4 at [0] is no class", normal(1, 4), given([4], dtype="int64")),
    error(ShapeError, "weight must be (V,)=(4,)", normal(5, 4), _LABELS, normal(3)),
    bound=_BOUND,
    reference=reference.nll_loss,
    kernels=("nll_loss", "nll_loss_grad"),
)
case(
    ops.cross_entropy,
    sample(normal(5, 4), _LABELS),
    sample(normal(4), given(2, dtype="int64")),
    sample(normal(2, 4, 3, 2), integers(0, 4, 2, 3, 2), reduction="none"),
    sample(normal(5, 4), _LABELS, positive(4).without_grad(), label_smoothing=0.2),
    sample(normal(5, 4), given([1, 0, 2, 3, 2], dtype="int64"), ignore_index=2, reduction="sum"),
    sample(normal(3, 4), uniform(0, 1, 3, 4), label_smoothing=0.1),
    error(DataError, "label -1 at [1] is no class", normal(2, 4), given([0, -1], dtype="int64")),
    error(DataError, "is nan, expected a finite number", normal(2, 4), given([0.0, float("nan")])),
    error(DTypeError, "labels must be integers", normal(2, 4), given([0.0, 1.0])),
    error(ShapeError, "labels must be (N,*S)", normal(2, 4), integers(0, 4, 3)),
    error(ConfigError, "label_smoothing must be", normal(5, 4), _LABELS, label_smoothing=2.0),
    bound=_BOUND,
    kernels=("cross_entropy", "cross_entropy_grad", "log_softmax", "log_softmax_grad"),
    reference=reference.cross_entropy,
)
case(
    ops.binary_cross_entropy,
    sample(uniform(0.05, 0.95, 3, 5), uniform(0, 1, 3, 5)),
    sample(uniform(0.05, 0.95, 7), uniform(0, 1, 7), positive(7), reduction="none"),
    error(DataError, "target[0] is 2.0, expected between 0 and 1", uniform(0, 1, 1), given([2.0])),
    bound=_BOUND,
    reference=reference.binary_cross_entropy,
)
case(
    ops.binary_cross_entropy_with_logits,
    sample(normal(3, 5), uniform(0, 1, 3, 5)),
    sample(normal(3, 5), uniform(0, 1, 3, 5), positive(5), pos_weight=None, reduction="sum"),
    sample(given([1e4, -1e4]), given([0.0, 1.0], grad=False), reduction="none", grad=False, label="large"),
    error(ShapeError, "target has shape (5,)", normal(3, 5), normal(5)),
    bound=_BOUND,
    reference=reference.binary_cross_entropy_with_logits,
)
unplanted("an infinite logit meets its target as Inf - Inf", "binary_cross_entropy_with_logits")
