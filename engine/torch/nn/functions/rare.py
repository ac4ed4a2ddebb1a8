"""Functions of torch.nn.functional that few programs call: attention with all its weights as arguments, fractional pooling."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...names.engine import dl
from .activations import NAMES, entry
from .windows import several

F = dl.nn.functional


def _added(mask: Any, dtype: Any) -> Any:
    """A mask as what is added to scores."""
    return None if mask is None else dl.where(mask, -math.inf, dl.zeros((), dtype=dtype)) if mask.dtype == np.bool_ else mask


def _more(mask: Any) -> Any:
    """A mask that sees one key more."""
    return None if mask is None else dl.concat([mask, dl.zeros((*mask.shape[:-1], 1), dtype=mask.dtype)], axis=-1)


def _masks(attn_mask: Any, padding: Any, shape: tuple[int, int], heads: int, dtype: Any) -> Any:
    """Both masks as what is added to scores (N,H,L,S), or None."""
    n, target = shape
    found = _added(attn_mask, dtype)
    if found is not None and found.ndim == 3:
        found = dl.reshape(found, (n, heads, target, found.shape[-1]))
    if padding is None:
        return found
    kept = _added(padding, dtype)
    kept = dl.reshape(kept, (n, 1, 1, kept.shape[-1]))
    return kept if found is None else found + kept


@entry("multi_head_attention_forward")
def _attention(  # noqa: PLR0913 - PyTorch's arguments
    query: Any, key: Any, value: Any, embed_dim_to_check: int, num_heads: int, in_proj_weight: Any, in_proj_bias: Any,
    bias_k: Any, bias_v: Any, add_zero_attn: bool, dropout_p: float, out_proj_weight: Any, out_proj_bias: Any,
    training: bool = True, key_padding_mask: Any = None, need_weights: bool = True, attn_mask: Any = None,
    use_separate_proj_weight: bool = False, q_proj_weight: Any = None, k_proj_weight: Any = None, v_proj_weight: Any = None,
    static_k: Any = None, static_v: Any = None, average_attn_weights: bool = True, is_causal: bool = False,
) -> Any:  # fmt: skip
    if query.shape[-1] != embed_dim_to_check:
        told = f"query: expected {embed_dim_to_check} features, got {query.shape[-1]}"
        raise AssertionError(f"multi_head_attention_forward: {told}")
    if is_causal and attn_mask is None:
        raise RuntimeError("multi_head_attention_forward: is_causal=True needs attn_mask as well")
    single = query.ndim == 2
    if single:
        query, key, value = (dl.expand_dims(x, axis=1) for x in (query, key, value))
    target, n, width = query.shape
    mixed = (q_proj_weight, k_proj_weight, v_proj_weight) if use_separate_proj_weight else in_proj_weight.chunk(3)
    biases = (None,) * 3 if in_proj_bias is None else in_proj_bias.chunk(3)
    q, k, v = (F.linear(x, w, b) for x, w, b in zip((query, key, value), mixed, biases, strict=True))
    padding = key_padding_mask
    if bias_k is not None:
        k, v = (dl.concat([x, dl.broadcast_to(b, (1, n, width))], axis=0) for x, b in ((k, bias_k), (v, bias_v)))
        attn_mask, padding = _more(attn_mask), _more(padding)

    def heads(x: Any) -> Any:
        return dl.permute_dims(dl.reshape(x, (x.shape[0], n, num_heads, -1)), (1, 2, 0, 3))

    q = heads(q)
    k, v = (heads(x) if fixed is None else dl.reshape(fixed, (n, num_heads, *fixed.shape[1:]))
            for x, fixed in ((k, static_k), (v, static_v)))  # fmt: skip
    if add_zero_attn:
        k, v = (dl.concat([x, dl.zeros((n, num_heads, 1, x.shape[-1]), dtype=x.dtype, device=x.device)], axis=2) for x in (k, v))
        attn_mask, padding = _more(attn_mask), _more(padding)
    scores = dl.matmul(q * (1 / math.sqrt(q.shape[-1])), dl.matrix_transpose(k))
    mask = _masks(attn_mask, padding, (n, target), num_heads, query.dtype)
    weights = NAMES["softmax"](scores if mask is None else scores + mask, -1)
    weights = NAMES["dropout"](weights, dropout_p, training)
    y = dl.reshape(dl.permute_dims(dl.matmul(weights, v), (2, 0, 1, 3)), (target, n, width))
    y = F.linear(y, out_proj_weight, out_proj_bias)
    shown = None if not need_weights else dl.mean(weights, axis=1) if average_attn_weights else weights
    return (y[:, 0], None if shown is None else shown[0]) if single else (y, shown)


def _starts(sample: float, size: int, window: int, count: int) -> list[int]:
    """Where the windows along an axis begin, by a number from 0 to 1."""
    step = (size - window) / (count - 1) if count > 1 else 0.0
    return [*(int((i + sample) * step) - int(sample * step) for i in range(count - 1)), size - window]


def _fractional(rank: int) -> Any:
    def pool(input: Any, kernel_size: Any, output_size: Any = None, output_ratio: Any = None, return_indices: bool = False,
             _random_samples: Any = None) -> Any:  # fmt: skip
        name = f"fractional_max_pool{rank}d"
        if (output_size is None) == (output_ratio is None):
            raise ValueError(f"{name}: give output_size or output_ratio")
        x = input if input.ndim == rank + 2 else dl.expand_dims(input, axis=0)
        n, c, *sizes = x.shape
        windows = several(rank, kernel_size)
        if output_size is None:
            shares = (output_ratio,) * rank if isinstance(output_ratio, float) else output_ratio
            counts = tuple(int(s * share) for s, share in zip(sizes, shares, strict=True))
        else:
            counts = several(rank, output_size)
        if any(s < w + o - 1 for s, w, o in zip(sizes, windows, counts, strict=True)):
            raise RuntimeError(f"{name}: windows {windows} and outputs {counts} do not fit into an input of {tuple(sizes)}")
        given = dl.rand(n, c, rank) if _random_samples is None else _random_samples
        samples = given.detach().numpy_copy().reshape(n * c, rank)
        strides = [math.prod(sizes[axis + 1 :]) for axis in range(rank)]
        places = np.zeros((n * c, *(1,) * (2 * rank)), dtype=np.int64)
        for axis in range(rank):
            own_sample = samples[:, rank - 1 - axis if rank == 2 else axis]  # PyTorch's order: width first in two dimensions
            starts = [_starts(float(s), sizes[axis], windows[axis], counts[axis]) for s in own_sample]
            begin = np.array(starts, dtype=np.int64).reshape(n * c, counts[axis])
            at = begin[:, :, None] + np.arange(windows[axis])
            around = [n * c] + [1] * (2 * rank)
            around[1 + axis], around[1 + rank + axis] = counts[axis], windows[axis]
            places = places + at.reshape(around) * strides[axis]
        index = dl.asarray(places.reshape(n * c, math.prod(counts) * math.prod(windows)), device=x.device)
        seen = dl.take_along_axis(dl.reshape(x, (n * c, math.prod(sizes))), index, axis=1)
        seen = dl.reshape(seen, (n * c, math.prod(counts), math.prod(windows)))
        best = dl.expand_dims(dl.argmax(seen, axis=-1), axis=-1)
        shape = (*input.shape[: input.ndim - rank], *counts)
        y = dl.reshape(dl.take_along_axis(seen, best, axis=-1), shape)
        if not return_indices:
            return y
        return y, dl.reshape(dl.take_along_axis(dl.reshape(index, tuple(seen.shape)), best, axis=-1), shape)

    return pool


for _rank in (2, 3):
    entry(f"fractional_max_pool{_rank}d")(_fractional(_rank))
    _call = NAMES[f"fractional_max_pool{_rank}d"]
    NAMES[f"fractional_max_pool{_rank}d_with_indices"] = (
        lambda *a, _f=_call, **o: _f(*a, **{**o, "return_indices": True}))  # fmt: skip
