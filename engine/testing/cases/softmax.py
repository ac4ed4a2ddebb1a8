"""Rows of softmax, log-softmax and the fused cross-entropy."""

from __future__ import annotations

from ...errors import DTypeError, ShapeError
from ...ops import softmax as ops
from ..arguments import given, integers, normal
from ..bounds import forward_error
from ..references import softmax as texts
from ..table import case, error, sample

_BOUND = forward_error(8)

case(
    ops.softmax,
    sample(normal(5, 7)),
    sample(normal(2, 3, 4), axis=1),
    sample(normal(3), axis=0),
    sample(given([[1e4, -1e4, 0.0]]), grad=False, label="large"),
    sample(normal(0, 5), label="no rows"),
    error(ShapeError, "axis 2 is out of range", normal(3, 4), axis=2),
    bound=_BOUND,
    kernels=("softmax", "softmax_grad"),
    reference=texts.softmax,
)
case(
    ops.log_softmax,
    sample(normal(5, 7)),
    sample(normal(2, 3, 4), axis=0),
    sample(given([[1e4, -1e4, 0.0]]), grad=False, label="large"),
    bound=_BOUND,
    kernels=("log_softmax", "log_softmax_grad"),
    reference=texts.log_softmax,
)
case(
    ops.softmax_cross_entropy,
    sample(normal(6, 5), integers(0, 5, 6)),
    sample(normal(33, 65), integers(0, 65, 33)),
    sample(normal(4, 3), given([0, -100, 2, -100], dtype="int64")),
    sample(normal(33, 65), integers(0, 65, 33), mean=True),
    sample(normal(0, 5), integers(0, 5, 0), label="no rows"),
    error(ShapeError, "logits must be (N,V)", normal(5), integers(0, 5, 5)),
    error(ShapeError, "labels must be (N,)", normal(6, 5), integers(0, 5, 4)),
    error(DTypeError, "must be integers", normal(6, 5), normal(6)),
    bound=_BOUND,
    kernels=("cross_entropy", "cross_entropy_grad"),
    reference=texts.cross_entropy,
)
case(
    ops.softmax_cross_entropy_mean,
    sample(normal(6, 5), integers(0, 5, 6)),
    sample(normal(4, 3), given([0, -100, 2, -100], dtype="int64")),
    sample(normal(333, 65), integers(0, 65, 333), ignore_index=7),
    error(ShapeError, "logits must be (N,V)", normal(5), integers(0, 5, 5)),
    error(ShapeError, "labels must be (N,)", normal(6, 5), integers(0, 5, 4)),
    error(DTypeError, "must be integers", normal(6, 5), normal(6)),
    bound=_BOUND,
    kernels=("cross_entropy_mean", "cross_entropy_mean_grad"),
    reference=texts.cross_entropy_mean,
)
case(
    ops.masked_softmax,
    sample(normal(5, 7)),
    sample(given([[0.5, float("-inf"), 1.5], [float("-inf")] * 3]), grad=False, label="a row without keys"),
    sample(normal(3, 0), label="no keys"),
    bound=_BOUND,
    kernels=("softmax", "softmax_grad"),
    reference=texts.masked_softmax,
)
