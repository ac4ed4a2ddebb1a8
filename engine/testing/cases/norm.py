"""Rows of normalisation."""

from __future__ import annotations

import numpy as np

from ...errors import ConfigError, ShapeError
from ...ops import norm as ops
from ...ops import norm_local
from ..arguments import given, normal, positive
from ..bounds import forward_error
from ..references import norm as ref
from ..table import case, error, sample, unplanted

_BOUND = forward_error(32)


case(
    ops.batch_norm,
    sample(normal(4, 3), normal(3), normal(3)),
    sample(normal(3, 5, 4, 3, scale=2.0, shift=1.0), normal(5), normal(5)),
    sample(normal(2, 3, 7), label="no weight"),
    sample(normal(2, 3, 4), normal(3), eps=0.5, label="no bias"),
    error(ShapeError, "x must be (N,C,...)", normal(3)),
    error(ShapeError, "weight must be (C,)", normal(4, 3), normal(4)),
    error(ShapeError, "at least one value", normal(0, 3)),
    bound=_BOUND,
    kernels=("batch_norm", "batch_norm_grad"),
    reference=ref.batch_norm,
)
case(
    ops.batch_norm_inference,
    sample(normal(2, 3, 4), normal(3), positive(3), normal(3), normal(3)),
    sample(normal(2, 3), normal(3), positive(3)),
    sample(normal(2, 3), normal(3), positive(3), None, normal(3), eps=0.5),
    error(ShapeError, "mean must be (C,)", normal(2, 3), normal(4), positive(3)),
    error(ShapeError, "x must be (N,C,...)", normal(3), normal(3), positive(3)),
    bound=_BOUND,
    kernels=("batch_norm_inference",),
    reference=ref.batch_norm_inference,
)
case(
    ops.running_mean,
    sample(normal(5), normal(5), part=0.1),
    sample(normal(3), normal(3), part=1.0, label="the first batch"),
    sample(normal(0), normal(0), part=0.5, label="no channels"),
    bound=_BOUND,
    differentiable=False,
    reference=lambda old, mean, part: np.multiply(old, 1 - part) + np.multiply(mean, part),
)
case(
    ops.running_variance,
    sample(positive(5), positive(5), part=0.1, eps=1e-5, factor=1.25),
    sample(positive(3), positive(3), part=1.0, eps=1e-3, factor=1.0, label="the first batch"),
    sample(positive(2), given([1e3, 2.0]), part=0.5, eps=1e-3, factor=2.0, label="less variance than eps"),
    bound=_BOUND,
    differentiable=False,
    reference=ref.running_variance,
)
unplanted("1 / rstd^2 leaves the range of float32 for a rstd that no batch has", "_running_variance")
case(
    ops.layer_norm,
    sample(normal(5, 7), (7,), normal(7), normal(7)),
    sample(normal(2, 3, 4, 5), (4, 5), normal(4, 5), normal(4, 5)),
    sample(normal(3, 33), 33, label="no weight"),
    sample(normal(0, 7), 7, label="no rows"),
    sample(normal(3, 4), 4, None, normal(4), eps=0.5, label="bias alone"),
    error(ShapeError, "must end in normalized_shape", normal(5, 7), (6,)),
    error(ShapeError, "weight must have", normal(5, 7), (7,), normal(6)),
    bound=_BOUND,
    kernels=("layer_norm", "layer_norm_grad"),
    reference=ref.layer_norm,
)
case(
    ops.group_norm,
    sample(normal(2, 6, 5), 3, normal(6), normal(6)),
    sample(normal(3, 4, 3, 5), 2),
    sample(normal(2, 4, 3), 4, normal(4), None, eps=0.5),
    error(ConfigError, "must divide C=6", normal(2, 6, 5), 4),
    bound=_BOUND,
    kernels=("group_norm", "group_norm_grad"),
    reference=ref.group_norm,
)
case(
    ops.instance_norm,
    sample(normal(2, 3, 5, 4), normal(3), normal(3)),
    sample(normal(2, 3, 4), eps=0.5, label="no weight"),
    error(ShapeError, "with space", normal(2, 3)),
    bound=_BOUND,
    reference=ref.instance_norm,
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
    reference=ref.rms_norm,
)
case(
    norm_local.local_response_norm,
    sample(normal(2, 5, 4), 3, alpha=0.5),
    sample(normal(2, 3, 2, 2), 2, alpha=1.0, beta=0.5, k=2.0),
    sample(normal(1, 2, 3), 5, alpha=1.0),
    error(ShapeError, "with space", normal(2, 3), 2),
    error(ConfigError, "size must be an integer", normal(2, 3, 4), 0),
    bound=_BOUND,
    reference=ref.local_response_norm,
)
