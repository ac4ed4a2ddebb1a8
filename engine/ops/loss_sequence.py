"""Connectionist temporal classification: sequences labelled without knowing where each label lies."""

from __future__ import annotations

from builtins import sum as add
from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np

from dlengine.kernels.ranges import FEW, in_range

from ..autograd.base import wrap
from ..autograd.short import short
from ..errors import ConfigError, DataError, ShapeError
from .conversion import asarray
from .elementwise import where
from .fused import arguments, kernel_op
from .linalg import vecdot
from .loss_checks import check_reduction
from .reduce import mean, sum

if TYPE_CHECKING:
    from ..typing import Tensor

__all__ = ["ctc_loss"]

_INT64 = np.dtype(np.int64)


def _host(name: str, what: str, values: Any, n: int) -> Any:
    """Lengths as a NumPy array (N,)."""
    found = np.array(values.numpy_copy() if hasattr(values, "numpy_copy") else values)
    if found.shape != (n,) or found.dtype.kind not in "iu":
        raise ShapeError(f"{name}: {what} must be (N,)=({n},) integers, got {found.dtype} {found.shape}")
    return found if found.dtype is _INT64 else found.astype(np.int64)


@short("short_losses")
def ctc_loss(
    log_probs: Tensor, targets: Tensor, input_lengths: Any, target_lengths: Any, blank: int = 0, reduction: str = "mean",
    zero_infinity: bool = False
) -> Tensor:  # fmt: skip
    """Connectionist temporal classification: minus the log-probability of all alignments that spell the target.

    Parameters
    ----------
    log_probs : Tensor
        (T,N,V): log-probabilities of each step.
    targets : Tensor
        (N,S), padded, or (sum of target_lengths,), one after another: labels other than ``blank``.
    input_lengths : Tensor or sequence of int
        (N,): steps of each sequence.
    target_lengths : Tensor or sequence of int
        (N,): labels of each sequence.
    blank : int
        The class that stands for no label.
    reduction : {"none", "mean", "sum"}
        ``"mean"`` is of the losses divided by their target lengths.
    zero_infinity : bool
        Whether an impossible alignment costs 0 instead of Inf.

    Returns
    -------
    Tensor
        The loss, a scalar; without reduction (N,).

    Raises
    ------
    ShapeError
        If the shapes do not fit.
    DataError
        On the CPU, if a label or length is out of range.
    ConfigError
        If a setting is out of range.

    References
    ----------
    Graves et al., "Connectionist temporal classification", 2006.

    Examples
    --------
    >>> log_probs = dl.log_softmax(dl.zeros((2, 1, 2)))
    >>> dl.exp(-dl.nn.functional.ctc_loss(log_probs, dl.asarray([[1]]), dl.asarray([2]), dl.asarray([1])))
    tensor(0.75)
    """
    check_reduction("ctc_loss", reduction)
    labels, lengths, counts, each = arranged(log_probs.shape, targets, input_lengths, target_lengths, blank)
    device = log_probs.device
    plain = type(log_probs.array) is np.ndarray
    at, running, spelt = (wrap(a) if plain else asarray(a, device=device) for a in (labels, lengths, counts))
    loss = _ctc_loss(log_probs, at, running, spelt, blank=blank)
    if zero_infinity:
        loss = where(loss == inf, 0.0, loss)
    if reduction == "none":
        return loss
    if reduction == "sum":
        return sum(loss)
    if not each:
        return mean(loss)
    share = shares(each, log_probs.dtype)
    return vecdot(loss, wrap(share) if plain else asarray(share, device=device))


def shares(each: list[int], dtype: Any) -> Any:
    """What each loss counts in the mean over sequences of losses per label."""
    return np.array([1.0 / (max(count, 1) * len(each)) for count in each], dtype)


def arranged(
    shape: tuple[int, ...], targets: Any, input_lengths: Any, target_lengths: Any, blank: int
) -> tuple[Any, Any, Any, list[int]]:
    """Labels (N,S), lengths (N,) and counts of labels (N,) as the kernel takes them, and the counts as numbers.

    shape: of the log-probabilities.
    """
    name = "ctc_loss"
    if len(shape) != 3:
        raise ShapeError(f"{name}: log_probs must be (T,N,V), got shape {shape}")
    steps, n, classes = shape
    if not 0 <= blank < classes:
        raise ConfigError(f"{name}: blank must be a class below V={classes}, got {blank}")
    lengths, counts = _host(name, "input_lengths", input_lengths, n), _host(name, "target_lengths", target_lengths, n)
    if not in_range(lengths, steps + 1):
        raise ShapeError(f"{name}: input_lengths must be from 0 to T={steps}, got {lengths.tolist()}")
    each = counts.tolist()
    least = min(each, default=0)
    if least < 0:
        raise ShapeError(f"{name}: target_lengths must not be negative, got {each}")
    labels = _padded(name, targets, each, n)
    if least < labels.shape[1]:
        labels = np.where(np.arange(labels.shape[1]) < counts[:, None], labels, (blank + 1) % classes)
    if not in_range(labels, classes) or blank in (labels if labels.size > FEW else labels.reshape(-1).tolist()):
        raise DataError(f"{name}: targets must be classes below V={classes} other than blank={blank}")
    return labels, lengths, counts, each


@kernel_op("ctc_loss", needs="log_probs labels steps counts")
def _ctc_loss(log_probs: Any, labels: Any, steps: Any, counts: Any, *, blank: int) -> Any:
    """ctc_loss of each sequence, its arguments checked."""
    return arguments(log_probs, labels, steps, counts, blank)


def _padded(name: str, targets: Any, counts: list[int], n: int) -> Any:
    """Targets as a NumPy array (N,S)."""
    found = np.asarray(targets.numpy_copy() if hasattr(targets, "numpy_copy") else targets)
    if found.dtype.kind not in "iu" and found.size:
        raise DataError(f"{name}: targets must be integers (class numbers), got {found.dtype}")
    longest = max(counts, default=0)
    if found.ndim == 2 and found.shape[0] == n and found.shape[1] >= longest:
        return found[:, :longest]
    if found.ndim == 1 and found.size == add(counts):
        rows = np.zeros((n, longest), np.int64)
        for i, part in enumerate(np.split(found, np.cumsum(counts)[:-1])):
            rows[i, : counts[i]] = part
        return rows
    raise ShapeError(f"{name}: targets must be (N,S) with S >= the longest, or (sum of target_lengths,), got {found.shape}")
