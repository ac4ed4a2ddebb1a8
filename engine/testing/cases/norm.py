"""Rows of normalisation."""

from __future__ import annotations

from ...errors import ConfigError, ShapeError
from ...ops import norm as ops
from ..table import case, error, forward_error, normal, positive, sample

_BOUND = forward_error(32)



case(
    ops.batch_norm,
    sample(normal(4, 3), normal(3), normal(3)),
    sample(normal(3, 5, 4, 3, scale=2.0, shift=1.0), normal(5), normal(5)),
    sample(normal(2, 3, 7), label="no weight"),
    error(ShapeError, "x must be (N,C,...)", normal(3)),
    error(ShapeError, "weight must be (C,)", normal(4, 3), normal(4)),
    error(ShapeError, "at least one value", normal(0, 3)),
    bound=_BOUND,
    kernels=("batch_norm", "batch_norm_grad"),
)
case(
    ops.batch_norm_inference,
    sample(normal(2, 3, 4), normal(3), positive(3), normal(3), normal(3)),
    sample(normal(2, 3), normal(3), positive(3)),
    error(ShapeError, "mean must be (C,)", normal(2, 3), normal(4), positive(3)),
    bound=_BOUND,
)
case(
    ops.layer_norm,
    sample(normal(5, 7), (7,), normal(7), normal(7)),
    sample(normal(2, 3, 4, 5), (4, 5), normal(4, 5), normal(4, 5)),
    sample(normal(3, 33), 33, label="no weight"),
    sample(normal(0, 7), 7, label="no rows"),
    error(ShapeError, "must end in normalized_shape", normal(5, 7), (6,)),
    error(ShapeError, "weight must have", normal(5, 7), (7,), normal(6)),
    bound=_BOUND,
    kernels=("layer_norm", "layer_norm_grad"),
)
case(
    ops.group_norm,
    sample(normal(2, 6, 5), 3, normal(6), normal(6)),
    sample(normal(3, 4, 3, 5), 2),
    error(ConfigError, "must divide C=6", normal(2, 6, 5), 4),
    bound=_BOUND,
    kernels=("group_norm", "group_norm_grad"),
)
case(
    ops.instance_norm,
    sample(normal(2, 3, 5, 4), normal(3), normal(3)),
    error(ShapeError, "with space", normal(2, 3)),
    bound=_BOUND,
)
case(
    ops.rms_norm,
    sample(normal(5, 7), (7,), normal(7)),
    sample(normal(2, 3, 4, 5), (4, 5), normal(4, 5), eps=1e-5),
    sample(normal(3, 33), 33, label="no weight"),
    sample(normal(0, 7), 7, label="no rows"),
    error(ShapeError, "must end in normalized_shape", normal(5, 7), (6,)),
    error(ShapeError, "weight must have", normal(5, 7), (7,), normal(6)),
    bound=_BOUND,
    kernels=("rms_norm", "rms_norm_grad"),
)
