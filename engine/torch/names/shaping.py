"""Shapes, axes, joining and cutting."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from .core import METHODS, aliasing, define, in_place, is_tensor, refuse, sizes
from .engine import dl


def key(dim: int, rank: int, *part: Any) -> tuple[Any, ...]:
    """An index that leaves the axes before dim whole."""
    if rank and not -rank <= dim < rank:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-rank}, {rank - 1}], but got {dim})")
    return (*(slice(None),) * (dim % rank if rank else 0), *part)


# ---------------------------------------------------------------------- shape
@define("reshape")
def reshape(input: Any, *shape: Any) -> Any:
    return dl.reshape(input, sizes(shape))


@define("view", function=False)
def view(input: Any, *shape: Any, dtype: Any = None) -> Any:
    if dtype is not None or (len(shape) == 1 and isinstance(shape[0], np.dtype)):
        array = input.array.view(shape[0] if dtype is None else dtype)
        return aliasing(dl.asarray(array, device=input.device), input, array)
    wanted = sizes(shape)
    if input.array.flags.c_contiguous:  # which every shape is a view of
        return dl.reshape(input, wanted)
    try:
        return dl.reshape(input, wanted, copy=False)
    except dl.errors.ShapeError:
        return _laid_out(input, wanted)


def _laid_out(input: Any, wanted: tuple[int, ...]) -> Any:
    """A view of elements that PyTorch lays out in rows and dlengine did not: a copy, which refuses writes, since these would
    not reach the tensor that it is to be a view of."""
    return aliasing(dl.reshape(input, wanted), input, None)


METHODS["reshape_as"] = lambda self, other: METHODS["reshape"](self, other.shape)
METHODS["view_as"] = lambda self, other: METHODS["view"](self, other.shape)


@define("flatten")
def flatten(input: Any, start_dim: int = 0, end_dim: int = -1) -> Any:
    if input.ndim == 0:
        return dl.reshape(input, (1,))
    return dl.flatten(input, start_axis=start_dim, end_axis=end_dim)


@define("ravel")
def _ravel(input: Any) -> Any:
    return dl.reshape(input, (-1,))


@define("unflatten")
def _unflatten(input: Any, dim: int, sizes: Any) -> Any:
    at = dim % input.ndim
    return dl.reshape(input, (*input.shape[:at], *sizes, *input.shape[at + 1 :]))


@define("squeeze")
def squeeze(input: Any, dim: Any = None) -> Any:
    shape: tuple[int, ...] = input.array.shape
    if dim is None:
        gone = tuple([i for i, n in enumerate(shape) if n == 1])
    elif type(dim) is int and -len(shape) <= dim < len(shape):
        gone = (dim % len(shape),) if shape[dim] == 1 else ()
    else:
        asked = (dim,) if isinstance(dim, int) else tuple(dim)
        for d in asked:
            key(d, max(input.ndim, 1))
        gone = tuple(d % input.ndim for d in asked if input.ndim and input.shape[d] == 1)
    return dl.squeeze(input, axis=gone)


@define("unsqueeze")
def unsqueeze(input: Any, dim: int) -> Any:
    return dl.expand_dims(input, axis=dim)


@define("expand", function=False)
def expand(input: Any, *shape: Any, implicit: bool = False) -> Any:
    wanted = sizes(shape)
    new = len(wanted) - input.ndim
    full = tuple(n if n != -1 else input.shape[i - new] for i, n in enumerate(wanted))
    return dl.reshape(input, full) if full == tuple(input.shape) else dl.broadcast_to(input, full)


@define("expand_as", function=False)
def _expand_as(input: Any, other: Any) -> Any:
    return expand(input, other.shape)


@define("broadcast_to")
def _broadcast_to(input: Any, size: Any) -> Any:
    return expand(input, size)


@define("broadcast_tensors", method=False)
def broadcast_tensors(*tensors: Any) -> Any:
    given = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], list | tuple) else tensors
    shape = dl.broadcast_shapes(*(t.shape for t in given))
    return tuple(expand(t, shape) for t in given)


@define("atleast_1d", method=False)
def _atleast_1d(*tensors: Any) -> Any:
    return at_least(1, tensors)


@define("atleast_2d", method=False)
def _atleast_2d(*tensors: Any) -> Any:
    return at_least(2, tensors)


@define("atleast_3d", method=False)
def _atleast_3d(*tensors: Any) -> Any:
    return at_least(3, tensors)


def at_least(rank: int, tensors: Any) -> Any:
    """Tensors with new axes of size 1 up to a number of axes."""
    if len(tensors) == 1 and isinstance(tensors[0], list | tuple):
        tensors = tensors[0]
    one = len(tensors) == 1
    out = []
    for t in tensors:
        while t.ndim < rank:
            t = dl.expand_dims(t, axis=-1 if t.ndim == 2 else 0)
        out.append(t)
    return out[0] if one else tuple(out)


# ---------------------------------------------------------------------- axes
@define("permute")
def permute(input: Any, *dims: Any) -> Any:
    return dl.permute_dims(input, sizes(dims))


@define("transpose", "swapaxes", "swapdims")
def transpose(input: Any, dim0: int, dim1: int) -> Any:
    if input.ndim == 0:
        return input
    order = list(range(input.ndim))
    key(dim0, input.ndim), key(dim1, input.ndim)
    order[dim0], order[dim1] = order[dim1], order[dim0]
    return dl.permute_dims(input, tuple(order))


@define("t")
def _t(input: Any) -> Any:
    if input.ndim > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {input.ndim}D")
    return input if input.ndim < 2 else dl.matrix_transpose(input)


@define("adjoint")
def _adjoint(input: Any) -> Any:
    x = dl.matrix_transpose(input)
    return dl.conj(x) if x.dtype.kind == "c" else x


@define("movedim", "moveaxis")
def _movedim(input: Any, source: Any, destination: Any) -> Any:
    return dl.moveaxis(input, source, destination)


@define("flip")
def flip(input: Any, *dims: Any) -> Any:
    return dl.clone(dl.flip(input, axis=sizes(dims)) if input.ndim else input)


@define("fliplr")
def _fliplr(input: Any) -> Any:
    return dl.clone(dl.flip(input, axis=1))


@define("flipud")
def _flipud(input: Any) -> Any:
    return dl.clone(dl.flip(input, axis=0))


@define("rot90")
def _rot90(input: Any, k: int = 1, dims: Any = (0, 1)) -> Any:
    a, b = dims
    turned = {0: lambda x: dl.clone(x), 1: lambda x: transpose(dl.flip(x, axis=b), a, b), 2: lambda x: dl.flip(x, axis=(a, b)),
              3: lambda x: dl.flip(transpose(x, a, b), axis=b)}  # fmt: skip
    return dl.clone(turned[k % 4](input))


@define("roll")
def _roll(input: Any, shifts: Any, dims: Any = None) -> Any:
    if not input.ndim:
        return dl.clone(input)
    shift = tuple(shifts) if isinstance(shifts, list | tuple) else shifts
    if dims is None or dims == () or dims == []:
        return dl.reshape(dl.roll(dl.reshape(input, (-1,)), shift if isinstance(shift, int) else shift[0], axis=0), input.shape)
    return dl.roll(input, shift, axis=tuple(dims) if isinstance(dims, list | tuple) else dims)


@define("tile")
def _tile(input: Any, *dims: Any) -> Any:
    return dl.tile(input, sizes(dims))


@define("repeat", function=False)
def _repeat(input: Any, *repeats: Any) -> Any:
    times = sizes(repeats)
    if len(times) < input.ndim:
        raise RuntimeError("Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor")
    return dl.tile(input, times)


@define("repeat_interleave")
def _repeat_interleave(input: Any, repeats: Any = None, dim: Any = None, *, output_size: Any = None) -> Any:
    if repeats is None:
        return dl.repeat(dl.arange(input.shape[0], device=input.device), input)
    if dim is None:
        input, dim = dl.reshape(input, (-1,)), 0
    if is_tensor(repeats) and repeats.shape in ((), (1,)):
        repeats = int(repeats.item())
    return dl.repeat(input, repeats, axis=dim)


@define("tril")
def _tril(input: Any, diagonal: int = 0) -> Any:
    return dl.tril(input, k=diagonal)


@define("triu")
def _triu(input: Any, diagonal: int = 0) -> Any:
    return dl.triu(input, k=diagonal)


# ---------------------------------------------------------------------- products of sets
@define("meshgrid", method=False)
def _meshgrid(*tensors: Any, indexing: str = "ij") -> Any:
    given = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], list | tuple) else tensors
    axes = [dl.reshape(t, (1,)) if t.ndim == 0 else t for t in given]
    if len(axes) == 1:
        return (axes[0],)
    return dl.meshgrid(*axes, indexing=indexing)


@define("cartesian_prod", method=False)
def _cartesian_prod(*tensors: Any) -> Any:
    if len(tensors) == 1:
        return tensors[0]
    return dl.stack([dl.reshape(g, (-1,)) for g in dl.meshgrid(*tensors, indexing="ij")], axis=-1)


@define("combinations")
def _combinations(input: Any, r: int = 2, with_replacement: bool = False) -> Any:
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    rows = np.asarray(list(choose(range(input.shape[0]), r)), dtype=np.int64).reshape(-1, r)
    return dl.reshape(dl.take(input, dl.asarray(rows.reshape(-1), device=input.device), axis=0), rows.shape)


COPIES = ("expand", "permute", "select", "squeeze", "t", "transpose", "unbind", "unfold", "unsqueeze", "view", "narrow",
          "diagonal", "alias", "split_with_sizes", "split")  # fmt: skip
in_place("squeeze", "unsqueeze", "transpose", "t", "tril", "triu", "swapaxes", "swapdims")


def _changing_shape(name: str) -> None:
    """In place, these change the tensor's own shape."""
    f = METHODS[name]

    def method(self: Any, *args: Any, **options: Any) -> Any:
        found = f(self, *args, **options)
        if self.requires_grad and dl.is_grad_enabled():
            raise refuse(f"Tensor.{name}_", "a recorded tensor cannot change its shape in place; assign the result to a name")
        self.array = found.array
        return self

    METHODS[name + "_"] = method


for _name in ("squeeze", "unsqueeze", "transpose", "t", "swapaxes", "swapdims"):
    _changing_shape(_name)


@define("broadcast_shapes", method=False)
def _broadcast_shapes(*shapes: Any) -> Any:
    from .places import Size

    return Size(dl.broadcast_shapes(*((s,) if isinstance(s, int) else tuple(s) for s in shapes)))


@define("sum_to_size")
def _sum_to_size(input: Any, *size: Any) -> Any:
    wanted = sizes(size)
    lead = input.ndim - len(wanted)
    x = dl.sum(input, axis=tuple(range(lead))) if lead else input
    narrow = tuple(i for i, (n, m) in enumerate(zip(wanted, x.shape, strict=True)) if n == 1 != m)
    return dl.sum(x, axis=narrow, keepdims=True) if narrow else x


@define("unravel_index", method=False)
def _unravel_index(indices: Any, shape: Any) -> Any:
    wanted = (shape,) if isinstance(shape, int) else tuple(shape)
    found = np.unravel_index(indices.numpy_copy(), wanted)
    return tuple(dl.asarray(np.asarray(f).astype(np.int64), device=indices.device) for f in found)
