"""Losses, distances, embeddings, attention and linear maps with PyTorch's arguments."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from ...names.algebra import distances
from ...names.core import is_tensor, kind_of, refuse
from ...names.engine import dl
from .activations import entry

F = dl.nn.functional


def how(reduction: str, size_average: Any, reduce: Any) -> str:
    """The reduction, also where it is said in PyTorch's words before 0.4.1."""
    if size_average is None and reduce is None:
        return reduction
    if reduce is False:
        return "none"
    return "mean" if size_average is None or size_average else "sum"


def reduced(loss: Any, reduction: str) -> Any:
    """A loss of samples, or its mean or sum."""
    if reduction == "none":
        return loss
    if reduction not in ("mean", "sum"):
        raise ValueError(f"{reduction} is not a valid value for reduction")
    return dl.mean(loss) if reduction == "mean" else dl.sum(loss)


def _broadcast(name: str, input: Any, target: Any) -> tuple[Any, Any]:
    if input.shape != target.shape:
        warnings.warn(
            f"Using a target size ({target.shape}) that is different to the input size ({input.shape}). This will likely lead to "
            "incorrect results due to broadcasting. Please ensure they have the same size.",
            stacklevel=4,
        )
        input, target = dl.broadcast_arrays(input, target)
    return input, target


def _of_pairs() -> None:
    for name, f in {"mse_loss": F.mse_loss, "l1_loss": F.l1_loss}.items():

        def loss(input: Any, target: Any, size_average: Any = None, reduce: Any = None, reduction: str = "mean",
                 weight: Any = None, _f: Any = f, _name: str = name) -> Any:  # fmt: skip
            a, b = _broadcast(_name, input, target)
            mode = how(reduction, size_average, reduce)
            if weight is None:
                return _f(a, b, mode)
            found = _f(a, b, "none") * weight
            if mode == "mean":
                return dl.sum(found) / dl.sum(dl.broadcast_to(weight, found.shape))
            return reduced(found, mode)

        entry(name)(loss)


_of_pairs()


@entry("smooth_l1_loss")
def _smooth_l1_loss(input: Any, target: Any, size_average: Any = None, reduce: Any = None, reduction: str = "mean",
                    beta: float = 1.0) -> Any:  # fmt: skip
    a, b = _broadcast("smooth_l1_loss", input, target)
    mode = how(reduction, size_average, reduce)
    return F.l1_loss(a, b, mode) if beta == 0 else F.smooth_l1_loss(a, b, mode, beta)


@entry("huber_loss")
def _huber_loss(input: Any, target: Any, reduction: str = "mean", delta: float = 1.0, weight: Any = None) -> Any:
    a, b = _broadcast("huber_loss", input, target)
    if weight is None:
        return F.huber_loss(a, b, reduction, delta)
    found = F.huber_loss(a, b, "none", delta) * weight
    return dl.sum(found) / dl.sum(dl.broadcast_to(weight, found.shape)) if reduction == "mean" else reduced(found, reduction)


@entry("cross_entropy")
def _cross_entropy(input: Any, target: Any, weight: Any = None, size_average: Any = None, ignore_index: int = -100,
                   reduce: Any = None, reduction: str = "mean", label_smoothing: float = 0.0) -> Any:  # fmt: skip
    if is_tensor(target) and target.dtype == np.uint8:
        target = dl.astype(target, "int64")
    return F.cross_entropy(input, target, weight, ignore_index, how(reduction, size_average, reduce), label_smoothing)


@entry("nll_loss")
def _nll_loss(input: Any, target: Any, weight: Any = None, size_average: Any = None, ignore_index: int = -100,
              reduce: Any = None, reduction: str = "mean") -> Any:  # fmt: skip
    return F.nll_loss(input, target, weight, ignore_index, how(reduction, size_average, reduce))


@entry("binary_cross_entropy")
def _binary_cross_entropy(input: Any, target: Any, weight: Any = None, size_average: Any = None, reduce: Any = None,
                          reduction: str = "mean") -> Any:  # fmt: skip
    if input.shape != target.shape:
        raise ValueError(
            f"Using a target size ({target.shape}) that is different to the input size ({input.shape}) is deprecated. "
            "Please ensure they have the same size."
        )
    return F.binary_cross_entropy(input, target, weight, how(reduction, size_average, reduce))


@entry("binary_cross_entropy_with_logits")
def _binary_cross_entropy_with_logits(input: Any, target: Any, weight: Any = None, size_average: Any = None, reduce: Any = None,
                                      reduction: str = "mean", pos_weight: Any = None) -> Any:  # fmt: skip
    if input.shape != target.shape:
        raise ValueError(f"Target size ({target.shape}) must be the same as input size ({input.shape})")
    return F.binary_cross_entropy_with_logits(input, target, weight, how(reduction, size_average, reduce), pos_weight)


@entry("kl_div")
def _kl_div(input: Any, target: Any, size_average: Any = None, reduce: Any = None, reduction: str = "mean",
            log_target: bool = False) -> Any:  # fmt: skip
    a, b = dl.broadcast_arrays(input, target)
    return F.kl_div(a, b, how(reduction, size_average, reduce), log_target)


@entry("poisson_nll_loss")
def _poisson_nll_loss(input: Any, target: Any, log_input: bool = True, full: bool = False, size_average: Any = None,
                      eps: float = 1e-8, reduce: Any = None, reduction: str = "mean") -> Any:  # fmt: skip
    a, b = dl.broadcast_arrays(input, target)
    return F.poisson_nll_loss(a, b, log_input, full, eps, how(reduction, size_average, reduce))


@entry("gaussian_nll_loss")
def _gaussian_nll_loss(input: Any, target: Any, var: Any, full: bool = False, eps: float = 1e-6, reduction: str = "mean") -> Any:
    if isinstance(var, float):
        var = dl.full_like(input, var)
    if var.shape == input.shape[:-1]:
        var = dl.expand_dims(var, axis=-1)
    input, target, var = dl.broadcast_arrays(input, target, var)
    return F.gaussian_nll_loss(input, target, var, full, eps, reduction)


@entry("hinge_embedding_loss", root=True)
def _hinge_embedding_loss(input: Any, target: Any, margin: float = 1.0, size_average: Any = None, reduce: Any = None,
                          reduction: str = "mean") -> Any:  # fmt: skip
    zero = dl.zeros((), dtype=input.dtype, device=input.device)
    loss = dl.where(target != 1, dl.relu(margin - input), zero) + dl.where(target != -1, input, zero)
    return reduced(loss, how(reduction, size_average, reduce))


@entry("margin_ranking_loss", root=True)
def _margin_ranking_loss(input1: Any, input2: Any, target: Any, margin: float = 0.0, size_average: Any = None, reduce: Any = None,
                         reduction: str = "mean") -> Any:  # fmt: skip
    return reduced(dl.relu(-target * (input1 - input2) + margin), how(reduction, size_average, reduce))


@entry("soft_margin_loss")
def _soft_margin_loss(input: Any, target: Any, size_average: Any = None, reduce: Any = None, reduction: str = "mean") -> Any:
    return reduced(F.softplus(-target * input), how(reduction, size_average, reduce))


@entry("multi_margin_loss")
def _multi_margin_loss(input: Any, target: Any, p: int = 1, margin: float = 1.0, weight: Any = None, size_average: Any = None,
                       reduce: Any = None, reduction: str = "mean") -> Any:  # fmt: skip
    mode = how(reduction, size_average, reduce)
    if input.ndim < 2:
        one = F.multi_margin_loss(dl.reshape(input, (1, -1)), dl.reshape(target, (1,)), p, margin, weight, mode)
        return dl.reshape(one, ()) if mode == "none" else one
    return F.multi_margin_loss(input, target, p, margin, weight, mode)


@entry("multilabel_soft_margin_loss")
def _multilabel_soft_margin_loss(input: Any, target: Any, weight: Any = None, size_average: Any = None, reduce: Any = None,
                                 reduction: str = "mean") -> Any:  # fmt: skip
    loss = -(target * F.logsigmoid(input) + (1 - target) * F.logsigmoid(-input))
    loss = loss if weight is None else loss * weight
    return reduced(dl.mean(loss, axis=-1), how(reduction, size_average, reduce))


@entry("multilabel_margin_loss")
def _multilabel_margin_loss(
    input: Any, target: Any, size_average: Any = None, reduce: Any = None, reduction: str = "mean"
) -> Any:
    x = dl.reshape(input, (-1, input.shape[-1] if input.ndim else 1))
    t = target.numpy_copy().reshape(x.shape)
    ends = np.cumprod(t >= 0, axis=1).astype(bool)
    member = np.zeros(t.shape, dtype=bool)
    rows, places = np.nonzero(ends)
    member[rows, t[rows, places]] = True
    pairs = dl.asarray(ends[:, :, None] & ~member[:, None, :], device=x.device)  # target of the list, class outside it
    chosen = dl.take_along_axis(x, dl.asarray(np.where(ends, t, 0), device=x.device), axis=-1)
    loss = dl.where(pairs, dl.relu(1 - (dl.expand_dims(chosen, axis=2) - dl.expand_dims(x, axis=1))), 0.0)
    per_sample = dl.sum(loss, axis=(1, 2)) / x.shape[1]
    mode = how(reduction, size_average, reduce)
    return reduced(dl.reshape(per_sample, ()) if input.ndim < 2 else per_sample, mode)


@entry("triplet_margin_loss", root=True)
def _triplet_margin_loss(
    anchor: Any,
    positive: Any,
    negative: Any,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
) -> Any:
    return F.triplet_margin_loss(anchor, positive, negative, margin, p, eps, swap, how(reduction, size_average, reduce))


@entry("triplet_margin_with_distance_loss")
def _triplet_margin_with_distance_loss(anchor: Any, positive: Any, negative: Any, *, distance_function: Any = None,
                                       margin: float = 1.0, swap: bool = False, reduction: str = "mean") -> Any:  # fmt: skip
    far = F.pairwise_distance if distance_function is None else distance_function
    near, off = far(anchor, positive), far(anchor, negative)
    off = dl.minimum(off, far(positive, negative)) if swap else off
    return reduced(dl.relu(near - off + margin), reduction)


@entry("cosine_embedding_loss", root=True)
def _cosine_embedding_loss(input1: Any, input2: Any, target: Any, margin: float = 0, size_average: Any = None, reduce: Any = None,
                           reduction: str = "mean") -> Any:  # fmt: skip
    mode = how(reduction, size_average, reduce)
    if input1.ndim == 1:
        loss = F.cosine_embedding_loss(
            *(dl.expand_dims(v, axis=0) for v in (input1, input2)), dl.reshape(target, (1,)), margin, mode
        )
        return dl.reshape(loss, ())
    return F.cosine_embedding_loss(input1, input2, target, margin, mode)


@entry("ctc_loss", root=True)
def _ctc_loss(log_probs: Any, targets: Any, input_lengths: Any, target_lengths: Any, blank: int = 0, reduction: str = "mean",
              zero_infinity: bool = False) -> Any:  # fmt: skip
    total = dl.logsumexp(log_probs, axis=-1, keepdims=True)  # PyTorch's gradient is that of the log_softmax in front
    log_probs = log_probs - (total - total.detach())
    return F.ctc_loss(log_probs, targets, input_lengths, target_lengths, blank, reduction, zero_infinity)


# ---------------------------------------------------------------------- distances
@entry("cosine_similarity", root=True)
def _cosine_similarity(x1: Any, x2: Any, dim: int = 1, eps: float = 1e-8) -> Any:
    from ...names.algebra import vector_norm

    a, b = dl.broadcast_arrays(x1, x2)
    lengths = [dl.clip(vector_norm(v, 2, dim, True), min=eps) for v in (a, b)]
    return dl.sum((a / lengths[0]) * (b / lengths[1]), axis=dim)


@entry("pairwise_distance", root=True)
def _pairwise_distance(x1: Any, x2: Any, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Any:
    return dl.linalg.vector_norm(x1 - x2 + eps, ord=p, axis=-1, keepdims=keepdim)


@entry("pdist", root=True)
def _pdist(input: Any, p: float = 2.0) -> Any:
    i, j = np.triu_indices(input.shape[0], 1)
    rows = [dl.take(input, dl.asarray(k.astype(np.int64), device=input.device), axis=0) for k in (i, j)]
    return distances(rows[0] - rows[1], p)


# ---------------------------------------------------------------------- linear maps, embeddings, attention
@entry("linear")
def _linear(input: Any, weight: Any, bias: Any = None) -> Any:
    if weight.ndim == 1:
        y = dl.matmul(input, weight)
        return y if bias is None else y + bias
    return F.linear(input, weight, bias)


@entry("bilinear", root=True)
def _bilinear(input1: Any, input2: Any, weight: Any, bias: Any = None) -> Any:
    y = dl.einsum("...i,oij,...j->...o", input1, weight, input2)
    return y if bias is None else y + bias


@entry("one_hot")
def _one_hot(input: Any, num_classes: int = -1) -> Any:
    classes = int(dl.max(input).item()) + 1 if num_classes == -1 else num_classes
    return dl.one_hot(input, classes, dtype="int64")


@entry("embedding")
def _embedding(input: Any, weight: Any, padding_idx: Any = None, max_norm: Any = None, norm_type: float = 2.0,
               scale_grad_by_freq: bool = False, sparse: bool = False) -> Any:  # fmt: skip
    rows = _counted(input, weight, max_norm, norm_type, scale_grad_by_freq)
    if padding_idx is not None:
        place = dl.reshape(dl.arange(weight.shape[0], device=weight.device), (-1, 1)) == padding_idx % weight.shape[0]
        rows = dl.where(place, weight.detach(), rows)
    return F.embedding(rows, input)


def _counted(ids: Any, weight: Any, max_norm: Any, norm_type: float, scale_grad_by_freq: bool) -> Any:
    """The table after its rows were shortened to max_norm, with gradients divided by how often a row is looked up."""
    if max_norm is not None:
        _shorten(weight, ids, max_norm, norm_type)
    if not scale_grad_by_freq or not weight.requires_grad:
        return weight
    n = np.bincount(ids.numpy_copy().reshape(-1), minlength=weight.shape[0])
    share = dl.asarray((1 / np.maximum(n, 1)).astype(weight.dtype)[:, None], device=weight.device)
    return weight.detach() + (weight - weight.detach()) * share


def _shorten(weight: Any, ids: Any, max_norm: float, norm_type: float) -> None:
    """Scale the rows that are looked up to max_norm at most, in place, as PyTorch does."""
    with dl.no_grad():
        used = dl.asarray(np.unique(ids.numpy_copy()), device=weight.device)
        rows = dl.take(weight.detach(), used, axis=0)
        size = dl.linalg.vector_norm(rows, ord=norm_type, axis=-1, keepdims=True)
        dl.Tensor.__setitem__(weight, used, dl.where(size > max_norm, rows * (max_norm / (size + 1e-7)), rows))


@entry("embedding_bag")
def _embedding_bag(input: Any, weight: Any, offsets: Any = None, max_norm: Any = None, norm_type: float = 2,
                   scale_grad_by_freq: bool = False, mode: str = "mean", sparse: bool = False, per_sample_weights: Any = None,
                   include_last_offset: bool = False, padding_idx: Any = None) -> Any:  # fmt: skip
    if mode not in ("sum", "mean", "max"):
        raise ValueError("mode has to be one of sum, mean or max")
    if is_tensor(weight) and not is_tensor(input):
        raise TypeError("embedding_bag: input must be a tensor")
    if kind_of(input.dtype) == 2:  # the old order of arguments
        input, weight = weight, input
    rows = _counted(input, weight, max_norm, norm_type, scale_grad_by_freq)
    return F.embedding_bag(rows, input, offsets, mode, per_sample_weights, include_last_offset, padding_idx)


@entry("scaled_dot_product_attention")
def _attention(query: Any, key: Any, value: Any, attn_mask: Any = None, dropout_p: float = 0.0, is_causal: bool = False,
               scale: Any = None, enable_gqa: bool = False) -> Any:  # fmt: skip
    if enable_gqa:
        key, value = (dl.repeat(v, query.shape[-3] // v.shape[-3], axis=-3) for v in (key, value))
    return F.scaled_dot_product_attention(query, key, value, attn_mask, dropout_p, is_causal, scale)


@entry("grid_sample")
def _grid_sample(input: Any, grid: Any, mode: str = "bilinear", padding_mode: str = "zeros", align_corners: Any = None) -> Any:
    from .sampling import grid_sample

    return grid_sample(input, grid, mode, padding_mode, bool(align_corners))


_ = (math, refuse)
