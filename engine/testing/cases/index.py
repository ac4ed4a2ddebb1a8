"""Rows of indexing, gather and scatter."""

from __future__ import annotations

import numpy as np

from ...errors import DTypeError, ShapeError
from ...ops import gather
from ...ops import index as ops
from ..arguments import complex_normal, given, integers, normal
from ..bounds import exact, forward_error
from ..references import index as ref
from ..table import case, error, sample

_ROWS = np.array([2, 0, 2])
_MASK = np.array([True, False, True])

case(
    ops.getitem,
    sample(normal(3, 4), key=1),
    sample(normal(3, 4), key=(slice(None, None, -2), slice(1, 3))),
    sample(normal(3, 4), key=(None, ..., 0)),
    sample(normal(3, 4), key=()),
    sample(normal(3, 4), key=_ROWS),
    sample(normal(3, 4), key=(slice(None), _ROWS)),
    sample(normal(3, 4), key=(_ROWS, np.array([1, 1, 1]))),
    sample(normal(3, 4), key=_MASK),
    sample(normal(3, 4, 2), key=(slice(None), -1, slice(None, None, -1))),
    sample(normal(2, 3, 4), key=(0, slice(None), np.array([[3, -1], [0, 3]]))),
    sample(normal(3, 4), key=np.array([[True, False, True, True], [False] * 4, [False, True, False, True]])),
    sample(complex_normal(3), key=slice(0, 0)),
    bound=exact,
    reference=ref.getitem,
)
case(
    ops.put_at,
    sample(normal(4), key=1, shape=(3, 4)),
    sample(normal(3, 4), key=_ROWS, shape=(3, 4)),
    sample(normal(2, 4), key=_MASK, shape=(3, 4)),
    sample(normal(3, 2), key=(slice(None), slice(1, None, 2)), shape=(3, 4)),
    sample(complex_normal(2, 3), key=(slice(None), np.array([-1, 0, 0])), shape=(2, 4)),
    bound=forward_error(3),
    reference=ref.put_at,
)
case(
    ops.set_at,
    sample(normal(3, 4), normal(4), key=1),
    sample(normal(3, 4), 2.5, key=(slice(None), 1)),
    sample(normal(3, 4), normal(3, 4), key=_ROWS),
    sample(normal(3, 4), normal(4), key=_MASK),
    sample(normal(3, 4), normal(3, 2), key=(slice(None), slice(None, None, -2))),
    sample(complex_normal(3, 2), complex_normal(2), key=-2),
    bound=exact,
    reference=ref.set_at,
)
case(
    gather.take,
    sample(normal(5), integers(0, 5, 7)),
    sample(normal(3, 5), integers(0, 5, 2, 3), axis=1),
    sample(normal(3, 5), integers(0, 3, 0), axis=0),
    sample(complex_normal(2, 3, 4), given([2, 0, 1, 1], dtype="int64"), axis=-2),
    error(ShapeError, "name the one", normal(3, 4), integers(0, 3, 2)),
    error(DTypeError, "indices must be an integer", normal(3), normal(2)),
    bound=exact,
    reference=ref.take,
)
case(
    gather.take_along_axis,
    sample(normal(3, 5), integers(0, 5, 3, 2)),
    sample(normal(3, 5), integers(0, 3, 4, 5), axis=0),
    sample(normal(1, 5), integers(0, 5, 3, 2), axis=1),
    sample(complex_normal(2, 3, 2), integers(0, 3, 2, 4, 2), axis=-2),
    error(ShapeError, "equally many", normal(3, 4), integers(0, 3, 2)),
    error(DTypeError, "indices must be an integer", normal(3), normal(3)),
    bound=exact,
    reference=ref.take_along_axis,
)
case(
    gather.put_along,
    sample(normal(2, 4, 3), integers(0, 4, 2, 5, 3), normal(2, 5, 3)),
    sample(normal(3, 4, 1), given([[[2], [0]], [[1], [1]], [[2], [3]]], dtype="int64"), normal(3, 2, 1)),
    sample(normal(2, 3, 2), integers(0, 3, 2, 0, 2), normal(2, 0, 2)),
    bound=exact,
    kernels=("put_along", "put_along_grad"),
    name="put_along",
    reference=ref.put_along,
)
case(
    gather.weighted_places,
    sample(normal(2, 3, 5), integers(0, 5, 2, 4, 7), normal(2, 4, 7)),
    sample(normal(2, 1, 6), integers(0, 6, 2, 9, 3), normal(2, 9, 3)),
    sample(normal(1, 2, 4), integers(0, 4, 1, 1, 5), normal(1, 1, 5)),
    sample(normal(2, 2, 3), integers(0, 3, 2, 0, 4), normal(2, 0, 4)),
    bound=forward_error(9),
    kernels=("weighted_places", "weighted_places_grad"),
    name="weighted_places",
    reference=ref.weighted_places,
)
case(
    gather.add_along_axis,
    sample(normal(2, 4, 3), integers(0, 4, 2, 5, 3), normal(2, 5, 3), axis=1),
    sample(normal(5, 3), integers(0, 5, 2, 3), normal(2, 3), axis=0),
    bound=forward_error(6),
    name="add_along_axis",
    reference=ref.add_along_axis,
)
case(
    gather.scatter_add,
    sample(normal(4, 3), integers(0, 4, 6), normal(6, 3)),
    sample(normal(4), integers(0, 4, 2, 3), normal(2, 3)),
    sample(normal(4, 2), integers(0, 4, 0), normal(0, 2)),
    sample(normal(3, 2, 2), given([2, 0, 2, 2], dtype="int32"), normal(4, 2, 2), label="a row thrice"),
    sample(complex_normal(3, 2), integers(0, 3, 4), complex_normal(4, 2)),
    error(ShapeError, "updates must have shape", normal(4, 3), integers(0, 4, 6), normal(6, 2)),
    error(DTypeError, "indices must be an integer", normal(4), normal(2), normal(2)),
    bound=forward_error(6),
    reference=ref.scatter_add,
)
case(
    gather.nonzero,
    sample(given([[0.0, 1.0], [2.0, 0.0]])),
    error(ShapeError, "no axes", normal()),
    bound=exact,
    differentiable=False,
    reference=ref.nonzero,
)
case(
    gather.one_hot,
    sample(integers(0, 4, 2, 3), 4),
    sample(integers(0, 3), 3, dtype=np.dtype("int64")),
    error(DTypeError, "x must be an integer", normal(3), 4),
    bound=exact,
    differentiable=False,
    reference=ref.one_hot,
)
