"""Rows of random tensors: bit-equal on every backend."""

from __future__ import annotations

from ...errors import ConfigError, DataError, DTypeError, ShapeError
from ...ops import dropout, sampling
from ...ops import random as ops
from ..arguments import given, normal
from ..bounds import exact, forward_error, ulp
from ..references import random as reference
from ..table import case, error, sample

_SHAPES = (sample(7, 19), sample((3, 5)), sample(0), sample(1025))

case(
    ops.rand, *_SHAPES, error(DTypeError, "dtype must be floating", 3, dtype="int64"),
    bound=exact, differentiable=False, kernels=("random_uniform",), reference=reference.rand,
)  # fmt: skip
case(ops.randn, *_SHAPES, bound=exact, differentiable=False, kernels=("random_normal",), reference=reference.randn)
case(
    ops.bernoulli, sample(0.3, 7, 19), sample(0.7, 0), sample(1.0, 9), sample(0.0, 9),
    error(ConfigError, "between 0 and 1", 1.5, 3),
    bound=exact, differentiable=False, kernels=("random_bernoulli",), reference=reference.bernoulli,
)  # fmt: skip
case(
    ops.randint, sample(-3, 1000, 7, 19), sample(0, 2, 0), sample(-128, 128, 40, dtype="int8"),
    sample(-(2**63), 2**63, 9), sample(-(2**62), 2**63, (3, 3)), sample(0, 2**64, 9, dtype="uint64"),
    sample(2**63, 2**63 + 10, 9, dtype="uint64"), sample(-5, 2**40, 9),
    error(ConfigError, "low < high", 2, 2, 3), error(ConfigError, "does not fit uint8", 0, 257, 3, dtype="uint8"),
    bound=exact, differentiable=False, kernels=("random_integers", "random_bits"), reference=reference.randint,
)  # fmt: skip
case(
    sampling.randperm, sample(101), sample(0), sample(1), error(ConfigError, "at least 0", -1),
    bound=exact, differentiable=False, kernels=("random_permutation",), reference=reference.randperm,
)  # fmt: skip
case(
    sampling.multinomial,
    sample(given([0.2, 0.0, 0.5, 0.3]), 7, True),
    sample(given([[1.0, 2.0, 3.0, 0.0], [5.0, 0.0, 1.0, 1.0]]), 3),
    sample(given([[0.0, 1.0]]), 1),
    error(ConfigError, "at most V=3", given([0.2, 0.3, 0.5]), 4),
    error(DataError, "row 1, class 0", given([[0.2, 0.8], [-0.1, 1.1]]), 1),
    error(DataError, "row 1 of probabilities has fewer", given([[0.2, 0.8], [0.0, 0.0]]), 1),
    error(ShapeError, "(V,) or (N,V)", given(1.0), 1),
    bound=exact, differentiable=False, kernels=("random_uniform",), reference=reference.multinomial,
)  # fmt: skip
case(
    dropout.dropout,
    sample(normal(7, 9), 0.4),
    sample(normal(4, 3, 5, 5), 0.3, mask_shape=(4, 3, 1, 1)),
    sample(normal(3, 7, 2), 0.3, mask_shape=(3, 7, 1)),
    sample(normal(3, 7, 2), 0.3, mask_shape=(1, 7, 1)),
    sample(normal(2, 0, 3), 0.3),
    sample(normal(5), 0.0),
    sample(normal(5), 1.0),
    sample(normal(5), 0.5, False),
    error(ConfigError, "between 0 and 1", normal(3), -0.1),
    bound=ulp(1),
    kernels=("dropout",),
    reference=reference.dropout,
)
case(
    dropout.alpha_dropout,
    sample(normal(7, 9), 0.4),
    sample(normal(4, 3, 5), 0.3, mask_shape=(4, 3, 1)),
    sample(normal(5), 0.0),
    sample(normal(5), 1.0),
    sample(normal(5), 0.5, False),
    error(ConfigError, "between 0 and 1", normal(3), 1.1),
    bound=forward_error(4),
    kernels=("random_bernoulli",),
    reference=reference.alpha_dropout,
)
