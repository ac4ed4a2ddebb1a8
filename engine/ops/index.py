"""Indexing: reading and writing parts of an array, gather and scatter.

No gradient flows to an index. What a recorded index reads is copied first, so that a later write to it does no harm.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import backend
from ..autograd.base import TensorBase, recording, wrap, written
from ..autograd.fp_errors import ignore_fp_errors, restore_fp_errors
from ..autograd.op import op
from ..autograd.promotion import is_complex
from ..backend import spaces
from ..errors import BadIndexError, DeviceError, DTypeError, GradientError, NumberTooLarge, ShapeError
from .ids import check_ids, on_host

if TYPE_CHECKING:
    from ..typing import Tensor, TensorLike

__all__ = ["set_at"]

_ALL = slice(None)
_BASIC = frozenset((int, slice, type(None), type(...), bool))


def plain(key: Any) -> Any:
    """An index with its tensors replaced by their arrays."""
    if isinstance(key, TensorBase):
        return key.array
    if isinstance(key, tuple):
        return tuple([k.array if isinstance(k, TensorBase) else k for k in key])
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
    kind = type(x.array)
    if isinstance(k, TensorBase):
        k = k.array
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
    return recording.get() and any(isinstance(v, TensorBase) and v.needs_grad for v in values)


@op(needs="", view=True, complex=True, name="getitem", adds=("put_at", (0,)), fresh=True)
def _getitem(xp, x, /, *, key):
    """The op behind getitem."""
    shape = x.shape
    bare = key if type(key) in _BASIC else plain(key)
    return xp.get_at(x, bare), lambda gy: xp.reshape(gy, shape) if _whole(key) else xp.put_at(gy, key=key, shape=shape)


def _whole(key: Any) -> bool:
    """Whether x[key] has all elements of x in their order, as x[:, None] has."""
    parts = key if type(key) is tuple else (key,)
    return all(k is None or k is ... or (type(k) is slice and k == _ALL) for k in parts)


def getitem(x: Any, /, *, key: Any) -> Tensor:
    """x[key]: integers, slices, None, Ellipsis, integer arrays or one boolean mask."""
    return element(x, key)


def element(x: Any, key: Any, /) -> Tensor:
    """What a tensor does for x[key]."""
    if type(key) not in _BASIC:
        if type(key) is not tuple or not _BASIC.issuperset(map(type, key)):
            key = frozen(x, key, _records(x))
    taken: Any = _getitem  # which has its constant by position, too
    return taken(x, key)


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


def set_at(x: Tensor, value: TensorLike, /, *, key: Any) -> Tensor:
    """Return a copy of a tensor with values written at an index.

    Parameters
    ----------
    x : Tensor
        Any shape.
    value : Tensor or number
        What to write; it broadcasts to ``x[key]``.
    key : index
        Integers, slices, None, Ellipsis, integer tensors or one boolean mask.

    Returns
    -------
    Tensor
        Shape and dtype of ``x``. Of an element named twice, the last value counts and gets the gradient.

    Examples
    --------
    >>> dl.set_at(dl.asarray([1.0, 2.0, 3.0]), 9.0, key=1)
    tensor([1., 9., 3.])
    """
    return _set_at(x, value, key=frozen(x, key, _records(x, value)))


def set_item(t: Any, key: Any, value: Any) -> None:
    """t[key] = value. Writes through to all views where no gradient is involved; otherwise t becomes the pure set_at."""
    if _records(t, value):
        become(t, set_at(t, value, key=key), "t[k] = v")
        return
    array = value.array if isinstance(value, TensorBase) else value
    if type(array) is type(t.array) is np.ndarray and array.dtype is t.array.dtype:
        pass  # nothing of what follows can be wrong
    elif hasattr(array, "dtype") and is_complex(array) and not is_complex(t.array):
        raise DTypeError(f"t[k] = v: complex values do not fit into {t.array.dtype}; write their real or imaginary part")
    elif isinstance(value, TensorBase) and backend.device_of(array) != backend.device_of(t.array):
        there, here = backend.device_of(array), backend.device_of(t.array)
        raise DeviceError(f"t[k] = v: t is on {here}, v on {there}; move it with v.to(device)")
    backend.space_of(t.array)
    token = ignore_fp_errors()
    try:
        t.array[frozen(t, key, False)] = array
    except ValueError as e:
        raise ShapeError(f"t[k] = v: {e}; t has shape {tuple(t.array.shape)}, v {tuple(getattr(array, 'shape', ()))}") from e
    except OverflowError as e:
        raise NumberTooLarge(f"t[k] = v: {e}, the dtype of t; convert it first, with astype") from e
    except IndexError as e:
        raise BadIndexError(f"t[k] = v: {e}; t has shape {tuple(t.array.shape)}") from e
    finally:
        restore_fp_errors(token)
    written(t)


def overwrite(t: Any, new: Any) -> None:
    """t[...] = new, a tensor of its shape and dtype, under no_grad: what layers do to their running statistics."""
    backend.space_of(t.array)
    try:
        t.array[...] = new.array
    except ValueError:  # memory that is not to be written, say
        set_item(t, ..., new)
        return
    written(t)


def become(t: Any, new: Any, what: str) -> None:
    """Let t take the array and node of new: an assignment that autograd follows."""
    if t.node is None and t.needs_grad:
        raise GradientError(f"{what}: t is a leaf that requires a gradient; write under dl.no_grad(), or to t.clone()")
    if t._view:
        raise GradientError(f"{what}: t is a view, which a recorded write cannot reach; use dl.set_at or write to t.clone()")
    if new.array.dtype != t.array.dtype or new.array.shape != t.array.shape:
        raise DTypeError(
            f"{what}: the result has shape {new.array.shape} and dtype {new.array.dtype}, but t has "
            f"{t.array.shape} and {t.array.dtype}; assign to a new name instead"
        )
    if new.node is not None and t.node is None:  # else t would hold the node that holds t, and both would stay
        before = wrap(t.array)
        before.version = t.version
        new.node.inputs = [before if source is t else source for source in new.node.inputs]
    t.array, t.node, t._index = new.array, new.node, new._index
    t.needs_grad, t.version = new.needs_grad, new.version
    if t.node is not None:  # older nodes that hold t itself must see that it is another value now
        t.version[0] = t.node.seq


# ---------------------------------------------------------------------- gather and scatter
