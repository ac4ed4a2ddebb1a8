"""Losses."""

from __future__ import annotations

from .. import namespace as dl
from ..table import operator
from ..values import Host


@operator("NegativeLogLikelihoodLoss")
def nll_loss(x, target: Host, weight=None, *, ignore_index=None, reduction="mean"):
    """Minus the log-probability (N, C, ...) of each target, weighted by class; the mean is of the weights."""
    wanted = dl.asarray(target.clip(0, x.shape[1] - 1).astype("int64"), device=x.device)
    picked = -dl.squeeze(dl.take_along_axis(x, dl.expand_dims(wanted, axis=1), axis=1), axis=1)
    weights = dl.ones_like(picked) if weight is None else dl.take(weight, wanted, axis=0)
    if ignore_index is not None:
        weights = weights * dl.asarray((target != ignore_index).astype(x.dtype), device=x.device)
    loss = picked * weights
    if reduction == "none":
        return loss
    total = dl.sum(loss)
    return total if reduction == "sum" else total / dl.sum(weights)


@operator("SoftmaxCrossEntropyLoss")
def softmax_cross_entropy(x, target: Host, weight=None, *, ignore_index=None, reduction="mean", outputs):
    logs = dl.log_softmax(x, axis=1)
    loss = nll_loss(logs, target, weight, ignore_index=ignore_index, reduction=reduction)
    return loss if outputs == 1 else (loss, logs)
