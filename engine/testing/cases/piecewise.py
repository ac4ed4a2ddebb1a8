"""Rows of the piecewise linear activation functions."""

from __future__ import annotations

import numpy as np

from ...errors import ConfigError, ShapeError
from ...ops import piecewise as ops
from ..arguments import Arg, distinct, given, normal, uniform
from ..bounds import exact, ulp
from ..references import activation as texts
from ..table import case, error, sample


def _between(*shape: int) -> Arg:
    """Values up to 8 in size, away from the kinks at multiples of 1/2."""

    def draw(r: np.random.Generator) -> np.ndarray:
        return (r.integers(-16, 16, shape) + r.uniform(0.1, 0.9, shape)) / 2

    return Arg(draw)


_SAMPLES = (sample(_between(3, 5)), sample(_between()), sample(_between(0, 2)))
_KINKS = sample(given([-6.0, -3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0, 6.0]), grad=False, label="kinks")

case(
    ops.hardtanh,
    *_SAMPLES,
    _KINKS,
    sample(uniform(-0.9, 0.9, 3, 4)),
    sample(_between(4), min_val=-2.0, max_val=0.5),
    error(ConfigError, "must be below", normal(3), min_val=1.0),
    bound=exact,
    reference=texts.hardtanh,
)
case(ops.relu6, *_SAMPLES, _KINKS, bound=exact, reference=lambda x: texts.hardtanh(x, 0.0, 6.0))
case(ops.hardsigmoid, *_SAMPLES, _KINKS, bound=ulp(8), reference=texts.hardsigmoid)
case(ops.hardswish, *_SAMPLES, _KINKS, bound=ulp(32), reference=texts.hardswish)
case(
    ops.softshrink,
    *_SAMPLES,
    _KINKS,
    sample(_between(4), lambd=2.0),
    error(ConfigError, "must not be negative", normal(3), lambd=-1.0),
    bound=ulp(1),
    reference=texts.softshrink,
)
case(ops.hardshrink, *_SAMPLES, _KINKS, sample(_between(4), lambd=2.0), bound=exact, reference=texts.hardshrink)
case(
    ops.threshold,
    sample(_between(3, 5), 0.5, -2.0),
    sample(given([0.5, 1.0]), 0.5, 7.0, grad=False),
    bound=exact,
    reference=texts.threshold,
)
case(ops.step, *_SAMPLES, _KINKS, bound=exact, reference=texts.step)
case(
    ops.prelu,
    sample(_between(2, 3, 4), normal(3)),
    sample(_between(5), normal(1)),
    sample(_between(2, 3), normal(3)),
    sample(given([[-0.2, 0.3, -0.1]]), normal(3)),
    error(ShapeError, "weight must be (1,) or (C,)", normal(2, 3, 4), normal(4)),
    bound=ulp(1),
    reference=texts.prelu,
)
case(
    ops.maxout,
    sample(distinct(3, 8), 2),
    sample(distinct(2, 6, 4), 3, axis=1),
    error(ShapeError, "does not fall into groups of 3", normal(3, 8), 3),
    bound=exact,
    reference=texts.maxout,
)
