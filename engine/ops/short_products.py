"""Small calls of products, norms and transforms, see dlengine.autograd.short."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from math import prod
from typing import Any, NamedTuple

import numpy as np

from dlengine.kernels.late import imported

from ..autograd.base import TensorBase, tensor_class
from ..autograd.fp_errors import QUIET, SET, restore_fp_errors
from ..autograd.small import small_calls
from ..autograd.small_kernels import Answer, Leaf, floats, unrecorded
from ..recording import answer as answered
from .einsum import parse
from .piecewise import plain_prelu

Ints = tuple[int, ...]

REPEATED = 4096
"""Elements up to which slopes are written out one for each."""


class _Plan(NamedTuple):
    """A product of two matrices. first, second: the order of each operand's axes in its matrix, None for as they are."""

    first: Ints | None
    second: Ints | None
    rows: Ints
    columns: Ints
    shape: Ints


def _plan(shapes: tuple[Ints, Ints], kept: tuple[Ints, Ints], summed: tuple[Ints, Ints]) -> _Plan:
    """kept, summed: the axes of each operand that stay and those that are summed."""
    (one, two), depth = shapes, prod([shapes[0][a] for a in summed[0]])
    orders = (*kept[0], *summed[0]), (*summed[1], *kept[1])
    first, second = [None if order == tuple(range(len(order))) else order for order in orders]
    left, right = tuple([one[a] for a in kept[0]]), tuple([two[a] for a in kept[1]])
    return _Plan(first, second, (prod(left), depth), (depth, prod(right)), left + right)


@lru_cache(maxsize=256)
def _of_equation(equation: str, shapes: tuple[Ints, Ints]) -> _Plan | None:
    """The plan of a sum of products of two operands; None where it is more than a product of two matrices."""
    (xs, ys), result, _ = parse(equation, shapes)
    summed = [c for c in xs if c in ys]
    left, right = [c for c in xs if c not in ys], [c for c in ys if c not in xs]
    simple = len({*xs}) == len(xs) and len({*ys}) == len(ys) and [*result] == left + right and summed
    if not simple or any(shapes[0][xs.index(c)] != shapes[1][ys.index(c)] for c in summed):
        return None

    def places(letters: str, chosen: list[str]) -> Ints:
        return tuple([letters.index(c) for c in chosen])

    return _plan(shapes, (places(xs, left), places(ys, right)), (places(xs, summed), places(ys, summed)))


@lru_cache(maxsize=256)
def _of_axes(axes: int, shapes: tuple[Ints, Ints]) -> _Plan | None:
    one, two = shapes
    ahead = len(one) - axes
    if not 0 < axes <= min(len(one), len(two)) or one[ahead:] != two[:axes]:
        return None
    kept = tuple(range(ahead)), tuple(range(axes, len(two)))
    return _plan(shapes, kept, (tuple(range(ahead, len(one))), tuple(range(axes))))


def _product(xp: Any, leaf: Leaf) -> Callable[[Any, Any, Callable[..., Any], Any], Any]:
    """What computes by a plan that is made of a key and the shapes."""
    matmul, found = xp.matmul, small_calls().views(tensor_class[0])
    if found is None:
        raise RuntimeError("tensors lie in memory in another way")
    view = found[1]

    def product(x1: Any, x2: Any, planned: Callable[..., Any], key: Any) -> Any:
        a, b = floats(x1), floats(x2)
        if a is None or b is None or a.dtype is not b.dtype:
            return None
        plan = planned(key, (a.shape, b.shape))
        if plan is None:
            return None
        a = (a if plan.first is None else a.transpose(plan.first)).reshape(plan.rows)
        b = (b if plan.second is None else b.transpose(plan.second)).reshape(plan.columns)
        token = SET(QUIET)
        try:
            y = matmul(a, b)
        finally:
            restore_fp_errors(token)
        return view(leaf(y), y.reshape(plan.shape))

    return product


def _einsum(xp: Any, leaf: Leaf) -> Answer:
    product = _product(xp, leaf)

    def small(equation: Any, /, *operands: Any) -> Any:
        return product(*operands, _of_equation, equation) if len(operands) == 2 else None

    return small


def _tensordot(xp: Any, leaf: Leaf) -> Answer:
    product = _product(xp, leaf)

    def small(x1: Any, x2: Any, /, *, axes: Any = 2) -> Any:
        return product(x1, x2, _of_axes, axes) if type(axes) is int else None

    return small


def _outer(xp: Any, leaf: Leaf) -> Answer:
    products, launches = imported("dlengine.kernels.jit.functions").FUNCTIONS["linalg.outer"], xp.kernels.launches

    def small(x1: Any, x2: Any, /) -> Any:
        a, b = floats(x1), floats(x2)
        y = None if a is None or b is None else products(a, b)
        if y is None:
            return None
        launches["library:linalg.outer"] += 1
        return leaf(y)

    return small


def _length(xp: Any, a: Any, axis: Any, shape: Ints) -> Any:
    """The Euclidean norm over axes."""
    token = SET(QUIET)
    try:
        y = xp.euclidean(a, axis=axis)
    finally:
        restore_fp_errors(token)
    return y.reshape(shape)


def _matrix_norm(xp: Any, leaf: Leaf) -> Answer:
    def small(x: Any, /, *, keepdims: Any = False, ord: Any = "fro") -> Any:
        a = floats(x)
        if a is None or a.ndim < 2 or keepdims is not False or type(ord) is not str or ord != "fro":
            return None
        return leaf(_length(xp, a, (-2, -1) if a.ndim > 2 else None, a.shape[:-2]))

    return small


def _pairwise_distance(xp: Any, leaf: Leaf) -> Answer:
    def small(x1: Any, x2: Any, p: Any = 2.0, eps: Any = 1e-6, keepdim: Any = False) -> Any:
        a, b = floats(x1), floats(x2)
        if a is None or b is None or a.dtype is not b.dtype or a.shape != b.shape or not a.ndim or keepdim is not False:
            return None
        if not (type(p) is type(eps) is float) or p != 2.0:
            return None
        apart = floats(x1 - x2 + eps)
        return None if apart is None else leaf(_length(xp, apart, -1, a.shape[:-1]))

    return small


def _prelu(space: Any, leaf: Leaf) -> Answer:
    def small(x: Any, weight: Any, /) -> Any:
        a, w = floats(x), floats(weight)
        if a is None or w is None or a.dtype is not w.dtype or a.ndim < 2 or w.ndim != 1:
            return None
        if w.size not in (1, a.shape[1]):
            return None
        slopes = w.reshape((-1,) + (1,) * (a.ndim - 2)) if w.size > 1 and a.ndim > 2 else w
        if a.size > REPEATED:
            found = answered(plain_prelu.op, (a, slopes), {}, space.generator)  # type: ignore[attr-defined]
            return None if found is None else leaf(found[0])
        every = np.empty(a.shape, a.dtype)  # one for each element takes less time than to see which rows have one
        every[...] = slopes
        return plain_prelu(leaf(a), leaf(every))

    return small


def _transform(name: str, letters: str) -> Callable[[Any, Leaf], Answer]:
    """A Fourier transform over one axis, or (fftn) over all, of NumPy's dtypes with these letters."""
    hermitian = name in ("hfft", "ihfft")

    def make(xp: Any, leaf: Leaf) -> Answer:
        function = getattr(xp.fft, {"hfft": "irfft", "ihfft": "rfft"}.get(name, name))
        norm_of_it, conj = "forward" if hermitian else "backward", xp.conj

        def answer(x: Any, options: dict[str, Any]) -> Any:
            a: Any = x.array if isinstance(x, TensorBase) else None
            if type(a) is not np.ndarray or a.dtype.char not in letters or not a.size or not a.ndim:
                return None
            if x.needs_grad and not unrecorded():
                return None
            token = SET(QUIET)
            try:
                y = function(conj(a) if name == "hfft" else a, **options, norm=norm_of_it)
                return leaf(conj(y) if name == "ihfft" else y)
            finally:
                restore_fp_errors(token)

        def over_all(x: Any, /, *, s: Any = None, axes: Any = None, norm: Any = "backward") -> Any:
            if s is not None or axes is not None or norm != "backward":
                return None
            return answer(x, {"s": None, "axes": tuple(range(x.ndim))})

        def over_one(x: Any, /, *, n: Any = None, axis: Any = -1, norm: Any = "backward") -> Any:
            return answer(x, {"axis": axis}) if n is None and type(axis) is int and norm == "backward" else None

        return over_all if name.endswith("n") else over_one

    return make


_COMPLEX = ("fft", "ifft", "fftn", "ifftn", "irfft", "irfftn", "hfft")
_REAL = ("rfft", "rfftn", "ihfft")

MAKERS: dict[str, Callable[[Any, Leaf], Answer]] = {
    "einsum": _einsum, "tensordot": _tensordot, "outer": _outer, "matrix_norm": _matrix_norm,
    "pairwise_distance": _pairwise_distance, "prelu": _prelu,
    **{name: _transform(name, "FD") for name in _COMPLEX}, **{name: _transform(name, "fd") for name in _REAL},
}  # fmt: skip
"""By the name of a function."""
