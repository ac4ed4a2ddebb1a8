"""Kernels that choose or compare rows: the largest elements, distances and angles, and losses of labels."""

from __future__ import annotations

import numpy as np

from .table import primitive


@primitive("top_k")
def top_k(e, outs, x, k, largest):
    return list(e.node("TopK", [e.name(x), e.size(k)], 2, axis=1, largest=int(largest)))


@primitive("squared_distances")
def squared_distances(e, outs, x, y):
    rows = [e.node("Unsqueeze", [e.name(v), e.ints([axis])]) for v, axis in ((x, 1), (y, 0))]
    return e.node("ReduceSumSquare", [e.node("Sub", rows), e.ints([2])], keepdims=0)


@primitive("cosine")
def cosine(e, outs, a, b, eps, smooth):
    """Each row divided by its length first."""
    units = []
    for v in (a, b):
        length = e.node("ReduceL2", [e.name(v), e.ints([1])], keepdims=1)
        if smooth:
            length = e.node("Sqrt", [e.node("Add", [e.node("Mul", [length, length]), e.number(eps * eps, v.dtype)])])
        else:
            length = e.node("Max", [length, e.number(eps, v.dtype)])
        units.append(e.node("Div", [e.name(v), length]))
    return e.node("ReduceSum", [e.node("Mul", units), e.ints([1])], keepdims=0)


def picked(e, scores, labels, ignore_index):
    """Minus the score of each row's label, 0 where the label is ignored; and where that is."""
    ignored = e.node("Equal", [e.name(labels), e.number(ignore_index, labels.dtype)])
    safe = e.node("Where", [ignored, e.number(0, labels.dtype), e.name(labels)])
    places = e.node("Unsqueeze", [safe, e.ints([1])])
    loss = e.node("Neg", [e.node("Squeeze", [e.node("GatherElements", [scores, places], axis=1), e.ints([1])])])
    return loss, ignored


@primitive("nll_loss")
def nll_loss(e, outs, log_probs, labels, ignore_index, reduction):
    """The loss, and how many rows count."""
    loss, ignored = picked(e, e.name(log_probs), labels, ignore_index)
    loss = e.node("Where", [ignored, e.number(0, log_probs.dtype), loss])
    count = e.node("ReduceSum", [e.cast(e.node("Not", [ignored]), log_probs.dtype)], keepdims=0)
    if reduction != "none":
        loss = e.node("ReduceSum", [loss], keepdims=0)
    return [e.node("Div", [loss, count]) if reduction == "mean" else loss, count]


def row_losses(e, logits, labels, ignore_index):
    """The loss of each row, 0 where the label is ignored; the probabilities; and which labels are ignored."""
    loss, ignored = picked(e, e.node("LogSoftmax", [e.name(logits)], axis=1), labels, ignore_index)
    loss = e.node("Where", [ignored, e.number(0, logits.dtype), loss])
    return loss, e.node("Softmax", [e.name(logits)], axis=1), ignored


@primitive("cross_entropy")
def cross_entropy(e, outs, logits, labels, ignore_index):
    return list(row_losses(e, logits, labels, ignore_index)[:2])


@primitive("cross_entropy_mean")
def cross_entropy_mean(e, outs, logits, labels, ignore_index):
    """The mean over the labels that are not ignored, and how many these are."""
    loss, p, ignored = row_losses(e, logits, labels, ignore_index)
    count = e.node("ReduceSum", [e.cast(e.node("Not", [ignored]), logits.dtype)], keepdims=0)
    return [e.node("Div", [e.node("ReduceSum", [loss], keepdims=0), count]), p, count]


@primitive("random_integers")
def random_integers(e, outs, key, counter, n, low, count):
    """Numbers of ONNX's own generator, new ones in every run."""
    like = e.node("ConstantOfShape", [e.sizes([n])])
    u = e.node("RandomUniformLike", [like], dtype=e.type_of(np.float64), high=float(count))
    return e.node("Add", [e.cast(e.node("Floor", [u]), np.int64), e.number(low, np.int64)])


@primitive("outer")
def outer(e, outs, a, b):
    return e.node("Mul", [e.node("Unsqueeze", [e.name(a), e.ints([1])]), e.node("Unsqueeze", [e.name(b), e.ints([0])])])
