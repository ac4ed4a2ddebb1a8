"""Scaled dot-product attention: values weighted by the softmax of the scores between queries and keys."""

from __future__ import annotations

import math

from ..types import Array, Namespace
from .common import kernel


@kernel
def attention(
    xp: Namespace, q: Array, k: Array, v: Array, mask: Array | None, scale: float, causal: bool, hides: bool
) -> tuple[Array, Array, Array]:
    """softmax(q k^T scale + mask) v for each head, over the keys.

    q: (N, H, T, D). k: (N, H, K, D). v: (N, H, K, P). mask: broadcasts to (N, H, T, K), or None. causal: query i sees the keys 0
    to i alone. hides: the mask holds 0 and -Inf, and -Inf hides a key whatever its score; otherwise the mask is added.

    Returns y (N, H, T, P), the largest score of each query and the sum of exp(score - largest), both (N, H, T). A query that may
    see no key has y = 0, which a largest score of 0 and a sum of Inf stand for; only with a mask or causal can that be.
    Source: Vaswani et al. (2017), arXiv:1706.03762.
    """
    scores = _scores(xp, q, k, mask, scale, causal, hides)
    if not k.shape[2]:
        y, top = xp.matmul(scores, v), xp.sum(scores, axis=3)
        return y, top, top + math.inf
    top = xp.max(scores, axis=3, keepdims=True)
    hidden = top == -math.inf
    masked = causal or mask is not None
    if masked:
        top = xp.where(hidden, 0.0, top)
    weights = xp.exp(scores - top)
    total = xp.sum(weights, axis=3, keepdims=True)
    if masked:
        total = xp.where(hidden, math.inf, total)
    return xp.matmul(weights / total, v), top[..., 0], total[..., 0]


@kernel
def attention_grad(
    xp: Namespace, gy: Array, q: Array, k: Array, v: Array, mask: Array | None, y: Array, top: Array, total: Array,
    scale: float, causal: bool, hides: bool,
) -> tuple[Array, Array, Array]:  # fmt: skip
    """Gradients of q, k and v from what attention was given and returned. gy, y: (N, H, T, P). top, total: (N, H, T)."""
    weights = xp.exp(_scores(xp, q, k, mask, scale, causal, hides) - top[..., None]) / total[..., None]
    gscores = weights * (xp.matmul(gy, xp.matrix_transpose(v)) - xp.sum(gy * y, axis=3, keepdims=True))
    return (
        xp.matmul(gscores, k) * scale,
        xp.matmul(xp.matrix_transpose(gscores), q * scale),
        xp.matmul(xp.matrix_transpose(weights), gy),
    )


def _scores(
    xp: Namespace, q: Array, k: Array, mask: Array | None, scale: float, causal: bool, hides: bool
) -> Array:
    """q k^T scale with everything applied that hides keys: (N, H, T, K)."""
    scores = xp.matmul(q * scale, xp.matrix_transpose(k))
    if causal:
        queries, keys = (xp.arange(n, device=q.device) for n in scores.shape[2:])
        scores = xp.where(keys[None, :] <= queries[:, None], scores, -math.inf)
    if mask is not None:
        scores = xp.where(mask == -math.inf, -math.inf, scores) if hides else scores + mask
    return scores
