"""Rows of the activation functions."""

from __future__ import annotations

import numpy as np

from ...errors import ConfigError, ShapeError
from ...ops import activation as ops
from ...ops import rectifiers
from ..arguments import given, normal, off_zero
from ..bounds import forward_error, ulp
from ..references import activation as texts
from ..table import case, error, sample

_FAR = sample(given([-90.0, -20.0, 0.0, 20.0, 90.0]), grad=False)
_LARGE = sample(off_zero(190, 173), label="more than one thread's share")
_SAMPLES = (sample(off_zero(3, 5)), sample(off_zero()), sample(off_zero(0, 2)), _FAR)

case(rectifiers.relu, *_SAMPLES, _LARGE, bound=ulp(0.5), kernels=("relu", "relu_grad"), reference=texts.relu)
case(
    rectifiers.add_relu,
    sample(off_zero(3, 5), given([[0.0], [0.0625], [-0.0625]])),
    sample(normal(3, 5), normal(3, 5)),
    sample(normal(), normal()),
    sample(normal(0, 2), normal(0, 2)),
    sample(normal(190, 173), normal(190, 173), grad=False, label="more than one thread's share"),
    bound=ulp(0.5),
    kernels=("add_relu", "relu_grad"),
    reference=lambda a, b: np.maximum(a + b, 0),
)
case(
    rectifiers.leaky_relu,
    *_SAMPLES,
    sample(off_zero(4), negative_slope=0.2),
    bound=ulp(1),
    kernels=("leaky_relu", "leaky_relu_grad"),
    reference=texts.leaky_relu,
)
case(rectifiers.elu, *_SAMPLES, sample(off_zero(4), alpha=0.5), bound=ulp(8), reference=texts.elu)
case(
    ops.sigmoid,
    sample(normal(3, 5)),
    sample(normal()),
    sample(normal(0, 2)),
    _FAR,
    _LARGE,
    bound=ulp(64),
    kernels=("sigmoid", "sigmoid_grad"),
    reference=texts.sigmoid,
)
case(ops.silu, sample(normal(3, 5)), sample(normal()), _FAR, bound=ulp(64), kernels=("silu", "silu_grad"), reference=texts.silu)
case(
    rectifiers.softplus,
    sample(normal(3, 5)),
    sample(normal(4), beta=2.0),
    _FAR,
    bound=ulp(16),
    kernels=("softplus", "softplus_grad"),
    reference=texts.softplus,
)
case(ops.erf, sample(normal(3, 5)), sample(normal()), sample(normal(0, 2)), bound=ulp(8), reference=texts.erf)
case(ops.erfc, sample(normal(3, 5)), sample(normal()), sample(normal(0, 2)), bound=ulp(16), reference=texts.erfc)
case(
    ops.gelu,
    sample(normal(3, 5)),
    sample(normal()),
    error(ConfigError, "approximate", normal(3), approximate="x"),
    bound=ulp(32),
    reference=texts.gelu,
)
case(
    ops.gelu,
    sample(normal(3, 5), approximate="tanh"),
    sample(normal(), approximate="tanh"),
    sample(given([-7.0, -4.0, 4.0]), approximate="tanh", label="tails"),
    bound=ulp(32),
    name="gelu_tanh",
    reference=texts.gelu,
)
case(rectifiers.selu, *_SAMPLES, bound=ulp(8), reference=texts.selu)
case(rectifiers.celu, *_SAMPLES, sample(off_zero(4), alpha=0.5), bound=ulp(8), reference=texts.celu)
case(ops.mish, sample(normal(3, 5)), sample(normal()), _FAR, bound=ulp(64), reference=texts.mish)
case(ops.softsign, *_SAMPLES, bound=ulp(2), reference=texts.softsign)
case(ops.logsigmoid, sample(normal(3, 5)), _FAR, bound=ulp(16), reference=texts.logsigmoid)
case(ops.tanhshrink, sample(normal(3, 5)), sample(normal(0, 2)), bound=forward_error(4), reference=texts.tanhshrink)
case(
    ops.glu,
    sample(normal(3, 6)),
    sample(normal(2, 4, 3), axis=1),
    error(ShapeError, "even size", normal(3, 5)),
    bound=ulp(64),
    reference=texts.glu,
)
