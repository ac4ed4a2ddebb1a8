"""Rows of the losses with a margin."""

from __future__ import annotations

from ...errors import ConfigError, DataError, ShapeError
from ...ops import loss_margin as ops
from ..arguments import given, integers, normal, positive, uniform
from ..bounds import forward_error
from ..references import loss_margin as reference
from ..table import case, error, sample

_BOUND = forward_error(32)
_SIGNS = given([1.0, -1.0, -1.0, 1.0, 1.0], grad=False)

case(
    ops.hinge_loss,
    sample(normal(5, scale=3.0), _SIGNS),
    sample(normal(5), _SIGNS, margin=0.5, reduction="none"),
    error(DataError, "expected between -1 and 1", normal(1), given([2.0])),
    bound=_BOUND,
    reference=reference.hinge_loss,
)
case(
    ops.soft_margin_loss,
    sample(normal(5), _SIGNS),
    sample(normal(5), _SIGNS, reduction="sum"),
    bound=_BOUND,
    reference=reference.soft_margin_loss,
)
case(
    ops.hinge_embedding_loss,
    sample(uniform(0, 3, 5), _SIGNS),
    sample(uniform(0, 3, 5), _SIGNS, margin=2.0),
    bound=_BOUND,
    reference=reference.hinge_embedding_loss,
)
case(
    ops.margin_ranking_loss,
    sample(normal(5), normal(5), _SIGNS),
    sample(normal(5), normal(5), _SIGNS, margin=0.5, reduction="none"),
    error(ShapeError, "expected one shape", normal(5), normal(4), _SIGNS),
    bound=_BOUND,
    reference=reference.margin_ranking_loss,
)
case(
    ops.multi_margin_loss,
    sample(normal(5, 4), integers(0, 4, 5)),
    sample(normal(4), given(2, dtype="int64")),
    sample(normal(5, 4), integers(0, 4, 5), p=2, margin=0.5, weight=None, reduction="sum"),
    sample(normal(5, 4), integers(0, 4, 5), average=False, reduction="none"),
    error(ConfigError, "p must be 1 or 2", normal(5, 4), integers(0, 4, 5), p=3),
    error(DataError, "label 4 at [0] is no class", normal(1, 4), given([4], dtype="int64")),
    error(ShapeError, "input must be (N,V)", normal(2, 4, 3), integers(0, 4, 2, 3)),
    bound=_BOUND,
    kernels=("multi_margin", "multi_margin_grad"),
    reference=reference.multi_margin_loss,
)
case(
    lambda x, y, weight: ops.multi_margin_loss(x, y, weight=weight),
    sample(normal(5, 4), integers(0, 4, 5), positive(4)),
    error(ShapeError, "weight must be (V,)=(4,)", normal(5, 4), integers(0, 4, 5), positive(3)),
    name="multi_margin_loss_weighted",
    bound=_BOUND,
    reference=lambda x, y, weight: reference.multi_margin_loss(x, y, weight=weight),
)
