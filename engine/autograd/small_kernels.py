"""Small calls of ops that are one kernel: from the arrays of tensors to the kernel, without what an op does in general.

Each function here is given the backend's namespace and what makes a leaf of an array, and returns a function of the op's arrays,
its constants being at their defaults. That answers a call of floats of one dtype that records nothing, or returns None.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from dlengine.kernels.late import imported

from .base import TensorBase, recording, tensor_class, touched
from .fp_errors import QUIET, SET, restore_fp_errors

SERIAL = 1 << 18
"""Multiplications and additions up to which a product is small: BLAS multiplies matrices so small on the calling thread."""

FEW = 256
"""Booleans of which NumPy finds one without looking at all of them, faster than generated code is called."""

_BOOL = np.dtype("bool")
_FLOATS = (np.dtype("float32"), np.dtype("float64"))
_records, _touched = recording.get, touched.get
_ND = np.ndarray

Answer = Callable[..., Any]
Leaf = Callable[[Any], Any]


def unrecorded() -> bool:
    """Whether an op of tensors that need gradients is not recorded, and nobody asks which tensors it had."""
    return not _records() and _touched() is None


def floats(x: object) -> np.ndarray[Any, Any] | None:
    """The array of a tensor of float32 or float64 whose op nobody records; None of anything else."""
    if not isinstance(x, TensorBase):
        return None
    a: Any = x.array
    return None if type(a) is not _ND or a.dtype not in _FLOATS or (x.needs_grad and not unrecorded()) else a


def _by_rows(name: str) -> Callable[[Any, Leaf], Answer]:
    def make(xp: Any, leaf: Leaf) -> Answer:
        kernel, launches = xp.kernels.load(name), xp.kernels.launches

        def small(x: Any) -> Any:
            a = floats(x)
            if a is None or not a.ndim:
                return None
            launches[name] += 1
            return leaf(kernel(a, a.ndim - 1))

        return small

    return make


def _matmul(xp: Any, leaf: Leaf) -> Answer:
    kernel, launches, (held, _) = xp.kernels.load("matmul"), xp.kernels.launches, views()
    single, double = _FLOATS

    def small(x1: Any, x2: Any) -> Any:
        a, b = held(x1), held(x2)
        if a is None:
            a = floats(x1)
        if b is None:
            b = floats(x2)
        if a is None or b is None:
            return None
        d = a.dtype
        if d is not b.dtype or (d is not single and d is not double) or not a.ndim == b.ndim == 2:
            return None
        if a.shape[1] != b.shape[0] or a.size * b.shape[1] > SERIAL:
            return None
        token = SET(QUIET)
        try:
            y = kernel(a, b)
        finally:
            restore_fp_errors(token)
        launches["matmul"] += 1
        return leaf(y)

    return small


def _linear(xp: Any, leaf: Leaf) -> Answer:
    kernel, launches, (held, _) = xp.kernels.load("linear"), xp.kernels.launches, views()
    single, double = _FLOATS

    def small(x: Any, weight: Any, bias: Any) -> Any:
        a, w, b = held(x), held(weight), None
        if a is None:
            a = floats(x)
        if w is None:
            w = floats(weight)
        if a is None or w is None:
            return None
        d = a.dtype
        if d is not w.dtype or (d is not single and d is not double) or a.ndim < 2 or w.ndim != 2:
            return None
        if bias is not None:
            b = held(bias)
            if b is None:
                b = floats(bias)
            if b is None or b.dtype is not d or b.shape != w.shape[:1]:
                return None
        if a.shape[-1] != w.shape[1]:
            return None
        token = SET(QUIET)
        try:
            y = kernel(a, w, b)
        finally:
            restore_fp_errors(token)
        launches["linear"] += 1
        return leaf(y)

    return small


def _triangle(lower: bool) -> Callable[[Any, Leaf], Answer]:
    def make(xp: Any, leaf: Leaf) -> Answer:
        triangle, launches = imported("dlengine.kernels.jit.triangles").triangle, xp.kernels.launches
        label = "library:tril" if lower else "library:triu"

        def small(x: Any) -> Any:
            a = floats(x)
            if a is None or a.ndim < 2:
                return None
            launches[label] += 1
            return leaf(triangle(a, 0, lower))

        return small

    return make


def _running(product: bool) -> Callable[[Any, Leaf], Answer]:
    def make(xp: Any, leaf: Leaf) -> Answer:
        running, launches = imported("dlengine.kernels.jit.running").running, xp.kernels.launches
        label = "library:cumulative_prod" if product else "library:cumulative_sum"

        def small(x: Any) -> Any:
            a = floats(x)
            if a is None or a.ndim != 1:
                return None
            launches[label] += 1
            return leaf(running(a, 0, False, product))

        return small

    return make


def views() -> tuple[Answer, Answer]:
    """What gives the array of a tensor that needs no gradient, and what makes a view of a tensor. Raises RuntimeError."""
    found: tuple[Answer, Answer] | None = imported("dlengine.kernels.jit.generated.small_calls").views(tensor_class[0])
    if found is None:
        raise RuntimeError("tensors lie in memory in another way")
    return found


def _trace(xp: Any, leaf: Leaf) -> Answer:
    held, _ = views()
    plain = imported("dlengine.kernels.jit.generated.plain")
    launches, label = xp.kernels.launches, "generated:sum"
    found = plain.small("sum", tensor_class[0], launches)

    def small(x: Any) -> Any:
        a = held(x)
        if a is None or a.dtype not in _FLOATS:
            a = floats(x)
        if a is None or a.ndim != 2:
            return None
        y = None if found is None else found[0](leaf(np.array(a.diagonal())))
        if y is not None:
            launches[label] += 1
        return y

    return small


def _vector_norm(xp: Any, leaf: Leaf) -> Answer:
    euclidean = xp.euclidean
    norm = imported("dlengine.kernels.jit.generated.plain").norm_of_all(xp.kernels.launches)

    def small(x: Any) -> Any:
        a = floats(x)
        if a is None or not a.size:
            return None
        y = norm(a)
        if y is not None:
            return leaf(y)
        token = SET(QUIET)
        try:
            y = euclidean(a, axis=None)
        finally:
            restore_fp_errors(token)
        return leaf(y.reshape(())) if type(y) is _ND else None

    return small


def _diagonal(xp: Any, leaf: Leaf) -> Answer:
    def small(x: Any) -> Any:
        a = floats(x)
        if a is None or a.ndim < 2:
            return None
        return leaf(np.array(a.diagonal(0, -2, -1)))

    return small


def _truth(place: str) -> Callable[[Any, Leaf], Answer]:
    """any and all of few booleans: the value at the place of the largest or smallest one, in a third of a reduction's time."""

    def make(xp: Any, leaf: Leaf) -> Answer:
        held, _ = views()

        def small(x: Any) -> Any:
            a = held(x)
            if a is None or a.dtype is not _BOOL or not 0 < a.size <= FEW:
                return None
            return leaf(np.array(a.item(getattr(a, place)())))

        return small

    return make


MAKERS: dict[str, Callable[[Any, Leaf], Answer]] = {
    "softmax": _by_rows("softmax"), "log_softmax": _by_rows("log_softmax"), "matmul": _matmul, "linear": _linear,
    "tril": _triangle(True), "triu": _triangle(False), "cumulative_sum": _running(False), "cumulative_prod": _running(True),
    "trace": _trace, "diagonal": _diagonal, "vector_norm": _vector_norm, "any": _truth("argmax"), "all": _truth("argmin"),
}  # fmt: skip
"""By the name of an op."""
