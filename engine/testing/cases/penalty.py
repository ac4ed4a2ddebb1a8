"""Rows of penalties and weighted sums."""

from __future__ import annotations

from ...errors import ConfigError
from ...ops import penalty as ops
from ..arguments import normal, off_zero
from ..bounds import forward_error
from ..references import penalty as reference
from ..table import case, error, sample

_BOUND = forward_error(32)

case(
    ops.l2_penalty,
    sample([normal(3, 4), normal(5)]),
    sample(normal(3)),
    error(ConfigError, "one tensor", []),
    bound=_BOUND,
    reference=reference.l2_penalty,
)
case(
    ops.l1_penalty,
    sample([off_zero(3, 4), off_zero(3, 5)]),
    sample(off_zero(3)),
    bound=_BOUND,
    reference=reference.l1_penalty,
)
case(ops.elastic_penalty, sample([off_zero(3, 4), off_zero(5)], beta=0.3), bound=_BOUND, reference=reference.elastic_penalty)
case(
    ops.weighted_sum,
    sample([normal(), normal(), normal()], (1.0, 0.5, 2.0)),
    error(ConfigError, "one weight for each loss", [normal()], (1.0, 2.0)),
    bound=_BOUND,
    reference=reference.weighted_sum,
)
