"""Small calls of losses of labels, see dlengine.autograd.short. Kernels look at the labels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..autograd.base import TensorBase
from ..autograd.fp_errors import QUIET, SET, restore_fp_errors
from ..autograd.small_kernels import Answer, Leaf, floats
from .loss_checks import REDUCTIONS
from .loss_sequence import arranged, shares

_LABELS = np.dtype(np.int64)


def _labelled(input: Any, target: Any) -> tuple[Any, Any]:
    """Scores (N,V) and some labels (N,) as kernels take them, else None, None."""
    x = floats(input)
    if x is None or x.ndim != 2 or not isinstance(target, TensorBase):
        return None, None
    a = target.array
    fine = type(a) is np.ndarray and a.dtype is _LABELS and a.shape == x.shape[:1] and x.size and len(a)
    return (x, a) if fine else (None, None)


def _nll_loss(xp: Any, leaf: Leaf) -> Answer:
    kernel, launches = xp.kernels.load("nll_loss"), xp.kernels.launches

    def small(input: Any, target: Any, weight: Any = None, ignore_index: Any = -100, reduction: Any = "mean") -> Any:
        x, a = _labelled(input, target)
        if x is None or weight is not None or type(ignore_index) is not int or reduction not in REDUCTIONS:
            return None
        loss = kernel(x, a, ignore_index, reduction)[0]
        launches["nll_loss"] += 1
        return leaf(loss)

    return small


def _cross_entropy(xp: Any, leaf: Leaf) -> Answer:
    kernel, launches = xp.kernels.load("cross_entropy_mean"), xp.kernels.launches

    def small(
        input: Any, target: Any, weight: Any = None, ignore_index: Any = -100, reduction: Any = "mean", label_smoothing: Any = 0.0
    ) -> Any:
        x, a = _labelled(input, target)
        if x is None or weight is not None or type(ignore_index) is not int or reduction != "mean":
            return None
        if type(label_smoothing) is not float or label_smoothing != 0.0:
            return None
        loss = kernel(x, a, ignore_index)[0]
        launches["cross_entropy_mean"] += 1
        return leaf(loss)

    return small


def _softmax_cross_entropy(xp: Any, leaf: Leaf) -> Answer:
    kernel, launches = xp.kernels.load("cross_entropy"), xp.kernels.launches

    def small(logits: Any, labels: Any, *, ignore_index: Any = -100, mean: Any = False) -> Any:
        x, a = _labelled(logits, labels)
        if x is None or type(ignore_index) is not int or mean is not False:
            return None
        loss = kernel(x, a, ignore_index)[0]
        launches["cross_entropy"] += 1
        return leaf(loss)

    return small


def _ctc_loss(xp: Any, leaf: Leaf) -> Answer:
    kernel, launches = xp.kernels.load("ctc_loss"), xp.kernels.launches

    def small(
        log_probs: Any, targets: Any, input_lengths: Any, target_lengths: Any, blank: Any = 0, reduction: Any = "mean",
        zero_infinity: Any = False,
    ) -> Any:  # fmt: skip
        x = floats(log_probs)
        if x is None or type(blank) is not int or zero_infinity is not False or reduction not in ("none", "mean"):
            return None
        labels, lengths, counts, each = arranged(x.shape, targets, input_lengths, target_lengths, blank)
        if labels.dtype is not _LABELS or not labels.size:
            return None
        loss = kernel(x, labels, lengths, counts, blank)
        launches["ctc_loss"] += 1
        if reduction == "none":
            return leaf(loss)
        token = SET(QUIET)
        try:
            return leaf(np.asarray(xp.vecdot(loss, shares(each, x.dtype))))
        finally:
            restore_fp_errors(token)

    return small


MAKERS: dict[str, Callable[[Any, Leaf], Answer]] = {
    "nll_loss": _nll_loss, "cross_entropy": _cross_entropy, "softmax_cross_entropy": _softmax_cross_entropy,
    "ctc_loss": _ctc_loss,
}  # fmt: skip
"""By the name of a function."""
