"""Elementwise functions with broadcasting. Signatures and promotion follow the array API standard.

Integers meeting floats take their dtype; functions with real values send integers to the default floating dtype.
Subgradients: |x|'(0) = 0, maximum and minimum split ties evenly, clip passes the gradient at its bounds.
"""

from __future__ import annotations

from . import arithmetic, choice, exponential, parts, powers, rounding, trigonometric
from .arithmetic import *  # noqa: F403
from .arithmetic import cc as cc
from .choice import *  # noqa: F403
from .exponential import *  # noqa: F403
from .exponential import logistic as logistic
from .parts import *  # noqa: F403
from .powers import *  # noqa: F403
from .rounding import *  # noqa: F403
from .trigonometric import *  # noqa: F403

FAMILIES = (arithmetic, choice, exponential, parts, powers, rounding, trigonometric)
__all__ = [name for family in FAMILIES for name in family.__all__]  # pyright: ignore[reportUnsupportedDunderAll]
