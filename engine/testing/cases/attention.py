"""Rows of attention."""

from __future__ import annotations

from ...errors import ConfigError, ShapeError
from ...ops import attention as ops
from ..arguments import given, normal
from ..bounds import forward_error
from ..references import attention as ref
from ..table import case, error, sample

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
    sample(normal(2, 2, 2, 3), normal(2, 2, 3, 3), normal(2, 2, 3, 3), _SEEN, label="booleans for all heads"),
    sample(normal(2, 1, 3, 4), normal(2, 1, 5, 4), normal(2, 1, 5, 2), normal(2, 1, 1, 5).without_grad(), label="added to keys"),
    sample(normal(3, 2), normal(4, 2), normal(4, 3), normal(3, 1).without_grad(), label="added to queries"),
    sample(normal(2, 1, 67, 9), normal(2, 1, 101, 9), normal(2, 1, 101, 17), label="several blocks"),
    sample(normal(1, 101, 5), normal(1, 101, 5), normal(1, 101, 5), is_causal=True, label="several blocks, causal"),
    sample(normal(3, 2, 4), normal(2, 4), normal(2, 4), label="keys for all samples"),
    sample(normal(2, 1, 2, 3, 2), normal(2, 1, 2, 3, 2), normal(2, 1, 2, 3, 2), label="five axes"),
    sample(normal(2, 3), normal(0, 3), normal(0, 4), label="no keys"),
    sample(normal(0, 2, 3), normal(0, 4, 3), normal(0, 4, 2), is_causal=True, label="no samples"),
    error(ShapeError, "differ in E", normal(2, 4, 3), normal(2, 5, 4), normal(2, 5, 6)),
    error(ShapeError, "differ in S", normal(2, 4, 3), normal(2, 5, 3), normal(2, 4, 6)),
    error(ConfigError, "not both", normal(2, 3), normal(3, 3), normal(3, 2), _SEEN, is_causal=True),
    bound=_BOUND,
    kernels=("attention", "attention_grad"),
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
