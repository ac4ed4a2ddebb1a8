"""Rows of the losses that compare distributions."""

from __future__ import annotations

from ...errors import ConfigError, DataError, ShapeError
from ...ops import loss_distribution as ops
from ..arguments import given, normal, positive, uniform
from ..bounds import forward_error
from ..references import loss_distribution as reference
from ..table import case, error, sample

_BOUND = forward_error(64)

case(
    ops.mbe_loss,
    sample(normal(3, 5), normal(3, 5)),
    sample(normal(4), normal(4), reduction="none"),
    error(ShapeError, "target has shape (3,)", normal(3, 5), normal(3)),
    bound=_BOUND,
    reference=reference.mbe_loss,
)
case(
    ops.kl_div,
    sample(normal(3, 5), uniform(0.05, 0.9, 3, 5)),
    sample(normal(3, 5), normal(3, 5), log_target=True, reduction="batchmean"),
    sample(normal(3), given([0.0, 1.0, 0.5], grad=False), reduction="none"),
    error(ConfigError, "batchmean, got 'average'", normal(3), normal(3), reduction="average"),
    error(ShapeError, "target has shape (4,)", normal(3), normal(4), log_target=True),
    bound=_BOUND,
    reference=reference.kl_div,
)
case(
    ops.gaussian_nll_loss,
    sample(normal(3, 5), normal(3, 5), positive(3, 5)),
    sample(normal(3, 5), normal(3, 5), positive(3), full=True, reduction="none"),
    # Below eps the gradient differs on purpose from the derivative, which is 0; a test of losses checks its values.
    sample(normal(4), normal(4), uniform(0.1, 0.3, 4), eps=0.5, grad=False, label="small variances"),
    error(ShapeError, "var must have the shape", normal(3, 5), normal(3, 5), positive(4)),
    error(DataError, "negative variance", normal(2), normal(2), given([1.0, -1.0])),
    bound=_BOUND,
    reference=reference.gaussian_nll_loss,
)
case(
    ops.poisson_nll_loss,
    sample(normal(3, 5), given([[0.0, 1.0, 2.0, 3.0, 7.0]] * 3, grad=False)),
    sample(positive(3, 5), given([[0.0, 1.0, 2.0, 3.0, 7.0]] * 3, grad=False), log_input=False, full=True, reduction="sum"),
    bound=_BOUND,
    reference=reference.poisson_nll_loss,
)
case(
    ops.gaussian_kl,
    sample(normal(4, 3), normal(4, 3)),
    sample(normal(4, 3), normal(4, 3), reduction="none"),
    error(ShapeError, "expected one shape", normal(4, 3), normal(4, 2)),
    bound=_BOUND,
    reference=reference.gaussian_kl,
)
