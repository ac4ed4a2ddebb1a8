"""Indexing: reading and writing parts of an array, gather and scatter.

No gradient flows to an index. What a recorded index reads is copied first, so that a later write to it does no harm.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import backend
from ..autograd.base import TensorBase, recording, written
from ..autograd.op import op
from ..autograd.promotion import get_default_dtype, is_complex
from ..autograd.quiet import quiet, unquiet
from ..backend import spaces
from ..errors import BadIndexError, DeviceError, DTypeError, GradientError, NumberTooLarge, ShapeError
from .ids import check_ids, on_host
from .shape import axis_of

__all__ = ["gather", "nonzero", "one_hot", "scatter_add", "set_at", "take", "take_along_axis"]

_BASIC = frozenset((int, slice, type(None), type(...), bool))


def plain(key: Any) -> Any:
    """An index with its tensors replaced by their arrays."""
    if isinstance(key, TensorBase):
        return key._array
    if isinstance(key, tuple):
        return tuple([k._array if isinstance(k, TensorBase) else k for k in key])
    return key


def frozen(x: Any, key: Any, copy: bool) -> Any:
    """An index of bare arrays and constants for x; copy: nobody else may hold its arrays."""
    if type(key) in _BASIC:
        return key
    if type(key) is tuple:
        for k in key:
            if type(k) not in _BASIC:
                return tuple([_frozen_part(x, k, copy) for k in key])
        return key
    return _frozen_part(x, key, copy)


def _frozen_part(x: Any, k: Any, copy: bool) -> Any:
    if type(k) in _BASIC:
        return k
    if isinstance(k, np.integer):
        return int(k)
    if isinstance(k, slice):
        return k
    kind = type(x._array)
    if isinstance(k, TensorBase):
        k = k._array
    if getattr(k, "dtype", None) == np.uint64 and on_host(k) is not None:  # NumPy wraps what int64 cannot hold
        check_ids("getitem", "index", k, 2**63)
    elif isinstance(k, (list, range)):
        k = np.asarray(k) if len(k) else np.zeros(0, np.int64)
    elif not hasattr(k, "dtype"):
        raise BadIndexError(f"an index holds integers, slices, None, ... and integer or boolean tensors, got {type(k).__name__}")
    if type(k) is kind and not copy:
        return k
    return spaces()[kind].asarray(k, copy=True)


def _records(*values: Any) -> bool:
    return recording.get() and any(isinstance(v, TensorBase) and v._requires_grad for v in values)


@op(needs="", view=True, complex=True, name="getitem")
def _getitem(xp, x, /, *, key):
    """The op behind getitem."""
    shape = x.shape
    return xp.get_at(x, plain(key)), lambda gy: xp.put_at(gy, key=key, shape=shape)


def getitem(x: Any, /, *, key: Any) -> Any:
    """x[key]: integers, slices, None, Ellipsis, integer arrays or one boolean mask."""
    return _getitem(x, key=frozen(x, key, _records(x)))


def get_at(x: Any, key: Any, /) -> Any:
    """getitem under the name that op texts use."""
    return getitem(x, key=key)


@op(needs="", complex=True, name="put_at")
def _put_at(xp, gy, /, *, key, shape):
    """The op behind put_at."""
    return xp.put_at(gy, key=plain(key), shape=shape), lambda ggx: xp.get_at(ggx, plain(key))


def put_at(gy: Any, /, *, key: Any, shape: tuple[int, ...]) -> Any:
    """Zeros of a shape with gy added at key: the adjoint of x[key]. An element named twice receives both."""
    return _put_at(gy, key=frozen(gy, key, _records(gy)), shape=shape)


@op(needs="", complex=True, name="set_at")
def _set_at(xp, x, value, /, *, key):
    """The op behind set_at."""
    if hasattr(value, "dtype") and is_complex(value) and not is_complex(x):
        raise DTypeError(f"set_at: complex values do not fit into {x.dtype}; write their real or imaginary part")
    out = xp.set_at(x, value, key=plain(key))
    size, shape = math.prod(x.shape), x.shape

    def of_value(gy):
        g = xp.get_at(gy, plain(key))
        if all(type(k) in _BASIC for k in (key if isinstance(key, tuple) else (key,))):
            return g
        # an element named twice keeps the last of its values: only that one gets the gradient
        places = xp.reshape(xp.arange(size), shape)
        order = xp.reshape(xp.arange(math.prod(g.shape)), g.shape)
        return xp.where(xp.get_at(xp.set_at(places, order, key=plain(key)), plain(key)) == order, g, 0)

    return out, (lambda gy: xp.set_at(gy, 0, key=plain(key)), of_value)


def set_at(x: Any, value: Any, /, *, key: Any) -> Any:
    """A copy of x with value written at key."""
    return _set_at(x, value, key=frozen(x, key, _records(x, value)))


def set_item(t: Any, key: Any, value: Any) -> None:
    """t[key] = value. Writes through to all views where no gradient is involved; otherwise t becomes the pure set_at."""
    if _records(t, value):
        become(t, set_at(t, value, key=key), "t[k] = v")
        return
    array = value._array if isinstance(value, TensorBase) else value
    if hasattr(array, "dtype") and is_complex(array) and not is_complex(t._array):
        raise DTypeError(f"t[k] = v: complex values do not fit into {t._array.dtype}; write their real or imaginary part")
    if isinstance(value, TensorBase) and backend.device_of(array) != backend.device_of(t._array):
        there, here = backend.device_of(array), backend.device_of(t._array)
        raise DeviceError(f"t[k] = v: t is on {here}, v on {there}; move it with v.to(device)")
    backend.space_of(t._array)
    token = quiet()
    try:
        t._array[frozen(t, key, False)] = array
    except ValueError as e:
        raise ShapeError(f"t[k] = v: {e}; t has shape {tuple(t._array.shape)}, v {tuple(getattr(array, 'shape', ()))}") from e
    except OverflowError as e:
        raise NumberTooLarge(f"t[k] = v: {e}, the dtype of t; convert it first, with astype") from e
    except IndexError as e:
        raise BadIndexError(f"t[k] = v: {e}; t has shape {tuple(t._array.shape)}") from e
    finally:
        unquiet(token)
    written(t)


def become(t: Any, new: Any, what: str) -> None:
    """Let t take the array and node of new: an assignment that autograd follows."""
    if t._node is None and t._requires_grad:
        raise GradientError(f"{what}: t is a leaf that requires a gradient; write under dl.no_grad(), or to t.clone()")
    if t._view:
        raise GradientError(f"{what}: t is a view, which a recorded write cannot reach; use dl.set_at or write to t.clone()")
    if new._array.dtype != t._array.dtype or new._array.shape != t._array.shape:
        raise DTypeError(
            f"{what}: the result has shape {new._array.shape} and dtype {new._array.dtype}, but t has "
            f"{t._array.shape} and {t._array.dtype}; assign to a new name instead"
        )
    t._array, t._node, t._index = new._array, new._node, new._index
    t._requires_grad, t._version = new._requires_grad, new._version
    if t._node is not None:  # older nodes that hold t itself must see that it is another value now
        t._version[0] = t._node.seq


# ---------------------------------------------------------------------- gather and scatter
def check_integers(xp: Any, name: str, argument: str, indices: Any) -> None:
    """DTypeError unless an argument is an integer array."""
    if not hasattr(indices, "dtype") or not xp.isdtype(indices.dtype, "integral"):
        raise DTypeError(f"{name}: {argument} must be an integer tensor, got {getattr(indices, 'dtype', type(indices).__name__)}")


@op(needs="indices", complex=True, arrays=2)
def take(xp, x, indices, /, *, axis=None):
    """The slices of x at indices along an axis (None: the only one); negative indices count from the end.

    Raises BadIndexError on the CPU for an index out of range, ShapeError, DTypeError.
    """
    if axis is None and x.ndim != 1:
        raise ShapeError(f"take: x has {x.ndim} axes, name the one to take along: axis=...")
    if isinstance(indices, list):
        indices = xp.asarray(indices, dtype=xp.int64)
    check_integers(xp, "take", "indices", indices)
    at = axis_of("take", 0 if axis is None else axis, x.ndim)
    shape = x.shape
    check_ids("take", "indices", indices, shape[at], negative=True, of=f"on axis {at}")

    def pull(gy, need):
        return xp.put_at(gy, key=(*(slice(None),) * at, indices), shape=shape), None

    if indices.ndim == 1:
        return xp.take(x, indices, axis=at), pull
    y = xp.take(x, xp.reshape(indices, (-1,)), axis=at)
    return xp.reshape(y, (*shape[:at], *indices.shape, *shape[at + 1 :])), pull


def axis_key(xp: Any, shape: tuple[int, ...], at: int, indices: Any) -> tuple[Any, ...]:
    """The index that names, along axis at, the elements at indices, and on the other axes the ones in place."""
    rank = len(shape)
    return tuple(
        indices if i == at else xp.reshape(xp.arange(n), tuple(-1 if i == j else 1 for j in range(rank)))
        for i, n in enumerate(shape)
    )


@op(needs=("indices", ""), complex=True, arrays=2)
def take_along_axis(xp, x, indices, /, *, axis=-1):
    """y[..., i, ...] = x[..., indices[..., i, ...], ...]: for each place on the other axes its own elements of x.

    Negative indices count from the end. Raises BadIndexError on the CPU for an index out of range, ShapeError, DTypeError.
    """
    check_integers(xp, "take_along_axis", "indices", indices)
    if x.ndim != indices.ndim:
        raise ShapeError(f"take_along_axis: x has {x.ndim} axes and indices {indices.ndim}; they must have equally many")
    at = axis_of("take_along_axis", axis, x.ndim)
    shape = x.shape
    check_ids("take_along_axis", "indices", indices, shape[at], negative=True, of=f"on axis {at}")

    def pull(gy):
        return xp.put_at(gy, key=axis_key(xp, shape, at, indices), shape=shape)

    return xp.take_along_axis(x, indices, axis=axis), (pull, lambda gy: None)


gather = take_along_axis


@op(needs=("", "", "indices"), complex=True, linear=True)
def scatter_add(xp, x, indices, updates, /):
    """x with updates added to its rows at indices; repeated indices add up, in order.

    x: (R, ...). indices: any shape, integers in 0 ... R - 1. updates: indices.shape + x.shape[1:].
    Raises BadIndexError on the CPU for an index out of range, negative ones included, ShapeError, DTypeError.
    """
    check_integers(xp, "scatter_add", "indices", indices)
    if tuple(updates.shape) != (*indices.shape, *x.shape[1:]):
        raise ShapeError(
            f"scatter_add: updates must have shape indices.shape + x.shape[1:] = {(*indices.shape, *x.shape[1:])}, "
            f"got {tuple(updates.shape)}"
        )
    check_ids("scatter_add", "indices", indices, x.shape[0], of="rows of x")

    def of_updates(gy):
        return xp.reshape(xp.take(gy, xp.reshape(indices, (-1,)), axis=0), updates.shape)

    return xp.scatter_add(x, indices, updates), (lambda gy: gy, lambda gy: None, of_updates)


@op(needs="")
def nonzero(xp, x, /):
    """The indices of the elements that are not zero, one integer tensor per axis."""
    if x.ndim == 0:
        raise ShapeError("nonzero: x has no axes; reshape it to (1,) first")
    return tuple(xp.nonzero(x)), None


@op(needs="")
def one_hot(xp, x, /, num_classes, *, dtype=None):
    """A new last axis of num_classes with 1 at the index that x names and 0 elsewhere. x: integers (...).

    Raises BadIndexError on the CPU for a number outside 0 ... num_classes - 1 (on a GPU its row is all 0), DTypeError.
    """
    check_integers(xp, "one_hot", "x", x)
    check_ids("one_hot", "x", x, num_classes, of="classes")
    # int64: in the type of x, the numbers of many classes could wrap around
    hot = xp.astype(x, xp.int64)[..., None] == xp.arange(num_classes, dtype=xp.int64)
    return xp.astype(hot, xp.dtype(get_default_dtype()) if dtype is None else dtype), None
