"""Rows of attention."""

from __future__ import annotations

from ...errors import ConfigError, ShapeError
from ...ops import attention as ops
from ..references import attention as ref
from ..table import case, error, forward_error, given, normal, sample

_BOUND = forward_error(64)
_SEEN = given([[1, 0, 1], [0, 1, 1]], dtype="bool")

case(
    ops.attention_weights,
    sample(normal(2, 4, 3), normal(2, 5, 3)),
    sample(normal(2, 3), normal(3, 3), _SEEN, scale=0.5),
    sample(normal(2, 4, 3), normal(2, 5, 3), is_causal=True),
    sample(normal(2, 4, 3), normal(2, 5, 3), normal(2, 1, 5)),
    bound=_BOUND,
    reference=ref.attention_weights,
)
case(
    ops.scaled_dot_product_attention,
    sample(normal(2, 4, 3), normal(2, 5, 3), normal(2, 5, 6)),
    sample(normal(2, 3), normal(3, 3), normal(3, 2), _SEEN),
    sample(normal(2, 2, 4, 3), normal(2, 2, 4, 3), normal(2, 2, 4, 3), normal(4, 4)),
    sample(normal(2, 4, 3), normal(2, 4, 3), normal(2, 4, 3), is_causal=True),
    sample(normal(2, 5, 3), normal(2, 4, 3), normal(2, 4, 2), is_causal=True, scale=1.5),
    error(ShapeError, "differ in E", normal(2, 4, 3), normal(2, 5, 4), normal(2, 5, 6)),
    error(ShapeError, "differ in S", normal(2, 4, 3), normal(2, 5, 3), normal(2, 4, 6)),
    error(ConfigError, "not both", normal(2, 3), normal(3, 3), normal(3, 2), _SEEN, is_causal=True),
    bound=_BOUND,
    reference=ref.scaled_dot_product_attention,
)
case(
    ops.additive_attention,
    sample(normal(2, 4), normal(2, 3, 4), normal(2, 3, 5), normal(4)),
    sample(normal(2, 4), normal(2, 3, 4), normal(2, 3, 5), normal(4), _SEEN),
    error(ShapeError, "query must be (N,H)", normal(3, 4), normal(2, 3, 4), normal(2, 3, 5), normal(4)),
    bound=_BOUND,
    reference=ref.additive_attention,
)
