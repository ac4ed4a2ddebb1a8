"""The row of gradient reversal: its gradient is no derivative of its value, so values only; test_nn_layers has the gradient."""

from __future__ import annotations

from ...ops import reversal as ops
from ..table import case, exact, normal, sample

case(
    ops.gradient_reversal,
    sample(normal(3, 4)),
    sample(normal(), alpha=0.5),
    bound=exact,
    differentiable=False,
    reference=lambda x, alpha=1.0: x,
)
