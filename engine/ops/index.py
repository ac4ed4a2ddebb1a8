"""Indexing: reading and writing parts of an array, gather and scatter."""

from __future__ import annotations

from typing import Any

from ..autograd.base import TensorBase, recording, written
from ..autograd.op import op
from ..errors import DTypeError, GradientError


def plain(key: Any) -> Any:
    """An index with its tensors replaced by their arrays (no gradient flows to an index)."""
    if isinstance(key, TensorBase):
        return key._array
    if isinstance(key, tuple):
        return tuple([k._array if isinstance(k, TensorBase) else k for k in key])
    return key


@op(needs="", view=True, complex=True)
def getitem(xp, x, /, *, key):
    """x[key]: integers, slices, None, Ellipsis, integer arrays or one boolean mask."""
    shape = x.shape
    return x[plain(key)], lambda gy: xp.put_at(gy, key=key, shape=shape)


@op(needs="", complex=True, linear=True)
def put_at(xp, gy, /, *, key, shape):
    """Zeros of a shape with gy added at key: the adjoint of getitem. An element named twice receives both."""
    return xp.put_at(gy, key=plain(key), shape=shape), lambda ggx: ggx[plain(key)]


@op(needs="", complex=True)
def set_at(xp, x, value, /, *, key):
    """A copy of x with value written at key."""
    out = xp.asarray(x, copy=True)
    out[plain(key)] = value
    return out, (lambda gy: xp.set_at(gy, 0, key=key), lambda gy: gy[plain(key)])


def set_item(t: Any, key: Any, value: Any) -> None:
    """t[key] = value. Writes through to all views where no gradient is involved; otherwise t becomes the pure set_at."""
    if not (recording.get() and (t._requires_grad or (isinstance(value, TensorBase) and value._requires_grad))):
        array = value._array if isinstance(value, TensorBase) else value
        t._array[plain(key)] = array
        written(t)
        return
    become(t, set_at(t, value, key=key), "t[k] = v")


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
