"""Connectionist temporal classification: sequences labelled without knowing where each label lies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ConfigError, DataError, ShapeError
from .conversion import asarray
from .elementwise import logaddexp, where
from .gather import take_along_axis
from .joining import concat
from .loss_checks import check_reduction
from .reduce import mean, sum

if TYPE_CHECKING:
    from ..typing import Tensor

__all__ = ["ctc_loss"]

_NEVER = -1e30
"""The logarithm of a probability of 0: finite, so that it has a derivative."""


def _host(name: str, what: str, values: Any, n: int) -> Any:
    """Lengths as a NumPy array (N,)."""
    found = np.asarray(values.numpy_copy() if hasattr(values, "numpy_copy") else values)
    if found.shape != (n,) or found.dtype.kind not in "iu":
        raise ShapeError(f"{name}: {what} must be (N,)=({n},) integers, got {found.dtype} {found.shape}")
    return found.astype(np.int64)


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
    name = "ctc_loss"
    check_reduction(name, reduction)
    if log_probs.ndim != 3:
        raise ShapeError(f"{name}: log_probs must be (T,N,V), got shape {log_probs.shape}")
    steps, n, classes = log_probs.shape
    if not 0 <= blank < classes:
        raise ConfigError(f"{name}: blank must be a class below V={classes}, got {blank}")
    lengths, counts = _host(name, "input_lengths", input_lengths, n), _host(name, "target_lengths", target_lengths, n)
    if n and (lengths.min() < 0 or lengths.max() > steps):
        raise ShapeError(f"{name}: input_lengths must be from 0 to T={steps}, got {lengths.tolist()}")
    labels = _padded(name, targets, counts, n)
    if any(not 0 <= v < classes or v == blank for row, c in zip(labels, counts, strict=True) for v in row[:c]):
        raise DataError(f"{name}: targets must be classes below V={classes} other than blank={blank}")
    # Between, before and after the labels a blank may stand; a label may follow another directly unless they are equal.
    width = 2 * labels.shape[1] + 1
    states = np.full((n, width), blank, np.int64)
    states[:, 1::2] = np.where(np.arange(labels.shape[1]) < counts[:, None], labels, blank)
    skips = np.zeros((n, width), bool)
    skips[:, 2:] = (states[:, 2:] != blank) & (states[:, 2:] != states[:, :-2])
    device, dtype = log_probs.device, log_probs.dtype
    at, skip, running = (asarray(a, device=device) for a in (states, skips, lengths))
    never = asarray(np.full((n, 2), _NEVER), dtype=dtype, device=device)
    start = np.full((n, width), _NEVER)
    start[:, 0] = 0.0  # before the first step: as if the state before the first blank had been reached
    alpha = asarray(start, dtype=dtype, device=device)
    ends = np.arange(width) == 2 * counts[:, None]
    ends |= np.arange(width) == 2 * counts[:, None] - 1
    for t in range(int(lengths.max(initial=0))):
        emitted = take_along_axis(log_probs[t], at, axis=1)
        if t == 0:
            first = asarray(np.arange(width) < 2, device=device)
            new = where(first, emitted, _NEVER)
        else:
            one = concat([never[:, :1], alpha[:, :-1]], axis=1)
            two = where(skip, concat([never, alpha[:, :-2]], axis=1)[:, :width], _NEVER)
            new = logaddexp(logaddexp(alpha, one), two) + emitted
        alpha = where((running > t)[:, None], new, alpha)
    last = where(asarray(ends, device=device), alpha, _NEVER)
    total = last[:, 0]
    for s in range(1, width):
        total = logaddexp(total, last[:, s])
    loss = where(total <= _NEVER / 2, 0.0 if zero_infinity else float("inf"), -total)  # NaN stays
    if reduction == "none":
        return loss
    if reduction == "sum":
        return sum(loss)
    return mean(loss / asarray(np.maximum(counts, 1), dtype=dtype, device=device))


def _padded(name: str, targets: Any, counts: Any, n: int) -> Any:
    """Targets as a NumPy array (N,S)."""
    found = np.asarray(targets.numpy_copy() if hasattr(targets, "numpy_copy") else targets)
    if found.dtype.kind not in "iu" and found.size:
        raise DataError(f"{name}: targets must be integers (class numbers), got {found.dtype}")
    if found.ndim == 2 and found.shape[0] == n and found.shape[1] >= counts.max(initial=0):
        return found[:, : counts.max(initial=0)]
    if found.ndim == 1 and found.size == counts.sum():
        rows = np.zeros((n, counts.max(initial=0)), np.int64)
        for i, part in enumerate(np.split(found, np.cumsum(counts)[:-1])):
            rows[i, : counts[i]] = part
        return rows
    raise ShapeError(f"{name}: targets must be (N,S) with S >= the longest, or (sum of target_lengths,), got {found.shape}")
