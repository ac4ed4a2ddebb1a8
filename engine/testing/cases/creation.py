"""Rows of creation and conversion."""

from __future__ import annotations

import numpy as np

from ...errors import DTypeError
from ...ops import creation as ops
from ...ops import creation_like, dtypes
from ..arguments import complex_normal, integers, normal
from ..bounds import exact, forward_error
from ..references import creation as reference
from ..table import case, error, sample

for _op in (ops.zeros, ops.ones):
    case(
        _op,
        sample((2, 3)),
        sample(4, dtype=np.dtype("int64")),
        sample(()),
        bound=exact,
        differentiable=False,
        reference=getattr(reference, _op.__name__),
    )
for _like in (creation_like.zeros_like, creation_like.ones_like):
    case(
        _like,
        sample(normal(2, 3)),
        sample(integers(0, 5, 3)),
        sample(normal(3), dtype=np.dtype("bool")),
        bound=exact,
        differentiable=False,
        reference=getattr(reference, _like.__name__),
    )
case(
    ops.full,
    sample((2, 3), 1.5),
    sample(3, 7),
    sample((), True),
    bound=exact,
    differentiable=False,
    reference=reference.full,
)
case(
    creation_like.full_like,
    sample(normal(2, 3), 1.5),
    sample(integers(0, 3, 2), 4),
    bound=exact,
    differentiable=False,
    reference=reference.full_like,
)
case(
    ops.eye,
    sample(3),
    sample(3, 4, k=1),
    sample(4, 2, k=-1),
    bound=exact,
    differentiable=False,
    reference=reference.eye,
)
case(
    ops.arange,
    sample(5),
    sample(1, 9, 3),
    sample(0.0, 1.0, 0.25),
    bound=exact,
    differentiable=False,
    reference=reference.arange,
)
case(
    ops.linspace,
    sample(0, 1, 5),
    sample(-1.0, 2.0, 7, endpoint=False),
    bound=forward_error(1),
    differentiable=False,
    reference=reference.linspace,
)
case(
    dtypes.astype,
    sample(normal(2, 3), np.dtype("float64")),
    sample(normal(3), np.dtype("int64"), grad=False),
    sample(integers(0, 5, 3), np.dtype("float32"), grad=False),
    sample(normal(3), np.dtype("complex128")),
    error(DTypeError, "dl.real", complex_normal(3), np.dtype("float64")),
    bound=exact,
    reference=reference.astype,
)
case(
    dtypes.clone,
    sample(normal(2, 3)),
    sample(complex_normal(3)),
    sample(integers(0, 5, 3), grad=False),
    bound=exact,
    reference=lambda x: x,
)
case(dtypes.to_device, sample(normal(2, 3), "cpu"), bound=exact, reference=lambda x, device: x)
