"""What losses of labels need of each row: the entry that its label names, and what the row weighs."""

from __future__ import annotations

from typing import Any

from ..autograd.base import TensorBase
from .elementwise import where
from .gather import take, take_along_axis


def in_planes(input: Any, target: Any, most: float) -> bool:
    """Whether these are scores (N,V,*S) of at most so many classes, and integers (N,*S)."""
    shape = input.shape
    if len(shape) < 3 or 0 in shape or shape[1] > most or not isinstance(target, TensorBase):
        return False
    labels: Any = target
    return bool(labels.dtype.kind in "iu" and labels.shape == shape[:1] + shape[2:])


def places_of(labels: Any, ignore_index: int, all_count: bool) -> tuple[Any, Any]:
    """Labels (M,) with 0 for those that are ignored, and which are not; None for all."""
    if all_count:
        return labels, None
    counted = labels != ignore_index
    return where(counted, labels, 0), counted


def named(rows: Any, labels: Any, counted: Any) -> Any:
    """(M,): of each row (M,V) the entry that its label names, 0 where it does not count."""
    found = take_along_axis(rows, labels[:, None], axis=1)[:, 0]
    return found if counted is None else where(counted, found, 0.0)


def factors_of(weight: Any, labels: Any, counted: Any) -> Any:
    """(M,): what each row weighs, or None where all weigh 1."""
    if weight is None:
        return None if counted is None else where(counted, 1.0, 0.0)
    return take(weight, labels) if counted is None else where(counted, take(weight, labels), 0.0)
