"""Rows of connectionist temporal classification."""

from __future__ import annotations

from ...errors import ConfigError, DataError, ShapeError
from ...ops import loss_sequence as ops
from ..arguments import given, normal
from ..bounds import forward_error
from ..references import loss_sequence as reference
from ..table import case, error, sample

_TARGETS = given([[1, 2, 2], [3, 0, 0], [1, 3, 0]], dtype="int64")

case(
    ops.ctc_loss,
    sample(normal(6, 3, 4), _TARGETS, [6, 4, 5], [3, 1, 2]),
    sample(normal(6, 3, 4), given([1, 2, 2, 3, 1, 3], dtype="int64"), [6, 4, 5], [3, 1, 2], reduction="none"),
    sample(normal(5, 2, 3), given([[0, 1], [0, 0]], dtype="int64"), [5, 5], [2, 0], blank=2, reduction="sum"),
    sample(normal(2, 1, 4), given([[1, 1]], dtype="int64"), [2], [2], reduction="none", grad=False, label="impossible"),
    error(ShapeError, "log_probs must be (T,N,V)", normal(6, 4), _TARGETS, [6], [1]),
    error(ShapeError, "input_lengths must be from 0 to T=6", normal(6, 3, 4), _TARGETS, [7, 4, 5], [3, 1, 2]),
    error(ShapeError, "targets must be (N,S)", normal(6, 3, 4), _TARGETS, [6, 4, 5], [4, 1, 2]),
    error(DataError, "other than blank=1", normal(6, 3, 4), _TARGETS, [6, 4, 5], [3, 1, 2], blank=1),
    error(ConfigError, "blank must be", normal(6, 3, 4), _TARGETS, [6, 4, 5], [3, 1, 2], blank=4),
    bound=forward_error(64),
    reference=reference.ctc_loss,
    kernels=("ctc_loss", "ctc_loss_grad"),
)
