"""The row of gradient reversal, values only, since its gradient is not the derivative; another test checks the gradient."""

from __future__ import annotations

from ...ops import reversal as ops
from ..arguments import normal
from ..bounds import exact
from ..table import case, sample

case(
    ops.gradient_reversal,
    sample(normal(3, 4)),
    sample(normal(), alpha=0.5),
    bound=exact,
    differentiable=False,
    reference=lambda x, alpha=1.0: x,
)
