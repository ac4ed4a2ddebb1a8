"""What all losses check: reductions, targets, labels."""

from __future__ import annotations

from functools import cache
from math import prod
from typing import Any

import numpy as np

from dlengine.kernels.late import imported
from dlengine.kernels.ranges import in_range

from .. import backend
from ..autograd.base import TensorBase, must_be_tensors
from ..backend.arguments import first_place
from ..errors import ConfigError, DataError, DTypeError, LabelError, ShapeError
from ..recording.generators import ARRAYS
from .ids import on_host, within
from .reduce import mean, sum
from .shape import permute_dims, reshape

REDUCTIONS = ("none", "mean", "sum")


def check_reduction(name: str, reduction: str) -> str:
    """The reduction, if it is one."""
    if reduction not in REDUCTIONS:
        raise ConfigError(f"{name}: reduction must be one of {', '.join(REDUCTIONS)}, got {reduction!r}")
    return reduction


def reduced(name: str, loss: Any, reduction: str) -> Any:
    if check_reduction(name, reduction) == "none":
        return loss
    return mean(loss) if reduction == "mean" else sum(loss)


def check_values(name: str, input: Any, target: Any, low: float | None = None, high: float | None = None) -> None:
    """Check that a target has the input's shape and, on the CPU, holds finite numbers in [low, high]."""
    must_be_tensors(name, input=input, target=target)
    if input.shape != target.shape:
        raise ShapeError(f"{name}: target has shape {target.shape}, expected that of the input, {input.shape}")
    if target.dtype.kind not in "fiubV":  # V: bfloat16
        raise DTypeError(f"{name}: target must be real numbers, got {target.dtype}")
    if target.device != "cpu" or target.requires_grad or (target.dtype.kind not in "fV" and low is None):
        return
    a = target.array
    xp = backend.space_of(a)
    if type(a) is np.ndarray and (not a.size or inside(xp, a, low, high)):
        return
    bad = ~xp.isfinite(a)
    if low is not None and target.dtype.kind != "b":
        bad = bad | (a < low) | (a > high)
    if bool(xp.any(bad)):
        at = first_place(bad)
        wanted = "a finite number" if low is None else f"between {low:g} and {high:g}"
        raise DataError(f"{name}: target{list(at)} is {float(a[at])}, expected {wanted}")


def inside(xp: Any, a: Any, low: float | None, high: float | None) -> bool:
    """Whether all of an array's numbers, some, lie in [low, high]; where these are None, whether they are finite."""
    few = type(a) is np.ndarray and a.size <= FEW_NUMBERS and getattr(xp, "generates", False)
    if few and (a.dtype is _SINGLE or a.dtype is _DOUBLE):
        most = 1.7976931348623157e308 if a.dtype is _DOUBLE else 3.4028234663852886e38
        return limits().within(a, -most if low is None else low, most if high is None else high)
    return bool(xp.all_finite(a) if low is None else xp.min(a) >= low and xp.max(a) <= high)


FEW_NUMBERS = 4096
"""Numbers beyond which the array library's reductions take as long."""


@cache
def limits() -> Any:
    """Machine code for such questions."""
    return imported("dlengine.kernels.jit.limits")


def reshaped(labels: tuple[int, ...], scores: tuple[int, ...]) -> str:
    """The end of a message about labels of another shape: what makes class numbers of one-hot labels, or of a column."""
    if labels == scores:
        return "; if they are one-hot: labels.argmax(1)"
    if len(scores) == 2 and labels == (scores[0], 1):
        return "; take the column: labels[:, 0]"
    return ""


def plain_labels(input: Any, labels: Any) -> bool:
    """Whether scores (N,V) and labels (N,), some, are as kernels take them, on the CPU, where they look at the labels."""
    if not (isinstance(input, TensorBase) and isinstance(labels, TensorBase)):
        return False
    x, a = input.array, labels.array
    if not (type(x) in ARRAYS and type(a) in ARRAYS and x.ndim == 2 and a.dtype is _LABELS and a.shape == x.shape[:1]):
        return False
    return (x.dtype is _SINGLE or x.dtype is _DOUBLE) and len(a) > 0


_LABELS, _SINGLE, _DOUBLE = np.dtype(np.int64), np.dtype(np.float32), np.dtype(np.float64)


def checked_labels(name: str, input: Any, labels: Any, ignore_index: int | None) -> tuple[Any, Any, bool]:
    """Scores as rows (M,V) and int64 labels (M,), checked, from (N,V), (N,V,*S) or (V,).

    Also whether it is known, without waiting for a device, that no label is ignored.
    """
    must_be_tensors(name, input=input, target=labels)
    x, a = input.array, labels.array
    if type(x) is type(a) is np.ndarray and x.ndim == 2 and a.shape == x.shape[:1] and a.dtype == np.int64 and a.size:
        classes = x.shape[1]  # the commonest case
        if in_range(a, classes):
            return input, labels, ignore_index is None or not 0 <= ignore_index < classes
    labels, all_count = checked_places(name, input, labels, ignore_index)
    if input.ndim == 1:
        return input[None], reshape(labels, (1,)), all_count
    if input.ndim > 2:
        input = reshape(permute_dims(input, (0, *range(2, input.ndim), 1)), (prod(labels.shape), input.shape[1]))
    return input, labels if labels.ndim == 1 else reshape(labels, (-1,)), all_count


def checked_places(name: str, input: Any, labels: Any, ignore_index: int | None) -> tuple[Any, bool]:
    """int64 labels of their own shape, checked for scores (N,V), (N,V,*S) or (V,); and whether it is known that all count."""
    shape = input.shape
    if input.ndim < 1 or labels.shape != (shape[:1] + shape[2:] if input.ndim > 1 else ()):
        told = f"got {labels.shape} for {shape}{reshaped(labels.shape, shape)}"
        raise ShapeError(f"{name}: labels must be (N,*S) for scores (N,V,*S), {told}")
    classes = shape[1] if input.ndim > 1 else shape[0]
    if labels.dtype.kind not in "iu":
        if labels.dtype.kind in "fV":
            check_values(name, labels, labels)
        raise DTypeError(f"{name}: labels must be integers (class numbers), got {labels.dtype}; use astype(dl.int64)")
    all_count = False
    a = on_host(labels)  # before the cast to int64, which would wrap the largest of uint64
    if a is not None and labels.size:
        all_count = ignore_index is None or not 0 <= ignore_index < classes
        if not within(a, classes):
            all_count = False
            host = np.asarray(a)
            bad = (host < 0) | (host >= classes)
            if ignore_index is not None:
                bad &= host != ignore_index
            if bad.any():
                at = first_place(bad)
                other = "" if ignore_index is None else f" or ignore_index={ignore_index}"
                raise LabelError(
                    f"{name}: label {int(host[at])} at {list(at)} is no class; expected 0 <= label < V={classes}{other}"
                )
    return labels if labels.dtype.name == "int64" else labels.astype("int64"), all_count
