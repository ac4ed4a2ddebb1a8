"""Rows of the shape ops."""

from __future__ import annotations

import numpy as np

from ...errors import ConfigError, ShapeError
from ...ops import broadcasting, joining, rearrange, repetition
from ...ops import shape as ops
from ..arguments import booleans, complex_normal, given, integers, normal
from ..bounds import exact, forward_error
from ..references import shape as ref
from ..table import case, error, sample

case(
    ops.reshape,
    sample(normal(3, 4), (2, -1)),
    sample(normal(0, 3), (3, 0)),
    sample(normal(), (1, 1)),
    sample(complex_normal(4), (2, 2)),
    error(ShapeError, "12 elements", normal(3, 4), (5, -1)),
    bound=exact,
    reference=ref.reshape,
)
case(
    ops.flatten,
    sample(normal(3, 4, 2)),
    sample(normal(3, 4, 2), start_axis=1),
    sample(normal(3, 4, 2), start_axis=-3, end_axis=1),
    sample(normal()),
    bound=exact,
    reference=ref.flatten,
)
case(
    ops.permute_dims,
    sample(normal(3, 4, 2), (2, 0, 1)),
    sample(normal(3, 0), (1, 0)),
    sample(normal(3, 4), (-1, 0)),
    error(ShapeError, "not an order", normal(3, 4), (0, 0)),
    bound=exact,
    reference=ref.permute_dims,
)
case(
    ops.matrix_transpose,
    sample(normal(2, 3, 4)),
    sample(complex_normal(2, 3)),
    error(ShapeError, "two axes", normal(3)),
    bound=exact,
    reference=ref.matrix_transpose,
)
case(
    ops.moveaxis,
    sample(normal(2, 3, 4), 0, -1),
    sample(normal(2, 3, 4), (0, 1), (1, 2)),
    error(ShapeError, "axis 5", normal(2, 3), 5, 0),
    bound=exact,
    reference=ref.moveaxis,
)
case(
    ops.expand_dims,
    sample(normal(3, 4), axis=0),
    sample(normal(3), axis=-1),
    sample(normal(3), axis=(0, 2)),
    sample(normal(3, 2), axis=(-1, 1)),
    error(IndexError, "no place", normal(3), axis=4),
    bound=exact,
    reference=ref.expand_dims,
)
case(
    ops.squeeze,
    sample(normal(3, 1, 4), axis=1),
    sample(normal(1, 3, 1), axis=(0, -1)),
    error(ShapeError, "size 3", normal(3), axis=0),
    bound=exact,
    reference=ref.squeeze,
)
case(
    broadcasting.broadcast_to,
    sample(normal(3, 1), (2, 3, 4)),
    sample(normal(), (2,)),
    sample(normal(1, 3), (0, 3)),
    error(ShapeError, "broadcast_to", normal(3), (4,)),
    bound=exact,
    reference=ref.broadcast_to,
)
case(
    broadcasting.broadcast_arrays,
    sample(normal(3, 1), normal(4)),
    error(ShapeError, "differ in axis -1", normal(3), normal(4)),
    bound=exact,
    reference=ref.broadcast_arrays,
)
case(
    broadcasting.meshgrid,
    sample(normal(3), normal(4)),
    sample(normal(3), normal(4), normal(2), indexing="ij"),
    sample(normal(3)),
    error(ConfigError, "indexing", normal(3), normal(4), indexing="ji"),
    bound=exact,
    reference=ref.meshgrid,
)
case(
    rearrange.flip,
    sample(normal(3, 4)),
    sample(normal(3, 4), axis=1),
    sample(normal(3, 4), axis=(0, 1)),
    sample(complex_normal(3, 4, 2), axis=(-1, 0)),
    sample(normal(0, 3), axis=0),
    bound=exact,
    reference=ref.flip,
)
case(
    rearrange.roll,
    sample(normal(3, 4), 5),
    sample(normal(3, 4), -1, axis=1),
    sample(normal(3, 4), (1, 2), axis=(0, 1)),
    sample(normal(3, 5), 2, axis=-2),
    bound=exact,
    reference=ref.roll,
)
case(
    joining.stack,
    sample([normal(3, 4), normal(3, 4)]),
    sample([normal(3), normal(3), normal(3)], axis=-1),
    sample([normal(), normal()]),
    error(ShapeError, "must be equal", [normal(3), normal(4)]),
    bound=exact,
    reference=ref.stack,
)
case(
    joining.concat,
    sample([normal(3, 4), normal(2, 4)]),
    sample([normal(3, 4), normal(3, 0), normal(3, 1)], axis=-1),
    sample([normal(2, 2), normal(3)], axis=None),
    sample([normal(3), integers(0, 9, 2)]),
    error(ShapeError, "agree outside", [normal(3, 4), normal(3, 5)]),
    bound=exact,
    reference=ref.concat,
)
case(
    joining.unstack,
    sample(normal(3, 4)),
    sample(normal(3, 4), axis=1),
    error(ShapeError, "axis 2", normal(3, 4), axis=2),
    bound=exact,
    reference=ref.unstack,
)
case(
    joining.split,
    sample(normal(5, 2), 2),
    sample(normal(3, 7), (3, 0, 4), axis=1),
    error(ShapeError, "add up", normal(5), (2, 2)),
    bound=exact,
    reference=ref.split,
)
case(
    joining.chunk,
    sample(normal(5, 2), 2),
    sample(normal(3, 7), 3, axis=1),
    error(ShapeError, "positive", normal(5), 0),
    bound=exact,
    reference=ref.chunk,
)
case(
    repetition.tile,
    sample(normal(3, 4), (2, 3)),
    sample(normal(3), (2, 1, 2)),
    sample(normal(3, 4), (2,)),
    sample(normal(3), (0,)),
    bound=exact,
    reference=ref.tile,
)
case(
    repetition.repeat,
    sample(normal(3, 4), 2),
    sample(normal(3, 4), 3, axis=1),
    sample(normal(3, 4), given([2, 0, 1], dtype="int64"), axis=0),
    sample(normal(3), [1, 2, 3]),
    sample(normal(2, 3), given([2, 1, 3], dtype="int64"), axis=-1),
    sample(complex_normal(2, 2), 2, axis=-2),
    bound=exact,
    reference=ref.repeat,
)
case(
    rearrange.tril,
    sample(normal(3, 4)),
    sample(normal(2, 4, 3), k=-1),
    bound=exact,
    reference=ref.tril,
)
case(
    rearrange.triu,
    sample(normal(3, 4)),
    sample(normal(2, 4, 3), k=1),
    bound=exact,
    reference=ref.triu,
)
case(
    repetition.pad,
    sample(normal(3, 4), ((1, 2),)),
    sample(normal(3, 4), ((0, 1), (2, 0)), value=2.5),
    sample(normal(2, 3), ((0, 0), (0, 0))),
    sample(normal(2, 5), ((2, 3),), mode="reflect"),
    sample(normal(2, 3), ((1, 1), (4, 2)), mode="replicate"),
    sample(normal(3, 5), ((2, 3), (5, 1)), mode="circular"),
    sample(normal(3, 5), ((-1, 2), (3, -2)), value=1.5, label="cut off"),
    sample(normal(4, 6), ((-1, 1), (2, -4)), mode="reflect", label="cut off and mirrored"),
    sample(normal(3, 5), ((1, -2), (-2, 1)), mode="replicate", label="cut off and repeated"),
    sample(normal(4, 6), ((-1, 2), (3, -2)), mode="circular", label="cut off and wrapped"),
    error(ShapeError, "cannot pad", normal(3), ((3, 0),), mode="reflect"),
    error(ConfigError, "mode", normal(3), ((1, 1),), mode="mirror"),
    error(ShapeError, "pair of sizes", normal(3), ((-4, 0),)),
    error(ShapeError, "cannot pad", normal(3), ((-2, 2),), mode="circular"),
    bound=exact,
    reference=ref.pad,
)
case(
    joining.diff,
    sample(normal(7)),
    sample(normal(3, 5), axis=0, n=2),
    sample(normal(2, 3), prepend=np.array([[1.0], [2.0]])),
    sample(normal(3), append=np.array([1.0, 4.0])),
    sample(booleans(5), grad=False),
    bound=forward_error(2),
    reference=ref.diff,
)
