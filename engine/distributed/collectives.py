"""Collectives as ops: sums, concatenations and copies over ranks, whose gradients are collectives too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from dlengine.kernels import graph_capture

from .. import backend
from ..autograd.base import TensorBase
from ..autograd.op import op
from ..errors import ShapeError

if TYPE_CHECKING:
    from ..typing import Namespace, Tensor, ValueAndVJP
    from .communicator import Communicator


@op(needs="")
def total(xp: Namespace, x: Tensor, /, *, communicator: Communicator) -> ValueAndVJP:
    """The sum of a tensor over all ranks."""
    return reduced(x, communicator), lambda gy: reduced(gy, communicator)


@op
def extreme(xp: Namespace, x: Tensor, /, *, communicator: Communicator, operation: str) -> ValueAndVJP:
    """The largest or smallest of each element over all ranks; no gradient flows."""
    return reduced(x, communicator, operation), None


@op(needs="")
def gathered(xp: Namespace, x: Tensor, /, *, communicator: Communicator, axis: int = 0) -> ValueAndVJP:
    """The tensors of all ranks, concatenated along an axis."""
    if not -x.ndim <= axis < x.ndim:
        raise ShapeError(f"all_gather: axis must be one of the {x.ndim} axes of shape {x.shape}, got {axis}")
    place = axis % x.ndim
    sizes = communicator.host.all_gather(np.asarray(x.shape, np.int64))
    own = communicator.rank
    if (np.delete(sizes, place, 1) != np.delete(sizes[own], place)).any():
        raise ShapeError(f"all_gather: shapes may differ between ranks along axis {axis} alone, got {sizes.tolist()}")
    lengths = [int(n) for n in sizes[:, place]]
    start = sum(lengths[:own])
    index = (*(slice(None),) * place, slice(start, start + lengths[own]))
    return concatenated(x, communicator, place, lengths), lambda gy: reduced(gy, communicator)[index]


@op(needs="")
def scattered(xp: Namespace, x: Tensor, /, *, communicator: Communicator) -> ValueAndVJP:
    """The own rows of the sum over all ranks."""
    ranks = communicator.size
    if x.ndim == 0 or x.shape[0] % ranks:
        raise ShapeError(f"reduce_scatter: x (size*M,...) needs rows for each of {ranks} ranks, got shape {x.shape}")
    rows = x.shape[0] // ranks
    return own_rows_of_sum(x, communicator), lambda gy: concatenated(gy, communicator, 0, [rows] * ranks)


@op(needs="")
def sent(xp: Namespace, x: Tensor, /, *, communicator: Communicator, root: int) -> ValueAndVJP:
    """The tensor of one rank."""

    def pull(gy: Any) -> Any:
        total_gradient = reduced(gy, communicator)
        return total_gradient if communicator.rank == root else total_gradient * 0

    return copied(x, communicator, root), pull


def reduced(x: Any, communicator: Communicator, operation: str = "sum") -> Any:
    """An array combined over all ranks; a tensor as the op."""
    if isinstance(x, TensorBase):
        return total(x, communicator=communicator)  # type: ignore[arg-type]
    buffer = _buffer(x, "all_reduce")
    what = f"all_reduce of {buffer.size:,} {buffer.dtype}"
    communicator.transport(buffer).start_reduce(buffer, operation, what).wait()
    return _like(buffer, x)


def concatenated(x: Any, communicator: Communicator, axis: int, lengths: list[int]) -> Any:
    """The arrays of all ranks along an axis, of these lengths; a tensor as the op."""
    if isinstance(x, TensorBase):
        return gathered(x, communicator=communicator, axis=axis)  # type: ignore[arg-type]
    xp = backend.space_of(x)
    longest = max(lengths)
    if x.shape[axis] < longest:
        missing = (*x.shape[:axis], longest - x.shape[axis], *x.shape[axis + 1 :])
        x = xp.concat([x, xp.zeros(missing, dtype=x.dtype)], axis=axis)
    buffer = _buffer(x, "all_gather")
    found = communicator.transport(buffer).all_gather(buffer)
    index = (slice(None),) * axis
    return _like(xp.concat([part[(*index, slice(0, n))] for part, n in zip(found, lengths, strict=True)], axis=axis), x)


def own_rows_of_sum(x: Any, communicator: Communicator) -> Any:
    """The own rows of the sum over ranks; a tensor as the op."""
    if isinstance(x, TensorBase):
        return scattered(x, communicator=communicator)  # type: ignore[arg-type]
    buffer = _buffer(x, "reduce_scatter")
    rows = x.shape[0] // communicator.size
    xp = backend.space_of(buffer)
    cut = xp.reshape(buffer, (communicator.size, rows, *x.shape[1:]))
    return _like(communicator.transport(buffer).reduce_scatter(cut), x)


def copied(x: Any, communicator: Communicator, root: int) -> Any:
    """The array of one rank; a tensor as the op."""
    if isinstance(x, TensorBase):
        return sent(x, communicator=communicator, root=root)  # type: ignore[arg-type]
    buffer = _buffer(x, "broadcast")
    communicator.transport(buffer).broadcast(buffer, root)
    return _like(buffer, x)


def _buffer(x: Any, name: str) -> Any:
    """A contiguous copy, in a dtype that is sent and added: float32 for half precision, uint8 for booleans."""
    graph_capture.refuse(f"{name} waits for other processes; call it outside of the captured step")
    xp = backend.space_of(x)
    buffer = xp.asarray(x, copy=True)
    if buffer.dtype.itemsize == 2 and buffer.dtype.kind not in "iu":
        buffer = xp.astype(buffer, xp.float32)
    elif buffer.dtype == xp.bool:
        buffer = xp.astype(buffer, xp.uint8)
    return buffer if buffer.flags.c_contiguous else xp.reshape(xp.reshape(buffer, (-1,)), buffer.shape)


def _like(buffer: Any, x: Any) -> Any:
    """The result in the dtype of the argument."""
    return buffer if buffer.dtype == x.dtype else backend.space_of(buffer).astype(buffer, x.dtype)
